import { crc32, deflateRawSync, zstdCompressSync } from 'node:zlib';
import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAvroFile, encodeAvroFile } from '../../src/iceberg/avro.ts';
import { AvroFormatError, AvroReader, AvroWriter } from '../../src/iceberg/avro-binary.ts';
import type { Shape } from '../../src/iceberg/avro-decode.ts';
import { sanitizeAvroName } from '../../src/iceberg/avro-schema.ts';
import { CorruptFileError, UnsupportedError } from '../../src/iceberg/errors.ts';
import { snappyDecompress } from '../../src/iceberg/snappy.ts';

const LOCATION = 'file:///t/m.avro';
const SCHEMA = {
  type: 'record',
  name: 'r',
  fields: [
    { name: 'id', type: 'long', 'field-id': 1 },
    { name: 'text', type: ['null', 'string'], default: null, 'field-id': 2 },
  ],
};
const SHAPE: Shape = {
  struct: [
    { id: 2, name: 'text', shape: 'string' },
    { id: 1, name: 'id', shape: 'long', required: true },
  ],
};
type Row = [text: string | undefined, id: bigint];

function encode(rows: readonly Row[], codec: 'deflate' | 'null' = 'deflate'): Buffer {
  return encodeAvroFile({
    schema: SCHEMA,
    metadata: { k: 'v' },
    codec,
    records: rows,
    encode: (writer, [text, id]) => {
      writer.writeLong(id);
      writer.writeLong(text === undefined ? 0 : 1);
      if (text !== undefined) writer.writeString(text);
    },
  });
}

const decode = (bytes: Uint8Array, shape: Shape = SHAPE) =>
  decodeAvroFile(
    LOCATION,
    bytes,
    () => shape,
    (row: Row) => row,
  );

/** A container file put together by hand, to say things no writer says. */
function rawFile(
  schema: unknown,
  codec: string,
  blocks: readonly { count: bigint; bytes: Uint8Array }[],
): Buffer {
  const writer = new AvroWriter();
  writer.writeFixed(Buffer.from('Obj\x01', 'latin1'));
  writer.writeLong(2);
  writer.writeString('avro.schema');
  writer.writeString(JSON.stringify(schema));
  writer.writeString('avro.codec');
  writer.writeString(codec);
  writer.writeLong(0);
  const sync = Buffer.alloc(16, 7);
  writer.writeFixed(sync);
  for (const block of blocks) {
    writer.writeLong(block.count);
    writer.writeBytes(block.bytes);
    writer.writeFixed(sync);
  }
  return Buffer.from(writer.view());
}

const long = avsc.types.LongType.__with({
  fromBuffer: (b: Buffer) => b.readBigInt64LE(),
  toBuffer: (n: bigint) => {
    const b = Buffer.alloc(8);
    b.writeBigInt64LE(n);
    return b;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (n: unknown) => typeof n === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

const int64 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
const rows = fc.array(fc.tuple(fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }), int64));

describe('Avro binary encoding', () => {
  it('keeps every 64-bit integer exactly, and agrees with avsc on the bytes', () => {
    const type = avsc.Type.forSchema('long', { registry: { long } });
    fc.assert(
      fc.property(fc.oneof(int64, fc.maxSafeInteger().map(BigInt)), n => {
        const writer = new AvroWriter(1);
        writer.writeLong(n);
        expect(writer.view().equals(type.toBuffer(n))).toBe(true);
        expect(new AvroReader(writer.view()).readBigLong()).toBe(n);
        const asNumber = () => new AvroReader(writer.view()).readLong();
        if (Number.isSafeInteger(Number(n))) expect(BigInt(asNumber())).toBe(n);
        else expect(asNumber).toThrow(AvroFormatError);
        const skipped = new AvroReader(writer.view());
        skipped.skipVarint();
        expect(skipped.remaining).toBe(0);
        if (Number.isSafeInteger(Number(n))) {
          const other = new AvroWriter();
          other.writeLong(Number(n));
          expect(other.view().equals(writer.view())).toBe(true);
        }
      }),
    );
  });

  it('refuses numbers that are not exact and longs without an end', () => {
    expect(() => new AvroWriter().writeLong(2 ** 53)).toThrow(RangeError);
    expect(() => new AvroWriter().writeLong(1.5)).toThrow(RangeError);
    expect(() => new AvroWriter().writeLong(2n ** 63n)).toThrow(RangeError);
    const endless = new Uint8Array(20).fill(0x80);
    for (const read of ['readLong', 'readBigLong', 'readInt', 'skipVarint'] as const) {
      expect(() => new AvroReader(endless)[read]()).toThrow(AvroFormatError);
      expect(() => new AvroReader(endless.subarray(0, 3))[read]()).toThrow(AvroFormatError);
    }
  });

  it('makes legal names as Java does', () => {
    expect(sanitizeAvroName('a.b')).toBe('a_x2Eb');
    expect(sanitizeAvroName('1a')).toBe('_1a');
    expect(sanitizeAvroName('é')).toBe('_xE9');
  });
});

describe('Avro container files', () => {
  it('are read by avsc, and read back with both codecs', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom('deflate' as const, 'null' as const), (input, codec) => {
        const bytes = encode(input as Row[], codec);
        expect(decode(bytes).records).toEqual(input);
        expect(decode(bytes).metadata.get('k')).toBe('v');
      }),
    );
  });

  it('keep the field ids in the schema of the header', () => {
    const text = encode([]).toString('utf8');
    expect(text).toContain('"field-id":2');
  });

  it('split many records into blocks', () => {
    const many = Array.from({ length: 30_000 }, (_, i): Row => [`row ${i} ${'x'.repeat(20)}`, BigInt(i)]);
    const file = decode(encode(many));
    expect(file.records).toEqual(many);
    expect(file.decodedBytes).toBeGreaterThan(64 * 1024 * 3);
  });

  it('agree with avsc in both directions', async () => {
    const input: Row[] = [
      ['a', 2n ** 62n + 1n],
      [undefined, -5n],
    ];
    const type = avsc.Type.forSchema(SCHEMA as avsc.Schema, { registry: { long }, wrapUnions: false });
    const records = input.map(([text, id]) => ({ id, text: text ?? null }));
    const bytes = encode(input);
    const header = type.toBuffer(records[0]!);
    expect(header.length).toBeGreaterThan(0);
    // avsc writes the blocks, the container around them is ours.
    const block = Buffer.concat(records.map(record => type.toBuffer(record)));
    expect(decode(rawFile(SCHEMA, 'null', [{ count: 2n, bytes: block }])).records).toEqual(input);
    // avsc reads the container file.
    const read: unknown[] = [];
    const decoder = new avsc.streams.BlockDecoder({
      parseHook: (schema: avsc.Schema) =>
        avsc.Type.forSchema(schema, { registry: { long }, wrapUnions: false }),
    } as never);
    const done = new Promise((resolve, reject) => decoder.on('end', resolve).on('error', reject));
    decoder.on('data', (record: object) => read.push({ ...record }));
    decoder.end(bytes);
    await done;
    expect(read).toEqual(records);
  });

  it('read every codec that Iceberg writers use', () => {
    const plain = Buffer.from([2, 2, 2, 97]); // id 1, text "a"
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(plain));
    const snappy = Buffer.concat([Buffer.from([4, 3 << 2]), plain, crc]);
    for (const [codec, bytes] of [
      ['null', plain],
      ['deflate', deflateRawSync(plain)],
      ['zstandard', zstdCompressSync(plain)],
      ['snappy', snappy],
    ] as const) {
      expect(decode(rawFile(SCHEMA, codec, [{ count: 1n, bytes }])).records).toEqual([['a', 1n]]);
    }
    expect(() => decode(rawFile(SCHEMA, 'bzip2', [{ count: 1n, bytes: plain }]))).toThrow(UnsupportedError);
    snappy[snappy.length - 1]! ^= 1;
    expect(() => decode(rawFile(SCHEMA, 'snappy', [{ count: 1n, bytes: snappy }]))).toThrow(/checksum/);
  });

  it('find fields by id whatever they are called, and by name only when there are no ids', () => {
    const other = {
      type: 'record',
      name: 'x',
      fields: [
        { name: 'extra', type: { type: 'map', values: ['null', 'double'] }, 'field-id': 9 },
        { name: 'text', type: 'int', 'field-id': 1 },
        { name: 'renamed', type: 'string', 'field-id': 2 },
      ],
    };
    const bytes = Buffer.from([2, 2, 107, 0, 0, 10, 2, 97]);
    expect(decode(rawFile(other, 'null', [{ count: 1n, bytes }])).records).toEqual([['a', 5n]]);
    const bare = { ...SCHEMA, fields: SCHEMA.fields.map(({ name, type }) => ({ name, type })) };
    const plain = Buffer.from([2, 2, 2, 97]);
    expect(decode(rawFile(bare, 'null', [{ count: 1n, bytes: plain }])).records).toEqual([['a', 1n]]);
    const missing = { ...SCHEMA, fields: SCHEMA.fields.slice(1) };
    expect(() => decode(rawFile(missing, 'null', []))).toThrow(/required field id/);
  });
});

describe('damaged and hostile Avro files', () => {
  it('end in CorruptFileError wherever they are cut or changed', () => {
    const whole = encode(Array.from({ length: 50 }, (_, i): Row => [`row ${i}`, BigInt(i) << 40n]));
    let readable = 0;
    for (let length = 0; length < whole.length; length++) {
      try {
        decode(whole.subarray(0, length));
        readable++;
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptFileError);
        expect((error as Error).message).toContain(LOCATION);
      }
    }
    // Only the header alone is a valid, empty file.
    expect(readable).toBe(1);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= bits;
        try {
          decode(damaged);
        } catch (error) {
          if (!(error instanceof CorruptFileError) && !(error instanceof UnsupportedError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        expect(() => decode(bytes)).toThrow(CorruptFileError);
      }),
    );
  });

  it('claim counts that their bytes cannot hold, and allocate nothing', () => {
    const plain = Buffer.from([2, 2, 2, 97]);
    const claims = (schema: unknown, bytes: Uint8Array, count = 1n, shape?: Shape) =>
      expect(() => decode(rawFile(schema, 'null', [{ count, bytes }]), shape)).toThrow(CorruptFileError);
    claims(SCHEMA, plain, 2n ** 60n);
    claims(SCHEMA, plain, -1n);
    claims({ type: 'record', name: 'e', fields: [] }, new Uint8Array(0), 2n ** 50n, { struct: [] });
    // A list of nulls takes no bytes per item.
    const writer = new AvroWriter();
    writer.writeLong(2n ** 40n);
    const nulls = { type: 'array', items: 'null' };
    const field = { name: 'l', type: nulls, 'field-id': 3 };
    claims({ type: 'record', name: 'n', fields: [field] }, writer.view(), 1n, { struct: [] });
    // A string longer than the file.
    writer.reset();
    writer.writeLong(2);
    writer.writeLong(1);
    writer.writeLong(2n ** 40n);
    claims(SCHEMA, writer.view());
  });

  it('grow beyond what they may when decompressed', () => {
    const bomb = deflateRawSync(Buffer.alloc(80 * 1024 * 1024));
    expect(() => decode(rawFile(SCHEMA, 'deflate', [{ count: 1n, bytes: bomb }]))).toThrow(CorruptFileError);
    expect(() => snappyDecompress(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]), 1 << 30)).toThrow(
      AvroFormatError,
    );
  });

  it('have schemas made to hang or to crash a reader', () => {
    let nested: unknown = 'null';
    for (let i = 0; i < 1000; i++) nested = { type: 'array', items: nested };
    expect(() => decode(rawFile(nested, 'null', []))).toThrow(CorruptFileError);
    const recursive = { type: 'record', name: 'a', fields: [{ name: 'x', type: ['null', 'a'] }] };
    expect(() => decode(rawFile(recursive, 'null', []))).toThrow(/recursive/);
    // r1 = {r0, r0}, r2 = {r1, r1}, ...: 2^50 fields from a small schema.
    const fields: unknown[] = [];
    for (let i = 0; i < 50; i++) {
      const inner = i === 0 ? 'null' : `r${i - 1}`;
      const type = {
        type: 'record',
        name: `r${i}`,
        fields: [
          { name: 'a', type: inner },
          { name: 'b', type: inner },
        ],
      };
      fields.push({ name: `f${i}`, type });
    }
    const file = rawFile({ type: 'record', name: 'top', fields }, 'null', [
      { count: 1n, bytes: new Uint8Array([0]) },
    ]);
    expect(() => decode(file, { struct: [] })).toThrow(CorruptFileError);
  });
});

describe('maps from field ids', () => {
  const optional = (type: unknown) => ['null', type];
  const entry = (key: unknown, value: unknown) => ({
    type: 'record',
    name: 'e',
    fields: [
      { name: 'key', type: key },
      { name: 'value', type: value },
    ],
  });
  const top = (items: unknown) => ({
    type: 'record',
    name: 'top',
    fields: [{ name: 'm', 'field-id': 1, type: { type: 'array', logicalType: 'map', items } }],
  });
  const shape: Shape = { struct: [{ id: 1, name: 'm', shape: { lazyMap: 'count' } }] };
  const read = (schema: unknown, bytes: number[]) =>
    decodeAvroFile(
      LOCATION,
      rawFile(schema, 'null', [{ count: 1n, bytes: new Uint8Array(bytes) }]),
      () => shape,
      ([map]: [ReadonlyMap<number, number>]) => Object.fromEntries(map),
    ).records[0];

  it('are read as the specification has them', () => {
    expect(read(top(entry('int', 'long')), [4, 2, 20, 4, 40, 0])).toEqual({ 1: 10, 2: 20 });
  });

  it('are read with optional entries, keys and values, as BigQuery writes them', () => {
    const schema = top(optional(entry(optional('int'), optional('long'))));
    // 1 -> 10, a null entry, 2 -> null, 3 -> 30
    expect(read(schema, [8, 2, 2, 2, 2, 20, 0, 2, 2, 4, 0, 2, 2, 6, 2, 60, 0])).toEqual({ 1: 10, 3: 30 });
    expect(() => read(schema, [2, 6, 2, 2, 2, 20, 0])).toThrow(CorruptFileError);
  });
});

describe('Snappy', () => {
  it('copies overlapping ranges and every offset width', () => {
    // "abab..." by a literal and an overlapping copy with a two-byte offset.
    const input = Buffer.from([10, (2 - 1) << 2, 97, 98, ((8 - 1) << 2) | 2, 2, 0]);
    expect(snappyDecompress(input, 100).toString()).toBe('ababababab');
    const short = Buffer.from([6, (2 - 1) << 2, 97, 98, ((4 - 4) << 2) | 1, 2]);
    expect(snappyDecompress(short, 100).toString()).toBe('ababab');
    expect(() => snappyDecompress(Buffer.from([6, 4, 97, 98, 1, 3]), 100)).toThrow(AvroFormatError);
  });
});
