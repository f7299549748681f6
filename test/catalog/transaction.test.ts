import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Lake, openLake } from '../../src/catalog/open-lake.ts';
import type { TableUpdate } from '../../src/iceberg/updates.ts';
import { temporaryFolder } from '../storage/support.ts';

const schema = {
  schemaId: 0,
  fields: [{ id: 1, name: 'id', required: true, type: { kind: 'long' } }],
  identifierFieldIds: [],
} as const;
const a = { namespace: ['default'], name: 'a' };
const b = { namespace: ['default'], name: 'b' };

let lake: Lake;
beforeEach(async () => {
  lake = await openLake(temporaryFolder('lakebook-transaction-'));
  await lake.catalog.createTable(a, { schema });
  await lake.catalog.createTable(b, { schema });
});
afterEach(() => lake.close());

function set(value: string): TableUpdate[] {
  return [{ action: 'set-properties', updates: { k: value } }];
}

async function values(): Promise<(string | undefined)[]> {
  const tables = await Promise.all([a, b].map(table => lake.catalog.loadTable(table)));
  return tables.map(({ metadata }) => metadata.properties.k);
}

async function metadataFiles(): Promise<number> {
  let count = 0;
  for await (const { location } of lake.storage.list(lake.warehouse)) if (location.endsWith('.json')) count++;
  return count;
}

test('a transaction changes all of its tables', async () => {
  await lake.catalog.commitTransaction!([
    { table: a, requirements: [], updates: set('1') },
    { table: b, requirements: [], updates: set('2') },
  ]);
  expect(await values()).toEqual(['1', '2']);
  expect((await lake.catalog.loadTable(b)).metadata.metadataLog).toHaveLength(1);
});

test('a requirement that fails in one table leaves all as they were, and no file', async () => {
  const before = await metadataFiles();
  const requirements = [{ type: 'assert-table-uuid', uuid: '00000000-0000-4000-8000-000000000000' }] as const;
  const changed = lake.catalog.commitTransaction!([
    { table: a, requirements: [], updates: set('1') },
    { table: b, requirements, updates: set('2') },
  ]);
  await expect(changed).rejects.toMatchObject({ code: 'COMMIT_CONFLICT' });
  expect(await values()).toEqual([undefined, undefined]);
  expect(await metadataFiles()).toBe(before);
});

test('a commit of another writer in the middle undoes the tables before it', async () => {
  const { storage } = lake;
  const create = storage.create.bind(storage);
  let files = 0;
  storage.create = async (location, bytes) => {
    await create(location, bytes);
    // Both tables are loaded and their files written: now another one is first.
    if (++files === 2) {
      storage.create = create;
      await lake.catalog.commitTable(b, [], set('other'));
    }
  };
  const changed = lake.catalog.commitTransaction!([
    { table: a, requirements: [], updates: set('1') },
    { table: b, requirements: [], updates: set('2') },
  ]);
  await expect(changed).rejects.toMatchObject({ code: 'COMMIT_CONFLICT' });
  expect(await values()).toEqual([undefined, 'other']);
  expect(await metadataFiles()).toBe(3);
});

test('a table can be in a transaction once', async () => {
  const twice = [1, 2].map(() => ({ table: a, requirements: [], updates: set('1') }));
  await expect(lake.catalog.commitTransaction!(twice)).rejects.toMatchObject({ code: 'INVALID' });
  await lake.catalog.commitTransaction!([]);
  expect(await values()).toEqual([undefined, undefined]);
});
