import { decodeAvroFile, decodeAvroMetadata, encodeAvroFile } from './avro.ts';
import { mapConcurrent } from './concurrent.ts';
import { CorruptFileError } from './errors.ts';
import { decodedOnce } from './file-cache.ts';
import type { FileIO } from './io.ts';
import { type FormatVersion, manifestFileCodec } from './manifest-schema.ts';
import { type DecodedManifestFile, MANIFEST_FILE_SHAPE } from './manifest-shape.ts';
import type { Snapshot } from './metadata.ts';

/** A manifest as a manifest list describes it (spec: "Manifest Lists", `manifest_file`). */
export interface ManifestFile {
  readonly manifestPath: string;
  /** Bytes. */
  readonly manifestLength: number;
  readonly partitionSpecId: number;
  /** 0 data, 1 deletes. */
  readonly content: 0 | 1;
  /** 0 in v1; UNASSIGNED for a manifest that isn't in a manifest list yet. */
  readonly sequenceNumber: number;
  /** Least data sequence number of the live files; UNASSIGNED as above. */
  readonly minSequenceNumber: number;
  readonly addedSnapshotId: bigint;
  /** Counts by entry status; undefined (v1 only) means unknown and must be taken for non-zero. */
  readonly addedFilesCount?: number;
  readonly existingFilesCount?: number;
  readonly deletedFilesCount?: number;
  readonly addedRowsCount?: number;
  readonly existingRowsCount?: number;
  readonly deletedRowsCount?: number;
  /** One summary per field of the partition spec. */
  readonly partitions?: readonly PartitionFieldSummary[];
  readonly keyMetadata?: Uint8Array;
  readonly firstRowId?: number;
}

export interface PartitionFieldSummary {
  readonly containsNull: boolean;
  readonly containsNan?: boolean;
  /** Single-value binary form in the partition field's type; absent when all values are null or NaN. */
  readonly lowerBound?: Uint8Array;
  readonly upperBound?: Uint8Array;
}

/** The sequence number of what is not committed yet: the commit's own one takes its place. */
export const UNASSIGNED = -1;

/** Whether the manifest may hold files that are live. */
export function hasLiveFiles(manifest: ManifestFile): boolean {
  return manifest.addedFilesCount !== 0 || manifest.existingFilesCount !== 0;
}

/** Reads a manifest list. @throws CorruptFileError, NotFoundError('file') */
export async function readManifestList(io: FileIO, location: string): Promise<readonly ManifestFile[]> {
  return decodedOnce(io, `list ${location}`, async () => {
    const bytes = await io.read(location);
    const file = decodeAvroFile(
      location,
      bytes,
      () => MANIFEST_FILE_SHAPE,
      (decoded: DecodedManifestFile) => toManifestFile(location, decoded),
    );
    return { value: file.records, bytes: file.decodedBytes * 2 + file.records.length * 400 };
  });
}

/**
 * The manifests of a snapshot, also of an old v1 snapshot that names its manifests itself. For those nothing
 * is known but the path and the partition spec.
 */
export async function snapshotManifests(io: FileIO, snapshot: Snapshot): Promise<readonly ManifestFile[]> {
  if (snapshot.manifestList !== undefined) return readManifestList(io, snapshot.manifestList);
  const manifests: ManifestFile[] = [];
  const found = mapConcurrent(snapshot.manifests ?? [], async (manifestPath): Promise<ManifestFile> => {
    const bytes = await io.read(manifestPath);
    const specId = Number(decodeAvroMetadata(manifestPath, bytes).get('partition-spec-id') ?? 0);
    return {
      manifestPath,
      manifestLength: bytes.length,
      partitionSpecId: specId,
      content: 0,
      sequenceNumber: 0,
      minSequenceNumber: 0,
      addedSnapshotId: snapshot.snapshotId,
    };
  });
  for await (const manifest of found) manifests.push(manifest);
  return manifests;
}

function toManifestFile(location: string, d: DecodedManifestFile): ManifestFile {
  const content = d[3] ?? 0;
  if (content !== 0 && content !== 1) {
    throw new CorruptFileError(location, `the manifest ${d[0]} has the unknown content ${content}.`);
  }
  if (d[6] === undefined)
    throw new CorruptFileError(location, `the manifest ${d[0]} has no added_snapshot_id.`);
  return {
    manifestPath: d[0],
    manifestLength: d[1],
    partitionSpecId: d[2],
    content,
    sequenceNumber: d[4] ?? 0,
    minSequenceNumber: d[5] ?? 0,
    addedSnapshotId: d[6],
    addedFilesCount: d[7],
    existingFilesCount: d[8],
    deletedFilesCount: d[9],
    addedRowsCount: d[10],
    existingRowsCount: d[11],
    deletedRowsCount: d[12],
    partitions: d[13]?.map(([containsNull, containsNan, lowerBound, upperBound]) => ({
      containsNull,
      containsNan,
      lowerBound,
      upperBound,
    })),
    keyMetadata: d[14],
    firstRowId: d[15],
  };
}

export interface ManifestListRequest {
  readonly formatVersion: FormatVersion;
  readonly snapshotId: bigint;
  readonly parentSnapshotId: bigint | undefined;
  /** The snapshot's; 0 in v1. Takes the place of UNASSIGNED. */
  readonly sequenceNumber: number;
  /** v3: the snapshot's first row id (the table's next-row-id). */
  readonly firstRowId?: number;
  readonly manifests: readonly ManifestFile[];
}

/**
 * Writes a manifest list. In v3, data manifests without a first row id get one (spec: "First Row ID
 * Assignment"). Gives the number of row ids assigned, the snapshot's `added-rows`; 0 before v3.
 * @throws AlreadyExistsError('file')
 */
export async function writeManifestList(
  io: Pick<FileIO, 'create'>,
  location: string,
  request: ManifestListRequest,
): Promise<{ readonly addedRows: number }> {
  const { formatVersion, sequenceNumber, firstRowId = 0 } = request;
  let addedRows = 0;
  const records = request.manifests.map((manifest): ManifestFile => {
    const assigned = {
      ...manifest,
      sequenceNumber: manifest.sequenceNumber === UNASSIGNED ? sequenceNumber : manifest.sequenceNumber,
      minSequenceNumber:
        manifest.minSequenceNumber === UNASSIGNED ? sequenceNumber : manifest.minSequenceNumber,
    };
    if (formatVersion < 3 || manifest.content === 1 || manifest.firstRowId !== undefined) return assigned;
    const first = firstRowId + addedRows;
    addedRows += (manifest.addedRowsCount ?? 0) + (manifest.existingRowsCount ?? 0);
    return { ...assigned, firstRowId: first };
  });
  const codec = manifestFileCodec(formatVersion);
  const bytes = encodeAvroFile({
    schema: codec.schema,
    metadata: {
      'snapshot-id': String(request.snapshotId),
      'parent-snapshot-id': String(request.parentSnapshotId ?? null),
      ...(formatVersion > 1 && { 'sequence-number': String(sequenceNumber) }),
      ...(formatVersion > 2 && { 'first-row-id': String(firstRowId) }),
      'format-version': String(formatVersion),
    },
    records,
    encode: codec.encode,
  });
  await io.create(location, bytes);
  return { addedRows };
}
