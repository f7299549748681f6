import { statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import {
  CommitStateUnknownError,
  CorruptFileError,
  LakebookError,
  type LakebookErrorOptions,
} from '../iceberg/errors.ts';
import { makeFolder } from '../storage/durable.ts';
import { errorCode, fromFsError } from '../storage/fs-errors.ts';

type DatabaseConstructor = typeof import('better-sqlite3');

/** How long SQLite itself waits for a lock, which blocks this thread; longer waiting is done between tries. */
const busyTimeoutMs = 50;
const maxDelayMs = 500;

/**
 * Refuses a Node that better-sqlite3 can't run on, before it is loaded: on Node 20 it ends in a segmentation fault.
 * @throws LakebookError `NODE_TOO_OLD`
 */
export function checkNodeVersion(version: string = process.versions.node): void {
  const major = Number.parseInt(version, 10);
  if (major >= 22) return;
  throw new LakebookError('NODE_TOO_OLD', `Lakebook needs Node 22 or newer, but this is Node ${version}.`, {
    hint: 'Install a newer Node from https://nodejs.org, or run it with `npx node@24`.',
  });
}

async function loadSqlite(): Promise<DatabaseConstructor> {
  checkNodeVersion();
  return (await import('better-sqlite3')).default;
}

/**
 * A catalog's SQLite file. It's opened when it is first needed and made when it is first written to; a file that was
 * replaced or deleted meanwhile is noticed. Other processes write to it too (PyIceberg, Spark), so the journal mode
 * stays SQLite's default, the rollback journal: WAL would stick to the file for all of them, fails on network
 * folders and in folders without write permission, and a catalog's few small transactions don't need it.
 */
export class SqliteConnection {
  readonly file: string;
  readonly #Database: DatabaseConstructor;
  readonly #lockTimeoutMs: number;
  #database: Database | undefined;
  #identity = '';
  /** Counts openings and own writes, which SQLite's data_version leaves out. */
  #changes = 0;
  #closed = false;

  private constructor(file: string, Database: DatabaseConstructor, lockTimeoutMs: number) {
    this.file = file;
    this.#Database = Database;
    this.#lockTimeoutMs = lockTimeoutMs;
  }

  /** @throws LakebookError `NODE_TOO_OLD`. The file is not touched. */
  static async load(file: string, options: { lockTimeoutMs?: number } = {}): Promise<SqliteConnection> {
    return new SqliteConnection(path.resolve(file), await loadSqlite(), options.lockTimeoutMs ?? 30_000);
  }

  /**
   * Runs `work` in a read transaction; `database` is undefined when there is no file. `work` may run several times.
   * @throws LakebookError `CATALOG_LOCKED` when another process doesn't let go of the file in time
   */
  async read<T>(work: (database: Database | undefined) => T): Promise<T> {
    return await this.#retried(() => {
      const database = this.#open(false);
      return database === undefined
        ? work(undefined)
        : inTransaction(database, 'BEGIN', () => work(database));
    });
  }

  /**
   * Runs `work` in a transaction that holds the file's write lock from its start, so what it reads is what it
   * changes. `work` may run several times, and must not have other effects.
   * @throws LakebookError `CATALOG_LOCKED`, `READ_ONLY`, `DISK_FULL`, ...: nothing was changed
   * @throws CommitStateUnknownError when the disk failed in the moment of committing
   */
  async write<T>(work: (database: Database) => T): Promise<T> {
    const folder = path.dirname(this.file);
    try {
      if (this.#stat() === undefined) await makeFolder(folder);
    } catch (error) {
      throw fromFsError(error, 'write', folder);
    }
    return await this.#retried(() => {
      const database = this.#open(true)!;
      const result = inTransaction(database, 'BEGIN IMMEDIATE', () => work(database));
      this.#changes++;
      return result;
    });
  }

  /** Differs from an earlier answer of this connection when any process committed to the file since. */
  async version(): Promise<string> {
    return await this.#retried(() => {
      const database = this.#open(false);
      if (database === undefined) return `${this.#changes}`;
      return `${this.#changes}.${database.pragma('data_version', { simple: true })}`;
    });
  }

  close(): void {
    this.#closed = true;
    this.#database?.close();
    this.#database = undefined;
  }

  /** The open file; undefined when there is none and it isn't to be made. */
  #open(create: boolean): Database | undefined {
    if (this.#closed) throw new LakebookError('CATALOG_CLOSED', `The catalog ${this.file} was closed.`);
    const identity = this.#stat();
    if (this.#database?.open === true && identity === this.#identity) return this.#database;
    if (this.#database !== undefined || this.#identity !== (identity ?? '')) this.#changes++;
    this.#database?.close();
    this.#database = undefined;
    this.#identity = identity ?? '';
    if (identity === undefined && !create) return undefined;
    const database = new this.#Database(this.file, { fileMustExist: !create, timeout: busyTimeoutMs });
    try {
      // The file may come from anywhere: functions in its schema don't get to run.
      database.pragma('trusted_schema = OFF');
    } catch (error) {
      database.close();
      throw error;
    }
    this.#identity = this.#stat() ?? '';
    this.#database = database;
    return database;
  }

  /** Which file the path leads to now; undefined for none. */
  #stat(): string | undefined {
    try {
      const { dev, ino } = statSync(this.file, { bigint: true });
      return `${dev}:${ino}`;
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT') return undefined;
      throw fromFsError(error, 'open', this.file);
    }
  }

  async #retried<T>(work: () => T): Promise<T> {
    const start = performance.now();
    for (let attempt = 0; ; attempt++) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error)) throw this.#explain(error);
        const waited = performance.now() - start;
        if (waited >= this.#lockTimeoutMs) throw this.#lockedError(waited, error);
        const longest = Math.min(maxDelayMs, 10 * 2 ** Math.min(attempt, 10));
        await delay(Math.min(longest * (0.5 + Math.random() / 2), this.#lockTimeoutMs - waited + 1));
      }
    }
  }

  #lockedError(waitedMs: number, cause: unknown): LakebookError {
    const seconds = Math.round(waitedMs / 100) / 10;
    return new LakebookError(
      'CATALOG_LOCKED',
      `The catalog ${this.file} has been locked by another process for ${seconds} s.`,
      { hint: 'Wait until it is done, or end the program that holds it, and run this again.', cause },
    );
  }

  #explain(error: unknown): unknown {
    const code = sqliteCode(error);
    if (code === undefined) return error;
    const options: LakebookErrorOptions = { cause: error };
    const { message } = error as Error;
    const catalog = `The catalog ${this.file}`;
    if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) {
      return new CorruptFileError(this.file, `is not a sound SQLite database (${message}).`, {
        hint: 'Restore it from a backup, or set another catalog.uri; tables can be registered again from their metadata files.',
        cause: error,
      });
    }
    if (code === 'SQLITE_FULL') {
      const hint = 'Free some space, and run it again: nothing was changed.';
      return new LakebookError('DISK_FULL', `${catalog} can't be written: the disk is full.`, {
        ...options,
        hint,
      });
    }
    if (/^SQLITE_(READONLY|CANTOPEN|PERM|AUTH)/.test(code)) {
      const hint =
        'Check that your user may write the file and its folder, and that the disk is not mounted read-only.';
      const opened = this.#database !== undefined;
      return new LakebookError(
        opened ? 'READ_ONLY' : 'PERMISSION_DENIED',
        opened ? `${catalog} is read-only (${message}).` : `${catalog} can't be opened (${message}).`,
        { ...options, hint },
      );
    }
    if (code.startsWith('SQLITE_IOERR')) {
      const hint = 'Check the disk and its free space.';
      return new LakebookError('IO_ERROR', `${catalog} can't be used: ${message} (${code}).`, {
        ...options,
        hint,
      });
    }
    return new LakebookError('CATALOG_ERROR', `${catalog}: ${message} (${code}).`, options);
  }
}

function inTransaction<T>(database: Database, begin: string, work: () => T): T {
  try {
    // Within, so that no failure of it leaves a transaction open.
    database.exec(begin);
    const result = work();
    commit(database);
    return result;
  } finally {
    if (database.inTransaction) rollBack(database);
  }
}

function rollBack(database: Database): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // Closing undoes the transaction too and lets go of its locks; the next use opens the file anew.
    database.close();
  }
}

function commit(database: Database): void {
  try {
    database.exec('COMMIT');
  } catch (error) {
    // With the transaction still open, rolling back undoes it for certain. SQLite gives a full disk and the like
    // an answer of its own; any other failure may have come after the journal was gone.
    if (database.inTransaction || sqliteCode(error) === 'SQLITE_FULL') throw error;
    throw new CommitStateUnknownError(
      `The catalog ${database.name} failed while it committed: ${String(error)}`,
      {
        hint: 'Check the disk, then look at the table: the change is there wholly or not at all.',
        cause: error,
      },
    );
  }
}

function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(sqliteCode(error) ?? '');
}

function sqliteCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return error.code.startsWith('SQLITE_') ? error.code : undefined;
}
