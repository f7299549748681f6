import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { afterAll, inject } from 'vitest';
import { loadLakeConfig } from '../../../src/catalog/lake-config.ts';
import { openLake } from '../../../src/catalog/open-lake.ts';
import { DuckDb } from '../../../src/engine/duckdb.ts';
import { EngineSession } from '../../../src/engine/index.ts';
import type { RemoteOutcome, RemoteQueryOptions } from '../../../src/engine/remote/remote-engine.ts';
import { RemoteStream } from '../../../src/engine/remote/remote-stream.ts';
import { SparkEngine, type SparkOptions } from '../../../src/engine/remote/spark/spark-engine.ts';
import { type ResultColumn, ResultSet } from '../../../src/engine/result-set.ts';
import { ResultStore } from '../../../src/engine/result-store.ts';
import { temporaryFolder } from '../../engine/support.ts';

/** A session of Spark that ends with the test file. */
export function openSpark(options: Partial<SparkOptions> = {}): SparkEngine {
  const engine = new SparkEngine({ url: inject('spark').url, catalog: 'lake', ...options });
  afterAll(() => engine.close());
  return engine;
}

/** A new namespace of Spark's catalog, so that no test meets another one's tables. */
export async function newNamespace(engine: SparkEngine): Promise<string> {
  const name = `t${randomUUID().slice(0, 8)}`;
  const { batches } = await engine.query(`CREATE NAMESPACE ${name}`);
  for await (const _ of batches) throw new Error('a namespace has no rows');
  return name;
}

/** Spark's names of the catalogs that Lakebook opens too. */
export type SharedCatalog = 'lake' | 'rest';

/** Lakebook on a lake that Spark has too, in a namespace; it closes with the test file. */
export async function openLakebook(
  namespace: string,
  catalog: SharedCatalog = 'lake',
): Promise<EngineSession> {
  const { folder, rest, url } = inject('spark');
  const config = await loadLakeConfig(folder);
  const engines = { ...config.engines, spark: { uri: url, catalog } };
  const lake = await openLake(
    catalog === 'lake'
      ? { ...config, engines }
      : {
          ...config,
          catalog: { type: 'rest', uri: rest.uri, name: 'lake', properties: rest },
          warehouse: rest.warehouse,
          engines,
        },
  );
  const session = await EngineSession.open({ lake, threads: 2, workingDirectory: folder });
  await session.execute(`USE ${namespace}`);
  afterAll(async () => {
    await session.close();
    await lake.close();
  });
  return session;
}

export interface Answer {
  readonly columns: readonly ResultColumn[];
  /** As `jsonRows` has them. */
  readonly rows: unknown[][];
  readonly isQuery: boolean;
  readonly outcome: RemoteOutcome;
}

/** Takes Spark's answers into DuckDB, as cells do. */
export class Results {
  readonly store: ResultStore;

  private constructor(store: ResultStore) {
    this.store = store;
  }

  static async open(memoryLimit?: string): Promise<Results> {
    const duckdb = await DuckDb.open({
      tempDirectory: path.join(temporaryFolder(), 'tmp'),
      threads: 2,
      ...(memoryLimit === undefined ? {} : { memoryLimit }),
    });
    const store = await ResultStore.open(duckdb);
    afterAll(async () => {
      await store.close();
      await duckdb.close();
    });
    return new Results(store);
  }

  /** A statement's result while its rows may still come. */
  async start(engine: SparkEngine, sql: string, options: RemoteQueryOptions = {}): Promise<ResultSet> {
    const stop = new AbortController();
    const signal =
      options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
    const rows = await engine.query(sql, { ...options, signal });
    return ResultSet.open(new RemoteStream(rows, stop), this.store);
  }

  /** Everything that a statement answers. */
  async of(engine: SparkEngine, sql: string, options: RemoteQueryOptions = {}): Promise<Answer> {
    const stop = new AbortController();
    const remote = await engine.query(sql, { ...options, signal: options.signal ?? stop.signal });
    const result = await ResultSet.open(new RemoteStream(remote, stop), this.store);
    try {
      const count = await result.finished();
      const rows = await result.rows(0, count);
      return { columns: result.columns, rows, isQuery: remote.isQuery, outcome: remote.outcome() };
    } finally {
      await result.close();
    }
  }
}

/** The rows of a query in Lakebook. */
export async function lakebookRows(session: EngineSession, sql: string): Promise<unknown[][]> {
  const outcomes = await session.execute(sql);
  const last = outcomes.at(-1);
  if (last?.kind !== 'rows') return [];
  const rows = await last.result.rows(0, await last.result.finished());
  await last.result.close();
  return rows;
}

/** Spark's jobs that run now, as its web interface tells. */
export async function runningJobs(
  ui: string = inject('spark').ui,
): Promise<{ jobId: number; name: string }[]> {
  const applications = (await json(`${ui}/api/v1/applications`)) as { id: string }[];
  return (await json(`${ui}/api/v1/applications/${applications[0]!.id}/jobs?status=running`)) as never;
}

async function json(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}
