import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Lake, openLake } from '../../src/catalog/open-lake.ts';
import { SqliteCatalog } from '../../src/catalog/sqlite.ts';
import { currentSchema } from '../../src/iceberg/metadata.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import { toLocalPath } from '../../src/storage/paths.ts';
import { temporaryFolder } from '../storage/support.ts';

const schema: Schema = {
  schemaId: 0,
  fields: [
    { id: 7, name: 'id', required: true, type: { kind: 'long' } },
    { id: 3, name: 'name', required: false, type: { kind: 'string' } },
  ],
  identifierFieldIds: [7],
};
const t = { namespace: ['default'], name: 't' };

let folder: string;
let file: string;
let lake: Lake;
beforeEach(async () => {
  folder = temporaryFolder('lakebook-catalog-');
  file = path.join(folder, '.lakebook', 'catalog.db');
  lake = await openLake(folder);
});
afterEach(() => lake.close());

/** Runs SQL on the file behind the catalog's back, as another tool would. */
function sql<T>(text: string, ...parameters: unknown[]): T[] {
  const database = new Database(file);
  try {
    const statement = database.prepare(text);
    if (statement.reader) return statement.all(...parameters) as T[];
    statement.run(...parameters);
    return [];
  } finally {
    database.close();
  }
}

async function listed(location: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of lake.storage.list(location)) names.push(path.basename(entry.location));
  return names;
}

describe('a lake that is not there yet', () => {
  test('reads as an empty one and is not made by reading', async () => {
    const { catalog } = lake;
    expect(await catalog.listNamespaces()).toEqual([['default']]);
    expect(await catalog.namespaceExists(['default'])).toBe(true);
    expect(await catalog.namespaceProperties(['default'])).toEqual({});
    expect(await catalog.listTables(['default'])).toEqual([]);
    expect(await catalog.tableExists(t)).toBe(false);
    await expect(catalog.loadTable(t)).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    await catalog.version();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is made by the first table, with the schema of PyIceberg', async () => {
    await lake.catalog.createTable(t, { schema });
    expect(sql('SELECT * FROM iceberg_tables')).toEqual([
      {
        catalog_name: 'lake',
        table_namespace: 'default',
        table_name: 't',
        metadata_location: (await lake.catalog.loadTable(t)).metadataLocation,
        previous_metadata_location: null,
        iceberg_type: 'TABLE',
      },
    ]);
    expect(sql('SELECT * FROM iceberg_namespace_properties')).toEqual([
      { catalog_name: 'lake', namespace: 'default', property_key: 'exists', property_value: 'true' },
    ]);
  });
});

describe('tables', () => {
  test('create answers what load reads: fresh ids, the default location, properties', async () => {
    const created = await lake.catalog.createTable(t, { schema, properties: { owner: 'me' } });
    expect(created.metadata.location).toBe(`${lake.warehouse}/default/t`);
    expect(created.metadataLocation).toMatch(
      new RegExp(`^${lake.warehouse}/default/t/metadata/00000-[-0-9a-f]{36}\\.metadata\\.json$`),
    );
    expect(created.metadata).toMatchObject({
      formatVersion: 2,
      lastColumnId: 2,
      properties: { owner: 'me' },
    });
    expect(currentSchema(created.metadata).fields.map(({ id, name }) => [id, name])).toEqual([
      [1, 'id'],
      [2, 'name'],
    ]);
    expect(currentSchema(created.metadata).identifierFieldIds).toEqual([1]);
    const other = await openLake(folder);
    expect(await other.catalog.loadTable(t)).toEqual(created);
    expect(await other.catalog.listTables(['default'])).toEqual([t]);
    await other.close();
  });

  test('the partition spec and sort order follow the fresh ids', async () => {
    const { metadata } = await lake.catalog.createTable(t, {
      schema,
      spec: {
        specId: 5,
        fields: [{ sourceId: 3, fieldId: 0, name: 'n', transform: { kind: 'truncate', width: 2 } }],
      },
      sortOrder: {
        orderId: 9,
        fields: [
          { sourceId: 7, transform: { kind: 'identity' }, direction: 'asc', nullOrder: 'nulls-first' },
        ],
      },
    });
    expect(metadata.partitionSpecs).toMatchObject([{ fields: [{ sourceId: 2, fieldId: 1000, name: 'n' }] }]);
    expect(metadata.sortOrders.find(order => order.orderId === metadata.defaultSortOrderId)).toMatchObject({
      fields: [{ sourceId: 1 }],
    });
  });

  test('a name that is taken', async () => {
    const created = await lake.catalog.createTable(t, { schema });
    await expect(lake.catalog.createTable(t, { schema })).rejects.toMatchObject({
      code: 'TABLE_EXISTS',
      message: expect.stringContaining('default.t'),
    });
    await expect(lake.catalog.registerTable(t, created.metadataLocation)).rejects.toMatchObject({
      code: 'TABLE_EXISTS',
    });
    expect(await listed(created.metadata.location)).toEqual([path.basename(created.metadataLocation)]);
  });

  test('of several that create one table at once one wins, and the others leave nothing behind', async () => {
    const lakes = await Promise.all([1, 2, 3, 4].map(() => openLake(folder)));
    const outcomes = await Promise.allSettled(lakes.map(l => l.catalog.createTable(t, { schema })));
    await Promise.all(lakes.map(l => l.close()));
    expect(outcomes.filter(outcome => outcome.status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'TABLE_EXISTS' });
    }
    const { metadataLocation } = await lake.catalog.loadTable(t);
    expect(await listed(`${lake.warehouse}/default`)).toEqual([path.basename(metadataLocation)]);
  });

  test('an unknown namespace or name gets the nearest as a hint', async () => {
    const { catalog } = lake;
    await catalog.createTable({ namespace: ['default'], name: 'sales' }, { schema });
    await catalog.createNamespace(['europe']);
    await catalog.createTable({ namespace: ['europe'], name: 'orders' }, { schema });
    const missing = (namespace: string, name: string) => catalog.loadTable({ namespace: [namespace], name });
    await expect(missing('default', 'slaes')).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
      message: 'There is no table default.slaes in the catalog "lake".',
      hint: 'Did you mean "sales"?',
    });
    await expect(missing('default', 'orders')).rejects.toMatchObject({
      hint: expect.stringContaining('europe.orders'),
    });
    await expect(missing('default', 'weather')).rejects.toMatchObject({
      hint: expect.stringContaining('sales'),
    });
    await expect(missing('erope', 'weather')).rejects.toMatchObject({
      hint: expect.stringContaining('"erope"'),
    });
    await expect(catalog.createTable({ namespace: ['erope'], name: 'x' }, { schema })).rejects.toMatchObject({
      code: 'NAMESPACE_NOT_FOUND',
      hint: 'Did you mean "europe"?',
    });
    await expect(catalog.listTables(['erope'])).rejects.toMatchObject({ code: 'NAMESPACE_NOT_FOUND' });
    expect(existsSync(path.join(folder, '.lakebook', 'warehouse', 'erope'))).toBe(false);
  });

  test('tables of another catalog name in the file are explained', async () => {
    await lake.catalog.createTable(t, { schema });
    sql(`UPDATE iceberg_tables SET catalog_name = 'other'`);
    sql('DELETE FROM iceberg_namespace_properties');
    await expect(lake.catalog.loadTable(t)).rejects.toMatchObject({ hint: expect.stringContaining('other') });
  });

  test('rename, also into another namespace', async () => {
    const { catalog } = lake;
    const created = await catalog.createTable(t, { schema });
    await catalog.createNamespace(['a', 'b']);
    const to = { namespace: ['a', 'b'], name: 'moved' };
    await catalog.renameTable(t, to);
    expect(await catalog.tableExists(t)).toBe(false);
    expect(await catalog.loadTable(to)).toEqual({ ...created, identifier: to });
    await catalog.createTable(t, { schema });
    await expect(catalog.renameTable(to, t)).rejects.toMatchObject({ code: 'TABLE_EXISTS' });
    await expect(catalog.renameTable(t, { namespace: ['c'], name: 't' })).rejects.toMatchObject({
      code: 'NAMESPACE_NOT_FOUND',
    });
    await expect(catalog.renameTable({ ...t, name: 'none' }, { ...t, name: 'x' })).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
    });
  });

  test('never share a folder: a renamed table keeps its own', async () => {
    const { catalog } = lake;
    const first = await catalog.createTable(t, { schema });
    await catalog.renameTable(t, { ...t, name: 'u' });
    const second = await catalog.createTable(t, { schema });
    expect(second.metadata.location).toMatch(/\/default\/t-[0-9a-f]{8}$/);
    await catalog.dropTable(t, { purge: true });
    expect((await catalog.loadTable({ ...t, name: 'u' })).metadata).toEqual(first.metadata);
  });

  test('locations: asked for, and by the namespace', async () => {
    const { catalog } = lake;
    const asked = await catalog.createTable(t, { schema, location: `${folder}/my place/` });
    expect(asked.metadata.location).toBe(`file://${folder}/my place`);
    await catalog.createNamespace(['n'], { location: `file://${folder}/n` });
    const below = await catalog.createTable({ namespace: ['n'], name: 'x' }, { schema });
    expect(below.metadata.location).toBe(`file://${folder}/n/x`);
    await expect(
      catalog.createTable({ ...t, name: 'y' }, { schema, location: 'relative' }),
    ).rejects.toMatchObject({
      code: 'INVALID',
    });
  });

  test('drop removes the entry and keeps the files; register brings it back', async () => {
    const { catalog } = lake;
    const created = await catalog.createTable(t, { schema });
    await catalog.dropTable(t);
    await expect(catalog.dropTable(t)).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    const registered = await catalog.registerTable(t, toLocalPath(created.metadataLocation));
    expect(registered).toEqual(created);
    expect(await catalog.loadTable(t)).toEqual(created);
  });

  test('register refuses what is no table metadata', async () => {
    const file = path.join(folder, 'x.metadata.json');
    await expect(lake.catalog.registerTable(t, file)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    writeFileSync(file, '{"format-version": 2');
    await expect(lake.catalog.registerTable(t, file)).rejects.toMatchObject({
      message: expect.stringContaining(file),
    });
    expect(await lake.catalog.tableExists(t)).toBe(false);
  });

  test('a metadata file that is gone or damaged is told, and the table can still be dropped', async () => {
    const { metadataLocation } = await lake.catalog.createTable(t, { schema });
    const fresh = await openLake(folder);
    writeFileSync(
      toLocalPath(metadataLocation),
      readFileSync(toLocalPath(metadataLocation)).subarray(0, 100),
    );
    await expect(fresh.catalog.loadTable(t)).rejects.toMatchObject({
      message: expect.stringContaining(metadataLocation),
    });
    rmSync(toLocalPath(metadataLocation));
    await expect(fresh.catalog.loadTable(t)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringMatching(/default\.t.*00000-/),
    });
    await fresh.catalog.dropTable(t);
    expect(await fresh.catalog.listTables(['default'])).toEqual([]);
    await fresh.close();
  });

  test('a name that would lead out of the warehouse is refused', async () => {
    for (const name of ['../../evil', '..', 'a/b', '']) {
      await expect(lake.catalog.createTable({ ...t, name }, { schema })).rejects.toMatchObject({
        code: 'INVALID',
      });
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('namespaces', () => {
  test('nested ones bring those above them', async () => {
    const { catalog } = lake;
    await catalog.createNamespace(['a', 'b', 'c']);
    await catalog.createNamespace(['a', 'x']);
    await catalog.createNamespace(['ab']);
    expect(await catalog.listNamespaces()).toEqual([['a'], ['ab'], ['default']]);
    expect(await catalog.listNamespaces(['a'])).toEqual([
      ['a', 'b'],
      ['a', 'x'],
    ]);
    expect(await catalog.listNamespaces(['a', 'b'])).toEqual([['a', 'b', 'c']]);
    expect(await catalog.listNamespaces(['a', 'b', 'c'])).toEqual([]);
    expect(await catalog.namespaceExists(['a', 'b'])).toBe(true);
    expect(await catalog.namespaceExists(['b'])).toBe(false);
    await expect(catalog.listNamespaces(['b'])).rejects.toMatchObject({ code: 'NAMESPACE_NOT_FOUND' });
    await expect(catalog.createNamespace(['a', 'b'])).rejects.toMatchObject({ code: 'NAMESPACE_EXISTS' });
    await expect(catalog.createNamespace(['a.b'])).rejects.toMatchObject({ code: 'INVALID' });
  });

  test('characters that SQL patterns know mean themselves', async () => {
    await lake.catalog.createNamespace(['a_b', 'c']);
    await lake.catalog.createNamespace(['a%']);
    expect(await lake.catalog.namespaceExists(['axb'])).toBe(false);
    expect(await lake.catalog.listNamespaces(['a%'])).toEqual([]);
  });

  test('are dropped when empty only', async () => {
    const { catalog } = lake;
    await catalog.createNamespace(['a', 'b']);
    await catalog.createTable({ namespace: ['a', 'b'], name: 'x' }, { schema });
    const notEmpty = { code: 'NAMESPACE_NOT_EMPTY' };
    await expect(catalog.dropNamespace(['a', 'b'])).rejects.toMatchObject({
      ...notEmpty,
      message: expect.stringContaining('a.b.x'),
    });
    await expect(catalog.dropNamespace(['a'])).rejects.toMatchObject(notEmpty);
    await catalog.dropTable({ namespace: ['a', 'b'], name: 'x' });
    await catalog.dropNamespace(['a', 'b']);
    expect(await catalog.listNamespaces()).toEqual([['default']]);
    await expect(catalog.dropNamespace(['a', 'b'])).rejects.toMatchObject({ code: 'NAMESPACE_NOT_FOUND' });
    await expect(catalog.dropNamespace(['default'])).rejects.toMatchObject({ code: 'INVALID' });
  });

  test('properties', async () => {
    const { catalog } = lake;
    await catalog.createNamespace(['a'], { owner: 'me', x: '1' });
    expect(await catalog.namespaceProperties(['a'])).toEqual({ owner: 'me', x: '1' });
    await catalog.updateNamespaceProperties(['a'], { x: '2', y: '' }, ['owner', 'none']);
    expect(await catalog.namespaceProperties(['a'])).toEqual({ x: '2', y: '' });
    await catalog.updateNamespaceProperties(['a'], {}, ['x', 'y', 'exists']);
    expect(await catalog.namespaceProperties(['a'])).toEqual({});
    expect(await catalog.namespaceExists(['a'])).toBe(true);
    await expect(catalog.updateNamespaceProperties(['a'], { x: '1' }, ['x'])).rejects.toMatchObject({
      code: 'INVALID',
    });
    await expect(catalog.updateNamespaceProperties(['none'], {})).rejects.toMatchObject({
      code: 'NAMESPACE_NOT_FOUND',
    });
    await expect(catalog.namespaceProperties(['none'])).rejects.toMatchObject({
      code: 'NAMESPACE_NOT_FOUND',
    });
  });
});

describe('files that other tools made', () => {
  const v0 = `CREATE TABLE iceberg_tables (catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL,
    table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000),
    PRIMARY KEY (catalog_name, table_namespace, table_name))`;

  async function openV0(): Promise<SqliteCatalog> {
    file = path.join(folder, 'v0.db');
    const storage = new LocalStorage();
    const catalog = await SqliteCatalog.open({
      uri: file,
      name: 'lake',
      warehouse: `file://${folder}/w`,
      storage,
    });
    onTestFinished(() => catalog.close());
    sql(v0);
    return catalog;
  }

  test('a V0 file, without iceberg_type and without namespace properties, is read and written as it is', async () => {
    const catalog = await openV0();
    expect(await catalog.listNamespaces()).toEqual([]);
    await catalog.createNamespace(['a']);
    const id = { namespace: ['a'], name: 'x' };
    await catalog.createTable(id, { schema });
    const committed = await catalog.commitTable(id, [], [{ action: 'set-properties', updates: { k: 'v' } }]);
    await catalog.renameTable(id, { ...id, name: 'y' });
    expect(sql('SELECT * FROM iceberg_tables')).toEqual([
      {
        catalog_name: 'lake',
        table_namespace: 'a',
        table_name: 'y',
        metadata_location: committed.metadataLocation,
        previous_metadata_location: expect.stringContaining('/00000-'),
      },
    ]);
    await catalog.dropTable({ ...id, name: 'y' });
    expect(await catalog.listTables(['a'])).toEqual([]);
  });

  test('a V0 file that another tool turns into V1 meanwhile', async () => {
    const catalog = await openV0();
    await catalog.createNamespace(['a']);
    await catalog.createTable({ namespace: ['a'], name: 'old' }, { schema });
    sql('ALTER TABLE iceberg_tables ADD COLUMN iceberg_type VARCHAR(5)');
    await catalog.createTable({ namespace: ['a'], name: 'new' }, { schema });
    expect(sql('SELECT table_name, iceberg_type FROM iceberg_tables ORDER BY 1')).toEqual([
      { table_name: 'new', iceberg_type: 'TABLE' },
      { table_name: 'old', iceberg_type: null },
    ]);
    const tables = await catalog.listTables(['a']);
    expect(tables.map(({ name }) => name)).toEqual(['new', 'old']);
    await catalog.commitTable(tables[1]!, [], [{ action: 'set-properties', updates: { k: 'v' } }]);
  });

  test('views are no tables, and keep their names', async () => {
    const { catalog } = lake;
    await catalog.createNamespace(['a']);
    sql(`INSERT INTO iceberg_tables VALUES ('lake', 'a', 'v', 'file:///v.json', NULL, 'VIEW')`);
    const view = { namespace: ['a'], name: 'v' };
    expect(await catalog.listTables(['a'])).toEqual([]);
    expect(await catalog.tableExists(view)).toBe(false);
    const isView = { code: 'TABLE_NOT_FOUND', message: expect.stringContaining('view') };
    await expect(catalog.loadTable(view)).rejects.toMatchObject(isView);
    await expect(catalog.dropTable(view)).rejects.toMatchObject(isView);
    await expect(catalog.createTable(view, { schema })).rejects.toMatchObject({ code: 'TABLE_EXISTS' });
    await expect(catalog.dropNamespace(['a'])).rejects.toMatchObject({ code: 'NAMESPACE_NOT_EMPTY' });
    expect(sql('SELECT * FROM iceberg_tables')).toHaveLength(1);
  });
});

test('version changes with changes of this and of other processes', async () => {
  const { catalog } = lake;
  const versions = [await catalog.version()];
  const expectChange = async () => {
    const version = await catalog.version();
    expect(versions).not.toContain(version);
    versions.push(version);
  };
  await catalog.createTable(t, { schema });
  await expectChange();
  const other = await openLake(folder);
  await other.catalog.commitTable(t, [], [{ action: 'set-properties', updates: { k: 'v' } }]);
  await other.close();
  await expectChange();
  await catalog.loadTable(t);
  expect(await catalog.version()).toBe(versions.at(-1));
});
