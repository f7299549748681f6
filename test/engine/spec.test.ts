import { describe, expect, test } from 'vitest';
import { loadLakeConfig } from '../../src/catalog/lake-config.ts';
import { openLake } from '../../src/catalog/open-lake.ts';
import { scanSql } from '../../src/engine/read.ts';
import { readManifest } from '../../src/iceberg/manifest.ts';
import { snapshotManifests } from '../../src/iceberg/manifest-list.ts';
import { currentSnapshot } from '../../src/iceberg/metadata.ts';
import { parseType } from '../../src/iceberg/schema.ts';
import type { NestedField } from '../../src/iceberg/types.ts';
import { valueFromBytes } from '../../src/iceberg/value.ts';
import { TestLake } from './dml/support.ts';
import { DataFolder, foreignFile, openDuckDb, tableMetadata, temporaryFolder } from './support.ts';
import { localCopy } from './warehouse.ts';

/* Requirements of the table specification on written files that no other test shows; see docs/spec-coverage.md. */

/** Every entry of a table's current snapshot, with its manifest. */
async function entries(lake: TestLake, name: string) {
  const { metadata } = await lake.table(name);
  const manifests = await snapshotManifests(lake.lake.storage, currentSnapshot(metadata)!);
  const found = await Promise.all(
    manifests.map(async manifest => {
      const list = await readManifest(lake.lake.storage, manifest, metadata);
      return list.map(entry => ({ manifest, entry }));
    }),
  );
  return { metadata, manifests, found: found.flat() };
}

test('every address in metadata is absolute, with its scheme', async () => {
  const lake = await TestLake.open();
  await lake.create('t', { columns: { id: 'long' }, formatVersion: 2 });
  await lake.change('INSERT INTO t SELECT i FROM range(10) r(i)');
  await lake.change('INSERT INTO t VALUES (99)');
  const { metadata, manifests, found } = await entries(lake, 't');
  const addresses = [
    metadata.location,
    ...metadata.snapshots.map(snapshot => snapshot.manifestList!),
    ...metadata.metadataLog.map(entry => entry.metadataFile),
    ...manifests.map(manifest => manifest.manifestPath),
    ...found.map(({ entry }) => entry.dataFile.filePath),
  ];
  expect(addresses.length).toBeGreaterThan(8);
  for (const address of addresses) expect(address).toMatch(/^(file|s3):\/\//);
});

describe('Parquet data files', () => {
  const columns = {
    id: 'long',
    small: 'decimal(9,2)',
    middle: 'decimal(18,2)',
    tags: 'list<int>',
    props: 'map<string, long>',
    place: 'struct<lat: double, names: list<string>>',
  };

  test('have every column, also the one that they are partitioned by, under its field id', async () => {
    const lake = await TestLake.open();
    await lake.create('t', { columns: { ...columns, region: 'string' }, partitionedBy: ['region'] });
    await lake.change("INSERT INTO t SELECT 1, 1.5, 2.5, [1], MAP {'a': 1}, {lat: 1.5, names: ['x']}, 'eu'");
    const [file] = await lake.files('t');
    const rows = await lake.session.duckdb.rows(
      `SELECT name, field_id::INTEGER AS id, num_children::INTEGER AS children FROM parquet_schema('${await localCopy(lake.lake, file!)}') ORDER BY column_id`,
    );
    // All but the root, and the repeated groups between a list or map and what is in it.
    const named = rows.slice(1).filter(row => !['list', 'key_value'].includes(String(row.name)));
    const { metadata } = await lake.table('t');
    const ids: number[] = [];
    const visit = (fields: readonly NestedField[]) => {
      for (const { id, type } of fields) {
        ids.push(id);
        if (type.kind === 'struct') visit(type.fields);
        if (type.kind === 'list') ids.push(type.elementId);
        if (type.kind === 'map') ids.push(type.keyId, type.valueId);
      }
    };
    visit(metadata.schemas.at(-1)!.fields);
    // Lists inside of structs add their elements, too.
    expect(named.map(row => row.id)).toEqual(ids);
  });

  test('have lists of three levels, and decimals of the size that their precision asks for', async () => {
    const lake = await TestLake.open();
    await lake.create('t', { columns });
    await lake.change("INSERT INTO t SELECT 1, 1.5, 2.5, [1], MAP {'a': 1}, {lat: 1.5, names: ['x']}");
    const [file] = await lake.files('t');
    const rows = await lake.session.duckdb.rows(
      `SELECT name, type, num_children::INTEGER AS children, repetition_type AS repetition, converted_type AS converted
       FROM parquet_schema('${await localCopy(lake.lake, file!)}') ORDER BY column_id`,
    );
    const at = rows.findIndex(row => row.name === 'tags');
    expect(rows[at]).toMatchObject({ converted: 'LIST', children: 1 });
    expect(rows[at + 1]).toMatchObject({ name: 'list', repetition: 'REPEATED', children: 1 });
    expect(rows[at + 2]).toMatchObject({ name: 'element', type: 'INT32' });
    const types = Object.fromEntries(rows.map(row => [row.name, row.type]));
    expect(types).toMatchObject({ small: 'INT32', middle: 'INT64' });
  });
});

test('position delete files are sorted, have no sort order, and bounds that hold', async () => {
  const lake = await TestLake.open();
  const properties = { 'write.delete.mode': 'merge-on-read', 'write.delete.granularity': 'partition' };
  await lake.create('t', { columns: { id: 'long', region: 'string' }, properties, formatVersion: 2 });
  for (const region of ['a', 'b', 'c']) {
    await lake.change(`INSERT INTO t SELECT i, '${region}' FROM range(100) r(i)`);
  }
  await lake.change('DELETE FROM t WHERE id % 10 = 3');
  const { found } = await entries(lake, 't');
  const deletes = found.filter(({ entry }) => entry.dataFile.content === 1);
  expect(deletes.length).toBeGreaterThan(0);
  const targets = new Set(
    found.filter(({ entry }) => entry.dataFile.content === 0).map(({ entry }) => entry.dataFile.filePath),
  );
  for (const { entry } of deletes) {
    const { dataFile } = entry;
    expect(dataFile.sortOrderId).toBeUndefined();
    const rows = await lake.session.duckdb.rows(
      `SELECT file_path, pos::DOUBLE AS pos FROM read_parquet('${await localCopy(lake.lake, dataFile.filePath)}')`,
    );
    const keys = rows.map(row => [String(row.file_path), Number(row.pos)] as const);
    const sorted = keys.toSorted(([a, m], [b, n]) => Buffer.compare(Buffer.from(a), Buffer.from(b)) || m - n);
    expect(keys).toEqual(sorted);
    for (const [path] of keys) expect(targets).toContain(path);
    const string = { kind: 'string' } as const;
    const lower = dataFile.lowerBounds?.get(2147483546);
    const upper = dataFile.upperBounds?.get(2147483546);
    for (const [path] of keys) {
      if (lower !== undefined) expect(String(valueFromBytes(string, lower)) <= path).toBe(true);
      if (upper !== undefined) expect(String(valueFromBytes(string, upper)) >= path).toBe(true);
    }
  }
});

test('a snapshot of version 3 has its first row id, also when it adds no rows', async () => {
  const lake = await TestLake.open();
  await lake.create('t', { columns: { id: 'long' }, formatVersion: 3 });
  await lake.change('INSERT INTO t SELECT i FROM range(10) r(i)');
  const before = (await lake.table('t')).metadata;
  await lake.change('DELETE FROM t WHERE id = 3');
  const { metadata } = await lake.table('t');
  expect(currentSnapshot(metadata)!.firstRowId).toBe(before.nextRowId);
  expect(metadata.nextRowId! >= before.nextRowId!).toBe(true);
});

test('a commit that is tried again takes its row ids from the table as it is then', async () => {
  const folder = temporaryFolder();
  const one = await TestLake.open(folder);
  await one.create('t', { columns: { id: 'long' }, formatVersion: 3 });
  const lake = await openLake(await loadLakeConfig(folder, {}));
  const others = await Promise.all([TestLake.open(folder), TestLake.open(folder)]);
  await Promise.all(
    others.map((other, i) => other.change(`INSERT INTO t SELECT ${i} * 100 + i FROM range(${10 + i}) r(i)`)),
  );
  await lake.close();
  const { metadata } = await one.table('t');
  const ranges = metadata.snapshots.map(({ firstRowId, addedRows }) => [
    firstRowId!,
    firstRowId! + addedRows!,
  ]);
  ranges.sort(([a], [b]) => a! - b!);
  expect(ranges[0]![1]).toBeLessThanOrEqual(ranges[1]![0]!);
  expect(metadata.nextRowId).toBe(21);
});

test('a field that a struct’s default leaves out has its own default', async () => {
  const duckdb = await openDuckDb();
  const folder = new DataFolder();
  const file = `${temporaryFolder()}/old.parquet`;
  await duckdb.run(`COPY (SELECT 1 AS id) TO '${file}' (FORMAT parquet, FIELD_IDS {id: 1})`);
  const struct = parseType(
    {
      type: 'struct',
      fields: [
        { id: 3, name: 'a', required: false, type: 'int', 'initial-default': 7 },
        { id: 4, name: 'b', required: false, type: 'string' },
        { id: 5, name: 'c', required: false, type: 'date', 'initial-default': '2026-01-31' },
      ],
    },
    's',
  );
  const schema = {
    schemaId: 0,
    identifierFieldIds: [],
    fields: [
      { id: 1, name: 'id', required: false, type: { kind: 'long' } },
      { id: 2, name: 's', required: false, type: struct, initialDefault: { 5: '2020-02-29' } },
    ] satisfies NestedField[],
  };
  const { sql } = await scanSql({
    duckdb,
    storage: folder.storage,
    metadata: { ...tableMetadata({ schema, location: folder.location }), formatVersion: 3 },
    schema,
    files: [{ dataFile: await foreignFile(file), deletes: [] }],
  });
  const [row] = await duckdb.rows(`SELECT to_json(t)::VARCHAR AS j FROM (${sql}) t`);
  expect(JSON.parse(String(row!.j))).toEqual({ id: 1, s: { a: 7, b: null, c: '2020-02-29' } });
});
