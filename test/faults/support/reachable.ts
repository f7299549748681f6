// Which files a table needs, found without Lakebook's own reader of metadata: by JSON.parse and avsc alone, so that what
// the clean-up takes for orphans has a judge of its own.
import { once } from 'node:events';
import { inflateRaw } from 'node:zlib';
import avro from 'avsc';
import type { Lake } from '../../../src/catalog/open-lake.ts';

/** Numbers beyond 2^53 as what they are. */
const longs = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

async function avroRecords(bytes: Uint8Array): Promise<Record<string, unknown>[]> {
  const decoder = new avro.streams.BlockDecoder({
    codecs: {
      deflate: inflateRaw,
      null: (data: Buffer, done: (error: null, data: Buffer) => void) => done(null, data),
    },
    parseHook: (schema: avro.Schema) => avro.Type.forSchema(schema, { registry: { long: longs } }),
  } as object);
  const records: Record<string, unknown>[] = [];
  decoder.on('data', record => records.push(record as Record<string, unknown>));
  decoder.end(Buffer.from(bytes));
  await once(decoder, 'end');
  return records;
}

interface RawMetadata {
  readonly location: string;
  readonly snapshots?: readonly { readonly 'manifest-list'?: string }[];
  readonly 'metadata-log'?: readonly { readonly 'metadata-file': string }[];
}

/** Addresses of all files that the metadata at an address names, that one too. @throws when one of them isn't there */
export async function neededFiles({ storage }: Lake, metadataLocation: string): Promise<Set<string>> {
  const metadata = JSON.parse(Buffer.from(await storage.read(metadataLocation)).toString()) as RawMetadata;
  const needed = new Set([metadataLocation]);
  for (const entry of metadata['metadata-log'] ?? []) needed.add(entry['metadata-file']);
  const manifests = new Set<string>();
  for (const snapshot of metadata.snapshots ?? []) {
    const list = snapshot['manifest-list']!;
    needed.add(list);
    for (const record of await avroRecords(await storage.read(list))) {
      manifests.add(String(record.manifest_path));
    }
  }
  for (const manifest of manifests) {
    needed.add(manifest);
    for (const record of await avroRecords(await storage.read(manifest))) {
      const { file_path: file } = record.data_file as { file_path: string };
      needed.add(file);
      if (record.status !== 2 && !(await storage.exists(file))) throw new Error(`${file} is missing.`);
    }
  }
  return needed;
}

/** Addresses of the files below a table's folder that nothing of the table needs, hidden ones too; sorted. */
export async function needlessFiles(lake: Lake, name: string): Promise<string[]> {
  const namespace = lake.defaultNamespace;
  const { metadata, metadataLocation } = await lake.catalog.loadTable({ namespace, name });
  const needed = await neededFiles(lake, metadataLocation);
  return (await filesBelow(lake, metadata.location)).filter(file => !needed.has(file));
}

export async function filesBelow({ storage }: Lake, folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { location } of storage.list(folder)) files.push(location);
  return files.sort();
}
