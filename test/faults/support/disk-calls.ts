// Stands between this process and its disk: every call of the file system on a path below a folder, and every SQL
// statement on the catalog's file, passes a function that may let it fail, or do something of its own.

import type { FileHandle } from 'node:fs/promises';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import Database from 'better-sqlite3';

// The objects that hold the functions; `syncBuiltinESMExports` hands replaced ones on to those who imported them by name.
const require = createRequire(import.meta.url);
const fs = require('node:fs') as Record<string, unknown>;
const promises = require('node:fs/promises') as Record<string, unknown>;

export interface DiskCall {
  /** `open`, `write`, `sync`, `link`, ...; `sql BEGIN`, `sql COMMIT`, `sql run`. */
  readonly name: string;
  /** Path of the file or folder. */
  readonly path: string;
  /** Counts from 0 since the last `reset`. */
  readonly number: number;
}

/** What happens to a call; undefined lets it pass. */
export type Fate =
  /** It fails with this code of the system, and nothing happens. */
  | { readonly kind: 'fail'; readonly code: string }
  /** Half of what is to be written is written, then it fails. */
  | { readonly kind: 'half'; readonly code: string }
  /** It is done, and fails. */
  | { readonly kind: 'done and fail'; readonly code: string }
  /** It takes so many milliseconds longer. */
  | { readonly kind: 'slow'; readonly ms: number };

const pathCalls = [
  'access',
  'copyFile',
  'link',
  'mkdir',
  'open',
  'opendir',
  'readFile',
  'readdir',
  'rename',
  'rm',
  'rmdir',
  'stat',
  'unlink',
] as const;

/** Calls that change something on the disk. */
export const changingCalls: ReadonlySet<string> = new Set([
  'copyFile',
  'link',
  'mkdir',
  'open to write',
  'write',
  'sync',
  'rename',
  'rm',
  'rmdir',
  'unlink',
  'sql COMMIT',
  'sql run',
]);

/** Calls that take something away. */
export const cleaningCalls: ReadonlySet<string> = new Set(['rm', 'rmdir', 'unlink']);

export class DiskCalls {
  /** Decides what happens; may also act on its own (kill the process). */
  decide: (call: DiskCall) => Fate | undefined = () => undefined;
  readonly #folder: string;
  #count = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** For the rest of the process's life. */
  static watch(folder: string): DiskCalls {
    const calls = new DiskCalls(folder);
    calls.#watchPaths();
    calls.#watchSql();
    return calls;
  }

  /** Calls since the last reset. */
  get count(): number {
    return this.#count;
  }

  reset(): void {
    this.#count = 0;
    this.decide = () => undefined;
  }

  #next(name: string, path: string): Fate | undefined {
    return this.decide({ name, path, number: this.#count++ });
  }

  #watchPaths(): void {
    for (const name of pathCalls) {
      const real = promises[name] as (...args: unknown[]) => Promise<unknown>;
      promises[name] = async (...args: unknown[]) => {
        const path = String(args[name === 'link' || name === 'rename' || name === 'copyFile' ? 1 : 0]);
        if (!path.startsWith(this.#folder)) return real(...args);
        const writes = name === 'open' && /[wa+]/.test(String(args[1] ?? 'r'));
        const told = writes ? 'open to write' : name;
        const result = await this.#passed(told, path, () => real(...args));
        return name === 'open' ? this.#watchHandle(result as FileHandle, path) : result;
      };
    }
    const statSync = fs.statSync as (...args: unknown[]) => unknown;
    fs.statSync = (...args: unknown[]) => {
      const path = String(args[0]);
      const fate = path.startsWith(this.#folder) ? this.#next('stat', path) : undefined;
      if (fate !== undefined && fate.kind !== 'slow') throw systemError(fate.code, 'stat', path);
      return statSync(...args);
    };
    syncBuiltinESMExports();
  }

  async #passed<T>(name: string, path: string, work: () => Promise<T>): Promise<T> {
    const fate = this.#next(name, path);
    if (fate?.kind === 'slow') await new Promise(resolve => setTimeout(resolve, fate.ms));
    else if (fate?.kind === 'done and fail') {
      const result = await work();
      if (name.startsWith('open')) await (result as FileHandle).close();
      throw systemError(fate.code, name, path);
    } else if (fate !== undefined) throw systemError(fate.code, name, path);
    return work();
  }

  #watchHandle(handle: FileHandle, path: string): FileHandle {
    const { writeFile, sync, read } = handle;
    handle.writeFile = async (data, options) => {
      const fate = this.#next('write', path);
      if (fate?.kind === 'slow') await new Promise(resolve => setTimeout(resolve, fate.ms));
      else if (fate !== undefined) {
        const bytes = data as Uint8Array;
        const written = fate.kind === 'half' ? bytes.subarray(0, bytes.length >> 1) : bytes;
        if (fate.kind !== 'fail') await writeFile.call(handle, written);
        throw systemError(fate.code, 'write', path);
      }
      return writeFile.call(handle, data, options);
    };
    handle.sync = () => this.#passed('sync', path, () => sync.call(handle));
    handle.read = ((...args: Parameters<typeof read>) =>
      this.#passed('read', path, () => read.apply(handle, args) as Promise<unknown>)) as typeof read;
    return handle;
  }

  #watchSql(): void {
    const { exec } = Database.prototype;
    const calls = this;
    Database.prototype.exec = function (this: Database.Database, sql: string) {
      const fate = calls.#next(`sql ${/^\s*(\w+)/.exec(sql)?.[1]}`, this.name);
      if (fate?.kind === 'done and fail') exec.call(this, sql);
      if (fate !== undefined && fate.kind !== 'slow') throw sqliteError(fate.code);
      return exec.call(this, sql);
    };
    const probe = new Database(':memory:');
    const statement = Object.getPrototypeOf(probe.prepare('SELECT 1')) as Database.Statement;
    probe.close();
    const { run } = statement;
    statement.run = function (this: Database.Statement, ...parameters: unknown[]) {
      const fate = calls.#next('sql run', this.database.name);
      if (fate !== undefined && fate.kind !== 'slow') throw sqliteError(fate.code);
      return run.apply(this, parameters);
    };
  }
}

/** Kills this process right before its call with this number on the lake of a folder, counted from now. */
export function killSelfAt(folder: string, number: number): void {
  DiskCalls.watch(join(folder, '.lakebook')).decide = call => {
    if (call.number === number) process.kill(process.pid, 'SIGKILL');
    return undefined;
  };
}

function systemError(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: put here by a test, ${syscall} '${path}'`), {
    code,
    syscall,
    path,
    errno: -1,
  });
}

/** How SQLite tells of the same. */
const sqliteCodes: Readonly<Record<string, string>> = {
  ENOSPC: 'SQLITE_FULL',
  EROFS: 'SQLITE_READONLY',
  EACCES: 'SQLITE_CANTOPEN',
  EIO: 'SQLITE_IOERR_WRITE',
};

function sqliteError(code: string): Error {
  return new Database.SqliteError('put here by a test', sqliteCodes[code]!);
}
