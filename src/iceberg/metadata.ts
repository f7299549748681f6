import { randomUUID } from 'node:crypto';
import { NotFoundError, ValidationError } from './errors.ts';
import type { PartitionSpec } from './partition.ts';
import { propertyNames } from './properties.ts';
import type { Schema } from './schema.ts';
import type { SortOrder } from './sort.ts';

export interface Snapshot {
  readonly snapshotId: bigint;
  readonly parentSnapshotId?: bigint;
  readonly sequenceNumber: number;
  readonly timestampMs: number;
  /** Address of the manifest list; absent in old v1 snapshots that list `manifests` instead. */
  readonly manifestList?: string;
  readonly manifests?: readonly string[];
  readonly operation: 'append' | 'replace' | 'overwrite' | 'delete';
  readonly summary: Readonly<Record<string, string>>;
  readonly schemaId?: number;
  readonly firstRowId?: number;
  readonly addedRows?: number;
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface SnapshotRef {
  readonly snapshotId: bigint;
  readonly type: 'branch' | 'tag';
  readonly minSnapshotsToKeep?: number;
  readonly maxSnapshotAgeMs?: number;
  readonly maxRefAgeMs?: number;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Table metadata (spec: "Table Metadata Fields"). Fields this version doesn't know are kept in `extra`. */
export interface TableMetadata {
  readonly formatVersion: 1 | 2 | 3;
  readonly tableUuid: string;
  readonly location: string;
  readonly lastSequenceNumber: number;
  readonly lastUpdatedMs: number;
  readonly lastColumnId: number;
  readonly schemas: readonly Schema[];
  readonly currentSchemaId: number;
  readonly partitionSpecs: readonly PartitionSpec[];
  readonly defaultSpecId: number;
  readonly lastPartitionId: number;
  readonly sortOrders: readonly SortOrder[];
  readonly defaultSortOrderId: number;
  readonly properties: Readonly<Record<string, string>>;
  /** Absent when the table has no snapshot. */
  readonly currentSnapshotId?: bigint;
  readonly snapshots: readonly Snapshot[];
  readonly snapshotLog: readonly { readonly snapshotId: bigint; readonly timestampMs: number }[];
  readonly metadataLog: readonly { readonly metadataFile: string; readonly timestampMs: number }[];
  readonly refs: Readonly<Record<string, SnapshotRef>>;
  /** Statistics entries, as read (JSON with bigints for long values). */
  readonly statistics: readonly Readonly<Record<string, unknown>>[];
  readonly partitionStatistics: readonly Readonly<Record<string, unknown>>[];
  readonly nextRowId?: number;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** The branch that is the table's state unless another one is asked for. */
export const mainBranch = 'main';

/** @throws ValidationError when the metadata has no schema of its current schema id. */
export function currentSchema(metadata: TableMetadata): Schema {
  return schemaById(metadata, metadata.currentSchemaId);
}

/** @throws ValidationError when the table has no such schema. */
export function schemaById(metadata: TableMetadata, schemaId: number): Schema {
  const schema = metadata.schemas.find(s => s.schemaId === schemaId);
  if (schema !== undefined) return schema;
  throw new ValidationError(
    `The table at ${metadata.location} has no schema ${schemaId}: it has ${list(metadata.schemas.map(s => s.schemaId))}.`,
  );
}

/** The spec new data is partitioned by. @throws ValidationError when the metadata hasn't got it. */
export function currentSpec(metadata: TableMetadata): PartitionSpec {
  return specById(metadata, metadata.defaultSpecId);
}

/** @throws ValidationError when the table has no such partition spec. */
export function specById(metadata: TableMetadata, specId: number): PartitionSpec {
  const spec = metadata.partitionSpecs.find(s => s.specId === specId);
  if (spec !== undefined) return spec;
  throw new ValidationError(
    `The table at ${metadata.location} has no partition spec ${specId}: it has ${list(metadata.partitionSpecs.map(s => s.specId))}.`,
  );
}

/** The order new data is sorted by. @throws ValidationError when the metadata hasn't got it. */
export function currentSortOrder(metadata: TableMetadata): SortOrder {
  const order = metadata.sortOrders.find(o => o.orderId === metadata.defaultSortOrderId);
  if (order !== undefined) return order;
  throw new ValidationError(
    `The table at ${metadata.location} has no sort order ${metadata.defaultSortOrderId}: it has ${list(metadata.sortOrders.map(o => o.orderId))}.`,
  );
}

/** The head of the main branch; undefined when the table has no snapshot. */
export function currentSnapshot(metadata: TableMetadata): Snapshot | undefined {
  return metadata.currentSnapshotId === undefined
    ? undefined
    : snapshotById(metadata, metadata.currentSnapshotId);
}

const snapshotIndexes = new WeakMap<readonly Snapshot[], ReadonlyMap<bigint, Snapshot>>();

/** Undefined when the table has no such snapshot (any more). */
export function snapshotById(metadata: TableMetadata, snapshotId: bigint): Snapshot | undefined {
  let index = snapshotIndexes.get(metadata.snapshots);
  if (index === undefined) {
    index = new Map(metadata.snapshots.map(snapshot => [snapshot.snapshotId, snapshot]));
    snapshotIndexes.set(metadata.snapshots, index);
  }
  return index.get(snapshotId);
}

/**
 * The snapshot that was the table's current one at a moment (milliseconds since the epoch), by the snapshot
 * log; undefined when the table was empty then, or the log doesn't reach back so far.
 */
export function snapshotAsOf(metadata: TableMetadata, timestampMs: number): Snapshot | undefined {
  // Entries are in order of time but for clock skew: as in other libraries the last one that fits decides.
  const entry = metadata.snapshotLog.findLast(e => e.timestampMs <= timestampMs);
  return entry === undefined ? undefined : snapshotById(metadata, entry.snapshotId);
}

/**
 * The snapshot a branch or tag points to; undefined for `main` of a table without snapshots.
 * @throws NotFoundError('ref') when there is no such branch or tag
 */
export function resolveRef(metadata: TableMetadata, name: string): Snapshot | undefined {
  if (!Object.hasOwn(metadata.refs, name)) {
    if (name === mainBranch) return currentSnapshot(metadata);
    const names = Object.keys(metadata.refs);
    throw new NotFoundError('ref', `The table at ${metadata.location} has no branch or tag "${name}".`, {
      hint: names.length === 0 ? 'It has no branches and no tags.' : `It has ${names.join(', ')}.`,
    });
  }
  return snapshotById(metadata, metadata.refs[name]!.snapshotId);
}

/** Sequence number of the next snapshot; always 0 in format version 1. */
export function nextSequenceNumber(metadata: TableMetadata): number {
  return metadata.formatVersion === 1 ? 0 : metadata.lastSequenceNumber + 1;
}

function list(ids: readonly number[]): string {
  return ids.length === 0 ? 'none' : ids.join(', ');
}

/** The folder metadata files are written to: `write.metadata.path`, or `metadata` below the table's location. */
export function metadataFolder(metadata: TableMetadata): string {
  const folder =
    metadata.properties[propertyNames.writeMetadataPath] ?? `${stripSlash(metadata.location)}/metadata`;
  return stripSlash(folder);
}

/** The folder data files are written to: `write.data.path`, or `data` below the table's location. */
export function dataFolder(metadata: TableMetadata): string {
  const folder = metadata.properties[propertyNames.writeDataPath] ?? `${stripSlash(metadata.location)}/data`;
  return stripSlash(folder);
}

/**
 * A new address for metadata of the given version: `<folder>/00001-<uuid>.metadata.json`, with `.gz` before
 * `.metadata.json` when the table property `write.metadata.compression-codec` is gzip. Write what
 * `encodeTableMetadata` gives for that address.
 */
export function newMetadataLocation(metadata: TableMetadata, version: number): string {
  const codec = metadata.properties[propertyNames.metadataCompression]?.toLowerCase();
  const extension = codec === 'gzip' ? '.gz.metadata.json' : '.metadata.json';
  return `${metadataFolder(metadata)}/${String(version).padStart(5, '0')}-${randomUUID()}${extension}`;
}

/**
 * The version number in a metadata file's name: 3 for `00003-<uuid>.metadata.json` and `v3.metadata.json`;
 * undefined for other names.
 */
export function metadataVersion(location: string): number | undefined {
  const match = /(?:^|\/)(?:(\d+)-[^/]*|v(\d+)(?:\.gz)?)\.metadata\.json(?:\.gz)?$/.exec(location);
  return match === null ? undefined : Number(match[1] ?? match[2]);
}

function stripSlash(location: string): string {
  return location.replace(/(?<=[^/])\/+$/, '');
}
