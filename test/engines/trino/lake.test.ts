import { describe, expect, test } from 'vitest';
import type { Progress } from '../../../src/engine/progress.ts';
import type { RowsResult } from '../../../src/engine/statement-result.ts';
import { engine as engineVerb } from '../../../src/lake/index.ts';
import { sharedLake } from './support.ts';

const lake = await sharedLake();
const { session, run, rows, answer } = lake;

/** What both engines answer, which must be the same. */
async function both(sql: string): Promise<unknown[][]> {
  const here = await rows('duckdb', sql);
  expect(await rows('trino', sql)).toEqual(here);
  return here;
}

const types = `b boolean, i integer, l bigint, f real, d double, dec decimal(38,10), s varchar, bin varbinary, day date,
  t time(6), ts timestamp(6), tz timestamp(6) with time zone, u uuid, arr array(integer),
  m map(varchar, decimal(10,2)), r row(a integer, n row(x varchar))`;
const values = `(true, -2147483648, 9223372036854775807, REAL '0.1', 1E-320, DECIMAL '-1234567890123456789012345678.0123456789',
  'ä "quoted" text', X'00ff', DATE '0001-01-01', TIME '23:59:59.999999', TIMESTAMP '1969-12-31 23:59:59.999999',
  TIMESTAMP '2020-07-01 10:00:00.5 UTC', UUID '12151fd2-7586-11e9-8f9e-2a86e4085a59', ARRAY[1, NULL, 3],
  MAP(ARRAY['k'], ARRAY[DECIMAL '1.50']), CAST(ROW(1, ROW('x')) AS row(a integer, n row(x varchar))))`;

describe('tables of both', () => {
  test('every type goes from Trino to Lakebook and back', async () => {
    await run('trino', `CREATE TABLE all_types (${types})`);
    expect(await run('trino', `INSERT INTO all_types VALUES ${values}`)).toMatchObject({
      kind: 'done',
      text: 'INSERT: 1 row, on Trino.',
    });
    await run('trino', 'INSERT INTO all_types (l) VALUES (NULL)');
    const here = await answer('duckdb', 'SELECT * FROM all_types ORDER BY l');
    const there = await answer('trino', 'SELECT * FROM all_types ORDER BY l');
    expect(there.rows).toEqual(here.rows);
    expect(there.types).toEqual(here.types);
    expect(here.rows[0]!.slice(0, 8)).toEqual([
      true,
      -2147483648,
      '9223372036854775807',
      0.10000000149011612,
      1e-320,
      '-1234567890123456789012345678.0123456789',
      'ä "quoted" text',
      '00ff',
    ]);
    // What Lakebook writes of the same is the same to Trino.
    await run('duckdb', 'CREATE TABLE copied AS SELECT * FROM all_types');
    expect((await answer('trino', 'SELECT * FROM copied ORDER BY l')).rows).toEqual(here.rows);
    await run('duckdb', 'INSERT INTO all_types SELECT * FROM copied');
    expect(await rows('trino', 'SELECT count(*), count(DISTINCT dec), count(u) FROM all_types')).toEqual([
      [4, 1, 2],
    ]);
  });

  test('changes by either are seen by the next statement of the other', async () => {
    await run(
      'duckdb',
      'CREATE TABLE sales (id bigint, region varchar, amount decimal(10,2)) PARTITIONED BY (region)',
    );
    await run('duckdb', "INSERT INTO sales VALUES (1, 'EU', 1.50), (2, 'US', 2.50), (3, 'EU', 3.50)");
    expect(await both('SELECT * FROM sales ORDER BY id')).toHaveLength(3);
    expect(await run('trino', "INSERT INTO sales VALUES (4, 'US', DECIMAL '4.50')")).toMatchObject({
      kind: 'done',
    });
    expect(await both('SELECT sum(id) FROM sales')).toEqual([[10]]);
    // Marks rows as deleted (version 2: position deletes).
    expect(await run('trino', 'UPDATE sales SET amount = amount + 1 WHERE id = 1')).toMatchObject({
      text: 'UPDATE: 1 row, on Trino.',
    });
    expect(await both('SELECT amount FROM sales WHERE id = 1')).toEqual([['2.50']]);
    await run('duckdb', "UPDATE sales SET region = 'APAC' WHERE id = 2");
    await run('trino', 'DELETE FROM sales WHERE id = 3');
    await run('duckdb', 'DELETE FROM sales WHERE id = 4');
    expect(await both('SELECT * FROM sales ORDER BY id')).toEqual([
      [1, 'EU', '2.50'],
      [2, 'APAC', '2.50'],
    ]);
    const merge = (source: string) => `MERGE INTO sales t USING (${source}) s ON t.id = s.id
WHEN MATCHED THEN UPDATE SET amount = s.amount WHEN NOT MATCHED THEN INSERT (id, region, amount) VALUES (s.id, 'NEW', s.amount)`;
    await run(
      'trino',
      merge("SELECT * FROM (VALUES (1, DECIMAL '9.00'), (7, DECIMAL '7.00')) AS v (id, amount)"),
    );
    await run('duckdb', merge('SELECT * FROM (VALUES (2, 8.00), (8, 8.50)) AS v (id, amount)'));
    expect(await both('SELECT * FROM sales ORDER BY id')).toEqual([
      [1, 'EU', '9.00'],
      [2, 'APAC', '8.00'],
      [7, 'NEW', '7.00'],
      [8, 'NEW', '8.50'],
    ]);
    await run('trino', 'ALTER TABLE sales ADD COLUMN note varchar');
    await run('duckdb', 'ALTER TABLE sales RENAME COLUMN amount TO price');
    await run('trino', "UPDATE sales SET note = 'n' WHERE price > 8");
    expect(await both('SELECT id, price, note FROM sales WHERE note IS NOT NULL ORDER BY id')).toEqual([
      [1, '9.00', 'n'],
      [8, '8.50', 'n'],
    ]);
    await run('trino', 'ALTER TABLE sales EXECUTE optimize');
    expect(await both('SELECT count(*) FROM sales')).toEqual([[4]]);
  });

  test('schemas, views of the engine and tables come and go', async () => {
    await run('trino', 'CREATE SCHEMA eu');
    await run('trino', 'CREATE TABLE eu.t AS SELECT 1 AS a');
    expect(await rows('duckdb', 'SELECT a FROM eu.t')).toEqual([[1]]);
    await run('duckdb', 'DROP TABLE eu.t');
    await expect(run('trino', 'SELECT * FROM eu.t')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    await run('duckdb', 'DROP SCHEMA eu');
    expect((await rows('trino', 'SHOW SCHEMAS')).flat()).not.toContain('eu');
  });

  test('names begin at the lake, whatever Trino calls its catalog, and in the namespace of USE', async () => {
    await run('duckdb', 'CREATE SCHEMA names; CREATE TABLE names.t AS SELECT 5 AS a');
    expect(await both('SELECT lake.names.t.a FROM lake.names.t')).toEqual([[5]]);
    expect(await rows('trino', `SELECT a FROM ${lake.catalog}.names.t`)).toEqual([[5]]);
    await run('duckdb', 'USE names');
    expect(await both('SELECT a FROM t')).toEqual([[5]]);
    expect(await run('trino', 'USE lake.default')).toMatchObject({ kind: 'done' });
    await expect(run('duckdb', 'SELECT a FROM t')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    await run('trino', 'USE names');
    expect(await both('SELECT a FROM t')).toEqual([[5]]);
    await run('trino', 'USE "default"');
  });
});

describe('statements', () => {
  test('give results that later statements read here', async () => {
    const outcome = (await run(
      'trino',
      'SELECT n, n * 2 AS twice FROM UNNEST(sequence(1, 5)) AS t(n)',
    )) as RowsResult;
    session.nameResult('numbers', outcome.result);
    expect(await rows('duckdb', 'SELECT sum(twice) AS s FROM numbers WHERE n > 2')).toEqual([[24]]);
    await outcome.result.close();
  });

  test('take parameters', async () => {
    const parameters = { text: "it's $x", n: -5, d: 1.5, big: 9007199254740993n, flag: true, nothing: null };
    const outcome = (await run('trino', 'SELECT $text, 1 -$n, $d, $big, $flag, $nothing, typeof($d)', {
      parameters,
    })) as RowsResult;
    expect(await outcome.result.rows(0, 1)).toEqual([
      ["it's $x", 6, 1.5, '9007199254740993', true, null, 'double'],
    ]);
    await outcome.result.close();
  });

  test('tell errors at their place in the whole text', async () => {
    const sql = "SELECT 'é😀';\n\nSELECT a,\n  $p, '😀', colum\nFROM (SELECT 1 AS a) t";
    await expect(
      run('trino', sql, { parameters: { p: 'a parameter that is longer than its name' } }),
    ).rejects.toMatchObject({
      code: 'COLUMN_NOT_FOUND',
      message: "Column 'colum' cannot be resolved",
      position: { line: 4, column: 13, length: 5 },
    });
    await expect(
      run('trino', 'SELECT lake.default.nowhere.x\nFROM lake.default.nowhere'),
    ).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
      position: { line: 2, column: 6 },
    });
    await expect(run('trino', 'SELEC 1')).rejects.toMatchObject({
      code: 'SYNTAX',
      position: { line: 1, column: 1, length: 5 },
    });
    await expect(run('trino', 'SELECT 1 / (n - 1) FROM UNNEST(sequence(1, 3)) t(n)')).rejects.toMatchObject({
      code: 'DIVISION_BY_ZERO',
    });
  });

  test('keep what SET SESSION sets, and take back transactions', async () => {
    expect(await run('trino', "SET SESSION query_max_run_time = '17m'")).toMatchObject({ kind: 'done' });
    expect(await rows('trino', "SHOW SESSION LIKE 'query_max_run_time'")).toEqual([
      [expect.anything(), '17m', expect.anything(), expect.anything(), expect.anything()],
    ]);
    await run('trino', 'PREPARE p FROM SELECT ? + 1');
    expect(await rows('trino', 'EXECUTE p USING 4')).toEqual([[5]]);
  });

  test('report splits and stages while they run', async () => {
    const seen: Progress[] = [];
    const outcome = (await run('trino', 'SELECT orderpriority, count(*) FROM tpch.tiny.orders GROUP BY 1', {
      onProgress: progress => seen.push(progress),
    })) as RowsResult;
    expect(await outcome.result.finished()).toBe(5);
    await outcome.result.close();
    const last = seen.at(-1)!;
    expect(last.splits!.done).toBeGreaterThan(0);
    expect(last.stages!.total).toBeGreaterThan(1);
    expect(last.rows).toBeGreaterThan(0);
  });

  test('end on the server when they are interrupted', async () => {
    const marker = `marker_${Math.random().toString(36).slice(2)}`;
    const state = `SELECT state FROM system.runtime.queries WHERE query LIKE '%${marker}%' AND query NOT LIKE '%runtime%'`;
    const controller = new AbortController();
    const query = run(
      'trino',
      `SELECT count(*) AS ${marker} FROM tpch.sf100.lineitem a, tpch.sf100.lineitem b`,
      {
        signal: controller.signal,
      },
    );
    const other = await session.engines.get('trino');
    const states = async () => {
      const found = await other.query(state);
      const all: string[] = [];
      for await (const batch of found.batches) all.push(...(batch.getChildAt(0)!.toArray() as string[]));
      return all;
    };
    await expect.poll(states).toEqual(['RUNNING']);
    controller.abort();
    await expect(query).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect.poll(states).toEqual(['FAILED']);
  });
});

test('%lake engine chooses after it has asked', async () => {
  const answered = await engineVerb(session, { engine: 'trino' });
  expect(answered.text).toContain(`Trino 476, catalog ${lake.catalog}`);
  expect(session.engines.current).toBe('trino');
  expect((await engineVerb(session, {})).rows).toEqual([
    ['duckdb', false, null, 'lake'],
    ['trino', true, expect.stringMatching(/^http/), lake.catalog],
  ]);
  await engineVerb(session, { engine: 'duckdb' });
  await expect(engineVerb(session, { engine: 'spark' })).rejects.toMatchObject({
    code: 'ENGINE_NOT_CONFIGURED',
  });
  expect(session.engines.current).toBe('duckdb');
});
