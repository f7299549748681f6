import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LoadedTable } from '../../src/catalog/catalog.ts';
import { commitWithRetry } from '../../src/catalog/commit.ts';
import { type Lake, openLake } from '../../src/catalog/open-lake.ts';
import { SqliteCatalog } from '../../src/catalog/sqlite.ts';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import { currentSnapshot } from '../../src/iceberg/metadata.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import { produceSnapshot } from '../../src/iceberg/snapshot-producer.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import { toLocalPath } from '../../src/storage/paths.ts';
import { temporaryFolder } from '../storage/support.ts';

const schema: Schema = {
  schemaId: 0,
  fields: [{ id: 1, name: 'id', required: false, type: { kind: 'long' } }],
  identifierFieldIds: [],
};
const t = { namespace: ['default'], name: 't' };

let folder: string;
let lake: Lake;
let tableFolder: string;
beforeEach(async () => {
  folder = temporaryFolder('lakebook-purge-');
  lake = await openLake(folder);
  tableFolder = path.join(folder, '.lakebook', 'warehouse', 'default', 't');
});
afterEach(() => lake.close());

/** Commits a snapshot that adds and removes data files by number. */
async function commitFiles(added: readonly number[], removed: readonly number[] = []): Promise<LoadedTable> {
  const table = await commitWithRetry(
    lake.catalog,
    t,
    async ({ metadata }) => {
      const dataFile = (number: number): DataFile => ({
        content: 0,
        filePath: `${metadata.location}/data/p=${number % 2}/${number}.parquet`,
        fileFormat: 'PARQUET',
        specId: 0,
        partition: [],
        recordCount: 1,
        fileSizeInBytes: 4,
      });
      for (const number of added) await lake.storage.create(dataFile(number).filePath, Buffer.from('PAR1'));
      return await produceSnapshot({
        metadata,
        io: lake.storage,
        operation: removed.length > 0 ? 'overwrite' : 'append',
        added: added.map(dataFile),
        removed: removed.map(dataFile),
      });
    },
    lake.storage,
  );
  return table!;
}

async function tableWithHistory(properties: Record<string, string> = {}): Promise<LoadedTable> {
  await lake.catalog.createTable(t, { schema, properties });
  await commitFiles([1, 2]);
  await commitFiles([3], [1]);
  return await commitFiles([4]);
}

const files = (below: string) =>
  readdirSync(below, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => entry.name);

test('deletes every file that any snapshot names, and the folders', async () => {
  const table = await tableWithHistory();
  expect(table.metadata.snapshots).toHaveLength(3);
  expect(files(tableFolder).filter(name => name.endsWith('.parquet'))).toHaveLength(4);
  await lake.catalog.dropTable(t, { purge: true });
  expect(await lake.catalog.tableExists(t)).toBe(false);
  expect(readdirSync(path.dirname(tableFolder))).toEqual([]);
});

test('leaves files alone that are not the table’s', async () => {
  await tableWithHistory();
  mkdirSync(path.join(tableFolder, 'notes'));
  writeFileSync(path.join(tableFolder, 'notes', 'mine.txt'), '');
  await lake.catalog.dropTable(t, { purge: true });
  expect(files(tableFolder)).toEqual(['mine.txt']);
  expect(readdirSync(tableFolder)).toEqual(['notes']);
});

test('files that are missing are no obstacle, whatever they are', async () => {
  const { metadata } = await tableWithHistory();
  const list = toLocalPath(currentSnapshot(metadata)!.manifestList!);
  const manifest = readdirSync(path.join(tableFolder, 'metadata')).find(name => /-m\d+\.avro$/.test(name))!;
  rmSync(list);
  rmSync(path.join(tableFolder, 'metadata', manifest));
  rmSync(toLocalPath(metadata.metadataLog[0]!.metadataFile));
  rmSync(path.join(tableFolder, 'data', 'p=0', '2.parquet'));
  await lake.close();
  lake = await openLake(folder);
  await lake.catalog.dropTable(t, { purge: true });
  expect(await lake.catalog.tableExists(t)).toBe(false);
  expect(files(tableFolder).filter(name => name.endsWith('.json'))).toEqual([]);
});

test('a damaged manifest stops it before anything is changed', async () => {
  const table = await tableWithHistory();
  const list = currentSnapshot(table.metadata)!.manifestList!;
  writeFileSync(toLocalPath(list), 'rubbish');
  await lake.close();
  lake = await openLake(folder);
  const before = files(tableFolder).sort();
  await expect(lake.catalog.dropTable(t, { purge: true })).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining(list),
    hint: expect.stringContaining('without'),
  });
  expect(files(tableFolder).sort()).toEqual(before);
  expect((await lake.catalog.loadTable(t)).metadataLocation).toBe(table.metadataLocation);
  await lake.catalog.dropTable(t);
});

test('with gc.enabled = false its data may be shared, and stays', async () => {
  await tableWithHistory({ 'gc.enabled': 'false' });
  await lake.catalog.dropTable(t, { purge: true });
  expect(files(tableFolder).sort()).toEqual(['1.parquet', '2.parquet', '3.parquet', '4.parquet']);
});

test('files of a commit that comes in between are deleted too', async () => {
  await tableWithHistory();
  const storage = new LocalStorage();
  const read = storage.read.bind(storage);
  const update = { action: 'set-properties', updates: { k: 'v' } } as const;
  let committing: Promise<unknown> | undefined;
  storage.read = async (location, range) => {
    // The catalog has read the table's metadata and now reads what it names.
    if (location.endsWith('.avro')) {
      committing ??= lake.catalog.commitTable(t, [], [update]);
      await committing;
    }
    return await read(location, range);
  };
  const uri = path.join(folder, '.lakebook', 'catalog.db');
  const catalog = await SqliteCatalog.open({ uri, name: 'lake', warehouse: lake.warehouse, storage });
  await catalog.dropTable(t, { purge: true });
  await catalog.close();
  expect(await lake.catalog.tableExists(t)).toBe(false);
  expect(committing).toBeDefined();
  expect(readdirSync(path.dirname(tableFolder))).toEqual([]);
});

test('files that can not be deleted are reported; the table is gone all the same', async () => {
  await tableWithHistory();
  const remove = lake.storage.delete.bind(lake.storage);
  vi.spyOn(lake.storage, 'delete').mockImplementation(async location => {
    if (location.endsWith('.parquet')) throw new Error('busy');
    await remove(location);
  });
  await expect(lake.catalog.dropTable(t, { purge: true })).rejects.toMatchObject({
    code: 'PURGE_INCOMPLETE',
    message: expect.stringMatching(/default\.t was dropped.* 4 of its \d+ files.*busy/),
  });
  expect(await lake.catalog.tableExists(t)).toBe(false);
  expect(files(tableFolder)).toHaveLength(4);
});
