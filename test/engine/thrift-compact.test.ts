import { expect, test } from 'vitest';
import {
  ThriftFormatError,
  ThriftReader,
  type ThriftStruct,
  thriftBytes,
} from '../../src/engine/thrift-compact.ts';
import { thriftTypes } from '../../src/storage/thrift-types.ts';

/* What fuzzing found: bytes that claim more than they hold, or what the protocol has not. */

const read = (...bytes: number[]) => new ThriftReader(Uint8Array.from(bytes)).struct();
const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];

test.each([
  ['a list of 2^60 items', [0x19, 0xf5, ...huge]],
  ['a map of 2^60 entries', [0x1b, ...huge, 0x55]],
  ['a text of 2^60 bytes', [0x18, ...huge]],
  ['structs without an end', Array.from({ length: 100_000 }, () => 0x1c)],
  ['lists without an end', [0x19, ...Array.from({ length: 100_000 }, () => 0x19)]],
  ['a number of more than ten bytes', [0x16, ...Array.from({ length: 11 }, () => 0x80), 0x01, 0x00]],
  ['a value of an unknown type', [0x1f, 0x00]],
  ['a field whose id is no 16-bit integer', [0x05, ...huge, 0x02, 0x00]],
  ['nothing', []],
])('%s ends in an error at once', (_, bytes) => {
  const before = process.memoryUsage().rss;
  expect(() => read(...bytes)).toThrow(ThriftFormatError);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
});

test('long byte strings are written, and fields of any id', () => {
  const fields: ThriftStruct = new Map([
    [-5, { type: thriftTypes.i32, value: 1n }],
    [1, { type: thriftTypes.binary, value: new Uint8Array(500_000).fill(7) }],
    [32_767, { type: thriftTypes.true, value: false }],
  ]);
  const again = new ThriftReader(thriftBytes(fields)).struct();
  expect([...again.keys()]).toEqual([-5, 1, 32_767]);
  expect((again.get(1)!.value as Uint8Array).length).toBe(500_000);
  expect(again.get(32_767)!.value).toBe(false);
});
