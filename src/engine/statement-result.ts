import type { ScanStats } from '../iceberg/scan.ts';
import type { ProgressListener } from './progress.ts';
import type { EngineKind } from './remote/remote-engine.ts';
import type { ResultSet } from './result-set.ts';

export interface ExecuteOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
  /** Called with what a person should know beside the result. */
  readonly onWarning?: (text: string) => void;
  /** The engine that runs the text, in its own SQL; the embedded one when absent. */
  readonly engine?: EngineKind;
  /** Values of the text's `$name` parameters. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Rows a query may give; more are cut off and the result says so. */
  readonly maxRows?: number;
  /** The version of every lake table that the text asks for no version of; the current one when absent. */
  readonly version?: DefaultVersion;
}

/** What stands in `AT (VERSION => 'text')` or `AT (TIMESTAMP => 'text')`. */
export interface DefaultVersion {
  readonly unit: 'version' | 'timestamp';
  readonly text: string;
}

export interface RowsResult {
  readonly kind: 'rows';
  readonly result: ResultSet;
  /** What planning decided, added up over the lake tables that the query reads; absent when it reads none. */
  readonly scan?: ScanStats;
}

/** A committed change of a lake table. */
export interface ChangeResult {
  readonly kind: 'change';
  /** `insert`, `update`, `delete`, `merge`, `create table as`, ... */
  readonly operation: string;
  /** The table's name as people write it. */
  readonly table: string;
  readonly rowsInserted: number;
  readonly rowsUpdated: number;
  readonly rowsDeleted: number;
  /** Absent when nothing had to be changed. */
  readonly snapshotId?: bigint;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  /** One sentence for people. */
  readonly text: string;
}

export interface DoneResult {
  readonly kind: 'done';
  readonly text: string;
}

/** What one statement did. */
export type StatementOutcome = RowsResult | ChangeResult | DoneResult;

export type StatementResult = StatementOutcome & {
  /** Milliseconds from the statement's start to its first rows or its end. */
  readonly elapsedMs: number;
};
