import { snappyUncompress } from 'hyparquet/src/snappy.js';
import {
  ThriftFormatError,
  ThriftReader,
  type ThriftStruct,
  thriftBytes,
} from '../../../../src/engine/thrift-compact.ts';
import { AvroFormatError } from '../../../../src/iceberg/avro-binary.ts';
import { CorruptFileError } from '../../../../src/iceberg/errors.ts';
import { snappyDecompress } from '../../../../src/iceberg/snappy.ts';
import { thriftTypes } from '../../../../src/storage/thrift-types.ts';
import { mutateBytes, varint } from '../mutate-bytes.ts';
import { Random } from '../random.ts';
import { agree, disagree, type OpenTarget } from '../target.ts';

/** Compresses greedily: a copy of every form where four bytes were there before, literals of every length. */
function snappyCompress(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [varint(BigInt(bytes.length))];
  const seen = new Map<number, number>();
  let literal = 0;
  const flush = (end: number) => {
    for (let at = literal; at < end; ) {
      const length = Math.min(end - at, 70_000);
      const size = length - 1;
      const head =
        size < 60
          ? [size << 2]
          : size < 256
            ? [60 << 2, size]
            : size < 65_536
              ? [61 << 2, size & 255, size >> 8]
              : [62 << 2, size & 255, (size >> 8) & 255, size >> 16];
      parts.push(Uint8Array.from(head), bytes.subarray(at, at + length));
      at += length;
    }
  };
  for (let at = 0; at + 4 <= bytes.length; ) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    const before = seen.get(word);
    seen.set(word, at);
    if (before === undefined) {
      at++;
      continue;
    }
    let length = 4;
    while (length < 64 && at + length < bytes.length && bytes[before + length] === bytes[at + length])
      length++;
    flush(at);
    const offset = at - before;
    if (length < 12 && offset < 2048)
      parts.push(Uint8Array.of(1 | ((length - 4) << 2) | ((offset >> 8) << 5), offset & 255));
    else if (offset < 65_536) parts.push(Uint8Array.of(2 | ((length - 1) << 2), offset & 255, offset >> 8));
    else
      parts.push(
        Uint8Array.of(3 | ((length - 1) << 2), offset & 255, (offset >> 8) & 255, (offset >> 16) & 255, 0),
      );
    at += length;
    literal = at;
  }
  flush(bytes.length);
  return Buffer.concat(parts);
}

/** Snappy blocks: what is taken is what another decoder makes of it, and no longer than allowed. */
export async function openSnappy(): Promise<OpenTarget> {
  const random = new Random('snappy');
  const texts = [
    new Uint8Array(0),
    Buffer.from('a'),
    Buffer.from('abcd'.repeat(100)),
    Buffer.from(Array.from({ length: 400 }, (_, i) => `s3://bucket/table/data/${i % 17}.parquet`).join()),
    random.bytes(300),
    Buffer.concat([random.bytes(70_000), Buffer.alloc(3000, 'x')]),
  ];
  const corpus = texts.map(snappyCompress);
  for (const [index, text] of texts.entries()) {
    agree('what was compressed', snappyDecompress(corpus[index]!, 1 << 20), Uint8Array.from(text));
  }
  const limit = 1 << 20;
  return {
    input: random => mutateBytes(random, corpus),
    run(input) {
      let output: Uint8Array;
      try {
        output = snappyDecompress(input as Uint8Array, limit);
      } catch (error) {
        if (error instanceof AvroFormatError) throw new CorruptFileError('x', error.message);
        throw error;
      }
      if (output.length > limit) disagree(`${output.length} bytes where ${limit} are allowed`);
      // The other decoder stops at the end of its output, and wants more than a length.
      if (output.length === 0) return;
      const other = new Uint8Array(output.length);
      snappyUncompress(input as Uint8Array, other);
      if (!Buffer.from(other).equals(output)) disagree('another decoder gets other bytes');
    },
  };
}

function structs(): ThriftStruct[] {
  const field = (type: number, value: unknown) => ({ type, value }) as never;
  const inner: ThriftStruct = new Map([
    [1, field(thriftTypes.i32, 6n)],
    [4, field(thriftTypes.binary, Buffer.from('name'))],
    [20, field(thriftTypes.true, true)],
  ]);
  const items = Array.from({ length: 20 }, () => inner);
  return [
    new Map(),
    inner,
    new Map([
      [1, field(thriftTypes.i32, -1n)],
      [2, field(thriftTypes.list, { kind: 'list', type: thriftTypes.struct, items })],
      [3, field(thriftTypes.i64, 2n ** 62n)],
      [
        4,
        field(thriftTypes.map, {
          kind: 'map',
          keyType: thriftTypes.binary,
          valueType: thriftTypes.i64,
          entries: [[Buffer.from('k'), 5n]],
        }),
      ],
      [5, field(thriftTypes.double, Buffer.alloc(8, 1))],
      [6, field(thriftTypes.set, { kind: 'set', type: thriftTypes.i16, items: [1n, 2n] })],
      [7, field(thriftTypes.struct, inner)],
      [8, field(thriftTypes.byte, 7)],
      [9, field(thriftTypes.list, { kind: 'list', type: thriftTypes.true, items: [true, false] })],
    ]),
  ];
}

/** Thrift's compact protocol: a struct that is read is written and read again the same. */
export async function openThrift(): Promise<OpenTarget> {
  const corpus = structs().map(thriftBytes);
  return {
    input: random =>
      mutateBytes(random, corpus, [Uint8Array.of(0x1c), Uint8Array.of(0xfc), Uint8Array.of(0x19, 0xfc)]),
    run(input) {
      const read = structOf(input as Uint8Array);
      // Fields come in any order, and are written in that of their ids.
      const written = thriftBytes(read);
      agree('struct written and read again', thriftBytes(structOf(written)), written);
    },
  };
}

function structOf(bytes: Uint8Array): ThriftStruct {
  try {
    return new ThriftReader(bytes).struct();
  } catch (error) {
    if (error instanceof ThriftFormatError) throw new CorruptFileError('x', error.message);
    throw error;
  }
}
