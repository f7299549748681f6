import { UnsupportedError, ValidationError } from '../iceberg/errors.ts';
import type { CatalogProperties } from './catalog-properties.ts';
import type { PyIcebergCatalog, PyIcebergValue } from './pyiceberg-config.ts';

/** A catalog of PyIceberg's configuration in the words of lakebook.json. */
export interface PyIcebergSettings {
  readonly catalogType: PyIcebergValue;
  readonly catalogUri: PyIcebergValue;
  readonly catalogName: PyIcebergValue;
  readonly warehouse?: PyIcebergValue;
  /** All others, which may be secrets. */
  readonly properties: CatalogProperties;
}

/** Catalogs that PyIceberg has and Lakebook doesn't. */
const others: Readonly<Record<string, string>> = {
  hive: "Hive's metastore",
  glue: "AWS Glue's catalog",
  dynamodb: 'a DynamoDB catalog',
  bigquery: "BigQuery's metastore",
  'in-memory': 'a catalog in memory, which ends with the process that made it',
};

/**
 * The settings of a catalog of type `sql` (on SQLite) or `rest`; the type is told by the address where it isn't given.
 * @param hasWarehouse whether lakebook.json or the environment names the warehouse
 * @throws UnsupportedError for catalogs of other kinds, ValidationError for properties that are missing or wrong
 */
export function pyIcebergSettings(catalog: PyIcebergCatalog, hasWarehouse = false): PyIcebergSettings {
  const { name, origin, at, properties } = catalog;
  const implementation = properties.get('py-catalog-impl');
  if (implementation !== undefined) {
    throw unsupported(implementation, 'A catalog of a Python class (py-catalog-impl)');
  }
  const uri = nonEmpty(properties.get('uri'));
  const given = nonEmpty(properties.get('type'));
  const type = given?.value.toLowerCase() ?? (uri === undefined ? undefined : typeOf(uri));
  if (type !== undefined && Object.hasOwn(others, type)) {
    throw unsupported(given ?? uri!, upperFirst(others[type]!));
  }
  if (type !== undefined && type !== 'sql' && type !== 'rest') {
    throw new ValidationError(`${given!.origin}: there is no catalog type "${given!.value}".`, {
      ...given!.at,
      hint: 'It can be sql or rest.',
    });
  }
  if (uri === undefined || type === undefined) {
    throw new ValidationError(`${origin} has no uri.`, {
      ...at,
      hint: 'Add one: the address of a REST catalog, or sqlite:////folder/catalog.db.',
    });
  }
  const warehouse = nonEmpty(properties.get('warehouse'));
  const source = given ?? uri;
  const catalogUri = type === 'rest' ? uri : sqliteUri(uri);
  if (type === 'sql' && warehouse === undefined && !hasWarehouse) throw missingWarehouse(catalog);
  return {
    catalogName: { value: name, origin, at },
    catalogType: { ...source, value: type === 'rest' ? 'rest' : 'sqlite' },
    catalogUri,
    ...(warehouse && { warehouse }),
    properties: othersOf(properties),
  };
}

/** As PyIceberg infers it. */
function typeOf(uri: PyIcebergValue): string {
  const { value, origin, at } = uri;
  if (value.startsWith('http')) return 'rest';
  if (value.startsWith('thrift')) return 'hive';
  if (value.startsWith('sqlite') || value.startsWith('postgresql')) return 'sql';
  throw new ValidationError(`${origin}: the address tells no type of catalog.`, {
    ...at,
    hint: 'Add "type: rest" or "type: sql" beside it.',
  });
}

/** The address of a SQLite file without what only SQLAlchemy knows. */
function sqliteUri(uri: PyIcebergValue): PyIcebergValue {
  const { value, origin, at } = uri;
  const scheme = /^([a-z]+)(\+\w+)?:/i.exec(value)?.[1]?.toLowerCase();
  if (scheme !== 'sqlite')
    throw unsupported(uri, `A SQL catalog on ${scheme ?? 'a database'} that isn't SQLite`);
  const file = value.replace(/\?.*$/s, '');
  if (!/^sqlite(\+\w+)?:\/\/\/(?!:memory:$)./i.test(file)) {
    throw new ValidationError(`${origin} names no file.`, {
      ...at,
      hint: 'Write sqlite:////folder/catalog.db, with four slashes before an absolute path.',
    });
  }
  return { ...uri, value: file };
}

/** The warehouse that a lake has by itself would be no place for the tables of a shared catalog. */
function missingWarehouse({ name, origin, at }: PyIcebergCatalog): ValidationError {
  return new ValidationError(`${origin} has no warehouse.`, {
    ...at,
    hint: `Add one, or write { "catalog": { "pyiceberg": "${name}" }, "warehouse": "..." } into lakebook.json.`,
  });
}

function othersOf(properties: PyIcebergCatalog['properties']): CatalogProperties {
  const own = ['type', 'uri', 'warehouse'];
  return Object.fromEntries(
    [...properties].filter(([key]) => !own.includes(key)).map(([key, { value }]) => [key, value]),
  );
}

/** A value that is there but empty is as good as none. */
function nonEmpty(value: PyIcebergValue | undefined): PyIcebergValue | undefined {
  return value === undefined || value.value.trim() === '' ? undefined : value;
}

function unsupported({ origin, at }: PyIcebergValue, what: string): UnsupportedError {
  return new UnsupportedError(`${origin}: ${what} can't be opened.`, {
    ...at,
    hint: 'Lakebook opens catalogs of type rest, and sql on SQLite. A lakebook.json in the folder says which lake to use.',
  });
}

function upperFirst(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
