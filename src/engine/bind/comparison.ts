import {
  alwaysFalse,
  alwaysTrue,
  and,
  compare,
  type Expr,
  opposites,
  unary,
} from '../../iceberg/expression.ts';
import type { NestedField, Type, Value } from '../../iceberg/types.ts';
import type { ConditionFilter } from './condition.ts';

export type Comparison = 'eq' | 'not-eq' | 'lt' | 'lt-eq' | 'gt' | 'gt-eq';

/** A constant expression's value, in terms of the column it is compared with. */
export interface Constant {
  readonly isNull: boolean;
  /** DuckDB's name of the expression's own type. */
  readonly sourceType: string;
  /** A text as written, or a text parameter: it takes the type of what it is compared with. */
  readonly isTextLiteral: boolean;
  /** The nearest value of the column's type; absent when there is none. */
  readonly value?: Value;
  /** How `value` compares with the expression's own value, as DuckDB compares the two; absent when it can't. */
  readonly order?: -1 | 0 | 1;
}

/** The comparison that is true where this one is false. */
export function opposite(op: Comparison): Comparison {
  return opposites[op];
}

const swaps: Readonly<Record<Comparison, Comparison>> = {
  eq: 'eq',
  'not-eq': 'not-eq',
  lt: 'gt',
  gt: 'lt',
  'lt-eq': 'gt-eq',
  'gt-eq': 'lt-eq',
};

/** The comparison with its sides exchanged. */
export function swapped(op: Comparison): Comparison {
  return swaps[op];
}

const unknown: ConditionFilter = { filter: alwaysTrue, exact: false };

/**
 * What `column <op> constant` says. The comparison is one of values of the column's type wherever DuckDB's own, in
 * the common type of both sides, comes to the same for every value of the column.
 */
export function comparisonFilter(
  field: NestedField,
  op: Comparison,
  constant: Constant,
  timeDependent: boolean,
): ConditionFilter {
  // A comparison with NULL is never true, and neither is its opposite.
  if (constant.isNull) return { filter: alwaysFalse, exact: true };
  const { value, order } = constant;
  if (value === undefined || order === undefined) return unknown;
  const relation = typeRelation(field.type, constant);
  if (relation === 'other') return unknown;
  if (timeDependent || relation === 'near') return nearFilter(field, op, value);
  const filter = order === 0 ? compare(op, field.id, value) : between(field.id, op, value, order);
  return { filter, exact: true };
}

/** `value` is the column type's neighbour of the constant, above (order 1) or below it (-1). */
function between(fieldId: number, op: Comparison, value: Value, order: -1 | 1): Expr {
  switch (op) {
    case 'eq':
      return alwaysFalse;
    case 'not-eq':
      return unary('not-null', fieldId);
    case 'gt':
    case 'gt-eq':
      return compare(order > 0 ? 'gt-eq' : 'gt', fieldId, value);
    default:
      return compare(order > 0 ? 'lt' : 'lt-eq', fieldId, value);
  }
}

/** The constant isn't known better than to two days: time goes on, or a time zone comes in. */
function nearFilter({ id, type }: NestedField, op: Comparison, value: Value): ConditionFilter {
  const margin = marginOf(type);
  if (margin === undefined || op === 'not-eq') return unknown;
  const from = compare('gt-eq', id, minus(value, margin));
  const to = compare('lt-eq', id, minus(value, -margin as typeof margin));
  switch (op) {
    case 'gt':
    case 'gt-eq':
      return { filter: from, exact: false };
    case 'lt':
    case 'lt-eq':
      return { filter: to, exact: false };
    default:
      return { filter: and(from, to), exact: false };
  }
}

const microsPerDay = 86_400_000_000n;

function marginOf(type: Type): number | bigint | undefined {
  switch (type.kind) {
    case 'date':
      return 2;
    case 'timestamp':
    case 'timestamptz':
      return 2n * microsPerDay;
    case 'timestamp_ns':
      return 2000n * microsPerDay;
    default:
      return undefined;
  }
}

function minus(value: Value, margin: number | bigint): Value {
  return typeof margin === 'bigint' ? (value as bigint) - margin : (value as number) - margin;
}

const wholeTypes = new Set([
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
]);

/**
 * How a comparison of the column with a constant of another type relates to one in the column's type: `same` for
 * every value of the column, `near` up to time zones, `other` when it isn't known.
 */
function typeRelation(type: Type, constant: Constant): 'same' | 'near' | 'other' {
  const { sourceType, isTextLiteral, value } = constant;
  const decimal = sourceType.startsWith('DECIMAL');
  const whole = wholeTypes.has(sourceType);
  if (isTextLiteral) return 'same';
  switch (type.kind) {
    case 'int':
    case 'long':
      if (whole || decimal) return 'same';
      // Compared as floating point: exact as long as neighbouring whole numbers differ there.
      if (sourceType === 'DOUBLE') return abs(value) < 2n ** 53n ? 'same' : 'other';
      return sourceType === 'FLOAT' && abs(value) < 2n ** 24n ? 'same' : 'other';
    case 'decimal':
      if (whole || decimal) return 'same';
      return sourceType === 'DOUBLE' && abs(value) < 10n ** 15n && type.scale <= 15 ? 'same' : 'other';
    case 'float':
    case 'double':
      return whole || decimal || sourceType === 'FLOAT' || sourceType === 'DOUBLE' ? 'same' : 'other';
    case 'boolean':
      return sourceType === 'BOOLEAN' ? 'same' : 'other';
    case 'date':
      if (sourceType === 'DATE' || plainTimestamps.has(sourceType)) return 'same';
      return sourceType === zoned ? 'near' : 'other';
    case 'timestamp':
      if (sourceType === 'DATE' || plainTimestamps.has(sourceType)) return 'same';
      return sourceType === zoned ? 'near' : 'other';
    case 'timestamptz':
      return sourceType === zoned || sourceType === 'DATE' || sourceType === 'TIMESTAMP' ? 'same' : 'other';
    case 'timestamp_ns':
      return sourceType === 'TIMESTAMP_NS' ? 'same' : 'other';
    case 'time':
      return sourceType === 'TIME' ? 'same' : 'other';
    case 'string':
      return sourceType === 'VARCHAR' ? 'same' : 'other';
    case 'uuid':
      return sourceType === 'UUID' ? 'same' : 'other';
    case 'binary':
    case 'fixed':
      return sourceType === 'BLOB' ? 'same' : 'other';
    default:
      return 'other';
  }
}

const zoned = 'TIMESTAMP WITH TIME ZONE';
const plainTimestamps = new Set(['TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS']);

function abs(value: Value | undefined): bigint {
  const whole = typeof value === 'bigint' ? value : BigInt(Math.trunc(Number(value)));
  return whole < 0n ? -whole : whole;
}
