import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SqliteCatalog } from '../../src/catalog/sqlite.ts';
import { currentSchema } from '../../src/iceberg/metadata.ts';
import type { TableUpdate } from '../../src/iceberg/updates.ts';
import { LocalStorage } from '../../src/storage/local.ts';

let folder: string;
let catalog: SqliteCatalog;
const identifier = { namespace: ['ns'], name: 't' };
const schema = {
  schemaId: 0,
  fields: [{ id: 7, name: 'a', required: false, type: { kind: 'int' } }],
  identifierFieldIds: [],
} as const;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lakebook-staged-'));
  catalog = await SqliteCatalog.open({
    uri: path.join(folder, 'catalog.db'),
    name: 'lake',
    warehouse: `file://${folder}/warehouse`,
    storage: new LocalStorage(),
  });
  await catalog.createNamespace(['ns']);
});
afterEach(async () => {
  await catalog.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('tables made with their first snapshot', () => {
  test('staging shows and writes nothing', async () => {
    const staged = await catalog.stageTable(identifier, { schema, properties: { x: '1' } });
    expect(currentSchema(staged).fields[0]!.id).toBe(1);
    expect(staged.location).toBe(`file://${folder}/warehouse/ns/t`);
    expect(await catalog.tableExists(identifier)).toBe(false);
    expect(existsSync(path.join(folder, 'warehouse'))).toBe(false);
    await expect(catalog.stageTable({ ...identifier, namespace: ['no'] }, { schema })).rejects.toThrow(
      'namespace',
    );
  });

  test('the table appears with the updates, in one metadata file', async () => {
    const staged = await catalog.stageTable(identifier, { schema });
    const updates: TableUpdate[] = [{ action: 'set-properties', updates: { first: 'yes' } }];
    const created = await catalog.createStaged(identifier, staged, updates);
    expect(created.metadata.properties).toEqual({ first: 'yes' });
    expect(created.metadata.metadataLog).toEqual([]);
    expect((await catalog.loadTable(identifier)).metadata).toEqual(created.metadata);
    await expect(catalog.stageTable(identifier, { schema })).rejects.toThrow('exists already');
  });

  test('another writer that is first keeps its table', async () => {
    const staged = await catalog.stageTable(identifier, { schema });
    const other = await catalog.createTable(identifier, { schema });
    await expect(catalog.createStaged(identifier, staged, [])).rejects.toMatchObject({
      code: 'TABLE_EXISTS',
    });
    expect((await catalog.loadTable(identifier)).metadataLocation).toBe(other.metadataLocation);
    expect(existsSync(new URL(other.metadataLocation))).toBe(true);
  });
});
