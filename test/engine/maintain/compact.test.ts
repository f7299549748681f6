import { statSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CompactRequest, compact } from '../../../src/engine/maintain/index.ts';
import { SqlText } from '../../../src/engine/sql/sql-text.ts';
import { commitSnapshot } from '../../../src/engine/transaction.ts';
import { TestLake, withParts } from '../dml/support.ts';
import { onDisk } from './support.ts';

const t = await TestLake.open();
let tables = 0;

const merge = { 'write.delete.mode': 'merge-on-read', 'write.update.mode': 'merge-on-read' };

async function table(options: Partial<Parameters<TestLake['create']>[1]> = {}, files = 4, rows = 100) {
  const name = `c${tables++}`;
  await t.create(name, { columns: { id: 'long', part: 'int', text: 'string' }, ...options });
  for (let file = 0; file < files; file++) {
    await t.change(
      `INSERT INTO ${name} SELECT i, i % 2, 'row ' || i FROM range(${file * rows}, ${(file + 1) * rows}) r(i)`,
    );
  }
  return name;
}

async function run(name: string, request: Omit<CompactRequest, 'table'> = {}, lake = t) {
  const defaults = { minInputFiles: 2, ...request.defaults };
  return compact(lake.session, { table: await lake.table(name), ...request, defaults }, {});
}

const content = (name: string) => t.rows(`SELECT * FROM ${name} ORDER BY ALL`);

describe('small files', () => {
  test('become one, with the same rows', async () => {
    const name = await table();
    const before = await content(name);
    const done = await run(name);
    expect(done).toMatchObject({ filesRewritten: 4, filesAdded: 1, filesBefore: 4, commits: 1 });
    expect(await content(name)).toEqual(before);
    const { metadata } = await t.table(name);
    expect(metadata.snapshots.at(-1)!.operation).toBe('replace');
    expect(metadata.snapshots.at(-1)!.summary).toMatchObject({
      'total-records': '400',
      'total-data-files': '1',
    });
    expect(await run(name)).toMatchObject({ filesRewritten: 0, commits: 0 });
  });

  test('become one in each partition, and files of the right size stay', async () => {
    const name = await table({ partitionedBy: ['part'] });
    const done = await run(name);
    expect(done).toMatchObject({ filesRewritten: 8, filesAdded: 2 });
    const [task] = await t.tasks(name);
    // Now as large as files should be: nothing is to be done until new ones come.
    const target = String(Math.round(task!.dataFile.fileSizeInBytes * 1.1));
    const options = { 'target-file-size-bytes': target };
    await t.change(`INSERT INTO ${name} VALUES (1000, 0, 'a')`);
    await t.change(`INSERT INTO ${name} VALUES (1001, 0, 'b')`);
    const large = (await t.files(name)).filter(file => file.includes('part_p0=1'));
    expect(await run(name, { options })).toMatchObject({ filesRewritten: 2, filesAdded: 1 });
    expect(await t.files(name)).toEqual(expect.arrayContaining(large));
  });

  test('are chosen by a condition', async () => {
    const name = await table();
    const where = SqlText.written('id < 150');
    expect(await run(name, { where, source: 'id < 150' })).toMatchObject({
      filesRewritten: 2,
      filesAdded: 1,
    });
    expect(await content(name)).toHaveLength(400);
  });

  test('are left alone when there are fewer than asked for', async () => {
    const name = await table({}, 3);
    const defaults = { minInputFiles: 4 };
    expect(await run(name, { defaults })).toMatchObject({ commits: 0 });
    expect(await run(name, { defaults: { ...defaults, rewriteAll: true } })).toMatchObject({
      filesRewritten: 3,
    });
  });
});

test('files of an older partitioning go to the partitions of today', async () => {
  for (const change of ['ADD PARTITION FIELD part', 'REPLACE PARTITION FIELD part_p0 WITH bucket(2, id)']) {
    const name = await table({
      partitionedBy: change.startsWith('ADD') ? [] : ['part'],
      properties: merge,
    });
    await t.change(`DELETE FROM ${name} WHERE id % 50 = 3`);
    await t.session.execute(`ALTER TABLE ${name} ${change}`);
    await t.change(`INSERT INTO ${name} VALUES (1000, 1, 'new')`);
    const before = await content(name);
    await run(name, { defaults: { rewriteAll: true } });
    expect(await content(name)).toEqual(before);
    const { metadata } = await t.table(name);
    const tasks = await t.tasks(name);
    expect(tasks.every(({ dataFile }) => dataFile.specId === metadata.defaultSpecId)).toBe(true);
    expect(tasks.flatMap(task => task.deletes)).toEqual([]);
    expect(await t.rows(`SELECT id FROM ${name} WHERE part = 1 AND id = 51`)).toHaveLength(1);
  }
});

test('files that are too large are cut, in partitions too', async () => {
  for (const partitionedBy of [[], ['part']]) {
    const name = `c${tables++}`;
    await t.create(name, { columns: { id: 'long', part: 'int', text: 'string' }, partitionedBy });
    await t.change(`INSERT INTO ${name} SELECT i, 1, md5(i::VARCHAR) FROM range(400000) r(i)`);
    const [file] = await t.tasks(name);
    const options = { 'target-file-size-bytes': String(Math.round(file!.dataFile.fileSizeInBytes / 4)) };
    const done = await run(name, { options });
    expect(done.filesRewritten).toBe(1);
    expect(done.filesAdded).toBeGreaterThanOrEqual(3);
    expect(await t.rows(`SELECT count(*) AS n, sum(id) AS s FROM ${name}`)).toEqual([
      { n: 400000, s: 79999800000 },
    ]);
  }
});

describe.each([2, 3])('deletes of format version %i', formatVersion => {
  test('are folded in, and their files go', async () => {
    const name = await table({ formatVersion, properties: merge });
    await t.change(`DELETE FROM ${name} WHERE id % 4 = 1`);
    await t.change(`UPDATE ${name} SET text = 'u' WHERE id = 8`);
    const before = await content(name);
    const done = await run(name);
    expect(done.deleteFilesRemoved).toBeGreaterThan(3);
    expect((await t.tasks(name)).flatMap(task => task.deletes)).toEqual([]);
    expect(await content(name)).toEqual(before);
    expect((await t.table(name)).metadata.snapshots.at(-1)!.summary).toMatchObject({
      'total-delete-files': '0',
      'total-records': '300',
    });
  });

  test('make one file be rewritten when they are many', async () => {
    const name = await table({ formatVersion, properties: merge }, 1);
    await t.change(`DELETE FROM ${name} WHERE id < 20`);
    expect(await run(name)).toMatchObject({ commits: 0 });
    await t.change(`DELETE FROM ${name} WHERE id < 40`);
    expect(await run(name)).toMatchObject({ filesRewritten: 1, filesAdded: 1 });
    expect(await content(name)).toHaveLength(60);
  });
});

test('rows keep their ids and when they were changed', async () => {
  const name = await table({ formatVersion: 3, properties: merge });
  await t.change(`UPDATE ${name} SET text = 'u' WHERE id = 8`);
  const lineage = () =>
    t.rows(`SELECT id, _row_id AS r, _last_updated_sequence_number AS s FROM ${name} ORDER BY id`);
  const before = await lineage();
  await run(name);
  expect(await lineage()).toEqual(before);
  await t.change(`INSERT INTO ${name} VALUES (5000, 1, 'new')`);
  expect(new Set((await lineage()).map(row => (row as { r: number }).r)).size).toBe(401);
});

describe('order', () => {
  test('sorts rows, and says so when it is the table’s', async () => {
    const name = await table();
    const order = {
      kind: 'sort',
      terms: [
        { column: ['id'], transform: { kind: 'identity' }, direction: 'desc', nullOrder: 'nulls-last' },
      ],
    } as const;
    await run(name, { order });
    const [file] = await t.tasks(name);
    expect(file!.dataFile.sortOrderId).toBe(0);
    const [stored] = await t.session.duckdb.rows(
      `SELECT list(id) AS ids FROM read_parquet('${file!.dataFile.filePath.replace('file://', '')}')`,
    );
    const ids = (stored!.ids as unknown as { items: bigint[] }).items.map(Number);
    expect(ids).toEqual(ids.toSorted((a, b) => b - a));
  });

  test('along a Z-order curve makes column bounds tell files apart in both columns', async () => {
    const name = `c${tables++}`;
    await t.create(name, {
      columns: { a: 'long', b: 'long', text: 'string' },
      properties: { 'write.parquet.row-group-limit': '8192' },
    });
    await t.change(
      `INSERT INTO ${name} SELECT i // 512, i % 512, md5(i::VARCHAR) FROM range(262144) r(i) ORDER BY hash(i)`,
    );
    const [file] = await t.tasks(name);
    const options = { 'target-file-size-bytes': String(Math.round(file!.dataFile.fileSizeInBytes / 16)) };
    await run(name, {
      order: { kind: 'z-order', columns: ['a', 'b'] },
      options,
      defaults: { rewriteAll: true },
    });
    const files = (await t.files(name)).length;
    expect(files).toBeGreaterThan(6);
    for (const column of ['a', 'b']) {
      const [outcome] = await t.session.execute(`SELECT count(*) FROM ${name} WHERE ${column} = 100`);
      expect(outcome).toMatchObject({ kind: 'rows' });
      if (outcome?.kind === 'rows') expect(outcome.scan!.dataFilesScanned).toBeLessThan(files * 0.7);
    }
    expect(await t.rows(`SELECT count(*) AS n, sum(a * 512 + b) AS s FROM ${name}`)).toEqual([
      { n: 262144, s: 34359607296 },
    ]);
  });

  test('needs columns that are there', async () => {
    const name = await table();
    const order = { kind: 'z-order', columns: ['id', 'txt'] } as const;
    await expect(run(name, { order })).rejects.toMatchObject({ code: 'COLUMN_NOT_FOUND' });
  });
});

describe('when others commit meanwhile', () => {
  /** A lake on the same folder that runs something just before its next commit. */
  async function racing(before: () => Promise<unknown>) {
    let ran = false;
    return TestLake.open(t.folder, lake =>
      withParts(lake, {
        commitTable: async (...args) => {
          if (!ran) {
            ran = true;
            await before();
          }
          return lake.catalog.commitTable(...args);
        },
      }),
    );
  }

  test('new rows stay beside what was compacted', async () => {
    const name = await table();
    const lake = await racing(() => t.change(`INSERT INTO ${name} VALUES (7777, 0, 'late')`));
    expect(await run(name, {}, lake)).toMatchObject({ filesRewritten: 4, commits: 1 });
    expect(await content(name)).toHaveLength(401);
    expect(await t.files(name)).toHaveLength(2);
  });

  test.each([2, 3])('deleted rows stay deleted (format version %i)', async formatVersion => {
    const name = await table({ formatVersion, properties: merge });
    const lake = await racing(() => t.change(`DELETE FROM ${name} WHERE id IN (5, 250)`));
    await run(name, {}, lake);
    const rows = (await content(name)) as { id: number }[];
    expect(rows).toHaveLength(398);
    expect(rows.some(({ id }) => id === 5 || id === 250)).toBe(false);
    // It was run again on the newest rows.
    expect(await t.files(name)).toHaveLength(1);
  });

  test('equality deletes apply to what was compacted', async () => {
    const name = await table({}, 2);
    const before = await t.table(name);
    const file = path.join(t.folder, 'eq.parquet');
    await t.session.duckdb.run(
      `COPY (SELECT 5::BIGINT AS id) TO '${file}' (FORMAT parquet, FIELD_IDS {id: 1})`,
    );
    await commitSnapshot(t.lake, {
      table: before,
      added: [
        {
          content: 2,
          filePath: `file://${file}`,
          fileFormat: 'PARQUET',
          specId: 0,
          partition: [],
          recordCount: 1,
          fileSizeInBytes: statSync(file).size,
          equalityIds: [1],
        },
      ],
      removed: [],
      validation: { kind: 'none' },
    });
    // Worked out on the table as it was before the deletes, and not run again for them.
    const done = await compact(t.session, { table: before, defaults: { minInputFiles: 2 } }, {});
    expect(done).toMatchObject({ filesRewritten: 2, filesAdded: 1, deleteFilesRemoved: 0 });
    expect(await t.rows(`SELECT count(*) AS n FROM ${name} WHERE id = 5`)).toEqual([{ n: 0 }]);
    expect(await content(name)).toHaveLength(199);
    // The next one folds them in.
    await run(name, { defaults: { rewriteAll: true } });
    expect((await t.tasks(name)).flatMap(task => task.deletes)).toEqual([]);
    expect(await content(name)).toHaveLength(199);
  });

  test('two compactions at once leave every row once', async () => {
    const name = await table();
    const before = await content(name);
    const lake = await racing(() => run(name));
    await run(name, {}, lake);
    expect(await content(name)).toEqual(before);
    expect(await t.files(name)).toHaveLength(1);
  });

  test('partial progress leaves what was changed, and does the rest', async () => {
    const name = await table({ partitionedBy: ['part'], properties: merge });
    const lake = await racing(() => t.change(`DELETE FROM ${name} WHERE id = 1`));
    // So that each partition is a group of its own.
    const options = { 'max-file-group-size-bytes': '1', 'target-file-size-bytes': '100000' };
    const done = await run(name, { options, defaults: { partialProgress: true, rewriteAll: true } }, lake);
    expect(done.filesFailed + done.filesRewritten).toBe(8);
    expect(done.commits).toBeGreaterThan(0);
    expect(await content(name)).toHaveLength(399);
  });
});

test('partial progress drops deletes of several groups with the last of them', async () => {
  const name = await table({ properties: { ...merge, 'write.delete.granularity': 'partition' } });
  await t.change(`DELETE FROM ${name} WHERE id % 100 = 7`);
  const before = await content(name);
  const options = { 'max-file-group-size-bytes': '1', 'target-file-size-bytes': '1000' };
  const done = await run(name, { options, defaults: { partialProgress: true, rewriteAll: true } });
  expect(done).toMatchObject({ commits: 4, deleteFilesRemoved: 1 });
  expect(await content(name)).toEqual(before);
  expect((await t.table(name)).metadata.snapshots.at(-1)!.summary['total-delete-files']).toBe('0');
});

test('a failed write leaves nothing behind', async () => {
  const name = await table();
  const files = onDisk(t.lake.warehouse);
  const stop = new AbortController();
  const failing = await TestLake.open(t.folder, lake =>
    withParts(lake, {
      commitTable: async () => {
        stop.abort();
        throw new Error('the catalog is gone');
      },
    }),
  );
  await expect(run(name, {}, failing)).rejects.toThrow(/catalog is gone/);
  expect(onDisk(t.lake.warehouse)).toEqual(files);
});

test('compacting anywhere in random changes changes no row', async () => {
  const name = `c${tables++}`;
  await t.create(name, {
    columns: { id: 'long', part: 'int', text: 'string' },
    partitionedBy: ['part'],
    formatVersion: 3,
    properties: merge,
  });
  const step = fc.oneof(
    fc.nat({ max: 30 }).map(n => `INSERT INTO T SELECT i, i % 3, 'n' FROM range(${n}) r(i)`),
    fc.nat({ max: 6 }).map(n => `DELETE FROM T WHERE id % 7 = ${n}`),
    fc
      .nat({ max: 6 })
      .map(n => `UPDATE T SET part = (part + 1) % 3, text = text || '${n}' WHERE id % 7 = ${n}`),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async steps => {
      for (const sql of steps) await t.session.execute(sql.replace(/\bT\b/g, name));
      const before = await content(name);
      await run(name, { defaults: { rewriteAll: true } });
      expect(await content(name)).toEqual(before);
    }),
    { numRuns: 5 },
  );
});
