import { ValidationError } from './errors.ts';
import { childFields, fieldPath, type Schema } from './schema.ts';
import type { SortOrder } from './sort.ts';
import { truncateString } from './transform.ts';
import { isPrimitive, type NestedField, type Type, type Value } from './types.ts';

/** Which metrics of a column are kept in manifests; `length` in code points (string) or bytes (binary). */
export type MetricsMode =
  | { readonly kind: 'none' | 'counts' | 'full' }
  | { readonly kind: 'truncate'; readonly length: number };

const defaultMode: MetricsMode = { kind: 'truncate', length: 16 };
const defaultProperty = 'write.metadata.metrics.default';
const columnPrefix = 'write.metadata.metrics.column.';
const maxInferredProperty = 'write.metadata.metrics.max-inferred-column-defaults';

/** Reads `none`, `counts`, `truncate(16)` or `full`; `property` names its place in the error. */
export function parseMetricsMode(text: string, property: string): MetricsMode {
  const lower = text.trim().toLowerCase();
  if (lower === 'none' || lower === 'counts' || lower === 'full') return { kind: lower };
  const length = Number(/^truncate\((\d+)\)$/.exec(lower)?.[1]);
  if (length > 0) return { kind: 'truncate', length };
  throw new ValidationError(
    `The table property ${property} has the value "${text}", which is no metrics mode.`,
    {
      hint: 'Use none, counts, truncate(16) or full.',
    },
  );
}

/**
 * The metrics mode of each column by field id, from table properties: `write.metadata.metrics.column.<name>`,
 * `write.metadata.metrics.default`, else truncate(16) for the first 100
 * (`write.metadata.metrics.max-inferred-column-defaults`) columns and none for the rest. Columns the table is
 * sorted by have bounds unless the column's own property says otherwise.
 * @throws ValidationError for a value that is no metrics mode
 */
export function metricsModes(
  schema: Schema,
  properties: Readonly<Record<string, string>>,
  sortOrder?: SortOrder,
): (fieldId: number) => MetricsMode {
  const configured = properties[defaultProperty];
  const general = configured === undefined ? defaultMode : parseMetricsMode(configured, defaultProperty);
  const inferred = configured === undefined ? firstColumns(schema, maxInferred(properties)) : undefined;
  const sorted = new Set(
    sortOrder?.fields.filter(field => keepsOrder(field.transform.kind)).map(field => field.sourceId),
  );
  return fieldId => {
    const property = columnPrefix + fieldPath(schema, fieldId);
    const own = properties[property];
    if (own !== undefined) return parseMetricsMode(own, property);
    const mode: MetricsMode = inferred === undefined || inferred.has(fieldId) ? general : { kind: 'none' };
    const bounded = mode.kind === 'truncate' || mode.kind === 'full';
    return sorted.has(fieldId) && !bounded ? defaultMode : mode;
  };
}

function keepsOrder(transform: string): boolean {
  return transform !== 'bucket' && transform !== 'void' && transform !== 'other';
}

function maxInferred(properties: Readonly<Record<string, string>>): number {
  const text = properties[maxInferredProperty];
  if (text === undefined) return 100;
  if (/^\d+$/.test(text)) return Number(text);
  throw new ValidationError(
    `The table property ${maxInferredProperty} must be a whole number, not "${text}".`,
  );
}

/** Ids of the first `limit` columns with values: those of a level come before those nested in them. */
function firstColumns(schema: Schema, limit: number): Set<number> {
  const ids = new Set<number>();
  const visit = (fields: readonly NestedField[]): void => {
    for (const field of fields) {
      if (ids.size < limit && isPrimitive(field.type)) ids.add(field.id);
    }
    for (const field of fields) {
      if (ids.size < limit) visit(childFields(field.type));
    }
  };
  visit(schema.fields);
  return ids;
}

/** A lower bound of at most `length` code points or bytes; other types keep the value. */
export function truncateLower(type: Type, value: Value, length: number): Value {
  if (type.kind === 'string') return truncateString(value as string, length);
  if (type.kind === 'binary' || type.kind === 'fixed') return (value as Uint8Array).subarray(0, length);
  return value;
}

/**
 * An upper bound of at most `length` code points or bytes: the value itself when it's short enough, else the
 * least such text or bytes that is larger. Undefined when there is none. Other types keep the value.
 */
export function truncateUpper(type: Type, value: Value, length: number): Value | undefined {
  if (type.kind === 'string') return truncateStringUpper(value as string, length);
  if (type.kind === 'binary' || type.kind === 'fixed') return truncateBytesUpper(value as Uint8Array, length);
  return value;
}

function truncateStringUpper(value: string, length: number): string | undefined {
  const truncated = truncateString(value, length);
  if (truncated.length === value.length) return value;
  const points = Array.from(truncated, char => char.codePointAt(0)!);
  while (points.length > 0) {
    const next = nextCodePoint(points.pop()!);
    if (next !== undefined) return String.fromCodePoint(...points, next);
  }
  return undefined;
}

/** Surrogates aren't characters: U+D7FF is followed by U+E000. */
function nextCodePoint(point: number): number | undefined {
  if (point === 0x10ffff) return undefined;
  return point + 1 >= 0xd800 && point + 1 <= 0xdfff ? 0xe000 : point + 1;
}

function truncateBytesUpper(value: Uint8Array, length: number): Uint8Array | undefined {
  if (value.length <= length) return value;
  for (let end = length; end > 0; end--) {
    if (value[end - 1]! < 0xff) {
      const bytes = value.slice(0, end);
      bytes[end - 1]!++;
      return bytes;
    }
  }
  return undefined;
}
