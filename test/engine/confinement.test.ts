import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lake } from '../../src/catalog/open-lake.ts';
import { EngineSession } from '../../src/engine/index.ts';
import { openTestLake } from './warehouse.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-confined-'));
const allowed = path.join(folder, 'allowed');
const beside = path.join(folder, 'allowed-not');
let lake: Lake;
let session: EngineSession;

beforeAll(async () => {
  for (const each of [allowed, beside]) {
    mkdirSync(each);
    writeFileSync(path.join(each, 'a.csv'), 'x\n1\n');
  }
  lake = await openTestLake(folder);
  session = await EngineSession.open({
    lake,
    workingDirectory: folder,
    threads: 2,
    memoryLimit: '100MB',
    tempLimit: '1GB',
    confinement: { folders: [allowed], lockSettings: true, timeZone: 'UTC' },
  });
});
afterAll(async () => {
  await session.close();
  await lake.close();
  rmSync(folder, { recursive: true, force: true });
});

async function rows(sql: string): Promise<unknown[][]> {
  const [outcome] = await session.execute(sql);
  if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  const found = await outcome.result.rows(0, await outcome.result.finished());
  await outcome.result.close();
  return found;
}

describe('a confined session', () => {
  test('reads the files of its folders', async () => {
    expect(await rows(`SELECT x FROM '${allowed}/a.csv'`)).toEqual([[1]]);
  });

  test.each([
    ['a folder whose name begins alike', () => `SELECT * FROM '${beside}/a.csv'`],
    ['a way up from an allowed folder', () => `SELECT * FROM read_text('${allowed}/../allowed-not/a.csv')`],
    ['a relative path', () => `SELECT * FROM read_text('allowed-not/a.csv')`],
    ['listing another folder', () => `SELECT * FROM glob('${beside}/*')`],
    ['a file of the machine', () => `SELECT * FROM read_text('/etc/passwd')`],
    ['writing elsewhere', () => `COPY (SELECT 1) TO '${beside}/b.csv'`],
    ['attaching elsewhere', () => `ATTACH '${beside}/b.db'`],
    ['fetching extensions', () => 'INSTALL httpfs'],
    ['loading extensions', () => 'LOAD httpfs'],
    ['opening up again', () => 'SET enable_external_access = true'],
    ['more folders', () => `SET allowed_directories = ['${beside}/']`],
    ['more memory', () => `SET memory_limit = '10GB'`],
    ['resetting a setting', () => 'RESET memory_limit'],
    ['unlocking', () => 'SET lock_configuration = false'],
  ])('refuses %s', async (_, sql) => {
    await expect(session.execute(sql())).rejects.toMatchObject({ name: 'SqlError' });
  });

  test('keeps large results, spills to its temporary folder and tells errors', async () => {
    expect((await rows('SELECT i FROM range(30000) r(i)')).length).toBe(30_000);
    const [[count]] = (await rows(
      'SELECT count(*) FROM (SELECT DISTINCT i::VARCHAR || repeat(md5(i::VARCHAR), 8) FROM range(400000) r(i))',
    )) as [[number]];
    expect(count).toBe(400_000);
    await expect(session.execute('SELECT nothing')).rejects.toMatchObject({ code: 'COLUMN_NOT_FOUND' });
    expect(await rows(`SELECT TIMESTAMPTZ '2026-01-31 00:00:00'::VARCHAR`)).toEqual([
      ['2026-01-31 00:00:00+00'],
    ]);
  });
});
