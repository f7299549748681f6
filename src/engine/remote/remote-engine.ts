import type { DuckDBType } from '@duckdb/node-api';
import type { RecordBatch } from 'apache-arrow';
import type { ProgressListener } from '../progress.ts';

/** Engines that can run a SQL cell: the embedded one and those on other machines. */
export const engineKinds = ['duckdb', 'trino', 'spark'] as const;

export type EngineKind = (typeof engineKinds)[number];

export type RemoteKind = Exclude<EngineKind, 'duckdb'>;

/**
 * A SQL engine on another machine that reads and writes the tables of the lake's catalog. One object is one session
 * of a person: what `SET SESSION`, `PREPARE` and the like change holds for its later statements. Statements run one
 * after the other. Connecting happens with the first statement.
 */
export interface RemoteEngine {
  readonly kind: RemoteKind;
  /** For people: `Trino at http://localhost:8080`. */
  readonly name: string;
  /** The engine's name of the lake's catalog, which unqualified names belong to. */
  readonly catalog: string;

  /**
   * Runs one statement in the engine's own SQL, without a semicolon. Resolves when the columns are known, or when a
   * statement without rows has ended.
   * @throws SqlError with `detail.offset` in `sql` when the engine refuses or fails it; InterruptedError when the
   * signal stopped it, on the server too; LakebookError `ENGINE_UNREACHABLE`, `ENGINE_UNAUTHORIZED` with what to do
   */
  query(sql: string, options?: RemoteQueryOptions): Promise<RemoteRows>;

  /** A value as a literal of the engine's SQL; parameters (`$name`) are put into the text this way. */
  literal(value: LiteralValue): string;

  /**
   * Connects and asks for the catalog, for `lakebook doctor` and "Add engine".
   * @returns one line about what answered: `Trino 476, catalog iceberg, 3 namespaces`
   */
  check(options?: { readonly signal?: AbortSignal }): Promise<string>;

  /** Stops what runs and ends the session on the server. */
  close(): Promise<void>;
}

export type LiteralValue = string | number | bigint | boolean | null;

export interface RemoteQueryOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
  /** Where unqualified table names are looked for, in the engine's `catalog`. */
  readonly namespace?: readonly string[];
}

export interface RemoteColumn {
  readonly name: string;
  /** The DuckDB type that holds every value of the engine's type exactly. */
  readonly type: DuckDBType;
}

/** What a statement answers. Whoever has it iterates over `batches` to the end, or ends the iteration early. */
export interface RemoteRows {
  /** Empty for statements that have no rows. */
  readonly columns: readonly RemoteColumn[];
  /** False for statements whose only answer is what they do, or a count of rows that they changed. */
  readonly isQuery: boolean;
  /**
   * The rows as they arrive, in Arrow's layout, one column for each of `columns`; `arrow-chunks.ts` says which Arrow
   * types stand for which DuckDB types. One iteration only; ending it early (`return`) cancels the statement on the
   * server. Fetching is driven by the iteration: whoever doesn't ask gets no more than a few pages ahead.
   * @throws what `query` throws
   */
  readonly batches: AsyncIterable<RecordBatch>;
  /** What the statement did; complete once `batches` has ended. */
  outcome(): RemoteOutcome;
}

export interface RemoteOutcome {
  /** What kind of statement it was, as the engine names it: `INSERT`, `CREATE TABLE`, `SET SESSION`, ... */
  readonly operation?: string;
  /** Rows that were inserted, updated and deleted, where the engine counts them. */
  readonly rowsChanged?: number;
  /** Set when the statement was a `USE`: the namespace that it chose, and its catalog in the engine. */
  readonly used?: { readonly catalog: string; readonly namespace: readonly string[] };
  /** What the engine warns of. */
  readonly warnings: readonly string[];
}
