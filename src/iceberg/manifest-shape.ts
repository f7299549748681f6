import type { Shape, Slot } from './avro-decode.ts';
import type { PartitionSpec } from './partition.ts';
import type { Type, Value } from './types.ts';

/**
 * What is read of manifests and manifest lists (spec: "Manifests", "Manifest Lists"), by field ids; how they are written
 * is in manifest-schema.ts.
 */

const slot = (id: number, name: string, shape: Shape, required = false): Slot => ({
  id,
  name,
  shape,
  required,
});

/** What is read of a `manifest_entry`, in this order: status, snapshot id, both sequence numbers, the file. */
export function manifestEntryShape(
  spec: PartitionSpec,
  partitionTypes: readonly (Type | undefined)[],
): Shape {
  const partition = spec.fields.map((field, i) =>
    slot(field.fieldId, field.name, { value: partitionTypes[i] }),
  );
  return {
    struct: [
      slot(0, 'status', 'int', true),
      slot(1, 'snapshot_id', 'long'),
      slot(3, 'sequence_number', 'count'),
      slot(4, 'file_sequence_number', 'count'),
      slot(2, 'data_file', { struct: dataFileSlots(partition) }, true),
    ],
  };
}

export type DecodedEntry = [
  status: number,
  snapshotId: bigint | undefined,
  sequenceNumber: number | undefined,
  fileSequenceNumber: number | undefined,
  dataFile: DecodedDataFile,
];

export type DecodedDataFile = [
  content: number | undefined,
  filePath: string,
  fileFormat: string,
  partition: (Value | undefined)[] | undefined,
  recordCount: number,
  fileSizeInBytes: number,
  columnSizes: ReadonlyMap<number, number> | undefined,
  valueCounts: ReadonlyMap<number, number> | undefined,
  nullValueCounts: ReadonlyMap<number, number> | undefined,
  nanValueCounts: ReadonlyMap<number, number> | undefined,
  lowerBounds: ReadonlyMap<number, Uint8Array> | undefined,
  upperBounds: ReadonlyMap<number, Uint8Array> | undefined,
  keyMetadata: Uint8Array | undefined,
  splitOffsets: number[] | undefined,
  equalityIds: number[] | undefined,
  sortOrderId: number | undefined,
  firstRowId: number | undefined,
  referencedDataFile: string | undefined,
  contentOffset: number | undefined,
  contentSizeInBytes: number | undefined,
];

function dataFileSlots(partition: readonly Slot[]): Slot[] {
  return [
    slot(134, 'content', 'int'),
    slot(100, 'file_path', 'string', true),
    slot(101, 'file_format', 'string', true),
    // Some writers leave it out of unpartitioned tables.
    slot(102, 'partition', { struct: partition }, partition.length > 0),
    slot(103, 'record_count', 'count', true),
    slot(104, 'file_size_in_bytes', 'count', true),
    slot(108, 'column_sizes', { lazyMap: 'count' }),
    slot(109, 'value_counts', { lazyMap: 'count' }),
    slot(110, 'null_value_counts', { lazyMap: 'count' }),
    slot(137, 'nan_value_counts', { lazyMap: 'count' }),
    slot(125, 'lower_bounds', { lazyMap: 'bytes' }),
    slot(128, 'upper_bounds', { lazyMap: 'bytes' }),
    slot(131, 'key_metadata', 'bytes'),
    slot(132, 'split_offsets', { list: 'count' }),
    slot(135, 'equality_ids', { list: 'int' }),
    slot(140, 'sort_order_id', 'int'),
    slot(142, 'first_row_id', 'count'),
    slot(143, 'referenced_data_file', 'string'),
    slot(144, 'content_offset', 'count'),
    slot(145, 'content_size_in_bytes', 'count'),
  ];
}

/** What is read of a `manifest_file`; the order is DecodedManifestFile's. */
export const MANIFEST_FILE_SHAPE: Shape = {
  struct: [
    slot(500, 'manifest_path', 'string', true),
    slot(501, 'manifest_length', 'count', true),
    slot(502, 'partition_spec_id', 'int', true),
    slot(517, 'content', 'int'),
    slot(515, 'sequence_number', 'count'),
    slot(516, 'min_sequence_number', 'count'),
    slot(503, 'added_snapshot_id', 'long'),
    slot(504, 'added_files_count', 'int'),
    slot(505, 'existing_files_count', 'int'),
    slot(506, 'deleted_files_count', 'int'),
    slot(512, 'added_rows_count', 'count'),
    slot(513, 'existing_rows_count', 'count'),
    slot(514, 'deleted_rows_count', 'count'),
    slot(507, 'partitions', {
      list: {
        struct: [
          slot(509, 'contains_null', 'boolean', true),
          slot(518, 'contains_nan', 'boolean'),
          slot(510, 'lower_bound', 'bytes'),
          slot(511, 'upper_bound', 'bytes'),
        ],
      },
    }),
    slot(519, 'key_metadata', 'bytes'),
    slot(520, 'first_row_id', 'count'),
  ],
};

export type DecodedManifestFile = [
  manifestPath: string,
  manifestLength: number,
  partitionSpecId: number,
  content: number | undefined,
  sequenceNumber: number | undefined,
  minSequenceNumber: number | undefined,
  addedSnapshotId: bigint | undefined,
  addedFilesCount: number | undefined,
  existingFilesCount: number | undefined,
  deletedFilesCount: number | undefined,
  addedRowsCount: number | undefined,
  existingRowsCount: number | undefined,
  deletedRowsCount: number | undefined,
  partitions: [boolean, boolean | undefined, Uint8Array | undefined, Uint8Array | undefined][] | undefined,
  keyMetadata: Uint8Array | undefined,
  firstRowId: number | undefined,
];
