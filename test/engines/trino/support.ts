import { randomUUID } from 'node:crypto';
import { afterAll, expect } from 'vitest';
import { loadLakeConfig } from '../../../src/catalog/lake-config.ts';
import { openLake } from '../../../src/catalog/open-lake.ts';
import type { EngineKind } from '../../../src/engine/remote/remote-engine.ts';
import { TrinoEngine, type TrinoOptions } from '../../../src/engine/remote/trino/trino-engine.ts';
import { EngineSession } from '../../../src/engine/session.ts';
import type { ExecuteOptions, RowsResult, StatementResult } from '../../../src/engine/statement-result.ts';
import { catalogUri } from '../../catalog/rest/rest-server.ts';
import { temporaryFolder } from '../../engine/support.ts';

export function trinoUri(): string {
  const uri = process.env.LAKEBOOK_TEST_TRINO_URI;
  if (uri === undefined) throw new Error('No Trino runs: test/engines/trino/servers.ts starts it.');
  return uri;
}

/** A session of Trino on one of its own catalogs; it ends with the test file. */
export function openTrino(options: Partial<TrinoOptions> = {}): TrinoEngine {
  const engine = new TrinoEngine({ uri: trinoUri(), user: 'judge', catalog: 'tpch', ...options });
  afterAll(() => engine.close());
  return engine;
}

/** A lake in a REST catalog of its own, which Trino has as a catalog of another name. */
export interface SharedLake {
  readonly session: EngineSession;
  /** Trino's name of the catalog. */
  readonly catalog: string;
  /** The lakebook.json of the lake. */
  readonly settings: object;
  /** Runs statements here or on Trino and gives the last one's answer. */
  run(engine: EngineKind, sql: string, options?: ExecuteOptions): Promise<StatementResult>;
  /** Rows of a query, as `jsonRows` has them. */
  rows(engine: EngineKind, sql: string, options?: ExecuteOptions): Promise<unknown[][]>;
  /** Columns and rows of a query. */
  answer(engine: EngineKind, sql: string): Promise<{ types: string[]; rows: unknown[][] }>;
}

/** Makes a lake that Lakebook and Trino share, with the namespace `default`; it goes away with the test file. */
export async function sharedLake(): Promise<SharedLake> {
  const id = randomUUID().slice(0, 8);
  const warehouse = `s3://lakes/trino-${id}`;
  const uri = catalogUri(process.env.LAKEBOOK_TEST_REST_PORT!, warehouse);
  const catalog = `c_${id}`;
  const properties = {
    'iceberg.catalog.type': 'rest',
    'iceberg.rest-catalog.uri': uri,
    'iceberg.rest-catalog.warehouse': warehouse,
    'iceberg.rest-catalog.nested-namespace-enabled': 'true',
    'fs.native-s3.enabled': 'true',
    ...(JSON.parse(process.env.LAKEBOOK_TEST_TRINO_S3!) as Record<string, string>),
  };
  const withs = Object.entries(properties).map(([name, value]) => `"${name}" = '${value}'`);
  const trino = openTrino({ catalog: 'system' });
  for await (const _ of (
    await trino.query(`CREATE CATALOG ${catalog} USING iceberg WITH (${withs.join(', ')})`)
  ).batches);
  afterAll(async () => {
    const dropping = openTrino({ catalog: 'system' });
    for await (const _ of (await dropping.query(`DROP CATALOG ${catalog}`)).batches);
    await dropping.close();
  });

  const root = temporaryFolder();
  const config = await loadLakeConfig(root);
  const lake = await openLake({
    ...config,
    catalog: { type: 'rest', uri, name: 'lake', properties: { uri, warehouse } },
    warehouse,
    engines: { ...config.engines, trino: { uri: trinoUri(), catalog, user: 'judge', session: {} } },
  });
  const session = await EngineSession.open({ lake, threads: 2, workingDirectory: root });
  afterAll(async () => {
    await session.close();
    await lake.close();
  });
  await session.execute('CREATE SCHEMA IF NOT EXISTS lake."default"');

  const run: SharedLake['run'] = async (engine, sql, options) => {
    const outcomes = await session.execute(sql, { engine, ...options });
    return outcomes.at(-1)!;
  };
  const answer: SharedLake['answer'] = async (engine, sql) => {
    const outcome = await run(engine, sql);
    expect(outcome.kind).toBe('rows');
    const { result } = outcome as RowsResult;
    const count = await result.finished();
    const rows = await result.rows(0, count);
    const types = result.columns.map(column => column.type);
    await result.close();
    return { types, rows };
  };
  const rows: SharedLake['rows'] = async (engine, sql) => (await answer(engine, sql)).rows;
  const settings = {
    catalog: { type: 'rest', uri, name: 'lake' },
    warehouse,
    engines: { trino: { uri: trinoUri(), catalog, user: 'judge' } },
  };
  return { session, catalog, settings, run, rows, answer };
}
