import {
  type Data,
  DateDay,
  DateMillisecond,
  Decimal,
  Field,
  FixedSizeBinary,
  Float32,
  Float64,
  Int32,
  Int64,
  List,
  Map_,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimeMicrosecond,
  Timestamp,
  TimeUnit,
  tableFromIPC,
  tableToIPC,
  Uint64,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { formatCell, jsonAt } from '../../renderers/format.ts';

/** The data as the renderer gets it: through Arrow IPC. */
function throughIpc(data: Data): Data {
  const schema = new Schema([new Field('v', data.type, true)]);
  const batch = new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: data.length, children: [data] }),
  );
  return tableFromIPC(tableToIPC(new Table([batch]), 'stream')).batches[0]!.data.children[0]!;
}

const texts = (data: Data) =>
  Array.from({ length: data.length }, (_, i) => formatCell(throughIpc(data), i).text);

describe('exact values', () => {
  it('64-bit integers keep every digit', () => {
    const data = BigInt64Array.of(9223372036854775807n, -9223372036854775808n, 9007199254740993n);
    expect(texts(makeData({ type: new Int64(), data }))).toEqual([
      '9223372036854775807',
      '-9223372036854775808',
      '9007199254740993',
    ]);
    expect(texts(makeData({ type: new Uint64(), data: BigUint64Array.of(18446744073709551615n) }))).toEqual([
      '18446744073709551615',
    ]);
  });

  it('decimals of 38 digits, negative, and smaller than one', () => {
    const values = [12345678901234567890123456789012345678n, -5n, 0n, -100n];
    const words = new Uint32Array(values.length * 4);
    values.forEach((value, i) => {
      const bits = BigInt.asUintN(128, value);
      for (let k = 0; k < 4; k++) words[i * 4 + k] = Number((bits >> BigInt(32 * k)) & 0xffffffffn);
    });
    expect(texts(makeData({ type: new Decimal(2, 38, 128), data: words }))).toEqual([
      '123456789012345678901234567890123456.78',
      '-0.05',
      '0.00',
      '-1.00',
    ]);
  });

  it('timestamps keep microseconds and nanoseconds, also before 1970, and say when they have a zone', () => {
    const micros = BigInt64Array.of(-1n, 1769904245678901n, -62135596800000000n, -62167219200000001n);
    expect(texts(makeData({ type: new Timestamp(TimeUnit.MICROSECOND, null), data: micros }))).toEqual([
      '1969-12-31 23:59:59.999999',
      '2026-02-01 00:04:05.678901',
      '0001-01-01 00:00:00',
      '-0001-12-31 23:59:59.999999',
    ]);
    const zoned = makeData({ type: new Timestamp(TimeUnit.NANOSECOND, 'UTC'), data: BigInt64Array.of(1n) });
    expect(texts(zoned)).toEqual(['1970-01-01 00:00:00.000000001+00']);
    const seconds = makeData({
      type: new Timestamp(TimeUnit.SECOND, null),
      data: BigInt64Array.of(253402300800n),
    });
    expect(texts(seconds)).toEqual(['10000-01-01 00:00:00']);
  });

  it('dates and times', () => {
    expect(texts(makeData({ type: new DateDay(), data: Int32Array.of(0, -1, 20485, 11016) }))).toEqual([
      '1970-01-01',
      '1969-12-31',
      '2026-02-01',
      '2000-02-29',
    ]);
    expect(texts(makeData({ type: new DateMillisecond(), data: BigInt64Array.of(-1n) }))).toEqual([
      '1969-12-31',
    ]);
    const time = makeData({
      type: new TimeMicrosecond(),
      data: BigInt64Array.of(86399999999n, 0n, 3600000000n),
    });
    expect(texts(time)).toEqual(['23:59:59.999999', '00:00:00', '01:00:00']);
  });

  it('floats show their own shortest digits', () => {
    expect(
      texts(makeData({ type: new Float32(), data: Float32Array.of(0.1, -0, Number.NaN, 16777216) })),
    ).toEqual(['0.1', '-0', 'NaN', '16777216']);
    expect(texts(makeData({ type: new Float64(), data: Float64Array.of(0.1 + 0.2, -Infinity) }))).toEqual([
      '0.30000000000000004',
      '-Infinity',
    ]);
  });

  it('binary as hexadecimal, long values cut with their length', () => {
    const bytes = new Uint8Array(70).fill(171);
    expect(texts(makeData({ type: new FixedSizeBinary(2), data: Uint8Array.of(0, 255) }))).toEqual([
      '0x00ff',
    ]);
    expect(texts(makeData({ type: new FixedSizeBinary(70), data: bytes }))[0]).toBe(
      `0x${'ab'.repeat(64)}… (70 bytes)`,
    );
  });
});

describe('nested values', () => {
  it('structs, lists and maps at any depth, leaves exact', () => {
    const type = new Struct([
      new Field('id', new Int64(), true),
      new Field(
        'items',
        new List(new Field('element', new Struct([new Field('x', new Int32(), true)]), true)),
        true,
      ),
      new Field(
        'tags',
        new Map_(
          new Field(
            'entries',
            new Struct([new Field('key', new Utf8(), false), new Field('value', new Float64(), true)]),
            false,
          ) as never,
        ),
        true,
      ),
    ]);
    const vector = vectorFromArray(
      [{ id: 9007199254740993n, items: [{ x: 1 }, null, { x: null }], tags: new Map([['a', 1.5]]) }, null],
      type as never,
    );
    const data = throughIpc(vector.data[0]!);
    expect(jsonAt(data, 0)).toEqual({
      id: '9007199254740993',
      items: [{ x: 1 }, null, { x: null }],
      tags: { a: 1.5 },
    });
    expect(formatCell(data, 1)).toEqual({ text: 'NULL', kind: 'null' });
  });

  it('text is taken as it is, whatever it holds', () => {
    const hostile = ['<img src=x onerror=alert(1)>', '', '\u0000\u202e', '🦆'];
    expect(texts(vectorFromArray(hostile, new Utf8()).data[0]!)).toEqual(hostile);
  });
});
