import { mapConcurrent } from '../concurrent.ts';
import type { DataFile, ManifestEntry } from '../datafile.ts';
import type { FileIO } from '../io.ts';
import { readManifest } from '../manifest.ts';
import { type ManifestFile, snapshotManifests } from '../manifest-list.ts';
import type { Snapshot, TableMetadata } from '../metadata.ts';
import { isPrimitive, type Type, type Value } from '../types.ts';
import { valueFromBytes } from '../value.ts';
import {
  type InspectColumn,
  type InspectResult,
  metricFields,
  PartitionColumn,
  sqlType,
  structType,
  toBigint,
} from './columns.ts';

const COUNTS = 'MAP(INTEGER, BIGINT)';
const BOUNDS = 'MAP(INTEGER, BLOB)';

/** A column of a content file, and how its value is got. */
interface FileColumn extends InspectColumn {
  readonly get: (file: DataFile) => unknown;
}

/** The columns of the files tables (Iceberg's DataFile.getType); without partition when there's none. */
function fileColumns(metadata: TableMetadata): FileColumn[] {
  const partition = new PartitionColumn(metadata);
  const columns: (FileColumn | undefined)[] = [
    { name: 'content', type: 'INTEGER', get: f => f.content },
    { name: 'file_path', type: 'VARCHAR', get: f => f.filePath },
    { name: 'file_format', type: 'VARCHAR', get: f => f.fileFormat },
    { name: 'spec_id', type: 'INTEGER', get: f => f.specId },
    partition.isEmpty
      ? undefined
      : { name: 'partition', type: partition.type, get: f => partition.value(f.specId, f.partition) },
    { name: 'record_count', type: 'BIGINT', get: f => BigInt(f.recordCount) },
    { name: 'file_size_in_bytes', type: 'BIGINT', get: f => BigInt(f.fileSizeInBytes) },
    { name: 'column_sizes', type: COUNTS, get: f => countMap(f.columnSizes) },
    { name: 'value_counts', type: COUNTS, get: f => countMap(f.valueCounts) },
    { name: 'null_value_counts', type: COUNTS, get: f => countMap(f.nullValueCounts) },
    { name: 'nan_value_counts', type: COUNTS, get: f => countMap(f.nanValueCounts) },
    { name: 'lower_bounds', type: BOUNDS, get: f => boundMap(f.lowerBounds) },
    { name: 'upper_bounds', type: BOUNDS, get: f => boundMap(f.upperBounds) },
    { name: 'key_metadata', type: 'BLOB', get: f => f.keyMetadata ?? null },
    { name: 'split_offsets', type: 'BIGINT[]', get: f => f.splitOffsets?.map(BigInt) ?? null },
    { name: 'equality_ids', type: 'INTEGER[]', get: f => f.equalityIds ?? null },
    { name: 'sort_order_id', type: 'INTEGER', get: f => f.sortOrderId ?? null },
    { name: 'first_row_id', type: 'BIGINT', get: f => toBigint(f.firstRowId) },
    { name: 'referenced_data_file', type: 'VARCHAR', get: f => f.referencedDataFile ?? null },
    { name: 'content_offset', type: 'BIGINT', get: f => toBigint(f.contentOffset) },
    { name: 'content_size_in_bytes', type: 'BIGINT', get: f => toBigint(f.contentSizeInBytes) },
  ];
  return columns.filter(column => column !== undefined);
}

/** `readable_metrics`: one struct per leaf column of the current schema, with decoded bounds. */
function readableMetrics(metadata: TableMetadata): FileColumn[] {
  const fields = metricFields(metadata);
  if (fields.length === 0) return [];
  const type = structType(
    fields.map(({ field, path }) => {
      const bound = sqlType(field.type);
      const members = [
        { name: 'column_size', type: 'BIGINT' },
        { name: 'value_count', type: 'BIGINT' },
        { name: 'null_value_count', type: 'BIGINT' },
        { name: 'nan_value_count', type: 'BIGINT' },
        { name: 'lower_bound', type: bound },
        { name: 'upper_bound', type: bound },
      ];
      return { name: path, type: structType(members) };
    }),
  );
  const get = (file: DataFile) => {
    const metrics: Record<string, unknown> = {};
    for (const { field, path } of fields) {
      metrics[path] = {
        column_size: toBigint(file.columnSizes?.get(field.id)),
        value_count: toBigint(file.valueCounts?.get(field.id)),
        null_value_count: toBigint(file.nullValueCounts?.get(field.id)),
        nan_value_count: toBigint(file.nanValueCounts?.get(field.id)),
        lower_bound: bound(field.type, file.lowerBounds?.get(field.id)),
        upper_bound: bound(field.type, file.upperBounds?.get(field.id)),
      };
    }
    return metrics;
  };
  return [{ name: 'readable_metrics', type, get }];
}

function bound(type: Type, bytes: Uint8Array | undefined): Value | null {
  if (bytes === undefined || !isPrimitive(type)) return null;
  const value = valueFromBytes(type, bytes);
  return value instanceof Uint8Array ? Uint8Array.from(value) : value;
}

function countMap(map: ReadonlyMap<number, number> | undefined): Map<number, bigint> | null {
  return map === undefined ? null : new Map(Array.from(map, ([id, count]) => [id, BigInt(count)]));
}

function boundMap(map: ReadonlyMap<number, Uint8Array> | undefined): Map<number, Uint8Array> | null {
  return map === undefined ? null : new Map(Array.from(map, ([id, bytes]) => [id, Uint8Array.from(bytes)]));
}

/** Which files a table lists. */
export type FileFilter = 'all' | 'data' | 'deletes';

export async function filesTable(
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  io: FileIO,
  filter: FileFilter,
): Promise<InspectResult> {
  const columns = [...fileColumns(metadata), ...readableMetrics(metadata)];
  const wanted = manifests.filter(
    ({ content }) => filter === 'all' || content === (filter === 'data' ? 0 : 1),
  );
  const rows: unknown[][] = [];
  for await (const entry of entriesOf(metadata, wanted, io)) {
    if (entry.status !== 2) rows.push(columns.map(column => column.get(entry.dataFile)));
  }
  return { columns: plain(columns), rows };
}

export async function entriesTable(
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  io: FileIO,
): Promise<InspectResult> {
  const file = fileColumns(metadata);
  const metrics = readableMetrics(metadata);
  const columns = [
    { name: 'status', type: 'INTEGER' },
    { name: 'snapshot_id', type: 'BIGINT' },
    { name: 'sequence_number', type: 'BIGINT' },
    { name: 'file_sequence_number', type: 'BIGINT' },
    { name: 'data_file', type: structType(file) },
    ...plain(metrics),
  ];
  const rows: unknown[][] = [];
  for await (const entry of entriesOf(metadata, manifests, io)) {
    rows.push([
      entry.status,
      entry.snapshotId,
      BigInt(entry.sequenceNumber),
      BigInt(entry.fileSequenceNumber),
      Object.fromEntries(file.map(column => [column.name, column.get(entry.dataFile)])),
      ...metrics.map(column => column.get(entry.dataFile)),
    ]);
  }
  return { columns, rows };
}

export async function* entriesOf(
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  io: FileIO,
): AsyncGenerator<ManifestEntry, void> {
  for await (const entries of mapConcurrent(manifests, manifest => readManifest(io, manifest, metadata))) {
    yield* entries;
  }
}

/** The manifests of all snapshots, each once. */
export async function distinctManifests(snapshots: readonly Snapshot[], io: FileIO): Promise<ManifestFile[]> {
  const manifests = new Map<string, ManifestFile>();
  for await (const list of mapConcurrent(snapshots, snapshot => snapshotManifests(io, snapshot))) {
    for (const manifest of list) {
      if (!manifests.has(manifest.manifestPath)) manifests.set(manifest.manifestPath, manifest);
    }
  }
  return [...manifests.values()];
}

function plain(columns: readonly FileColumn[]): InspectColumn[] {
  return columns.map(({ name, type }) => ({ name, type }));
}
