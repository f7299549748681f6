import { UnsupportedError, ValidationError } from './errors.ts';
import { asArray, asInteger, asObject, asString } from './json.ts';
import { parseSchema, type Schema } from './schema.ts';
import { asStringMap, optional } from './snapshot-json.ts';

/** A query as one dialect of SQL writes it. */
export interface SqlRepresentation {
  readonly sql: string;
  /** `duckdb`, `spark`, `trino`, ... */
  readonly dialect: string;
}

export interface ViewVersion {
  readonly versionId: number;
  readonly timestampMs: number;
  readonly schemaId: number;
  readonly summary: Readonly<Record<string, string>>;
  /** Representations of other kinds than SQL are left out. */
  readonly representations: readonly SqlRepresentation[];
  readonly defaultCatalog?: string;
  readonly defaultNamespace: readonly string[];
}

/** Metadata of a view (Iceberg's view specification, version 1). */
export interface ViewMetadata {
  readonly viewUuid: string;
  readonly formatVersion: 1;
  readonly location: string;
  readonly currentVersionId: number;
  readonly versions: readonly ViewVersion[];
  readonly schemas: readonly Schema[];
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * Reads view metadata from parsed JSON.
 * @throws ValidationError naming the place, UnsupportedError for a newer version of the format
 */
export function viewMetadataFromJson(json: unknown): ViewMetadata {
  const object = asObject(json, 'The view metadata');
  const formatVersion = asInteger(object['format-version'], 'format-version');
  if (formatVersion !== 1) {
    throw new UnsupportedError(`The view is of format version ${formatVersion}; Lakebook knows version 1.`);
  }
  return {
    viewUuid: asString(object['view-uuid'], 'view-uuid'),
    formatVersion,
    location: asString(object.location, 'location'),
    currentVersionId: asInteger(object['current-version-id'], 'current-version-id'),
    versions: asArray(object.versions, 'versions').map(parseVersion),
    schemas: asArray(object.schemas, 'schemas').map(parseSchema),
    properties: optional(object, 'properties', '', asStringMap) ?? {},
  };
}

function parseVersion(json: unknown, index: number): ViewVersion {
  const where = `versions[${index}]: `;
  const object = asObject(json, `versions[${index}]`);
  const defaultCatalog = optional(object, 'default-catalog', where, asString);
  return {
    versionId: asInteger(object['version-id'], `${where}version-id`),
    timestampMs: asInteger(object['timestamp-ms'], `${where}timestamp-ms`),
    schemaId: asInteger(object['schema-id'], `${where}schema-id`),
    summary: optional(object, 'summary', where, asStringMap) ?? {},
    representations: asArray(object.representations, `${where}representations`).flatMap(item => {
      const { type, sql, dialect } = asObject(item, `${where}representations`);
      return type === 'sql'
        ? [{ sql: asString(sql, `${where}sql`), dialect: asString(dialect, `${where}dialect`).toLowerCase() }]
        : [];
    }),
    ...(defaultCatalog === undefined ? {} : { defaultCatalog }),
    defaultNamespace: asArray(object['default-namespace'], `${where}default-namespace`).map(level =>
      asString(level, `${where}default-namespace`),
    ),
  };
}

/** The JSON form of a view's version, as metadata files and the REST catalog have it. */
export function viewVersionToJson(version: ViewVersion): Record<string, unknown> {
  return {
    'version-id': version.versionId,
    'timestamp-ms': version.timestampMs,
    'schema-id': version.schemaId,
    summary: version.summary,
    representations: version.representations.map(({ sql, dialect }) => ({ type: 'sql', sql, dialect })),
    'default-catalog': version.defaultCatalog,
    'default-namespace': version.defaultNamespace,
  };
}

/** @throws ValidationError when the metadata hasn't got it */
export function currentViewVersion(metadata: ViewMetadata): ViewVersion {
  const version = metadata.versions.find(each => each.versionId === metadata.currentVersionId);
  if (version !== undefined) return version;
  throw new ValidationError(`The view at ${metadata.location} has no version ${metadata.currentVersionId}.`);
}
