import { crc32, deflateRawSync, inflateRawSync, zstdCompressSync } from 'node:zlib';
import { AvroReader, AvroWriter } from '../../../../src/iceberg/avro-binary.ts';
import type { DataFile, ManifestEntry } from '../../../../src/iceberg/datafile.ts';
import { encodeManifest, readManifest } from '../../../../src/iceberg/manifest.ts';
import {
  type ManifestFile,
  readManifestList,
  writeManifestList,
} from '../../../../src/iceberg/manifest-list.ts';
import type { FormatVersion, WritableEntry } from '../../../../src/iceberg/manifest-schema.ts';
import type { PartitionSpec } from '../../../../src/iceberg/partition.ts';
import type { Schema } from '../../../../src/iceberg/schema.ts';
import { valueFromBytes } from '../../../../src/iceberg/value.ts';
import { MemoryIO } from '../../../iceberg/memory-io.ts';
import { mutateBytes, varint } from '../mutate-bytes.ts';
import { jsonText, mutateJson } from '../mutate-json.ts';
import type { Random } from '../random.ts';
import { agree, type OpenTarget } from '../target.ts';

const schema: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', required: true, type: { kind: 'long' } },
    { id: 2, name: 'at', required: false, type: { kind: 'timestamp' } },
    { id: 3, name: 'text', required: false, type: { kind: 'string' } },
    { id: 4, name: 'price', required: false, type: { kind: 'decimal', precision: 9, scale: 2 } },
    { id: 5, name: 'uuid', required: false, type: { kind: 'uuid' } },
    { id: 6, name: 'bin', required: false, type: { kind: 'binary' } },
  ],
  identifierFieldIds: [],
};
const spec: PartitionSpec = {
  specId: 0,
  fields: [
    { sourceId: 2, fieldId: 1000, name: 'day', transform: { kind: 'day' } },
    { sourceId: 3, fieldId: 1001, name: 'text', transform: { kind: 'identity' } },
    { sourceId: 4, fieldId: 1002, name: 'price', transform: { kind: 'identity' } },
    { sourceId: 5, fieldId: 1003, name: 'uuid', transform: { kind: 'identity' } },
    { sourceId: 6, fieldId: 1004, name: 'bin', transform: { kind: 'truncate', width: 2 } },
    { sourceId: 1, fieldId: 1005, name: 'bucket', transform: { kind: 'bucket', buckets: 4 } },
  ],
};
const metadata = { schemas: [schema], currentSchemaId: 0, partitionSpecs: [spec] };

const dataFile = (n: number, version: FormatVersion): DataFile => ({
  content: 0,
  filePath: `s3://b/t/data/${n}.parquet`,
  fileFormat: 'PARQUET',
  specId: 0,
  partition: [
    n,
    n % 3 === 0 ? null : `text ${n}`,
    BigInt(n),
    '9c12d441-03fe-4693-9a96-a0705ddf69c1',
    Uint8Array.of(n, 2),
    n % 4,
  ],
  recordCount: n,
  fileSizeInBytes: 1000 + n,
  columnSizes: new Map([
    [1, 10],
    [2, 20],
  ]),
  valueCounts: new Map([[1, n]]),
  nullValueCounts: new Map([[1, 0]]),
  nanValueCounts: new Map(),
  lowerBounds: new Map([
    [1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)],
    [3, Buffer.from('aa')],
  ]),
  upperBounds: new Map([
    [1, Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0)],
    [3, Buffer.from('zz')],
  ]),
  splitOffsets: [4, 1000],
  sortOrderId: 0,
  ...(version > 2 ? { firstRowId: n * 100 } : {}),
});

const entries = (version: FormatVersion): WritableEntry[] =>
  [0, 1, 2, 3, 4].map(n => ({
    status: (n % 3) as 0 | 1 | 2,
    snapshotId: BigInt(n + 11),
    ...(n % 3 === 1 ? {} : { sequenceNumber: 1, fileSequenceNumber: 1 }),
    dataFile: dataFile(n, version),
  }));

interface Block {
  readonly count: number | bigint;
  readonly bytes: Buffer;
}

/** The parts of a container file of ours, so that one can be changed while the others stay whole. */
interface Container {
  readonly header: ReadonlyMap<string, Buffer>;
  readonly blocks: readonly Block[];
}

function takeApart(file: Uint8Array): Container {
  const reader = new AvroReader(file, 4);
  const header = new Map<string, Buffer>();
  for (let count = reader.readBlockCount(2); count > 0; count = reader.readBlockCount(2)) {
    for (let i = 0; i < count; i++) header.set(reader.readString(), reader.readBytes());
  }
  reader.skip(16);
  const blocks: Block[] = [];
  while (reader.remaining > 0) {
    blocks.push({ count: reader.readLong(), bytes: inflateRawSync(reader.readBytes()) });
    reader.skip(16);
  }
  return { header, blocks };
}

const codecs: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  null: bytes => bytes,
  deflate: bytes => deflateRawSync(bytes),
  zstandard: bytes => zstdCompressSync(bytes),
  snappy: snappyBlock,
};

/** Snappy's form with nothing but literals, and Avro's checksum behind it. */
function snappyBlock(bytes: Uint8Array): Uint8Array {
  const parts = [varint(BigInt(bytes.length))];
  for (let at = 0; at < bytes.length; at += 60) {
    const part = bytes.subarray(at, at + 60);
    parts.push(Uint8Array.of((part.length - 1) << 2), part);
  }
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return Buffer.concat([...parts, sum]);
}

const sync = Buffer.alloc(16, 7);

function putTogether({ header, blocks }: Container, codec: string): Buffer {
  const writer = new AvroWriter(4096);
  writer.writeFixed(Buffer.from('Obj\x01', 'latin1'));
  const all = new Map([...header, ['avro.codec', Buffer.from(codec)]]);
  writer.writeLong(all.size);
  for (const [key, value] of all) {
    writer.writeString(key);
    writer.writeBytes(value);
  }
  writer.writeLong(0);
  writer.writeFixed(sync);
  for (const { count, bytes } of blocks) {
    writer.writeLong(count);
    writer.writeBytes(codecs[codec]!(bytes));
    writer.writeFixed(sync);
  }
  return Buffer.from(writer.view());
}

const counts = [0, -1, 1, 6, 1_000_000, 2 ** 31, 2n ** 60n, 2n ** 63n - 1n] as const;

/** Changes one part of a file: its schema, a header's entry, a count, a block's bytes before they are compressed. */
function mutateContainer(random: Random, files: readonly Container[]): Uint8Array {
  const file = random.pick(files);
  const header = new Map(file.header);
  let blocks = [...file.blocks];
  switch (random.below(4)) {
    case 0: {
      const json: unknown = JSON.parse(header.get('avro.schema')!.toString());
      header.set('avro.schema', Buffer.from(jsonText(mutateJson(random, json, schemaWords))));
      break;
    }
    case 1: {
      const key = random.pick([...header.keys()]);
      header.set(key, Buffer.from(mutateBytes(random, [header.get(key)!])));
      break;
    }
    case 2: {
      blocks = blocks.map(block => ({ ...block, count: random.pick(counts) }));
      break;
    }
    default:
      blocks = blocks.map(block => ({
        ...block,
        bytes: Buffer.from(
          mutateBytes(
            random,
            files.flatMap(each => each.blocks.map(b => b.bytes)),
          ),
        ),
      }));
  }
  return putTogether({ header, blocks }, random.pick(Object.keys(codecs)));
}

const schemaWords = [
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
  ['null', 'long'],
  ['null', 'int', 'string'],
  { type: 'array', items: 'null' },
  { type: 'array', items: { type: 'fixed', name: 'f', size: 0 } },
  { type: 'map', values: 'long' },
  { type: 'enum', name: 'e', symbols: ['A'] },
  { type: 'fixed', name: 'g', size: 2 ** 31 },
  { type: 'record', name: 'r', fields: [] },
  'manifest_entry',
  'r2',
];

const bytewise = [Buffer.from('avro.schema'), Buffer.from('avro.codec'), Buffer.from('zstandard'), sync];

function manifestFile(n: number, version: FormatVersion): ManifestFile {
  return {
    manifestPath: `s3://b/t/metadata/${n}-m0.avro`,
    manifestLength: 4000 + n,
    partitionSpecId: 0,
    content: version > 1 && n % 2 === 1 ? 1 : 0,
    sequenceNumber: version === 1 ? 0 : n,
    minSequenceNumber: version === 1 ? 0 : n,
    addedSnapshotId: 8744736658442914487n,
    addedFilesCount: n,
    existingFilesCount: 0,
    deletedFilesCount: 1,
    addedRowsCount: n * 10,
    existingRowsCount: 0,
    deletedRowsCount: 3,
    partitions: [
      {
        containsNull: false,
        containsNan: false,
        lowerBound: Uint8Array.of(1, 0, 0, 0),
        upperBound: Uint8Array.of(9),
      },
      { containsNull: true },
    ],
    ...(version > 2 ? { firstRowId: n * 1000 } : {}),
  };
}

/** Manifest lists: what is read is written and read again the same. */
export async function openManifestList(): Promise<OpenTarget> {
  const containers: Container[] = [];
  for (const version of [1, 2, 3] as const) {
    const io = new MemoryIO();
    const manifests = [1, 2, 3].map(n => manifestFile(n, version));
    await writeManifestList(io, 'x', {
      formatVersion: version,
      snapshotId: 8744736658442914487n,
      parentSnapshotId: 1n,
      sequenceNumber: version === 1 ? 0 : 9,
      firstRowId: 0,
      manifests,
    });
    containers.push(takeApart(io.files.get('x')!));
  }
  const files = containers.flatMap(file => Object.keys(codecs).map(codec => putTogether(file, codec)));
  return {
    input: random =>
      random.oneIn(3) ? mutateBytes(random, files, bytewise) : mutateContainer(random, containers),
    async run(input) {
      const io = new MemoryIO();
      io.files.set('a', input as Uint8Array);
      const read = await readManifestList(io, 'a');
      // What v3 asks for: every count, sequence numbers, and row ids of data manifests alone.
      const whole = read.flatMap((each): ManifestFile[] => {
        const known = [
          each.addedFilesCount,
          each.existingFilesCount,
          each.deletedFilesCount,
          each.addedRowsCount,
          each.existingRowsCount,
          each.deletedRowsCount,
        ].every(count => count !== undefined);
        if (!known || each.sequenceNumber < 0 || each.minSequenceNumber < 0) return [];
        return [{ ...each, firstRowId: each.content === 1 ? undefined : (each.firstRowId ?? 5) }];
      });
      await writeManifestList(io, 'b', {
        formatVersion: 3,
        snapshotId: 1n,
        parentSnapshotId: undefined,
        sequenceNumber: 1,
        manifests: whole,
      });
      agree('manifest list written and read again', await readManifestList(io, 'b'), whole);
    },
  };
}

/** Manifests: every entry with all its metrics, written and read again the same. */
export async function openManifest(): Promise<OpenTarget> {
  const containers = ([1, 2, 3] as const).map(version => takeApart(encode(entries(version), version)));
  const files = containers.flatMap(file => Object.keys(codecs).map(codec => putTogether(file, codec)));
  return {
    input: random =>
      random.oneIn(3) ? mutateBytes(random, files, bytewise) : mutateContainer(random, containers),
    async run(input) {
      const read = await readAs(input as Uint8Array);
      for (const entry of read) walk(entry);
      const kept = read
        .filter(({ status, dataFile }) => status !== 1 && dataFile.content === 0)
        .map(entry => ({ ...entry, status: 0 as const }));
      agree('manifest written and read again', await readAs(encode(kept, 3)), kept);
    },
  };
}

function encode(list: readonly WritableEntry[], formatVersion: FormatVersion): Uint8Array {
  return encodeManifest('m', { entries: list, spec, schema, formatVersion, content: 0, snapshotId: 11n })
    .bytes;
}

async function readAs(bytes: Uint8Array): Promise<readonly ManifestEntry[]> {
  const io = new MemoryIO();
  io.files.set('m', bytes);
  const manifest: ManifestFile = {
    manifestPath: 'm',
    manifestLength: 0,
    partitionSpecId: 0,
    content: 0,
    sequenceNumber: 7,
    minSequenceNumber: 1,
    addedSnapshotId: 5n,
  };
  return readManifest(io, manifest, metadata);
}

/** Looks at everything that an entry has, as planning does. */
function walk({ dataFile }: ManifestEntry): void {
  for (const counts of [
    dataFile.columnSizes,
    dataFile.valueCounts,
    dataFile.nullValueCounts,
    dataFile.nanValueCounts,
  ]) {
    for (const [id, count] of counts ?? [])
      agree('a count', counts!.get(id) !== undefined, count !== undefined);
  }
  for (const bounds of [dataFile.lowerBounds, dataFile.upperBounds]) {
    for (const [id, bytes] of bounds ?? []) {
      const field = schema.fields.find(each => each.id === id);
      if (field !== undefined && bytes.length < 100) {
        try {
          valueFromBytes(field.type, bytes);
        } catch (error) {
          if ((error as Error).name !== 'ValidationError') throw error;
        }
      }
    }
  }
}
