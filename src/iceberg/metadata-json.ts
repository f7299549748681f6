import { constants } from 'node:buffer';
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parseSchemas, parseSortOrders, parseSpecs, required } from './definitions-json.ts';
import { CorruptFileError, UnsupportedError, ValidationError } from './errors.ts';
import {
  asArray,
  asInteger,
  asLong,
  asObject,
  asString,
  type JsonObject,
  parseJson,
  stringifyJson,
  unknownFields,
} from './json.ts';
import { currentSchema, currentSpec, mainBranch, type SnapshotRef, type TableMetadata } from './metadata.ts';
import { type PartitionSpec, partitionIdStart, specFieldsToJson, specToJson } from './partition.ts';
import { highestFieldId, schemaToJson } from './schema.ts';
import {
  asStringMap,
  defined,
  optional,
  optionalSnapshotId,
  parseRef,
  parseSnapshot,
  refToJson,
  snapshotToJson,
} from './snapshot-json.ts';
import { sortOrderToJson } from './sort.ts';
import { asFormatVersion } from './table-checks.ts';

export { type NewTable, newTableMetadata } from './new-table.ts';

/**
 * Reads a metadata file's bytes, compressed with gzip or not. `location` names the file in errors.
 * @throws CorruptFileError for what isn't table metadata or contradicts itself
 * @throws UnsupportedError for a format version or a column type that is newer than this version of Lakebook
 */
export function parseTableMetadata(bytes: Uint8Array, location: string): TableMetadata {
  const text = metadataText(bytes, location);
  try {
    return tableMetadataFromJson(parseJson(text, 'table metadata'));
  } catch (error) {
    if (error instanceof UnsupportedError) {
      throw new UnsupportedError(`${location}: ${error.message}`, { hint: error.hint, cause: error });
    }
    if (!(error instanceof ValidationError)) throw error;
    const { position } = error;
    throw new CorruptFileError(location, error.message, {
      hint: 'Restore the file, or point the table at an earlier metadata file.',
      ...(position === undefined ? {} : { position, file: location }),
      cause: error,
    });
  }
}

/** What a compressed file of so many bytes may hold: well beyond what metadata compresses to. */
function mostText(size: number): number {
  return Math.min(constants.MAX_STRING_LENGTH, 64 * 1024 * 1024 + size * 200);
}

/** The text of a metadata file, which may be compressed. @throws CorruptFileError */
export function metadataText(bytes: Uint8Array, location: string): string {
  const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!zipped && isGzipName(location) && bytes[0] !== 0x7b) {
    throw new CorruptFileError(location, 'the file is named as gzip, but its content is something else.');
  }
  try {
    const plain = zipped ? gunzipSync(bytes, { maxOutputLength: mostText(bytes.length) }) : bytes;
    return new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CorruptFileError(location, `the text of the metadata file can't be decoded: ${why}`, { cause });
  }
}

/**
 * The bytes of a metadata file, compressed when its name says so (spec: "Naming for GZIP compressed Metadata
 * JSON files").
 */
export function encodeTableMetadata(metadata: TableMetadata, location: string): Uint8Array {
  const text = stringifyJson(tableMetadataToJson(metadata));
  return isGzipName(location) ? gzipSync(text) : new TextEncoder().encode(text);
}

function isGzipName(location: string): boolean {
  return /(\.gz\.metadata\.json|\.metadata\.json\.gz)$/.test(location);
}

const tableFields: ReadonlySet<string> = new Set([
  'format-version',
  'table-uuid',
  'location',
  'last-sequence-number',
  'last-updated-ms',
  'last-column-id',
  'schema',
  'schemas',
  'current-schema-id',
  'partition-spec',
  'partition-specs',
  'default-spec-id',
  'last-partition-id',
  'properties',
  'current-snapshot-id',
  'snapshots',
  'snapshot-log',
  'metadata-log',
  'sort-orders',
  'default-sort-order-id',
  'refs',
  'statistics',
  'partition-statistics',
  'next-row-id',
]);

/**
 * Reads table metadata from parsed JSON (`parseJson`), of a file or a REST catalog's answer.
 * @throws ValidationError naming the place, UnsupportedError for what is newer than this version of Lakebook
 */
export function tableMetadataFromJson(json: unknown): TableMetadata {
  const object = asObject(json, 'The table metadata');
  const formatVersion = asFormatVersion(asInteger(object['format-version'], 'format-version'));
  const location = asString(object.location, 'location');
  const uuid = optional(object, 'table-uuid', '', asString);
  if (uuid === undefined && formatVersion > 1) throw new ValidationError('table-uuid is missing.');
  const { schemas, currentSchemaId } = parseSchemas(object, formatVersion);
  const { partitionSpecs, defaultSpecId } = parseSpecs(object, formatVersion);
  const { sortOrders, defaultSortOrderId } = parseSortOrders(object, formatVersion);
  const lastPartitionId = required(object, 'last-partition-id', formatVersion, asInteger);
  const lastSequenceNumber =
    formatVersion === 1 ? 0 : asInteger(object['last-sequence-number'], 'last-sequence-number');
  const snapshots = list(object, 'snapshots', parseSnapshot);
  const currentSnapshotId = optionalSnapshotId(object, 'current-snapshot-id');
  const metadata: TableMetadata = {
    formatVersion,
    tableUuid: uuid ?? uuidOf(location),
    location,
    lastSequenceNumber,
    lastUpdatedMs: asInteger(object['last-updated-ms'], 'last-updated-ms'),
    // Some writers wrote numbers that are too low here. An id that is given out twice would mix up columns.
    lastColumnId: Math.max(
      asInteger(object['last-column-id'], 'last-column-id'),
      ...schemas.map(highestFieldId),
    ),
    schemas,
    currentSchemaId,
    partitionSpecs,
    defaultSpecId,
    lastPartitionId: Math.max(lastPartitionId ?? partitionIdStart, ...partitionSpecs.map(highestPartitionId)),
    sortOrders,
    defaultSortOrderId,
    properties: optional(object, 'properties', '', asStringMap) ?? {},
    snapshots,
    snapshotLog: list(object, 'snapshot-log', (item, where) => {
      const entry = asObject(item, where);
      return {
        snapshotId: asLong(entry['snapshot-id'], `${where}: snapshot-id`),
        timestampMs: asInteger(entry['timestamp-ms'], `${where}: timestamp-ms`),
      };
    }),
    metadataLog: list(object, 'metadata-log', (item, where) => {
      const entry = asObject(item, where);
      return {
        metadataFile: asString(entry['metadata-file'], `${where}: metadata-file`),
        timestampMs: asInteger(entry['timestamp-ms'], `${where}: timestamp-ms`),
      };
    }),
    refs: parseRefs(object, currentSnapshotId),
    statistics: list(object, 'statistics', parseStatistics),
    partitionStatistics: list(object, 'partition-statistics', parseStatistics),
    ...defined({
      currentSnapshotId,
      nextRowId: formatVersion < 3 ? undefined : asInteger(object['next-row-id'], 'next-row-id'),
      extra: unknownFields(object, tableFields),
    }),
  };
  checkSnapshots(metadata);
  return metadata;
}

function list<T>(object: JsonObject, name: string, read: (item: unknown, where: string) => T): T[] {
  const items = optional(object, name, '', asArray) ?? [];
  return items.map((item, index) => read(item, `${name}[${index}]`));
}

function highestPartitionId(spec: PartitionSpec): number {
  return Math.max(partitionIdStart, ...spec.fields.map(field => field.fieldId));
}

/** Before there were refs, the current snapshot was all that there is of the main branch. */
function parseRefs(object: JsonObject, currentSnapshotId: bigint | undefined): Record<string, SnapshotRef> {
  const named = Object.entries(optional(object, 'refs', '', asObject) ?? {});
  const refs = Object.fromEntries(named.map(([name, ref]) => [name, parseRef(ref, `Ref "${name}"`)]));
  if (currentSnapshotId === undefined || Object.hasOwn(refs, mainBranch)) return refs;
  return { [mainBranch]: { snapshotId: currentSnapshotId, type: 'branch' }, ...refs };
}

function parseStatistics(json: unknown, where: string): JsonObject {
  const object = asObject(json, where);
  asLong(object['snapshot-id'], `${where}: snapshot-id`);
  asString(object['statistics-path'], `${where}: statistics-path`);
  return object;
}

/** @throws ValidationError when snapshots, refs and sequence numbers contradict each other */
function checkSnapshots(metadata: TableMetadata): void {
  const ids = new Set<bigint>();
  for (const { snapshotId, sequenceNumber } of metadata.snapshots) {
    if (ids.has(snapshotId)) throw new ValidationError(`snapshots has the id ${snapshotId} twice.`);
    ids.add(snapshotId);
    if (sequenceNumber > metadata.lastSequenceNumber) {
      throw new ValidationError(
        `Snapshot ${snapshotId}: sequence-number is ${sequenceNumber}, but last-sequence-number is ${metadata.lastSequenceNumber}.`,
      );
    }
  }
  const { currentSnapshotId, refs } = metadata;
  if (currentSnapshotId !== undefined && !ids.has(currentSnapshotId)) {
    throw new ValidationError(
      `current-snapshot-id is ${currentSnapshotId}, which isn't among the snapshots.`,
    );
  }
  for (const [name, ref] of Object.entries(refs)) {
    if (!ids.has(ref.snapshotId)) {
      throw new ValidationError(`Ref "${name}": snapshot ${ref.snapshotId} isn't among the snapshots.`);
    }
  }
  const main = Object.hasOwn(refs, mainBranch) ? refs[mainBranch]!.snapshotId : undefined;
  if (main !== currentSnapshotId) {
    throw new ValidationError(
      `The branch ${mainBranch} is at snapshot ${main}, but current-snapshot-id is ${currentSnapshotId ?? 'missing'}.`,
    );
  }
}

/**
 * v1 tables of old have no UUID. Commits need one to tell that a table is still the same, so this is made of
 * what doesn't change (as a version 8 UUID), and the next commit writes it down.
 */
function uuidOf(location: string): string {
  const hash = createHash('sha256').update(location).digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The JSON form of table metadata in its format version; serialize it with `stringifyJson`. */
export function tableMetadataToJson(metadata: TableMetadata): Record<string, unknown> {
  const { formatVersion } = metadata;
  return {
    'format-version': formatVersion,
    'table-uuid': metadata.tableUuid,
    location: metadata.location,
    'last-sequence-number': formatVersion === 1 ? undefined : metadata.lastSequenceNumber,
    'last-updated-ms': metadata.lastUpdatedMs,
    'last-column-id': metadata.lastColumnId,
    // Old readers of v1 know no lists of schemas and specs.
    schema: formatVersion === 1 ? schemaToJson(currentSchema(metadata)) : undefined,
    'current-schema-id': metadata.currentSchemaId,
    schemas: metadata.schemas.map(schemaToJson),
    'partition-spec': formatVersion === 1 ? specFieldsToJson(currentSpec(metadata)) : undefined,
    'default-spec-id': metadata.defaultSpecId,
    'partition-specs': metadata.partitionSpecs.map(specToJson),
    'last-partition-id': metadata.lastPartitionId,
    'default-sort-order-id': metadata.defaultSortOrderId,
    'sort-orders': metadata.sortOrders.map(sortOrderToJson),
    properties: metadata.properties,
    'current-snapshot-id': metadata.currentSnapshotId,
    'next-row-id': formatVersion < 3 ? undefined : (metadata.nextRowId ?? 0),
    refs: Object.fromEntries(Object.entries(metadata.refs).map(([name, ref]) => [name, refToJson(ref)])),
    snapshots: metadata.snapshots.map(snapshot => snapshotToJson(snapshot, formatVersion)),
    statistics: metadata.statistics,
    'partition-statistics': metadata.partitionStatistics,
    'snapshot-log': metadata.snapshotLog.map(entry => ({
      'timestamp-ms': entry.timestampMs,
      'snapshot-id': entry.snapshotId,
    })),
    'metadata-log': metadata.metadataLog.map(entry => ({
      'timestamp-ms': entry.timestampMs,
      'metadata-file': entry.metadataFile,
    })),
    ...metadata.extra,
  };
}
