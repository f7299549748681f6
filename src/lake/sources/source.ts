import type { ProgressListener } from '../../engine/progress.ts';
import type { Schema } from '../../iceberg/schema.ts';
import type { OnError } from '../requests.ts';
import type { TargetColumns } from './columns.ts';

export interface RowsOptions {
  /** What happens to rows that don't fit; `abort` when absent. */
  readonly onError?: OnError;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** Where rows come from, opened: files that are there, or a query that is right. */
export interface OpenedSource {
  /** For messages: `data/sales.csv`, `12 files`, `the query`. */
  readonly name: string;
  /** Column names as the source has them. */
  readonly columns: readonly string[];
  /** Nothing is in it: a file of zero bytes. It has no columns then. */
  readonly isEmpty: boolean;
  /**
   * A schema for a new table that holds all rows, with provisional ids; all columns optional. Files of text are read
   * through once for it.
   */
  inferSchema(options: RowsOptions): Promise<Schema>;
  /**
   * The rows as a query whose columns have the names and types of the table's. Columns that the source hasn't got
   * are left out.
   * @throws ValidationError when the columns don't match, or (`abort`) rows that are known not to fit
   */
  rows(target: TargetColumns, options: RowsOptions): Promise<SourceRows>;
}

/** Rows that are ready to be written. */
export interface SourceRows {
  /** A SELECT of the rows that fit. */
  readonly sql: string;
  /** Names of its columns. */
  readonly columns: readonly string[];
  /** What doesn't fit; absent with `abort`, and when everything fits. */
  readonly rejects?: Rejects;
  /** A better account of what reading the rows ended with: file, line, column and value. */
  explain(error: unknown): Promise<unknown>;
  /** Frees temporary tables. */
  close(): Promise<void>;
}

/** Rows that were refused, in a temporary table of DuckDB's. */
export interface Rejects {
  readonly count: number;
  /** A SELECT of `file`, `line`, `raw`, `column_name` and `reason`, a row for each refused line, in their order. */
  readonly sql: string;
  /** The first ones as sentences. */
  readonly first: readonly string[];
}

let temporaryTables = 0;

/** A name for a temporary table of the session. */
export function temporaryName(what: string): string {
  return `lakebook_${what}_${++temporaryTables}`;
}

/** Why a line was refused, on its way into the table of rejects. */
export interface Reject {
  readonly file: string;
  /** Orders the rejects of a file, and tells which belong to one line. */
  readonly at: number;
  readonly line: number;
  readonly raw: string;
  readonly column?: string;
  readonly reason: string;
}
