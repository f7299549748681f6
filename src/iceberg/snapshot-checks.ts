import { CommitConflictError, ValidationError } from './errors.ts';
import { mainBranch, type Snapshot, type SnapshotRef, snapshotById, type TableMetadata } from './metadata.ts';

const rerun = { hint: 'Nothing was changed: run it again.' };

/**
 * Checks a snapshot that is to be added to a table.
 * @throws CommitConflictError when the table has moved on since the snapshot was made, ValidationError
 */
export function checkNewSnapshot(snapshot: Snapshot, table: TableMetadata): void {
  const what = `Snapshot ${snapshot.snapshotId}`;
  const { formatVersion, lastSequenceNumber } = table;
  if (snapshot.snapshotId < 0n) throw new ValidationError(`${what}: the id must not be negative.`);
  if (snapshotById(table, snapshot.snapshotId) !== undefined) {
    throw new ValidationError(`${what} is in the table already.`);
  }
  if (snapshot.manifestList === undefined && (formatVersion > 1 || snapshot.manifests === undefined)) {
    throw new ValidationError(`${what} has no manifest list.`);
  }
  if (formatVersion === 1) {
    if (snapshot.sequenceNumber === 0) return;
    throw new ValidationError(
      `${what}: format version 1 has no sequence numbers, but it has ${snapshot.sequenceNumber}.`,
    );
  }
  if (snapshot.sequenceNumber <= lastSequenceNumber) {
    throw new CommitConflictError(
      `Another writer came first: ${what.toLowerCase()} has the sequence number ${snapshot.sequenceNumber}, but the table is at ${lastSequenceNumber}.`,
      rerun,
    );
  }
  if (formatVersion === 3) checkRowIds(snapshot, table.nextRowId ?? 0, what);
}

/** Row ids must never be given out twice (spec: "Row Lineage"). */
function checkRowIds(snapshot: Snapshot, nextRowId: number, what: string): void {
  const { firstRowId, addedRows } = snapshot;
  if (firstRowId === undefined || firstRowId < nextRowId) {
    throw new CommitConflictError(
      `Another writer came first: the row ids of ${what.toLowerCase()} start at ${firstRowId ?? 'no number'}, but the table is at ${nextRowId}.`,
      rerun,
    );
  }
  if (addedRows === undefined || addedRows < 0) {
    throw new ValidationError(`${what} doesn't tell how many row ids it takes (added-rows).`);
  }
}

/** Checks a branch or tag that is to be set (spec: "Snapshot References"). @throws ValidationError */
export function checkRef(name: string, ref: SnapshotRef): void {
  if (name === '') throw new ValidationError('A branch or tag needs a name.');
  if (name === mainBranch && ref.type !== 'branch') {
    throw new ValidationError(`${mainBranch} is the table's own branch: it can't be a tag.`);
  }
  if (ref.type === 'tag' && (ref.minSnapshotsToKeep !== undefined || ref.maxSnapshotAgeMs !== undefined)) {
    throw new ValidationError(`"${name}" is a tag: how many snapshots to keep is set for branches only.`);
  }
  const { minSnapshotsToKeep, maxSnapshotAgeMs, maxRefAgeMs } = ref;
  for (const [what, value] of Object.entries({ minSnapshotsToKeep, maxSnapshotAgeMs, maxRefAgeMs })) {
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue;
    throw new ValidationError(`"${name}": ${what} must be a positive whole number, not ${value}.`);
  }
}
