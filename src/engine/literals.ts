import type { Type, Value } from '../iceberg/types.ts';
import { formatDecimal } from '../iceberg/value.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import { duckDbType } from './types.ts';

/** A value as a SQL expression of the column's type. */
export function literal(type: Type, value: Value | null): string {
  const sqlType = duckDbType(type);
  if (value === null) return `CAST(NULL AS ${sqlType})`;
  if (value instanceof Uint8Array) return `from_hex(${quoteString(Buffer.from(value).toString('hex'))})`;
  switch (type.kind) {
    case 'date':
      return `(DATE '1970-01-01' + ${Number(value)})`;
    case 'time':
      return `CAST(make_time(0, 0, 0) + to_microseconds(${value}) AS TIME)`;
    case 'timestamp':
      return `make_timestamp(${value})`;
    case 'timestamptz':
      return `CAST(make_timestamptz(${value}) AS ${sqlType})`;
    case 'timestamptz_ns':
      return `CAST(make_timestamptz(${(value as bigint) / 1000n}) AS ${sqlType})`;
    case 'timestamp_ns':
      return `make_timestamp_ns(${value})`;
    case 'decimal':
      return `CAST(${quoteString(formatDecimal(value as bigint, type.scale))} AS ${sqlType})`;
    case 'float':
    case 'double':
      return `CAST(${quoteString(floatText(value as number))} AS ${sqlType})`;
    default:
      return `CAST(${quoteString(String(value))} AS ${sqlType})`;
  }
}

/**
 * A default value in the spec's JSON single-value form (Appendix D) as a SQL expression; DuckDB's casts from text
 * take the same forms, except for bytes. Fields that a struct's value leaves out have their own default, the initial or
 * the write one (spec: "Default values").
 */
export function jsonLiteral(
  type: Type,
  value: unknown,
  of: 'initialDefault' | 'writeDefault' = 'writeDefault',
): string {
  const sqlType = duckDbType(type);
  if (value === null || value === undefined) return `CAST(NULL AS ${sqlType})`;
  const object = value as Readonly<Record<string, unknown>>;
  const list = (items: unknown, item: Type) =>
    `[${(items as readonly unknown[]).map(each => jsonLiteral(item, each, of)).join(', ')}]`;
  switch (type.kind) {
    case 'struct': {
      const fields = type.fields.map(
        field =>
          `${quoteIdentifier(field.name)} := ${jsonLiteral(field.type, object[String(field.id)] ?? field[of], of)}`,
      );
      return `CAST(struct_pack(${fields.join(', ')}) AS ${sqlType})`;
    }
    case 'list':
      return `CAST(${list(value, type.element)} AS ${sqlType})`;
    case 'map':
      return `CAST(MAP(${list(object.keys, type.key)}, ${list(object.values, type.value)}) AS ${sqlType})`;
    case 'binary':
    case 'fixed':
      return `from_hex(${quoteString(String(value))})`;
    default:
      return `CAST(${quoteString(String(value))} AS ${sqlType})`;
  }
}

function floatText(value: number): string {
  return Object.is(value, -0) ? '-0.0' : String(value);
}
