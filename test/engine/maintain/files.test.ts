import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { compactManifests, expireSnapshots, findOrphans } from '../../../src/engine/maintain/index.ts';
import { snapshotManifests } from '../../../src/iceberg/manifest-list.ts';
import { currentSnapshot } from '../../../src/iceberg/metadata.ts';
import { reachableFiles } from '../../../src/iceberg/reachable.ts';
import { locationKey } from '../../../src/storage/location-keys.ts';
import { TestLake } from '../dml/support.ts';
import { localPath } from '../support.ts';
import { onDisk } from './support.ts';

const t = await TestLake.open();
let tables = 0;

async function table(commits = 4, properties: Record<string, string> = {}) {
  const name = `f${tables++}`;
  await t.create(name, { columns: { id: 'long', part: 'int' }, partitionedBy: ['part'], properties });
  for (let commit = 0; commit < commits; commit++) {
    await t.change(
      `INSERT INTO ${name} SELECT i, ${commit % 2} FROM range(${commit * 10}, ${commit * 10 + 10}) r(i)`,
    );
  }
  return name;
}

const expire = async (name: string, request: object = {}) =>
  expireSnapshots(t.session, { table: await t.table(name), olderThanMs: Date.now() + 1000, ...request });

const ofTable = (name: string) => onDisk(t.lake.warehouse).filter(file => file.includes(`/${name}/`));

/** All files that the table's metadata reaches, as far as they have to be there, are there. */
async function requireWhole(name: string) {
  const { metadata, metadataLocation } = await t.table(name);
  const reachable = await reachableFiles(metadata, metadataLocation, t.lake.storage, { liveOnly: true });
  for (const files of Object.values(reachable)) {
    for (const file of files as Set<string>) expect(existsSync(localPath(file)), file).toBe(true);
  }
}

describe('expiring snapshots', () => {
  test('deletes files that only they need, after the commit', async () => {
    const name = await table();
    await t.change(`UPDATE ${name} SET id = id + 1000`);
    const done = await expire(name);
    expect(done).toMatchObject({ snapshots: 4, dataFiles: 4, manifestLists: 4, failed: [] });
    const { metadata } = await t.table(name);
    expect(metadata.snapshots).toHaveLength(1);
    expect(ofTable(name).filter(file => file.endsWith('.parquet'))).toHaveLength(2);
    await requireWhole(name);
    expect(await t.rows(`SELECT count(*) AS n FROM ${name}`)).toEqual([{ n: 40 }]);
  });

  test('leaves what tags and branches need', async () => {
    const name = await table(2);
    await t.session.execute(`ALTER TABLE ${name} CREATE TAG before`);
    await t.change(`DELETE FROM ${name} WHERE true`);
    await t.session.execute(`ALTER TABLE ${name} CREATE BRANCH dev`);
    await t.change(`INSERT INTO ${name}.branch_dev VALUES (1, 1)`);
    await t.change(`INSERT INTO ${name} VALUES (2, 0)`);
    await expire(name);
    await requireWhole(name);
    expect(await t.rows(`SELECT count(*) AS n FROM ${name} AT (VERSION => 'before')`)).toEqual([{ n: 20 }]);
    expect(await t.rows(`SELECT * FROM ${name} AT (VERSION => 'dev')`)).toEqual([{ id: 1, part: 1 }]);
    await t.session.execute(`ALTER TABLE ${name} DROP TAG before`);
    expect((await expire(name)).dataFiles).toBe(2);
    await requireWhole(name);
  });

  test('keeps as many as asked for, and does nothing when none has had its time', async () => {
    const name = await table();
    expect(await expire(name, { keep: 3 })).toMatchObject({ snapshots: 1, dataFiles: 0 });
    expect(await expire(name, { olderThanMs: undefined })).toMatchObject({ snapshots: 0 });
    await requireWhole(name);
  });

  test('is refused for tables whose files may be others’', async () => {
    const name = await table(2, { 'gc.enabled': 'false' });
    await expect(expire(name)).rejects.toMatchObject({ message: expect.stringContaining('gc.enabled') });
  });

  test('leaves files that another address of the same file is live under', () => {
    expect(locationKey('file:/a/b')).toBe(locationKey('file:///a/b'));
    expect(locationKey('/a/b')).toBe(locationKey('file://localhost/a/b'));
    expect(locationKey('s3a://bucket/k')).toBe(locationKey('s3://bucket/k'));
    expect(locationKey('s3://bucket/k')).not.toBe(locationKey('s3://other/k'));
    expect(locationKey('file:///a/b')).not.toBe(locationKey('file:///a/B'));
  });
});

describe('orphan files', () => {
  const old = new Date(Date.now() - 10 * 86_400_000);

  /** A file in the table's folder that is ten days old. */
  function stray(folder: string, name: string, at = old): string {
    const file = path.join(localPath(folder), name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, 'x');
    utimesSync(file, at, at);
    return file;
  }

  const find = async (name: string, request: object = {}) =>
    findOrphans(t.session, { table: await t.table(name), ...request });

  async function age(name: string) {
    for (const file of ofTable(name)) utimesSync(path.join(localPath(t.lake.warehouse), file), old, old);
  }

  test('are listed, and deleted when asked for; what is needed or young stays', async () => {
    const name = await table(3);
    await t.session.execute(`ALTER TABLE ${name} CREATE TAG one`);
    await t.change(`DELETE FROM ${name} WHERE part = 1`);
    await age(name);
    const { metadata } = await t.table(name);
    const strays = [
      stray(metadata.location, 'data/part_p0=9/left.parquet'),
      stray(metadata.location, 'metadata/snap-1.avro'),
      stray(metadata.location, 'metadata/dv.puffin'),
    ];
    const young = stray(metadata.location, 'data/young.parquet', new Date(Date.now() - 2 * 86_400_000));
    const found = await find(name);
    expect(found.files.map(file => localPath(file.location)).sort()).toEqual(strays.sort());
    expect(found).toMatchObject({ tooYoung: 1, deleted: 0 });
    for (const file of strays) expect(existsSync(file)).toBe(true);
    expect(await find(name, { delete: true })).toMatchObject({ deleted: 3, failed: [] });
    for (const file of strays) expect(existsSync(file)).toBe(false);
    expect(existsSync(young)).toBe(true);
    await requireWhole(name);
    expect(await t.rows(`SELECT count(*) AS n FROM ${name} AT (VERSION => 'one')`)).toEqual([{ n: 30 }]);
  });

  test('are not what others keep hidden, nor checksums of files that stay', async () => {
    const name = await table(1);
    const { metadata } = await t.table(name);
    const [task] = await t.tasks(name);
    const { filePath } = task!.dataFile;
    const sidecar = (file: string) => path.join(path.dirname(file), `.${path.basename(file)}.crc`);
    stray(metadata.location, '_temporary/0/part.parquet');
    stray(metadata.location, 'data/.hidden/part.parquet');
    stray('/', sidecar(localPath(filePath)));
    const gone = [
      stray(metadata.location, 'data/.gone.parquet.crc'),
      stray(metadata.location, 'data/.lakebook-staging-1/files/x.parquet'),
      stray(metadata.location, 'metadata/.0a1b2c3d-0000-4000-8000-00000000000f.tmp'),
      stray(metadata.location, 'data/_p=1/x.parquet'),
    ];
    await age(name);
    expect((await find(name)).files.map(file => localPath(file.location)).sort()).toEqual(gone.sort());
  });

  test('are none in the folder of a table inside, or of one that shares the folder', async () => {
    const name = await table(1);
    const { metadata, metadataLocation } = await t.table(name);
    const { catalog, defaultNamespace: namespace } = t.lake;
    await catalog.registerTable({ namespace, name: `${name}_twin` }, metadataLocation);
    await t.session.execute(`INSERT INTO ${name}_twin VALUES (5, 5)`);
    await catalog.createTable(
      { namespace, name: `${name}_inside` },
      { schema: metadata.schemas[0]!, location: `${metadata.location}/inside` },
    );
    await t.session.execute(`INSERT INTO ${name}_inside VALUES (6, 6)`);
    const mine = stray(metadata.location, 'data/mine.parquet');
    stray(metadata.location, 'inside/data/theirs.parquet');
    await age(name);
    expect((await find(name, { delete: true })).files.map(file => localPath(file.location))).toEqual([mine]);
    expect(await t.rows(`SELECT * FROM ${name}_twin WHERE part = 5`)).toHaveLength(1);
    expect(await t.rows(`SELECT * FROM ${name}_inside`)).toHaveLength(1);
  });

  test('younger than a day are never deleted', async () => {
    const name = await table(1);
    await expect(find(name, { delete: true, olderThanMs: Date.now() })).rejects.toThrow(/younger than a day/);
  });

  test('stay when what is needed can’t be known', async () => {
    const name = await table(2);
    const { metadata } = await t.table(name);
    const [manifest] = await snapshotManifests(t.lake.storage, currentSnapshot(metadata)!);
    const file = stray(metadata.location, 'data/mine.parquet');
    // The lake that is open has the manifest in memory.
    writeFileSync(localPath(manifest!.manifestPath), 'broken');
    const fresh = await TestLake.open(t.folder);
    await expect(
      findOrphans(fresh.session, { table: await fresh.table(name), delete: true }),
    ).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
    expect(existsSync(file)).toBe(true);
    await t.session.execute(`DROP TABLE ${name}`);
  });
});

describe('manifests', () => {
  test('are put together by partition, with the same files in them', async () => {
    const name = await table(6);
    await t.change(`DELETE FROM ${name} WHERE id = 3`);
    const before = await t.tasks(name);
    const rows = await t.rows(`SELECT * FROM ${name} ORDER BY ALL`);
    const done = await compactManifests(t.session, await t.table(name), {});
    expect(done.rewritten).toBeGreaterThan(5);
    expect(done.added).toBe(1);
    const { metadata } = await t.table(name);
    const snapshot = currentSnapshot(metadata)!;
    expect(snapshot).toMatchObject({ operation: 'replace' });
    expect(await snapshotManifests(t.lake.storage, snapshot)).toHaveLength(1);
    const key = (task: (typeof before)[number]) =>
      `${task.dataFile.filePath} ${task.entry.sequenceNumber} ${task.entry.snapshotId}`;
    expect((await t.tasks(name)).map(key).sort()).toEqual(before.map(key).sort());
    expect(await t.rows(`SELECT * FROM ${name} ORDER BY ALL`)).toEqual(rows);
    expect(await compactManifests(t.session, await t.table(name), {})).toEqual({ rewritten: 0, added: 0 });
  });

  test('of a table with row lineage keep the ids of rows', async () => {
    const name = `f${tables++}`;
    await t.create(name, { columns: { id: 'long' }, formatVersion: 3 });
    for (const from of [0, 10, 20])
      await t.change(`INSERT INTO ${name} SELECT i FROM range(${from}, ${from + 10}) r(i)`);
    const ids = () => t.rows(`SELECT id, _row_id AS r FROM ${name} ORDER BY id`);
    const before = await ids();
    await compactManifests(t.session, await t.table(name), { all: true });
    expect(await ids()).toEqual(before);
    await t.change(`INSERT INTO ${name} VALUES (100)`);
    expect(new Set((await ids()).map(row => (row as { r: number }).r)).size).toBe(31);
  });
});

describe('procedures', () => {
  const call = async (sql: string) => {
    const [outcome] = await t.session.execute(sql);
    if (outcome?.kind !== 'rows') throw new Error('no rows');
    const { result } = outcome;
    const rows = await result.rows(0, await result.finished());
    return rows.map(row =>
      Object.fromEntries(result.columns.map((column, i) => [column.name, String(row[i])])),
    );
  };

  test('answer what Spark’s answer', async () => {
    const name = await table(6, { 'write.delete.mode': 'merge-on-read' });
    await t.change(`DELETE FROM ${name} WHERE id IN (1, 2, 41)`);
    await t.change(`DELETE FROM ${name} WHERE id IN (3, 42)`);
    expect(
      await call(`CALL system.rewrite_position_delete_files('${name}', map('rewrite-all', 'true'))`),
    ).toMatchObject([{ rewritten_delete_files_count: '4', added_delete_files_count: '1' }]);
    expect(await t.rows(`SELECT count(*) AS n FROM ${name}`)).toEqual([{ n: 55 }]);
    expect(
      await call(
        `CALL system.rewrite_data_files(table => '${name}', strategy => 'sort', sort_order => 'id DESC',
           options => MAP {'rewrite-all': 'true'}, where => 'part = 0')`,
      ),
    ).toMatchObject([
      { rewritten_data_files_count: '3', added_data_files_count: '1', removed_delete_files_count: '1' },
    ]);
    expect(await call(`CALL system.rewrite_manifests('${name}')`)).toMatchObject([
      { added_manifests_count: '1' },
    ]);
    expect(
      await call(
        `CALL system.expire_snapshots(table => '${name}', older_than => now() + INTERVAL 1 HOUR, retain_last => 1)`,
      ),
    ).toMatchObject([{ deleted_data_files_count: '3', deleted_position_delete_files_count: '5' }]);
    expect(await call(`CALL system.remove_orphan_files(table => '${name}', dry_run => true)`)).toEqual([]);
    expect(await t.rows(`SELECT count(*) AS n FROM ${name}`)).toEqual([{ n: 55 }]);
    await requireWhole(name);
  });

  test('tell options that there are none of', async () => {
    const name = await table(1);
    await expect(
      t.session.execute(
        `CALL system.rewrite_data_files(table => '${name}', options => map('min-files', '2'))`,
      ),
    ).rejects.toThrow(/no option 'min-files'/);
  });
});
