import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { openLake } from '../../src/catalog/open-lake.ts';
import { EngineSession } from '../../src/engine/index.ts';
import { Judge } from './judge.ts';

export interface LakeConfig {
  /** The SQLite file. */
  readonly db: string;
  readonly warehouse: string;
  /** The catalog's name, in its `catalog_name` column. */
  readonly name: string;
}

/** A lake in a temporary folder, opened by Lakebook and by the judges. */
export class SharedLake {
  readonly dir: string;
  readonly session: EngineSession;
  /** How the judges open the catalog. */
  readonly config: LakeConfig;
  readonly #judge: Judge;
  #files = 0;

  private constructor(dir: string, config: LakeConfig, session: EngineSession, judge: Judge) {
    this.dir = dir;
    this.config = config;
    this.session = session;
    this.#judge = judge;
  }

  static async open(judge: Judge): Promise<SharedLake> {
    const dir = mkdtempSync(path.join(tmpdir(), 'lakebook-interop-'));
    const config = { db: path.join(dir, 'catalog.db'), warehouse: path.join(dir, 'warehouse'), name: 'lake' };
    writeFileSync(
      path.join(dir, 'lakebook.json'),
      JSON.stringify({
        catalog: { type: 'sqlite', uri: config.db, name: config.name },
        warehouse: config.warehouse,
      }),
    );
    const lake = await openLake(dir);
    const session = await EngineSession.open({ lake, workingDirectory: dir });
    await judge.open(config);
    return new SharedLake(dir, config, session, judge);
  }

  /** Runs SQL in Lakebook. */
  async sql(text: string) {
    return await this.session.execute(text);
  }

  /** The rows of one query, as JSON-safe values. */
  async rows(query: string): Promise<unknown[][]> {
    const [outcome] = await this.sql(query);
    if (outcome?.kind !== 'rows') throw new Error(`no rows: ${query}`);
    await outcome.result.finished();
    const rows = await outcome.result.rows(0, outcome.result.rowCount);
    await outcome.result.close();
    return rows;
  }

  /** Lakebook's answer to `query` must equal, as a multiset of rows, the pyarrow table that `code` makes. */
  async expectSame(query: string, code: string): Promise<void> {
    const [outcome] = await this.sql(query);
    if (outcome?.kind !== 'rows') throw new Error(`no rows: ${query}`);
    const file = path.join(this.dir, `ours-${this.#files++}.arrow`);
    // Rows go on coming while the first ones are there.
    await outcome.result.finished();
    writeFileSync(file, await outcome.result.window(0, outcome.result.rowCount));
    await outcome.result.close();
    const verdict = await this.#judge.compare(file, code);
    if (!verdict.equal) throw new Error(`${query}: ${verdict.why}`);
  }

  /** The whole of a table reads the same in PyIceberg and in Spark, but for a judge that is left out. */
  async expectAllSame(table: string, options: { pyiceberg?: false; spark?: false } = {}): Promise<void> {
    if (options.pyiceberg !== false) {
      await this.expectSame(
        `SELECT * FROM ${table}`,
        `result = catalog.load_table('default.${table}').scan().to_arrow()`,
      );
    }
    if (options.spark !== false) {
      await this.expectSame(`SELECT * FROM ${table}`, `result = spark().table('default.${table}').toArrow()`);
    }
  }

  async close(): Promise<void> {
    await this.session.close();
    await this.session.lake.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** The judge of a test file that calls `useJudge`. */
export let judge: Judge;
/** The lake of the test that runs. */
export let lake: SharedLake;

/** Gives a test file a judge, and each of its tests an empty lake. */
export function useJudge(): void {
  beforeAll(async () => {
    judge = await Judge.connect();
  });
  afterAll(() => judge.close());
  beforeEach(async () => {
    lake = await SharedLake.open(judge);
  });
  afterEach(() => lake.close());
}
