import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { daysFromDate } from '../../src/iceberg/datetime.ts';
import {
  alwaysFalse,
  alwaysTrue,
  compare,
  type Expr,
  evaluateRow,
  inSet,
  not,
  or,
  type Predicate,
  unary,
} from '../../src/iceberg/expression.ts';
import type { PartitionSpec } from '../../src/iceberg/partition.ts';
import { projectInclusive, projectStrict, residual } from '../../src/iceberg/project.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import { applyTransform, parseTransform } from '../../src/iceberg/transform.ts';
import type { Type, Value } from '../../src/iceberg/types.ts';
import { parseHuman } from '../../src/iceberg/value.ts';
import {
  column,
  modelColumns,
  modelFilter,
  modelRow,
  modelSchema,
  modelSpec,
  partitionValue,
  promoteRow,
  selects,
  writerHabits,
} from './filter-model.ts';

test('a matching row is in a matching partition, and a partition of the strict projection has no other', () => {
  const scenario = modelColumns.chain(columns =>
    fc.tuple(
      fc.constant(columns),
      modelSpec(columns, 1),
      modelFilter(columns),
      fc.array(modelRow(columns), { minLength: 1, maxLength: 5 }),
      writerHabits,
    ),
  );
  fc.assert(
    fc.property(scenario, ([columns, spec, filter, rows, habits]) => {
      const schema = modelSchema(columns, 'new');
      const inclusive = projectInclusive(filter, spec, schema);
      const strict = projectStrict(filter, spec, schema);
      for (const row of rows) {
        const partition = new Map(
          spec.fields.map(field => {
            const c = columns.find(m => m.id === field.sourceId)!;
            return [field.fieldId, partitionValue(c, field.transform, row.get(c.id)!, habits)];
          }),
        );
        const matches = selects(filter, promoteRow(columns, row));
        if (matches) expect(evaluateRow(inclusive, id => partition.get(id)!)).toBe(true);
        if (!matches) expect(evaluateRow(strict, id => partition.get(id)!)).not.toBe(true);
      }
    }),
    { numRuns: 1200 },
  );
});

const P = 1000;
function projections(type: Type, transform: string, filter: Expr): { inclusive: Expr; strict: Expr } {
  const schema: Schema = { schemaId: 0, fields: [column(1, type)], identifierFieldIds: [] };
  const spec: PartitionSpec = {
    specId: 0,
    fields: [{ sourceId: 1, fieldId: P, name: 'p', transform: parseTransform(transform) }],
  };
  return { inclusive: projectInclusive(filter, spec, schema), strict: projectStrict(filter, spec, schema) };
}

const int: Type = { kind: 'int' };
const string: Type = { kind: 'string' };
const date: Type = { kind: 'date' };
const timestamp: Type = { kind: 'timestamp' };
const double: Type = { kind: 'double' };
const ts = (text: string) => parseHuman(timestamp, text);
const hashed = (type: Type, value: Value) => applyTransform(parseTransform('bucket[16]'), type, value)!;
const on = (op: string, value: Value) => compare(op as 'eq', 1, value);
const to = (op: string, value: Value) => compare(op as 'eq', P, value);
const present = unary('not-null', P);

describe('projections are as tight as they can be', () => {
  const cases: [string, Type, string, Expr, Expr, Expr][] = [
    ['identity', double, 'identity', on('lt', 1.5), to('lt', 1.5), to('lt', 1.5)],
    ['identity NaN', double, 'identity', unary('is-nan', 1), unary('is-nan', P), unary('is-nan', P)],
    ['bucket eq', int, 'bucket[16]', on('eq', 34), to('eq', hashed(int, 34)), alwaysFalse],
    ['bucket not-eq', int, 'bucket[16]', on('not-eq', 34), present, to('not-eq', hashed(int, 34))],
    ['bucket lt', int, 'bucket[16]', on('lt', 34), present, alwaysFalse],
    [
      'bucket in',
      int,
      'bucket[16]',
      inSet('in', 1, [34, 35]),
      inSet('in', P, [hashed(int, 34), hashed(int, 35)]),
      alwaysFalse,
    ],
    ['bucket null', int, 'bucket[16]', unary('is-null', 1), unary('is-null', P), unary('is-null', P)],
    ['truncate eq', int, 'truncate[10]', on('eq', 25), to('eq', 20), alwaysFalse],
    ['truncate lt', int, 'truncate[10]', on('lt', 20), to('lt-eq', 10), to('lt', 20)],
    ['truncate lt-eq', int, 'truncate[10]', on('lt-eq', 19), to('lt-eq', 10), to('lt', 20)],
    ['truncate gt', int, 'truncate[10]', on('gt', 19), to('gt-eq', 20), to('gt', 10)],
    ['truncate gt-eq', int, 'truncate[10]', on('gt-eq', 20), to('gt-eq', 20), to('gt', 10)],
    ['truncate below zero', int, 'truncate[10]', on('lt', 0), to('lt-eq', -10), to('lt', 0)],
    ['truncate not-eq', int, 'truncate[10]', on('not-eq', 25), present, to('not-eq', 20)],
    [
      'prefix shorter',
      string,
      'truncate[3]',
      on('starts-with', 'ab'),
      to('starts-with', 'ab'),
      to('starts-with', 'ab'),
    ],
    ['prefix longer', string, 'truncate[3]', on('starts-with', 'abcd'), to('eq', 'abc'), alwaysFalse],
    ['no prefix', string, 'truncate[3]', on('not-starts-with', 'abcd'), present, to('not-eq', 'abc')],
    ['short text', string, 'truncate[3]', on('eq', 'ab'), to('eq', 'ab'), to('eq', 'ab')],
    ['exact text', string, 'truncate[3]', on('eq', 'abc'), to('eq', 'abc'), alwaysFalse],
    ['long text', string, 'truncate[3]', on('eq', 'abcd'), to('eq', 'abc'), alwaysFalse],
    [
      'short texts',
      string,
      'truncate[3]',
      inSet('in', 1, ['ab', 'a']),
      inSet('in', P, ['ab', 'a']),
      inSet('in', P, ['ab', 'a']),
    ],
    [
      'a short and an exact text',
      string,
      'truncate[3]',
      inSet('in', 1, ['ab', 'abc']),
      inSet('in', P, ['ab', 'abc']),
      alwaysFalse,
    ],
    ['text lt', string, 'truncate[3]', on('lt', 'abc'), to('lt', 'abc'), to('lt', 'abc')],
    ['long text lt', string, 'truncate[3]', on('lt', 'abcd'), to('lt-eq', 'abc'), to('lt', 'abc')],
    ['long text gt', string, 'truncate[3]', on('gt', 'abcd'), to('gt-eq', 'abc'), to('gt', 'abc')],
    [
      'code points',
      string,
      'truncate[2]',
      on('starts-with', '😀a'),
      to('starts-with', '😀a'),
      to('starts-with', '😀a'),
    ],
    ['day of a date', date, 'day', on('lt', 10), to('lt', 10), to('lt', 10)],
    ['month lt', date, 'month', on('lt', daysFromDate(1970, 3, 1)), to('lt-eq', 1), to('lt', 2)],
    ['month gt', date, 'month', on('gt', daysFromDate(1970, 1, 31)), to('gt-eq', 1), to('gt', 0)],
    ['year eq', timestamp, 'year', on('eq', ts('1971-05-05')), to('eq', 1), alwaysFalse],
    ['day lt', timestamp, 'day', on('lt', ts('1970-01-11')), to('lt-eq', 9), to('lt', 10)],
    ['day lt-eq', timestamp, 'day', on('lt-eq', ts('1970-01-11')), to('lt-eq', 10), to('lt', 10)],
    ['hour gt-eq', timestamp, 'hour', on('gt-eq', ts('1970-01-01T05:00')), to('gt-eq', 5), to('gt', 4)],
    // Old writers put hour -5 in -4.
    [
      'old hour eq',
      timestamp,
      'hour',
      on('eq', ts('1969-12-31T19:00')),
      inSet('in', P, [-5, -4]),
      alwaysFalse,
    ],
    ['old hour lt-eq', timestamp, 'hour', on('lt-eq', ts('1969-12-31T19:00')), to('lt-eq', -4), to('lt', -5)],
    ['old hour gt', timestamp, 'hour', on('gt', ts('1969-12-31T19:00')), to('gt-eq', -5), to('gt', -4)],
    [
      'old hour not-eq',
      timestamp,
      'hour',
      on('not-eq', ts('1969-12-31T19:00')),
      present,
      inSet('not-in', P, [-5, -4]),
    ],
    ['void', int, 'void', unary('is-null', 1), alwaysTrue, alwaysFalse],
    ['unknown', int, 'zorder', on('eq', 1), alwaysTrue, alwaysFalse],
    ['not', int, 'truncate[10]', not(on('lt', 20)), to('gt-eq', 20), to('gt', 10)],
  ];
  test.each(cases)('%s', (_, type, transform, filter, inclusive, strict) => {
    expect(projections(type, transform, filter)).toEqual({ inclusive, strict });
  });

  test('several fields of one column', () => {
    const schema: Schema = { schemaId: 0, fields: [column(1, int)], identifierFieldIds: [] };
    const spec: PartitionSpec = {
      specId: 0,
      fields: [
        { sourceId: 1, fieldId: P, name: 'b', transform: { kind: 'bucket', buckets: 16 } },
        { sourceId: 1, fieldId: P + 1, name: 't', transform: { kind: 'truncate', width: 10 } },
      ],
    };
    expect(projectInclusive(on('eq', 34), spec, schema)).toEqual({
      op: 'and',
      left: compare('eq', P, hashed(int, 34)),
      right: compare('eq', P + 1, 30),
    });
    expect(projectStrict(on('not-eq', 34), spec, schema)).toEqual({
      op: 'or',
      left: compare('not-eq', P, hashed(int, 34)),
      right: compare('not-eq', P + 1, 30),
    });
  });
});

describe('residual', () => {
  const a = compare('eq', 1, 1) as Predicate;
  const b = compare('eq', 2, 2) as Predicate;

  test('folds what is decided', () => {
    const of = (known: Map<Predicate, 'all' | 'none'>, filter: Expr) =>
      residual(filter, p => known.get(p) ?? 'some');
    expect(of(new Map([[a, 'all']]), { op: 'and', left: a, right: b })).toEqual(b);
    expect(of(new Map([[b, 'none']]), { op: 'and', left: a, right: b })).toEqual(alwaysFalse);
    expect(of(new Map([[a, 'none']]), or(a, b))).toEqual(b);
    expect(of(new Map([[b, 'all']]), or(a, b))).toEqual(alwaysTrue);
    expect(of(new Map(), { op: 'and', left: a, right: alwaysFalse })).toEqual(alwaysFalse);
  });

  test('asks about the predicates of a filter without not', () => {
    const asked: Predicate[] = [];
    residual(not(or(a, b)), p => {
      asked.push(p);
      return 'some';
    });
    expect(asked).toEqual([compare('not-eq', 1, 1), compare('not-eq', 2, 2)]);
  });

  test('a null comparison is none, also below not', () => {
    // For rows whose column is null neither `c = 1` nor `not c = 1` is true.
    expect(residual(not(a), () => 'none')).toEqual(alwaysFalse);
  });
});
