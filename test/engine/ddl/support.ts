import path from 'node:path';
import { afterAll } from 'vitest';
import type { LoadedTable } from '../../../src/catalog/catalog.ts';
import type { Lake } from '../../../src/catalog/open-lake.ts';
import { EngineSession } from '../../../src/engine/session.ts';
import type { ExecuteOptions, StatementResult } from '../../../src/engine/statement-result.ts';
import { LakebookError } from '../../../src/iceberg/errors.ts';
import { temporaryFolder } from '../support.ts';
import { filesBelow, openTestLake } from '../warehouse.ts';

/** A lake in a folder of its own, used through SQL; it closes after the test file. */
export class SqlLake {
  readonly folder: string;
  readonly lake: Lake;
  readonly session: EngineSession;

  private constructor(folder: string, lake: Lake, session: EngineSession) {
    this.folder = folder;
    this.lake = lake;
    this.session = session;
  }

  /** `wrap` may put something around the lake's parts. */
  static async open(wrap: (lake: Lake) => Lake = lake => lake): Promise<SqlLake> {
    const folder = temporaryFolder();
    const lake = wrap(await openTestLake(folder));
    const session = await EngineSession.open({
      lake,
      workingDirectory: folder,
      threads: 2,
      memoryLimit: '500MB',
    });
    afterAll(async () => {
      await session.close();
      await lake.close();
    });
    return new SqlLake(folder, lake, session);
  }

  async run(sql: string, options: ExecuteOptions = {}): Promise<StatementResult> {
    return (await this.session.execute(sql, options)).at(-1)!;
  }

  /** The sentence of a statement that answers no rows. */
  async text(sql: string, options: ExecuteOptions = {}): Promise<string> {
    const result = await this.run(sql, options);
    if (result.kind === 'rows') throw new Error(`rows: ${sql}`);
    return result.text;
  }

  async rows(sql: string): Promise<unknown[][]> {
    const result = await this.run(sql);
    if (result.kind !== 'rows') throw new Error(`no rows: ${sql}`);
    return result.result.rows(0, 1000);
  }

  /** `CODE line:column message hint` of a statement that fails. */
  async failure(sql: string, options: ExecuteOptions = {}): Promise<string> {
    try {
      await this.session.execute(sql, options);
    } catch (error) {
      if (!(error instanceof LakebookError)) throw error;
      const { position } = error;
      const place = position === undefined ? '-' : `${position.line}:${position.column}`;
      return `${error.code} ${place} ${error.message} ${error.hint ?? ''}`;
    }
    throw new Error(`nothing failed: ${sql}`);
  }

  async table(name: string, namespace = this.lake.defaultNamespace): Promise<LoadedTable> {
    return this.lake.catalog.loadTable({ namespace, name });
  }

  /** All files of the warehouse, or below a folder of this machine; relative names, sorted. */
  files(folder?: string): Promise<string[]> {
    const local = folder === undefined ? this.lake.warehouse : `file://${path.join(this.folder, folder)}`;
    return filesBelow(this.lake, local);
  }
}

/** Lets something happen right before a lake's catalog commits. */
export class Interference {
  #action: (() => Promise<void>) | undefined;

  /** To be put around the lake's parts (`SqlLake.open`). */
  readonly wrap = (inner: Lake): Lake => {
    const catalog = new Proxy(inner.catalog, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          if (name === 'createStaged' || name === 'commitTable') await this.#act();
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    });
    return { ...inner, catalog, close: () => inner.close() };
  };

  /** Does work, and the action before its first commit; one that fails is done again before the next. */
  async whileBefore(action: () => Promise<void>, work: () => Promise<void>): Promise<void> {
    this.#action = action;
    try {
      await work();
    } finally {
      this.#action = undefined;
    }
  }

  async #act(): Promise<void> {
    const action = this.#action;
    if (action === undefined) return;
    this.#action = undefined;
    try {
      await action();
    } catch (error) {
      this.#action = action;
      throw error;
    }
  }
}
