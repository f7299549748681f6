import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadLakeConfig } from '../../../../src/catalog/lake-config.ts';
import { type Lake, openLake } from '../../../../src/catalog/open-lake.ts';
import { EngineSession } from '../../../../src/engine/session.ts';
import { LakebookError } from '../../../../src/iceberg/errors.ts';

/** A lake in a folder of its own, with a session that is opened again when the engine gave up. */
export class FuzzLake {
  readonly folder: string;
  readonly lake: Lake;
  #session: EngineSession | undefined;
  #files = 0;

  private constructor(folder: string, lake: Lake) {
    this.folder = folder;
    this.lake = lake;
  }

  static async open(): Promise<FuzzLake> {
    const folder = await mkdtemp(path.join(tmpdir(), 'lakebook-fuzz-'));
    return new FuzzLake(folder, await openLake(await loadLakeConfig(folder, {})));
  }

  async session(): Promise<EngineSession> {
    this.#session ??= await EngineSession.open({
      lake: this.lake,
      workingDirectory: this.folder,
      threads: 1,
      memoryLimit: '256MB',
      tempLimit: '256MB',
    });
    return this.#session;
  }

  /**
   * Runs work on the session. DuckDB's internal errors make its instance unusable: the next work gets a new one, and
   * so does every two hundredth, since an engine keeps what it learnt of files.
   */
  async with<T>(work: (session: EngineSession) => Promise<T>): Promise<T> {
    if (this.#files % 200 === 0) await this.#end();
    try {
      return await work(await this.session());
    } catch (error) {
      if (error instanceof LakebookError && error.code === 'ENGINE_FAILURE') await this.#end();
      throw error;
    }
  }

  /** A name for a file that no engine has seen. */
  newFile(extension: string): string {
    return path.join(this.folder, `f${this.#files++}.${extension}`);
  }

  async #end(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }

  async close(): Promise<void> {
    await this.#end();
    await this.lake.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Runs statements to their last row. */
export async function runThrough(session: EngineSession, sql: string): Promise<void> {
  for (const outcome of await session.execute(sql)) {
    if (outcome.kind !== 'rows') continue;
    try {
      await outcome.result.finished();
    } finally {
      await outcome.result.close();
    }
  }
}
