import { describe, expect, test } from 'vitest';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import {
  decodeBounds,
  inclusiveMetrics,
  manifestMightMatch,
  metricsCoverage,
  strictMetrics,
} from '../../src/iceberg/evaluate.ts';
import {
  alwaysTrue,
  compare,
  type Expr,
  inSet,
  not,
  type Predicate,
  unary,
} from '../../src/iceberg/expression.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { StructType, Type, Value } from '../../src/iceberg/types.ts';
import { valueToBytes } from '../../src/iceberg/value.ts';
import { column } from './filter-model.ts';

const types: Readonly<Record<number, Type>> = {
  1: { kind: 'long' },
  2: { kind: 'double' },
  3: { kind: 'string' },
  4: { kind: 'uuid' },
  5: { kind: 'geometry' },
};
const schema: Schema = {
  schemaId: 0,
  fields: [
    ...Object.entries(types).map(([id, type]) => column(Number(id), type)),
    column(10, { kind: 'struct', fields: [column(11, { kind: 'int' })] }),
    column(20, { kind: 'list', elementId: 21, elementRequired: true, element: { kind: 'int' } }),
  ],
  identifierFieldIds: [],
};

interface Metrics {
  readonly nulls?: number;
  readonly nans?: number;
  readonly lower?: Value | Uint8Array;
  readonly upper?: Value | Uint8Array;
}

/** A file of ten rows with metrics of one column. */
function file(id: number, metrics: Metrics, more: Partial<DataFile> = {}): DataFile {
  const type: Type = types[id] ?? { kind: 'int' };
  const bytes = (v: Value | Uint8Array) => (v instanceof Uint8Array ? v : valueToBytes(type, v));
  return {
    content: 0,
    filePath: 'mem:/f',
    fileFormat: 'PARQUET',
    specId: 0,
    partition: [],
    recordCount: 10,
    fileSizeInBytes: 1,
    ...(metrics.nulls !== undefined && { nullValueCounts: new Map([[id, metrics.nulls]]) }),
    ...(metrics.nans !== undefined && { nanValueCounts: new Map([[id, metrics.nans]]) }),
    ...(metrics.lower !== undefined && { lowerBounds: new Map([[id, bytes(metrics.lower)]]) }),
    ...(metrics.upper !== undefined && { upperBounds: new Map([[id, bytes(metrics.upper)]]) }),
    ...more,
  };
}

/** 'none': certainly no row, 'all': certainly every row. */
function verdict(filter: Expr, f: DataFile): 'none' | 'all' | 'some' {
  const may = inclusiveMetrics(filter, schema, f);
  const must = strictMetrics(filter, schema, f);
  return may ? (must ? 'all' : 'some') : 'none';
}

describe('a file of ids 10 to 20', () => {
  const full = file(1, { nulls: 0, lower: 10n, upper: 20n });
  test.each<[string, Expr, string]>([
    ['=', compare('eq', 1, 9n), 'none'],
    ['=', compare('eq', 1, 10n), 'some'],
    ['<>', compare('not-eq', 1, 21n), 'all'],
    ['<', compare('lt', 1, 10n), 'none'],
    ['<', compare('lt', 1, 11n), 'some'],
    ['<', compare('lt', 1, 21n), 'all'],
    ['<=', compare('lt-eq', 1, 9n), 'none'],
    ['<=', compare('lt-eq', 1, 20n), 'all'],
    ['>', compare('gt', 1, 20n), 'none'],
    ['>', compare('gt', 1, 9n), 'all'],
    ['>=', compare('gt-eq', 1, 21n), 'none'],
    ['>=', compare('gt-eq', 1, 10n), 'all'],
    ['IN', inSet('in', 1, [21n, 9n]), 'none'],
    ['IN', inSet('in', 1, [21n, 15n]), 'some'],
    ['NOT IN', inSet('not-in', 1, [21n, 9n]), 'all'],
    ['IS NULL', unary('is-null', 1), 'none'],
    ['IS NOT NULL', unary('not-null', 1), 'all'],
    ['NOT', not(compare('gt', 1, 20n)), 'all'],
  ])('%s', (_, filter, expected) => {
    expect(verdict(filter, full)).toBe(expected);
  });

  test('nulls make nothing certain but IS NULL', () => {
    const some = file(1, { nulls: 3, lower: 10n, upper: 20n });
    expect(verdict(compare('lt', 1, 100n), some)).toBe('some');
    expect(verdict(not(compare('lt', 1, 0n)), some)).toBe('some');
    expect(verdict(unary('is-null', 1), some)).toBe('some');
    expect(verdict(unary('is-null', 1), file(1, { nulls: 10 }))).toBe('all');
    expect(verdict(compare('eq', 1, 10n), file(1, { nulls: 10 }))).toBe('none');
    expect(verdict(compare('not-eq', 1, 10n), file(1, { nulls: 10 }))).toBe('none');
  });

  test('metrics that are missing exclude nothing', () => {
    expect(verdict(compare('eq', 1, 9n), file(1, {}))).toBe('some');
    expect(verdict(compare('eq', 1, 15n), file(1, { lower: 15n, upper: 15n }))).toBe('some');
    expect(verdict(compare('eq', 1, 15n), file(1, { nulls: 0, lower: 15n, upper: 15n }))).toBe('all');
  });

  test('a record count that is unknown or zero', () => {
    expect(verdict(compare('eq', 1, 9n), file(1, { nulls: 0 }, { recordCount: -1 }))).toBe('some');
    const empty = file(1, {}, { recordCount: 0 });
    expect(inclusiveMetrics(alwaysTrue, schema, empty)).toBe(false);
    expect(strictMetrics(compare('eq', 1, 9n), schema, empty)).toBe(true);
  });
});

test('NaN is above every number and outside of the bounds', () => {
  const some = file(2, { nulls: 0, nans: 1, lower: 1, upper: 2 });
  expect(verdict(compare('gt', 2, 100), some)).toBe('some');
  expect(verdict(compare('lt-eq', 2, 2), some)).toBe('some');
  expect(verdict(compare('eq', 2, Number.NaN), some)).toBe('some');
  const none = file(2, { nulls: 0, nans: 0, lower: 1, upper: 2 });
  expect(verdict(compare('gt', 2, 100), none)).toBe('none');
  expect(verdict(compare('lt-eq', 2, 2), none)).toBe('all');
  expect(verdict(compare('eq', 2, Number.NaN), none)).toBe('none');
  expect(verdict(unary('is-nan', 2), file(2, { nulls: 0, nans: 10 }))).toBe('all');
});

test('zeros of both signs are equal', () => {
  const zero = file(2, { nulls: 0, nans: 0, lower: 0, upper: 0 });
  expect(verdict(compare('eq', 2, -0), zero)).toBe('all');
  expect(verdict(compare('lt', 2, -0), zero)).toBe('none');
});

test('prefixes against bounds', () => {
  const words = file(3, { nulls: 0, lower: 'abc', upper: 'abz' });
  expect(verdict(compare('starts-with', 3, 'ab'), words)).toBe('all');
  expect(verdict(compare('starts-with', 3, 'abd'), words)).toBe('some');
  expect(verdict(compare('starts-with', 3, 'b'), words)).toBe('none');
  expect(verdict(compare('not-starts-with', 3, 'ab'), words)).toBe('none');
  expect(verdict(compare('not-starts-with', 3, 'aa'), words)).toBe('all');
});

test('bounds that cannot be trusted exclude nothing', () => {
  const open = { lower: undefined, upper: undefined };
  const bytes = (type: Type, value: Value) => valueToBytes(type, value);
  const [long, double, string, uuid, geometry] = [1, 2, 3, 4, 5].map(id => types[id]!) as [
    Type,
    Type,
    Type,
    Type,
    Type,
  ];
  expect(decodeBounds(long, Uint8Array.of(1, 2), undefined)).toEqual(open);
  expect(decodeBounds(long, bytes(long, 5n), bytes(long, 4n))).toEqual(open);
  expect(decodeBounds(double, bytes(double, Number.NaN), bytes(double, 1))).toEqual({ ...open, upper: 1 });
  // "é" is C3 A9: cut after its first byte it would be read as U+FFFD, which is larger.
  expect(decodeBounds(string, Uint8Array.of(0xc3), bytes(string, 'é'))).toEqual({ ...open, upper: 'é' });
  expect(decodeBounds(geometry, Uint8Array.of(1), Uint8Array.of(2))).toEqual(open);
  const low = '00000000-0000-4000-8000-000000000000';
  const high = 'f0000000-0000-4000-8000-000000000000';
  // Signed order: f... is negative.
  expect(decodeBounds(uuid, bytes(uuid, high), bytes(uuid, low))).toEqual(open);
  expect(decodeBounds(uuid, bytes(uuid, high), undefined)).toEqual(open);
  expect(decodeBounds(uuid, bytes(uuid, low), bytes(uuid, high))).toEqual({
    lower: '00000000-0000-4000-0000-000000000000',
    upper: 'f0000000-0000-4000-ffff-ffffffffffff',
  });
});

test('fields of structs are pruned but never certain; elements of lists are neither', () => {
  const inStruct = file(11, { nulls: 0, lower: 1, upper: 2 });
  expect(verdict(compare('eq', 11, 3), inStruct)).toBe('none');
  expect(verdict(compare('lt', 11, 3), inStruct)).toBe('some');
  expect(metricsCoverage(compare('lt', 11, 3) as Predicate, schema, inStruct)).toBe('some');
  expect(metricsCoverage(compare('gt', 11, 3) as Predicate, schema, inStruct)).toBe('none');
  // Only Parquet's null counts include those of the struct.
  expect(verdict(unary('is-null', 11), inStruct)).toBe('none');
  expect(verdict(unary('is-null', 11), { ...inStruct, fileFormat: 'AVRO' })).toBe('some');
  expect(verdict(compare('eq', 21, 3), file(21, { nulls: 0, lower: 1, upper: 2 }))).toBe('some');
});

describe('partition summaries', () => {
  const struct: StructType = {
    kind: 'struct',
    fields: [column(1000, { kind: 'int' }), column(1001, { kind: 'double' })],
  };
  const bytes = (value: number) => valueToBytes({ kind: 'int' }, value);
  const summaries = [
    { containsNull: false, lowerBound: bytes(3), upperBound: bytes(5) },
    { containsNull: true, containsNan: false },
  ];
  test.each<[string, Expr, boolean]>([
    ['below', compare('lt', 1000, 3), false],
    ['within', compare('eq', 1000, 4), true],
    ['above', compare('gt', 1000, 5), false],
    ['no null', unary('is-null', 1000), false],
    ['all null', compare('eq', 1001, 1), false],
    ['all null', unary('not-null', 1001), false],
    ['all null', unary('is-null', 1001), true],
    ['no NaN', unary('is-nan', 1001), false],
  ])('%s', (_, filter, expected) => {
    expect(manifestMightMatch(filter, struct, summaries)).toBe(expected);
  });

  test('of NaN nothing is known unless it is said', () => {
    const [first] = summaries;
    const unsaid = {
      containsNull: false,
      lowerBound: valueToBytes({ kind: 'double' }, 1),
      upperBound: valueToBytes({ kind: 'double' }, 2),
    };
    expect(manifestMightMatch(unary('is-nan', 1001), struct, [first!, unsaid])).toBe(true);
    expect(manifestMightMatch(compare('gt', 1001, 5), struct, [first!, unsaid])).toBe(true);
    expect(
      manifestMightMatch(compare('gt', 1001, 5), struct, [first!, { ...unsaid, containsNan: false }]),
    ).toBe(false);
  });
});
