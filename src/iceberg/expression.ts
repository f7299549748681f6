import { ValidationError } from './errors.ts';
import { fieldPath, findField, type Schema } from './schema.ts';
import type { Type, Value } from './types.ts';
import { compareForFilter, valueToHuman } from './value.ts';

export type UnaryOp = 'is-null' | 'not-null' | 'is-nan' | 'not-nan';
export type ComparisonOp =
  | 'eq'
  | 'not-eq'
  | 'lt'
  | 'lt-eq'
  | 'gt'
  | 'gt-eq'
  | 'starts-with'
  | 'not-starts-with';
export type SetOp = 'in' | 'not-in';

/**
 * A row filter. Columns are field ids of the table's current schema and values are in the column type's
 * in-memory form (see Value). SQL's three-valued logic: a comparison with a null column is not true.
 * `not-eq`, `not-in` and `not-starts-with` follow SQL here (null -> not true), so a planner may only prune less
 * than Iceberg's own Java expressions, never more. Floating point compares as in DuckDB: NaN equals NaN and is
 * larger than every number, -0 equals +0.
 */
export type Expr =
  | { readonly op: 'true' }
  | { readonly op: 'false' }
  | { readonly op: 'and' | 'or'; readonly left: Expr; readonly right: Expr }
  | { readonly op: 'not'; readonly child: Expr }
  | Predicate;

/** A test of one column. */
export type Predicate =
  | { readonly op: UnaryOp; readonly fieldId: number }
  | { readonly op: ComparisonOp; readonly fieldId: number; readonly value: Value }
  | { readonly op: SetOp; readonly fieldId: number; readonly values: readonly Value[] };

export const alwaysTrue: Expr = { op: 'true' };
export const alwaysFalse: Expr = { op: 'false' };

/** All of the expressions; true when there are none. Constants are folded. */
export function and(...parts: readonly Expr[]): Expr {
  if (parts.some(part => part.op === 'false')) return alwaysFalse;
  return balanced(
    'and',
    parts.filter(part => part.op !== 'true'),
    alwaysTrue,
  );
}

/** Any of the expressions; false when there are none. Constants are folded. */
export function or(...parts: readonly Expr[]): Expr {
  if (parts.some(part => part.op === 'true')) return alwaysTrue;
  return balanced(
    'or',
    parts.filter(part => part.op !== 'false'),
    alwaysFalse,
  );
}

/** A tree of logarithmic depth: evaluators recurse, and a filter may have very many parts. */
function balanced(op: 'and' | 'or', parts: readonly Expr[], empty: Expr): Expr {
  if (parts.length === 0) return empty;
  if (parts.length === 1) return parts[0]!;
  const middle = parts.length >> 1;
  return {
    op,
    left: balanced(op, parts.slice(0, middle), empty),
    right: balanced(op, parts.slice(middle), empty),
  };
}

export function not(child: Expr): Expr {
  if (child.op === 'true') return alwaysFalse;
  if (child.op === 'false') return alwaysTrue;
  return child.op === 'not' ? child.child : { op: 'not', child };
}

/** `is-null`, `not-null`, `is-nan` or `not-nan` of a column. */
export function unary(op: UnaryOp, fieldId: number): Expr {
  return { op, fieldId };
}

/** @throws ValidationError for starts-with of something that isn't a string. */
export function compare(op: ComparisonOp, fieldId: number, value: Value): Expr {
  if ((op === 'starts-with' || op === 'not-starts-with') && typeof value !== 'string') {
    throw new ValidationError(`The prefix of ${op} must be a string, not ${String(value)}.`);
  }
  return { op, fieldId, value };
}

/** `in` no value is never true, `not-in` no value always (also for null). */
export function inSet(op: SetOp, fieldId: number, values: readonly Value[]): Expr {
  if (values.length === 0) return op === 'in' ? alwaysFalse : alwaysTrue;
  if (values.length === 1) return { op: op === 'in' ? 'eq' : 'not-eq', fieldId, value: values[0]! };
  return { op, fieldId, values };
}

/** The test that is true where another one is false (and null where it is null). */
export const opposites = {
  'is-null': 'not-null',
  'not-null': 'is-null',
  'is-nan': 'not-nan',
  'not-nan': 'is-nan',
  eq: 'not-eq',
  'not-eq': 'eq',
  lt: 'gt-eq',
  'gt-eq': 'lt',
  gt: 'lt-eq',
  'lt-eq': 'gt',
  'starts-with': 'not-starts-with',
  'not-starts-with': 'starts-with',
  in: 'not-in',
  'not-in': 'in',
} as const;

const rewritten = new WeakMap<Expr, Expr>();

/**
 * The same filter without `not`. Exact in three-valued logic: each predicate's opposite is null where the
 * predicate is null, and De Morgan's laws hold with null.
 */
export function rewriteNot(expr: Expr): Expr {
  let result = rewritten.get(expr);
  if (result === undefined) {
    result = rewrite(expr, false);
    rewritten.set(expr, result);
  }
  return result;
}

function rewrite(expr: Expr, negate: boolean): Expr {
  switch (expr.op) {
    case 'true':
    case 'false':
      return (expr.op === 'true') !== negate ? alwaysTrue : alwaysFalse;
    case 'and':
    case 'or': {
      const left = rewrite(expr.left, negate);
      const right = rewrite(expr.right, negate);
      if (!negate && left === expr.left && right === expr.right) return expr;
      return (expr.op === 'and') !== negate ? and(left, right) : or(left, right);
    }
    case 'not':
      return rewrite(expr.child, !negate);
    default:
      return negate ? ({ ...expr, op: opposites[expr.op] } as Predicate) : expr;
  }
}

/** The ids of all columns the filter looks at. */
export function fieldIdsOf(expr: Expr): Set<number> {
  const ids = new Set<number>();
  const visit = (e: Expr): void => {
    switch (e.op) {
      case 'true':
      case 'false':
        break;
      case 'and':
      case 'or':
        visit(e.left);
        visit(e.right);
        break;
      case 'not':
        visit(e.child);
        break;
      default:
        ids.add(e.fieldId);
    }
  };
  visit(expr);
  return ids;
}

/** The filter's value for a row, null when it's unknown. Only `true` selects the row. */
export function evaluateRow(expr: Expr, get: (fieldId: number) => Value | null): boolean | null {
  switch (expr.op) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'not': {
      const child = evaluateRow(expr.child, get);
      return child === null ? null : !child;
    }
    case 'and': {
      const left = evaluateRow(expr.left, get);
      if (left === false) return false;
      const right = evaluateRow(expr.right, get);
      return right === false ? false : left === null ? null : right;
    }
    case 'or': {
      const left = evaluateRow(expr.left, get);
      if (left === true) return true;
      const right = evaluateRow(expr.right, get);
      return right === true ? true : left === null ? null : right;
    }
    default:
      return evaluatePredicate(expr, get(expr.fieldId));
  }
}

/** A predicate's value for a column's value. */
export function evaluatePredicate(predicate: Predicate, value: Value | null): boolean | null {
  if (value === null) {
    if (predicate.op === 'is-null') return true;
    return predicate.op === 'not-null' ? false : null;
  }
  switch (predicate.op) {
    case 'is-null':
      return false;
    case 'not-null':
      return true;
    case 'is-nan':
      return Number.isNaN(value);
    case 'not-nan':
      return !Number.isNaN(value);
    case 'eq':
      return compareForFilter(value, predicate.value) === 0;
    case 'not-eq':
      return compareForFilter(value, predicate.value) !== 0;
    case 'lt':
      return compareForFilter(value, predicate.value) < 0;
    case 'lt-eq':
      return compareForFilter(value, predicate.value) <= 0;
    case 'gt':
      return compareForFilter(value, predicate.value) > 0;
    case 'gt-eq':
      return compareForFilter(value, predicate.value) >= 0;
    case 'starts-with':
      return (value as string).startsWith(predicate.value as string);
    case 'not-starts-with':
      return !(value as string).startsWith(predicate.value as string);
    case 'in':
      return contains(predicate.values, value);
    case 'not-in':
      return !contains(predicate.values, value);
  }
}

const sorted = new WeakMap<readonly Value[], readonly Value[]>();

/** The values of a set predicate in the order of `compareForFilter`; sorted once for each array. */
export function sortedValues(values: readonly Value[]): readonly Value[] {
  let result = sorted.get(values);
  if (result === undefined) {
    result = values.toSorted(compareForFilter);
    sorted.set(values, result);
  }
  return result;
}

/** Index of the first of the sorted values that isn't less than `value`; their number when all are. */
export function lowerIndex(values: readonly Value[], value: Value): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareForFilter(values[middle]!, value) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function contains(values: readonly Value[], value: Value): boolean {
  const list = sortedValues(values);
  const found = list[lowerIndex(list, value)];
  return found !== undefined && compareForFilter(found, value) === 0;
}

const symbols = { eq: '=', 'not-eq': '<>', lt: '<', 'lt-eq': '<=', gt: '>', 'gt-eq': '>=' } as const;

/** The filter as SQL-like text for messages: `id = 1 AND day >= '2026-01-01'`. Long value lists are cut. */
export function exprToString(expr: Expr, schema: Schema): string {
  switch (expr.op) {
    case 'true':
    case 'false':
      return expr.op;
    case 'not':
      return `NOT ${operandText(expr.child, 'not', schema)}`;
    case 'and':
    case 'or':
      return `${operandText(expr.left, expr.op, schema)} ${expr.op.toUpperCase()} ${operandText(expr.right, expr.op, schema)}`;
    default:
      return predicateText(expr, schema);
  }
}

function operandText(expr: Expr, parent: 'and' | 'or' | 'not', schema: Schema): string {
  const text = exprToString(expr, schema);
  const compound = expr.op === 'and' || expr.op === 'or';
  return compound && expr.op !== parent ? `(${text})` : text;
}

function predicateText(predicate: Predicate, schema: Schema): string {
  const column = fieldPath(schema, predicate.fieldId) ?? `#${predicate.fieldId}`;
  const type = findField(schema, predicate.fieldId)?.type;
  switch (predicate.op) {
    case 'is-null':
      return `${column} IS NULL`;
    case 'not-null':
      return `${column} IS NOT NULL`;
    case 'is-nan':
      return `isnan(${column})`;
    case 'not-nan':
      return `NOT isnan(${column})`;
    case 'in':
    case 'not-in': {
      const shown = predicate.values.slice(0, 10).map(value => literalText(type, value));
      if (predicate.values.length > 10) shown.push(`... ${predicate.values.length - 10} more`);
      return `${column} ${predicate.op === 'in' ? 'IN' : 'NOT IN'} (${shown.join(', ')})`;
    }
    case 'starts-with':
      return `starts_with(${column}, ${literalText(type, predicate.value)})`;
    case 'not-starts-with':
      return `NOT starts_with(${column}, ${literalText(type, predicate.value)})`;
    default:
      return `${column} ${symbols[predicate.op]} ${literalText(type, predicate.value)}`;
  }
}

function literalText(type: Type | undefined, value: Value): string {
  const text = type === undefined ? String(value) : valueToHuman(type, value);
  const plain = typeof value === 'boolean' || typeof value === 'number' || type?.kind === 'decimal';
  if ((plain && type?.kind !== 'date') || type?.kind === 'long') return text;
  return `'${text.replaceAll("'", "''")}'`;
}
