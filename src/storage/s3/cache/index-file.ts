import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Database } from 'better-sqlite3';
import type { ByteRange } from '../../../iceberg/io.ts';

/** Bytes of a cached file with their checksum. */
export interface Block extends ByteRange {
  /** CRC-32 of the bytes. */
  readonly crc: number;
}

/** What the cache knows of a file. */
export interface IndexedFile {
  readonly etag: string | undefined;
  readonly blocks: readonly Block[];
}

export interface NamedFile {
  /** Name in the cache. */
  readonly name: string;
  readonly location: string;
  readonly size: number;
}

export interface CacheUsage {
  readonly files: number;
  readonly bytes: number;
  /** Of files that a running process reads. */
  readonly bytesInUse: number;
}

const schema = `
CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, location TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT,
  bytes INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_used ON files (used);
CREATE TABLE IF NOT EXISTS blocks (file TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  crc INTEGER NOT NULL, PRIMARY KEY (file, start, "end")) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owners (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, host TEXT NOT NULL,
  seen INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pins (file TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (file, owner)) WITHOUT ROWID;
`;

/** How exact the time of the last use is, in milliseconds. */
const usedStepMs = 60_000;

/** Longest wait for another process's transaction; they take milliseconds. */
const busyTimeoutMs = 10_000;

/**
 * What is in the cache, shared by all processes of a machine: a SQLite file. A block is told here only after its
 * bytes were written, so a process may be killed at any time. Files are removed in the transaction that takes them
 * out, and pinned in one too, so none goes away that a living process has pinned.
 */
export class IndexFile {
  readonly #database: Database;
  /** Stands for this process. */
  readonly owner = randomUUID();

  private constructor(database: Database) {
    this.#database = database;
  }

  /** @throws errors of SQLite, also for a damaged file */
  static async open(file: string): Promise<IndexFile> {
    const Sqlite = (await import('better-sqlite3')).default;
    const database = new Sqlite(file, { timeout: busyTimeoutMs });
    try {
      database.pragma('journal_mode = WAL');
      // After a power cut at worst the newest blocks are unknown, and read again.
      database.pragma('synchronous = NORMAL');
      database.exec(schema);
      const index = new IndexFile(database);
      database
        .prepare('INSERT INTO owners VALUES (?, ?, ?, ?)')
        .run(index.owner, process.pid, hostname(), Date.now());
      return index;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Keeps files from being removed, and tells what is there of each, in the same order. */
  pin(files: readonly NamedFile[]): IndexedFile[] {
    const database = this.#database;
    const now = Date.now();
    const upsert = database.prepare(
      `INSERT INTO files VALUES (@name, @location, @size, NULL, 0, @now) ON CONFLICT (name) DO UPDATE SET used = @now`,
    );
    const pin = database.prepare('INSERT OR IGNORE INTO pins VALUES (?, ?)');
    const etag = database.prepare('SELECT etag FROM files WHERE name = ?').pluck();
    const blocks = database.prepare('SELECT start, "end", crc FROM blocks WHERE file = ? ORDER BY start');
    return this.#transaction(() => {
      database.prepare('UPDATE owners SET seen = ? WHERE id = ?').run(now, this.owner);
      return files.map(({ name, location, size }) => {
        upsert.run({ name, location, size, now });
        pin.run(name, this.owner);
        return {
          etag: (etag.get(name) as string | null) ?? undefined,
          blocks: blocks.all(name) as Block[],
        };
      });
    });
  }

  /** What is there of a file, which counts as used; undefined when nothing is. */
  find(name: string): IndexedFile | undefined {
    const database = this.#database;
    const file = database.prepare('SELECT etag, used FROM files WHERE name = ?').get(name) as
      | { etag: string | null; used: number }
      | undefined;
    if (file === undefined) return undefined;
    const now = Date.now();
    // Not each time: it is a write, for which all processes take turns.
    if (now - file.used > usedStepMs) {
      database.prepare('UPDATE files SET used = ? WHERE name = ?').run(now, name);
    }
    const blocks = database
      .prepare('SELECT start, "end", crc FROM blocks WHERE file = ? ORDER BY start')
      .all(name);
    return { etag: file.etag ?? undefined, blocks: blocks as Block[] };
  }

  unpin(names: Iterable<string>): void {
    const statement = this.#database.prepare('DELETE FROM pins WHERE file = ? AND owner = ?');
    this.#transaction(() => {
      for (const name of names) statement.run(name, this.owner);
    });
  }

  /** The bytes of these blocks are in the file. */
  add(name: string, blocks: readonly Block[], etag: string | undefined): void {
    const insert = this.#database.prepare('INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)');
    const update = this.#database.prepare(
      `UPDATE files SET bytes = (SELECT sum("end" - start) FROM blocks WHERE file = @name),
         etag = coalesce(@etag, etag) WHERE name = @name`,
    );
    this.#transaction(() => {
      for (const { start, end, crc } of blocks) insert.run(name, start, end, crc);
      update.run({ name, etag: etag ?? null });
    });
  }

  /** Forgets blocks of a file; all of them when none are named. */
  forget(name: string, blocks?: readonly Block[]): void {
    const database = this.#database;
    this.#transaction(() => {
      if (blocks === undefined) database.prepare('DELETE FROM blocks WHERE file = ?').run(name);
      const one = database.prepare('DELETE FROM blocks WHERE file = ? AND start = ? AND "end" = ?');
      for (const { start, end } of blocks ?? []) one.run(name, start, end);
      database
        .prepare(
          `UPDATE files SET bytes = (SELECT coalesce(sum("end" - start), 0) FROM blocks WHERE file = @name),
             etag = CASE WHEN @all THEN NULL ELSE etag END WHERE name = @name`,
        )
        .run({ name, all: blocks === undefined ? 1 : 0 });
    });
  }

  /**
   * Takes out files that no process has pinned, those first that weren't used for longest, until at most `budget`
   * bytes are left. `remove` deletes a file of a name. @returns bytes that became free
   */
  evict(budget: number, remove: (name: string) => void): number {
    const database = this.#database;
    if (this.#bytes() <= budget) return 0;
    return this.#transaction(() => {
      this.#dropDeadOwners();
      let excess = this.#bytes() - budget;
      let freed = 0;
      const candidates = database
        .prepare('SELECT name, bytes FROM files WHERE name NOT IN (SELECT file FROM pins) ORDER BY used')
        .all() as { name: string; bytes: number }[];
      for (const { name, bytes } of candidates) {
        if (excess <= 0) break;
        remove(name);
        database.prepare('DELETE FROM blocks WHERE file = ?').run(name);
        database.prepare('DELETE FROM files WHERE name = ?').run(name);
        excess -= bytes;
        freed += bytes;
      }
      return freed;
    });
  }

  usage(): CacheUsage {
    this.#transaction(() => this.#dropDeadOwners());
    return this.#database
      .prepare(
        `SELECT count(*) AS files, coalesce(sum(bytes), 0) AS bytes,
           coalesce(sum(bytes) FILTER (WHERE name IN (SELECT file FROM pins)), 0) AS bytesInUse FROM files`,
      )
      .get() as CacheUsage;
  }

  /** Whether the process of an owner may still be running. */
  isAlive(owner: string): boolean {
    const row = this.#database.prepare('SELECT pid, host, seen FROM owners WHERE id = ?').get(owner);
    return row !== undefined && isRunning(row as Owner);
  }

  has(name: string): boolean {
    return this.#database.prepare('SELECT 1 FROM files WHERE name = ?').get(name) !== undefined;
  }

  close(): void {
    this.#transaction(() => this.#dropOwner(this.owner));
    this.#database.close();
  }

  #bytes(): number {
    return this.#database.prepare('SELECT coalesce(sum(bytes), 0) FROM files').pluck().get() as number;
  }

  #dropDeadOwners(): void {
    const owners = this.#database.prepare('SELECT id, pid, host, seen FROM owners').all();
    for (const owner of owners as (Owner & { id: string })[]) {
      if (owner.id !== this.owner && !isRunning(owner)) this.#dropOwner(owner.id);
    }
  }

  #dropOwner(id: string): void {
    this.#database.prepare('DELETE FROM pins WHERE owner = ?').run(id);
    this.#database.prepare('DELETE FROM owners WHERE id = ?').run(id);
  }

  #transaction<T>(work: () => T): T {
    return this.#database.transaction(work).immediate();
  }
}

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When it last pinned something, in milliseconds since the epoch. */
  readonly seen: number;
}

const dayMs = 86_400_000;

/** A process in another container that shares the cache can't be asked: it counts as running for a day. */
function isRunning({ pid, host, seen }: Owner): boolean {
  if (host !== hostname()) return Date.now() - seen < dayMs;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
