import { rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { columnOf, forgetLayouts, parquetLayouts } from '../../src/engine/parquet-layout.ts';
import { openSession } from './bind-support.ts';
import { temporaryFolder } from './support.ts';

const { duckdb } = await openSession();
const folder = temporaryFolder();

async function write(name: string, select: string, ids: string): Promise<string> {
  const file = path.join(folder, name);
  await duckdb.run(`COPY (${select}) TO '${file}' (FORMAT parquet, FIELD_IDS {${ids}})`);
  return file;
}

test('files written alike share a layout, also when they are looked at one after the other', async () => {
  const first = await write('first.parquet', 'SELECT 1 AS id', 'id: 1');
  const second = await write('second.parquet', 'SELECT 2 AS id', 'id: 1');
  const other = await write('other.parquet', 'SELECT 3 AS id', 'id: 2');
  const [a] = await parquetLayouts(duckdb, [first]);
  const [b, c] = await parquetLayouts(duckdb, [second, other]);
  expect(b).toBe(a);
  expect(c).not.toBe(a);
  expect(c!.columns).toMatchObject([{ name: 'id', fieldId: 2 }]);
});

test('a footer is read once, until its file is forgotten', async () => {
  const file = await write('gone.parquet', 'SELECT 1 AS id', 'id: 1');
  const [layout] = await parquetLayouts(duckdb, [file]);
  await rm(file);
  expect(await parquetLayouts(duckdb, [file])).toEqual([layout]);
  forgetLayouts(duckdb, [file, path.join(folder, 'never-seen.parquet')]);
  await expect(parquetLayouts(duckdb, [file])).rejects.toThrow(/gone\.parquet/);
});

test('columns are found by field id', async () => {
  const file = await write('three.parquet', 'SELECT 1 AS a, 2 AS b, 3 AS c', 'a: 7, c: 5');
  const [layout] = await parquetLayouts(duckdb, [file]);
  expect([7, 5, 6].map(id => columnOf(layout!, id)?.name)).toEqual(['a', 'c', undefined]);
});
