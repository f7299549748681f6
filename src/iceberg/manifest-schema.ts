import type { AvroWriter } from './avro-binary.ts';
import { isAvroName, sanitizeAvroName } from './avro-schema.ts';
import type { DataFile } from './datafile.ts';
import { UnsupportedError } from './errors.ts';
import type { ManifestFile, PartitionFieldSummary } from './manifest-list.ts';
import type { PartitionSpec } from './partition.ts';
import type { Type } from './types.ts';

/**
 * The Avro schemas of manifests and manifest lists (spec: "Manifests", "Manifest Lists"; Appendix A for how
 * types and field ids are written), for writing; what is read of them is in manifest-shape.ts. Each field is described once: the same table gives the schema and the
 * encoder, so they can't differ.
 */
interface FieldDefinition<T> {
  readonly id: number;
  readonly name: string;
  readonly type: object | string;
  readonly optional?: boolean;
  readonly doc?: string;
  /** undefined writes null, for an optional field. */
  readonly get: (record: T) => unknown;
  readonly put: (writer: AvroWriter, value: never) => void;
}

export interface RecordCodec<T> {
  readonly schema: object;
  readonly encode: (writer: AvroWriter, record: T) => void;
}

export type FormatVersion = 1 | 2 | 3;

/** An entry as it is written: numbers that the commit decides are undefined and stored as null. */
export interface WritableEntry {
  readonly status: 0 | 1 | 2;
  readonly snapshotId: bigint;
  readonly sequenceNumber?: number;
  readonly fileSequenceNumber?: number;
  readonly dataFile: DataFile;
}

const putLong = (writer: AvroWriter, value: number | bigint) => writer.writeLong(value);
const putString = (writer: AvroWriter, value: string) => writer.writeString(value);
const putBytes = (writer: AvroWriter, value: Uint8Array) => writer.writeBytes(value);
const putBoolean = (writer: AvroWriter, value: boolean) => writer.writeBoolean(value);

/** `manifest_entry` for writing. `partition` gives the name and type of each of the spec's fields, in order. */
export function manifestEntryCodec(
  version: FormatVersion,
  spec: PartitionSpec,
  partitionTypes: readonly Type[],
): RecordCodec<WritableEntry> {
  const dataFile = dataFileCodec(version, partitionCodec(spec, partitionTypes));
  const fields: FieldDefinition<WritableEntry>[] = [
    { id: 0, name: 'status', type: 'int', get: e => e.status, put: putLong },
    { id: 1, name: 'snapshot_id', type: 'long', optional: version > 1, get: e => e.snapshotId, put: putLong },
  ];
  if (version > 1) {
    fields.push(
      {
        id: 3,
        name: 'sequence_number',
        type: 'long',
        optional: true,
        get: e => e.sequenceNumber,
        put: putLong,
      },
      {
        id: 4,
        name: 'file_sequence_number',
        type: 'long',
        optional: true,
        get: e => e.fileSequenceNumber,
        put: putLong,
      },
    );
  }
  fields.push({
    id: 2,
    name: 'data_file',
    type: dataFile.schema,
    // Row ids of an added file are for the commit to give, also of one that was in the table before.
    get: e =>
      e.status === 1 && e.dataFile.firstRowId !== undefined
        ? { ...e.dataFile, firstRowId: undefined }
        : e.dataFile,
    put: dataFile.encode,
  });
  return recordCodec('manifest_entry', fields);
}

function dataFileCodec(version: FormatVersion, partition: RecordCodec<DataFile>): RecordCodec<DataFile> {
  const always: FieldDefinition<DataFile>[] = [
    { id: 100, name: 'file_path', type: 'string', get: f => f.filePath, put: putString },
    { id: 101, name: 'file_format', type: 'string', get: f => f.fileFormat, put: putString },
    { id: 102, name: 'partition', type: partition.schema, get: f => f, put: partition.encode },
    { id: 103, name: 'record_count', type: 'long', get: f => f.recordCount, put: putLong },
    { id: 104, name: 'file_size_in_bytes', type: 'long', get: f => f.fileSizeInBytes, put: putLong },
  ];
  const metrics: FieldDefinition<DataFile>[] = [
    metricField(108, 'column_sizes', 117, 118, 'long', f => f.columnSizes),
    metricField(109, 'value_counts', 119, 120, 'long', f => f.valueCounts),
    metricField(110, 'null_value_counts', 121, 122, 'long', f => f.nullValueCounts),
    metricField(137, 'nan_value_counts', 138, 139, 'long', f => f.nanValueCounts),
    metricField(125, 'lower_bounds', 126, 127, 'bytes', f => f.lowerBounds),
    metricField(128, 'upper_bounds', 129, 130, 'bytes', f => f.upperBounds),
    { id: 131, name: 'key_metadata', type: 'bytes', optional: true, get: f => f.keyMetadata, put: putBytes },
    listField(132, 'split_offsets', 133, 'long', f => f.splitOffsets),
  ];
  const sortOrderId: FieldDefinition<DataFile> = {
    id: 140,
    name: 'sort_order_id',
    type: 'int',
    optional: true,
    get: f => f.sortOrderId,
    put: putLong,
  };
  if (version === 1) {
    // 64 MiB: the constant that Java writes for this deprecated, yet required, field.
    const blockSize = {
      id: 105,
      name: 'block_size_in_bytes',
      type: 'long',
      get: () => 67108864,
      put: putLong,
    };
    return recordCodec('r2', [...always, blockSize, ...metrics, sortOrderId]);
  }
  const fields: FieldDefinition<DataFile>[] = [
    { id: 134, name: 'content', type: 'int', get: f => f.content, put: putLong },
    ...always,
    ...metrics,
    listField(135, 'equality_ids', 136, 'int', f => f.equalityIds),
    sortOrderId,
  ];
  const referenced: FieldDefinition<DataFile> = {
    id: 143,
    name: 'referenced_data_file',
    type: 'string',
    optional: true,
    get: f => f.referencedDataFile,
    put: putString,
  };
  if (version === 2) return recordCodec('r2', [...fields, referenced]);
  return recordCodec('r2', [
    ...fields,
    { id: 142, name: 'first_row_id', type: 'long', optional: true, get: f => f.firstRowId, put: putLong },
    referenced,
    {
      id: 144,
      name: 'content_offset',
      type: 'long',
      optional: true,
      get: f => f.contentOffset,
      put: putLong,
    },
    {
      id: 145,
      name: 'content_size_in_bytes',
      type: 'long',
      optional: true,
      get: f => f.contentSizeInBytes,
      put: putLong,
    },
  ]);
}

/** The partition record of a spec's data files, all fields optional. */
function partitionCodec(spec: PartitionSpec, types: readonly Type[]): RecordCodec<DataFile> {
  const used = new Set<string>();
  const fields = spec.fields.map((field, i): FieldDefinition<DataFile> & { original: string } => {
    let name = isAvroName(field.name) ? field.name : sanitizeAvroName(field.name);
    while (used.has(name)) name += `_${field.fieldId}`;
    used.add(name);
    const value = valueCodec(types[i]!, `${field.fieldId}`);
    return {
      id: field.fieldId,
      name,
      original: field.name,
      type: value.type,
      optional: true,
      get: file => file.partition[i] ?? undefined,
      put: value.put,
    };
  });
  const codec = recordCodec('r102', fields);
  const schema = codec.schema as { fields: object[] };
  return {
    encode: codec.encode,
    schema: {
      ...schema,
      fields: schema.fields.map((json, i) =>
        fields[i]!.original === fields[i]!.name
          ? json
          : { ...json, 'iceberg-field-name': fields[i]!.original },
      ),
    },
  };
}

function valueCodec(
  type: Type,
  id: string,
): { type: object | string; put: (writer: AvroWriter, value: never) => void } {
  switch (type.kind) {
    case 'boolean':
      return { type: 'boolean', put: putBoolean };
    case 'int':
      return { type: 'int', put: putLong };
    case 'long':
      return { type: 'long', put: putLong };
    case 'float':
      return { type: 'float', put: (writer, value: number) => writer.writeFloat(value) };
    case 'double':
      return { type: 'double', put: (writer, value: number) => writer.writeDouble(value) };
    case 'string':
      return { type: 'string', put: putString };
    case 'binary':
      return { type: 'bytes', put: putBytes };
    case 'date':
      return { type: { type: 'int', logicalType: 'date' }, put: putLong };
    case 'time':
      return { type: { type: 'long', logicalType: 'time-micros' }, put: putLong };
    case 'timestamp':
    case 'timestamptz':
    case 'timestamp_ns':
    case 'timestamptz_ns': {
      const logicalType = type.kind.endsWith('_ns') ? 'timestamp-nanos' : 'timestamp-micros';
      const utc = type.kind.startsWith('timestamptz');
      return { type: { type: 'long', logicalType, 'adjust-to-utc': utc }, put: putLong };
    }
    case 'uuid':
      return {
        type: { type: 'fixed', name: `uuid_fixed_${id}`, size: 16, logicalType: 'uuid' },
        put: (writer, value: string) => writer.writeFixed(Buffer.from(value.replaceAll('-', ''), 'hex')),
      };
    case 'fixed':
      return {
        type: { type: 'fixed', name: `fixed_${type.length}_${id}`, size: type.length },
        put: (writer, value: Uint8Array) => writer.writeFixed(value),
      };
    case 'decimal': {
      const { precision, scale } = type;
      const size = decimalSize(precision);
      const name = `decimal_${precision}_${scale}_${id}`;
      return {
        type: { type: 'fixed', name, size, logicalType: 'decimal', precision, scale },
        put: (writer, value: bigint) => writer.writeFixed(bigintToBytes(value, size)),
      };
    }
    case 'unknown':
      return { type: 'null', put: () => {} };
    default:
      throw new UnsupportedError(`A partition value of type ${type.kind} can't be written.`);
  }
}

/** Bytes that hold any decimal of this many digits (spec: minBytesRequired). */
export function decimalSize(precision: number): number {
  const largest = 10n ** BigInt(precision);
  let size = 1;
  while (1n << BigInt(size * 8 - 1) < largest) size++;
  return size;
}

function bigintToBytes(value: bigint, size: number): Buffer {
  const hex = BigInt.asUintN(size * 8, value)
    .toString(16)
    .padStart(size * 2, '0');
  return Buffer.from(hex, 'hex');
}

function metricField<V extends number | Uint8Array>(
  id: number,
  name: string,
  keyId: number,
  valueId: number,
  type: 'long' | 'bytes',
  get: (file: DataFile) => ReadonlyMap<number, V> | undefined,
): FieldDefinition<DataFile> {
  const fields = [
    { name: 'key', type: 'int', 'field-id': keyId },
    { name: 'value', type, 'field-id': valueId },
  ];
  const items = { type: 'record', name: `k${keyId}_v${valueId}`, fields };
  return {
    id,
    name,
    type: { type: 'array', items, logicalType: 'map' },
    optional: true,
    get,
    put: (writer, map: ReadonlyMap<number, number | Uint8Array>) => {
      if (map.size > 0) {
        writer.writeLong(map.size);
        for (const [key, value] of map) {
          writer.writeLong(key);
          if (typeof value === 'number') writer.writeLong(value);
          else writer.writeBytes(value);
        }
      }
      writer.writeLong(0);
    },
  };
}

function listField(
  id: number,
  name: string,
  elementId: number,
  items: 'int' | 'long',
  get: (file: DataFile) => readonly number[] | undefined,
): FieldDefinition<DataFile> {
  return {
    id,
    name,
    type: { type: 'array', items, 'element-id': elementId },
    optional: true,
    get,
    put: (writer, list: readonly number[]) => putList(writer, list, putLong),
  };
}

function putList<T>(
  writer: AvroWriter,
  list: readonly T[],
  put: (writer: AvroWriter, item: T) => void,
): void {
  if (list.length > 0) {
    writer.writeLong(list.length);
    for (const item of list) put(writer, item);
  }
  writer.writeLong(0);
}

function recordCodec<T>(name: string, fields: readonly FieldDefinition<T>[]): RecordCodec<T> {
  const schema = {
    type: 'record',
    name,
    fields: fields.map(field => ({
      name: field.name,
      ...(field.optional ? { type: ['null', field.type], default: null } : { type: field.type }),
      'field-id': field.id,
    })),
  };
  const steps = fields.map(({ name, get, put, optional, type }) => ({
    name,
    get,
    put: put as (writer: AvroWriter, value: unknown) => void,
    optional: optional === true,
    nothing: type === 'null',
  }));
  // An optional `unknown` would be a union of null twice, which Avro forbids: it's plain null.
  schema.fields.forEach((field, i) => {
    if (steps[i]!.nothing) field.type = 'null';
  });
  const encode = (writer: AvroWriter, record: T) => {
    for (const step of steps) {
      if (step.nothing) continue;
      const value = step.get(record);
      if (step.optional) {
        writer.writeLong(value === undefined ? 0 : 1);
        if (value === undefined) continue;
      } else if (value === undefined) {
        throw new Error(`${name}.${step.name} is required and not set`);
      }
      step.put(writer, value);
    }
  };
  return { schema, encode };
}

/** `manifest_file` for writing. In v1 the fields that came with v2 are left out, as the spec asks. */
export function manifestFileCodec(version: FormatVersion): RecordCodec<ManifestFile> {
  const fields: FieldDefinition<ManifestFile>[] = [
    { id: 500, name: 'manifest_path', type: 'string', get: m => m.manifestPath, put: putString },
    { id: 501, name: 'manifest_length', type: 'long', get: m => m.manifestLength, put: putLong },
    { id: 502, name: 'partition_spec_id', type: 'int', get: m => m.partitionSpecId, put: putLong },
  ];
  if (version > 1) {
    fields.push(
      { id: 517, name: 'content', type: 'int', get: m => m.content, put: putLong },
      { id: 515, name: 'sequence_number', type: 'long', get: m => m.sequenceNumber, put: putLong },
      { id: 516, name: 'min_sequence_number', type: 'long', get: m => m.minSequenceNumber, put: putLong },
    );
  }
  const count = (
    id: number,
    name: string,
    type: 'int' | 'long',
    get: (m: ManifestFile) => number | undefined,
  ) => fields.push({ id, name, type, optional: version === 1, get, put: putLong });
  fields.push({
    id: 503,
    name: 'added_snapshot_id',
    type: 'long',
    get: m => m.addedSnapshotId,
    put: putLong,
  });
  count(504, 'added_files_count', 'int', m => m.addedFilesCount);
  count(505, 'existing_files_count', 'int', m => m.existingFilesCount);
  count(506, 'deleted_files_count', 'int', m => m.deletedFilesCount);
  count(512, 'added_rows_count', 'long', m => m.addedRowsCount);
  count(513, 'existing_rows_count', 'long', m => m.existingRowsCount);
  count(514, 'deleted_rows_count', 'long', m => m.deletedRowsCount);
  const summary = fieldSummaryCodec();
  fields.push(
    {
      id: 507,
      name: 'partitions',
      type: { type: 'array', items: summary.schema, 'element-id': 508 },
      optional: true,
      get: m => m.partitions,
      put: (writer, list: readonly PartitionFieldSummary[]) => putList(writer, list, summary.encode),
    },
    { id: 519, name: 'key_metadata', type: 'bytes', optional: true, get: m => m.keyMetadata, put: putBytes },
  );
  if (version === 3) {
    fields.push({
      id: 520,
      name: 'first_row_id',
      type: 'long',
      optional: true,
      get: m => m.firstRowId,
      put: putLong,
    });
  }
  return recordCodec('manifest_file', fields);
}

function fieldSummaryCodec(): RecordCodec<PartitionFieldSummary> {
  return recordCodec('r508', [
    { id: 509, name: 'contains_null', type: 'boolean', get: s => s.containsNull, put: putBoolean },
    {
      id: 518,
      name: 'contains_nan',
      type: 'boolean',
      optional: true,
      get: s => s.containsNan,
      put: putBoolean,
    },
    { id: 510, name: 'lower_bound', type: 'bytes', optional: true, get: s => s.lowerBound, put: putBytes },
    { id: 511, name: 'upper_bound', type: 'bytes', optional: true, get: s => s.upperBound, put: putBytes },
  ]);
}
