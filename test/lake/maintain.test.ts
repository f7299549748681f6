import { describe, expect, test, vi } from 'vitest';
import { parseLake } from '../../src/notebook/lake-language/parser.ts';
import { runVerb } from '../../src/notebook/verbs.ts';
import { filesBelow } from '../engine/warehouse.ts';
import { TestLake } from './support.ts';

const t = await TestLake.open();

/** Runs a line of the lake language. */
async function lake(line: string) {
  const [statement] = parseLake(`%lake ${line}`);
  return runVerb(t.session, statement!.call, {});
}

async function sales(files = 3) {
  await t.session.execute('DROP TABLE IF EXISTS sales');
  await t.session.execute(
    `CREATE TABLE sales (id BIGINT, amount DOUBLE) TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')`,
  );
  for (let i = 0; i < files; i++)
    await t.session.execute(`INSERT INTO sales VALUES (${i}, ${i * 7}), (${i + 100}, 1)`);
}

describe('the language', () => {
  const request = (line: string) => parseLake(`%lake ${line}`)[0]!.call;

  test('knows the clauses of compact', () => {
    expect(
      request("compact sales where day >= '2026-01-01' sort by amount desc, id to '128 MB' partial progress"),
    ).toEqual({
      verb: 'compact',
      request: {
        table: 'sales',
        where: "day >= '2026-01-01'",
        sortBy: ['amount desc', 'id'],
        targetSizeBytes: 128 * 1024 * 1024,
        partialProgress: true,
      },
    });
    expect(request('compact sales manifests')).toMatchObject({ request: { what: 'manifests' } });
    expect(request('compact sales deletes all')).toMatchObject({ request: { what: 'deletes', all: true } });
    expect(request('compact sales sort by zorder(a, b)')).toMatchObject({
      request: { sortBy: ['zorder(a, b)'] },
    });
    expect(request('compact sales to 1.5gb')).toMatchObject({
      request: { targetSizeBytes: 1.5 * 1024 ** 3 },
    });
    expect(() => request("compact sales to '12 apples'")).toThrow(/no size/);
  });

  test('knows those of expire, orphans and health', () => {
    expect(request("expire sales older than '7 days' keep 5").request).toEqual({
      table: 'sales',
      olderThanMs: 7 * 86_400_000,
      keep: 5,
    });
    expect(request('orphans sales older than 2 days delete').request).toEqual({
      table: 'sales',
      olderThanMs: 2 * 86_400_000,
      delete: true,
    });
    expect(request('health sales').request).toEqual({ table: 'sales' });
  });
});

test('compact says what it did', async () => {
  await sales();
  await t.session.execute('DELETE FROM sales WHERE id = 100');
  const done = await lake('compact sales');
  expect(done.text).toMatch(
    /^sales: 3 files \(.*\) rewritten into 1 file \(.*\)\. 1 delete file went with them\.$/,
  );
  expect(done.snapshotId).toBeDefined();
  expect((await lake('compact sales')).text).toBe(
    'sales: nothing to compact: 1 file, none of which has to be rewritten.',
  );
  expect(await t.rows('SELECT count(*) FROM sales')).toEqual([[5]]);
  expect((await lake('compact sales sort by zorder(id, amount)')).text).toContain('1 file');
  await expect(lake('compact sales sort by id, zorder(id, amount)')).rejects.toThrow(/order by itself/);
});

test('compact writes to the branch that is named', async () => {
  await sales();
  await t.session.execute('ALTER TABLE sales CREATE BRANCH dev');
  await t.session.execute('INSERT INTO sales.branch_dev VALUES (7, 7)');
  expect((await lake('compact sales.branch_dev')).text).toContain('4 files');
  expect((await lake('compact sales')).text).toContain('3 files');
  expect(await t.rows("SELECT count(*) FROM sales AT (VERSION => 'dev')")).toEqual([[7]]);
});

test('deletes and manifests are put in order by themselves', async () => {
  await sales();
  await t.session.execute('DELETE FROM sales WHERE id = 100');
  await t.session.execute('DELETE FROM sales WHERE id = 101');
  expect((await lake('compact sales deletes')).text).toMatch(/^sales: 2 delete files .* rewritten into 1 /);
  expect((await lake('compact sales manifests')).text).toMatch(/^sales: \d+ manifests rewritten into 1\.$/);
  expect((await lake('compact sales manifests')).text).toContain('well as they are');
  expect(await t.rows('SELECT count(*) FROM sales')).toEqual([[4]]);
});

test('expire says what went', async () => {
  await sales();
  await lake('compact sales');
  await new Promise(resolve => setTimeout(resolve, 5));
  const done = await lake('expire sales older than 0s');
  expect(done.text).toMatch(
    /^sales: 3 snapshots expired, 3 data files and \d+ manifests and manifest lists deleted\.$/,
  );
  expect((await lake('expire sales')).text).toBe('sales: no snapshot has had its time; it has 1 snapshot.');
  await expect(lake('expire sales keep 0')).rejects.toThrow(/kept at least/);
});

test('orphans are shown first, then deleted', async () => {
  await sales(1);
  const { metadata } = await t.lake.catalog.loadTable({ namespace: t.lake.defaultNamespace, name: 'sales' });
  const { storage } = t.lake;
  const data = `${metadata.location}/data`;
  await storage.create(`${data}/left.parquet`, Buffer.from('xyz'));
  // Files in a bucket can't be made older, so the listing says that this one is.
  const list = storage.list.bind(storage);
  const aged = vi.spyOn(storage, 'list').mockImplementation(async function* (folder) {
    for await (const file of list(folder)) {
      const isStray = file.location.endsWith('/left.parquet');
      yield isStray ? { ...file, lastModifiedMs: file.lastModifiedMs - 5 * 86_400_000 } : file;
    }
  });
  const listed = await lake('orphans sales');
  expect(listed.text).toMatch(/^sales has 1 orphan file \(3 bytes\)\. .* deletes them\.$/);
  expect(listed.rows).toMatchObject([[expect.stringContaining('left.parquet'), 3, expect.any(Date)]]);
  expect((await lake('orphans sales delete')).text).toContain('sales: 1 orphan file (3 bytes) deleted.');
  // A catalog's server may give a table the folder of one that was dropped, with its files.
  const left = await filesBelow(t.lake, data);
  expect(left).not.toContain('left.parquet');
  expect(left.length).toBeGreaterThan(0);
  expect((await lake('orphans sales')).text).toMatch(/^sales has no orphan files/);
  aged.mockRestore();
});

describe('health', () => {
  test('of a table that is well', async () => {
    await sales(1);
    const answer = await lake('health sales');
    expect(answer.text).toMatch(
      /^sales is well: 1 data file, nothing to do\.\n\nSizes of data files:\n {2}under 64 KiB +█+ 1/,
    );
    expect(answer.rows!.map(row => row.slice(0, 2))).toEqual([
      ['file sizes', 'ok'],
      ['deletes', 'ok'],
      ['manifests', 'ok'],
      ['snapshots', 'ok'],
      ['metadata', 'ok'],
    ]);
  });

  test('of a table with small files and many deletes', async () => {
    await sales(4);
    await t.session.execute('DELETE FROM sales WHERE id > 100');
    const answer = await lake('health sales');
    expect(answer.text).toMatch(/^sales needs work on its file sizes and deletes: %lake compact sales\n/);
    expect(answer.rows).toEqual(
      expect.arrayContaining([
        [
          'file sizes',
          'needs work',
          expect.stringContaining('4 data files'),
          expect.stringMatching(/^3 files fewer/),
          '%lake compact sales',
        ],
        [
          'deletes',
          'needs work',
          '3 deletes for 8 stored rows (37.5 %) in 3 delete files',
          expect.any(String),
          '%lake compact sales',
        ],
      ]),
    );
  });

  test('of a table without rows', async () => {
    await sales(0);
    expect((await lake('health sales')).text).toBe('sales is well: 0 data files, nothing to do.');
  });
});
