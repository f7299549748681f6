import { setTimeout } from 'node:timers/promises';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { ValidationError } from '../iceberg/errors.ts';
import { arrowStream } from './arrow.ts';
import type { ChunkStream, ColumnDescription } from './duckdb.ts';
import { jsonRows } from './json-rows.ts';
import type { ResultStore, ResultTable } from './result-store.ts';
import { displayType } from './types.ts';

export interface ResultColumn {
  readonly name: string;
  /** The SQL type. */
  readonly type: string;
}

/** Rows kept as they came; beyond this a result moves into the store, whose memory is bounded. */
const rowsInMemory = 8192;
/** Rows that must be there before a result is handed out. */
const firstWindowRows = 1000;

/** How long a result that has its first rows is waited for to be complete. */
const completionWaitMs = 50;

/**
 * A query's rows. The query runs once: its first rows are there at once, the others are fetched in the background
 * (small results stay in memory, large ones go to the result store, which DuckDB pages out to disk), so any window
 * can be read at any time, in the order in which the rows came, without running the query again.
 */
export class ResultSet {
  readonly columns: readonly ResultColumn[];
  readonly #descriptions: readonly ColumnDescription[];
  readonly #store: ResultStore;
  readonly #stream: ChunkStream;
  readonly #maxRows: number;
  #chunks: DuckDBDataChunk[] = [];
  #table: ResultTable | undefined;
  #moved: Promise<void> | undefined;
  #rowCount = 0;
  #complete = false;
  #truncated = false;
  #closed = false;
  #failure: unknown;
  readonly #filled: Promise<void>;
  readonly #untrack: () => void;
  /** Resolved and replaced whenever there are more rows. */
  #grown = Promise.withResolvers<void>();

  private constructor(stream: ChunkStream, store: ResultStore, maxRows: number) {
    this.#stream = stream;
    this.#store = store;
    this.#maxRows = maxRows;
    this.#descriptions = stream.columns;
    this.columns = stream.columns.map(({ name, type }) => ({ name, type: displayType(type) }));
    this.#untrack = store.track(this);
    this.#filled = this.#fill();
  }

  /** Takes over a running query and resolves when its first rows are there (or it has failed). */
  static async open(
    stream: ChunkStream,
    store: ResultStore,
    maxRows: number = Number.POSITIVE_INFINITY,
  ): Promise<ResultSet> {
    const result = new ResultSet(stream, store, maxRows);
    try {
      await result.#have(firstWindowRows);
    } catch (error) {
      await result.close();
      throw error;
    }
    // Most results are small: waiting a moment more hands them out complete, with their number of rows.
    if (!result.#complete) await Promise.race([result.#filled, setTimeout(completionWaitMs)]);
    return result;
  }

  /** Rows so far; the number of all rows once `complete`. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /** Whether all rows are there. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Whether rows were left out, by `maxRows` or because the query was stopped after its first rows. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves with the number of all rows. @throws what the query ended with, if it failed */
  async finished(): Promise<number> {
    await this.#filled;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#rowCount;
  }

  /** Rows [offset, offset + limit) as an Arrow IPC stream; fewer, or none, at the end. */
  async window(offset: number, limit: number): Promise<Uint8Array> {
    return arrowStream(this.#descriptions, await this.#read(offset, limit));
  }

  /** Rows [offset, offset + limit) as values that JSON holds exactly, see `jsonRows`. */
  async rows(offset: number, limit: number): Promise<unknown[][]> {
    return jsonRows(this.#descriptions, await this.#read(offset, limit));
  }

  /** SQL usable in FROM that gives all of the result's rows; waits until they are there. */
  async relation(): Promise<string> {
    await this.finished();
    await this.#moveToStore();
    return this.#table!.relation(uniqueNames(this.columns.map(column => column.name)));
  }

  /** Stops fetching and frees what the result holds. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#untrack();
    this.#stream.close();
    await this.#filled;
    this.#chunks = [];
    await this.#table?.drop();
  }

  async #fill(): Promise<void> {
    try {
      for (;;) {
        const chunk = await this.#stream.next();
        if (chunk === undefined) break;
        if (this.#rowCount + chunk.rowCount > this.#maxRows) {
          this.#truncated = true;
          chunk.rowCount = this.#maxRows - this.#rowCount;
          if (chunk.rowCount > 0) await this.#keep(chunk);
          this.#rowCount = this.#maxRows;
          this.#stream.close();
          break;
        }
        await this.#keep(chunk);
        this.#rowCount += chunk.rowCount;
        this.#announce();
      }
      this.#table?.finish();
    } catch (error) {
      this.#stream.close();
      this.#failure = error;
      this.#truncated = true;
      try {
        this.#table?.finish();
      } catch {
        // What came before is the error to tell.
      }
    }
    this.#complete = true;
    this.#announce();
  }

  async #keep(chunk: DuckDBDataChunk): Promise<void> {
    if (this.#table === undefined && this.#rowCount + chunk.rowCount > rowsInMemory)
      await this.#moveToStore();
    if (this.#table === undefined) this.#chunks.push(chunk);
    else this.#table.append(chunk);
  }

  /** Once, however many ask for it at the same time. */
  #moveToStore(): Promise<void> {
    this.#moved ??= this.#move();
    return this.#moved;
  }

  async #move(): Promise<void> {
    const table = await this.#store.createTable(this.#descriptions);
    for (const chunk of this.#chunks) table.append(chunk);
    this.#table = table;
    this.#chunks = [];
    if (this.#complete) table.finish();
  }

  #announce(): void {
    this.#grown.resolve();
    this.#grown = Promise.withResolvers<void>();
  }

  /** Waits until there are `count` rows or no more to come. */
  async #have(count: number): Promise<void> {
    while (this.#rowCount < count && !this.#complete) await this.#grown.promise;
    if (this.#failure !== undefined && this.#rowCount < count) throw this.#failure;
  }

  async #read(offset: number, limit: number): Promise<RowSlice[]> {
    if (this.#closed) {
      throw new ValidationError(
        'The result is not kept any more.',
        { hint: 'Run the cell again.' },
        'RESULT_GONE',
      );
    }
    await this.#have(offset + limit);
    const end = Math.min(offset + limit, this.#rowCount);
    if (offset >= end) return [];
    if (this.#table !== undefined) {
      const chunks = await this.#table.read(offset, end - offset);
      return chunks.map(chunk => ({ chunk, start: 0, end: chunk.rowCount }));
    }
    const slices: RowSlice[] = [];
    let at = 0;
    for (const chunk of this.#chunks) {
      const start = Math.max(offset - at, 0);
      const stop = Math.min(end - at, chunk.rowCount);
      if (start < stop) slices.push({ chunk, start, end: stop });
      at += chunk.rowCount;
    }
    return slices;
  }
}

/** Rows [start, end) of a chunk. */
export interface RowSlice {
  readonly chunk: DuckDBDataChunk;
  readonly start: number;
  readonly end: number;
}

/** Names that SQL can tell apart: repeated ones get a number. */
function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set(names.map(name => name.toLowerCase()));
  const seen = new Set<string>();
  return names.map(name => {
    let unique = name;
    for (let n = 1; seen.has(unique.toLowerCase()); n++) {
      const candidate = `${name}_${n}`;
      if (!taken.has(candidate.toLowerCase())) unique = candidate;
    }
    seen.add(unique.toLowerCase());
    return unique;
  });
}
