import type { LoadedTable } from '../catalog/catalog.ts';
import type { EngineSession } from '../engine/session.ts';
import { parseTimestamp } from '../iceberg/datetime.ts';
import { didYouMeanHint } from '../iceberg/did-you-mean.ts';
import { NotFoundError, ValidationError } from '../iceberg/errors.ts';
import {
  currentSnapshot,
  mainBranch,
  type Snapshot,
  snapshotAsOf,
  snapshotById,
  type TableMetadata,
} from '../iceberg/metadata.ts';
import { momentText } from './answer.ts';
import type { Version } from './requests.ts';
import { shownName } from './targets.ts';

/** A version that was looked up. */
export interface FoundVersion {
  /** Absent: the table, or the branch, has no rows yet. */
  readonly snapshot?: Snapshot;
  /** For messages: `tag q1`, `snapshot 8271...`, `the current snapshot`. */
  readonly label: string;
  /** A branch is read with the table's schema, anything else with the schema of its time. */
  readonly isBranch: boolean;
}

/**
 * @throws NotFoundError('snapshot', 'tag', 'branch' or 'ref') with what may have been meant; ValidationError for text
 *   that is no moment
 */
export function findVersion(session: EngineSession, table: LoadedTable, version: Version): FoundVersion {
  const { metadata } = table;
  const name = shownName(session, table);
  switch (version.kind) {
    case 'snapshot': {
      const snapshot = snapshotById(metadata, version.id);
      if (snapshot === undefined) throw noSnapshot(name, String(version.id), metadata);
      return { snapshot, label: `snapshot ${version.id}`, isBranch: false };
    }
    case 'timestamp':
      return atMoment(name, metadata, version.text);
    case 'tag':
    case 'branch':
    case 'ref':
      return atRef(name, metadata, version.name, version.kind);
    case 'previous':
      return before(name, metadata, version.steps);
  }
}

function atMoment(name: string, metadata: TableMetadata, text: string): FoundVersion {
  const micros = parseTimestamp(text.trim(), 6, true);
  if (micros === undefined) {
    throw new ValidationError(`"${text}" is no date or timestamp.`, {
      hint: "Write it as '2026-01-31', '2026-01-31 08:15:00' or '2026-01-31 08:15:00+02:00'; without a zone it's UTC.",
    });
  }
  const ms = Number(micros / 1000n);
  const snapshot = snapshotAsOf(metadata, ms);
  if (snapshot === undefined) {
    const first = metadata.snapshotLog[0];
    throw new NotFoundError('snapshot', `${name} had no rows at ${momentText(ms)}.`, {
      hint:
        first === undefined
          ? 'It has no snapshots at all.'
          : `Its first known snapshot is of ${momentText(first.timestampMs)}.`,
    });
  }
  return { snapshot, label: `${momentText(ms)} (snapshot ${snapshot.snapshotId})`, isBranch: false };
}

function atRef(
  name: string,
  metadata: TableMetadata,
  wanted: string,
  kind: 'tag' | 'branch' | 'ref',
): FoundVersion {
  const ref = Object.hasOwn(metadata.refs, wanted) ? metadata.refs[wanted] : undefined;
  if (ref !== undefined && (kind === 'ref' || kind === ref.type)) {
    const snapshot = snapshotById(metadata, ref.snapshotId);
    if (snapshot === undefined) throw noSnapshot(name, String(ref.snapshotId), metadata);
    return { snapshot, label: `${ref.type} ${wanted}`, isBranch: ref.type === 'branch' };
  }
  if (wanted === mainBranch && kind !== 'tag') {
    return { snapshot: currentSnapshot(metadata), label: 'branch main', isBranch: true };
  }
  if (kind === 'ref' && /^\d+$/.test(wanted)) {
    const snapshot = snapshotById(metadata, BigInt(wanted));
    if (snapshot === undefined) throw noSnapshot(name, wanted, metadata);
    return { snapshot, label: `snapshot ${wanted}`, isBranch: false };
  }
  const names = Object.entries(metadata.refs)
    .filter(([, each]) => kind === 'ref' || each.type === kind)
    .map(([each]) => each);
  const what = kind === 'ref' ? 'branch or tag' : kind;
  throw new NotFoundError(kind, `${name} has no ${what} "${wanted}".`, {
    hint:
      ref !== undefined
        ? `It has a ${ref.type} of that name: write ${ref.type}:${wanted}.`
        : (didYouMeanHint(wanted, names) ??
          (names.length === 0
            ? `It has no ${kind === 'tag' ? 'tags' : kind === 'branch' ? 'branches' : 'branches and tags'}. \`%lake history ${name}\` lists its snapshots.`
            : `It has ${names.join(', ')}.`)),
  });
}

/** The snapshot so many commits before the current one. */
function before(name: string, metadata: TableMetadata, steps: number): FoundVersion {
  let snapshot = currentSnapshot(metadata);
  for (let step = 0; step < steps; step++) {
    const parent: bigint | undefined = snapshot?.parentSnapshotId;
    snapshot = parent === undefined ? undefined : snapshotById(metadata, parent);
    if (snapshot === undefined) {
      throw new NotFoundError(
        'snapshot',
        `${name} has no snapshot ${steps === 1 ? 'before the current one' : `${steps} commits before the current one`}.`,
        { hint: `\`%lake history ${name}\` lists the snapshots it has.` },
      );
    }
  }
  const label = steps === 0 ? 'the current snapshot' : `snapshot ${snapshot!.snapshotId}`;
  return { ...(snapshot === undefined ? {} : { snapshot }), label, isBranch: steps === 0 };
}

function noSnapshot(name: string, id: string, metadata: TableMetadata): NotFoundError {
  const ids = metadata.snapshots.map(snapshot => String(snapshot.snapshotId));
  return new NotFoundError('snapshot', `${name} has no snapshot ${id}.`, {
    hint: didYouMeanHint(id, ids) ?? `\`%lake history ${name}\` lists the snapshots it has.`,
  });
}
