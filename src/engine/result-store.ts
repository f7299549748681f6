import type { DuckDBAppender, DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { LakebookError } from '../iceberg/errors.ts';
import type { ColumnDescription, DuckDb } from './duckdb.ts';
import { fromDuckDb } from './errors.ts';
import { quoteIdentifier } from './quote.ts';

/** The attached in-memory database that keeps large results; DuckDB moves its blocks to disk when memory is short. */
export const resultDatabase = 'lakebook_results';

/**
 * Keeps query results as tables of a database of their own, on connections of their own, so that a result can be
 * paged while another statement runs.
 */
export class ResultStore {
  readonly #duckdb: DuckDb;
  readonly #reader: DuckDBConnection;
  #reading: Promise<unknown> = Promise.resolve();
  #next = 1;
  readonly #open = new Set<Closable>();

  private constructor(duckdb: DuckDb, reader: DuckDBConnection) {
    this.#duckdb = duckdb;
    this.#reader = reader;
  }

  static async open(duckdb: DuckDb): Promise<ResultStore> {
    const reader = await duckdb.connect();
    await reader.run(`ATTACH ':memory:' AS ${resultDatabase}`);
    return new ResultStore(duckdb, reader);
  }

  /** A new, empty table for a result with these columns (named c0, c1, ...). */
  async createTable(columns: readonly ColumnDescription[]): Promise<ResultTable> {
    const name = `r${this.#next++}`;
    const definitions = columns.map((column, index) => `c${index} ${storedType(column)}`);
    await this.query(`CREATE TABLE ${resultDatabase}.main.${name} (${definitions.join(', ')})`);
    const connection = await this.#duckdb.connect();
    const appender = await connection.createAppender(name, 'main', resultDatabase);
    return new ResultTable(this, name, columns, connection, appender);
  }

  /** Runs a statement on the store's reading connection and gives all its rows. */
  async query(sql: string): Promise<DuckDBDataChunk[]> {
    const work = this.#reading.then(async () => {
      try {
        const result = await this.#reader.run(sql);
        return await result.fetchAllChunks();
      } catch (error) {
        throw fromDuckDb(error, sql);
      }
    });
    this.#reading = work.catch(() => undefined);
    return work;
  }

  /** Has `close` close a result too that is still open then. @returns a function that forgets it again */
  track(result: Closable): () => void {
    this.#open.add(result);
    return () => this.#open.delete(result);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map(result => result.close()));
    this.#reader.closeSync();
  }
}

interface Closable {
  close(): Promise<void>;
}

/** Types that only some expressions have are stored as the type that holds their values. */
function storedType(column: ColumnDescription): string {
  const type = column.type.toString();
  return type === '"NULL"' || type === 'SQLNULL' || type === 'NULL' ? 'INTEGER' : type;
}

/** A result's rows in the store. Rows are appended at the end and read by their number. */
export class ResultTable {
  readonly #store: ResultStore;
  readonly #name: string;
  readonly #columns: readonly ColumnDescription[];
  readonly #connection: DuckDBConnection;
  #appender: DuckDBAppender | undefined;
  #flushed = 0;
  #appended = 0;

  constructor(
    store: ResultStore,
    name: string,
    columns: readonly ColumnDescription[],
    connection: DuckDBConnection,
    appender: DuckDBAppender,
  ) {
    this.#store = store;
    this.#name = name;
    this.#columns = columns;
    this.#connection = connection;
    this.#appender = appender;
  }

  /** The table's rows under the result's column names, as SQL usable in FROM. */
  relation(names: readonly string[]): string {
    const columns = names.map((name, index) => `c${index} AS ${quoteIdentifier(name)}`);
    return `(SELECT ${columns.join(', ')} FROM ${this.#qualifiedName})`;
  }

  append(chunk: DuckDBDataChunk): void {
    this.#guard(() => this.#appender!.appendDataChunk(chunk));
    this.#appended += chunk.rowCount;
  }

  /** Ends appending. */
  finish(): void {
    if (this.#appender === undefined) return;
    const appender = this.#appender;
    this.#appender = undefined;
    try {
      this.#guard(() => appender.closeSync());
      this.#flushed = this.#appended;
    } finally {
      this.#connection.closeSync();
    }
  }

  /** Rows [offset, offset + limit) in the order in which they came. */
  async read(offset: number, limit: number): Promise<DuckDBDataChunk[]> {
    if (this.#flushed < Math.min(offset + limit, this.#appended)) {
      this.#guard(() => this.#appender?.flushSync());
      this.#flushed = this.#appended;
    }
    const columns = this.#columns.map((_, index) => `c${index}`).join(', ');
    return this.#store.query(
      `SELECT ${columns} FROM ${this.#qualifiedName} WHERE rowid >= ${offset} AND rowid < ${offset + limit} ORDER BY rowid`,
    );
  }

  async drop(): Promise<void> {
    this.finish();
    await this.#store.query(`DROP TABLE IF EXISTS ${this.#qualifiedName}`);
  }

  get #qualifiedName(): string {
    return `${resultDatabase}.main.${this.#name}`;
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      const known = fromDuckDb(error, '');
      throw new LakebookError(known.code, `The result can't be kept: ${known.message}`, {
        hint: 'Add a LIMIT, or select fewer columns; large results are kept in the temporary folder.',
        cause: error,
      });
    }
  }
}
