import { describe, expect, test } from 'vitest';
import { RemoteStream } from '../../../src/engine/remote/remote-stream.ts';
import { ResultSet } from '../../../src/engine/result-set.ts';
import { ResultStore } from '../../../src/engine/result-store.ts';
import { openDuckDb } from '../../engine/support.ts';
import { openTrino } from './support.ts';

const store = await ResultStore.open(await openDuckDb());
const engines = {
  answers: openTrino({ encodings: [] }),
  'plain segments': openTrino({ encodings: ['json'] }),
  'compressed segments': openTrino({ encodings: ['json+zstd'] }),
};

async function answer(sql: string, trino = engines.answers) {
  const result = await ResultSet.open(new RemoteStream(await trino.query(sql), new AbortController()), store);
  await result.finished();
  return { types: result.columns.map(column => column.type), rows: await result.rows(0, 100) };
}

/** What Trino is asked for, its type in DuckDB, and its value as JSON holds it. */
const values: [string, string, unknown][] = [
  ['true', 'BOOLEAN', true],
  ["TINYINT '-128'", 'TINYINT', -128],
  ["SMALLINT '32767'", 'SMALLINT', 32767],
  ['-2147483648', 'INTEGER', -2147483648],
  ['9223372036854775807', 'BIGINT', '9223372036854775807'],
  ["BIGINT '-9223372036854775808'", 'BIGINT', '-9223372036854775808'],
  ["REAL '0.1'", 'FLOAT', 0.10000000149011612],
  ["REAL '3.4028235E38'", 'FLOAT', 3.4028234663852886e38],
  ['1E-320', 'DOUBLE', 1e-320],
  ['infinity()', 'DOUBLE', 'Infinity'],
  ['nan()', 'DOUBLE', 'NaN'],
  ["CAST('-Infinity' AS real)", 'FLOAT', '-Infinity'],
  ["DECIMAL '-0.05'", 'DECIMAL(2,2)', '-0.05'],
  ["DECIMAL '123456789012345.678'", 'DECIMAL(18,3)', '123456789012345.678'],
  [
    "DECIMAL '-9999999999999999999999999999.9999999999'",
    'DECIMAL(38,10)',
    '-9999999999999999999999999999.9999999999',
  ],
  ['\'a longer text with "quotes", \\ and 😀\'', 'VARCHAR', 'a longer text with "quotes", \\ and 😀'],
  ["CAST('ab' AS char(4))", 'VARCHAR', 'ab  '],
  ["U&'tab\\0009 and \\2028'", 'VARCHAR', 'tab\t and \u2028'],
  ["X'00ff10'", 'BLOB', '00ff10'],
  ["X''", 'BLOB', ''],
  ['JSON \'{"a": [1, null]}\'', 'JSON', '{"a":[1,null]}'],
  ["DATE '2020-02-29'", 'DATE', '2020-02-29'],
  ["DATE '-0044-03-15'", 'DATE', '-0044-03-15'],
  ["DATE '12345-01-01'", 'DATE', '+12345-01-01'],
  ["TIME '23:59:59.999999'", 'TIME', '23:59:59.999999'],
  ["TIME '01:02:03'", 'TIME', '01:02:03'],
  ["TIME '01:02:03.123456789'", 'TIME_NS', '01:02:03.123456789'],
  ["TIME '01:02:03.123456789012'", 'VARCHAR', '01:02:03.123456789012'],
  ["TIME '01:02:03.5 +02:30'", 'TIME WITH TIME ZONE', '01:02:03.5+02:30'],
  ["TIMESTAMP '1969-12-31 23:59:59.123456'", 'TIMESTAMP', '1969-12-31T23:59:59.123456'],
  ["TIMESTAMP '2020-01-01 10:00:00'", 'TIMESTAMP', '2020-01-01T10:00:00'],
  ["TIMESTAMP '9999-12-31 23:59:59.999999'", 'TIMESTAMP', '9999-12-31T23:59:59.999999'],
  ["TIMESTAMP '2020-01-01 10:00:00.123456789'", 'TIMESTAMP_NS', '2020-01-01T10:00:00.123456789'],
  ["TIMESTAMP '2020-01-01 10:00:00.123456789012'", 'VARCHAR', '2020-01-01 10:00:00.123456789012'],
  [
    "TIMESTAMP '2020-07-01 10:00:00.5 Europe/Vienna'",
    'TIMESTAMP WITH TIME ZONE',
    '2020-07-01T08:00:00.500000Z',
  ],
  [
    "TIMESTAMP '2020-07-01 10:00:00.123456 +05:30'",
    'TIMESTAMP WITH TIME ZONE',
    '2020-07-01T04:30:00.123456Z',
  ],
  ["TIMESTAMP '2020-07-01 10:00:00 UTC'", 'TIMESTAMP WITH TIME ZONE', '2020-07-01T10:00:00Z'],
  ["INTERVAL '-1-2' YEAR TO MONTH", 'INTERVAL', '-1 year -2 months'],
  ["INTERVAL '3 04:05:06.789' DAY TO SECOND", 'INTERVAL', '76:05:06.789'],
  ["INTERVAL -'1' SECOND", 'INTERVAL', '-00:00:01'],
  ["UUID '12151fd2-7586-11e9-8f9e-2a86e4085a59'", 'UUID', '12151fd2-7586-11e9-8f9e-2a86e4085a59'],
  ["UUID 'ffffffff-ffff-ffff-ffff-ffffffffffff'", 'UUID', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  ["IPADDRESS '2001:db8::1'", 'VARCHAR', '2001:db8::1'],
  ['ARRAY[1, NULL, 3]', 'INTEGER[]', [1, null, 3]],
  ["ARRAY[ARRAY['x'], NULL, ARRAY[]]", 'VARCHAR[][]', [['x'], null, []]],
  ["MAP(ARRAY['a', 'b'], ARRAY[1, NULL])", 'MAP(VARCHAR, INTEGER)', { a: 1, b: null }],
  [
    "MAP(ARRAY[BIGINT '9007199254740993'], ARRAY[DECIMAL '1.50'])",
    'MAP(BIGINT, DECIMAL(3,2))',
    [{ key: '9007199254740993', value: '1.50' }],
  ],
  ["MAP(ARRAY[DATE '2020-01-01'], ARRAY[true])", 'MAP(DATE, BOOLEAN)', [{ key: '2020-01-01', value: true }]],
  [
    'CAST(ROW(1, \'x\', ROW(2.5e0)) AS ROW(a integer, "B c" varchar, r ROW(d double)))',
    'STRUCT("a" INTEGER, "B c" VARCHAR, "r" STRUCT("d" DOUBLE))',
    { a: 1, 'B c': 'x', r: { d: 2.5 } },
  ],
  ["ROW(1, 'x')", 'STRUCT("field0" INTEGER, "field1" VARCHAR)', { field0: 1, field1: 'x' }],
  ['ARRAY[CAST(ROW(1) AS ROW(a integer)), NULL]', 'STRUCT("a" INTEGER)[]', [{ a: 1 }, null]],
  ['NULL', 'INTEGER', null],
];

describe.each(Object.entries(engines))('values in %s', (_, trino) => {
  // Each value with a null beside it, alone and in a list; all in one statement.
  const columns = values.flatMap(([sql], index) => [
    `CASE WHEN n = 1 THEN ${sql} END AS c${index}`,
    `CASE WHEN n = 1 THEN ARRAY[${sql}, NULL, ${sql}] END AS l${index}`,
  ]);
  const answered = answer(`SELECT ${columns.join(',\n')} FROM UNNEST(ARRAY[1, 2]) AS t(n) ORDER BY n`, trino);
  answered.catch(() => undefined);

  test.each(values.map((value, index) => [...value, index] as const))(
    '%s is a %s',
    async (...[, type, value, index]) => {
      const { types, rows } = await answered;
      const of = <T>(list: readonly T[]) => list.slice(index * 2, index * 2 + 2);
      // An alias of DuckDB's VARCHAR is told for columns only.
      expect(of(types)).toEqual([type, `${type === 'JSON' ? 'VARCHAR' : type}[]`]);
      expect(rows.map(of)).toEqual([
        [value, [value, null, value]],
        [null, null],
      ]);
    },
  );
});

test('maps of nested keys say what to do', async () => {
  await expect(answer('SELECT MAP(ARRAY[ARRAY[1]], ARRAY[2]) AS m')).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    hint: expect.stringContaining('map_entries'),
  });
});

test('timestamps of nanoseconds beyond what they can be say so', async () => {
  await expect(answer("SELECT TIMESTAMP '3000-01-01 00:00:00.123456789'")).rejects.toMatchObject({
    code: 'CONVERSION',
    hint: expect.stringContaining('timestamp(6)'),
  });
});
