import {
  DuckDBArrayType,
  type DuckDBArrayValue,
  DuckDBListType,
  type DuckDBListValue,
  DuckDBMapType,
  type DuckDBMapValue,
  DuckDBStructType,
  type DuckDBStructValue,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUnionType,
  type DuckDBUnionValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import { formatDate, formatTime, formatTimestamp } from '../iceberg/datetime.ts';
import type { ColumnDescription } from './duckdb.ts';
import type { RowSlice } from './result-set.ts';

/**
 * Rows as values that JSON holds without loss. Whole numbers are numbers up to 2^53 and text beyond, decimals are
 * text; NaN and infinities are text; dates and times are ISO 8601 (timestamps with zone in UTC, with `Z`); UUIDs,
 * enums and intervals are text; blobs lower-case hexadecimal; lists arrays; structs objects; maps objects when their
 * keys are text, else arrays of `{key, value}`; unions objects with the one member's name.
 */
export function jsonRows(columns: readonly ColumnDescription[], slices: readonly RowSlice[]): unknown[][] {
  const rows: unknown[][] = [];
  for (const { chunk, start, end } of slices) {
    const vectors = columns.map((_, index) => chunk.getColumnVector(index));
    for (let row = start; row < end; row++) {
      rows.push(columns.map((column, index) => jsonValue(column.type, vectors[index]!.getItem(row))));
    }
  }
  return rows;
}

/** One value, as `jsonRows` has it. */
export function jsonValue(type: DuckDBType, value: DuckDBValue): unknown {
  if (value === null) return null;
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    return (value as DuckDBListValue | DuckDBArrayValue).items.map(item => jsonValue(type.valueType, item));
  }
  if (type instanceof DuckDBStructType) {
    const { entries } = value as DuckDBStructValue;
    return Object.fromEntries(
      type.entryNames.map((name, index) => [name, jsonValue(type.entryTypes[index]!, entries[name] ?? null)]),
    );
  }
  if (type instanceof DuckDBMapType) return jsonMap(type, value as DuckDBMapValue);
  if (type instanceof DuckDBUnionType) {
    const { tag, value: member } = value as DuckDBUnionValue;
    return { [tag]: jsonValue(type.memberTypes[type.memberTags.indexOf(tag)]!, member) };
  }
  return jsonScalar(type.typeId, value);
}

function jsonMap(type: DuckDBMapType, value: DuckDBMapValue): unknown {
  const entries = value.entries.map(entry => ({
    key: jsonValue(type.keyType, entry.key),
    value: jsonValue(type.valueType, entry.value),
  }));
  if (type.keyType.typeId !== DuckDBTypeId.VARCHAR) return entries;
  return Object.fromEntries(entries.map(entry => [entry.key as string, entry.value]));
}

/** DuckDB's infinite dates and timestamps: the largest value and its negative. */
const infiniteDays = 0x7fff_ffff;
const infiniteUnits = 0x7fff_ffff_ffff_ffffn;

function jsonScalar(typeId: DuckDBTypeId, value: DuckDBValue): unknown {
  switch (typeId) {
    case DuckDBTypeId.DATE: {
      const { days } = value as { days: number } & object;
      return Math.abs(days) === infiniteDays ? infinite(days) : formatDate(days);
    }
    case DuckDBTypeId.TIME:
      return formatTime((value as { micros: bigint } & object).micros, 6, 'short');
    case DuckDBTypeId.TIMESTAMP:
      return timestamp((value as { micros: bigint } & object).micros, 1n, 6);
    case DuckDBTypeId.TIMESTAMP_TZ: {
      const text = timestamp((value as { micros: bigint } & object).micros, 1n, 6);
      return text.endsWith('infinity') ? text : `${text}Z`;
    }
    case DuckDBTypeId.TIMESTAMP_S:
      return timestamp((value as { seconds: bigint } & object).seconds, 1_000_000n, 6);
    case DuckDBTypeId.TIMESTAMP_MS:
      return timestamp((value as { millis: bigint } & object).millis, 1000n, 6);
    case DuckDBTypeId.TIMESTAMP_NS:
      return timestamp((value as { nanos: bigint } & object).nanos, 1n, 9);
    case DuckDBTypeId.BLOB:
      return Buffer.from((value as { bytes: Uint8Array } & object).bytes).toString('hex');
    default:
      return jsonPlain(value);
  }
}

function jsonPlain(value: DuckDBValue): unknown {
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
        ? Number(value)
        : String(value);
    default:
      return String(value);
  }
}

function timestamp(value: bigint, unit: bigint, digits: 6 | 9): string {
  if (value === infiniteUnits || value === -infiniteUnits) return infinite(value);
  return formatTimestamp(value * unit, digits, 'short');
}

function infinite(value: number | bigint): string {
  return value < 0 ? '-infinity' : 'infinity';
}
