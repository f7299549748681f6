import {
  DuckDBArrayType,
  DuckDBDecimalType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import { UnsupportedError } from '../iceberg/errors.ts';
import { type Schema, typeToString } from '../iceberg/schema.ts';
import type { NestedField, SimpleKind, Type } from '../iceberg/types.ts';
import type { ColumnDescription, DuckDb } from './duckdb.ts';
import { quoteIdentifier } from './quote.ts';

const sqlOfKind: Readonly<Record<Exclude<SimpleKind, 'variant'>, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  timestamp_ns: 'TIMESTAMP_NS',
  // DuckDB has no nanoseconds with a time zone: moments are read to the microsecond.
  timestamptz_ns: 'TIMESTAMP WITH TIME ZONE',
  string: 'VARCHAR',
  uuid: 'UUID',
  binary: 'BLOB',
  // Has no values but null.
  unknown: 'VARCHAR',
  // Well-known binary.
  geometry: 'BLOB',
  geography: 'BLOB',
};

/**
 * The DuckDB type, as SQL text, in which a column of an Iceberg type is seen in queries. With `exact` it is that of rows
 * that are written again: DuckDB's own variants keep what JSON can't tell apart (dates, decimals, bytes).
 */
export function duckDbType(type: Type, exact = false): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'fixed':
      return 'BLOB';
    case 'struct':
      return `STRUCT(${type.fields
        .map(field => `${quoteIdentifier(field.name)} ${duckDbType(field.type, exact)}`)
        .join(', ')})`;
    case 'list':
      return `${duckDbType(type.element, exact)}[]`;
    case 'map':
      return `MAP(${duckDbType(type.key, exact)}, ${duckDbType(type.value, exact)})`;
    case 'variant':
      return exact ? 'VARIANT' : 'JSON';
    default:
      return sqlOfKind[type.kind];
  }
}

/** Whether a type, or anything in it, is such that `test` holds. */
export function someType(type: Type, test: (type: Type) => boolean): boolean {
  if (test(type)) return true;
  switch (type.kind) {
    case 'struct':
      return type.fields.some(field => someType(field.type, test));
    case 'list':
      return someType(type.element, test);
    case 'map':
      return someType(type.key, test) || someType(type.value, test);
    default:
      return false;
  }
}

/** Types that SQL has no name for. */
const icebergOnly: ReadonlySet<string> = new Set([
  'timestamptz_ns',
  'unknown',
  'variant',
  'geometry',
  'geography',
]);

/** The type as a column definition names it: in SQL, or in Iceberg's words where SQL's would mean another type. */
export function definedType(type: Type): string {
  return someType(type, ({ kind }) => icebergOnly.has(kind)) ? typeToString(type) : duckDbType(type);
}

/** Hands out provisional field ids for types made from SQL; the catalog assigns the real ones. */
export type NextId = () => number;

export function counter(start = 1): NextId {
  let next = start;
  return () => next++;
}

const kindOfId: Readonly<Partial<Record<DuckDBTypeId, Type>>> = {
  [DuckDBTypeId.BOOLEAN]: { kind: 'boolean' },
  [DuckDBTypeId.TINYINT]: { kind: 'int' },
  [DuckDBTypeId.SMALLINT]: { kind: 'int' },
  [DuckDBTypeId.INTEGER]: { kind: 'int' },
  [DuckDBTypeId.UTINYINT]: { kind: 'int' },
  [DuckDBTypeId.USMALLINT]: { kind: 'int' },
  [DuckDBTypeId.BIGINT]: { kind: 'long' },
  [DuckDBTypeId.UINTEGER]: { kind: 'long' },
  [DuckDBTypeId.UBIGINT]: { kind: 'decimal', precision: 20, scale: 0 },
  [DuckDBTypeId.HUGEINT]: { kind: 'decimal', precision: 38, scale: 0 },
  [DuckDBTypeId.FLOAT]: { kind: 'float' },
  [DuckDBTypeId.DOUBLE]: { kind: 'double' },
  [DuckDBTypeId.DATE]: { kind: 'date' },
  [DuckDBTypeId.TIME]: { kind: 'time' },
  [DuckDBTypeId.TIMESTAMP]: { kind: 'timestamp' },
  [DuckDBTypeId.TIMESTAMP_S]: { kind: 'timestamp' },
  [DuckDBTypeId.TIMESTAMP_MS]: { kind: 'timestamp' },
  [DuckDBTypeId.TIMESTAMP_NS]: { kind: 'timestamp_ns' },
  [DuckDBTypeId.TIMESTAMP_TZ]: { kind: 'timestamptz' },
  [DuckDBTypeId.VARCHAR]: { kind: 'string' },
  [DuckDBTypeId.ENUM]: { kind: 'string' },
  // An untyped NULL: the column is there, its values are all null.
  [DuckDBTypeId.SQLNULL]: { kind: 'string' },
  [DuckDBTypeId.UUID]: { kind: 'uuid' },
  [DuckDBTypeId.BLOB]: { kind: 'binary' },
  [DuckDBTypeId.VARIANT]: { kind: 'variant' },
  [DuckDBTypeId.GEOMETRY]: { kind: 'geometry' },
};

const castHints: Readonly<Partial<Record<DuckDBTypeId, string>>> = {
  [DuckDBTypeId.INTERVAL]: 'Store a number with its unit in the name, e.g. epoch(x) AS x_seconds.',
  [DuckDBTypeId.TIME_TZ]: 'Cast it to TIME, or to VARCHAR to keep the offset.',
  [DuckDBTypeId.TIME_NS]: 'Cast it to TIME (microseconds).',
  [DuckDBTypeId.UHUGEINT]: 'Cast it to DECIMAL(38,0), or to VARCHAR when values are larger.',
  [DuckDBTypeId.BIGNUM]: 'Cast it to DECIMAL(38,0), or to VARCHAR when values are larger.',
  [DuckDBTypeId.UNION]: 'Pick one member, or cast it to VARCHAR.',
  [DuckDBTypeId.BIT]: 'Cast it to VARCHAR or BLOB.',
};

/**
 * The Iceberg type for a DuckDB type, wide enough for all its values. Ids of nested fields come from `nextId`.
 * @throws UnsupportedError with a hint at a cast for types Iceberg has no equal of.
 */
export function icebergType(type: DuckDBType, path: string, nextId: NextId): Type {
  if (type instanceof DuckDBDecimalType) return { kind: 'decimal', precision: type.width, scale: type.scale };
  if (type instanceof DuckDBStructType) {
    return {
      kind: 'struct',
      fields: type.entryNames.map((name, index) =>
        optionalField(name, type.entryTypes[index]!, `${path}.${name}`, nextId),
      ),
    };
  }
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    const elementId = nextId();
    return {
      kind: 'list',
      elementId,
      elementRequired: false,
      element: icebergType(type.valueType, `${path}.element`, nextId),
    };
  }
  if (type instanceof DuckDBMapType) {
    const keyId = nextId();
    const valueId = nextId();
    return {
      kind: 'map',
      keyId,
      key: icebergType(type.keyType, `${path}.key`, nextId),
      valueId,
      valueRequired: false,
      value: icebergType(type.valueType, `${path}.value`, nextId),
    };
  }
  const simple = kindOfId[type.typeId];
  if (simple !== undefined) return simple;
  throw new UnsupportedError(
    `The column "${path}" has the type ${type}, which an Iceberg table can't store.`,
    {
      hint: castHints[type.typeId] ?? 'Cast it to a type that Iceberg has, for example VARCHAR.',
    },
  );
}

function optionalField(name: string, type: DuckDBType, path: string, nextId: NextId): NestedField {
  const id = nextId();
  return { id, name, required: false, type: icebergType(type, path, nextId) };
}

/** A schema with provisional ids for a query's columns, all optional. @throws UnsupportedError */
export function schemaOfColumns(columns: readonly ColumnDescription[]): Schema {
  const nextId = counter();
  return {
    schemaId: 0,
    fields: columns.map(column => optionalField(column.name, column.type, column.name, nextId)),
    identifierFieldIds: [],
  };
}

/**
 * The Iceberg type that a SQL type text means (`DECIMAL(10,2)`, `STRUCT(a INT)[]`, `TEXT`).
 * @throws SqlError when DuckDB doesn't know it, UnsupportedError when Iceberg has no equal.
 */
export async function resolveSqlType(
  duckdb: DuckDb,
  sqlType: string,
  path: string,
  nextId: NextId,
): Promise<Type> {
  const [column] = await duckdb.describe(`SELECT CAST(NULL AS ${sqlType}) AS v`);
  return icebergType(column!.type, path, nextId);
}

/** The type of a column as shown to people and on Arrow fields (`lakebook:type`). */
export function displayType(type: DuckDBType): string {
  if (type.alias !== undefined && type.alias !== '') return type.alias;
  return type.toString();
}
