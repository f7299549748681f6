import { isUtf8 } from 'node:buffer';
import type { DataFile } from './datafile.ts';
import { ValidationError } from './errors.ts';
import {
  type Expr,
  evaluatePredicate,
  evaluateRow,
  lowerIndex,
  type Predicate,
  rewriteNot,
  sortedValues,
} from './expression.ts';
import type { PartitionFieldSummary } from './manifest-list.ts';
import type { Coverage } from './project.ts';
import { findField, isSingleValued, type Schema } from './schema.ts';
import { isFloating, isPrimitive, type StructType, type Type, type Value } from './types.ts';
import { compareForFilter, valueFromBytes } from './value.ts';

/**
 * What is known of a column's values in a file, or of a partition field's values in a manifest. Every value
 * belongs to one of three groups: nulls, NaNs and the rest, which alone the bounds speak of.
 */
interface ColumnFacts {
  readonly mayHaveNull: boolean;
  readonly mayHaveNan: boolean;
  /** Whether there may be values that are neither null nor NaN. */
  readonly mayHaveValue: boolean;
  /** No value is less; undefined: unknown. */
  readonly lower: Value | undefined;
  /** No value is larger; undefined: unknown. */
  readonly upper: Value | undefined;
}

/** What is known of the rows of a file, or of a part of one. */
export type FileMetrics = Pick<
  DataFile,
  'recordCount' | 'fileFormat' | 'nullValueCounts' | 'nanValueCounts' | 'lowerBounds' | 'upperBounds'
>;

/** Nothing is known. */
const noFacts: ColumnFacts = {
  mayHaveNull: true,
  mayHaveNan: true,
  mayHaveValue: true,
  lower: undefined,
  upper: undefined,
};

/**
 * Whether a file may have rows that the filter selects, by its record count and column metrics. False is
 * certain; true is not. Unknown or unreadable metrics never exclude a file.
 */
export function inclusiveMetrics(expr: Expr, schema: Schema, file: FileMetrics): boolean {
  if (file.recordCount === 0) return false;
  return mayMatch(rewriteNot(expr), predicate => fileFacts(predicate.fieldId, schema, file));
}

/**
 * Whether the filter certainly selects all rows of a file. Since a comparison doesn't select nulls, it needs a
 * null count of 0. Columns inside structs are never certain: a null struct may not be counted.
 */
export function strictMetrics(expr: Expr, schema: Schema, file: DataFile): boolean {
  if (file.recordCount === 0) return true;
  return mustMatch(rewriteNot(expr), predicate =>
    isNested(schema, predicate.fieldId) ? noFacts : fileFacts(predicate.fieldId, schema, file),
  );
}

/** How many of a file's rows one predicate selects, by the file's record count and column metrics. */
export function metricsCoverage(predicate: Predicate, schema: Schema, file: DataFile): Coverage {
  const facts = fileFacts(predicate.fieldId, schema, file);
  if (!mayMatch(predicate, () => facts)) return 'none';
  if (isNested(schema, predicate.fieldId)) return 'some';
  return mustMatch(predicate, () => facts) ? 'all' : 'some';
}

/**
 * Whether a partition may have rows that the filter selects. `projected` is the filter's inclusive projection
 * (project.ts) onto the spec, `values` the file's partition values in the order of `partitionType`'s fields.
 */
export function inclusivePartition(
  projected: Expr,
  partitionType: StructType,
  values: readonly (Value | null)[],
): boolean {
  return evaluateRow(projected, partitionGetter(partitionType, values)) === true;
}

/** Looks up partition values by partition field id; null for a field the spec hasn't. */
export function partitionGetter(
  partitionType: StructType,
  values: readonly (Value | null)[],
): (fieldId: number) => Value | null {
  return fieldId => values[partitionType.fields.findIndex(field => field.id === fieldId)] ?? null;
}

/**
 * Whether a manifest may have files that the projected filter selects, by the summaries of its partition
 * fields, given in the order of `partitionType`'s fields. Without summaries it may.
 */
export function manifestMightMatch(
  projected: Expr,
  partitionType: StructType,
  summaries: readonly PartitionFieldSummary[] | undefined,
): boolean {
  return mayMatch(rewriteNot(projected), predicate => {
    const index = partitionType.fields.findIndex(field => field.id === predicate.fieldId);
    const summary = summaries?.[index];
    return summary === undefined ? noFacts : summaryFacts(partitionType.fields[index]!.type, summary);
  });
}

function mayMatch(expr: Expr, factsOf: (predicate: Predicate) => ColumnFacts): boolean {
  switch (expr.op) {
    case 'true':
    case 'false':
      return expr.op === 'true';
    case 'and':
      return mayMatch(expr.left, factsOf) && mayMatch(expr.right, factsOf);
    case 'or':
      return mayMatch(expr.left, factsOf) || mayMatch(expr.right, factsOf);
    case 'not':
      return mayMatch(rewriteNot(expr), factsOf);
    default: {
      const facts = factsOf(expr);
      return (
        (facts.mayHaveNull && evaluatePredicate(expr, null) === true) ||
        (facts.mayHaveNan && selectsNan(expr)) ||
        (facts.mayHaveValue && evaluateRange(expr, facts.lower, facts.upper) !== 'none')
      );
    }
  }
}

function mustMatch(expr: Expr, factsOf: (predicate: Predicate) => ColumnFacts): boolean {
  switch (expr.op) {
    case 'true':
    case 'false':
      return expr.op === 'true';
    case 'and':
      return mustMatch(expr.left, factsOf) && mustMatch(expr.right, factsOf);
    case 'or':
      return mustMatch(expr.left, factsOf) || mustMatch(expr.right, factsOf);
    case 'not':
      return mustMatch(rewriteNot(expr), factsOf);
    default: {
      const facts = factsOf(expr);
      return (
        (!facts.mayHaveNull || evaluatePredicate(expr, null) === true) &&
        (!facts.mayHaveNan || selectsNan(expr)) &&
        (!facts.mayHaveValue || evaluateRange(expr, facts.lower, facts.upper) === 'all')
      );
    }
  }
}

/** What is compared with text or bytes is no column of numbers, though nothing may be known of it. */
function selectsNan(predicate: Predicate): boolean {
  const sample = 'values' in predicate ? predicate.values[0] : 'value' in predicate ? predicate.value : 0;
  return typeof sample === 'number' && evaluatePredicate(predicate, Number.NaN) === true;
}

const inverted: Readonly<Record<Coverage, Coverage>> = { all: 'none', none: 'all', some: 'some' };

/** How many of the values in [lower, upper], none of them null or NaN, the predicate selects. */
function evaluateRange(predicate: Predicate, lower: Value | undefined, upper: Value | undefined): Coverage {
  switch (predicate.op) {
    case 'is-null':
    case 'is-nan':
      return 'none';
    case 'not-null':
    case 'not-nan':
      return 'all';
    case 'eq':
      return anyOf([predicate.value], lower, upper);
    case 'not-eq':
      return inverted[anyOf([predicate.value], lower, upper)];
    case 'in':
      return anyOf(sortedValues(predicate.values), lower, upper);
    case 'not-in':
      return inverted[anyOf(sortedValues(predicate.values), lower, upper)];
    case 'lt':
      return below(predicate.value, false, lower, upper);
    case 'lt-eq':
      return below(predicate.value, true, lower, upper);
    case 'gt':
      return inverted[below(predicate.value, true, lower, upper)];
    case 'gt-eq':
      return inverted[below(predicate.value, false, lower, upper)];
    case 'starts-with':
      return prefixed(predicate.value, lower, upper);
    case 'not-starts-with':
      return inverted[prefixed(predicate.value, lower, upper)];
  }
}

/** x < value, or x <= value with `inclusive`. */
function below(
  value: Value,
  inclusive: boolean,
  lower: Value | undefined,
  upper: Value | undefined,
): Coverage {
  const selects = (bound: Value) => {
    const order = compareForFilter(bound, value);
    return order < 0 || (inclusive && order === 0);
  };
  if (upper !== undefined && selects(upper)) return 'all';
  return lower !== undefined && !selects(lower) ? 'none' : 'some';
}

/** x is one of the values, which are sorted. */
function anyOf(values: readonly Value[], lower: Value | undefined, upper: Value | undefined): Coverage {
  const candidate = lower === undefined ? values[0] : values[lowerIndex(values, lower)];
  // NaN is among no file's bounded values.
  if (candidate === undefined || Number.isNaN(candidate)) return 'none';
  if (upper !== undefined && compareForFilter(candidate, upper) > 0) return 'none';
  // The candidate is the least value that isn't below the lower bound.
  const single = lower !== undefined && upper !== undefined && compareForFilter(lower, upper) === 0;
  return single ? 'all' : 'some';
}

/** Strings with one prefix are an interval: between two of them there is no other. */
function prefixed(prefix: Value, lower: Value | undefined, upper: Value | undefined): Coverage {
  if (typeof prefix !== 'string') return 'some';
  const startsBefore = (bound: Value | undefined) =>
    bound !== undefined && !(bound as string).startsWith(prefix) && compareForFilter(bound, prefix) < 0;
  const startsAfter = (bound: Value | undefined) =>
    bound !== undefined && !(bound as string).startsWith(prefix) && compareForFilter(bound, prefix) > 0;
  if (startsBefore(upper) || startsAfter(lower)) return 'none';
  const has = (bound: Value | undefined) => bound !== undefined && (bound as string).startsWith(prefix);
  return has(lower) && has(upper) ? 'all' : 'some';
}

function fileFacts(fieldId: number, schema: Schema, file: FileMetrics): ColumnFacts {
  const field = findField(schema, fieldId);
  // Metrics of list elements and map entries count those, not rows.
  if (field === undefined || !isSingleValued(schema, fieldId) || !isPrimitive(field.type)) return noFacts;
  const { type } = field;
  const nulls = file.nullValueCounts?.get(fieldId);
  const nans = isFloating(type) ? file.nanValueCounts?.get(fieldId) : 0;
  return {
    // A struct that is null makes the fields in it null; only Parquet's counts are sure to include them.
    mayHaveNull: nulls !== 0 || (file.fileFormat !== 'PARQUET' && isNested(schema, fieldId)),
    mayHaveNan: nans !== 0,
    // A record count below 0 means unknown (tables that were migrated).
    mayHaveValue: file.recordCount < 0 || (nulls ?? 0) + (nans ?? 0) < file.recordCount,
    ...decodeBounds(type, file.lowerBounds?.get(fieldId), file.upperBounds?.get(fieldId)),
  };
}

function isNested(schema: Schema, fieldId: number): boolean {
  return !schema.fields.some(field => field.id === fieldId);
}

function summaryFacts(type: Type, summary: PartitionFieldSummary): ColumnFacts {
  const { containsNull, lowerBound, upperBound } = summary;
  const mayHaveNan = isFloating(type) && summary.containsNan !== false;
  return {
    mayHaveNull: containsNull,
    mayHaveNan,
    // Bounds are left out when all values are null or NaN (spec: field_summary).
    mayHaveValue:
      lowerBound !== undefined || upperBound !== undefined || !(containsNull || summary.containsNan),
    ...decodeBounds(type, lowerBound, upperBound),
  };
}

export interface Bounds {
  /** No value that isn't NaN is less; undefined: unknown. */
  readonly lower: Value | undefined;
  /** No value that isn't NaN is larger; undefined: unknown. */
  readonly upper: Value | undefined;
}

const unbounded: Bounds = { lower: undefined, upper: undefined };

/**
 * Reads bounds from their single-value binary form, in the order of `compareForFilter`. What can't be read or
 * trusted is undefined: damaged bounds cost pruning, not the query.
 */
export function decodeBounds(
  type: Type,
  lowerBytes: Uint8Array | undefined,
  upperBytes: Uint8Array | undefined,
): Bounds {
  const lower = decodeBound(type, lowerBytes);
  const upper = decodeBound(type, upperBytes);
  if (type.kind === 'uuid') return uuidBounds(lower as string | undefined, upper as string | undefined);
  if (lower === undefined || upper === undefined) return { lower, upper };
  return compareForFilter(lower, upper) > 0 ? unbounded : { lower, upper };
}

function decodeBound(type: Type, bytes: Uint8Array | undefined): Value | undefined {
  // The bounds of geometries are points, and the type of unknown values isn't known.
  if (bytes === undefined || unordered.has(type.kind)) return undefined;
  // A text cut within a character would be read as a larger one.
  if (type.kind === 'string' && !isUtf8(bytes)) return undefined;
  try {
    const value = valueFromBytes(type, bytes);
    // Some writers let NaN into bounds (spec: NaNs are not permitted), which then bound nothing.
    return Number.isNaN(value) ? undefined : value;
  } catch (error) {
    if (error instanceof ValidationError) return undefined;
    throw error;
  }
}

const unordered = new Set(['geometry', 'geography', 'variant', 'unknown', 'struct', 'list', 'map']);

/**
 * Older Iceberg libraries for Java order UUIDs as two signed 64-bit halves. Bounds of such a writer hold for
 * unsigned order as well if they're in order themselves and their second half is opened; one alone holds nothing.
 */
function uuidBounds(lower: string | undefined, upper: string | undefined): Bounds {
  if (lower === undefined || upper === undefined) return unbounded;
  const order = compareForFilter(lower, upper);
  if (order > 0) return unbounded;
  if (order === 0) return { lower, upper };
  return {
    lower: `${lower.slice(0, 18)}-0000-000000000000`,
    upper: `${upper.slice(0, 18)}-ffff-ffffffffffff`,
  };
}
