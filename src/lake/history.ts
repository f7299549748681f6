import type { EngineSession } from '../engine/session.ts';
import { currentSnapshot, mainBranch, type Snapshot, type TableMetadata } from '../iceberg/metadata.ts';
import { ancestors } from '../iceberg/ref-update.ts';
import { count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { HistoryRequest } from './requests.ts';
import { requireTable, shownName } from './targets.ts';

const columns = [
  { name: 'committed_at', type: 'TIMESTAMP WITH TIME ZONE' },
  { name: 'snapshot_id', type: 'BIGINT' },
  { name: 'operation', type: 'VARCHAR' },
  { name: 'rows_added', type: 'BIGINT' },
  { name: 'rows_deleted', type: 'BIGINT' },
  { name: 'rows', type: 'BIGINT' },
  { name: 'files_added', type: 'BIGINT' },
  { name: 'files_removed', type: 'BIGINT' },
  { name: 'refs', type: 'VARCHAR' },
  { name: 'state', type: 'VARCHAR' },
];

/**
 * A table's snapshots, newest first. `state` tells the current one and those it builds on from those that were
 * rolled back or belong to a branch.
 */
export async function history(
  session: EngineSession,
  request: HistoryRequest,
  _options: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const { metadata } = table;
  const onMain = new Set(
    ancestors(metadata, currentSnapshot(metadata)?.snapshotId).map(each => each.snapshotId),
  );
  const rows = metadata.snapshots
    .map((snapshot, index) => ({ snapshot, index }))
    .sort((a, b) => b.snapshot.timestampMs - a.snapshot.timestampMs || b.index - a.index)
    .map(({ snapshot }) => rowOf(snapshot, metadata, onMain));
  const name = shownName(session, table);
  const isRewritten = metadata.snapshots.some(
    ({ summary }) => 'added-records' in summary && 'deleted-records' in summary,
  );
  const text =
    rows.length === 0
      ? `${name} has no snapshots yet: nothing was written to it.`
      : `${name} has ${count(rows.length, 'snapshot')}, newest first.${isRewritten ? ' Rows of rewritten files count as deleted and added.' : ''}`;
  return { text, columns, rows };
}

function rowOf(snapshot: Snapshot, metadata: TableMetadata, onMain: ReadonlySet<bigint>): unknown[] {
  const { summary, snapshotId } = snapshot;
  const total = (key: string) => (/^\d+$/.test(summary[key] ?? '') ? Number(summary[key]) : null);
  const counted = summary['total-records'] !== undefined || summary['added-records'] !== undefined;
  // A number that is zero is left out of the summary.
  const change = (key: string) => total(key) ?? (counted ? 0 : null);
  return [
    new Date(snapshot.timestampMs),
    snapshotId,
    snapshot.operation ?? null,
    change('added-records'),
    change('deleted-records'),
    total('total-records'),
    change('added-data-files'),
    change('deleted-data-files'),
    refsOf(metadata, snapshotId),
    snapshotId === metadata.currentSnapshotId ? 'current' : onMain.has(snapshotId) ? 'past' : 'not in main',
  ];
}

function refsOf(metadata: TableMetadata, snapshotId: bigint): string | null {
  const names = Object.entries(metadata.refs)
    .filter(([, ref]) => ref.snapshotId === snapshotId)
    .map(([name, ref]) => (name === mainBranch ? name : `${ref.type}:${name}`));
  return names.length === 0 ? null : names.join(', ');
}
