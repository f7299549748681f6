import { UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { asArray, asObject, asString, type JsonObject } from '../../iceberg/json.ts';
import type { TableMetadata } from '../../iceberg/metadata.ts';
import { tableMetadataFromJson } from '../../iceberg/metadata-json.ts';
import { asStringMap, optional } from '../../iceberg/snapshot-json.ts';
import type { CatalogProperties } from '../catalog-properties.ts';

/** Properties that are good for the files whose addresses begin with `prefix`. */
export interface StorageCredential {
  readonly prefix: string;
  readonly config: CatalogProperties;
}

/** How files are reached, as the answer to loading a table says it. */
export interface TableGrant {
  /** Properties of this table's own. */
  readonly config: CatalogProperties;
  readonly credentials: readonly StorageCredential[];
  /** What every request to sign has to carry along. */
  readonly signing?: {
    readonly properties: CatalogProperties;
    readonly headers: Readonly<Record<string, readonly string[]>>;
  };
}

/** `LoadTableResult` of the specification. */
export interface LoadTableResult {
  readonly metadata: TableMetadata;
  /** Absent for a table that is staged only. */
  readonly metadataLocation?: string;
  readonly grant: TableGrant;
}

/** @throws ValidationError, UnsupportedError for metadata that is newer than this version of Lakebook */
export function parseLoadTableResult(json: unknown): LoadTableResult {
  const object = asObject(json, 'The loaded table');
  const metadataLocation = optional(object, 'metadata-location', '', asString);
  const config = optional(object, 'config', '', asStringMap) ?? {};
  refuseServerPlanning(config);
  return {
    metadata: tableMetadataFromJson(object.metadata),
    ...(metadataLocation === undefined ? {} : { metadataLocation }),
    grant: {
      config,
      credentials: parseCredentials(object),
      ...signingOf(object),
    },
  };
}

/**
 * A server that wants to plan scans itself may hide rows or columns by it, so that reading the files would be wrong
 * (specification: `scan-planning-mode`).
 */
function refuseServerPlanning(config: CatalogProperties): void {
  if (config['scan-planning-mode']?.toLowerCase() !== 'server') return;
  throw new UnsupportedError('The catalog lets nobody but itself plan what is read of this table.', {
    hint: 'Ask for the right to read the whole table, or read it with an engine that lets the catalog plan.',
  });
}

/** `storage-credentials`, of a loaded table or of the answer to `GET .../credentials`. @throws ValidationError */
export function parseCredentials(json: unknown): StorageCredential[] {
  const list = optional(asObject(json, 'The credentials'), 'storage-credentials', '', asArray) ?? [];
  return list.map((item, index) => {
    const where = `storage-credentials[${index}]`;
    const object = asObject(item, where);
    return {
      prefix: asString(object.prefix, `${where}: prefix`),
      config: asStringMap(object.config, `${where}: config`),
    };
  });
}

function signingOf(object: JsonObject): Pick<TableGrant, 'signing'> {
  const signing = optional(object, 'remote-signing-config', '', asObject);
  if (signing === undefined) return {};
  const headers = optional(signing, 'headers', 'remote-signing-config: ', asObject) ?? {};
  return {
    signing: {
      properties: optional(signing, 'properties', 'remote-signing-config: ', asStringMap) ?? {},
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, values]) => [name, asArray(values, name).map(String)]),
      ),
    },
  };
}

/** @throws ValidationError when the server left out what a committed table must have */
export function requireLocation({ metadataLocation }: LoadTableResult): string {
  if (metadataLocation !== undefined) return metadataLocation;
  throw new ValidationError('The catalog answered without the address of the metadata file.', {
    hint: 'The server does not follow the REST catalog specification: look for a newer version of it.',
  });
}
