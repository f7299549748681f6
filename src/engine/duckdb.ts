import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { InterruptedError, LakebookError } from '../iceberg/errors.ts';
import { fromDuckDb, relocate } from './errors.ts';
import { quoteString } from './quote.ts';
import {
  begins,
  type ChunkStream,
  type ColumnDescription,
  ConnectionStream,
  columnsOf,
  interrupting,
  parameterArguments,
  type RunOptions,
  type StartedQuery,
  verifyStream,
  Watch,
} from './running.ts';

export type { ChunkStream, ColumnDescription, RunOptions } from './running.ts';

export interface DuckDbOptions {
  /** DuckDB's buffer memory, e.g. `2GB`; absent: DuckDB's default (80 % of the machine). */
  readonly memoryLimit?: string;
  /** Worker threads; absent: one for each core. */
  readonly threads?: number;
  /** Folder for what doesn't fit into memory. */
  readonly tempDirectory: string;
  /** Nothing but queries is run by those who use it, so no transaction is ever open between its statements. */
  readonly queriesOnly?: boolean;
  /** How much that folder may hold, e.g. `10GB`; absent: DuckDB's default (90 % of the free space). */
  readonly tempLimit?: string;
}

/** What an instance is held to from some moment on; DuckDB lets nobody undo it. */
export interface Confinement {
  /** Local folders whose files may be read and written; there is no other file, no network and no extension. */
  readonly folders: readonly string[];
  /** No setting can be changed any more. Writing data files changes some for a moment. */
  readonly lockSettings: boolean;
  /** Time zone of the session, e.g. `UTC`; absent: the machine's. */
  readonly timeZone?: string;
}

/**
 * A DuckDB instance with one session connection, whose statements run one after the other. It knows SQL text and
 * rows, nothing of lakes. All errors are LakebookErrors; an aborted signal ends in InterruptedError at once.
 */
export class DuckDb {
  readonly #instance: DuckDBInstance;
  readonly #main: DuckDBConnection;
  #last: Promise<void> = Promise.resolve();
  #closed = false;
  readonly #streams = new Set<ConnectionStream>();
  #settingsLocked = false;
  readonly #queriesOnly: boolean;
  readonly #tempDirectory: string;
  #folder: Promise<string> | undefined;

  private constructor(instance: DuckDBInstance, main: DuckDBConnection, options: DuckDbOptions) {
    this.#queriesOnly = options.queriesOnly === true;
    this.#tempDirectory = options.tempDirectory;
    this.#instance = instance;
    this.#main = main;
  }

  static async open(options: DuckDbOptions): Promise<DuckDb> {
    const config: Record<string, string> = {
      threads: String(options.threads ?? availableParallelism()),
      temp_directory: options.tempDirectory,
      // Nothing may be fetched from DuckDB's extension site behind the user's back.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    };
    if (options.memoryLimit !== undefined) config.memory_limit = options.memoryLimit;
    if (options.tempLimit !== undefined) config.max_temp_directory_size = options.tempLimit;
    try {
      const instance = await DuckDBInstance.create(':memory:', config);
      const main = await instance.connect();
      await prepareConnection(main);
      // Cached parts of remote files grow in place: a hole that DuckDB keeps in memory would stay one.
      await main.run('SET GLOBAL enable_external_file_cache = false');
      return new DuckDb(instance, main, options);
    } catch (error) {
      throw fromDuckDb(error, '');
    }
  }

  /** One more connection of the same instance, for work beside the session's statements. The caller closes it. */
  async connect(): Promise<DuckDBConnection> {
    const connection = await this.#instance.connect();
    // Where settings are locked, errors of such a connection come as text, which `fromDuckDb` reads too.
    if (!this.#settingsLocked) await prepareConnection(connection);
    return connection;
  }

  /** Takes away what the instance's statements don't need, for good: see Confinement. */
  async confine({ folders, lockSettings, timeZone }: Confinement): Promise<void> {
    if (timeZone !== undefined) await this.run(`SET TimeZone = ${quoteString(timeZone)}`);
    // The folder's name must end with a slash: others may begin with the same characters.
    const allowed = [...folders, await this.temporaryFolder()].map(folder =>
      quoteString(folder.replace(/\/*$/, '/')),
    );
    await this.run(`SET allowed_directories = [${allowed.join(', ')}]`);
    await this.run('SET enable_external_access = false');
    if (!lockSettings) return;
    await this.run('SET lock_configuration = true');
    this.#settingsLocked = true;
  }

  /** A folder for files that are read in place of others; it goes away with the instance. */
  temporaryFolder(): Promise<string> {
    this.#folder ??= mkdir(this.#tempDirectory, { recursive: true }).then(() =>
      mkdtemp(path.join(this.#tempDirectory, 'lakebook-files-')),
    );
    return this.#folder;
  }

  /** The session connection, for registering functions; statements go through the methods below. */
  get connection(): DuckDBConnection {
    return this.#main;
  }

  /** Runs a statement for its effect. @returns how many rows it says it changed. */
  async run(sql: string, options: RunOptions = {}): Promise<number> {
    return this.#exclusively(sql, options, async connection => {
      const result = await connection.run(sql, ...parameterArguments(options.parameters));
      return result.rowsChanged;
    });
  }

  /** Runs a query whose result is known to be small; rows as objects of DuckDB's own values. */
  async rows(sql: string, options: RunOptions = {}): Promise<Record<string, DuckDBValue>[]> {
    return this.#exclusively(sql, options, async connection => {
      const result = await connection.run(sql, ...parameterArguments(options.parameters));
      return result.getRowObjects();
    });
  }

  /**
   * Runs a statement, as `rows` does, while some global settings have other values; nothing else runs on the
   * session connection meanwhile.
   */
  async rowsWith(
    settings: Readonly<Record<string, string>>,
    sql: string,
    options: RunOptions = {},
  ): Promise<Record<string, DuckDBValue>[]> {
    return this.#exclusively(sql, options, async (connection, watch) => {
      const before = new Map<string, string>();
      try {
        for (const [name, value] of Object.entries(settings)) {
          const current = await connection.run(`SELECT current_setting(${quoteString(name)})::VARCHAR`);
          before.set(name, String((await current.getRows())[0]![0]));
          await connection.run(`SET ${name} = ${quoteString(value)}`);
        }
        const result = await connection.run(sql, ...parameterArguments(options.parameters));
        return await result.getRowObjects();
      } finally {
        // A repeated interrupt would stop this too.
        watch.stop();
        for (const [name, value] of before) await connection.run(`SET ${name} = ${quoteString(value)}`);
      }
    });
  }

  /** Names and types of a query's columns, without running it. */
  async describe(sql: string, options: RunOptions = {}): Promise<ColumnDescription[]> {
    const prefix = 'SELECT * FROM (';
    const text = `${prefix}${sql}\n) LIMIT 0`;
    try {
      return await this.#exclusively(text, options, async connection =>
        columnsOf(await connection.run(text)),
      );
    } catch (error) {
      throw error instanceof LakebookError ? relocate(error, sql, offset => offset - prefix.length) : error;
    }
  }

  /**
   * Starts a query (SELECT and the like); its rows come as they are made, in bounded memory. DuckDB's client ends a
   * stream that fails half-way like one that is at its end, so the query runs in a transaction of its own, whose
   * state tells the two apart.
   */
  async stream(sql: string, options: RunOptions = {}): Promise<ChunkStream> {
    return this.#start(sql, options, async (connection, watch) => {
      const inTransaction = await begins(connection, this.#queriesOnly);
      try {
        const result = await connection.stream(sql, ...parameterArguments(options.parameters));
        return { result, verify: () => verifyStream(connection, sql, options, inTransaction), inTransaction };
      } catch (error) {
        // A repeated interrupt would stop this too.
        watch.stop();
        if (inTransaction) await connection.run('ROLLBACK');
        throw error;
      }
    });
  }

  /** Runs any statement to its end and gives its rows, if it has some, as a stream. */
  async complete(sql: string, options: RunOptions = {}): Promise<ChunkStream> {
    return this.#start(sql, options, async connection => {
      const result = await connection.run(sql, ...parameterArguments(options.parameters));
      return { result, verify: async () => undefined, inTransaction: false };
    });
  }

  async #start(
    sql: string,
    options: RunOptions,
    start: (connection: DuckDBConnection, watch: Watch) => Promise<StartedQuery>,
  ): Promise<ChunkStream> {
    const release = await this.#acquire(options.signal);
    const watch = new Watch(this.#main, options);
    try {
      const stream: ConnectionStream = new ConnectionStream(
        this.#main,
        await start(this.#main, watch),
        sql,
        options,
        watch,
        () => {
          this.#streams.delete(stream);
          release();
        },
      );
      this.#streams.add(stream);
      return stream;
    } catch (error) {
      watch.stop();
      release();
      throw options.signal?.aborted === true ? new InterruptedError() : fromDuckDb(error, sql);
    }
  }

  /** Stops what runs, waits for its end, and closes the instance with all its temporary data. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // DuckDB crashes when a connection is closed under a statement, also under the end of a stream's transaction.
    for (const stream of this.#streams) stream.close();
    const stop = interrupting(this.#main);
    await this.#last;
    stop();
    this.#main.closeSync();
    this.#instance.closeSync();
    if (this.#folder !== undefined) await rm(await this.#folder, { recursive: true, force: true });
  }

  /**
   * Runs `work` with the session connection to itself: no other statement comes in between (for example while a
   * global setting is changed). @throws InterruptedError, and DuckDB's errors with positions in `sql`.
   */
  async #exclusively<T>(
    sql: string,
    options: RunOptions,
    work: (connection: DuckDBConnection, watch: Watch) => Promise<T>,
  ): Promise<T> {
    const release = await this.#acquire(options.signal);
    const watch = new Watch(this.#main, options);
    try {
      return await work(this.#main, watch);
    } catch (error) {
      throw options.signal?.aborted === true ? new InterruptedError() : fromDuckDb(error, sql);
    } finally {
      watch.stop();
      release();
    }
  }

  async #acquire(signal: AbortSignal | undefined): Promise<() => void> {
    if (signal?.aborted === true) throw new InterruptedError();
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = before.then(() => promise);
    if (signal === undefined) {
      await before;
      return resolve;
    }
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(new InterruptedError());
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([before, aborted.promise]);
      return resolve;
    } catch (error) {
      resolve();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

async function prepareConnection(connection: DuckDBConnection): Promise<void> {
  for (const [name, value] of [
    ['errors_as_json', 'true'],
    ['enable_progress_bar', 'true'],
    ['enable_progress_bar_print', 'false'],
  ] as const) {
    await connection.run(`SET ${name} = ${quoteString(value)}`);
  }
}
