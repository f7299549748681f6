import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect } from 'vitest';
import type { Lake } from '../../src/catalog/open-lake.ts';
import { EngineSession } from '../../src/engine/index.ts';
import { LakebookError } from '../../src/iceberg/errors.ts';
import {
  create,
  type IngestRequest,
  ingest,
  type Source,
  type VerbAnswer,
  type VerbOptions,
} from '../../src/lake/index.ts';
import { filesBelow, openTestLake } from '../engine/warehouse.ts';

const open: TestLake[] = [];
afterAll(async () => {
  for (const lake of open) await lake.close();
});

/** A lake in a folder of its own, with a session whose relative paths start there. */
export class TestLake {
  readonly folder: string;
  readonly lake: Lake;
  readonly session: EngineSession;

  private constructor(folder: string, lake: Lake, session: EngineSession) {
    this.folder = folder;
    this.lake = lake;
    this.session = session;
  }

  static async open(settings: { memoryLimit?: string; threads?: number } = {}): Promise<TestLake> {
    const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-lake-'));
    const lake = await openTestLake(folder);
    const session = await EngineSession.open({ lake, workingDirectory: folder, threads: 2, ...settings });
    const opened = new TestLake(folder, lake, session);
    open.push(opened);
    return opened;
  }

  async close(): Promise<void> {
    await this.session.close();
    await this.lake.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Writes a file below the folder and answers it as a source. */
  file(name: string, content: string | Uint8Array): Extract<Source, { kind: 'files' }> {
    mkdirSync(path.dirname(path.join(this.folder, name)), { recursive: true });
    writeFileSync(path.join(this.folder, name), content);
    return { kind: 'files', paths: [name] };
  }

  /** `sales (id long key, amount decimal(10,2), sold_at date, note string)`, or other columns. */
  async table(
    name = 'sales',
    columns: Readonly<Record<string, string>> = {
      id: 'long',
      amount: 'decimal(10,2)',
      sold_at: 'date',
      note: 'string',
    },
    more: { readonly key?: string[]; readonly partitionedBy?: string[] } = { key: ['id'] },
  ): Promise<void> {
    await create(this.session, {
      table: name,
      columns: Object.entries(columns).map(([column, type]) => ({ name: column, type })),
      ...more,
    });
  }

  /** Loads CSV text into `sales`. */
  csv(
    text: string | Uint8Array,
    more: Partial<IngestRequest> & { readonly file?: string } = {},
    options: VerbOptions = {},
  ): Promise<VerbAnswer> {
    const { file = 'data.csv', ...request } = more;
    return ingest(
      this.session,
      { table: 'sales', ...request, source: { ...this.file(file, text), ...request.source } as Source },
      options,
    );
  }

  /** All rows of a query. */
  async rows(sql: string): Promise<unknown[][]> {
    const [outcome] = await this.session.execute(sql);
    if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
    const { result } = outcome;
    const rows = await result.rows(0, await result.finished());
    await result.close();
    return rows;
  }

  /** All rows of an answer. */
  async rowsOf({ result, rows }: VerbAnswer): Promise<readonly (readonly unknown[])[]> {
    return result === undefined ? (rows ?? []) : result.rows(0, await result.finished());
  }

  /** Every file of the warehouse, for showing that a failure left none. */
  files(): Promise<string[]> {
    return filesBelow(this.lake, this.lake.warehouse);
  }

  /** What a failing verb says; that nothing was written by it is checked too. */
  async failure(work: () => Promise<unknown>): Promise<LakebookError> {
    const before = await this.files();
    try {
      await work();
    } catch (error) {
      expect(error).toBeInstanceOf(LakebookError);
      expect(await this.files()).toEqual(before);
      return error as LakebookError;
    }
    throw new Error('it did not fail');
  }
}
