import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { commitSnapshot } from '../../../src/engine/transaction.ts';
import type { DataFile } from '../../../src/iceberg/datafile.ts';
import { foreignFile, temporaryFolder } from '../support.ts';
import { localCopy } from '../warehouse.ts';
import { TestLake } from './support.ts';

const lake = await TestLake.open();
const columns = { id: 'long', day: 'date', n: 'int' };
let tables = 0;

/** A table with one file for each of three months, and for rows without a day. */
async function months(): Promise<string> {
  const name = `m${tables++}`;
  await lake.create(name, { columns, partitionedBy: ['month(day)'] });
  await lake.change(`INSERT INTO ${name} SELECT range, DATE '2024-01-01' + (range // 10 * 31)::INTEGER, range % 10
    FROM range(30) UNION ALL SELECT 30, NULL, 0`);
  return name;
}

/** Deletes the data file of a partition (months since 1970) on disk: whoever reads it fails. */
async function loseFile(name: string, month: number | null): Promise<void> {
  const task = (await lake.tasks(name)).find(({ dataFile }) => dataFile.partition[0] === month);
  await lake.lake.storage.delete(task!.dataFile.filePath);
}

const january2024 = 54 * 12;

describe('what is decided without reading', () => {
  test.each([
    [`DELETE FROM {t} WHERE day < DATE '2024-02-01'`, 10],
    [`DELETE FROM {t} AS x WHERE x.day BETWEEN DATE '2024-01-01' AND DATE '2024-01-31'`, 10],
    // All days of the file are the first of January, so its bounds decide.
    [`DELETE FROM {t} WHERE day = DATE '2024-01-01'`, 10],
    [`DELETE FROM {t} WHERE id < 10`, 10],
  ])('%s', async (sql, rows) => {
    const name = await months();
    await loseFile(name, january2024);
    const result = await lake.change(sql.replace('{t}', name));
    expect(result).toMatchObject({ rowsDeleted: rows, filesAdded: 0, filesRemoved: 1 });
    expect(result.text).toBe(
      '10 rows deleted in 1 file, removed without reading it; 3 of 4 files untouched.',
    );
    expect(await lake.rows(`SELECT count(*) AS n FROM ${name}`)).toEqual([{ n: 21 }]);
    expect((await lake.table(name)).metadata.snapshots.at(-1)!.operation).toBe('delete');
  });

  test.each(['DELETE FROM {t}', 'TRUNCATE {t}', 'TRUNCATE TABLE {t}', 'DELETE FROM {t} WHERE true'])(
    '%s reads nothing',
    async sql => {
      const name = await months();
      for (const { dataFile } of await lake.tasks(name)) await lake.lake.storage.delete(dataFile.filePath);
      expect(await lake.change(sql.replace('{t}', name))).toMatchObject({ rowsDeleted: 31, filesRemoved: 4 });
      expect(await lake.rows(`SELECT * FROM ${name}`)).toEqual([]);
      expect((await lake.change(sql.replace('{t}', name))).snapshotId).toBeUndefined();
    },
  );

  test.each([
    `UPDATE {t} SET n = 5 WHERE day >= DATE '2024-02-01'`,
    `DELETE FROM {t} WHERE day >= DATE '2024-02-01' AND n = 3`,
    `MERGE INTO {t} AS t USING (SELECT 15 AS id) AS s ON t.id = s.id WHEN MATCHED THEN DELETE`,
    `MERGE INTO {t} AS t USING (SELECT 15 AS id) AS s ON t.id = s.id AND t.day > DATE '2024-02-01' WHEN NOT MATCHED THEN INSERT (id) VALUES (1)`,
    `MERGE INTO {t} AS t USING (SELECT 15 AS id WHERE false) AS s USING (id) WHEN NOT MATCHED BY SOURCE AND t.id > 12 THEN DELETE`,
  ])('%s leaves January alone', async sql => {
    const name = await months();
    await loseFile(name, january2024);
    const result = await lake.change(sql.replace('{t}', name));
    expect(result.snapshotId).toBeDefined();
    expect((await lake.tasks(name)).some(({ dataFile }) => dataFile.partition[0] === january2024)).toBe(true);
  });
});

describe('what is rewritten', () => {
  test('only files with changed rows; the sentence tells', async () => {
    const name = await months();
    const before = await lake.files(name);
    const result = await lake.change(`UPDATE ${name} SET n = -n WHERE id IN (3, 4, 13)`);
    expect(result).toMatchObject({ rowsUpdated: 3, filesAdded: 2, filesRemoved: 2 });
    expect(result.text).toBe('3 rows updated in 2 files; 2 of 4 files untouched.');
    expect((await lake.files(name)).filter(file => before.includes(file))).toHaveLength(2);
    const { metadata } = await lake.table(name);
    expect(metadata.snapshots.at(-1)).toMatchObject({
      operation: 'overwrite',
      summary: { 'added-records': '20', 'deleted-records': '20', 'total-records': '31' },
    });
  });

  test('a file whose rows all go is removed, none written', async () => {
    const name = await months();
    const result = await lake.change(`DELETE FROM ${name} WHERE id + 0 < 10`);
    expect(result).toMatchObject({ rowsDeleted: 10, filesAdded: 0, filesRemoved: 1 });
  });

  test('rows stay near those they were written with: bounds go on telling files apart', async () => {
    const name = `m${tables++}`;
    await lake.create(name, { columns, properties: { 'write.target-file-size-bytes': '1000' } });
    for (const start of [0, 100, 200]) {
      await lake.change(`INSERT INTO ${name} SELECT range, NULL, 0 FROM range(${start}, ${start + 100})`);
    }
    await lake.change(
      `MERGE INTO ${name} AS t USING (SELECT range * 50 AS id FROM range(7)) AS s ON t.id = s.id
       WHEN MATCHED THEN UPDATE SET n = 1 WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)`,
    );
    for (const file of await lake.files(name)) {
      const [row] = await lake.session.duckdb.rows(
        `SELECT max(id) - min(id) AS span FROM '${await localCopy(lake.lake, file)}'`,
      );
      expect(Number(row!.span)).toBeLessThanOrEqual(100);
    }
    expect(await lake.rows(`SELECT count(*) AS n, sum(n) AS s FROM ${name}`)).toEqual([{ n: 301, s: 6 }]);
  });

  test('rows that move to another partition', async () => {
    const name = await months();
    await lake.change(`UPDATE ${name} SET day = DATE '2025-01-01' WHERE id = 3`);
    const partitions = (await lake.tasks(name)).map(({ dataFile }) => dataFile.partition[0]);
    expect(partitions).toContain(55 * 12);
    expect(await lake.rows(`SELECT id FROM ${name} WHERE day = DATE '2025-01-01'`)).toEqual([{ id: 3 }]);
  });
});

/** Commits a position delete file for rows of one data file, as merge-on-read writers do. */
async function deleteByPosition(name: string, dataFile: DataFile, positions: number[]): Promise<string> {
  const file = path.join(temporaryFolder(), `${positions.join('-')}-deletes.parquet`);
  const rows = positions.map(position => `('${dataFile.filePath}', ${position}::BIGINT)`).join(', ');
  await lake.session.duckdb.run(
    `COPY (SELECT * FROM (VALUES ${rows}) v(file_path, pos)) TO '${file}'
     (FORMAT parquet, FIELD_IDS {file_path: 2147483546, pos: 2147483545})`,
  );
  const added = await foreignFile(file, {
    content: 1,
    specId: dataFile.specId,
    partition: dataFile.partition,
    recordCount: positions.length,
    referencedDataFile: dataFile.filePath,
  });
  await commit(name, added);
  return added.filePath;
}

async function deleteByKey(name: string, ids: number[]): Promise<string> {
  const file = path.join(temporaryFolder(), `${ids.join('-')}-keys.parquet`);
  await lake.session.duckdb.run(
    `COPY (SELECT unnest([${ids.join(', ')}])::BIGINT AS id) TO '${file}' (FORMAT parquet, FIELD_IDS {id: 1})`,
  );
  const added = await foreignFile(file, { content: 2, equalityIds: [1], recordCount: ids.length });
  await commit(name, added);
  return added.filePath;
}

async function commit(name: string, added: DataFile): Promise<void> {
  await commitSnapshot(lake.lake, {
    table: await lake.table(name),
    operation: 'delete',
    added: [added],
    removed: [],
    validation: { kind: 'none' },
  });
}

async function liveDeletes(name: string): Promise<string[]> {
  return [
    ...new Set((await lake.tasks(name)).flatMap(task => task.deletes.map(file => file.filePath))),
  ].sort();
}

describe('tables with delete files', () => {
  test('rewritten files have their deletes folded in; delete files that nothing needs any more go', async () => {
    const name = await months();
    const [first, second] = (await lake.tasks(name)).filter(task => task.dataFile.recordCount === 10);
    const ofFirst = await deleteByPosition(name, first!.dataFile, [0, 4]);
    const ofSecond = await deleteByPosition(name, second!.dataFile, [1]);
    expect(await lake.rows(`SELECT count(*) AS n FROM ${name}`)).toEqual([{ n: 28 }]);
    const ids = await lake.rows(
      `SELECT min(id) AS id FROM ${name} WHERE month(day) = month(DATE '2024-01-01')`,
    );
    expect(await liveDeletes(name)).toEqual([ofFirst, ofSecond].sort());
    await lake.change(`UPDATE ${name} SET n = 99 WHERE id = ${(ids[0] as { id: number }).id}`);
    expect(await liveDeletes(name)).toHaveLength(1);
    expect(await lake.rows(`SELECT count(*) AS n FROM ${name}`)).toEqual([{ n: 28 }]);
    const { metadata } = await lake.table(name);
    expect(metadata.snapshots.at(-1)!.summary).toMatchObject({
      'removed-delete-files': '1',
      'total-delete-files': '1',
    });
  });

  test('an equality delete stays as long as a file needs it', async () => {
    const name = `e${tables++}`;
    await lake.create(name, { columns });
    await lake.change(`INSERT INTO ${name} VALUES (1, NULL, 1), (2, NULL, 2)`);
    await lake.change(`INSERT INTO ${name} VALUES (1, NULL, 10), (3, NULL, 30)`);
    const deletes = await deleteByKey(name, [1, 3]);
    const remaining = () => lake.rows(`SELECT id, n FROM ${name} ORDER BY ALL`);
    expect(await remaining()).toEqual([{ id: 2, n: 2 }]);
    await lake.change(`INSERT INTO ${name} VALUES (1, NULL, 100)`);
    await lake.change(`UPDATE ${name} SET n = 5 WHERE id = 2`);
    expect(await liveDeletes(name)).toEqual([deletes]);
    const result = await lake.change(`DELETE FROM ${name} WHERE id <= 2 AND n > 0`);
    expect(result.rowsDeleted).toBe(2);
    expect(await remaining()).toEqual([]);
    await lake.change(`TRUNCATE ${name}`);
    expect(await liveDeletes(name)).toEqual([]);
    expect((await lake.table(name)).metadata.snapshots.at(-1)!.summary).toMatchObject({
      'total-delete-files': '0',
      'total-data-files': '0',
    });
  });

  test('deleted rows of a dropped file are not counted', async () => {
    const name = await months();
    const [task] = (await lake.tasks(name)).filter(({ dataFile }) => dataFile.partition[0] === january2024);
    await deleteByPosition(name, task!.dataFile, [0, 4]);
    const result = await lake.change(`DELETE FROM ${name} WHERE day < DATE '2024-02-01'`);
    expect(result).toMatchObject({ rowsDeleted: 8, filesAdded: 0, filesRemoved: 1 });
    expect(await liveDeletes(name)).toEqual([]);
    expect((await lake.change(`TRUNCATE ${name}`)).rowsDeleted).toBe(21);
  });
});

test('files of earlier snapshots stay on disk', async () => {
  const name = await months();
  const before = await lake.files(name);
  await lake.change(`UPDATE ${name} SET n = 0`);
  await lake.change(`DELETE FROM ${name}`);
  for (const file of before) expect(await lake.lake.storage.exists(file)).toBe(true);
});
