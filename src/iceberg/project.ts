import {
  alwaysFalse,
  alwaysTrue,
  and,
  compare,
  type Expr,
  inSet,
  or,
  type Predicate,
  rewriteNot,
  unary,
} from './expression.ts';
import { type PartitionField, type PartitionSpec, sourceType } from './partition.ts';
import type { Schema } from './schema.ts';
import { applyTransform, canTransform, truncateString } from './transform.ts';
import type { Type, Value } from './types.ts';

/** What a predicate on a column says of a partition's values; both columns are partition field ids. */
export interface Projection {
  /** Selects every partition that has a row which the predicate selects, and maybe others. */
  readonly inclusive: Expr;
  /** Selects only partitions of whose rows the predicate selects all, and maybe not each of them. */
  readonly strict: Expr;
}

/** How many of a file's rows a predicate selects: all of them, none, or nobody knows. */
export type Coverage = 'all' | 'none' | 'some';

/**
 * The filter in terms of a spec's partition values (spec: "Scan Planning", inclusive projection): a row's match
 * implies its partition's match. `schema` is the one whose field ids and types the filter uses. Columns that
 * aren't in it, `void` and unknown transforms say nothing.
 */
export function projectInclusive(filter: Expr, spec: PartitionSpec, schema: Schema): Expr {
  return replacePredicates(filter, p => projectPredicate(p, spec, schema).inclusive);
}

/** The strict projection: a partition's match implies the match of each of its rows. */
export function projectStrict(filter: Expr, spec: PartitionSpec, schema: Schema): Expr {
  return replacePredicates(filter, p => projectPredicate(p, spec, schema).strict);
}

/** Both projections of one predicate onto all of the spec's fields that are made from its column. */
export function projectPredicate(predicate: Predicate, spec: PartitionSpec, schema: Schema): Projection {
  const parts = spec.fields
    .filter(field => field.sourceId === predicate.fieldId)
    .map(field => projectOnField(predicate, field, sourceType(field, schema)));
  return { inclusive: and(...parts.map(p => p.inclusive)), strict: or(...parts.map(p => p.strict)) };
}

/**
 * What is left of a filter for rows of which `coverage` is known by predicate. It has no `not` and selects the
 * same rows: `and` and `or` can't tell a predicate that is null from one that is false, so one that selects no
 * row becomes `false` whether it's false or null for them.
 */
export function residual(filter: Expr, coverage: (predicate: Predicate) => Coverage): Expr {
  return replacePredicates(filter, predicate => {
    const rows = coverage(predicate);
    return rows === 'all' ? alwaysTrue : rows === 'none' ? alwaysFalse : predicate;
  });
}

/** Predicates are those of `rewriteNot`. Operands of what is decided already aren't asked for. */
function replacePredicates(expr: Expr, replace: (predicate: Predicate) => Expr): Expr {
  switch (expr.op) {
    case 'true':
    case 'false':
      return expr;
    case 'not':
      return replacePredicates(rewriteNot(expr), replace);
    case 'and':
    case 'or': {
      const left = replacePredicates(expr.left, replace);
      if (left.op === (expr.op === 'and' ? 'false' : 'true')) return left;
      const right = replacePredicates(expr.right, replace);
      const constant =
        left.op === 'true' || left.op === 'false' || right.op === 'true' || right.op === 'false';
      if (!constant && left === expr.left && right === expr.right) return expr;
      return expr.op === 'and' ? and(left, right) : or(left, right);
    }
    default:
      return replace(expr);
  }
}

const nothing: Projection = { inclusive: alwaysTrue, strict: alwaysFalse };

function exactly(expr: Expr): Projection {
  return { inclusive: expr, strict: expr };
}

function projectOnField(predicate: Predicate, field: PartitionField, type: Type): Projection {
  const { transform, fieldId } = field;
  if (transform.kind === 'void' || transform.kind === 'other' || !canTransform(transform, type))
    return nothing;
  const same = exactly({ ...predicate, fieldId });
  // The day of a date is the date.
  if (transform.kind === 'identity' || (transform.kind === 'day' && type.kind === 'date')) return same;
  switch (predicate.op) {
    case 'is-null':
    case 'not-null':
      return same;
    case 'is-nan':
    case 'not-nan':
      return nothing;
    default:
      break;
  }
  const apply = (value: Value) => applyTransform(transform, type, value)!;
  if (transform.kind === 'bucket')
    return projectSet(predicate, fieldId, value => [apply(value)]) ?? notNull(fieldId);
  if (transform.kind !== 'truncate') return projectOrder(predicate, fieldId, timeImages(apply));
  if (type.kind === 'string' || type.kind === 'binary') {
    return projectPrefix(predicate, fieldId, transform.width, apply);
  }
  return projectOrder(predicate, fieldId, numberImages(apply, type));
}

/** A comparison doesn't select null, and only null has a null partition value. */
function notNull(fieldId: number): Projection {
  return { inclusive: unary('not-null', fieldId), strict: alwaysFalse };
}

/** The partition values that rows of one column value may have, ascending; more than one where writers differ. */
type Images = (value: Value) => readonly [Value, ...Value[]];

/** Predicates that ask whether a value is one of a set; undefined for the others. */
function projectSet(predicate: Predicate, fieldId: number, images: Images): Projection | undefined {
  switch (predicate.op) {
    case 'eq':
      return { inclusive: inSet('in', fieldId, images(predicate.value)), strict: alwaysFalse };
    case 'in':
      return {
        inclusive: inSet('in', fieldId, distinct(predicate.values.flatMap(images))),
        strict: alwaysFalse,
      };
    case 'not-eq':
      return { ...notNull(fieldId), strict: inSet('not-in', fieldId, images(predicate.value)) };
    case 'not-in':
      return {
        ...notNull(fieldId),
        strict: inSet('not-in', fieldId, distinct(predicate.values.flatMap(images))),
      };
    default:
      return undefined;
  }
}

function distinct(values: readonly Value[]): Value[] {
  return [...new Set(values)];
}

/**
 * Transforms that keep the order of values: of a smaller value neither the first nor the last image is larger.
 * So v <= x implies p <= last(x), and p > last(x) implies v > x; likewise with first(x) from above.
 */
function projectOrder(predicate: Predicate, fieldId: number, images: Images): Projection {
  const first = (value: Value) => images(value)[0];
  const last = (value: Value) => images(value).at(-1)!;
  switch (predicate.op) {
    case 'lt':
      return {
        inclusive: compare('lt-eq', fieldId, last(step(predicate.value, -1))),
        strict: compare('lt', fieldId, first(predicate.value)),
      };
    case 'lt-eq':
      return {
        inclusive: compare('lt-eq', fieldId, last(predicate.value)),
        strict: compare('lt', fieldId, first(step(predicate.value, 1))),
      };
    case 'gt':
      return {
        inclusive: compare('gt-eq', fieldId, first(step(predicate.value, 1))),
        strict: compare('gt', fieldId, last(predicate.value)),
      };
    case 'gt-eq':
      return {
        inclusive: compare('gt-eq', fieldId, first(predicate.value)),
        strict: compare('gt', fieldId, last(step(predicate.value, -1))),
      };
    default:
      return projectSet(predicate, fieldId, images) ?? notNull(fieldId);
  }
}

/** The next or previous whole number; texts and bytes have none and stay, which is only less exact. */
function step(value: Value, by: 1 | -1): Value {
  if (typeof value === 'number') return value + by;
  return typeof value === 'bigint' ? value + BigInt(by) : value;
}

/**
 * Years, months, days and hours since 1970. Writers of old rounded times before 1970 towards zero, so what is in
 * -1 may be found in 0 (Iceberg's Java library reads with the same allowance).
 */
function timeImages(apply: (value: Value) => Value): Images {
  return value => {
    const ordinal = apply(value) as number;
    return ordinal < 0 ? [ordinal, ordinal + 1] : [ordinal];
  };
}

/** A truncated int is never less than the least int; one of a column that became long since is the same still. */
function numberImages(apply: (value: Value) => Value, type: Type): Images {
  const least = -0x8000_0000n;
  return value => {
    const image = apply(value);
    const clamped = type.kind === 'long' && (image as bigint) < least && (value as bigint) >= least;
    return clamped ? [image, least] : [image];
  };
}

/** Strings and bytes cut to `width`: what is shorter than that wasn't cut. */
function projectPrefix(
  predicate: Predicate,
  fieldId: number,
  width: number,
  apply: (value: Value) => Value,
): Projection {
  const same = exactly({ ...predicate, fieldId });
  switch (predicate.op) {
    case 'starts-with':
    case 'not-starts-with': {
      if (isWithin(predicate.value, width)) return same;
      const start = apply(predicate.value);
      return predicate.op === 'starts-with'
        ? { inclusive: compare('eq', fieldId, start), strict: alwaysFalse }
        : { ...notNull(fieldId), strict: compare('not-eq', fieldId, start) };
    }
    case 'lt':
    case 'gt-eq':
      // Cut values begin at their cut: v < x just when p < x, also for an x of exactly that length.
      if (isWithin(predicate.value, width)) return same;
      break;
    case 'eq':
    case 'not-eq':
    case 'lt-eq':
    case 'gt':
      if (isWithin(predicate.value, width - 1)) return same;
      break;
    case 'in':
    case 'not-in':
      if (predicate.values.every(value => isWithin(value, width - 1))) return same;
      break;
    default:
      break;
  }
  return projectOrder(predicate, fieldId, value => [apply(value)]);
}

function isWithin(value: Value, length: number): boolean {
  if (value instanceof Uint8Array) return value.length <= length;
  return truncateString(value as string, length).length === (value as string).length;
}
