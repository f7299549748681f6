import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDeletionVector } from '../../../src/iceberg/delete-index.ts';
import { localCopy } from '../warehouse.ts';
import { TestLake } from './support.ts';

const t = await TestLake.open();

const merge = {
  'write.delete.mode': 'merge-on-read',
  'write.update.mode': 'merge-on-read',
  'write.merge.mode': 'merge-on-read',
};

let tables = 0;

/** A table of the format version whose changes are merge-on-read, with files of 1000 rows each. */
async function table(formatVersion: number, files = 2, properties: Record<string, string> = {}) {
  const name = `mor${tables++}`;
  await t.create(name, {
    columns: { id: 'long', part: 'int', text: 'string' },
    formatVersion,
    properties: { ...merge, ...properties },
  });
  for (let file = 0; file < files; file++) {
    await t.change(
      `INSERT INTO ${name} SELECT i, i % 3, 'row ' || i FROM range(${file * 1000}, ${(file + 1) * 1000}) r(i)`,
    );
  }
  return name;
}

const deletesOf = async (name: string) => (await t.tasks(name)).map(task => task.deletes);

describe.each([2, 3])('format version %i', version => {
  test('a delete marks rows and rewrites no file', async () => {
    const name = await table(version);
    const before = await t.files(name);
    const change = await t.change(`DELETE FROM ${name} WHERE id % 10 = 0 AND id < 1500`);
    expect(change).toMatchObject({ rowsDeleted: 150, filesAdded: 0, filesRemoved: 0 });
    expect(change.text).toBe('150 rows deleted in 2 delete files.');
    expect(await t.files(name)).toEqual(before);
    const { metadata } = await t.table(name);
    expect(metadata.snapshots.at(-1)!.operation).toBe('delete');
    expect(await t.rows(`SELECT count(*) AS n, sum(id) AS s FROM ${name}`)).toEqual([
      { n: 1850, s: 1999000 - (149 * 150 * 10) / 2 },
    ]);
  });

  test('an update marks the old rows and writes the new ones', async () => {
    const name = await table(version);
    const before = await t.files(name);
    const change = await t.change(
      `UPDATE ${name} SET text = 'new', part = part + 10 WHERE id IN (5, 1005, 1006)`,
    );
    expect(change).toMatchObject({ rowsUpdated: 3, filesAdded: 1, filesRemoved: 0 });
    expect((await t.table(name)).metadata.snapshots.at(-1)!.operation).toBe('overwrite');
    expect(await t.files(name)).toEqual(expect.arrayContaining(before));
    expect(await t.rows(`SELECT * FROM ${name} WHERE text = 'new' ORDER BY id`)).toEqual([
      { id: 5, part: 12, text: 'new' },
      { id: 1005, part: 10, text: 'new' },
      { id: 1006, part: 11, text: 'new' },
    ]);
    expect(await t.rows(`SELECT count(*) AS n, count(DISTINCT id) AS d FROM ${name}`)).toEqual([
      { n: 2000, d: 2000 },
    ]);
  });

  test('deletes add up over commits', async () => {
    const name = await table(version, 1);
    for (const rest of [0, 1, 2]) await t.change(`DELETE FROM ${name} WHERE id % 7 = ${rest}`);
    expect(await t.rows(`SELECT count(*) AS n FROM ${name} WHERE id % 7 < 3`)).toEqual([{ n: 0 }]);
    expect(await t.rows(`SELECT count(*) AS n FROM ${name}`)).toEqual([{ n: 571 }]);
    const [deletes] = await deletesOf(name);
    // A data file has one vector at most; the older ones are in it.
    expect(deletes!.length).toBe(version === 3 ? 1 : 3);
    if (version === 3) {
      expect(isDeletionVector(deletes![0]!)).toBe(true);
      expect(deletes![0]!.recordCount).toBe(429);
      const { metadata } = await t.table(name);
      expect(metadata.snapshots.at(-1)!.summary).toMatchObject({ 'added-dvs': '1', 'removed-dvs': '1' });
    }
  });

  test('a file goes when nothing is left of it', async () => {
    const name = await table(version);
    const change = await t.change(`DELETE FROM ${name} WHERE text < 'row 1' OR id >= 1000 OR text = 'row 1'`);
    expect(change).toMatchObject({ filesRemoved: 1, filesAdded: 0 });
    expect(await t.files(name)).toHaveLength(1);
  });

  test('random changes do what DuckDB does to a table of its own', async () => {
    const name = `model${version}`;
    await t.create(name, {
      columns: { id: 'long', part: 'int', v: 'long' },
      formatVersion: version,
      partitionedBy: ['part'],
      properties: merge,
    });
    await t.session.duckdb.run(`CREATE TABLE plain${version} (id BIGINT, part INTEGER, v BIGINT)`);
    const change = fc.oneof(
      fc
        .nat({ max: 50 })
        .map(n => (x: string) => `INSERT INTO ${x} SELECT i, i % 3, ${n} FROM range(${n}) r(i)`),
      fc.tuple(fc.integer({ min: 2, max: 6 }), fc.nat({ max: 5 })).map(
        ([m, r]) =>
          (x: string) =>
            `DELETE FROM ${x} WHERE (id + v) % ${m} = ${r}`,
      ),
      fc.tuple(fc.integer({ min: 2, max: 6 }), fc.nat({ max: 5 })).map(
        ([m, r]) =>
          (x: string) =>
            `UPDATE ${x} SET v = v + id, part = (part + 1) % 4 WHERE (id + v) % ${m} = ${r}`,
      ),
      fc.nat({ max: 40 }).map(
        n => (x: string) =>
          `MERGE INTO ${x} USING (SELECT i AS k FROM range(${n}, ${n + 10}) r(i)) s ON id = k AND v >= 1000000000
           WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, part, v) VALUES (k, 1, ${n} + 7)`,
      ),
    );
    const state = (table: string) =>
      t.rows(`SELECT id, part, v, count(*) AS n FROM ${table} GROUP BY ALL ORDER BY ALL`);
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 3, maxLength: 6 }), async changes => {
        for (const make of changes) {
          const sql = make(name);
          await t.session.execute(sql);
          await t.session.execute(make(`plain${version}`));
          expect(await state(name), sql).toEqual(await state(`plain${version}`));
        }
      }),
      { numRuns: 6 },
    );
  });
});

test.each([10, 70])('vectors of %i files are applied together', async parts => {
  const name = `mor${tables++}`;
  await t.create(name, {
    columns: { id: 'long', part: 'int' },
    partitionedBy: ['part'],
    formatVersion: 3,
    properties: merge,
  });
  const rows = parts * 5000;
  await t.change(`INSERT INTO ${name} SELECT i, i % ${parts} FROM range(${rows}) r(i)`);
  await t.change(`DELETE FROM ${name} WHERE hash(id) % 10 = 0 AND part <> 3`);
  expect((await deletesOf(name)).filter(deletes => deletes.length === 1)).toHaveLength(parts - 1);
  const state = (source: string) =>
    t.rows(`SELECT part, count(*) AS n, sum(id) AS s FROM ${source} GROUP BY ALL ORDER BY ALL`);
  expect(await state(name)).toEqual(
    await state(
      `(SELECT i AS id, i % ${parts} AS part FROM range(${rows}) r(i)) WHERE hash(id) % 10 <> 0 OR part = 3`,
    ),
  );
});

describe('position delete files', () => {
  test.each([
    ['file', 3],
    ['partition', 1],
  ])('are about a %s each, as the table says', async (granularity, files) => {
    const name = await table(2, 3, { 'write.delete.granularity': granularity });
    await t.change(`DELETE FROM ${name} WHERE id % 1000 IN (7, 3)`);
    const deletes = new Map((await deletesOf(name)).flat().map(file => [file.filePath, file]));
    expect(deletes.size).toBe(files);
    expect([...deletes.values()].reduce((sum, file) => sum + file.recordCount, 0)).toBe(6);
    for (const { filePath, referencedDataFile } of deletes.values()) {
      expect(referencedDataFile !== undefined).toBe(granularity === 'file');
      // Spec: sorted by file_path, then pos.
      const rows = await t.session.duckdb.rows(
        `SELECT file_path, pos FROM read_parquet('${await localCopy(t.lake, filePath)}')`,
      );
      const keys = rows.map(row => `${row.file_path} ${String(row.pos).padStart(9, '0')}`);
      expect(keys).toEqual(keys.toSorted());
    }
    expect(await t.rows(`SELECT count(*) AS n FROM ${name}`)).toEqual([{ n: 2994 }]);
  });
});

test('a mode that there is none of is told', async () => {
  const name = await table(2, 1, { 'write.delete.mode': 'merge on read' });
  await expect(t.change(`DELETE FROM ${name} WHERE id = 1`)).rejects.toThrow(
    /write.delete.mode.*merge on read/,
  );
});

test('version 1 has no delete files: its files are rewritten', async () => {
  const name = await table(1, 1);
  expect(await t.change(`DELETE FROM ${name} WHERE id = 1`)).toMatchObject({
    filesRemoved: 1,
    filesAdded: 1,
  });
});

describe('row lineage', () => {
  const lineage = (name: string, where = 'true') =>
    t.rows(
      `SELECT id, _row_id AS r, _last_updated_sequence_number AS s FROM ${name} WHERE ${where} ORDER BY id`,
    ) as Promise<{ id: number; r: number; s: number }[]>;

  test.each(['merge-on-read', 'copy-on-write'])(
    'rows keep their ids when others are changed: %s',
    async mode => {
      const name = await table(3, 2, {
        'write.delete.mode': mode,
        'write.update.mode': mode,
      });
      const before = new Map((await lineage(name)).map(row => [row.id, row]));
      expect(new Set([...before.values()].map(row => row.r)).size).toBe(2000);
      await t.change(`DELETE FROM ${name} WHERE id = 3`);
      await t.change(`UPDATE ${name} SET text = 'x' WHERE id IN (4, 1004)`);
      await t.change(`INSERT INTO ${name} VALUES (9999, 0, 'late')`);
      const { metadata } = await t.table(name);
      const after = await lineage(name);
      expect(after).toHaveLength(2000);
      for (const { id, r, s } of after) {
        if (id === 9999) {
          expect(s).toBe(metadata.lastSequenceNumber);
          expect([...before.values()].some(row => row.r === r)).toBe(false);
        } else {
          expect(r).toBe(before.get(id)!.r);
          expect(s).toBe(id === 4 || id === 1004 ? metadata.lastSequenceNumber - 1 : before.get(id)!.s);
        }
      }
    },
  );

  test('is not part of SELECT *', async () => {
    const name = await table(3, 1);
    expect(Object.keys((await t.rows(`SELECT * FROM ${name} LIMIT 1`))[0] as object)).toEqual([
      'id',
      'part',
      'text',
    ]);
  });

  test('begins with the first commit after an upgrade, and position deletes go into vectors', async () => {
    const name = await table(2, 1);
    await t.change(`DELETE FROM ${name} WHERE id < 10`);
    await t.session.execute(`ALTER TABLE ${name} SET TBLPROPERTIES ('format-version' = '3')`);
    expect((await lineage(name, 'id = 500'))[0]).toEqual({ id: 500, r: null, s: null });
    await t.change(`DELETE FROM ${name} WHERE id >= 10 AND id < 20`);
    const [deletes] = await deletesOf(name);
    expect(deletes!.map(file => [file.fileFormat, file.recordCount])).toEqual([['PUFFIN', 20]]);
    expect(await t.rows(`SELECT count(*) AS n, min(id) AS m FROM ${name}`)).toEqual([{ n: 980, m: 20 }]);
    expect((await lineage(name, 'id = 500'))[0]).toEqual({ id: 500, r: 500, s: 1 });
  });
});
