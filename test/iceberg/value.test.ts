import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dateFromDays, daysFromDate } from '../../src/iceberg/datetime.ts';
import { LakebookError } from '../../src/iceberg/errors.ts';
import { parseJson, stringifyJson } from '../../src/iceberg/json.ts';
import type { Type, Value } from '../../src/iceberg/types.ts';
import {
  compareForFilter,
  compareValues,
  parseHuman,
  valueFromBytes,
  valueFromJson,
  valueToBytes,
  valueToHuman,
  valueToJson,
} from '../../src/iceberg/value.ts';
import { typedValue, valueTypes } from './arbitraries.ts';

const type = (kind: string): Type => ({ kind }) as Type;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const decimal = (precision: number, scale: number): Type => ({ kind: 'decimal', precision, scale });

describe('binary single values (spec: Appendix D)', () => {
  test.each<[Type, Value, string]>([
    [type('boolean'), false, '00'],
    [type('boolean'), true, '01'],
    [type('int'), 1234, 'd2040000'],
    [type('int'), -1, 'ffffffff'],
    [type('long'), 1234n, 'd204000000000000'],
    [type('long'), -(2n ** 63n), '0000000000000080'],
    [type('float'), -4.5, '000090c0'],
    [type('double'), 6, '0000000000001840'],
    [type('date'), 1000, 'e8030000'],
    [type('time'), 10000000000n, '00e40b5402000000'],
    [type('timestamp'), 400000n, '801a060000000000'],
    [type('timestamptz'), -1n, 'ffffffffffffffff'],
    [type('timestamp_ns'), 400000000n, '0084d71700000000'],
    [type('string'), 'ABC', '414243'],
    [type('string'), 'é😀', 'c3a9f09f9880'],
    [type('uuid'), 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09677c4bbda4793f349cb785e7'],
    [{ kind: 'fixed', length: 3 }, bytes('000102'), '000102'],
    [type('binary'), bytes('00ff'), '00ff'],
    [decimal(9, 2), 0n, '00'],
    [decimal(9, 2), 127n, '7f'],
    [decimal(9, 2), 128n, '0080'],
    [decimal(9, 2), -128n, '80'],
    [decimal(9, 2), -129n, 'ff7f'],
    [decimal(9, 2), 345n, '0159'],
    [decimal(38, 2), 12345678901234567890123456789012345678n, '0949b0f6f0023313c4499050de38f34e'],
  ])('%j %s', (valueType, value, encoded) => {
    expect(hex(valueToBytes(valueType, value))).toBe(encoded);
    expect(valueFromBytes(valueType, bytes(encoded))).toEqual(value);
  });

  test('bounds written before the type was promoted', () => {
    expect(valueFromBytes(type('long'), bytes('ffffffff'))).toBe(-1n);
    expect(valueFromBytes(type('double'), bytes('000090c0'))).toBe(-4.5);
    expect(valueFromBytes(type('timestamp'), bytes('ffffffff'))).toBe(-86_400_000_000n);
    expect(valueFromBytes(type('timestamp_ns'), bytes('01000000'))).toBe(86_400_000_000_000n);
    expect(valueFromBytes(decimal(20, 2), bytes('0000007f'))).toBe(127n);
  });

  test('bytes of the wrong length and values of another type are refused', () => {
    expect(() => valueFromBytes(type('int'), bytes('0000'))).toThrow(LakebookError);
    expect(() => valueFromBytes(type('timestamptz'), bytes('00000000'))).toThrow(LakebookError);
    expect(() => valueFromBytes({ kind: 'fixed', length: 2 }, bytes('000000'))).toThrow(LakebookError);
    expect(() => valueToBytes(type('long'), 1)).toThrow(/long/);
    expect(() => valueToBytes(type('uuid'), 'x')).toThrow(/UUID/);
    expect(() => valueToBytes({ kind: 'struct', fields: [] }, 1)).toThrow(/struct/);
  });
});

describe('JSON single values (spec: Appendix D)', () => {
  test.each<[Type, Value, unknown]>([
    [type('boolean'), true, true],
    [type('int'), 34, 34],
    [type('long'), 34n, 34],
    [type('long'), 9007199254740993n, 9007199254740993n],
    [type('double'), 1, 1],
    [decimal(9, 2), 1420n, '14.20'],
    [decimal(9, 2), -5n, '-0.05'],
    [decimal(9, 0), 7n, '7'],
    [type('date'), 17486, '2017-11-16'],
    [type('time'), 81068123456n, '22:31:08.123456'],
    [type('timestamp'), 1510871468123456n, '2017-11-16T22:31:08.123456'],
    [type('timestamptz'), 1510871468123456n, '2017-11-16T22:31:08.123456+00:00'],
    [type('timestamp_ns'), 1510871468123456789n, '2017-11-16T22:31:08.123456789'],
    [type('timestamptz_ns'), 1510871468123456789n, '2017-11-16T22:31:08.123456789+00:00'],
    [type('string'), 'iceberg', 'iceberg'],
    [type('uuid'), 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09-677c-4bbd-a479-3f349cb785e7'],
    [{ kind: 'fixed', length: 4 }, bytes('000102ff'), '000102ff'],
    [type('binary'), bytes('000102ff'), '000102ff'],
  ])('%j %s', (valueType, value, json) => {
    expect(valueToJson(valueType, value)).toEqual(json);
    expect(valueFromJson(valueType, json)).toEqual(value);
  });

  test('nested values', () => {
    const struct: Type = {
      kind: 'struct',
      fields: [
        { id: 1, name: 'a', required: false, type: type('long') },
        { id: 2, name: 'b', required: false, type: type('string') },
      ],
    };
    const value = new Map<number, Value>([
      [1, 1n],
      [2, 'bar'],
    ]);
    expect(valueToJson(struct, value)).toEqual({ '1': 1, '2': 'bar' });
    expect(valueFromJson(struct, { '1': 1, '2': 'bar' })).toEqual(value);
    const list: Type = { kind: 'list', elementId: 3, elementRequired: false, element: type('date') };
    expect(valueFromJson(list, ['1970-01-02', null])).toEqual([1, null]);
    expect(valueToJson(list, [1, null])).toEqual(['1970-01-02', null]);
    const map: Type = {
      kind: 'map',
      keyId: 4,
      key: type('string'),
      valueId: 5,
      valueRequired: false,
      value: type('int'),
    };
    const json = { keys: ['a', 'b'], values: [1, 2] };
    expect(valueToJson(map, valueFromJson(map, json))).toEqual(json);
    expect(() => valueFromJson(map, { keys: ['a'], values: [] })).toThrow(LakebookError);
  });

  test('decimals in scientific form and values that do not fit', () => {
    expect(valueFromJson(decimal(38, 0), '2E+20')).toBe(200000000000000000000n);
    expect(() => valueFromJson(decimal(4, 2), '123.45')).toThrow(/decimal\(4,2\)/);
    expect(() => valueFromJson(decimal(9, 2), '1.234')).toThrow(LakebookError);
    expect(() => valueFromJson(type('int'), 2 ** 31)).toThrow(LakebookError);
    expect(() => valueFromJson(type('timestamp'), '2017-11-16T22:31:08+00:00')).toThrow(LakebookError);
    expect(() => valueFromJson(type('date'), '2017-02-29')).toThrow(LakebookError);
  });
});

describe('text', () => {
  test.each<[Type, string, Value]>([
    [type('date'), '0044-03-15 (BC)', daysFromDate(-43, 3, 15)],
    [type('date'), '20000-01-01', daysFromDate(20000, 1, 1)],
    [type('date'), 'infinity', 0x7fffffff],
    [type('timestamp'), '-infinity', -(2n ** 63n - 1n)],
    [type('timestamp'), '1969-12-31 23:59:59.5', -500000n],
    [type('timestamp'), '290000-01-01 (BC) 00:00:00', BigInt(daysFromDate(-289999, 1, 1)) * 86_400_000_000n],
    [type('timestamptz'), '2019-12-31 22:00:00+00', 1577829600000000n],
    [type('timestamptz'), '2020-01-01T00:00:00+02:00', 1577829600000000n],
    [type('timestamptz'), '2020-01-01', 1577836800000000n],
    [type('time'), '10:00:00.5', 36000500000n],
    [type('float'), '1.1', Math.fround(1.1)],
    [type('double'), '-inf', Number.NEGATIVE_INFINITY],
    [type('double'), 'nan', Number.NaN],
    [type('double'), '1e+20', 1e20],
    [type('double'), '-0.0', -0],
    [type('boolean'), '0', false],
    [type('uuid'), 'F79C3E09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09-677c-4bbd-a479-3f349cb785e7'],
    [type('binary'), 'AA0061625C', bytes('aa0061625c')],
    [type('binary'), '\\xAA\\x00ab\\x5C', bytes('aa0061625c')],
    [type('binary'), '', bytes('')],
    [decimal(38, 10), '-0.0500000000', -500000000n],
    [decimal(9, 2), '1.5', 150n],
  ])('parseHuman %j %s', (valueType, text, value) => {
    expect(parseHuman(valueType, text)).toEqual(value);
  });

  test('what a type cannot hold exactly is an error with a hint', () => {
    for (const [valueType, text] of [
      [type('int'), '2147483648'],
      [type('int'), '1.0'],
      [type('long'), '9223372036854775808'],
      [type('date'), '2026-13-01'],
      [type('time'), '25:00:00'],
      [type('timestamp'), '2026-01-31 10:00:00.1234567'],
      [type('timestamp'), '2026-01-31 10:00:00Z'],
      [type('timestamp_ns'), '3000-01-01'],
      [decimal(4, 2), '100'],
      [type('binary'), 'abc'],
      [{ kind: 'fixed', length: 2 } as Type, '00'],
    ] as const) {
      expect(() => parseHuman(valueType, text), `${valueType.kind} ${text}`).toThrow(text);
    }
  });

  test('a date alone is midnight', () => {
    expect(parseHuman(type('timestamp'), '1970-01-02')).toBe(86_400_000_000n);
  });
});

test('dates agree with the Gregorian calendar of JavaScript, and are inverse to each other', () => {
  fc.assert(
    fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), days => {
      const date = new Date(days * 86_400_000);
      const expected = { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
      expect(dateFromDays(days)).toEqual(expected);
      expect(daysFromDate(expected.year, expected.month, expected.day)).toBe(days);
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), days => {
      const { year, month, day } = dateFromDays(days);
      expect(daysFromDate(year, month, day)).toBe(days);
    }),
  );
});

test('every value survives the binary, JSON and text forms', () => {
  fc.assert(
    fc.property(fc.constantFrom(...valueTypes).chain(typedValue), ([valueType, value]) => {
      expect(valueFromBytes(valueType, valueToBytes(valueType, value))).toEqual(value);
      const json = parseJson(stringifyJson(valueToJson(valueType, value)));
      expect(valueFromJson(valueType, json)).toEqual(value);
      expect(parseHuman(valueType, valueToHuman(valueType, value))).toEqual(value);
    }),
    { numRuns: 2000 },
  );
});

describe('order', () => {
  test('strings sort by code point, as their UTF-8 bytes do', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const expected = Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(Math.sign(compareValues(type('string'), a, b))).toBe(expected);
      }),
      {
        examples: [
          ['\ufffd', '😀'],
          ['a\ue000', 'a\u{10000}'],
          ['a', 'ab'],
        ],
      },
    );
  });
  test('zeros and NaN', () => {
    expect(compareValues(type('double'), -0, 0)).toBeLessThan(0);
    expect(compareValues(type('double'), 0, -0)).toBeGreaterThan(0);
    expect(compareValues(type('double'), 0, 0)).toBe(0);
    expect(compareForFilter(-0, 0)).toBe(0);
    for (const compare of [compareForFilter, (a: Value, b: Value) => compareValues(type('double'), a, b)]) {
      expect(compare(Number.NaN, Number.POSITIVE_INFINITY)).toBeGreaterThan(0);
      expect(compare(1, Number.NaN)).toBeLessThan(0);
      expect(compare(Number.NaN, Number.NaN)).toBe(0);
    }
  });
  test('bytes are unsigned', () => {
    expect(compareForFilter(bytes('80'), bytes('7f'))).toBeGreaterThan(0);
    expect(compareForFilter(bytes('00'), bytes('0000'))).toBeLessThan(0);
  });
});

describe('JSON', () => {
  test('integers beyond 2^53 stay exact both ways', () => {
    const text =
      '{"snapshot-id":3051729675574597004,"list":[-9223372036854775808,1,1.5],"s":"3051729675574597004"}';
    const value = parseJson(text) as Record<string, unknown>;
    expect(value['snapshot-id']).toBe(3051729675574597004n);
    expect(value.list).toEqual([-9223372036854775808n, 1, 1.5]);
    expect(value.s).toBe('3051729675574597004');
    expect(stringifyJson(value)).toBe(text);
  });
  test('errors name the text and the place', () => {
    const fault = (text: string): LakebookError => {
      try {
        parseJson(text, 'table metadata');
      } catch (error) {
        return error as LakebookError;
      }
      throw new Error('no fault found');
    };
    expect(fault('{"a": 1,\n "b" 2}').message).toMatch(/table metadata isn't valid JSON/);
    expect(fault('{"a": 1,\n "b" 2}').position).toEqual({ line: 2, column: 6 });
    expect(fault('{"a": 1,\n "b": ').position).toEqual({ line: 2, column: 7 });
  });
});
