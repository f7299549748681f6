import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBResult,
  type DuckDBType,
  type DuckDBValue,
  ResultReturnType,
} from '@duckdb/node-api';
import { InterruptedError, LakebookError } from '../iceberg/errors.ts';
import { fromDuckDb, relocate } from './errors.ts';
import { type ProgressListener, progressIntervalMs } from './progress.ts';

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
  /** Name of the work in progress reports; `running` when absent. */
  readonly phase?: string;
  /** Values of the statement's named (`$name`) or positional parameters. */
  readonly parameters?: readonly DuckDBValue[] | Readonly<Record<string, DuckDBValue>>;
}

export interface ColumnDescription {
  readonly name: string;
  readonly type: DuckDBType;
}

/** A running query whose rows are fetched chunk by chunk. It holds the connection until it is closed. */
export interface ChunkStream {
  readonly columns: readonly ColumnDescription[];
  /** False for statements whose only result is what they do, or a count of rows they changed. */
  readonly isQuery: boolean;
  /** The next rows (never an empty chunk), or undefined at the end, when the stream closes by itself. */
  next(): Promise<DuckDBDataChunk | undefined>;
  /** Stops the query and gives the connection back; what isn't fetched yet is dropped. Also after an error. */
  close(): void;
}

/** Interrupts what a connection runs, until stopped. @returns a function that stops it */
export function interrupting(connection: DuckDBConnection): () => void {
  connection.interrupt();
  // An interrupt that comes just before DuckDB starts the query is lost, so it's repeated.
  const repeat = setInterval(() => connection.interrupt(), 20);
  return () => clearInterval(repeat);
}

/** Interrupts the connection when the signal aborts, and reports progress, until stopped. */
export class Watch {
  readonly #stops: (() => void)[] = [];

  constructor(connection: DuckDBConnection, options: RunOptions) {
    const { signal, onProgress } = options;
    if (signal !== undefined) {
      let stop: (() => void) | undefined;
      const onAbort = () => {
        stop = interrupting(connection);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      this.#stops.push(() => {
        signal.removeEventListener('abort', onAbort);
        stop?.();
      });
    }
    if (onProgress !== undefined) {
      const phase = options.phase ?? 'running';
      const timer = setInterval(() => {
        const { percentage, rows_processed: rows } = connection.progress;
        onProgress({
          phase,
          ...(percentage >= 0 ? { fraction: Math.min(percentage / 100, 1) } : {}),
          ...(rows > 0n ? { rows: Number(rows) } : {}),
        });
      }, progressIntervalMs);
      this.#stops.push(() => clearInterval(timer));
    }
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }
}

export interface StartedQuery {
  readonly result: DuckDBResult;
  /** Called at the end of the rows; throws what the query really ended with. */
  verify(): Promise<void>;
  /** Whether a transaction was begun for it. */
  readonly inTransaction: boolean;
}

export class ConnectionStream implements ChunkStream {
  readonly columns: readonly ColumnDescription[];
  readonly isQuery: boolean;
  readonly #connection: DuckDBConnection;
  readonly #query: StartedQuery;
  readonly #sql: string;
  readonly #signal: AbortSignal | undefined;
  readonly #watch: Watch;
  readonly #finish: () => void;
  #open = true;
  #atEnd = false;
  #fetching: Promise<unknown> | undefined;

  constructor(
    connection: DuckDBConnection,
    query: StartedQuery,
    sql: string,
    options: RunOptions,
    watch: Watch,
    finish: () => void,
  ) {
    this.#connection = connection;
    this.#query = query;
    this.#sql = sql;
    this.#signal = options.signal;
    this.#watch = watch;
    this.#finish = finish;
    this.columns = columnsOf(query.result);
    this.isQuery = query.result.returnType === ResultReturnType.QUERY_RESULT;
  }

  async next(): Promise<DuckDBDataChunk | undefined> {
    if (!this.#open) return undefined;
    const fetching = this.#fetch();
    this.#fetching = fetching;
    try {
      const chunk = await fetching;
      if (chunk !== undefined) return chunk;
    } catch (error) {
      throw this.#signal?.aborted === true ? new InterruptedError() : fromDuckDb(error, this.#sql);
    } finally {
      this.#fetching = undefined;
    }
    this.close();
    return undefined;
  }

  async #fetch(): Promise<DuckDBDataChunk | undefined> {
    const chunk = await this.#query.result.fetchChunk();
    if (chunk !== null && chunk.rowCount > 0) return chunk;
    if (!this.#open) return undefined;
    await this.#query.verify();
    this.#atEnd = true;
    return undefined;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#fetching === undefined) {
      void this.#end();
      return;
    }
    // The connection is free only when the fetch under way has come back.
    this.#connection.interrupt();
    void this.#fetching.catch(() => undefined).then(() => this.#end());
  }

  async #end(): Promise<void> {
    // Interrupts are repeated: they would stop the end of the transaction too, and leave it open and aborted.
    this.#watch.stop();
    try {
      if (this.#query.inTransaction) await this.#connection.run(this.#atEnd ? 'COMMIT' : 'ROLLBACK');
    } catch {
      // There is nothing to roll back when the connection is closed or the query ended the transaction.
    }
    this.#finish();
  }
}

/** Begins a transaction, unless the user has one open; `isClosed` says that there can't be one. */
export async function begins(connection: DuckDBConnection, isClosed = false): Promise<boolean> {
  if (isClosed) {
    await connection.run('BEGIN TRANSACTION');
    return true;
  }
  // Trying BEGIN would abort an open transaction; inside of one the transaction's id stays the same.
  const id = async () => (await (await connection.run('SELECT txid_current()')).getRows())[0]?.[0];
  const before = await id();
  if ((await id()) === before) return false;
  await connection.run('BEGIN TRANSACTION');
  return true;
}

/** Throws when the transaction of a stream that has ended was aborted by an error. */
export async function verifyStream(
  connection: DuckDBConnection,
  sql: string,
  options: RunOptions,
  inTransaction: boolean,
): Promise<void> {
  try {
    await connection.run('SELECT 1');
    return;
  } catch {
    if (options.signal?.aborted === true) throw new InterruptedError();
  }
  if (!inTransaction) {
    throw new LakebookError(
      'SQL',
      'The query failed after its first rows, and with it the open transaction.',
      {
        hint: 'Run ROLLBACK, then the query alone to see its error.',
      },
    );
  }
  // The error itself is lost, so the query runs again to meet it once more, keeping its rows out of memory.
  await connection.run('ROLLBACK');
  const prefix = 'CREATE OR REPLACE TEMP TABLE lakebook_failed_query AS ';
  try {
    await connection.run(prefix + sql, ...parameterArguments(options.parameters));
    await connection.run('DROP TABLE IF EXISTS temp.lakebook_failed_query');
  } catch (error) {
    throw relocate(fromDuckDb(error, prefix + sql), sql, offset => offset - prefix.length);
  }
  throw new LakebookError(
    'ENGINE_FAILURE',
    'The query failed after its first rows; a second run of it did not.',
    {
      hint: 'Run it again.',
    },
  );
}

/** The parameters as arguments of the client's methods. */
export function parameterArguments(
  parameters: RunOptions['parameters'],
): [] | [DuckDBValue[] | Record<string, DuckDBValue>] {
  if (parameters === undefined) return [];
  return [Array.isArray(parameters) ? [...parameters] : { ...(parameters as Record<string, DuckDBValue>) }];
}

export function columnsOf(result: DuckDBResult): ColumnDescription[] {
  const types = result.columnTypes();
  return result.columnNames().map((name, index) => ({ name, type: types[index]! }));
}
