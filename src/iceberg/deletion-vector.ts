import { crc32 } from 'node:zlib';
import type { DataFile } from './datafile.ts';
import { CorruptFileError } from './errors.ts';
import type { FileIO } from './io.ts';
import { encodePuffin } from './puffin.ts';
import { reservedFieldIds } from './reserved-fields.ts';
import { decodeRoaring64, encodeRoaring64, type PositionSet } from './roaring.ts';

/*
 * Deletion vectors (Puffin spec: "deletion-vector-v1 blob type"): length (4 bytes, big-endian) of what follows it but
 * the checksum, magic, a 64-bit Roaring bitmap of deleted positions, CRC-32 (big-endian) of magic and bitmap.
 */

const magic = Buffer.from([0xd1, 0xd3, 0x39, 0x64]);
const blobType = 'deletion-vector-v1';

export function encodeDeletionVector(positions: PositionSet): Uint8Array {
  const content = Buffer.concat([magic, encodeRoaring64(positions)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(content));
  return Buffer.concat([length, content, checksum]);
}

/** @throws CorruptFileError, naming `location`, also when the checksum is wrong */
export function decodeDeletionVector(location: string, blob: Uint8Array): PositionSet {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  const corrupt = (why: string) => new CorruptFileError(location, `no deletion vector: ${why}.`);
  if (bytes.length < 12 || bytes.readUInt32BE(0) !== bytes.length - 8) {
    throw corrupt('its length is not what it says');
  }
  const content = bytes.subarray(4, -4);
  if (!content.subarray(0, 4).equals(magic)) throw corrupt('it does not begin as one');
  if (crc32(content) !== bytes.readUInt32BE(bytes.length - 4)) throw corrupt('its checksum is wrong');
  return decodeRoaring64(location, content.subarray(4));
}

/**
 * The deleted positions that a delete file's entry says.
 * @throws CorruptFileError also when there are more or fewer than the entry says; NotFoundError('file')
 */
export async function readDeletionVector(io: Pick<FileIO, 'read'>, file: DataFile): Promise<PositionSet> {
  const { filePath, contentOffset: start, contentSizeInBytes: size } = file;
  if (start === undefined || size === undefined) {
    throw new CorruptFileError(filePath, "a manifest doesn't say where the deletion vector is in it.");
  }
  const bytes = await io.read(filePath, { start, end: start + size });
  if (bytes.length !== size) throw new CorruptFileError(filePath, 'it ends before the deletion vector does.');
  const positions = decodeDeletionVector(filePath, bytes);
  if (positions.size !== file.recordCount) {
    throw new CorruptFileError(
      filePath,
      `the deletion vector of ${file.referencedDataFile} has ${positions.size} positions, not ${file.recordCount}.`,
    );
  }
  return positions;
}

/** Deleted rows of one data file. */
export interface FileDeletes {
  readonly dataFile: DataFile;
  readonly positions: PositionSet;
}

/** One Puffin file with a deletion vector for each data file, and the manifest entries for them. */
export function encodeDeletionVectors(
  location: string,
  deletes: readonly FileDeletes[],
): { readonly bytes: Uint8Array; readonly files: DataFile[] } {
  const blobs = deletes.map(({ dataFile, positions }) => ({
    type: blobType,
    fields: [reservedFieldIds.rowPosition],
    // The commit that adds the vectors isn't known yet.
    snapshotId: -1,
    sequenceNumber: -1,
    bytes: encodeDeletionVector(positions),
    properties: { 'referenced-data-file': dataFile.filePath, cardinality: String(positions.size) },
  }));
  const { bytes, offsets } = encodePuffin(blobs);
  const files = deletes.map(
    ({ dataFile, positions }, index): DataFile => ({
      content: 1,
      filePath: location,
      fileFormat: 'PUFFIN',
      specId: dataFile.specId,
      partition: dataFile.partition,
      recordCount: positions.size,
      fileSizeInBytes: bytes.length,
      referencedDataFile: dataFile.filePath,
      contentOffset: offsets[index]!,
      contentSizeInBytes: blobs[index]!.bytes.length,
    }),
  );
  return { bytes, files };
}
