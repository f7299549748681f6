import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadLakeConfig } from '../../src/catalog/lake-config.ts';
import { type Lake, openLake } from '../../src/catalog/open-lake.ts';
import { EngineSession } from '../../src/engine/session.ts';
import { LakebookError } from '../../src/iceberg/errors.ts';
import { alwaysTrue } from '../../src/iceberg/expression.ts';
import { planScan } from '../../src/iceberg/scan.ts';
import { RoutedStorage } from '../../src/storage/routed.ts';
import type { Minio } from '../storage/s3/minio.ts';
import { quickRetries, startMinio, temporaryFolder } from '../storage/s3/support.ts';
import { type Fault, FaultProxy, faults, type ProxiedRequest } from './proxy.ts';

let minio: Minio;
let proxy: FaultProxy;
beforeAll(async () => {
  minio = await startMinio();
  proxy = await FaultProxy.start(minio.port);
});
afterAll(() => proxy.stop());
beforeEach(() => {
  proxy.decide = () => undefined;
});

/** A lake behind the proxy, seen through a session; each view has a cache of its own. */
class View {
  readonly lake: Lake;
  readonly session: EngineSession;

  private constructor(lake: Lake, session: EngineSession) {
    this.lake = lake;
    this.session = session;
  }

  static async open(folder: string, bucket: string, retries = quickRetries): Promise<View> {
    const config = await loadLakeConfig(folder, {});
    const settings = { s3: { endpoint: proxy.endpoint }, cache: { folder: temporaryFolder(), bytes: 1e9 } };
    const storage = new RoutedStorage(settings, { retries });
    const lake = await openLake({ ...config, warehouse: `s3://${bucket}/lake` }, { storage });
    const session = await EngineSession.open({
      lake,
      workingDirectory: folder,
      threads: 2,
      memoryLimit: '500MB',
    });
    return new View(lake, session);
  }

  async rows(sql = 'SELECT id, n, g FROM t ORDER BY ALL'): Promise<unknown[][]> {
    const [outcome] = await this.session.execute(sql);
    if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
    const rows = await outcome.result.rows(0, await outcome.result.finished());
    await outcome.result.close();
    return rows;
  }

  async close(): Promise<void> {
    await this.session.close();
    await this.lake.close();
  }
}

/** Enough for a server that takes long to start. */
const manyRetries = { attempts: 120, firstDelayMs: 20, longestDelayMs: 500 };
/** So few that a storm can win. */
const fewRetries = { attempts: 3, firstDelayMs: 1, longestDelayMs: 5 };

const start = `CREATE TABLE t (id BIGINT, n INT, g VARCHAR) PARTITIONED BY (g);
  INSERT INTO t SELECT range, range, 'g' || range % 3 FROM range(30)`;

async function newLake(retries = quickRetries): Promise<{ view: View; folder: string; bucket: string }> {
  const folder = temporaryFolder();
  const bucket = await minio.bucket('faults');
  const view = await View.open(folder, bucket, retries);
  await view.session.execute(start);
  return { view, folder, bucket };
}

/** What another process sees: every snapshot can be read whole, and no file that it names is missing. */
async function seenByOthers(folder: string, bucket: string): Promise<unknown[][]> {
  proxy.decide = () => undefined;
  const fresh = await View.open(folder, bucket);
  try {
    const { metadata } = await fresh.lake.catalog.loadTable({ namespace: ['default'], name: 't' });
    for (const { snapshotId, summary } of metadata.snapshots) {
      const { tasks } = await planScan({ metadata, snapshotId, filter: alwaysTrue, io: fresh.lake.storage });
      const rows = tasks.reduce((sum, { dataFile }) => sum + dataFile.recordCount, 0);
      expect(String(rows)).toBe(summary['total-records']);
      const [[count]] = (await fresh.rows(`SELECT count(*)::INT FROM t AT (VERSION => ${snapshotId})`)) as [
        [number],
      ];
      expect(count).toBe(rows);
      await fresh.rows(`SELECT bit_xor(hash(t)) FROM t AT (VERSION => ${snapshotId})`);
    }
    return await fresh.rows();
  } finally {
    await fresh.close();
  }
}

/** Runs a statement; a failure must be one that a person can act on. */
async function attempt(view: View, sql: string): Promise<LakebookError | undefined> {
  try {
    await view.session.execute(sql);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(LakebookError);
    const { code, hint, message } = error as LakebookError;
    expect(hint, message).toBeTruthy();
    expect(['S3_UNREACHABLE', 'S3_BUSY', 'S3_UNAVAILABLE'], message).toContain(code);
    return error as LakebookError;
  }
}

const statements = [
  `INSERT INTO t SELECT range + 100, 1, 'g' || range % 4 FROM range(10)`,
  `UPDATE t SET n = n + 1 WHERE id % 5 = 0`,
  `DELETE FROM t WHERE id % 7 = 3`,
  `MERGE INTO t USING (SELECT range * 3 AS id FROM range(20)) AS s USING (id)
   WHEN MATCHED THEN UPDATE SET n = -1 WHEN NOT MATCHED THEN INSERT (id, n, g) VALUES (s.id, 0, 'new')`,
];

describe('one fault at each request of a statement is got over', () => {
  test.each(faults)('%s', async fault => {
    const { view, folder, bucket } = await newLake();
    const expected = await model(statements);
    let calls = 0;
    const seen = new Set<string>();
    // Every request's first try fails: tries of one request have the same method and address.
    proxy.decide = ({ method, url }: ProxiedRequest): Fault | undefined => {
      const key = `${method} ${url}`;
      if (seen.has(key)) return undefined;
      seen.add(key);
      calls++;
      return fault;
    };
    for (const sql of statements) expect(await attempt(view, sql)).toBeUndefined();
    expect(await view.rows()).toEqual(expected);
    expect(calls).toBeGreaterThan(20);
    expect(await seenByOthers(folder, bucket)).toEqual(expected);
    await view.close();
  });
});

/** What the statements make of the table, by plain DuckDB. */
async function model(sql: readonly string[]): Promise<unknown[][]> {
  const lake = { defaultNamespace: ['default'], name: 'lake', storage: {}, catalog: {} } as unknown as Lake;
  const plain = await EngineSession.open({ lake, threads: 1 });
  const { duckdb } = plain;
  await duckdb.run('CREATE TABLE t (id BIGINT, n INT, g VARCHAR)');
  await duckdb.run("INSERT INTO t SELECT range, range, 'g' || range % 3 FROM range(30)");
  for (const statement of sql) await duckdb.run(statement);
  const rows = await duckdb.rows('SELECT id, n, g FROM t ORDER BY ALL');
  await plain.close();
  return rows.map(({ id, n, g }) => [Number(id), Number(n), g]);
}

describe('the server goes away for good at each request of a statement', () => {
  test.each(statements)('%s', async sql => {
    const { view, folder, bucket } = await newLake(fewRetries);
    const before = await view.rows();
    let failures = 0;
    for (let step = 0; ; step++) {
      let left = step;
      proxy.decide = () => (left-- > 0 ? undefined : 'busy');
      const error = await attempt(view, sql);
      proxy.decide = () => undefined;
      if (error === undefined) {
        // It went through before the request that would have failed.
        expect(left).toBeGreaterThanOrEqual(0);
        break;
      }
      failures++;
      expect(await view.rows()).toEqual(before);
    }
    expect(failures).toBeGreaterThan(3);
    expect(await seenByOthers(folder, bucket)).toEqual(await model([sql]));
    await view.close();
  });
});

test('storms of every fault: each statement is done or not done, and others see the same', async () => {
  const { view, folder, bucket } = await newLake(fewRetries);
  let done: string[] = [];
  let failed = 0;
  let state = 42;
  const random = () => {
    // A generator of its own, so that a failure can be had again.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  for (let round = 0; round < 24; round++) {
    const rate = [0, 0.2, 0.5, 0.85][round % 4]!;
    proxy.decide = () => (random() < rate ? faults[Math.floor(random() * faults.length)] : undefined);
    const sql = statements[Math.floor(random() * statements.length)]!;
    if ((await attempt(view, sql)) === undefined) done = [...done, sql];
    else failed++;
    proxy.decide = () => undefined;
    expect(await view.rows()).toEqual(await model(done));
  }
  expect(done.length).toBeGreaterThan(8);
  expect(await seenByOthers(folder, bucket)).toEqual(await model(done));
  expect(failed + done.length).toBe(24);
  await view.close();
});

describe('the server is killed in the middle of a commit', () => {
  test('and comes back: the commit goes through', async () => {
    const { view, folder, bucket } = await newLake(manyRetries);
    for (const at of [1, 4]) {
      let puts = 0;
      let restart: Promise<void> | undefined;
      proxy.decide = async ({ method }) => {
        if (method === 'PUT' && ++puts === at) {
          await minio.kill();
          restart = delay(300).then(() => minio.up());
        }
        return undefined;
      };
      expect(await attempt(view, statements[0]!)).toBeUndefined();
      await restart;
      expect(puts).toBeGreaterThanOrEqual(at);
    }
    const expected = await model([statements[0]!, statements[0]!]);
    expect(await seenByOthers(folder, bucket)).toEqual(expected);
    await view.close();
  });

  test('and stays away: a clear failure, and the table as it was', async () => {
    const { view, folder, bucket } = await newLake();
    let puts = 0;
    proxy.decide = async ({ method }) => {
      if (method === 'PUT' && ++puts === 3) await minio.kill();
      return undefined;
    };
    const error = await attempt(view, statements[3]!);
    expect(error).toBeDefined();
    await minio.up();
    expect(await seenByOthers(folder, bucket)).toEqual(await model([]));
    // And the session goes on.
    expect(await attempt(view, statements[3]!)).toBeUndefined();
    expect(await seenByOthers(folder, bucket)).toEqual(await model([statements[3]!]));
    await view.close();
  });
});

test('several writers behind a bad connection: every row of those that succeeded, and no other', async () => {
  const { view, folder, bucket } = await newLake();
  const writers = await Promise.all([View.open(folder, bucket), View.open(folder, bucket), view]);
  let number = 0;
  proxy.decide = () => (number++ % 7 === 3 ? faults[number % faults.length] : undefined);
  const added: number[] = [];
  await Promise.all(
    writers.map(async (writer, index) => {
      for (let round = 0; round < 5; round++) {
        const id = 1000 * (index + 1) + round;
        try {
          await writer.session.execute(`INSERT INTO t VALUES (${id}, 0, 'w${index}')`);
          added.push(id);
        } catch (error) {
          expect((error as LakebookError).code).toMatch(/^S3_|COMMIT_CONFLICT/);
        }
      }
    }),
  );
  const ids = (await seenByOthers(folder, bucket)).map(([id]) => Number(id)).filter(id => id >= 1000);
  expect(ids).toEqual(added.sort((a, b) => a - b));
  expect(added.length).toBeGreaterThan(10);
  for (const writer of writers) await writer.close();
});

test('uploads in parts survive each fault, and come out whole', async () => {
  const { openStorage } = await import('../storage/s3/support.ts');
  const { writeFileSync } = await import('node:fs');
  const bucket = await minio.bucket('parts');
  const storage = openStorage(
    { endpoint: proxy.endpoint },
    { uploads: { partBytes: 5 * 1024 ** 2, parallelParts: 2 } },
  );
  const content = Buffer.alloc(11 * 1024 ** 2, 'content of a part ');
  for (const fault of faults) {
    const staging = await storage.stage();
    const file = path.join(staging.path, 'f');
    writeFileSync(file, content);
    const seen = new Set<string>();
    proxy.decide = ({ method, url }) => {
      const key = `${method} ${url.replace(/uploadId=[^&]*/, '')}`;
      if (seen.has(key)) return undefined;
      seen.add(key);
      return fault;
    };
    const location = `s3://${bucket}/${fault}.parquet`;
    await staging.publish(file, location);
    proxy.decide = () => undefined;
    expect(Buffer.compare(await storage.read(location), content)).toBe(0);
    await staging.discard();
  }
});
