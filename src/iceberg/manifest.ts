import { type AvroHeader, decodeAvroFile, encodeAvroFile } from './avro.ts';
import { type Shape, typeOfAvro } from './avro-decode.ts';
import type { DataFile, FileContent, ManifestEntry } from './datafile.ts';
import { CorruptFileError, ValidationError } from './errors.ts';
import { decodedOnce } from './file-cache.ts';
import type { FileIO } from './io.ts';
import { stringifyJson } from './json.ts';
import { type ManifestFile, UNASSIGNED } from './manifest-list.ts';
import { type FormatVersion, manifestEntryCodec, type WritableEntry } from './manifest-schema.ts';
import { type DecodedDataFile, type DecodedEntry, manifestEntryShape } from './manifest-shape.ts';
import type { TableMetadata } from './metadata.ts';
import { type PartitionSpec, specFieldsToJson } from './partition.ts';
import { PartitionSummaries } from './partition-summaries.ts';
import { findField, type Schema, schemaToJson } from './schema.ts';
import { transformResultType } from './transform.ts';
import type { Type } from './types.ts';

/** The parts of a table's metadata that its manifests are read with. */
export type ManifestContext = Pick<TableMetadata, 'schemas' | 'currentSchemaId' | 'partitionSpecs'>;

/** Rough bytes that a decoded entry holds besides the block it was decoded from. */
const ENTRY_BYTES = 1000;

/**
 * All entries of a manifest, also the deleted ones, with snapshot id, sequence numbers and first row id
 * inherited from the manifest list (spec: "Sequence Number Inheritance", "First Row ID Inheritance"). Fields
 * are found by id. Column metrics stay encoded until they're looked at. The result is shared: don't change it.
 * @throws CorruptFileError, NotFoundError('file'), UnsupportedError (codec)
 */
export async function readManifest(
  io: FileIO,
  manifest: ManifestFile,
  metadata: ManifestContext,
): Promise<readonly ManifestEntry[]> {
  const location = manifest.manifestPath;
  const spec = metadata.partitionSpecs.find(s => s.specId === manifest.partitionSpecId);
  if (spec === undefined) {
    throw new CorruptFileError(
      location,
      `it belongs to partition spec ${manifest.partitionSpecId}, which the table's metadata does not have.`,
    );
  }
  const types = knownPartitionTypes(spec, metadata);
  const typesKey = JSON.stringify(types);
  const key = `manifest ${location} ${manifest.sequenceNumber} ${manifest.firstRowId} ${typesKey}`;
  return decodedOnce(io, key, async () => {
    const bytes = await io.read(location);
    if (bytes.length < manifest.manifestLength) {
      throw new CorruptFileError(
        location,
        `truncated: ${bytes.length} of ${manifest.manifestLength} bytes are there.`,
      );
    }
    const inherit = inheritance(manifest);
    const file = decodeAvroFile(
      location,
      bytes,
      () => entryShape(spec, types, typesKey),
      (decoded: DecodedEntry, header) => inherit(decoded, header),
    );
    const views = file.decodedBytes + (file.decodedBytes > bytes.length ? 0 : bytes.length);
    return { value: file.records, bytes: views + file.records.length * ENTRY_BYTES };
  });
}

const entryShapes = new WeakMap<PartitionSpec, Map<string, Shape>>();

/** The same object each time, so that decoders made for it can be used again. */
function entryShape(spec: PartitionSpec, types: readonly (Type | undefined)[], typesKey: string): Shape {
  const shapes = entryShapes.get(spec) ?? new Map<string, Shape>();
  entryShapes.set(spec, shapes);
  const shape = shapes.get(typesKey) ?? manifestEntryShape(spec, types);
  shapes.set(typesKey, shape);
  return shape;
}

/** Entries that belong to the table's state: everything but the deleted ones. */
export async function readLiveEntries(
  io: FileIO,
  manifest: ManifestFile,
  metadata: ManifestContext,
): Promise<readonly ManifestEntry[]> {
  const entries = await readManifest(io, manifest, metadata);
  return entries.some(entry => entry.status === 2) ? entries.filter(entry => entry.status !== 2) : entries;
}

function inheritance(manifest: ManifestFile): (decoded: DecodedEntry, header: AvroHeader) => ManifestEntry {
  const location = manifest.manifestPath;
  let nextRowId = manifest.firstRowId;
  const sequence = (own: number | undefined, status: number, header: AvroHeader): number => {
    if (own !== undefined) return own;
    if (status === 1 || manifest.sequenceNumber === 0) return manifest.sequenceNumber;
    if ((header.metadata.get('format-version') ?? '1') === '1') return 0;
    throw new CorruptFileError(location, `an entry with status ${status} has no sequence number.`);
  };
  return (decoded, header) => {
    const [status, snapshotId, sequenceNumber, fileSequenceNumber, file] = decoded;
    if (status !== 0 && status !== 1 && status !== 2) {
      throw new CorruptFileError(location, `an entry has the unknown status ${status}.`);
    }
    let firstRowId = file[16];
    if (file[0] !== undefined && file[0] !== 0) {
      firstRowId = undefined;
    } else if (firstRowId === undefined && nextRowId !== undefined && status !== 2) {
      firstRowId = nextRowId;
      nextRowId += file[4];
    }
    return {
      status,
      snapshotId: snapshotId ?? manifest.addedSnapshotId,
      sequenceNumber: sequence(sequenceNumber, status, header),
      fileSequenceNumber: sequence(
        fileSequenceNumber ?? (status === 1 ? undefined : sequenceNumber),
        status,
        header,
      ),
      dataFile: toDataFile(file, firstRowId, manifest),
    };
  };
}

function toDataFile(d: DecodedDataFile, firstRowId: number | undefined, manifest: ManifestFile): DataFile {
  const content = d[0] ?? 0;
  if (content !== 0 && content !== 1 && content !== 2) {
    throw new CorruptFileError(manifest.manifestPath, `the file ${d[1]} has the unknown content ${content}.`);
  }
  return {
    content: content as FileContent,
    filePath: d[1],
    fileFormat: d[2].toUpperCase() as DataFile['fileFormat'],
    specId: manifest.partitionSpecId,
    partition: (d[3] ?? []).map(value => value ?? null),
    recordCount: d[4],
    fileSizeInBytes: d[5],
    columnSizes: d[6],
    valueCounts: d[7],
    nullValueCounts: d[8],
    nanValueCounts: d[9],
    lowerBounds: d[10],
    upperBounds: d[11],
    keyMetadata: d[12],
    splitOffsets: d[13],
    equalityIds: d[14],
    sortOrderId: d[15],
    firstRowId,
    referencedDataFile: d[17],
    contentOffset: d[18],
    contentSizeInBytes: d[19],
  };
}

/**
 * The type of each of a spec's partition values, by the newest schema that still has the source column (the
 * current one first). undefined where no schema has it, or the transform is one this version doesn't know:
 * then each manifest's own Avro type counts.
 */
export function knownPartitionTypes(spec: PartitionSpec, metadata: ManifestContext): (Type | undefined)[] {
  const current = metadata.schemas.filter(schema => schema.schemaId === metadata.currentSchemaId);
  const others = metadata.schemas.filter(schema => schema.schemaId !== metadata.currentSchemaId);
  const schemas = [...current, ...others.sort((a, b) => b.schemaId - a.schemaId)];
  return spec.fields.map(field => {
    if (field.transform.kind === 'other') return undefined;
    for (const schema of schemas) {
      const source = findField(schema, field.sourceId);
      if (source !== undefined) return transformResultType(field.transform, source.type);
    }
    return undefined;
  });
}

/** Like knownPartitionTypes, with what's unknown there taken from the manifest's own Avro schema. */
export async function manifestPartitionTypes(
  io: FileIO,
  manifest: ManifestFile,
  spec: PartitionSpec,
  metadata: ManifestContext,
): Promise<Type[]> {
  const known = knownPartitionTypes(spec, metadata);
  if (known.every(type => type !== undefined)) return known as Type[];
  const location = manifest.manifestPath;
  const { schema } = decodeAvroFile(
    location,
    await io.read(location),
    () => ({ struct: [] }),
    () => undefined,
  );
  const dataFile = schema.kind === 'record' ? schema.fields.find(field => field.id === 2) : undefined;
  const partition =
    dataFile?.type.kind === 'record' ? dataFile.type.fields.find(field => field.id === 102) : undefined;
  const fields = partition?.type.kind === 'record' ? partition.type.fields : [];
  return spec.fields.map((field, i) => {
    const own = fields.find(f => f.id === field.fieldId);
    return known[i] ?? (own && typeOfAvro(own.type)) ?? { kind: 'unknown' };
  });
}

export interface ManifestRequest {
  readonly entries: readonly WritableEntry[];
  readonly spec: PartitionSpec;
  /** The table's schema, for the manifest's header. */
  readonly schema: Schema;
  /** Types of the spec's partition values; by default what `schema` says. */
  readonly partitionTypes?: readonly Type[];
  readonly formatVersion: FormatVersion;
  /** What the files are: 0 data files, 1 delete files. */
  readonly content: 0 | 1;
  /** The snapshot that adds the manifest. */
  readonly snapshotId: bigint;
}

/**
 * Encodes a manifest. Its sequence numbers are UNASSIGNED: they're known when the manifest list is written.
 * Entries that this commit adds leave theirs undefined and inherit them.
 */
export function encodeManifest(
  location: string,
  request: ManifestRequest,
): { readonly bytes: Uint8Array; readonly manifest: ManifestFile } {
  const { entries, spec, schema, formatVersion, content } = request;
  if (formatVersion === 1 && content === 1) {
    throw new ValidationError('A table of format version 1 has no delete files.', {
      hint: "Upgrade the table first: set the table property 'format-version' to '2'.",
    });
  }
  const types = request.partitionTypes ?? partitionTypesOf(spec, schema);
  const codec = manifestEntryCodec(formatVersion, spec, types);
  const bytes = encodeAvroFile({
    schema: codec.schema,
    metadata: {
      schema: stringifyJson(schemaToJson(schema)),
      'schema-id': String(schema.schemaId),
      'partition-spec': stringifyJson(specFieldsToJson(spec)),
      'partition-spec-id': String(spec.specId),
      'format-version': String(formatVersion),
      ...(formatVersion > 1 && { content: content === 0 ? 'data' : 'deletes' }),
    },
    records: entries,
    encode: codec.encode,
  });
  return { bytes, manifest: describe(location, bytes.length, types, request) };
}

/** Writes a manifest file. @throws AlreadyExistsError('file') */
export async function writeManifest(
  io: FileIO,
  location: string,
  request: ManifestRequest,
): Promise<ManifestFile> {
  const { bytes, manifest } = encodeManifest(location, request);
  await io.create(location, bytes);
  return manifest;
}

function describe(
  location: string,
  length: number,
  types: readonly Type[],
  request: ManifestRequest,
): ManifestFile {
  const summaries = new PartitionSummaries(types);
  let least: number | undefined;
  for (const { status, sequenceNumber, dataFile } of request.entries) {
    summaries.add(dataFile.partition);
    if (
      status !== 2 &&
      sequenceNumber !== undefined &&
      sequenceNumber < (least ?? Number.POSITIVE_INFINITY)
    ) {
      least = sequenceNumber;
    }
  }
  return {
    manifestPath: location,
    manifestLength: length,
    partitionSpecId: request.spec.specId,
    content: request.content,
    sequenceNumber: UNASSIGNED,
    // A number that the commit assigns is larger than every one that's there.
    minSequenceNumber: least ?? UNASSIGNED,
    addedSnapshotId: request.snapshotId,
    ...countEntries(request.entries),
    partitions: summaries.result(),
  };
}

/** How many files and rows a manifest's entries have, by their status, as a manifest list tells it. */
export function countEntries(entries: readonly Pick<ManifestEntry, 'status' | 'dataFile'>[]) {
  const files: [number, number, number] = [0, 0, 0];
  const rows: [number, number, number] = [0, 0, 0];
  for (const { status, dataFile } of entries) {
    files[status]++;
    rows[status] += dataFile.recordCount;
  }
  return {
    existingFilesCount: files[0],
    addedFilesCount: files[1],
    deletedFilesCount: files[2],
    existingRowsCount: rows[0],
    addedRowsCount: rows[1],
    deletedRowsCount: rows[2],
  };
}

function partitionTypesOf(spec: PartitionSpec, schema: Schema): Type[] {
  const types = knownPartitionTypes(spec, {
    schemas: [schema],
    currentSchemaId: schema.schemaId,
    partitionSpecs: [spec],
  });
  return types.map((type, i) => {
    if (type !== undefined) return type;
    throw new ValidationError(`The type of partition field ${spec.fields[i]!.name} is not known.`);
  });
}
