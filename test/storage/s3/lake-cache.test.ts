import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadLakeConfig } from '../../../src/catalog/lake-config.ts';
import { openLake } from '../../../src/catalog/open-lake.ts';
import { EngineSession } from '../../../src/engine/index.ts';
import { FaultProxy } from '../../faults/proxy.ts';
import type { Minio } from './minio.ts';
import { startMinio, temporaryFolder } from './support.ts';

/** What a lake in a bucket asks of the server. */
let minio: Minio;
let proxy: FaultProxy;
let bucket: string;
const folder = temporaryFolder();
/** Objects that were asked for since the last look. */
let asked: string[] = [];

beforeAll(async () => {
  minio = await startMinio();
  proxy = await FaultProxy.start(minio.port);
  proxy.decide = ({ method, url }) => {
    asked.push(`${method} ${decodeURIComponent(url.split('?')[0]!)}`);
    return undefined;
  };
  bucket = await minio.bucket();
});
afterAll(() => proxy.stop());

/** A process of its own, as far as its memory goes. */
async function withSession<T>(cache: string, work: (session: EngineSession) => Promise<T>): Promise<T> {
  const config = await loadLakeConfig(folder);
  const lake = await openLake({
    ...config,
    warehouse: `s3://${bucket}/lake`,
    storage: { s3: { endpoint: proxy.endpoint }, cache: { folder: cache } },
  });
  try {
    const session = await EngineSession.open({ lake, workingDirectory: folder, threads: 2 });
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  } finally {
    await lake.close();
  }
}

async function rows(session: EngineSession, sql: string): Promise<unknown> {
  const [outcome] = await session.execute(sql);
  if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  const found = await outcome.result.rows(0, 10);
  await outcome.result.close();
  return found;
}

const groups = 20;
const groupRows = 20_480;
const written = temporaryFolder();
beforeAll(() =>
  withSession(written, async session => {
    await session.execute(`CREATE TABLE t (id BIGINT, noise BIGINT)`);
    await session.execute(`ALTER TABLE t SET ('write.parquet.row-group-limit' = '${groupRows}')`);
    await session.execute(
      `INSERT INTO t SELECT range AS id, (hash(range) // 2)::BIGINT AS noise FROM range(${groups * groupRows})`,
    );
  }),
);

describe('a new process', () => {
  test('asks the server for nothing that another read, and the catalog for what is newest', async () => {
    const cache = temporaryFolder();
    const sql = 'SELECT count(*) AS n, min(noise) >= 0 AS p FROM t';
    const ask = () => withSession(cache, session => rows(session, sql));
    asked = [];
    expect(await ask()).toEqual([[groups * groupRows, true]]);
    expect(asked.filter(each => each.includes('/metadata/')).length).toBeGreaterThanOrEqual(3);
    asked = [];
    expect(await ask()).toEqual([[groups * groupRows, true]]);
    expect(asked).toEqual([]);
    await withSession(written, session => session.execute('INSERT INTO t VALUES (-1, 5)'));
    asked = [];
    expect(await ask()).toEqual([[groups * groupRows + 1, true]]);
    expect(asked.length).toBeGreaterThan(0);
    await withSession(written, session => session.execute('DELETE FROM t WHERE id = -1'));
  });

  test('asks for no metadata of what another wrote with the same cache', async () => {
    asked = [];
    expect(await withSession(written, session => rows(session, 'SELECT count(*) AS n FROM t'))).toEqual([
      [groups * groupRows],
    ]);
    expect(asked).toEqual([]);
  });
});

describe('bytes', () => {
  async function answered(sql: string): Promise<[bytes: number, answer: unknown]> {
    return await withSession(temporaryFolder(), async session => {
      // Metadata, the footer, and whatever else every query reads.
      await rows(session, 'SELECT count(*) AS n FROM t');
      const before = proxy.bytesAnswered;
      const answer = await rows(session, sql);
      return [proxy.bytesAnswered - before, answer];
    });
  }

  test('of a query are those of the row groups that its conditions leave', async () => {
    const [all] = await answered('SELECT sum(noise)::VARCHAR AS s, min(id) AS m FROM t WHERE id >= 0');
    const of = (first: number, last: number) =>
      `SELECT count(*) AS n, min(id) AS m, max(id) AS x, max(noise) > 0 AS p FROM t WHERE id BETWEEN ${first} AND ${last}`;
    const [one, first] = await answered(of(3 * groupRows, 4 * groupRows - 1));
    expect(first).toEqual([[groupRows, 3 * groupRows, 4 * groupRows - 1, true]]);
    expect(one / all).toBeLessThan(1.1 / groups);
    const [two, second] = await answered(of(7 * groupRows + 5, 8 * groupRows + 5));
    expect(second).toEqual([[groupRows + 1, 7 * groupRows + 5, 8 * groupRows + 5, true]]);
    expect(two / all).toBeLessThan(2.2 / groups);
    const [none, third] = await answered('SELECT count(*) AS n, max(noise) AS m FROM t WHERE id < 0');
    expect([none, third]).toEqual([0, [[0, null]]]);
  });
});

test('the cache shows and clears metadata with the rest', async () => {
  const { openCacheFolder } = await import('../../../src/storage/s3/cache/open-folder.ts');
  const cache = temporaryFolder();
  await withSession(cache, session => rows(session, 'SELECT sum(id)::VARCHAR AS s FROM t'));
  const opened = await openCacheFolder({ folder: cache });
  expect(opened.usage().files).toBeGreaterThanOrEqual(4);
  expect(opened.usage().folder).toBe(path.resolve(cache));
  await opened.clear();
  expect(opened.usage()).toMatchObject({ files: 0, bytes: 0 });
  await opened.close();
});
