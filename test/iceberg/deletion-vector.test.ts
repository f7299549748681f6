import { describe, expect, test } from 'vitest';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import {
  decodeDeletionVector,
  encodeDeletionVector,
  encodeDeletionVectors,
  readDeletionVector,
} from '../../src/iceberg/deletion-vector.ts';
import { PositionSet } from '../../src/iceberg/roaring.ts';

function setOf(...positions: number[]): PositionSet {
  const set = new PositionSet();
  for (const position of positions) set.add(position);
  return set;
}

const dataFile: DataFile = {
  content: 0,
  filePath: 'file:///t/data/a.parquet',
  fileFormat: 'PARQUET',
  specId: 3,
  partition: [7],
  recordCount: 1000,
  fileSizeInBytes: 10,
};

describe('a Puffin file of deletion vectors', () => {
  const other = { ...dataFile, filePath: 'file:///t/data/b.parquet' };
  const { bytes, files } = encodeDeletionVectors('file:///t/data/x.puffin', [
    { dataFile, positions: setOf(1, 500) },
    { dataFile: other, positions: setOf(2 ** 33) },
  ]);
  const io = {
    read: async (_: string, range?: { start: number; end: number }) =>
      bytes.subarray(range?.start, range?.end),
  };

  test('has each file’s positions where its entry says', async () => {
    expect(files).toMatchObject([
      { content: 1, fileFormat: 'PUFFIN', recordCount: 2, referencedDataFile: dataFile.filePath, specId: 3 },
      { recordCount: 1, referencedDataFile: other.filePath, partition: [7], fileSizeInBytes: bytes.length },
    ]);
    expect([...(await readDeletionVector(io, files[0]!))]).toEqual([1, 500]);
    expect([...(await readDeletionVector(io, files[1]!))]).toEqual([2 ** 33]);
  });

  test('is laid out as the Puffin spec says', () => {
    const buffer = Buffer.from(bytes);
    expect(buffer.subarray(0, 4).toString()).toBe('PFA1');
    expect(buffer.subarray(-4).toString()).toBe('PFA1');
    expect(buffer.readUInt32LE(buffer.length - 8)).toBe(0);
    const length = buffer.readUInt32LE(buffer.length - 12);
    const start = buffer.length - 12 - length;
    expect(buffer.subarray(start - 4, start).toString()).toBe('PFA1');
    expect(JSON.parse(buffer.subarray(start, start + length).toString()).blobs[0]).toEqual({
      type: 'deletion-vector-v1',
      fields: [2147483645],
      'snapshot-id': -1,
      'sequence-number': -1,
      offset: 4,
      length: files[0]!.contentSizeInBytes,
      properties: { 'referenced-data-file': dataFile.filePath, cardinality: '2' },
    });
  });

  test('is refused where the entry counts other positions', async () => {
    await expect(readDeletionVector(io, { ...files[0]!, recordCount: 3 })).rejects.toThrow(
      /has 2 positions, not 3/,
    );
  });

  test('is refused when it is cut off, or the entry gives no place', async () => {
    const { contentOffset: _, ...placeless } = files[0]!;
    await expect(readDeletionVector(io, placeless)).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
    const short = { read: async () => bytes.subarray(4, 10) };
    await expect(readDeletionVector(short, files[0]!)).rejects.toThrow(/ends before/);
  });
});

describe('a damaged vector is refused', () => {
  const good = encodeDeletionVector(setOf(3, 4, 70_000));
  test.each([
    ['its length', 3, /its length/],
    ['its magic', 5, /does not begin/],
    ['a position', 30, /checksum/],
    ['its checksum', good.length - 1, /checksum/],
  ])('%s', (_, at, message) => {
    const bytes = Uint8Array.from(good);
    bytes[at]! ^= 1;
    expect(() => decodeDeletionVector('file:///dv', bytes)).toThrow(message);
    expect([...decodeDeletionVector('file:///dv', good)]).toEqual([3, 4, 70_000]);
  });
});
