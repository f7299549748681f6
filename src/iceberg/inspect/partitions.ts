import type { FileIO } from '../io.ts';
import { hasLiveFiles, type ManifestFile } from '../manifest-list.ts';
import { snapshotById, type TableMetadata } from '../metadata.ts';
import { partitionKey } from '../partition-key.ts';
import type { Value } from '../types.ts';
import { type InspectResult, micros, PartitionColumn } from './columns.ts';
import { entriesOf } from './files.ts';

interface PartitionTotals {
  readonly partition: Record<string, Value | null>;
  readonly specId: number;
  /** Records and files by content: data, position deletes, equality deletes. */
  readonly records: [number, number, number];
  readonly files: [number, number, number];
  dataSize: number;
  updatedAtMs: number | undefined;
  updatedBy: bigint | undefined;
}

/** Live files by partition; one row in all when the table never was partitioned. */
export async function partitionsTable(
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  io: FileIO,
): Promise<InspectResult> {
  const column = new PartitionColumn(metadata);
  const found = new Map<string, PartitionTotals>();
  for await (const entry of entriesOf(metadata, manifests.filter(hasLiveFiles), io)) {
    if (entry.status === 2) continue;
    const { dataFile } = entry;
    const partition = column.value(dataFile.specId, dataFile.partition);
    const key = partitionKey(column.isEmpty ? 0 : dataFile.specId, Object.values(partition));
    let totals = found.get(key);
    if (totals === undefined) {
      totals = {
        partition,
        specId: dataFile.specId,
        records: [0, 0, 0],
        files: [0, 0, 0],
        dataSize: 0,
        updatedAtMs: undefined,
        updatedBy: undefined,
      };
      found.set(key, totals);
    }
    totals.records[dataFile.content] += dataFile.recordCount;
    totals.files[dataFile.content]++;
    if (dataFile.content === 0) totals.dataSize += dataFile.fileSizeInBytes;
    const snapshot = snapshotById(metadata, entry.snapshotId);
    if (snapshot !== undefined && snapshot.timestampMs > (totals.updatedAtMs ?? Number.NEGATIVE_INFINITY)) {
      totals.updatedAtMs = snapshot.timestampMs;
      totals.updatedBy = snapshot.snapshotId;
    }
  }
  const partitioned = column.isEmpty
    ? []
    : [
        { name: 'partition', type: column.type },
        { name: 'spec_id', type: 'INTEGER' },
      ];
  return {
    columns: [
      ...partitioned,
      { name: 'record_count', type: 'BIGINT' },
      { name: 'file_count', type: 'INTEGER' },
      { name: 'total_data_file_size_in_bytes', type: 'BIGINT' },
      { name: 'position_delete_record_count', type: 'BIGINT' },
      { name: 'position_delete_file_count', type: 'INTEGER' },
      { name: 'equality_delete_record_count', type: 'BIGINT' },
      { name: 'equality_delete_file_count', type: 'INTEGER' },
      { name: 'last_updated_at', type: 'TIMESTAMP WITH TIME ZONE' },
      { name: 'last_updated_snapshot_id', type: 'BIGINT' },
    ],
    rows: [...found.values()].map(t => [
      ...(column.isEmpty ? [] : [t.partition, t.specId]),
      BigInt(t.records[0]),
      t.files[0],
      BigInt(t.dataSize),
      BigInt(t.records[1]),
      t.files[1],
      BigInt(t.records[2]),
      t.files[2],
      t.updatedAtMs === undefined ? null : micros(t.updatedAtMs),
      t.updatedBy ?? null,
    ]),
  };
}
