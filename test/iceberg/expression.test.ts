import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ValidationError } from '../../src/iceberg/errors.ts';
import {
  alwaysFalse,
  alwaysTrue,
  and,
  compare,
  type Expr,
  evaluateRow,
  exprToString,
  fieldIdsOf,
  inSet,
  lowerIndex,
  not,
  or,
  rewriteNot,
  sortedValues,
  unary,
} from '../../src/iceberg/expression.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { Value } from '../../src/iceberg/types.ts';
import { column, modelColumns, modelFilter, modelRow, promoteRow } from './filter-model.ts';

function hasNot(expr: Expr): boolean {
  if (expr.op === 'and' || expr.op === 'or') return hasNot(expr.left) || hasNot(expr.right);
  return expr.op === 'not';
}

const depth = (expr: Expr): number =>
  expr.op === 'and' || expr.op === 'or' ? 1 + Math.max(depth(expr.left), depth(expr.right)) : 1;

test('a filter without not has the same value for every row, null included', () => {
  const scenario = modelColumns.chain(columns =>
    fc.tuple(fc.constant(columns), modelFilter(columns), modelRow(columns)),
  );
  fc.assert(
    fc.property(scenario, ([columns, filter, row]) => {
      const values = promoteRow(columns, row);
      const get = (id: number) => values.get(id)!;
      for (const expr of [filter, { op: 'not', child: filter } as const]) {
        const rewritten = rewriteNot(expr);
        expect(hasNot(rewritten)).toBe(false);
        expect(evaluateRow(rewritten, get)).toBe(evaluateRow(expr, get));
        for (const id of fieldIdsOf(rewritten)) expect(fieldIdsOf(expr)).toContain(id);
      }
    }),
    { numRuns: 1000 },
  );
});

describe('three-valued logic', () => {
  const values: Readonly<Record<string, Expr>> = {
    true: alwaysTrue,
    false: alwaysFalse,
    null: compare('eq', 1, 1),
  };
  const value = (expr: Expr) => evaluateRow(expr, () => null);
  const names = ['true', 'false', 'null'];

  test('AND and OR', () => {
    const table = (op: 'and' | 'or') =>
      names.map(l => names.map(r => String(value({ op, left: values[l]!, right: values[r]! }))));
    expect(table('and')).toEqual([
      ['true', 'false', 'null'],
      ['false', 'false', 'false'],
      ['null', 'false', 'null'],
    ]);
    expect(table('or')).toEqual([
      ['true', 'true', 'true'],
      ['true', 'false', 'null'],
      ['true', 'null', 'null'],
    ]);
  });

  test('no comparison with null is true or false', () => {
    const comparisons = (['eq', 'not-eq', 'lt', 'lt-eq', 'gt', 'gt-eq'] as const).map(op =>
      compare(op, 1, 5),
    );
    const sets = (['in', 'not-in'] as const).map(op => inSet(op, 1, [1, 2]));
    const texts = (['starts-with', 'not-starts-with'] as const).map(op => compare(op, 1, 'a'));
    for (const expr of [...comparisons, ...sets, ...texts, unary('is-nan', 1), unary('not-nan', 1)]) {
      expect(value(expr)).toBeNull();
      expect(value(not(expr))).toBeNull();
    }
    expect(value(unary('is-null', 1))).toBe(true);
    expect(value(unary('not-null', 1))).toBe(false);
  });
});

test('NaN equals NaN and is above every number; -0 equals 0', () => {
  const of = (expr: Expr, v: Value) => evaluateRow(expr, () => v);
  expect(of(compare('eq', 1, Number.NaN), Number.NaN)).toBe(true);
  expect(of(compare('gt', 1, Number.POSITIVE_INFINITY), Number.NaN)).toBe(true);
  expect(of(compare('lt', 1, Number.NaN), 1)).toBe(true);
  expect(of(compare('eq', 1, 0), -0)).toBe(true);
  expect(of(compare('lt', 1, 0), -0)).toBe(false);
  expect(of(inSet('in', 1, [3, Number.NaN, 0]), Number.NaN)).toBe(true);
  expect(of(inSet('in', 1, [3, 0]), -0)).toBe(true);
  expect(of(inSet('not-in', 1, [3, Number.NaN, 0]), 2)).toBe(true);
});

describe('building', () => {
  const a = compare('eq', 1, 1);
  const b = compare('eq', 2, 2);

  test('constants are folded', () => {
    expect(and()).toEqual(alwaysTrue);
    expect(or()).toEqual(alwaysFalse);
    expect(and(a, alwaysTrue)).toBe(a);
    expect(and(a, alwaysFalse, b)).toEqual(alwaysFalse);
    expect(or(a, alwaysFalse)).toBe(a);
    expect(or(a, alwaysTrue, b)).toEqual(alwaysTrue);
    expect(not(alwaysTrue)).toEqual(alwaysFalse);
    expect(not(not(a))).toBe(a);
    expect(inSet('in', 1, [])).toEqual(alwaysFalse);
    expect(inSet('not-in', 1, [])).toEqual(alwaysTrue);
    expect(inSet('in', 1, [1])).toEqual(a);
    expect(inSet('not-in', 1, [1])).toEqual(compare('not-eq', 1, 1));
  });

  test('very many parts make a shallow tree, which is still evaluated', () => {
    const many = or(...Array.from({ length: 100_000 }, (_, i) => compare('eq', 1, i)));
    expect(depth(many)).toBeLessThan(20);
    expect(evaluateRow(many, () => 99_999)).toBe(true);
    expect(evaluateRow(rewriteNot(not(many)), () => -1)).toBe(true);
  });

  test('a prefix must be text', () => {
    expect(() => compare('starts-with', 1, 5)).toThrow(ValidationError);
  });
});

test('sorted values are found by binary search', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 20 })),
      fc.integer({ min: -1, max: 21 }),
      (values, value) => {
        const sorted = sortedValues(values);
        expect(sorted).toEqual(values.toSorted((x, y) => x - y));
        expect(lowerIndex(sorted, value)).toBe(values.filter(v => v < value).length);
      },
    ),
  );
});

test('as text', () => {
  const schema: Schema = {
    schemaId: 0,
    fields: [
      { ...column(1, { kind: 'long' }), name: 'id' },
      { ...column(2, { kind: 'date' }), name: 'day' },
      { ...column(3, { kind: 'string' }), name: 'word' },
      { ...column(4, { kind: 'decimal', precision: 9, scale: 2 }), name: 'price' },
      {
        ...column(5, { kind: 'struct', fields: [{ ...column(6, { kind: 'double' }), name: 'x' }] }),
        name: 's',
      },
    ],
    identifierFieldIds: [],
  };
  const text = (expr: Expr) => exprToString(expr, schema);
  expect(text(and(compare('eq', 1, 1n), compare('gt-eq', 2, 0)))).toBe("id = 1 AND day >= '1970-01-01'");
  expect(text(and(compare('lt', 4, 1050n), or(unary('is-null', 3), compare('not-eq', 3, "it's"))))).toBe(
    "price < 10.50 AND (word IS NULL OR word <> 'it''s')",
  );
  expect(text(not(or(unary('is-nan', 6), unary('not-null', 3))))).toBe(
    'NOT (isnan(s.x) OR word IS NOT NULL)',
  );
  expect(text(unary('not-nan', 6))).toBe('NOT isnan(s.x)');
  expect(text(compare('starts-with', 3, 'a'))).toBe("starts_with(word, 'a')");
  expect(text(compare('not-starts-with', 3, 'a'))).toBe("NOT starts_with(word, 'a')");
  expect(text(inSet('in', 1, [1n, 2n]))).toBe('id IN (1, 2)');
  expect(
    text(
      inSet(
        'not-in',
        1,
        Array.from({ length: 12 }, (_, i) => BigInt(i)),
      ),
    ),
  ).toBe('id NOT IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... 2 more)');
  expect(text(compare('eq', 99, 1))).toBe('#99 = 1');
});
