import { expect, test } from 'vitest';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import type { TableMetadata } from '../../src/iceberg/metadata.ts';
import { applyUpdates } from '../../src/iceberg/metadata-builder.ts';
import { newTableMetadata } from '../../src/iceberg/metadata-json.ts';
import { reachableFiles } from '../../src/iceberg/reachable.ts';
import { produceSnapshot } from '../../src/iceberg/snapshot-producer.ts';
import { MemoryIO } from './memory-io.ts';

const schema = {
  schemaId: 0,
  fields: [{ id: 1, name: 'id', required: false, type: { kind: 'long' } }],
  identifierFieldIds: [],
} as const;

const dataFile = (name: string, more: Partial<DataFile> = {}): DataFile => ({
  content: 0,
  filePath: `s3://b/t/data/${name}`,
  fileFormat: 'PARQUET',
  specId: 0,
  partition: [],
  recordCount: 1,
  fileSizeInBytes: 10,
  ...more,
});

async function commit(metadata: TableMetadata, io: MemoryIO, added: DataFile[], removed: DataFile[] = []) {
  const { updates } = await produceSnapshot({ metadata, io, operation: 'overwrite', added, removed });
  return applyUpdates(metadata, updates, {
    previousMetadataLocation: `s3://b/t/metadata/v${metadata.snapshots.length}.json`,
  });
}

const deletes = dataFile('d', { content: 2, equalityIds: [1] });

/** a; a + b + deletes; b + deletes: a is gone from the newest snapshot. */
async function history() {
  const io = new MemoryIO();
  let metadata = newTableMetadata({ schema, location: 's3://b/t' });
  metadata = await commit(metadata, io, [dataFile('a')]);
  metadata = await commit(metadata, io, [dataFile('b'), deletes]);
  metadata = await commit(metadata, io, [], [dataFile('a')]);
  return { io, metadata };
}
const names = (files: ReadonlySet<string>) => [...files].map(file => file.split('/').at(-1)!).sort();

test('every file that the metadata names, and nothing else', async () => {
  const { io, metadata } = await history();
  const files = await reachableFiles(metadata, 's3://b/t/metadata/v3.json', io);
  expect(names(files.contentFiles)).toEqual(['a', 'b', 'd']);
  expect(names(files.metadataFiles)).toEqual(['v0.json', 'v1.json', 'v2.json', 'v3.json']);
  expect(new Set([...files.manifests, ...files.manifestLists])).toEqual(new Set(io.files.keys()));
  expect(files.manifestLists.size).toBe(3);
  expect(files.statisticsFiles.size).toBe(0);
});

test('of some snapshots only, and only what is live in them', async () => {
  const { io, metadata } = await history();
  const newest = { snapshots: [metadata.snapshots[2]!] };
  const all = await reachableFiles(metadata, undefined, io, newest);
  expect(names(all.contentFiles)).toEqual(['a', 'b', 'd']);
  expect(all.manifestLists.size).toBe(1);
  expect(names(all.metadataFiles)).toEqual(['v0.json', 'v1.json', 'v2.json']);
  const live = await reachableFiles(metadata, undefined, io, { ...newest, liveOnly: true });
  expect(names(live.contentFiles)).toEqual(['b', 'd']);
});

test('statistics files of both kinds', async () => {
  const { io, metadata } = await history();
  const snapshotId = metadata.currentSnapshotId!;
  const withStatistics = applyUpdates(metadata, [
    {
      action: 'set-statistics',
      statistics: { 'snapshot-id': snapshotId, 'statistics-path': 's3://b/x.puffin' },
    },
    {
      action: 'set-partition-statistics',
      statistics: { 'snapshot-id': snapshotId, 'statistics-path': 's3://b/y.parquet' },
    },
  ]);
  const { statisticsFiles } = await reachableFiles(withStatistics, undefined, io);
  expect(statisticsFiles).toEqual(new Set(['s3://b/x.puffin', 's3://b/y.parquet']));
});

test('each manifest is read once, however many snapshots share it', async () => {
  const { io, metadata } = await history();
  const fresh = new MemoryIO();
  for (const [location, bytes] of io.files) fresh.files.set(location, bytes);
  await reachableFiles(metadata, undefined, fresh);
  expect(fresh.reads.toSorted()).toEqual([...io.files.keys()].toSorted());
});

test('damage is told: the answer would be too small', async () => {
  const { io, metadata } = await history();
  const { manifests, manifestLists } = await reachableFiles(metadata, undefined, io);
  for (const location of [...manifests, ...manifestLists]) {
    const damaged = new MemoryIO();
    for (const [other, bytes] of io.files) damaged.files.set(other, bytes);
    damaged.files.set(location, io.files.get(location)!.subarray(0, -20));
    await expect(reachableFiles(metadata, undefined, damaged)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining(location),
    });
    damaged.files.delete(location);
    const gone = new MemoryIO();
    for (const [other, bytes] of damaged.files) gone.files.set(other, bytes);
    await expect(reachableFiles(metadata, undefined, gone)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  }
});

test('can be interrupted', async () => {
  const { io, metadata } = await history();
  const signal = AbortSignal.abort();
  await expect(reachableFiles(metadata, undefined, io, { signal })).rejects.toMatchObject({
    code: 'INTERRUPTED',
  });
});

test('a v1 snapshot that lists its manifests itself', async () => {
  const io = new MemoryIO();
  const metadata = await commit(newTableMetadata({ schema, location: 's3://b/t', formatVersion: 1 }), io, [
    dataFile('a'),
  ]);
  const { manifests } = await reachableFiles(metadata, undefined, io);
  const { manifestList: _, ...snapshot } = metadata.snapshots[0]!;
  const old = { ...metadata, snapshots: [{ ...snapshot, manifests: [...manifests] }] };
  const files = await reachableFiles(old, undefined, io);
  expect(files.manifestLists.size).toBe(0);
  expect(files.manifests).toEqual(manifests);
  expect(names(files.contentFiles)).toEqual(['a']);
});
