import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadLakeConfig } from '../../../src/catalog/lake-config.ts';
import { type Lake, openLake } from '../../../src/catalog/open-lake.ts';
import { EngineSession } from '../../../src/engine/index.ts';
import { create, ingest, type Source, upsert } from '../../../src/lake/index.ts';
import { FaultProxy } from '../../faults/proxy.ts';
import type { Minio } from './minio.ts';
import { startMinio, temporaryFolder } from './support.ts';

/** A lake in a local folder; its sources are in a bucket. */
let minio: Minio;
let proxy: FaultProxy;
let client: S3Client;
let bucket: string;
let lake: Lake;
let session: EngineSession;
let cache: string;

beforeAll(async () => {
  minio = await startMinio();
  proxy = await FaultProxy.start(minio.port);
  client = minio.client();
  bucket = await minio.bucket();
  cache = temporaryFolder();
  const folder = temporaryFolder();
  const config = await loadLakeConfig(folder);
  lake = await openLake({
    ...config,
    storage: { s3: { endpoint: proxy.endpoint }, cache: { folder: cache } },
  });
  session = await EngineSession.open({ lake, workingDirectory: folder, threads: 2 });
});
afterAll(async () => {
  await session.close();
  await lake.close();
  client.destroy();
  await proxy.stop();
});

let tables = 0;
let table: string;
beforeEach(async () => {
  proxy.decide = () => undefined;
  table = `t${tables++}`;
  await create(session, {
    table,
    columns: [
      { name: 'id', type: 'long' },
      { name: 'word', type: 'string' },
    ],
    key: ['id'],
  });
});

const put = (key: string, body: string | Uint8Array) =>
  client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
const source = (...keys: string[]): Source => ({
  kind: 'files',
  paths: keys.map(key => `s3://${bucket}/${key}`),
});
const staged = () => readdirSync(path.join(cache, 'v1', 'staging'));
async function rows(sql: string): Promise<unknown[]> {
  const [outcome] = await session.execute(sql);
  if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  const window = await outcome.result.rows(0, 1000);
  await outcome.result.close();
  return window as unknown as unknown[];
}

describe('rows are loaded from', () => {
  test.each<[string, string | Uint8Array]>([
    ['a.csv', 'id,word\n1,one\n2,two\n'],
    ['a.csv.gz', gzipSync('id,word\n1,one\n2,two\n')],
    ['a.tsv', 'id\tword\n1\tone\n2\ttwo\n'],
    ['a.ndjson', '{"id":1,"word":"one"}\n{"id":2,"word":"two"}\n'],
    ['a.json', '[{"id":1,"word":"one"},{"id":2,"word":"two"}]'],
    ['odd name %20+&#?.csv', 'id,word\n1,one\n2,two\n'],
  ])('%s', async (key, body) => {
    await put(`formats/${key}`, body);
    const { text } = await ingest(session, { table, source: source(`formats/${key}`) });
    expect(text).toContain(`2 rows from s3://${bucket}/formats/${key} loaded`);
    expect(await rows(`SELECT sum(id) AS s, string_agg(word ORDER BY id) AS w FROM ${table}`)).toEqual([
      [3, 'one,two'],
    ]);
    expect(staged()).toEqual([]);
  });

  test('a large Parquet file, in parts', async () => {
    const file = path.join(temporaryFolder(), 'large.parquet');
    await session.duckdb.run(
      `COPY (SELECT range AS id, md5(range::VARCHAR) AS word FROM range(1000000)) TO '${file}' (FORMAT parquet)`,
    );
    await put('large.parquet', readFileSync(file));
    const before = proxy.count;
    await ingest(session, { table, source: source('large.parquet') });
    expect(proxy.count - before).toBeGreaterThan(4);
    expect(await rows(`SELECT count(*) AS n, count(DISTINCT word) AS w FROM ${table}`)).toEqual([
      [1_000_000, 1_000_000],
    ]);
    expect(staged()).toEqual([]);
  });

  test('patterns, several paths, and files of this machine beside them', async () => {
    for (const [key, id] of [
      ['p/2026/01/a.csv', 1],
      ['p/2026/02/a.csv', 2],
      ['p/2026/02/b.csv', 3],
      ['p/2026/02/b.txt', 4],
      ['p/2025/02/a.csv', 5],
      ['p/2026.csv', 6],
    ] as const) {
      await put(key, `id,word\n${id},x\n`);
    }
    const ids = async (...keys: string[]) => {
      await session.execute(`TRUNCATE ${table}`);
      const { text } = await ingest(session, { table, source: source(...keys) });
      const [[ids]] = (await rows(`SELECT string_agg(id ORDER BY id) AS ids FROM ${table}`)) as [[string]];
      return [ids, text.split(' loaded')[0]];
    };
    expect(await ids('p/2026/*/a.csv')).toEqual(['1,2', '2 rows from 2 files']);
    expect(await ids('p/2026/**/*.csv')).toEqual(['1,2,3', '3 rows from 3 files']);
    expect(await ids('p/202[56]/02/?.csv')).toEqual(['2,3,5', '3 rows from 3 files']);
    expect(await ids('p/2026/01/*', 'p/2026.csv')).toEqual(['1,6', '2 rows from 2 files']);
  });

  test('a new table, whose columns are found in the file', async () => {
    await put('new.csv', 'n,d\n1,2026-01-01\n');
    const { text } = await ingest(session, {
      table: `${table}_new`,
      source: source('new.csv'),
      create: true,
    });
    expect(text).toMatch(/The table is new: n \w+, d date/);
  });

  test('changes to upsert', async () => {
    await put('first.csv', 'id,word\n1,one\n2,two\n');
    await put('changes.ndjson', '{"id":2,"word":"deux"}\n{"id":3,"word":"trois"}\n');
    await ingest(session, { table, source: source('first.csv') });
    await upsert(session, { table, source: source('changes.ndjson') });
    expect(await rows(`SELECT string_agg(word ORDER BY id) AS w FROM ${table}`)).toEqual([
      ['one,deux,trois'],
    ]);
    expect(staged()).toEqual([]);
  });
});

describe('what goes wrong is told, and nothing stays', () => {
  test.each([
    ['w/sales.cvs', 'FILE_NOT_FOUND', /no file s3:.*sales\.cvs/, /Did you mean 's3:.*\/w\/sales\.csv'/],
    ['w', 'FILE_IS_FOLDER', /is a folder/, /s3:\/\/.*\/w\/\*\.csv/],
    ['w/*.parquet', 'FILE_NOT_FOUND', /No file fits the pattern/, /holds sales\.csv/],
    ['nothing/*.csv', 'FILE_NOT_FOUND', /No file fits the pattern/, /Nothing is in/],
  ])('%s', async (key, code, message, hint) => {
    await put('w/sales.csv', 'id,word\n1,one\n');
    await expect(ingest(session, { table, source: source(key) })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
    expect(staged()).toEqual([]);
  });

  test('a bucket that is not there, and stores that cannot be opened', async () => {
    const from = (address: string) => ingest(session, { table, source: { kind: 'files', paths: [address] } });
    await expect(from('s3://no-such-bucket-here/a.csv')).rejects.toMatchObject({ code: 'BUCKET_NOT_FOUND' });
    await expect(from('gs://b/a.csv')).rejects.toMatchObject({ message: expect.stringContaining('Google') });
    await expect(from('https://h/a.csv')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(from('s3://*/a.csv')).rejects.toMatchObject({ message: expect.stringContaining('bucket') });
  });

  test('a line that does not fit is named in the file that people know', async () => {
    await put('bad.csv', 'id,word\n1,one\nx,two\n');
    await expect(ingest(session, { table, source: source('bad.csv') })).rejects.toMatchObject({
      file: `s3://${bucket}/bad.csv`,
      position: expect.objectContaining({ line: 3 }),
    });
    expect(staged()).toEqual([]);
  });

  test('an object that is replaced while it is read', async () => {
    const body = () =>
      `id,word\n${Array.from({ length: 400_000 }, (_, i) => `${i},${'x'.repeat(40)}`).join('\n')}`;
    await put('moving.csv', body());
    let asked = 0;
    proxy.decide = async ({ method, url }) => {
      const isPart = method === 'GET' && url.includes('moving.csv');
      if (isPart && asked++ > 0) await put('moving.csv', randomBytes(20_000_000));
      return undefined;
    };
    await expect(ingest(session, { table, source: source('moving.csv') })).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
    });
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([[0]]);
    expect(staged()).toEqual([]);
  });

  test('connections that break are tried again', async () => {
    await put('broken.csv', `id,word\n${Array.from({ length: 100 }, (_, i) => `${i},x`).join('\n')}`);
    let count = 0;
    proxy.decide = ({ url }) => (url.includes('broken.csv') && count++ < 2 ? 'half-answer' : undefined);
    await ingest(session, { table, source: source('broken.csv') });
    expect(await rows(`SELECT count(*) AS n FROM ${table}`)).toEqual([[100]]);
  });

  test('an interrupt', async () => {
    await put('slow.csv', 'id,word\n1,one\n');
    const abort = new AbortController();
    proxy.decide = async ({ url }) => {
      if (url.includes('slow.csv')) abort.abort();
      return undefined;
    };
    await expect(
      ingest(session, { table, source: source('slow.csv') }, { signal: abort.signal }),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(staged()).toEqual([]);
  });
});
