import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { type Answer, newNamespace, openLakebook, openSpark, Results } from './support.ts';

const spark = openSpark();
let results: Results;
beforeAll(async () => {
  results = await Results.open();
});

/** Each: Spark's expression, DuckDB's type of it, and the value as JSON holds it. */
const values: readonly (readonly [sql: string, type: string, value: unknown])[] = [
  ['NULL', 'INTEGER', null],
  ['true', 'BOOLEAN', true],
  ['-128Y', 'TINYINT', -128],
  ['-32768S', 'SMALLINT', -32768],
  ['-2147483648', 'INTEGER', -2147483648],
  ['9223372036854775807L', 'BIGINT', '9223372036854775807'],
  ['-9223372036854775808L', 'BIGINT', '-9223372036854775808'],
  ["CAST('1.5' AS FLOAT)", 'FLOAT', 1.5],
  ["CAST('0.1' AS FLOAT)", 'FLOAT', Math.fround(0.1)],
  ['1.7976931348623157E308D', 'DOUBLE', 1.7976931348623157e308],
  ["CAST('NaN' AS DOUBLE)", 'DOUBLE', 'NaN'],
  ["CAST('-Infinity' AS DOUBLE)", 'DOUBLE', '-Infinity'],
  ['CAST(1.20 AS DECIMAL(4,2))', 'DECIMAL(4,2)', '1.20'],
  ['CAST(-12345.678 AS DECIMAL(9,3))', 'DECIMAL(9,3)', '-12345.678'],
  ['CAST(-123456789012.345678 AS DECIMAL(18,6))', 'DECIMAL(18,6)', '-123456789012.345678'],
  [
    "CAST('-99999999999999999999999999999999999999' AS DECIMAL(38,0))",
    'DECIMAL(38,0)',
    '-99999999999999999999999999999999999999',
  ],
  [
    "CAST('0.12345678901234567890123456789012345678' AS DECIMAL(38,38))",
    'DECIMAL(38,38)',
    '0.12345678901234567890123456789012345678',
  ],
  ["''", 'VARCHAR', ''],
  ["'twelve bytes'", 'VARCHAR', 'twelve bytes'],
  ["'thirteen byte'", 'VARCHAR', 'thirteen byte'],
  ["'Zwölf Boxkämpfer 🥊 \\u0000 end'", 'VARCHAR', 'Zwölf Boxkämpfer 🥊 \0 end'],
  ["CAST('ab' AS STRING COLLATE UNICODE_CI)", 'VARCHAR', 'ab'],
  // Not UTF-8, which Spark doesn't look at.
  ["CAST(X'ff41' AS STRING)", 'VARCHAR', '\ufffdA'],
  ["X'00ff10'", 'BLOB', '00ff10'],
  ["X''", 'BLOB', ''],
  ["DATE '0001-01-01'", 'DATE', '0001-01-01'],
  ["DATE '9999-12-31'", 'DATE', '9999-12-31'],
  [
    "TIMESTAMP_LTZ '1582-10-04 23:59:59.999999 UTC'",
    'TIMESTAMP WITH TIME ZONE',
    '1582-10-04T23:59:59.999999Z',
  ],
  ["TIMESTAMP_LTZ '2026-03-29 02:30:00 Europe/Berlin'", 'TIMESTAMP WITH TIME ZONE', '2026-03-29T01:30:00Z'],
  ["TIMESTAMP_NTZ '0001-01-01 00:00:00.000001'", 'TIMESTAMP', '0001-01-01T00:00:00.000001'],
  ["TIMESTAMP_NTZ '9999-12-31 23:59:59.999999'", 'TIMESTAMP', '9999-12-31T23:59:59.999999'],
  ["INTERVAL '-1-2' YEAR TO MONTH", 'INTERVAL', '-1 year -2 months'],
  ["INTERVAL '3 04:05:06.789012' DAY TO SECOND", 'INTERVAL', '76:05:06.789012'],
  ["INTERVAL '-0.000001' SECOND", 'INTERVAL', '-00:00:00.000001'],
  ['make_interval(1, 2, 3, 4, 5, 6, 7.008)', 'INTERVAL', '1 year 2 months 25 days 05:06:07.008'],
  ["TIME '23:59:59.999999'", 'TIME', '23:59:59.999999'],
  ['array(1, NULL, 3)', 'INTEGER[]', [1, null, 3]],
  ['array()', 'INTEGER[]', []],
  ['array(array(), array(NULL, 1L))', 'BIGINT[][]', [[], [null, 1]]],
  [
    "named_struct('a', 1, 'b', named_struct('c', 'x', 'd', CAST(NULL AS DATE)))",
    'STRUCT("a" INTEGER, "b" STRUCT("c" VARCHAR, "d" DATE))',
    { a: 1, b: { c: 'x', d: null } },
  ],
  ["map('k', 1, 'l', NULL)", 'MAP(VARCHAR, INTEGER)', { k: 1, l: null }],
  [
    "map(1, array(named_struct('x', 1.5BD)))",
    'MAP(INTEGER, STRUCT("x" DECIMAL(2,1))[])',
    [{ key: 1, value: [{ x: '1.5' }] }],
  ],
];

describe('a value', () => {
  let answer: Answer;
  beforeAll(async () => {
    // Beside rows that are null: what is told in bits is read from its own place.
    await results.of(spark, 'SET spark.sql.timeType.enabled = true');
    const columns = values.map(([sql], index) => `CASE WHEN id <> 1 THEN ${sql} END AS v${index}`);
    answer = await results.of(spark, `SELECT ${columns.join(', ')} FROM range(3) ORDER BY id`);
  });

  test.each(values.map((value, index) => [...value, index] as const))('%s', (_, type, value, index) => {
    expect(answer.columns[index]).toEqual({ name: `v${index}`, type });
    expect(answer.rows.map(row => row[index])).toEqual([value, null, value]);
  });
});

describe('variants', () => {
  test('are JSON text, as Spark writes them', async () => {
    const document = {
      a: [1, 1.5, null, true, 'text "quoted" ü'],
      b: { c: { d: [] }, e: {} },
      long: 'x'.repeat(300),
      n: 123456789012345,
    };
    const { columns, rows } = await results.of(
      spark,
      `SELECT v, to_json(v) FROM (SELECT parse_json('${JSON.stringify(document).replaceAll('\\', '\\\\')}') AS v)`,
    );
    expect(columns[0]!.type).toBe('JSON');
    expect(rows[0]![0]).toBe(rows[0]![1]);
    expect(JSON.parse(String(rows[0]![0]))).toEqual(document);
  });

  test('of every scalar type', async () => {
    const scalars = [
      "DATE '2024-02-29'",
      "TIMESTAMP_LTZ '2024-02-29 12:34:56.789 UTC'",
      "TIMESTAMP_NTZ '1969-12-31 23:59:59.000001'",
      'CAST(123.4500 AS DECIMAL(10,4))',
      "CAST('12345678901234567890123456789012345.678' AS DECIMAL(38,3))",
      "X'00ff'",
      '1Y',
      '9223372036854775807L',
      "CAST('1.1' AS FLOAT)",
      '0.1D',
      'false',
      'array(1, 2)',
    ];
    const list = scalars.map(sql => `(${sql})::VARIANT`);
    const { rows } = await results.of(
      spark,
      `SELECT ${list.join(', ')}, ${list.map(sql => `to_json(${sql})`).join(', ')}`,
    );
    expect(rows[0]!.slice(0, scalars.length)).toEqual(rows[0]!.slice(scalars.length));
  });

  test('in lists, structs and maps', async () => {
    const { columns, rows } = await results.of(
      spark,
      `SELECT array(parse_json('1'), NULL), named_struct('v', parse_json('[2]')), map('k', parse_json('{"x":3}'))`,
    );
    expect(columns.map(column => column.type)).toEqual([
      'VARCHAR[]',
      'STRUCT("v" VARCHAR)',
      'MAP(VARCHAR, VARCHAR)',
    ]);
    expect(rows).toEqual([[['1', null], { v: '[2]' }, { k: '{"x":3}' }]]);
  });
});

describe('names', () => {
  test('stay as they are, however hostile', async () => {
    const names = ['select', 'a b', 'ü.ñ', '`', '"', '', "';--", '1', '$x', 'a', 'A'];
    const list = names.map((name, index) => `${index} AS \`${name.replaceAll('`', '``')}\``);
    const { columns, rows } = await results.of(spark, `SELECT ${list.join(', ')}`);
    expect(columns.map(column => column.name)).toEqual(names);
    expect(rows).toEqual([names.map((_, index) => index)]);
  });

  test('of fields are told apart by a number where DuckDB needs it', async () => {
    const { columns, rows } = await results.of(
      spark,
      "SELECT named_struct('2', 1, 'a', 2, 'A', 3, '1', 4) AS s",
    );
    expect(columns[0]!.type).toBe('STRUCT("2" INTEGER, "a" INTEGER, "A_1" INTEGER, "1" INTEGER)');
    expect(rows).toEqual([[{ '2': 1, a: 2, A_1: 3, '1': 4 }]]);
  });

  test('may come twice', async () => {
    const { columns, rows } = await results.of(spark, 'SELECT 1 AS a, 2 AS a');
    expect(columns.map(column => column.name)).toEqual(['a', 'a']);
    expect(rows).toEqual([[1, 2]]);
  });
});

test('no rows have columns too', async () => {
  const answer = await results.of(spark, 'SELECT id, CAST(NULL AS STRING) AS s FROM range(5) WHERE id < 0');
  expect(answer.columns).toEqual([
    { name: 'id', type: 'BIGINT' },
    { name: 's', type: 'VARCHAR' },
  ]);
  expect(answer.rows).toEqual([]);
});

test('a row larger than a message comes in pieces', async () => {
  const { rows } = await results.of(spark, "SELECT length(t), t FROM (SELECT repeat('äb', 8000000) AS t)");
  expect(rows[0]![0]).toBe(16_000_000);
  expect(rows[0]![1]).toBe('äb'.repeat(8_000_000));
});

test('all types of Iceberg come from Lakebook’s tables as Lakebook reads them', async () => {
  const namespace = await newNamespace(spark);
  const lakebook = await openLakebook(namespace);
  await lakebook.execute(`CREATE TABLE kinds (
      b BOOLEAN, i INTEGER, l BIGINT, f FLOAT, d DOUBLE, p DECIMAL(20,5), day DATE, ts TIMESTAMP, tz TIMESTAMPTZ,
      s VARCHAR, u UUID, bin BLOB, st STRUCT(x INTEGER, y VARCHAR[]), m MAP(VARCHAR, DECIMAL(4,1)))`);
  await lakebook.execute(`INSERT INTO kinds VALUES
      (true, 1, 2, 1.5, 2.5, 12345.67891, DATE '2024-02-29', TIMESTAMP '2024-02-29 01:02:03.000004',
       TIMESTAMPTZ '2024-02-29 01:02:03+02', 'ü', '00000000-0000-4000-8000-000000000001', '\\x00\\xFF'::BLOB,
       {'x': 1, 'y': ['a', NULL]}, MAP {'k': 1.5}),
      (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`);
  const [ours] = await lakebook.execute('SELECT * FROM kinds ORDER BY i NULLS LAST');
  if (ours?.kind !== 'rows') throw new Error('no rows');
  const theirs = await results.of(spark, `SELECT * FROM ${namespace}.kinds ORDER BY i NULLS LAST`);
  expect(theirs.rows).toEqual(await ours.result.rows(0, 10));
});

describe('compressed rows', () => {
  const option = 'spark.sql.execution.arrow.compression.codec';
  const query = "SELECT id, repeat('ü', 3000) AS t FROM range(3) ORDER BY id";
  const expected = [0, 1, 2].map(id => [id, 'ü'.repeat(3000)]);
  // Whoever joins a session finds it as it is.
  const sharedUrl = () => `${inject('spark').url}/;session_id=${randomUUID()}`;

  test('by Zstandard are read', async () => {
    const url = sharedUrl();
    await results.of(openSpark({ url }), `SET ${option} = zstd`);
    const joined = openSpark({ url });
    expect((await results.of(joined, query)).rows).toEqual(expected);
    expect((await results.of(joined, `SET ${option}`)).rows).toEqual([[option, 'zstd']]);
  });

  test('by another codec are turned off, and told when a cell turns them on', async () => {
    const url = sharedUrl();
    const first = openSpark({ url });
    await expect(results.of(first, `SET ${option} = lz4`)).rejects.toMatchObject({
      code: 'ENGINE_FAILURE',
      hint: expect.stringContaining(`SET ${option} = none`),
    });
    expect((await results.of(openSpark({ url }), query)).rows).toEqual(expected);
    expect((await results.of(first, query)).rows).toEqual(expected);
  });
});

test('an empty struct is refused with what to do', async () => {
  await expect(results.of(spark, 'SELECT struct() AS nothing')).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('nothing'),
  });
});
