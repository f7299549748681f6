import { UnsupportedError } from '../iceberg/errors.ts';
import type { Schema } from '../iceberg/schema.ts';
import type { NestedField, Type } from '../iceberg/types.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import { duckDbType, someType } from './types.ts';

/*
 * Some types look otherwise in queries than in data files: a variant is JSON and a geometry bytes to a query, moments
 * of nanoseconds have microseconds there, and columns of the type unknown are in no file at all.
 */

/** Coordinates on the globe, in degrees: what a geometry without parameters has, in Iceberg and in Parquet. */
const defaultCrs = 'OGC:CRS84';

/** The columns that data files have, as the schema names them. @throws UnsupportedError for types that can't be written */
export function storedSchema(schema: Schema): Schema {
  return { ...schema, fields: storedFields(schema.fields, '') };
}

function storedFields(fields: readonly NestedField[], inside: string): NestedField[] {
  return fields
    .filter(field => field.type.kind !== 'unknown')
    .map(field => ({ ...field, type: storedType(field.type, `${inside}${field.name}`) }));
}

function storedType(type: Type, path: string): Type {
  switch (type.kind) {
    case 'struct': {
      const fields = storedFields(type.fields, `${path}.`);
      if (fields.length === 0)
        throw unwritable(path, 'is a struct of nothing but fields of the type unknown');
      return { ...type, fields };
    }
    case 'list':
      return { ...type, element: storedType(type.element, `${path}.element`) };
    case 'map':
      return {
        ...type,
        key: storedType(type.key, `${path}.key`),
        value: storedType(type.value, `${path}.value`),
      };
    case 'unknown':
      throw unwritable(path, 'has the type unknown');
    case 'geography':
      throw unwritable(path, 'has the type geography');
    case 'geometry': {
      const crs = type.parameters?.trim() ?? defaultCrs;
      if (crs !== defaultCrs) throw unwritable(path, `has the coordinate system ${crs}`);
      return type;
    }
    default:
      return type;
  }
}

function unwritable(path: string, why: string): UnsupportedError {
  return new UnsupportedError(`Rows can't be written to this table: its column "${path}" ${why}.`, {
    hint: 'Reading and deleting rows works; to add or change some, use a tool that writes the type.',
  });
}

/** Whether values are the same in queries and in data files. */
function isStoredAsSeen(type: Type): boolean {
  return !someType(
    type,
    ({ kind }) =>
      kind === 'variant' || kind === 'geometry' || kind === 'timestamptz_ns' || kind === 'unknown',
  );
}

/**
 * SQL for the value that goes into a data file. `value` has the type that queries see, of which a variant may also be
 * one of DuckDB's own.
 */
export function storedSql(value: string, type: Type, depth = 0): string {
  if (isStoredAsSeen(type)) return value;
  const item = `item${depth}`;
  switch (type.kind) {
    case 'struct': {
      const fields = type.fields
        .filter(field => field.type.kind !== 'unknown')
        .map(field => {
          const part = `struct_extract(${value}, ${quoteString(field.name)})`;
          return `${quoteIdentifier(field.name)} := ${storedSql(part, field.type, depth)}`;
        });
      return `CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
    }
    case 'list':
      return `list_transform(${value}, lambda ${item}: ${storedSql(item, type.element, depth + 1)})`;
    case 'map': {
      const key = storedSql(`${item}.key`, type.key, depth + 1);
      const part = storedSql(`${item}.value`, type.value, depth + 1);
      const entries = `list_transform(map_entries(${value}), lambda ${item}: struct_pack(key := ${key}, value := ${part}))`;
      return `CASE WHEN ${value} IS NULL THEN NULL ELSE map_from_entries(${entries}) END`;
    }
    case 'variant':
      return `CASE WHEN ${value} IS NOT NULL THEN variant_to_parquet_variant(CAST(${value} AS VARIANT)) END`;
    case 'geometry':
      return `st_geomfromwkb(${value})`;
    default:
      return `make_timestamp_ns(epoch_us(${value}) * 1000)`;
  }
}

/**
 * A value of a query as the column's type. `from` is the value's own DuckDB type: what isn't text goes into a variant
 * as it is and not by way of JSON, which knows no dates and decimals.
 */
export function castSql(value: string, field: NestedField, from: string | undefined): string {
  const { type } = field;
  const isText = from === undefined || from === 'VARCHAR' || from === 'JSON';
  const keeps = type.kind === 'variant' ? !isText : from?.includes('VARIANT') === true;
  const cast = `CAST(${value} AS ${duckDbType(type, keeps)})`;
  if (type.kind !== 'fixed') return storedSql(cast, type);
  const message = quoteString(`A value of the column "${field.name}" isn't ${type.length} bytes long.`);
  return `CASE WHEN octet_length(${cast}) <> ${type.length} THEN error(${message}) ELSE ${cast} END`;
}

/** A value that queries see, as rows that are written again have it. */
export function exactSql(value: string, type: Type): string {
  const hasVariants = someType(type, ({ kind }) => kind === 'variant');
  return hasVariants ? `CAST(${value} AS ${duckDbType(type, true)})` : value;
}

/** A condition that fails for values in columns of the type unknown, which can have none; undefined without such. */
export function unknownsAreNull(
  columns: readonly { readonly field: NestedField; readonly value: string }[],
): string | undefined {
  const checks = columns
    .filter(({ field }) => field.type.kind === 'unknown')
    .map(({ field, value }) => {
      const message = quoteString(
        `The column "${field.name}" has the type unknown, so its values can only be NULL.`,
      );
      return `CASE WHEN ${value} IS NOT NULL THEN error(${message}) ELSE true END`;
    });
  return checks.length === 0 ? undefined : checks.join(' AND ');
}
