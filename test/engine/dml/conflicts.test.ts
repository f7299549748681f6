import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { insertRows, upsertRows } from '../../../src/engine/dml/index.ts';
import { commitSnapshot } from '../../../src/engine/transaction.ts';
import { foreignFile, temporaryFolder } from '../support.ts';
import { type TableOptions, TestLake, withParts } from './support.ts';

/** Another session on the same lake. */
const other = await TestLake.open();
/** What the other session does right before this one's next commits reach the catalog. */
const between: (() => Promise<unknown>)[] = [];
let everyTime: (() => Promise<unknown>) | undefined;
/** How often this session wrote data files. */
let writes = 0;
const mine = await TestLake.open(other.folder, lake =>
  withParts(
    lake,
    {
      commitTable: async (table, requirements, updates) => {
        await (between.shift() ?? everyTime)?.();
        return lake.catalog.commitTable(table, requirements, updates);
      },
    },
    {
      stage: folder => {
        writes++;
        return lake.storage.stage(folder);
      },
    },
  ),
);

let tables = 0;
let t: string;
const columns = { id: 'long', g: 'string', n: 'int' };
async function create(options: Partial<TableOptions> = {}): Promise<void> {
  t = `t${tables++}`;
  await other.create(t, { columns, partitionedBy: ['g'], ...options });
  await other.change(`INSERT INTO ${t} VALUES (1, 'a', 1), (2, 'a', 2), (3, 'b', 3), (4, 'b', 4)`);
}
beforeEach(async () => {
  between.length = 0;
  everyTime = undefined;
  await create();
  writes = 0;
});

const rows = () => other.rows(`SELECT id, n FROM ${t} ORDER BY ALL`);
/** Data files on disk that no snapshot has. */
async function orphans(): Promise<string[]> {
  const { metadata } = await other.table(t);
  const known = new Set<string>();
  for (const { snapshotId } of metadata.snapshots) {
    for (const { dataFile } of await other.tasks(t, snapshotId)) known.add(path.basename(dataFile.filePath));
  }
  return (await other.stored()).filter(
    file => file.includes(`/${t}/data/`) && !known.has(path.basename(file)),
  );
}

describe('commits in between', () => {
  test('rows are added beside each other, with the files written once', async () => {
    between.push(() => other.change(`INSERT INTO ${t} VALUES (5, 'a', 5)`));
    between.push(() => other.change(`INSERT INTO ${t} VALUES (6, 'c', 6)`));
    await mine.change(`INSERT INTO ${t} VALUES (7, 'a', 7)`);
    expect((await rows()).map(row => (row as { id: number }).id)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(writes).toBe(1);
    expect(await orphans()).toEqual([]);
  });

  test('rows that a change did not have to look at are no conflict', async () => {
    between.push(() => other.change(`INSERT INTO ${t} VALUES (5, 'b', 5)`));
    between.push(() => other.change(`UPDATE ${t} SET n = -n WHERE g = 'b'`));
    const result = await mine.change(`UPDATE ${t} SET n = n * 10 WHERE g = 'a'`);
    expect(result.rowsUpdated).toBe(2);
    expect(await rows()).toEqual([
      { id: 1, n: 10 },
      { id: 2, n: 20 },
      { id: 3, n: -3 },
      { id: 4, n: -4 },
      { id: 5, n: -5 },
    ]);
    expect(writes).toBe(1);
  });

  test('rows that it would have changed make it run again', async () => {
    between.push(() => other.change(`INSERT INTO ${t} VALUES (5, 'a', 5)`));
    expect((await mine.change(`UPDATE ${t} SET n = n * 10 WHERE g = 'a'`)).rowsUpdated).toBe(3);
    expect(await rows()).toContainEqual({ id: 5, n: 50 });
    expect(writes).toBe(2);
    expect(await orphans()).toEqual([]);
  });

  test('except at snapshot isolation, if the table asks for that', async () => {
    await create({ properties: { 'write.update.isolation-level': 'snapshot' } });
    writes = 0;
    between.push(() => other.change(`INSERT INTO ${t} VALUES (5, 'a', 5)`));
    expect((await mine.change(`UPDATE ${t} SET n = n * 10 WHERE g = 'a'`)).rowsUpdated).toBe(2);
    expect(await rows()).toContainEqual({ id: 5, n: 5 });
    expect(writes).toBe(1);
  });

  test('two changes of one file both count', async () => {
    between.push(() => other.change(`UPDATE ${t} SET n = n + 100 WHERE id = 1`));
    await mine.change(`UPDATE ${t} SET n = n * 2 WHERE id = 2`);
    between.push(() => other.change(`DELETE FROM ${t} WHERE id = 1`));
    await mine.change(`UPDATE ${t} SET n = n + 1 WHERE g = 'a'`);
    expect(await rows()).toEqual([
      { id: 2, n: 5 },
      { id: 3, n: 3 },
      { id: 4, n: 4 },
    ]);
    expect(await orphans()).toEqual([]);
  });

  test('two upserts of one key leave one row', async () => {
    const table = await mine.table(t);
    const sourceSql = `SELECT 9 AS id, 'c' AS g, 1 AS n`;
    between.push(() => other.change(`INSERT INTO ${t} VALUES (9, 'c', 0)`));
    const result = await upsertRows(mine.session, { table, sourceSql, on: ['id'] }, {});
    expect(result).toMatchObject({ rowsInserted: 0, rowsUpdated: 1 });
    expect(await rows()).toContainEqual({ id: 9, n: 1 });
    expect(await rows()).toHaveLength(5);
  });

  test('rows deleted meanwhile from a rewritten file do not come back', async () => {
    await create({ properties: { 'write.update.isolation-level': 'snapshot' } });
    between.push(async () => {
      const task = (await other.tasks(t)).find(({ dataFile }) => dataFile.partition[0] === 'a')!;
      const file = path.join(temporaryFolder(), 'deletes.parquet');
      await other.session.duckdb.run(
        `COPY (SELECT '${task.dataFile.filePath}' AS file_path, 0::BIGINT AS pos) TO '${file}'
         (FORMAT parquet, FIELD_IDS {file_path: 2147483546, pos: 2147483545})`,
      );
      const deletes = await foreignFile(file, { content: 1, partition: ['a'], recordCount: 1 });
      await commitSnapshot(other.lake, {
        table: await other.table(t),
        operation: 'delete',
        added: [deletes],
        removed: [],
        validation: { kind: 'none' },
      });
    });
    const before = await rows();
    await mine.change(`UPDATE ${t} SET n = n + 1 WHERE n = 2`);
    expect(await rows()).toHaveLength(before.length - 1);
  });

  test.each([
    [`INSERT INTO t SELECT max(id) + 1, 'z', count(*) FROM t`, [6, 'z', 5]],
    [`INSERT INTO t WITH s AS (FROM t) SELECT max(id) + 1, 'z', count(*) FROM s`, [6, 'z', 5]],
    [`UPDATE t SET n = (SELECT sum(n) FROM t) WHERE id = 3`, [3, 'b', 60]],
    [`DELETE FROM t WHERE id = 1 AND (SELECT count(*) FROM t) = 4`, [1, 'a', 1]],
    [
      `MERGE INTO t USING (SELECT max(id) + 1 AS id, count(*) AS n FROM t) AS s ON t.id = s.id
       WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'z', s.n)`,
      [6, 'z', 5],
    ],
  ])('a statement that reads its own table reads what it is committed after: %s', async (sql, row) => {
    between.push(() => other.change(`INSERT INTO ${t} VALUES (5, 'c', 50)`));
    await mine.session.execute(sql.replaceAll(/\bt\b/g, t));
    const [id, g, n] = row;
    expect(await other.rows(`FROM ${t} WHERE id >= 5 OR id = ${id}`)).toContainEqual({ id, g, n });
    expect(await orphans()).toEqual([]);
  });

  test('but does not mind that rows were moved to other files', async () => {
    between.push(async () => {
      await other.session.execute(
        `CALL system.rewrite_data_files(table => '${t}', options => map('rewrite-all', 'true'))`,
      );
    });
    await mine.change(`INSERT INTO ${t} SELECT max(id) + 1, 'a', 0 FROM ${t}`);
    expect(await rows()).toContainEqual({ id: 5, n: 0 });
    expect(writes).toBe(1);
  });

  test('INSERT OVERWRITE replaces what there is in the end', async () => {
    between.push(() => other.change(`INSERT INTO ${t} VALUES (5, 'a', 5)`));
    const result = await mine.change(`INSERT OVERWRITE ${t} SELECT max(id) + 1, 'a', 0 FROM ${t}`);
    expect(result).toMatchObject({ rowsInserted: 1, rowsDeleted: 3 });
    expect(await rows()).toEqual([
      { id: 3, n: 3 },
      { id: 4, n: 4 },
      { id: 6, n: 0 },
    ]);
  });

  test('a new branch starts where the change began, whatever others commit meanwhile', async () => {
    const table = await mine.table(t);
    await insertRows(mine.session, { table, branch: 'dev', sourceSql: `SELECT 8, 'a', 8` }, {});
    between.push(() => other.change(`DELETE FROM ${t} WHERE id = 1`));
    await insertRows(mine.session, { table, branch: 'dev2', sourceSql: `SELECT 9, 'a', 9` }, {});
    const ids = (branch: string) => other.rows(`SELECT id FROM ${t} AT (VERSION => '${branch}') ORDER BY id`);
    expect((await ids('dev')).map(row => (row as { id: number }).id)).toEqual([1, 2, 3, 4, 8]);
    expect((await ids('dev2')).map(row => (row as { id: number }).id)).toEqual([1, 2, 3, 4, 9]);
  });
});

describe('a statement that others never let through', () => {
  test('is given up, with nothing changed and nothing left behind', async () => {
    await create({ properties: { 'commit.retry.num-retries': '4' } });
    let others = 0;
    everyTime = () => other.change(`INSERT INTO ${t} VALUES (${10 + others++}, 'a', 0)`);
    await expect(mine.session.execute(`UPDATE ${t} SET n = 7 WHERE g = 'a'`)).rejects.toMatchObject({
      code: 'COMMIT_CONFLICT',
      message: expect.stringMatching(/run 5 times.* and given up, nothing was changed/),
    });
    everyTime = undefined;
    expect(await other.rows(`SELECT count(*) AS n FROM ${t} WHERE n = 7`)).toEqual([{ n: 0 }]);
    expect(await orphans()).toEqual([]);
  });

  test('also one that only adds rows, when its retries are used up', async () => {
    await create({ properties: { 'commit.retry.num-retries': '2' } });
    writes = 0;
    everyTime = () => other.change(`INSERT INTO ${t} VALUES (10, 'a', 0)`);
    await expect(mine.session.execute(`INSERT INTO ${t} VALUES (0, 'a', 7)`)).rejects.toMatchObject({
      code: 'COMMIT_CONFLICT',
    });
    everyTime = undefined;
    expect(writes).toBe(1);
    expect(await orphans()).toEqual([]);
  });
});

test('a table that was dropped and made anew meanwhile is changed as it is then', async () => {
  between.push(async () => {
    const { identifier } = await other.table(t);
    await other.lake.catalog.dropTable(identifier, { purge: true });
    await other.create(t, { columns });
    await other.change(`INSERT INTO ${t} VALUES (2, 'z', 50)`);
  });
  await mine.change(`UPDATE ${t} SET n = n + 1 WHERE id = 2`);
  expect(await rows()).toEqual([{ id: 2, n: 51 }]);
});
