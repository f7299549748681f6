import { describe, expect, test } from 'vitest';
import { daysFromDate } from '../../src/iceberg/datetime.ts';
import { murmur3 } from '../../src/iceberg/murmur3.ts';
import {
  applyTransform,
  canTransform,
  hashValue,
  parseTransform,
  transformHuman,
  transformResultType,
  transformToString,
} from '../../src/iceberg/transform.ts';
import type { Type, Value } from '../../src/iceberg/types.ts';
import { parseHuman } from '../../src/iceberg/value.ts';

const type = (kind: string): Type => ({ kind }) as Type;
const apply = (transform: string, kind: Type, value: Value | null) =>
  applyTransform(parseTransform(transform), kind, value);

describe('bucket hashes (spec: Appendix B)', () => {
  const bytes = Uint8Array.of(0, 1, 2, 3);
  test.each<[Type, Value, number]>([
    [type('int'), 34, 2017239379],
    [type('long'), 34n, 2017239379],
    [{ kind: 'decimal', precision: 9, scale: 2 }, 1420n, -500754589],
    [type('date'), daysFromDate(2017, 11, 16), -653330422],
    [type('time'), parseHuman(type('time'), '22:31:08'), -662762989],
    [type('timestamp'), parseHuman(type('timestamp'), '2017-11-16T22:31:08'), -2047944441],
    [type('timestamp'), parseHuman(type('timestamp'), '2017-11-16T22:31:08.000001'), -1207196810],
    [type('timestamptz'), parseHuman(type('timestamptz'), '2017-11-16T14:31:08-08:00'), -2047944441],
    [type('timestamptz'), parseHuman(type('timestamptz'), '2017-11-16T14:31:08.000001-08:00'), -1207196810],
    [type('timestamp_ns'), parseHuman(type('timestamp_ns'), '2017-11-16T22:31:08'), -2047944441],
    [type('timestamp_ns'), parseHuman(type('timestamp_ns'), '2017-11-16T22:31:08.000001001'), -1207196810],
    [
      type('timestamptz_ns'),
      parseHuman(type('timestamptz_ns'), '2017-11-16T14:31:08.000001001-08:00'),
      -1207196810,
    ],
    [type('string'), 'iceberg', 1210000089],
    [type('uuid'), 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 1488055340],
    [{ kind: 'fixed', length: 4 }, bytes, -188683207],
    [type('binary'), bytes, -188683207],
  ])('%j %s', (valueType, value, hash) => {
    expect(hashValue(valueType, value)).toBe(hash);
  });

  test('nanoseconds before the epoch are rounded down to microseconds', () => {
    expect(hashValue(type('timestamp_ns'), -1n)).toBe(hashValue(type('timestamp'), -1n));
    expect(hashValue(type('timestamp_ns'), -1001n)).toBe(hashValue(type('timestamp'), -2n));
  });

  test('murmur3 of every tail length', () => {
    // Values of the reference implementation (MurmurHash3_x86_32, seed 0).
    const text = 'hello, world';
    expect(murmur3(new Uint8Array(0))).toBe(0);
    expect(murmur3(Buffer.from('hello')) >>> 0).toBe(0x248bfa47);
    expect(murmur3(Buffer.from(text)) >>> 0).toBe(0x149bbb7f);
    expect(murmur3(Buffer.from('The quick brown fox jumps over the lazy dog.')) >>> 0).toBe(0xd5c48bfc);
  });

  test('the bucket number discards the sign bit', () => {
    expect(apply('bucket[100]', { kind: 'decimal', precision: 9, scale: 2 }, 1420n)).toBe(
      (-500754589 & 0x7fffffff) % 100,
    );
    expect(apply('bucket[16]', type('int'), null)).toBeNull();
  });
});

describe('truncate', () => {
  test('integers round towards negative infinity', () => {
    expect([1, 10, 11, -1, -10, -11].map(v => apply('truncate[10]', type('int'), v))).toEqual([
      0, 10, 10, -10, -10, -20,
    ]);
    expect([1n, -1n, 9007199254740993n].map(v => apply('truncate[10]', type('long'), v))).toEqual([
      0n,
      -10n,
      9007199254740990n,
    ]);
  });
  test('near the smallest value the result stays in the type', () => {
    expect(apply('truncate[10]', type('int'), -0x80000000)).toBe(-0x80000000);
    expect(apply('truncate[10]', type('long'), -(2n ** 63n))).toBe(-(2n ** 63n));
  });
  test('decimals use the width in units of the last digit', () => {
    const decimal: Type = { kind: 'decimal', precision: 9, scale: 2 };
    expect(apply('truncate[50]', decimal, 1065n)).toBe(1050n);
    expect(apply('truncate[50]', decimal, -1n)).toBe(-50n);
  });
  test('strings by code point, bytes by byte', () => {
    expect(apply('truncate[3]', type('string'), 'iceberg')).toBe('ice');
    expect(apply('truncate[3]', type('string'), 'ab')).toBe('ab');
    expect(apply('truncate[2]', type('string'), '😀😁😂')).toBe('😀😁');
    expect(apply('truncate[2]', type('string'), 'a😁')).toBe('a😁');
    expect(apply('truncate[3]', type('binary'), Uint8Array.of(1, 2, 3, 4, 5))).toEqual(
      Uint8Array.of(1, 2, 3),
    );
  });
});

describe('year, month, day, hour', () => {
  const of = (kind: string, text: string) =>
    ['year', 'month', 'day', 'hour'].map(t =>
      kind === 'date' && t === 'hour' ? undefined : apply(t, type(kind), parseHuman(type(kind), text)),
    );
  test('before and after the epoch', () => {
    expect(of('date', '1969-12-31')).toEqual([-1, -1, -1, undefined]);
    expect(of('date', '1970-01-01')).toEqual([0, 0, 0, undefined]);
    expect(of('date', '2017-12-01')).toEqual([47, 575, 17501, undefined]);
    expect(of('date', '1900-02-28')).toEqual([-70, -839, -25509, undefined]);
    expect(of('timestamp', '1969-12-31 23:59:59.999999')).toEqual([-1, -1, -1, -1]);
    expect(of('timestamp', '2017-12-01 10:12:55.038194')).toEqual([47, 575, 17501, 420034]);
    expect(of('timestamptz', '2017-12-01T00:00:00+01:00')).toEqual([47, 574, 17500, 420023]);
    expect(of('timestamp_ns', '1969-12-31 22:59:59.999999999')).toEqual([-1, -1, -1, -2]);
    expect(of('timestamptz_ns', '2017-12-01 10:12:55.038194')).toEqual([47, 575, 17501, 420034]);
  });
});

test('text, result types and source types', () => {
  for (const text of [
    'identity',
    'year',
    'month',
    'day',
    'hour',
    'void',
    'bucket[16]',
    'truncate[4]',
    'zorder[2]',
  ]) {
    expect(transformToString(parseTransform(text))).toBe(text);
  }
  expect(parseTransform('bucket[0]')).toEqual({ kind: 'other', text: 'bucket[0]' });
  expect(transformResultType(parseTransform('day'), type('timestamp'))).toEqual({ kind: 'date' });
  expect(transformResultType(parseTransform('hour'), type('timestamp'))).toEqual({ kind: 'int' });
  expect(transformResultType(parseTransform('truncate[3]'), type('string'))).toEqual({ kind: 'string' });
  expect(canTransform(parseTransform('hour'), type('date'))).toBe(false);
  expect(canTransform(parseTransform('bucket[3]'), type('double'))).toBe(false);
  expect(canTransform(parseTransform('truncate[3]'), type('uuid'))).toBe(false);
  expect(canTransform(parseTransform('identity'), type('double'))).toBe(true);
  expect(canTransform(parseTransform('zorder'), type('int'))).toBe(false);
  expect(() => apply('bucket[4]', type('boolean'), true)).toThrow(/bucket\[4\].*boolean/);
});

test('text of partition values', () => {
  const human = (transform: string, source: Type, value: Value | null) =>
    transformHuman(parseTransform(transform), source, value);
  expect(human('year', type('date'), -1)).toBe('1969');
  expect(human('month', type('date'), -1)).toBe('1969-12');
  expect(human('month', type('date'), 575)).toBe('2017-12');
  expect(human('day', type('timestamp'), -1)).toBe('1969-12-31');
  expect(human('hour', type('timestamp'), 420034)).toBe('2017-12-01-10');
  expect(human('hour', type('timestamp'), -1)).toBe('1969-12-31-23');
  expect(human('identity', { kind: 'decimal', precision: 9, scale: 2 }, -5n)).toBe('-0.05');
  expect(human('identity', type('timestamptz'), 0n)).toBe('1970-01-01T00:00:00+00:00');
  expect(human('identity', type('binary'), Uint8Array.of(1, 2, 3))).toBe('AQID');
  expect(human('bucket[4]', type('string'), 3)).toBe('3');
  expect(human('void', type('string'), null)).toBe('null');
});
