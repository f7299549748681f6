import type { ChangeResult } from '../statement-result.ts';
import { idempotencyKey } from '../transaction.ts';

/** Summary properties of a change that has an idempotency key: what it answered, for answering it again. */
export const recordedCounts = {
  rowsInserted: 'lakebook.rows-inserted',
  rowsUpdated: 'lakebook.rows-updated',
  rowsDeleted: 'lakebook.rows-deleted',
} as const;

/** A snapshot's summary with the counts of its change, where someone may ask for them again. */
export function withCounts(
  summary: Readonly<Record<string, string>> | undefined,
  counts: Pick<ChangeCounts, keyof typeof recordedCounts>,
): Readonly<Record<string, string>> | undefined {
  if (summary?.[idempotencyKey] === undefined) return summary;
  const recorded: Record<string, string> = {};
  for (const key of Object.keys(recordedCounts) as (keyof typeof recordedCounts)[]) {
    recorded[recordedCounts[key]] = String(counts[key] ?? 0);
  }
  return { ...summary, ...recorded };
}

/** What a change did, for its result and its sentence. */
export interface ChangeCounts {
  /** `insert`, `update`, ... as ChangeResult has it. */
  readonly operation: string;
  readonly table: string;
  readonly rowsInserted?: number;
  readonly rowsUpdated?: number;
  readonly rowsDeleted?: number;
  /** Absent when nothing had to be changed. */
  readonly snapshotId?: bigint;
  /** Data files. */
  readonly filesAdded?: number;
  readonly filesRemoved?: number;
  /** Data files of the table before; absent when it wasn't counted. */
  readonly filesBefore?: number;
  /** Files removed without being read. */
  readonly filesDropped?: number;
  /** Delete files (deletion vectors) that mark rows of files that stay. */
  readonly deleteFiles?: number;
}

export function changeResult(counts: ChangeCounts): ChangeResult {
  const { operation, table, snapshotId, filesAdded = 0, filesRemoved = 0 } = counts;
  const { rowsInserted = 0, rowsUpdated = 0, rowsDeleted = 0 } = counts;
  return {
    kind: 'change',
    operation,
    table,
    rowsInserted,
    rowsUpdated,
    rowsDeleted,
    ...(snapshotId === undefined ? {} : { snapshotId }),
    filesAdded,
    filesRemoved,
    text: snapshotId === undefined ? nothingChanged(counts) : sentence(counts),
  };
}

function nothingChanged({ operation, table }: ChangeCounts): string {
  const why =
    operation === 'insert'
      ? 'there were no rows to insert'
      : operation === 'truncate'
        ? 'it has no rows'
        : operation === 'merge' || operation === 'upsert'
          ? 'no row had to be inserted, updated or deleted'
          : 'no row matched';
  return `Nothing changed in ${table}: ${why}.`;
}

function sentence(counts: ChangeCounts): string {
  const { rowsInserted = 0, rowsUpdated = 0, rowsDeleted = 0 } = counts;
  const { filesAdded = 0, filesRemoved = 0, filesBefore, filesDropped = 0 } = counts;
  const done = [
    ...(rowsInserted > 0 ? [`${plural(rowsInserted, 'row')} inserted`] : []),
    ...(rowsUpdated > 0 ? [`${plural(rowsUpdated, 'row')} updated`] : []),
    ...(rowsDeleted > 0 ? [`${plural(rowsDeleted, 'row')} deleted`] : []),
  ];
  if (done.length === 0) done.push('No rows changed');
  const { deleteFiles = 0 } = counts;
  const places = [
    ...(filesRemoved > 0 ? [plural(filesRemoved, 'file')] : []),
    ...(filesAdded > 0 && filesRemoved === 0 ? [plural(filesAdded, 'new file')] : []),
    ...(deleteFiles > 0 ? [plural(deleteFiles, 'delete file')] : []),
  ];
  const where = places.length === 0 ? plural(0, 'new file') : listed(places);
  const parts = [`${listed(done)} in ${where}`];
  if (filesDropped > 0) {
    parts.push(
      filesDropped === filesRemoved
        ? `removed without reading ${filesDropped === 1 ? 'it' : 'them'}`
        : `${plural(filesDropped, 'file')} removed without reading ${filesDropped === 1 ? 'it' : 'them'}`,
    );
  }
  const untouched = filesBefore === undefined ? 0 : filesBefore - filesRemoved;
  const rest =
    filesRemoved > 0 && untouched > 0
      ? `; ${group(untouched)} of ${plural(filesBefore!, 'file')} untouched`
      : '';
  return `${parts.join(', ')}${rest}.`;
}

function listed(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** `1 row`, `12,500 rows`. */
export function plural(count: number, noun: string): string {
  return `${group(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function group(count: number): string {
  return count.toLocaleString('en-US');
}
