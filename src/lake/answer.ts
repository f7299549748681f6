import type { ProgressListener } from '../engine/progress.ts';
import type { ResultColumn, ResultSet } from '../engine/result-set.ts';
import type { ChangeResult } from '../engine/statement-result.ts';

/** What a verb answers: a sentence, and rows either as a result or as plain values. */
export interface VerbAnswer {
  readonly text: string;
  readonly result?: ResultSet;
  readonly columns?: readonly ResultColumn[];
  readonly rows?: readonly (readonly unknown[])[];
  readonly warnings?: readonly string[];
  /** The snapshot that the verb committed. */
  readonly snapshotId?: bigint;
  /** Rows that the verb changed; absent for verbs that change none. */
  readonly changed?: RowCounts;
  /** Lines of the source that were left out or put aside. */
  readonly rejected?: number;
}

export interface RowCounts {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

export function rowCounts(change: ChangeResult): RowCounts {
  const { rowsInserted, rowsUpdated, rowsDeleted } = change;
  return { inserted: rowsInserted, updated: rowsUpdated, deleted: rowsDeleted };
}

export interface VerbOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** `1 row`, `12,500 rows`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? noun : plural}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function andList(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** `512 bytes`, `1.5 MiB`. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** `2026-01-31 08:15:00 UTC`. */
export function momentText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
