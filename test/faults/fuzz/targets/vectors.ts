import { crc32 } from 'node:zlib';
import type { DataFile } from '../../../../src/iceberg/datafile.ts';
import {
  decodeDeletionVector,
  encodeDeletionVector,
  readDeletionVector,
} from '../../../../src/iceberg/deletion-vector.ts';
import { encodePuffin } from '../../../../src/iceberg/puffin.ts';
import { decodeRoaring64, encodeRoaring64, PositionSet } from '../../../../src/iceberg/roaring.ts';
import { MemoryIO } from '../../../iceberg/memory-io.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import type { Random } from '../random.ts';
import { agree, disagree, type OpenTarget } from '../target.ts';

/** Sets whose containers are lists, runs and bitmaps, alone and together, also beyond 2^32. */
function positionSets(): PositionSet[] {
  const make = (positions: Iterable<number>) => {
    const set = new PositionSet();
    for (const position of positions) set.add(position);
    return set;
  };
  const range = (from: number, count: number, step = 1) =>
    Array.from({ length: count }, (_, i) => from + i * step);
  return [
    make([]),
    make([0]),
    make(range(0, 100)),
    make(range(5, 6000, 3)),
    make([...range(0, 20, 7), ...range(70_000, 5000, 2), ...range(200_000, 100)]),
    make([1, 2 ** 32 + 5, 2 ** 33, ...range(2 ** 40, 50)]),
    make([...range(65_530, 12), ...range(4 * 65_536, 4097, 5), ...range(9 * 65_536, 10, 100)]),
  ];
}

/** 64-bit Roaring bitmaps: a set that is read is written and read again the same. */
export async function openRoaring(): Promise<OpenTarget> {
  const corpus = positionSets().map(encodeRoaring64);
  return {
    input: random => mutateBytes(random, corpus, cookies),
    run: input => checkSet(decodeRoaring64('x', input as Uint8Array)),
  };
}

const cookies = [Buffer.from([0x3a, 0x30, 0, 0]), Buffer.from([0x3b, 0x30, 0, 0]), Buffer.alloc(8)];

function checkSet(set: PositionSet): void {
  const again = decodeRoaring64('x', encodeRoaring64(set));
  if (set.size !== again.size)
    disagree(`a set of ${set.size} positions is one of ${again.size} when read again`);
  if (set.size < 10_000) agree('positions read again', [...again], [...set]);
}

/** Deletion vectors in Puffin files; their checksum is made right again most times, so that what is in them counts. */
export async function openDeletionVector(): Promise<OpenTarget> {
  const vectors = positionSets().map(encodeDeletionVector);
  const puffin = encodePuffin(
    vectors.map(bytes => ({
      type: 'deletion-vector-v1',
      fields: [],
      snapshotId: -1,
      sequenceNumber: -1,
      bytes,
      properties: { 'referenced-data-file': 's3://b/t/data/1.parquet', cardinality: '1' },
    })),
  );
  const file = (more: Partial<DataFile>): DataFile => ({
    content: 1,
    filePath: 'p',
    fileFormat: 'PUFFIN',
    specId: 0,
    partition: [],
    recordCount: 1,
    fileSizeInBytes: puffin.bytes.length,
    referencedDataFile: 's3://b/t/data/1.parquet',
    ...more,
  });
  return {
    input(random: Random) {
      if (random.oneIn(4)) return mutateBytes(random, [puffin.bytes]);
      const vector = mutateBytes(random, vectors, cookies);
      if (random.oneIn(6) || vector.length < 12) return vector;
      const view = new DataView(vector.buffer, vector.byteOffset, vector.byteLength);
      view.setUint32(0, vector.length - 8);
      vector.set([0xd1, 0xd3, 0x39, 0x64], 4);
      view.setUint32(vector.length - 4, crc32(vector.subarray(4, -4)));
      return vector;
    },
    async run(input) {
      const bytes = input as Uint8Array;
      const io = new MemoryIO();
      io.files.set('p', bytes);
      // Where a manifest may say that the vector is: in the file, beyond it, or nowhere.
      const places = [
        { contentOffset: 4, contentSizeInBytes: vectors[0]!.length },
        { contentOffset: bytes.length, contentSizeInBytes: 2 ** 52 },
        { contentOffset: -4, contentSizeInBytes: 8 },
        {},
      ];
      for (const place of places) await refused(() => readDeletionVector(io, file(place)));
      const set = decodeDeletionVector('x', bytes);
      agree(
        'vector written and read again',
        [...decodeDeletionVector('x', encodeDeletionVector(set))].length,
        set.size,
      );
      checkSet(set);
    },
  };
}

/** Runs what may be refused, too. */
async function refused(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.name === 'CorruptFileError')) throw error;
  }
}
