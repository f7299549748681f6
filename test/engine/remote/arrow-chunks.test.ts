import {
  BIGINT,
  DECIMAL,
  type DuckDBType,
  INTEGER,
  INTERVAL,
  STRUCT,
  TIMETZ,
  UUID,
  VARCHAR,
} from '@duckdb/node-api';
import {
  type Data,
  DurationMicrosecond,
  Field,
  FixedSizeBinary,
  Int32,
  Int64,
  IntervalMonthDayNano,
  IntervalYearMonth,
  LargeUtf8,
  makeData,
  Null,
  RecordBatch,
  Schema,
  Struct,
  tableFromIPC,
  Utf8,
} from 'apache-arrow';
import { expect, test } from 'vitest';
import { arrowChunks } from '../../../src/engine/remote/arrow-chunks.ts';
import type { RemoteColumn } from '../../../src/engine/remote/remote-engine.ts';
import { RemoteStream } from '../../../src/engine/remote/remote-stream.ts';
import { ResultSet } from '../../../src/engine/result-set.ts';
import { ResultStore } from '../../../src/engine/result-store.ts';
import { openDuckDb } from '../support.ts';

const duckdb = await openDuckDb({ memoryLimit: '400MB' });
const store = await ResultStore.open(duckdb);

async function* each(batches: readonly RecordBatch[]) {
  yield* batches;
}

async function resultOf(
  columns: readonly RemoteColumn[],
  batches: readonly RecordBatch[],
): Promise<ResultSet> {
  const rows = { columns, isQuery: true, batches: each(batches), outcome: () => ({ warnings: [] }) };
  return ResultSet.open(new RemoteStream(rows, new AbortController()), store);
}

/** A column of each kind, with a null in every 7th row and other values in every row. */
const columns = `SELECT
  CASE WHEN i % 7 <> 3 THEN i % 3 = 0 END AS flag,
  CASE WHEN i % 7 <> 3 THEN (i % 256 - 128)::TINYINT END AS tiny,
  CASE WHEN i % 7 <> 3 THEN (i * 13 % 65536 - 32768)::SMALLINT END AS small,
  CASE WHEN i % 7 <> 3 THEN -i::INTEGER END AS whole,
  CASE WHEN i % 7 <> 3 THEN 9223372036854775807 - i * i END AS big,
  CASE WHEN i % 7 <> 3 THEN i::UBIGINT * 1844674407370955 END AS ubig,
  CASE WHEN i % 7 <> 3 THEN i::HUGEINT * -17014118346046923173168730371588410 END AS huge,
  CASE WHEN i % 7 <> 3 THEN (i / 3)::FLOAT END AS f,
  CASE WHEN i % 7 <> 3 THEN i / 7 END AS d,
  CASE WHEN i % 7 <> 3 THEN ((i % 99) / 100 - 0.5)::DECIMAL(4,2) END AS dec4,
  CASE WHEN i % 7 <> 3 THEN (-i)::DECIMAL(9,3) END AS dec9,
  CASE WHEN i % 7 <> 3 THEN (i * 10000019)::DECIMAL(18,6) END AS dec18,
  CASE WHEN i % 7 <> 3 THEN -i::DECIMAL(38,0) * 1234567890123456789012345678901 END AS dec38,
  CASE WHEN i % 7 <> 3 THEN repeat('é', (i % 13)::INTEGER) END AS text,
  CASE WHEN i % 7 <> 3 THEN encode(repeat('x', (i % 40)::INTEGER)) END AS bytes,
  CASE WHEN i % 7 <> 3 THEN DATE '1970-01-01' + (i::INTEGER - 800) END AS day,
  CASE WHEN i % 7 <> 3 THEN TIME '00:00:00' + to_microseconds(i * 7777777) END AS clock,
  CASE WHEN i % 7 <> 3 THEN TIMESTAMP '1969-12-31 23:00:00.000001' + to_seconds(i * 60) END AS moment,
  CASE WHEN i % 7 <> 3 THEN TIMESTAMPTZ '1969-12-31 23:00:00.000001+02' + to_seconds(i * 60) END AS instant,
  CASE WHEN i % 7 <> 3 THEN make_timestamp_ns(i * 1000000007) END AS nanos,
  CASE WHEN i % 7 <> 3 THEN TIMESTAMP_S '2020-01-01' + to_seconds(i) END::TIMESTAMP_S AS seconds,
  CASE WHEN i % 7 <> 3 THEN {a: i, b: CASE WHEN i % 5 <> 1 THEN 'v' || i END, c: {d: i % 2 = 0}} END AS struct,
  CASE WHEN i % 7 <> 3 THEN [i, NULL, i * 2][: i % 4] END AS list,
  CASE WHEN i % 7 <> 3 THEN [['a' || i, 'a longer text ' || i], NULL, []][: i % 5] END AS lists,
  CASE WHEN i % 7 <> 3 THEN [{x: i, y: [i]}, NULL, {x: NULL, y: NULL}][: i % 5] END AS structs,
  CASE WHEN i % 7 <> 3 THEN map([i, i + 1][: i % 3], [{v: 'one'}, NULL][: i % 3]) END AS pairs
FROM range(ROWS) t(i)`;

test.each([0, 1, 7, 2048, 2049, 5000])('keeps every value of %i rows', async rows => {
  const sql = columns.replace('ROWS', String(rows));
  const original = await ResultSet.open(await duckdb.stream(sql), store);
  const types = (await duckdb.describe(sql)) as RemoteColumn[];
  // One batch for all rows, so that chunks begin in the middle of it, and slices of it.
  const table = tableFromIPC(await original.window(0, rows));
  const copy = await resultOf(types, table.batches);
  expect(copy.columns).toEqual(original.columns);
  const expected = await original.rows(0, rows + 1);
  expect(await copy.rows(0, rows + 1)).toEqual(expected);
  if (table.batches.length === 0) return;
  const [first] = table.batches;
  const cuts = [0, 1, 3, 11, 1000].filter(cut => cut < first!.numRows);
  const slices = cuts.map((cut, index) => first!.slice(cut, cuts[index + 1] ?? first!.numRows));
  const sliced = await resultOf(types, slices);
  expect(await sliced.rows(0, rows + 1)).toEqual(expected.slice(0, first!.numRows));
  // The result store compares what strings and lists point to.
  expect(
    await duckdb.rows(
      `SELECT count(*) AS n FROM ((SELECT * FROM ${await copy.relation()}) EXCEPT ALL (${sql}))`,
    ),
  ).toEqual([{ n: 0n }]);
  for (const result of [original, copy, sliced]) await result.close();
});

function batchOf(columns: Readonly<Record<string, Data>>): RecordBatch {
  const fields = Object.entries(columns).map(([name, data]) => new Field(name, data.type, true));
  const length = Object.values(columns)[0]!.length;
  const children = Object.values(columns);
  return new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length, children }));
}

async function only(type: DuckDBType, data: Data): Promise<unknown[]> {
  const result = await resultOf([{ name: 'v', type }], [batchOf({ v: data })]);
  return (await result.rows(0, 10)).map(row => row[0]);
}

test('reads UUIDs', async () => {
  const data = Uint8Array.from(
    Buffer.from('0123456789abcdef0123456789abcdefffffffff00000000ffffffff00000001', 'hex'),
  );
  const values = makeData({ type: new FixedSizeBinary(16), length: 2, data });
  expect(await only(UUID, values)).toEqual([
    '01234567-89ab-cdef-0123-456789abcdef',
    'ffffffff-0000-0000-ffff-ffff00000001',
  ]);
});

test('reads intervals', async () => {
  const months = makeData({ type: new IntervalYearMonth(), length: 2, data: Int32Array.of(14, -1) });
  expect(await only(INTERVAL, months)).toEqual(['1 year 2 months', '-1 month']);
  const micros = makeData({
    type: new DurationMicrosecond(),
    length: 1,
    data: BigInt64Array.of(90_000_001n),
  });
  expect(await only(INTERVAL, micros)).toEqual(['00:01:30.000001']);
  const all = (nanos: bigint) => {
    const words = new Int32Array(4);
    words.set([1, 2]);
    new DataView(words.buffer).setBigInt64(8, nanos, true);
    return makeData({ type: new IntervalMonthDayNano(), length: 1, data: words });
  };
  expect(await only(INTERVAL, all(3_000_000_000n))).toEqual(['1 month 2 days 00:00:03']);
  await expect(only(INTERVAL, all(1n))).rejects.toMatchObject({ code: 'CONVERSION' });
});

test('reads times with zone in DuckDB’s layout', async () => {
  const [row] = await duckdb.rows("SELECT TIMETZ '01:02:03.5+02:00' AS v");
  const { micros, offset } = row!.v as unknown as { micros: bigint; offset: number };
  const bits = (micros << 24n) | BigInt(16 * 60 * 60 - 1 - offset);
  const data = makeData({ type: new Int64(), length: 1, data: BigInt64Array.of(bits) });
  expect(await only(TIMETZ, data)).toEqual(['01:02:03.5+02']);
});

test('reads columns without values', async () => {
  const data = makeData({ type: new Null(), length: 2 });
  expect(await only(INTEGER, data)).toEqual([null, null]);
  expect(await only(VARCHAR, data)).toEqual([null, null]);
  expect(await only(STRUCT({ a: BIGINT }), makeData({ type: new Struct([]), length: 0 }))).toEqual([]);
});

test('fields of a struct that is null are null, whatever stands in their memory', async () => {
  const child = makeData({
    type: new Int32(),
    length: 3,
    nullCount: 1,
    nullBitmap: Uint8Array.of(0b101),
    data: Int32Array.of(1, 2, 3),
  });
  const type = new Struct([new Field('a', new Int32(), true)]);
  const data = makeData({
    type,
    length: 3,
    nullCount: 1,
    nullBitmap: Uint8Array.of(0b110),
    children: [child],
  });
  const result = await resultOf([{ name: 'v', type: STRUCT({ a: INTEGER }) }], [batchOf({ v: data })]);
  const fields = await duckdb.rows(`SELECT v IS NULL AS n, v.a AS a FROM ${await result.relation()}`);
  expect(fields).toEqual([
    { n: true, a: null },
    { n: false, a: null },
    { n: false, a: 3 },
  ]);
});

test('reads texts with 64-bit offsets', async () => {
  const bytes = new TextEncoder().encode('ab and more than twelve');
  const data = makeData({
    type: new LargeUtf8(),
    length: 3,
    data: bytes,
    valueOffsets: BigInt64Array.of(0n, 2n, 2n, BigInt(bytes.length)),
  });
  expect(await only(VARCHAR, data)).toEqual(['ab', '', ' and more than twelve']);
});

test('refuses types that would change values', async () => {
  const text = makeData({
    type: new Utf8(),
    length: 1,
    data: Uint8Array.of(49),
    valueOffsets: Int32Array.of(0, 1),
  });
  const columns = [{ name: 'v', type: DECIMAL(4, 2) as DuckDBType }];
  expect(() => [...arrowChunks(columns, batchOf({ v: text }))]).toThrow(
    'The column "v" came as Utf8, which can\'t be read as DECIMAL(4,2).',
  );
});

test('writes what is no UTF-8 with replacement characters, and leaves its neighbours alone', async () => {
  const whole = Buffer.from('é');
  const texts = [
    Buffer.from('a text that is long enough'),
    Buffer.concat([Buffer.from([0xff]), Buffer.from(' and a long text after it')]),
    Buffer.from([0xc0]),
    // Half of a character each: together they are one.
    whole.subarray(0, 1),
    whole.subarray(1),
    Buffer.from('another text that is long'),
  ];
  const valueOffsets = new Int32Array(texts.length + 1);
  for (const [index, text] of texts.entries()) valueOffsets[index + 1] = valueOffsets[index]! + text.length;
  const data = makeData({ type: new Utf8(), length: texts.length, valueOffsets, data: Buffer.concat(texts) });
  const schema = new Schema([new Field('text', data.type, true)]);
  const struct = makeData({ type: new Struct(schema.fields), length: texts.length, children: [data] });
  const result = await resultOf([{ name: 'text', type: VARCHAR }], [new RecordBatch(schema, struct)]);
  expect(await result.rows(0, 10)).toEqual([
    ['a text that is long enough'],
    ['\ufffd and a long text after it'],
    ['\ufffd'],
    ['\ufffd'],
    ['\ufffd'],
    ['another text that is long'],
  ]);
  await result.close();
});
