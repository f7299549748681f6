import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Lake } from '../catalog/open-lake.ts';
import { SqlError } from '../engine/errors.ts';
import { EngineSession } from '../engine/index.ts';
import { InterruptedError, LakebookError } from '../iceberg/errors.ts';
import { GatewayError } from './http/problems.ts';
import type { GatewayLimits } from './limits.ts';
import { isHeldByLock } from './security/sql-guard.ts';

/** Sessions of one kind, each used by one request at a time; requests wait in the order in which they came. */
export class SessionPool {
  readonly #open: () => Promise<EngineSession>;
  readonly #free: EngineSession[] = [];
  readonly #waiting: { readonly take: (session: EngineSession | undefined) => void }[] = [];
  readonly #size: number;
  readonly #mostWaiting: number;
  readonly #sessions = new Set<EngineSession>();
  readonly #ends = new Set<Promise<void>>();
  #count = 0;
  #closed = false;

  constructor(size: number, mostWaiting: number, open: () => Promise<EngineSession>) {
    this.#size = size;
    this.#mostWaiting = mostWaiting;
    this.#open = open;
  }

  get running(): number {
    return this.#count - this.#free.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Runs `work` with a session of its own. One that is broken afterwards is replaced.
   * @throws GatewayError 429 when too many wait already; InterruptedError when `signal` aborts before its turn
   */
  async use<T>(signal: AbortSignal, work: (session: EngineSession) => Promise<T>): Promise<T> {
    const session = await this.#acquire(signal);
    let isBroken = false;
    try {
      return await work(session);
    } catch (error) {
      isBroken = isFatal(error);
      throw error;
    } finally {
      if (isBroken) this.#replace(session);
      else this.#release(session);
    }
  }

  /** As `use`; where DuckDB's lock kept a file of the lake from being read, once more with a session that knows it. */
  async useKnowing<T>(signal: AbortSignal, work: (session: EngineSession) => Promise<T>): Promise<T> {
    try {
      return await this.use(signal, work);
    } catch (error) {
      if (!isHeldByLock(error)) throw error;
    }
    for (const session of this.#free.splice(0)) this.#replace(session);
    return this.use(signal, work);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { take } of this.#waiting.splice(0)) take(undefined);
    this.#free.splice(0);
    await Promise.allSettled([...[...this.#sessions].map(session => session.close()), ...this.#ends]);
  }

  async #acquire(signal: AbortSignal): Promise<EngineSession> {
    if (signal.aborted) throw new InterruptedError();
    if (this.#closed) throw closing();
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#count < this.#size) {
      this.#count++;
      return this.#start();
    }
    if (this.#waiting.length >= this.#mostWaiting) {
      throw new GatewayError(429, 'TOO_BUSY', 'Too many requests are waiting already.', {
        hint: 'Try again in a moment.',
        headers: { 'retry-after': '1' },
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<EngineSession | undefined>();
    const waiter = { take: resolve };
    this.#waiting.push(waiter);
    const onAbort = () => {
      const at = this.#waiting.indexOf(waiter);
      if (at >= 0) this.#waiting.splice(at, 1);
      reject(new InterruptedError());
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const session = await promise;
      if (session !== undefined) return session;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    if (this.#closed) throw closing();
    return this.#start();
  }

  /** Opens a session in place of one that is counted already. */
  async #start(): Promise<EngineSession> {
    try {
      const session = await this.#open();
      this.#sessions.add(session);
      return session;
    } catch (error) {
      this.#count--;
      throw error;
    }
  }

  #release(session: EngineSession): void {
    if (this.#closed) return;
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(session);
    else next.take(session);
  }

  #replace(session: EngineSession): void {
    this.#sessions.delete(session);
    const end = session.close().catch(() => undefined);
    this.#ends.add(end);
    void end.then(() => this.#ends.delete(end));
    const next = this.#waiting.shift();
    // The next one opens a session for itself.
    if (next === undefined) this.#count--;
    else next.take(undefined);
  }
}

function closing(): GatewayError {
  return new GatewayError(503, 'CLOSING', 'The server is going down.');
}

/** Whether an instance of DuckDB is of no use after an error. */
function isFatal(error: unknown): boolean {
  if (error instanceof SqlError) return /^(fatal|internal)$/i.test(error.detail.type);
  return !(error instanceof LakebookError);
}

/** The sessions of a gateway, and the folders that its requests use. */
export class Sessions {
  readonly queries: SessionPool;
  readonly changes: SessionPool;
  /** Uploads are put here; relative file names of changes start here. */
  readonly uploads: string;
  /** Files that answers are read from. */
  readonly answers: string;
  readonly #folder: string;

  private constructor(folder: string, queries: SessionPool, changes: SessionPool) {
    this.#folder = folder;
    this.uploads = path.join(folder, 'uploads');
    this.answers = path.join(folder, 'answers');
    this.queries = queries;
    this.changes = changes;
  }

  static async open(lake: Lake, limits: GatewayLimits): Promise<Sessions> {
    await removeLeftovers();
    const folder = await mkdtemp(path.join(tmpdir(), `${folderPrefix}${process.pid}-`));
    own.add(folder);
    const memoryMiB = Math.floor(limits.memoryBytes / (limits.queries + limits.changes) / 2 ** 20);
    const common = {
      lake,
      // Many queries at once share the cores best with a thread each.
      threads: 1,
      memoryLimit: `${Math.max(memoryMiB, 64)}MiB`,
      tempLimit: `${Math.max(Math.floor(limits.tempBytes / 2 ** 20), 1)}MiB`,
    };
    const folders = (own: string) => lakeFolders(lake).then(found => [...found, path.join(folder, own)]);
    const queries = new SessionPool(limits.queries, limits.waiting, async () =>
      EngineSession.open({
        ...common,
        workingDirectory: path.join(folder, 'answers'),
        queriesOnly: true,
        confinement: { folders: await folders('answers'), lockSettings: true, timeZone: 'UTC' },
      }),
    );
    const changes = new SessionPool(limits.changes, limits.waiting, async () =>
      EngineSession.open({
        ...common,
        workingDirectory: path.join(folder, 'uploads'),
        confinement: { folders: await folders('uploads'), lockSettings: false, timeZone: 'UTC' },
      }),
    );
    const sessions = new Sessions(folder, queries, changes);
    for (const each of [sessions.uploads, sessions.answers]) await mkdir(each, { mode: 0o700 });
    return sessions;
  }

  async close(): Promise<void> {
    await Promise.all([this.queries.close(), this.changes.close()]);
    await rm(this.#folder, { recursive: true, force: true });
    own.delete(this.#folder);
  }
}

const folderPrefix = 'lakebook-gateway-';
/** Folders of this process. */
const own = new Set<string>();

/** A gateway that was killed left its uploads behind: the next one removes them. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = new RegExp(`^${folderPrefix}(\\d+)-`).exec(name)?.[1];
    const folder = path.join(tmpdir(), name);
    if (pid === undefined || own.has(folder)) continue;
    // In a container every gateway has the same number.
    if (Number(pid) !== process.pid && isRunning(Number(pid))) continue;
    // Another user's can't be removed, and is that user's to remove.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Local folders that hold the lake's data files: the warehouse, and what tables that lie elsewhere have. */
async function lakeFolders(lake: Lake): Promise<string[]> {
  const { catalog, storage, warehouse } = lake;
  const folders = new Set<string>();
  const add = async (location: string) => folders.add(await storage.localFolder(location));
  // Only the server of a REST catalog may know it.
  if (warehouse !== '') await add(warehouse);
  const namespaces = [...(await catalog.listNamespaces())];
  for (const namespace of namespaces) namespaces.push(...(await catalog.listNamespaces(namespace)));
  for (const namespace of namespaces) {
    for (const identifier of await catalog.listTables(namespace)) {
      try {
        const { metadata } = await catalog.loadTable(identifier);
        await add(metadata.location);
        const data = metadata.properties['write.data.path'];
        if (data !== undefined) await add(data);
      } catch (error) {
        // A table that can't be loaded, or is gone, can't be read either.
        if (!(error instanceof LakebookError)) throw error;
      }
    }
  }
  return [...folders];
}
