import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { append, createTable, openSession, rowsOf, run, tableName } from './bind-support.ts';
import { schemaOf } from './support.ts';

const session = await openSession();
const { lake, workingDirectory } = session;
const sales = tableName('sales');
const { fields } = schemaOf({ id: { kind: 'long' }, name: { kind: 'string' }, day: { kind: 'date' } }, [
  'id',
]);
await createTable(
  lake,
  sales,
  {
    schemaId: 0,
    fields: fields.map(field => (field.name === 'name' ? { ...field, doc: "who's" } : field)),
    identifierFieldIds: [1],
  },
  { specId: 0, fields: [{ fieldId: 1000, name: 'day_month', sourceId: 3, transform: { kind: 'month' } }] },
);
await append(session, sales, `SELECT 1, 'a', DATE '2026-01-01' UNION ALL SELECT 2, 'b', DATE '2026-01-02'`);
await append(session, sales, `SELECT 3, 'c', DATE '2026-02-01' UNION ALL SELECT 4, NULL, DATE '2026-02-02'`);
await createTable(lake, tableName('items', 'shop'), schemaOf({ item: { kind: 'string' } }));

const done = async (sql: string) => (await session.execute(sql)).at(-1);

test('EXPLAIN tells what is read of each lake table', async () => {
  const { rows, scan } = await run(session, "EXPLAIN SELECT * FROM sales WHERE day < '2026-01-15'");
  const text = String(rows.find(row => row[0] === 'lake_tables')![1]);
  expect(text).toMatch(
    /^default\.sales \(snapshot \d+\)\n {2}data files: 1 of 2, .* 2 rows\n {2}manifests: 1 of 2\n {2}filter: day < '2026-01-15'$/,
  );
  expect(rows[0]![0]).toBe('physical_plan');
  expect(scan!.dataFilesScanned).toBe(1);
  const analyzed = await run(session, 'EXPLAIN ANALYZE FROM sales');
  expect(analyzed.rows.map(row => row[0])).toEqual(['analyzed_plan', 'lake_tables']);
});

test('DESCRIBE and SUMMARIZE', async () => {
  const described = await run(session, 'DESCRIBE sales');
  expect(described.columns).toEqual(['column_name', 'column_type', 'null', 'key', 'default', 'comment']);
  expect(described.rows).toEqual([
    ['id', 'BIGINT', 'NO', 'PRI', null, null],
    ['name', 'VARCHAR', 'YES', null, null, "who's"],
    ['day', 'DATE', 'YES', null, null, null],
  ]);
  expect(
    (await rowsOf(session, 'DESCRIBE SELECT id, 1 AS one FROM sales')).map(row => row.slice(0, 2)),
  ).toEqual([
    ['id', 'BIGINT'],
    ['one', 'INTEGER'],
  ]);
  expect((await rowsOf(session, 'SUMMARIZE sales')).map(row => [row[0], row[2], row[3]])).toEqual([
    ['id', '1', '4'],
    ['name', 'a', 'c'],
    ['day', '2026-01-01', '2026-02-02'],
  ]);
  expect((await rowsOf(session, 'DESCRIBE sales$refs')).map(row => row[0])).toContain('snapshot_id');
  expect((await rowsOf(session, 'SELECT column_name FROM (DESCRIBE sales)')).flat()).toEqual([
    'id',
    'name',
    'day',
  ]);
});

test('SHOW', async () => {
  await session.execute(
    'CREATE TEMP TABLE mine AS SELECT 1 AS x; CREATE TEMP VIEW seen AS SELECT * FROM sales',
  );
  expect(await rowsOf(session, 'SHOW TABLES')).toEqual([['mine'], ['sales'], ['seen']]);
  expect(await rowsOf(session, 'SHOW TABLES FROM shop')).toEqual([['items']]);
  expect(await rowsOf(session, 'SHOW ALL TABLES')).toEqual([
    ['lake', 'default', 'sales', 'table'],
    ['lake', 'shop', 'items', 'table'],
    ['temp', 'main', 'mine', 'temporary table'],
    ['temp', 'main', 'seen', 'view'],
  ]);
  expect(await rowsOf(session, 'SHOW SCHEMAS')).toEqual([['default'], ['shop']]);
  expect(await rowsOf(session, 'SHOW DATABASES')).toEqual([['lake']]);
  await expect(session.execute('SHOW TABLES FROM shpo')).rejects.toMatchObject({
    code: 'NAMESPACE_NOT_FOUND',
    hint: 'Did you mean "shop"?',
    position: { line: 1, column: 18 },
  });
  const [[text]] = (await rowsOf(session, 'SHOW CREATE TABLE sales')) as [[string]];
  expect(text).toContain(
    'CREATE TABLE default.sales (\n  "id" BIGINT NOT NULL,\n  "name" VARCHAR COMMENT \'who\'\'s\'',
  );
  expect(text).toContain('PRIMARY KEY ("id")');
  expect(text).toContain('PARTITIONED BY (month("day"))');
  await session.execute('DROP VIEW seen; DROP TABLE mine');
});

test('USE moves to a namespace', async () => {
  await session.execute('USE shop');
  expect(await rowsOf(session, 'SELECT count(*) FROM items')).toEqual([[0]]);
  expect(await rowsOf(session, 'SELECT count(*) FROM default.sales')).toEqual([[4]]);
  await expect(session.execute('SELECT * FROM sales')).rejects.toMatchObject({
    hint: 'Did you mean "default.sales"?',
  });
  await session.execute('USE lake.default');
  expect(await rowsOf(session, 'SELECT count(*) FROM sales')).toEqual([[4]]);
  await expect(session.execute('USE nowhere')).rejects.toMatchObject({ code: 'NAMESPACE_NOT_FOUND' });
});

test('COPY writes queries and tables into the working directory', async () => {
  expect(await done("COPY (SELECT id FROM sales WHERE id > 2 ORDER BY id) TO 'out.csv'")).toMatchObject({
    kind: 'done',
    text: '2 rows copied.',
  });
  expect(readFileSync(path.join(workingDirectory, 'out.csv'), 'utf8')).toBe('id\n3\n4\n');
  await done("COPY sales (name) TO 'names.csv' (HEADER false)");
  expect(
    readFileSync(path.join(workingDirectory, 'names.csv'), 'utf8').split('\n').filter(Boolean).sort(),
  ).toEqual(['a', 'b', 'c']);
});

test('COPY reads files into a table', async () => {
  writeFileSync(path.join(workingDirectory, 'more.csv'), 'day;id\n2026-03-01;5\n2026-03-02;6\n');
  const result = await done("COPY sales (day, id) FROM 'more.csv' (DELIMITER ';', HEADER)");
  expect(result).toMatchObject({ kind: 'change', operation: 'copy', rowsInserted: 2 });
  expect(await rowsOf(session, 'FROM sales WHERE id >= 5 ORDER BY id')).toEqual([
    [5, null, '2026-03-01'],
    [6, null, '2026-03-02'],
  ]);
  await done('DELETE FROM sales WHERE id >= 5');
});

test('views of lake tables see later rows', async () => {
  await session.execute(
    "CREATE TEMP VIEW early (k, n) AS SELECT id, name FROM sales WHERE day < '2026-02-01'",
  );
  expect((await run(session, 'SELECT early.k FROM early ORDER BY 1')).rows).toEqual([[1], [2]]);
  await append(session, sales, `SELECT 0, 'z', DATE '2025-12-01'`);
  expect(await rowsOf(session, 'SELECT max(e.k), min(e.k), count(e.n) FROM early AS e')).toEqual([[2, 0, 3]]);
  await session.execute('DELETE FROM sales WHERE id = 0');
  await expect(session.execute('CREATE TEMP VIEW early AS SELECT * FROM sales')).rejects.toMatchObject({
    code: 'VIEW_EXISTS',
  });
  await session.execute('CREATE TEMP VIEW IF NOT EXISTS early AS SELECT * FROM sales');
  await session.execute('CREATE TEMP VIEW outer_view AS SELECT k FROM early; DROP VIEW IF EXISTS nothing');
  expect(await rowsOf(session, 'SELECT count(*) FROM outer_view')).toEqual([[2]]);
  await expect(session.execute('CREATE OR REPLACE TEMP VIEW early AS SELECT * FROM early')).rejects.toThrow(
    'read itself',
  );
  await expect(
    session.execute('CREATE OR REPLACE TEMP VIEW early AS SELECT k FROM outer_view'),
  ).rejects.toThrow('read itself');
  await expect(session.execute('CREATE VIEW kept AS SELECT * FROM sales')).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: 'Views of lake tables are kept for the session.',
  });
  await expect(session.execute('CREATE TEMP VIEW wrong AS SELECT nope FROM sales')).rejects.toMatchObject({
    code: 'COLUMN_NOT_FOUND',
    position: { line: 1, column: 34 },
  });
  await session.execute('CREATE OR REPLACE TEMP VIEW early AS SELECT 1 AS k');
  expect(await rowsOf(session, 'SELECT * FROM outer_view')).toEqual([[1]]);
  await session.execute('DROP VIEW early; DROP VIEW outer_view');
  await expect(session.execute('SELECT * FROM outer_view')).rejects.toMatchObject({
    code: 'TABLE_NOT_FOUND',
  });
});

test.each([
  ['CREATE MACRO m() AS TABLE SELECT * FROM sales', 41],
  ['PREPARE p AS SELECT * FROM sales', 28],
])('%s says that DuckDB does not see lake tables', async (sql, column) => {
  await expect(session.execute(sql)).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    position: { line: 1, column },
  });
});
