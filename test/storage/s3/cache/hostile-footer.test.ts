import { expect, test } from 'vitest';
import { type ThriftStruct, thriftBytes } from '../../../../src/engine/thrift-compact.ts';
import { columnRanges, readFooter } from '../../../../src/storage/s3/cache/footer.ts';
import { checkThriftBounds } from '../../../../src/storage/s3/cache/thrift-bounds.ts';
import { thriftTypes } from '../../../../src/storage/thrift-types.ts';

const field = (type: number, value: unknown) => ({ type, value }) as never;

/** A Parquet file of 100 bytes in front of its footer, which says that its one column is somewhere. */
function fileWith(chunk: { readonly start: bigint; readonly size: bigint; readonly bloom?: bigint }): Buffer {
  const root: ThriftStruct = new Map([
    [4, field(thriftTypes.binary, Buffer.from('root'))],
    [5, field(thriftTypes.i32, 1n)],
  ]);
  const leaf: ThriftStruct = new Map([
    [1, field(thriftTypes.i32, 2n)],
    [4, field(thriftTypes.binary, Buffer.from('id'))],
    [9, field(thriftTypes.i32, 1n)],
  ]);
  const meta: ThriftStruct = new Map([
    [7, field(thriftTypes.i64, chunk.size)],
    [9, field(thriftTypes.i64, chunk.start)],
    ...(chunk.bloom === undefined ? [] : [[14, field(thriftTypes.i64, chunk.bloom)] as const]),
  ]);
  const column: ThriftStruct = new Map([[3, field(thriftTypes.struct, meta)]]);
  const list = (items: readonly ThriftStruct[]) =>
    field(thriftTypes.list, { kind: 'list', type: thriftTypes.struct, items });
  const group: ThriftStruct = new Map([
    [1, list([column])],
    [3, field(thriftTypes.i64, 5n)],
  ]);
  const footer = thriftBytes(
    new Map([
      [2, list([root, leaf])],
      [4, list([group])],
    ]),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.alloc(100), footer, length, Buffer.from('PAR1')]);
}

function ranges(file: Buffer) {
  const footer = readFooter(file, file.length);
  return footer === undefined ? undefined : columnRanges(footer, undefined);
}

test('columns in the file are found by its footer', () => {
  expect(ranges(fileWith({ start: 4n, size: 60n }))).toEqual([{ start: 4, end: 64 }]);
  expect(ranges(fileWith({ start: 4n, size: 60n, bloom: 70n }))).toEqual([
    { start: 4, end: 64 },
    { start: 70, end: 100 },
  ]);
});

test.each([
  ['beyond the footer', { start: 4n, size: 97n }],
  ['before the file', { start: -4n, size: 60n }],
  ['backwards', { start: 50n, size: -10n }],
  ['of more bytes than there are numbers', { start: 4n, size: 2n ** 62n }],
  ['with a Bloom filter beyond the file', { start: 4n, size: 60n, bloom: 2n ** 40n }],
])('a column %s makes the whole file be read, whose fault is the engine to tell', (_, chunk) => {
  expect(ranges(fileWith(chunk))).toBeUndefined();
});

/** A file whose footer is these bytes. */
function fileOf(footer: readonly number[]): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.alloc(100), Buffer.from(footer), length, Buffer.from('PAR1')]);
}

test('lists that claim more than their bytes can hold cost no memory, also inside of each other', () => {
  // Field 2, a list of lists of lists ..., each of 33 million items.
  const claim = [0xf9, 0xff, 0xff, 0xff, 0x0f];
  const nested = [0x29, ...Array.from({ length: 50 }, () => claim).flat(), 0xf1, 0xff, 0xff, 0xff, 0x0f, 0];
  const before = process.memoryUsage().rss;
  expect(ranges(fileOf(nested))).toBeUndefined();
  expect(ranges(fileOf([0x29, 0xf1, 0xff, 0xff, 0xff, 0x0f, 0]))).toBeUndefined();
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
});

test('what a reader of footers takes, the check of its bounds takes too', () => {
  const whole = fileWith({ start: 4n, size: 60n, bloom: 70n });
  const footer = whole.subarray(100, whole.length - 8);
  expect(() => checkThriftBounds(footer, 0)).not.toThrow();
  for (let end = 0; end < footer.length; end++) {
    expect(() => checkThriftBounds(footer.subarray(0, end), 0)).toThrow('Thrift: ');
  }
});
