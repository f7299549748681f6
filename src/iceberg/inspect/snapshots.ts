import {
  currentSnapshot,
  type Snapshot,
  snapshotAsOf,
  snapshotById,
  type TableMetadata,
} from '../metadata.ts';
import { type InspectResult, micros, toBigint } from './columns.ts';

const TIMESTAMP = 'TIMESTAMP WITH TIME ZONE';

export function snapshotsTable(metadata: TableMetadata): InspectResult {
  return {
    columns: [
      { name: 'committed_at', type: TIMESTAMP },
      { name: 'snapshot_id', type: 'BIGINT' },
      { name: 'parent_id', type: 'BIGINT' },
      { name: 'operation', type: 'VARCHAR' },
      { name: 'manifest_list', type: 'VARCHAR' },
      { name: 'summary', type: 'MAP(VARCHAR, VARCHAR)' },
    ],
    rows: metadata.snapshots.map(snapshot => [
      micros(snapshot.timestampMs),
      snapshot.snapshotId,
      snapshot.parentSnapshotId ?? null,
      snapshot.operation ?? null,
      snapshot.manifestList ?? null,
      new Map(Object.entries(snapshot.summary)),
    ]),
  };
}

/** Which snapshot was current when, by the snapshot log. */
export function historyTable(metadata: TableMetadata): InspectResult {
  const ancestors = new Set<bigint>();
  let snapshot: Snapshot | undefined = currentSnapshot(metadata);
  while (snapshot !== undefined && !ancestors.has(snapshot.snapshotId)) {
    ancestors.add(snapshot.snapshotId);
    const parent: bigint | undefined = snapshot.parentSnapshotId;
    snapshot = parent === undefined ? undefined : snapshotById(metadata, parent);
  }
  return {
    columns: [
      { name: 'made_current_at', type: TIMESTAMP },
      { name: 'snapshot_id', type: 'BIGINT' },
      { name: 'parent_id', type: 'BIGINT' },
      { name: 'is_current_ancestor', type: 'BOOLEAN' },
    ],
    rows: metadata.snapshotLog.map(entry => [
      micros(entry.timestampMs),
      entry.snapshotId,
      snapshotById(metadata, entry.snapshotId)?.parentSnapshotId ?? null,
      ancestors.has(entry.snapshotId),
    ]),
  };
}

export function refsTable(metadata: TableMetadata): InspectResult {
  return {
    columns: [
      { name: 'name', type: 'VARCHAR' },
      { name: 'type', type: 'VARCHAR' },
      { name: 'snapshot_id', type: 'BIGINT' },
      { name: 'max_reference_age_in_ms', type: 'BIGINT' },
      { name: 'min_snapshots_to_keep', type: 'INTEGER' },
      { name: 'max_snapshot_age_in_ms', type: 'BIGINT' },
    ],
    rows: Object.entries(metadata.refs).map(([name, ref]) => [
      name,
      ref.type.toUpperCase(),
      ref.snapshotId,
      toBigint(ref.maxRefAgeMs),
      ref.minSnapshotsToKeep ?? null,
      toBigint(ref.maxSnapshotAgeMs),
    ]),
  };
}

/** The metadata files so far, the current one last. */
export function metadataLogEntriesTable(metadata: TableMetadata, metadataLocation: string): InspectResult {
  const current = { metadataFile: metadataLocation, timestampMs: metadata.lastUpdatedMs };
  return {
    columns: [
      { name: 'timestamp', type: TIMESTAMP },
      { name: 'file', type: 'VARCHAR' },
      { name: 'latest_snapshot_id', type: 'BIGINT' },
      { name: 'latest_schema_id', type: 'INTEGER' },
      { name: 'latest_sequence_number', type: 'BIGINT' },
    ],
    rows: [...metadata.metadataLog, current].map(entry => {
      const latest = snapshotAsOf(metadata, entry.timestampMs);
      return [
        micros(entry.timestampMs),
        entry.metadataFile,
        latest?.snapshotId ?? null,
        latest?.schemaId ?? null,
        toBigint(latest?.sequenceNumber),
      ];
    }),
  };
}
