import type { DuckDBMapValue, DuckDBValue } from '@duckdb/node-api';
import type { DataFile } from '../iceberg/datafile.ts';
import { type MetricsMode, metricsModes, truncateLower, truncateUpper } from '../iceberg/metrics.ts';
import type { Schema } from '../iceberg/schema.ts';
import type { SortOrder } from '../iceberg/sort.ts';
import type { PrimitiveType, Type, Value } from '../iceberg/types.ts';
import { valueToBytes } from '../iceberg/value.ts';
import { quoteIdentifier } from './quote.ts';
import { statisticsValue } from './stats-text.ts';

/** A primitive column of a data file, at any depth. */
export interface Leaf {
  readonly id: number;
  readonly type: PrimitiveType;
  /** Dotted name, for messages. */
  readonly path: string;
  /** The name under which COPY's statistics have it: `"s"."y"."element"`. */
  readonly statisticsPath: string;
  /** SQL that reads it from a row; absent inside lists and maps, where a row has many. */
  readonly sql?: string;
}

/** All primitive columns of a schema, in the order of their fields. */
export function leaves(schema: Schema): Leaf[] {
  return schema.fields.flatMap(field =>
    leavesOf(field.type, {
      id: field.id,
      path: field.name,
      statisticsPath: quoteIdentifier(field.name),
      sql: quoteIdentifier(field.name),
    }),
  );
}

function leavesOf(type: Type, at: Omit<Leaf, 'type'>): Leaf[] {
  const below = (id: number, name: string, sql: string | undefined) => ({
    id,
    path: `${at.path}.${name}`,
    statisticsPath: `${at.statisticsPath}.${quoteIdentifier(name)}`,
    sql,
  });
  switch (type.kind) {
    case 'struct':
      return type.fields.flatMap(field => {
        const sql = at.sql === undefined ? undefined : `${at.sql}.${quoteIdentifier(field.name)}`;
        return leavesOf(field.type, below(field.id, field.name, sql));
      });
    case 'list':
      return leavesOf(type.element, below(type.elementId, 'element', undefined));
    case 'map':
      return [
        ...leavesOf(type.key, below(type.keyId, 'key', undefined)),
        ...leavesOf(type.value, below(type.valueId, 'value', undefined)),
      ];
    default:
      return [{ ...at, type }];
  }
}

/** What COPY's RETURN_STATS says of one leaf column of one file; bounds as text. */
export interface ColumnStatistics {
  readonly columnSize?: number;
  readonly valueCount?: number;
  readonly nullCount?: number;
  readonly hasNan?: boolean;
  readonly min?: string;
  readonly max?: string;
}

/** The `column_statistics` value of a RETURN_STATS row, by statistics path. */
export function parseColumnStatistics(value: DuckDBValue): Map<string, ColumnStatistics> {
  const columns = new Map<string, ColumnStatistics>();
  for (const column of (value as DuckDBMapValue).entries) {
    const entries = new Map(
      (column.value as DuckDBMapValue).entries.map(entry => [String(entry.key), String(entry.value)]),
    );
    const number = (name: string) => (entries.has(name) ? Number(entries.get(name)) : undefined);
    columns.set(String(column.key), {
      columnSize: number('column_size_bytes'),
      valueCount: number('num_values'),
      nullCount: number('null_count'),
      ...(entries.has('has_nan') ? { hasNan: entries.get('has_nan') === 'true' } : {}),
      min: entries.get('min'),
      max: entries.get('max'),
    });
  }
  return columns;
}

export type FileMetrics = Pick<
  DataFile,
  'columnSizes' | 'valueCounts' | 'nullValueCounts' | 'nanValueCounts' | 'lowerBounds' | 'upperBounds'
>;

/**
 * A file's metrics for the manifest, from its column statistics. Value and null counts of columns inside lists and
 * maps are Parquet's, which count an empty or null list as one null; such columns have no bounds (as in Iceberg's
 * Java library). `nanCounts` has the columns whose NaNs were counted, by field id.
 * @throws ValidationError for values outside of what Iceberg types hold
 */
export function fileMetrics(
  schema: Schema,
  sortOrder: SortOrder,
  properties: Readonly<Record<string, string>>,
  statistics: ReadonlyMap<string, ColumnStatistics>,
  nanCounts: ReadonlyMap<number, number>,
): FileMetrics {
  const modes = metricsModes(schema, properties, sortOrder);
  const metrics = {
    columnSizes: new Map<number, number>(),
    valueCounts: new Map<number, number>(),
    nullValueCounts: new Map<number, number>(),
    nanValueCounts: new Map<number, number>(),
    lowerBounds: new Map<number, Uint8Array>(),
    upperBounds: new Map<number, Uint8Array>(),
  };
  for (const leaf of leaves(schema)) {
    const column = statistics.get(leaf.statisticsPath);
    if (column === undefined) continue;
    // Parsed whatever the mode: it finds values that must not be in the table.
    const lower = bound(leaf, column.min);
    const upper = bound(leaf, column.max);
    const mode = modes(leaf.id);
    if (mode.kind === 'none') continue;
    setIfKnown(metrics.columnSizes, leaf.id, column.columnSize);
    setIfKnown(metrics.valueCounts, leaf.id, column.valueCount);
    setIfKnown(metrics.nullValueCounts, leaf.id, column.nullCount);
    setIfKnown(metrics.nanValueCounts, leaf.id, nanCount(leaf, column, nanCounts));
    if (mode.kind === 'counts' || leaf.sql === undefined) continue;
    setBounds(metrics, leaf, signedZero(lower, -0), signedZero(upper, 0), mode);
  }
  return metrics;
}

function setIfKnown<T>(map: Map<number, T>, id: number, value: T | undefined): void {
  if (value !== undefined) map.set(id, value);
}

function bound(leaf: Leaf, text: string | undefined): Value | undefined {
  return text === undefined ? undefined : statisticsValue(leaf.type, text, leaf.path);
}

/** DuckDB holds -0.0 and 0.0 for equal; Iceberg orders them, so a zero bound is taken at its outer side. */
function signedZero(value: Value | undefined, zero: number): Value | undefined {
  return value === 0 ? zero : value;
}

function nanCount(
  leaf: Leaf,
  column: ColumnStatistics,
  nanCounts: ReadonlyMap<number, number>,
): number | undefined {
  if (leaf.type.kind !== 'float' && leaf.type.kind !== 'double') return undefined;
  if (column.hasNan === false) return 0;
  return nanCounts.get(leaf.id);
}

function setBounds(
  metrics: { lowerBounds: Map<number, Uint8Array>; upperBounds: Map<number, Uint8Array> },
  leaf: Leaf,
  lower: Value | undefined,
  upper: Value | undefined,
  mode: MetricsMode,
): void {
  const length = mode.kind === 'truncate' ? mode.length : undefined;
  const low = lower === undefined || length === undefined ? lower : truncateLower(leaf.type, lower, length);
  const high = upper === undefined || length === undefined ? upper : truncateUpper(leaf.type, upper, length);
  if (low !== undefined) metrics.lowerBounds.set(leaf.id, valueToBytes(leaf.type, low));
  if (high !== undefined) metrics.upperBounds.set(leaf.id, valueToBytes(leaf.type, high));
}
