import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RestCatalog } from '../../../src/catalog/rest/rest-catalog.ts';
import type { Schema } from '../../../src/iceberg/schema.ts';
import { FaultProxy } from './fault-proxy.ts';
import { failureOf, freshCatalog, openCatalog, schema } from './support.ts';

const { uri, warehouse } = freshCatalog();
let catalog: RestCatalog;
let proxy: FaultProxy;
let names = 0;
beforeAll(async () => {
  proxy = await FaultProxy.start(uri);
});
beforeEach(() => {
  catalog = openCatalog(uri, { warehouse });
});

const fresh = (namespace: string[] = ['default']) => ({ namespace, name: `t${++names}` });

describe('namespaces', () => {
  test('of several levels are made, listed, and dropped when empty', async () => {
    await catalog.createNamespace(['eu'], { owner: 'me' });
    await catalog.createNamespace(['eu', 'south']);
    await catalog.createNamespace(['eu', 'south', 'deep']);
    expect(await catalog.listNamespaces()).toContainEqual(['eu']);
    expect(await catalog.listNamespaces(['eu'])).toEqual([['eu', 'south']]);
    expect(await catalog.listNamespaces(['eu', 'south'])).toEqual([['eu', 'south', 'deep']]);
    expect(await catalog.namespaceExists(['eu', 'south', 'deep'])).toBe(true);
    expect(await catalog.namespaceExists(['eu', 'north'])).toBe(false);
    expect(await failureOf(catalog.createNamespace(['eu']))).toMatchObject({ code: 'NAMESPACE_EXISTS' });
    const table = await catalog.createTable({ namespace: ['eu', 'south'], name: 't' }, { schema });
    expect(await failureOf(catalog.dropNamespace(['eu', 'south']))).toMatchObject({
      code: 'NAMESPACE_NOT_EMPTY',
    });
    await catalog.dropTable(table.identifier);
    await catalog.dropNamespace(['eu', 'south', 'deep']);
    await catalog.dropNamespace(['eu', 'south']);
    await catalog.dropNamespace(['eu']);
    expect(await failureOf(catalog.dropNamespace(['eu']))).toMatchObject({ code: 'NAMESPACE_NOT_FOUND' });
    expect(await failureOf(catalog.listTables(['eu']))).toMatchObject({ code: 'NAMESPACE_NOT_FOUND' });
  });

  test('have properties', async () => {
    await catalog.createNamespace(['p'], { a: '1', b: '2' });
    await catalog.updateNamespaceProperties(['p'], { a: '3', c: '4' }, ['b']);
    const properties = await catalog.namespaceProperties(['p']);
    expect(properties).toMatchObject({ a: '3', c: '4' });
    expect(properties).not.toHaveProperty('b');
    const both = catalog.updateNamespaceProperties(['p'], { a: '5' }, ['a']);
    expect(await failureOf(both)).toMatchObject({ code: 'INVALID' });
    expect(await failureOf(catalog.namespaceProperties(['nowhere']))).toMatchObject({
      code: 'NAMESPACE_NOT_FOUND',
    });
  });

  test.each(['with space', 'ümläut', "quo'te", 'plus+and&amp', 'q?u#e', '日本'])(
    'of the name %s keep it',
    async name => {
      await catalog.createNamespace([name]);
      const table = { namespace: [name], name: `t ${name}` };
      await catalog.createTable(table, { schema });
      expect(await catalog.listNamespaces()).toContainEqual([name]);
      expect(await catalog.listTables([name])).toEqual([table]);
      expect((await catalog.loadTable(table)).identifier).toEqual(table);
      await catalog.dropTable(table);
      await catalog.dropNamespace([name]);
    },
  );
});

describe('tables', () => {
  test('are made with everything that a request has', async () => {
    const wide: Schema = {
      schemaId: 0,
      fields: [
        { id: 10, name: 'id', required: true, type: { kind: 'long' }, doc: 'the key' },
        { id: 20, name: 'at', required: false, type: { kind: 'timestamptz' } },
        {
          id: 30,
          name: 'tags',
          required: false,
          type: { kind: 'list', elementId: 31, elementRequired: false, element: { kind: 'string' } },
        },
      ],
      identifierFieldIds: [10],
    };
    const identifier = fresh();
    const { metadata, metadataLocation } = await catalog.createTable(identifier, {
      schema: wide,
      spec: {
        specId: 0,
        fields: [{ sourceId: 20, fieldId: 1000, name: 'at_day', transform: { kind: 'day' } }],
      },
      sortOrder: {
        orderId: 1,
        fields: [
          { sourceId: 10, transform: { kind: 'identity' }, direction: 'desc', nullOrder: 'nulls-last' },
        ],
      },
      properties: { one: '1' },
      location: `${warehouse}/elsewhere`,
      formatVersion: 3,
    });
    expect(metadata).toMatchObject({
      formatVersion: 3,
      location: `${warehouse}/elsewhere`,
      lastColumnId: 4,
      properties: { one: '1' },
      schemas: [{ identifierFieldIds: [1], fields: [{ id: 1, doc: 'the key' }, { id: 2 }, { id: 3 }] }],
      partitionSpecs: [{ fields: [{ sourceId: 2, name: 'at_day' }] }],
      sortOrders: [{ orderId: 1, fields: [{ sourceId: 1, direction: 'desc', nullOrder: 'nulls-last' }] }],
    });
    expect(metadata.properties).not.toHaveProperty('format-version');
    expect(metadataLocation).toMatch(/^s3:.*\.metadata\.json$/);
    expect(await failureOf(catalog.createTable(identifier, { schema }))).toMatchObject({
      code: 'TABLE_EXISTS',
    });
  });

  test('are not made in a namespace that is not there, but in the default one', async () => {
    const nowhere = { namespace: ['nowhere'], name: 't' };
    for (const work of [
      () => catalog.createTable(nowhere, { schema }),
      () => catalog.stageTable(nowhere, { schema }),
      () => catalog.registerTable(nowhere, `${warehouse}/x.metadata.json`),
    ]) {
      expect(await failureOf(work())).toMatchObject({ code: 'NAMESPACE_NOT_FOUND' });
    }
    const empty = openCatalog(freshCatalog().uri, {}, { defaultNamespace: ['my', 'default'] });
    await empty.createTable({ namespace: ['my', 'default'], name: 't' }, { schema });
    expect(await empty.listNamespaces()).toEqual([['my']]);
    expect(await empty.listTables(['my', 'default'])).toHaveLength(1);
  });

  test('are renamed, also into another namespace', async () => {
    const from = fresh();
    const taken = fresh();
    await catalog.createTable(from, { schema });
    await catalog.createTable(taken, { schema });
    await catalog.createNamespace(['other']);
    expect(await failureOf(catalog.renameTable(from, taken))).toMatchObject({ code: 'TABLE_EXISTS' });
    const to = fresh(['other']);
    await catalog.renameTable(from, to);
    expect(await catalog.tableExists(from)).toBe(false);
    expect(await catalog.tableExists(to)).toBe(true);
    expect(await failureOf(catalog.renameTable(from, fresh()))).toMatchObject({ code: 'TABLE_NOT_FOUND' });
    expect(await failureOf(catalog.renameTable(to, fresh(['nowhere'])))).toMatchObject({
      code: 'NAMESPACE_NOT_FOUND',
    });
  });

  test('are registered by their metadata file', async () => {
    const { metadataLocation, metadata, identifier } = await catalog.createTable(fresh(), { schema });
    await catalog.dropTable(identifier);
    const again = await catalog.registerTable(fresh(), metadataLocation);
    expect(again.metadata.tableUuid).toBe(metadata.tableUuid);
    expect(again.metadataLocation).toBe(metadataLocation);
    expect(await failureOf(catalog.registerTable(again.identifier, metadataLocation))).toMatchObject({
      code: 'TABLE_EXISTS',
    });
    expect(await failureOf(catalog.registerTable(fresh(), `${warehouse}/no.metadata.json`))).toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
  });

  test('of names that no server takes in a path are not there', async () => {
    for (const name of ['a/b.csv', 'per%cent', 'back\\slash']) {
      const odd = { namespace: ['default'], name };
      expect(await failureOf(catalog.loadTable(odd))).toMatchObject({ code: 'TABLE_NOT_FOUND' });
      expect(await catalog.tableExists(odd)).toBe(false);
      expect(await failureOf(catalog.views.loadView(odd))).toMatchObject({ code: 'VIEW_NOT_FOUND' });
      expect(await catalog.namespaceExists([name])).toBe(false);
    }
  });

  test('are not there any more once dropped', async () => {
    const table = fresh();
    await catalog.createTable(table, { schema });
    await catalog.dropTable(table, { purge: true });
    expect(await failureOf(catalog.dropTable(table))).toMatchObject({ code: 'TABLE_NOT_FOUND' });
    const missing = await failureOf(catalog.loadTable(table));
    expect(missing).toMatchObject({ code: 'TABLE_NOT_FOUND' });
    expect(missing.message).toBe(`There is no table default.${table.name} in the catalog "rest".`);
  });
});

describe('metadata that is at hand', () => {
  test('is asked for with its ETag and not sent again', async () => {
    const table = fresh();
    const through = openCatalog(proxy.uri);
    await through.createTable(table, { schema });
    proxy.play();
    const first = await through.loadTable(table);
    expect(await through.loadTable(table)).toBe(first);
    const tags = proxy.requests.map(({ headers }) => headers['if-none-match']);
    expect(tags).toHaveLength(2);
    expect(tags[1]).toBeTruthy();
    await catalog.commitTable(table, [], [{ action: 'set-properties', updates: { k: 'v' } }]);
    const second = await through.loadTable(table);
    expect(second.metadata.properties.k).toBe('v');
    // A commit of its own makes the newest known.
    await through.commitTable(table, [], [{ action: 'set-properties', updates: { k: 'w' } }]);
    proxy.play();
    expect((await through.loadTable(table)).metadata.properties.k).toBe('w');
    expect(proxy.requests[0]!.headers['if-none-match']).toBeTruthy();
  });

  test('version changes with own changes at once', async () => {
    const versions = [await catalog.version()];
    const expectChange = async () => {
      const version = await catalog.version();
      expect(versions).not.toContain(version);
      versions.push(version);
    };
    const table = fresh();
    await catalog.createTable(table, { schema });
    await expectChange();
    await catalog.commitTable(table, [], [{ action: 'set-properties', updates: { k: 'v' } }]);
    await expectChange();
    await catalog.renameTable(table, fresh());
    await expectChange();
    expect(await catalog.version()).toBe(versions.at(-1));
  });

  test("version changes with others' changes some seconds later", async () => {
    const table = fresh();
    await catalog.createTable(table, { schema });
    await catalog.listTables(['default']);
    const before = await catalog.version();
    await openCatalog(uri).commitTable(table, [], [{ action: 'set-properties', updates: { k: 'v' } }]);
    await expect.poll(() => catalog.version(), { timeout: 120_000, interval: 500 }).not.toBe(before);
  });
});

describe('updates as the server takes them', () => {
  test('schemas, specs, orders, branches, statistics: each as the specification writes it', async () => {
    const table = fresh();
    await catalog.createTable(table, { schema, formatVersion: 2 });
    const fields = [...schema.fields, { id: 3, name: 'n', required: false, type: { kind: 'int' } } as const];
    const snapshotId = 1234567890123456789n;
    const statistics = {
      'snapshot-id': snapshotId,
      'statistics-path': 's3://b/stats.puffin',
      'file-size-in-bytes': 10,
      'file-footer-size-in-bytes': 5,
      'blob-metadata': [],
    };
    const partitionStatistics = {
      'snapshot-id': snapshotId,
      'statistics-path': 's3://b/parts.parquet',
      'file-size-in-bytes': 10,
    };
    const { metadata } = await catalog.commitTable(
      table,
      [
        { type: 'assert-current-schema-id', currentSchemaId: 0 },
        { type: 'assert-last-assigned-field-id', lastAssignedFieldId: 2 },
        { type: 'assert-last-assigned-partition-id', lastAssignedPartitionId: 999 },
        { type: 'assert-default-spec-id', defaultSpecId: 0 },
        { type: 'assert-default-sort-order-id', defaultSortOrderId: 0 },
        { type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: undefined },
      ],
      [
        { action: 'upgrade-format-version', formatVersion: 3 },
        { action: 'add-schema', schema: { ...schema, schemaId: 1, fields }, lastColumnId: 3 },
        { action: 'set-current-schema', schemaId: -1 },
        {
          action: 'add-spec',
          spec: {
            specId: 1,
            fields: [
              { sourceId: 1, fieldId: 1000, name: 'id_bucket', transform: { kind: 'bucket', buckets: 4 } },
            ],
          },
        },
        { action: 'set-default-spec', specId: -1 },
        {
          action: 'add-sort-order',
          sortOrder: {
            orderId: 1,
            fields: [
              { sourceId: 1, transform: { kind: 'identity' }, direction: 'asc', nullOrder: 'nulls-first' },
            ],
          },
        },
        { action: 'set-default-sort-order', sortOrderId: -1 },
        {
          action: 'add-snapshot',
          snapshot: {
            snapshotId,
            sequenceNumber: 1,
            timestampMs: Date.now(),
            manifestList: 's3://b/none.avro',
            operation: 'append',
            summary: {},
            schemaId: 1,
            firstRowId: 0,
            addedRows: 0,
          },
        },
        { action: 'set-snapshot-ref', refName: 'main', ref: { snapshotId, type: 'branch' } },
        {
          action: 'set-snapshot-ref',
          refName: 'audit',
          ref: {
            snapshotId,
            type: 'branch',
            minSnapshotsToKeep: 2,
            maxSnapshotAgeMs: 1000,
            maxRefAgeMs: 5000,
          },
        },
        { action: 'set-snapshot-ref', refName: 'gone', ref: { snapshotId, type: 'tag' } },
        { action: 'remove-snapshot-ref', refName: 'gone' },
        { action: 'set-statistics', statistics },
        { action: 'set-partition-statistics', statistics: partitionStatistics },
        { action: 'set-properties', updates: { a: '1', b: '2' } },
        { action: 'remove-properties', removals: ['b'] },
        { action: 'set-location', location: `${warehouse}/moved` },
      ],
    );
    expect(metadata).toMatchObject({
      formatVersion: 3,
      currentSchemaId: 1,
      defaultSpecId: 1,
      defaultSortOrderId: 1,
      currentSnapshotId: snapshotId,
      location: `${warehouse}/moved`,
      properties: { a: '1' },
      snapshots: [{ snapshotId, firstRowId: 0, addedRows: 0 }],
      refs: {
        main: { type: 'branch' },
        audit: { minSnapshotsToKeep: 2, maxSnapshotAgeMs: 1000, maxRefAgeMs: 5000 },
      },
    });
    expect(Object.keys(metadata.refs).sort()).toEqual(['audit', 'main']);
    expect(metadata.statistics).toMatchObject([statistics]);
    expect(metadata.partitionStatistics).toMatchObject([partitionStatistics]);
    const after = await catalog.commitTable(
      table,
      [{ type: 'assert-table-uuid', uuid: metadata.tableUuid }],
      [
        { action: 'remove-statistics', snapshotId },
        { action: 'remove-partition-statistics', snapshotId },
        { action: 'remove-snapshot-ref', refName: 'audit' },
        { action: 'remove-partition-specs', specIds: [0] },
        { action: 'remove-schemas', schemaIds: [0] },
      ],
    );
    expect(after.metadata).toMatchObject({ statistics: [], partitionStatistics: [] });
    expect(after.metadata.partitionSpecs.map(({ specId }) => specId)).toEqual([1]);
    expect(after.metadata.schemas.map(({ schemaId }) => schemaId)).toEqual([1]);
    const last = await catalog.commitTable(
      table,
      [],
      [
        { action: 'remove-snapshot-ref', refName: 'main' },
        { action: 'remove-snapshots', snapshotIds: [snapshotId] },
      ],
    );
    expect(last.metadata.snapshots).toEqual([]);
  });
});

describe('views', () => {
  const view = (name: string) => ({ namespace: ['default'], name });
  const columns: Schema = {
    schemaId: 0,
    fields: [{ id: 1, name: 'x', required: false, type: { kind: 'int' } }],
    identifierFieldIds: [],
  };
  const definition = (sql: string, dialect = 'duckdb') => ({
    schema: columns,
    representations: [{ sql, dialect }],
    defaultNamespace: ['default'],
  });

  test('are made, loaded, replaced, renamed and dropped', async () => {
    const { views } = catalog;
    await catalog.createTable(fresh(), { schema });
    const made = await views.createView(view('v'), {
      ...definition('SELECT 1 AS x'),
      properties: { a: 'b' },
    });
    expect(made.metadata.properties).toMatchObject({ a: 'b' });
    expect(await views.listViews(['default'])).toEqual([view('v')]);
    expect(await views.viewExists(view('v'))).toBe(true);
    expect(await catalog.tableExists(view('v'))).toBe(false);
    const again = views.createView(view('v'), definition('SELECT 2 AS x'));
    expect(await failureOf(again)).toMatchObject({ code: 'VIEW_EXISTS' });
    const replaced = await views.replaceView(view('v'), definition('SELECT 2 AS x'));
    expect(replaced.metadata.viewUuid).toBe(made.metadata.viewUuid);
    const other = { ...columns, fields: [{ ...columns.fields[0]!, name: 'y' }] };
    await views.replaceView(view('v'), { ...definition('SELECT 3 AS y'), schema: other });
    await views.replaceView(view('v'), definition('SELECT 2 AS x'));
    const { metadata } = await views.loadView(view('v'));
    expect(metadata.schemas).toHaveLength(2);
    const current = metadata.versions.find(({ versionId }) => versionId === metadata.currentVersionId)!;
    expect(current.representations).toEqual([{ sql: 'SELECT 2 AS x', dialect: 'duckdb' }]);
    expect(current.defaultNamespace).toEqual(['default']);
    expect(current.schemaId).toBe(made.metadata.schemas[0]!.schemaId);
    await views.renameView(view('v'), view('w'));
    expect(await views.viewExists(view('v'))).toBe(false);
    await views.dropView(view('w'));
    for (const work of [
      () => views.dropView(view('w')),
      () => views.loadView(view('w')),
      () => views.renameView(view('w'), view('x')),
      () => views.replaceView(view('w'), definition('SELECT 1')),
    ]) {
      expect(await failureOf(work())).toMatchObject({ code: 'VIEW_NOT_FOUND' });
    }
  });

  test('share their names with tables', async () => {
    const table = fresh();
    await catalog.createTable(table, { schema });
    expect(await failureOf(catalog.views.createView(table, definition('SELECT 1 AS x')))).toMatchObject({
      name: 'AlreadyExistsError',
    });
    await catalog.views.createView(view('taken'), definition('SELECT 1 AS x'));
    expect(await failureOf(catalog.createTable(view('taken'), { schema }))).toMatchObject({
      name: 'AlreadyExistsError',
    });
  });
});
