import { tableFromIPC } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { formatCell } from '../../renderers/format.ts';
import { typeMetadataKey } from '../../src/engine/arrow.ts';
import { ResultSet } from '../../src/engine/result-set.ts';
import { ResultStore } from '../../src/engine/result-store.ts';
import { openDuckDb } from './support.ts';

const duckdb = await openDuckDb({ memoryLimit: '400MB' });
const store = await ResultStore.open(duckdb);

async function open(sql: string, maxRows?: number): Promise<ResultSet> {
  return ResultSet.open(await duckdb.stream(sql), store, maxRows);
}

/** Values of one column as the renderer shows them, and the columns' SQL types. */
async function arrowTexts(result: ResultSet, offset = 0, limit = Number.POSITIVE_INFINITY) {
  const table = tableFromIPC(await result.window(offset, limit));
  return table.schema.fields.map((field, column) => ({
    name: field.name,
    type: field.metadata.get(typeMetadataKey),
    values: table.batches.flatMap(batch => {
      const data = batch.data.children[column]!;
      return Array.from({ length: data.length }, (_, row) => formatCell(data, row).text);
    }),
  }));
}

/** SQL type, literal, JSON value, and text in Arrow where that isn't the JSON value's own text. */
const values: [string, string, unknown, string?][] = [
  ['BOOLEAN', 'true', true],
  ['TINYINT', '-128', -128],
  ['SMALLINT', '-32768', -32768],
  ['INTEGER', '-2147483648', -2147483648],
  ['BIGINT', '9007199254740991', 9007199254740991],
  ['BIGINT', '9007199254740993', '9007199254740993'],
  ['BIGINT', '-9223372036854775808', '-9223372036854775808'],
  ['UTINYINT', '255', 255],
  ['USMALLINT', '65535', 65535],
  ['UINTEGER', '4294967295', 4294967295],
  ['UBIGINT', '18446744073709551615', '18446744073709551615'],
  ['HUGEINT', '-170141183460469231731687303715884105728', '-170141183460469231731687303715884105728'],
  ['UHUGEINT', '340282366920938463463374607431768211455', '340282366920938463463374607431768211455'],
  ['FLOAT', '0.1', 0.10000000149011612, '0.1'],
  ['DOUBLE', '0.1', 0.1],
  ['DOUBLE', 'nan', 'NaN'],
  ['DOUBLE', '-inf', '-Infinity'],
  ['DECIMAL(4,2)', '-0.05', '-0.05'],
  ['DECIMAL(9,3)', '123456.789', '123456.789'],
  ['DECIMAL(18,0)', '-999999999999999999', '-999999999999999999'],
  ['DECIMAL(38,10)', '-1234567890123456789012345678.0000000001', '-1234567890123456789012345678.0000000001'],
  ['DATE', '2020-02-29', '2020-02-29'],
  ['DATE', '0044-03-15 (BC)', '-0043-03-15'],
  ['TIME', '23:59:59.999999', '23:59:59.999999'],
  ['TIME_NS', '23:59:59.999999999', '23:59:59.999999999'],
  ['TIMESTAMP', '2020-01-01 00:00:00.000001', '2020-01-01T00:00:00.000001', '2020-01-01 00:00:00.000001'],
  ['TIMESTAMP', '1969-12-31 23:59:59', '1969-12-31T23:59:59', '1969-12-31 23:59:59'],
  ['TIMESTAMP_S', '2020-01-01 00:00:01', '2020-01-01T00:00:01', '2020-01-01 00:00:01'],
  ['TIMESTAMP_MS', '2020-01-01 00:00:00.001', '2020-01-01T00:00:00.001000', '2020-01-01 00:00:00.001'],
  [
    'TIMESTAMP_NS',
    '2020-01-01 00:00:00.000000001',
    '2020-01-01T00:00:00.000000001',
    '2020-01-01 00:00:00.000000001',
  ],
  ['TIMESTAMP WITH TIME ZONE', '2020-01-01 01:00:00+01', '2020-01-01T00:00:00Z', '2020-01-01 00:00:00+00'],
  ['TIME WITH TIME ZONE', '01:02:03+05:30', '01:02:03+05:30'],
  ['INTERVAL', '1 year 2 months 3 days 04:05:06', '1 year 2 months 3 days 04:05:06'],
  ['UUID', '00112233-4455-6677-8899-aabbccddeeff', '00112233-4455-6677-8899-aabbccddeeff'],
  ['UUID', 'ff112233-4455-6677-8899-aabbccddeeff', 'ff112233-4455-6677-8899-aabbccddeeff'],
  ['VARCHAR', '', ''],
  ['VARCHAR', 'longer than twelve bytes: ü😀', 'longer than twelve bytes: ü😀'],
  ['BLOB', '\\x00\\xFF', '00ff', '0x00ff'],
  ['BIT', '10110', '10110'],
  ["ENUM('small', 'large')", 'large', 'large'],
  ['JSON', '{"a":1}', '{"a":1}'],
  ['INTEGER[]', '[1, NULL, 3]', [1, null, 3]],
  ['INTEGER[3]', '[1, NULL, 3]', [1, null, 3]],
  ['VARCHAR[][]', '[[a, b], [], NULL]', [['a', 'b'], [], null]],
  ['STRUCT("a" INTEGER, "b c" VARCHAR[])', "{'a': 1, 'b c': [x]}", { a: 1, 'b c': ['x'] }],
  ['MAP(VARCHAR, DECIMAL(5,2))', '{k=1.50}', { k: '1.50' }],
  ['UNION("num" INTEGER, "str" VARCHAR)', 'text', { str: 'text' }],
];

describe('every type is exact', () => {
  test.each(values)('%s %s', async (type, literal, json, text) => {
    // A null, the value, a null and the value again, and the value inside a list.
    const value = `CAST('${literal.replaceAll("'", "''")}' AS ${type})`;
    const result =
      await open(`SELECT v, l FROM (SELECT i, ${value} AS v, [${value}, NULL, ${value}] AS l FROM (VALUES (1), (3)) t(i)
      UNION ALL SELECT i, NULL, NULL FROM (VALUES (0), (2)) t(i)) ORDER BY i`);
    expect(await result.rows(0, 10)).toEqual(
      [null, json, null, json].map(v => [v, v === null ? null : [v, null, v]]),
    );
    const [column, list] = await arrowTexts(result);
    const shown = text ?? (typeof json === 'object' ? JSON.stringify(json) : String(json));
    expect(column!.values).toEqual(['NULL', shown, 'NULL', shown]);
    expect(column!.type).toBe(type);
    expect(list!.values[0]).toBe('NULL');
    expect(JSON.parse(list!.values[1]!)).toHaveLength(3);
    // The middle of a chunk.
    expect((await arrowTexts(result, 1, 2))[0]!.values).toEqual([shown, 'NULL']);
    // And the same from the store.
    const stored = await open(`SELECT * FROM ${await result.relation()}`);
    expect(await stored.rows(0, 10)).toEqual(await result.rows(0, 10));
    await stored.close();
    await result.close();
  });

  test('lists whose entries are not in order in memory', async () => {
    const result = await open(
      `SELECT l FROM (SELECT [i, i + 1] AS l, i FROM range(5000) t(i)) ORDER BY hash(i)`,
    );
    const rows = await result.rows(0, 5000);
    const [column] = await arrowTexts(result);
    expect(column!.values.map(text => JSON.parse(text))).toEqual(rows.map(row => row[0]));
    await result.close();
  });

  test('no columns of no rows', async () => {
    const result = await open(`SELECT 1 AS a, 'x' AS b WHERE false`);
    expect(result.rowCount).toBe(0);
    expect(result.complete).toBe(true);
    expect((await arrowTexts(result)).map(({ name, values: none }) => [name, none])).toEqual([
      ['a', []],
      ['b', []],
    ]);
    await result.close();
  });
});

describe('windows', () => {
  test('the first comes at once, the others are exact and stable, memory stays bounded', async () => {
    const result = await open(`SELECT i, 'row ' || i AS s, random() AS r FROM range(5000000) t(i)`);
    const first = await result.rows(0, 3);
    expect(first.map(row => row.slice(0, 2))).toEqual([
      [0, 'row 0'],
      [1, 'row 1'],
      [2, 'row 2'],
    ]);
    const before = await result.rows(1_234_567, 2);
    expect(before.map(row => row[0])).toEqual([1_234_567, 1_234_568]);
    expect(await result.finished()).toBe(5_000_000);
    expect(result.rowCount).toBe(5_000_000);
    // random() shows that the query did not run a second time.
    expect(await result.rows(0, 3)).toEqual(first);
    expect(await result.rows(1_234_567, 2)).toEqual(before);
    expect(await result.rows(4_999_999, 10)).toHaveLength(1);
    expect(await result.rows(5_000_000, 10)).toEqual([]);
    const [usage] = await duckdb.rows(`SELECT sum(memory_usage_bytes)::BIGINT AS bytes FROM duckdb_memory()`);
    expect(Number(usage!.bytes)).toBeLessThan(420e6);
    await result.close();
    const [left] = await duckdb.rows(
      `SELECT count(*) AS n FROM duckdb_tables() WHERE database_name = 'lakebook_results'`,
    );
    expect(left!.n).toBe(0n);
  }, 30_000);

  test('across chunk borders, in memory', async () => {
    const result = await open(`SELECT i FROM range(5000) t(i)`);
    expect((await result.rows(2040, 20)).map(row => row[0])).toEqual(
      Array.from({ length: 20 }, (_, i) => 2040 + i),
    );
    expect((await arrowTexts(result, 2040, 20))[0]!.values).toEqual(
      Array.from({ length: 20 }, (_, i) => String(2040 + i)),
    );
    await result.close();
  });

  test('can be read while another statement runs', async () => {
    const result = await open(`SELECT i FROM range(100000) t(i)`);
    await result.finished();
    const running = duckdb.rows(
      `SELECT count(*) FROM range(30000000) a(i), range(20) b(j) WHERE (i * j) % 7 = 3`,
    );
    let done = false;
    void running.then(() => {
      done = true;
    });
    expect(await result.rows(99_999, 1)).toEqual([[99_999]]);
    expect(done).toBe(false);
    await running;
    await result.close();
  });

  test('end at maxRows', async () => {
    const result = await open(`SELECT i FROM range(1000000) t(i)`, 2500);
    expect(await result.finished()).toBe(2500);
    expect(result.truncated).toBe(true);
    expect(await result.rows(2490, 100)).toHaveLength(10);
    expect(await duckdb.rows(`SELECT count(*) AS n FROM ${await result.relation()}`)).toEqual([{ n: 2500n }]);
    await result.close();
  });

  test('a failure after the first rows is told, the rows stay', async () => {
    const result = await open(
      `SELECT CASE WHEN i = 400000 THEN error('bad row') ELSE i END AS v FROM range(1000000) t(i)`,
    );
    await expect(result.finished()).rejects.toThrow('bad row');
    expect(result.truncated).toBe(true);
    expect((await result.rows(0, 1))[0]).toEqual([0]);
    await expect(result.rows(399_999, 100)).rejects.toThrow('bad row');
    await result.close();
  });

  test('a result that fails at once is an error', async () => {
    await expect(open(`SELECT error('at once')`)).rejects.toThrow('at once');
    expect(await duckdb.rows('SELECT 1 AS a')).toEqual([{ a: 1 }]);
  });

  test('closing stops the query', async () => {
    const result = await open(`SELECT a.i FROM range(100000000) a(i), range(100) b(j)`);
    await result.close();
    await duckdb.run('SELECT 1');
    await expect(result.rows(0, 1)).rejects.toMatchObject({ code: 'RESULT_GONE' });
  });

  test('the store closes while a result still fills', async () => {
    const own = await openDuckDb({ memoryLimit: '300MB' });
    const ownStore = await ResultStore.open(own);
    const result = await ResultSet.open(await own.stream('SELECT i FROM range(100000000) t(i)'), ownStore);
    expect(result.complete).toBe(false);
    await ownStore.close();
    own.close();
    await expect(result.rows(0, 1)).rejects.toMatchObject({ code: 'RESULT_GONE' });
  });

  test('gives every relation all rows, also when several ask at once', async () => {
    const result = await open('SELECT range AS n FROM range(1000)');
    const relations = await Promise.all([1, 2, 3].map(() => result.relation()));
    for (const relation of relations) {
      expect(await duckdb.rows(`SELECT count(*) AS n FROM ${relation}`)).toEqual([{ n: 1000n }]);
    }
    await result.close();
  });

  test('relations give columns with the same name numbers', async () => {
    const result = await open(`SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS "A"`);
    expect(await duckdb.rows(`SELECT * FROM ${await result.relation()}`)).toEqual([
      { a: 1, a_2: 2, a_1: 3, A_3: 4 },
    ]);
    await result.close();
  });
});
