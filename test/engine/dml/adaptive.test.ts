import { describe, expect, test } from 'vitest';
import { TestLake } from './support.ts';

const t = await TestLake.open();

let tables = 0;

/** A table that sets no mode, with one small file of 1000 rows and one of 1,100,000 (its values don't compress: over 8 MiB). */
async function table(formatVersion: number, properties: Record<string, string> = {}) {
  const name = `adaptive${tables++}`;
  await t.create(name, { columns: { id: 'long', noise: 'long' }, formatVersion, properties });
  for (const [from, to] of [
    [1_100_000, 1_101_000],
    [0, 1_100_000],
  ]) {
    await t.change(
      `INSERT INTO ${name} SELECT i, (hash(i) >> 1)::BIGINT + (hash(i + 1) % 7)::BIGINT FROM range(${from}, ${to}) r(i)`,
    );
  }
  return name;
}

/** The paths of a table's two files. */
async function filesOf(name: string) {
  const files = (await t.tasks(name)).map(({ dataFile }) => dataFile);
  files.sort((a, b) => b.fileSizeInBytes - a.fileSizeInBytes);
  return files.map(file => file.filePath);
}

const rowsOf = async (name: string) =>
  (await t.rows(`SELECT count(*) AS n, count(DISTINCT id) AS ids FROM ${name}`))[0];

describe.each([2, 3])('format version %i', version => {
  test('few rows of a large file are marked, a small file is written anew', async () => {
    const name = await table(version);
    const [large, small] = await filesOf(name);
    const change = await t.change(`UPDATE ${name} SET noise = 0 WHERE id % 1000 = 7`);
    expect(change).toMatchObject({ rowsUpdated: 1101, filesRemoved: 1 });
    const after = await t.files(name);
    expect(after).toContain(large);
    expect(after).not.toContain(small);
    const task = (await t.tasks(name)).find(({ dataFile }) => dataFile.filePath === large);
    expect(task!.deletes).toHaveLength(1);
    expect(await rowsOf(name)).toEqual({ n: 1_101_000, ids: 1_101_000 });
    expect(await t.rows(`SELECT count(*) AS n FROM ${name} WHERE noise = 0`)).toEqual([{ n: 1101 }]);
  });

  test('many rows of a large file are written anew, and the marks from before go', async () => {
    const name = await table(version);
    await t.change(`DELETE FROM ${name} WHERE id < 1000000 AND id % 50 = 0`);
    expect((await t.tasks(name)).flatMap(task => task.deletes)).toHaveLength(1);
    // With what is deleted already it's more than a tenth.
    await t.change(`DELETE FROM ${name} WHERE id < 1000000 AND id % 50 BETWEEN 1 AND 6`);
    expect((await t.tasks(name)).flatMap(task => task.deletes)).toHaveLength(0);
    expect(await rowsOf(name)).toEqual({ n: 961_000, ids: 961_000 });
  });

  test('what a table sets is done', async () => {
    const name = await table(version, { 'write.delete.mode': 'copy-on-write' });
    const [large] = await filesOf(name);
    await t.change(`DELETE FROM ${name} WHERE id = 5`);
    expect(await t.files(name)).not.toContain(large);
    expect((await t.tasks(name)).flatMap(task => task.deletes)).toHaveLength(0);
  });
});

test('a data file never has more than eight delete files', async () => {
  const name = await table(2);
  const counts: number[] = [];
  for (let id = 0; id < 10; id++) {
    await t.change(`DELETE FROM ${name} WHERE id = ${id}`);
    counts.push((await t.tasks(name)).flatMap(task => task.deletes).length);
  }
  expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0, 1]);
  expect(await rowsOf(name)).toEqual({ n: 1_100_990, ids: 1_100_990 });
});

test('a table of format version 1 has no delete files', async () => {
  const name = await table(1);
  await t.change(`DELETE FROM ${name} WHERE id = 5`);
  expect((await t.tasks(name)).flatMap(task => task.deletes)).toHaveLength(0);
  expect(await rowsOf(name)).toEqual({ n: 1_100_999, ids: 1_100_999 });
});
