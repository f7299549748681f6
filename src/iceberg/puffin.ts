import { stringifyJson } from './json.ts';

/*
 * Puffin files (Puffin spec, "File structure"): magic, blobs, footer. The footer is magic, JSON that describes the
 * blobs, its length (4 bytes, little-endian), four bytes of flags and magic.
 */

const magic = Buffer.from('PFA1', 'ascii');

export interface PuffinBlob {
  readonly type: string;
  /** Ids of the fields that the blob is about. */
  readonly fields: readonly number[];
  readonly snapshotId: bigint | number;
  readonly sequenceNumber: number;
  readonly bytes: Uint8Array;
  readonly properties?: Readonly<Record<string, string>>;
}

export interface PuffinFile {
  readonly bytes: Uint8Array;
  /** Where each blob starts. */
  readonly offsets: readonly number[];
  /** Bytes behind the blobs. */
  readonly footerSize: number;
}

/** A Puffin file with uncompressed blobs. */
export function encodePuffin(blobs: readonly PuffinBlob[]): PuffinFile {
  const offsets: number[] = [];
  let end = magic.length;
  for (const { bytes } of blobs) {
    offsets.push(end);
    end += bytes.length;
  }
  const payload = Buffer.from(
    stringifyJson({
      blobs: blobs.map((blob, index) => ({
        type: blob.type,
        fields: blob.fields,
        'snapshot-id': blob.snapshotId,
        'sequence-number': blob.sequenceNumber,
        offset: offsets[index],
        length: blob.bytes.length,
        ...(blob.properties === undefined ? {} : { properties: blob.properties }),
      })),
      properties: { 'created-by': 'Lakebook' },
    }),
  );
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(payload.length, 0);
  const bytes = Buffer.concat([magic, ...blobs.map(blob => blob.bytes), magic, payload, tail, magic]);
  return { bytes, offsets, footerSize: bytes.length - end };
}
