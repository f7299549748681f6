import { mapConcurrent } from '../concurrent.ts';
import type { FileIO } from '../io.ts';
import { knownPartitionTypes } from '../manifest.ts';
import { type ManifestFile, snapshotManifests } from '../manifest-list.ts';
import { currentSchema, type Snapshot, specById, type TableMetadata } from '../metadata.ts';
import { findField } from '../schema.ts';
import { transformHuman } from '../transform.ts';
import { isPrimitive } from '../types.ts';
import { valueFromBytes } from '../value.ts';
import { type InspectColumn, type InspectResult, structType } from './columns.ts';

const SUMMARY: readonly InspectColumn[] = [
  { name: 'contains_null', type: 'BOOLEAN' },
  { name: 'contains_nan', type: 'BOOLEAN' },
  { name: 'lower_bound', type: 'VARCHAR' },
  { name: 'upper_bound', type: 'VARCHAR' },
];

const COLUMNS: readonly InspectColumn[] = [
  { name: 'content', type: 'INTEGER' },
  { name: 'path', type: 'VARCHAR' },
  { name: 'length', type: 'BIGINT' },
  { name: 'partition_spec_id', type: 'INTEGER' },
  { name: 'added_snapshot_id', type: 'BIGINT' },
  { name: 'added_data_files_count', type: 'INTEGER' },
  { name: 'existing_data_files_count', type: 'INTEGER' },
  { name: 'deleted_data_files_count', type: 'INTEGER' },
  { name: 'added_delete_files_count', type: 'INTEGER' },
  { name: 'existing_delete_files_count', type: 'INTEGER' },
  { name: 'deleted_delete_files_count', type: 'INTEGER' },
  { name: 'partition_summaries', type: `${structType(SUMMARY)}[]` },
];

export async function manifestsTable(
  metadata: TableMetadata,
  snapshot: Snapshot | undefined,
  io: FileIO,
): Promise<InspectResult> {
  const manifests = snapshot === undefined ? [] : await snapshotManifests(io, snapshot);
  return { columns: COLUMNS, rows: manifests.map(manifest => manifestRow(metadata, manifest)) };
}

/** The manifests of every snapshot; one that several snapshots share comes once for each. */
export async function allManifestsTable(metadata: TableMetadata, io: FileIO): Promise<InspectResult> {
  const columns = [
    ...COLUMNS,
    { name: 'reference_snapshot_id', type: 'BIGINT' },
    { name: 'key_metadata', type: 'BLOB' },
  ];
  const rows: unknown[][] = [];
  const lists = mapConcurrent(metadata.snapshots, async snapshot => ({
    snapshot,
    manifests: await snapshotManifests(io, snapshot),
  }));
  for await (const { snapshot, manifests } of lists) {
    for (const manifest of manifests) {
      rows.push([...manifestRow(metadata, manifest), snapshot.snapshotId, manifest.keyMetadata ?? null]);
    }
  }
  return { columns, rows };
}

function manifestRow(metadata: TableMetadata, manifest: ManifestFile): unknown[] {
  const data = [manifest.addedFilesCount, manifest.existingFilesCount, manifest.deletedFilesCount].map(
    n => n ?? null,
  );
  const none = [0, 0, 0];
  return [
    manifest.content,
    manifest.manifestPath,
    BigInt(manifest.manifestLength),
    manifest.partitionSpecId,
    manifest.addedSnapshotId,
    ...(manifest.content === 0 ? [...data, ...none] : [...none, ...data]),
    summaries(metadata, manifest),
  ];
}

function summaries(metadata: TableMetadata, manifest: ManifestFile): Record<string, unknown>[] {
  const spec = specById(metadata, manifest.partitionSpecId);
  const types = knownPartitionTypes(spec, metadata);
  return (manifest.partitions ?? []).map((summary, i) => {
    const field = spec.fields[i];
    const type = types[i];
    const text = (bytes: Uint8Array | undefined): string | null => {
      if (bytes === undefined || field === undefined || type === undefined || !isPrimitive(type)) return null;
      const source = findField(currentSchema(metadata), field.sourceId)?.type ?? type;
      return transformHuman(field.transform, source, valueFromBytes(type, bytes));
    };
    return {
      contains_null: summary.containsNull,
      contains_nan: summary.containsNan ?? null,
      lower_bound: text(summary.lowerBound),
      upper_bound: text(summary.upperBound),
    };
  });
}
