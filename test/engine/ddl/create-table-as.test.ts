import { existsSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createTableAs } from '../../../src/engine/ddl/index.ts';
import { CommitConflictError, InterruptedError } from '../../../src/iceberg/errors.ts';
import { currentSchema, currentSpec } from '../../../src/iceberg/metadata.ts';
import { typeToString } from '../../../src/iceberg/schema.ts';
import { Interference, SqlLake } from './support.ts';

const interference = new Interference();
const whileBefore = interference.whileBefore.bind(interference);
let lake: SqlLake;
beforeAll(async () => {
  lake = await SqlLake.open(interference.wrap);
});

describe('CREATE TABLE AS', () => {
  test('makes the table with its rows in one commit', async () => {
    const result = await lake.run(
      `CREATE TABLE squares PARTITIONED BY (bucket(2, i)) AS
       SELECT i::INTEGER AS i, i * i AS square, [i] AS l, NULL AS nothing FROM range(10) t(i)`,
    );
    expect(result).toMatchObject({ kind: 'change', operation: 'create table as', rowsInserted: 10 });
    expect(await lake.rows('SELECT sum(square)::BIGINT, count(nothing) FROM squares')).toEqual([[285, 0]]);
    const { metadata } = await lake.table('squares');
    expect(currentSchema(metadata).fields.map(f => `${f.name} ${typeToString(f.type)}`)).toEqual([
      'i int',
      'square long',
      'l list<long>',
      'nothing int',
    ]);
    expect(currentSpec(metadata).fields[0]!.name).toBe('i_bucket');
    expect(metadata.snapshots).toHaveLength(1);
    expect(metadata.snapshots[0]!.operation).toBe('append');
    // One metadata file: nobody ever saw the table without its rows.
    expect((await lake.files()).filter(file => /squares.*metadata\.json$/.test(file))).toHaveLength(1);
  });

  test('reads lake tables, parameters and names of columns', async () => {
    await lake.run('CREATE TABLE few (n, sq) AS SELECT i, square FROM squares WHERE i < $limit', {
      parameters: { limit: 3 },
    });
    expect(await lake.rows('SELECT * FROM few ORDER BY n')).toEqual([
      [0, 0],
      [1, 1],
      [2, 4],
    ]);
    expect(await lake.failure('CREATE TABLE bad (x) AS SELECT 1, 2')).toMatch(/1:19 There are 1 name for 2/);
  });

  test('WITH NO DATA and IF NOT EXISTS', async () => {
    await lake.run('CREATE TABLE hollow AS SELECT 1 AS a WITH NO DATA');
    expect((await lake.table('hollow')).metadata.snapshots).toEqual([]);
    expect(await lake.text('CREATE TABLE IF NOT EXISTS hollow AS SELECT no_such_column')).toContain(
      'exists already',
    );
    expect(await lake.failure('CREATE TABLE hollow AS SELECT 1 AS a')).toMatch(/^TABLE_EXISTS 1:14/);
  });

  test('columns that can not be', async () => {
    expect(await lake.failure('CREATE TABLE bad (x, X) AS SELECT 1, 2')).toMatch(/^COLUMN_EXISTS 1:22/);
    expect(await lake.failure("CREATE TABLE bad AS SELECT INTERVAL '1' DAY AS i")).toMatch(
      /^UNSUPPORTED .*epoch/,
    );
    expect(await lake.failure('CREATE TABLE bad AS SELECT nope FROM squares')).toMatch(/1:28/);
  });

  test('a failing query leaves nothing', async () => {
    const files = await lake.files();
    const sql =
      "CREATE TABLE broken AS SELECT CASE WHEN i = 9000 THEN error('stop') ELSE 1 END AS a FROM range(10000) t(i)";
    expect(await lake.failure(sql)).toContain('stop');
    expect(await lake.files()).toEqual(files);
    expect(await lake.lake.catalog.tableExists({ namespace: ['default'], name: 'broken' })).toBe(false);
    expect((await lake.files()).filter(file => file.includes('broken'))).toEqual([]);
    expect(existsSync(path.join(lake.folder, '.lakebook/warehouse/default/broken'))).toBe(false);
  });

  test('a failing commit leaves nothing', async () => {
    const files = await lake.files();
    const fail = async () => {
      throw new Error('the disk is full');
    };
    await whileBefore(fail, async () => {
      await expect(lake.run('CREATE TABLE broken AS SELECT 1 AS a')).rejects.toThrow('the disk is full');
      await expect(lake.run('CREATE OR REPLACE TABLE few AS SELECT 1 AS a')).rejects.toThrow(
        'the disk is full',
      );
    });
    expect(await lake.files()).toEqual(files);
    expect(await lake.rows('SELECT count(*) FROM few')).toEqual([[3]]);
  });

  test('another writer that makes the table first keeps it', async () => {
    const { catalog, defaultNamespace: namespace } = lake.lake;
    const race = async () => {
      const { metadata } = await lake.table('few');
      await catalog.createTable({ namespace, name: 'raced' }, { schema: currentSchema(metadata) });
    };
    await whileBefore(race, async () => {
      expect(await lake.failure('CREATE TABLE raced AS SELECT 1 AS a')).toMatch(/^TABLE_EXISTS/);
    });
    await lake.run('DROP TABLE raced PURGE');
    await whileBefore(race, async () => {
      const text = await lake.text('CREATE TABLE IF NOT EXISTS raced AS SELECT 1 AS a');
      expect(text).toBe('raced exists already: nothing changed.');
    });
    expect(await lake.rows('SELECT * FROM raced')).toEqual([]);
    expect((await lake.files()).filter(file => /raced.*parquet$/.test(file))).toEqual([]);
  });

  test('an interrupted one leaves nothing', async () => {
    const files = await lake.files();
    const controller = new AbortController();
    const run = lake.run(
      'CREATE TABLE slow AS SELECT count(*) AS n FROM range(1000000000000) t(i) WHERE hash(i) = 0',
      {
        signal: controller.signal,
      },
    );
    setTimeout(() => controller.abort(), 50);
    await expect(run).rejects.toThrow(InterruptedError);
    expect(await lake.files()).toEqual(files);
  });
});

describe('CREATE OR REPLACE TABLE AS', () => {
  test('keeps history, may read the table itself', async () => {
    await lake.run('CREATE TABLE grow AS SELECT 1 AS a');
    const first = (await lake.table('grow')).metadata.currentSnapshotId;
    expect(await lake.text('CREATE OR REPLACE TABLE grow AS SELECT a, a + 1 AS b FROM grow')).toBe(
      'grow: replaced with 1 row in 1 file.',
    );
    expect(await lake.rows('SELECT * FROM grow')).toEqual([[1, 2]]);
    expect(await lake.rows(`SELECT * FROM grow AT (VERSION => ${first})`)).toEqual([[1]]);
    const { metadata } = await lake.table('grow');
    expect(metadata.snapshots.at(-1)).not.toHaveProperty('parentSnapshotId', first);
  });

  test('a change of the table meanwhile is replaced too, with right column ids', async () => {
    await lake.run('CREATE TABLE moved AS SELECT 1 AS a');
    let meanwhile = 0;
    const insertAndAlter = async () => {
      meanwhile++;
      const { catalog } = lake.lake;
      const table = await lake.table('moved');
      const schema = currentSchema(table.metadata);
      const added = { id: 2, name: 'z', required: false, type: { kind: 'int' } } as const;
      await catalog.commitTable(
        table.identifier,
        [],
        [
          { action: 'add-schema', schema: { ...schema, fields: [...schema.fields, added] }, lastColumnId: 2 },
          { action: 'set-current-schema', schemaId: -1 },
        ],
      );
    };
    await whileBefore(insertAndAlter, async () => {
      await lake.run("CREATE OR REPLACE TABLE moved AS SELECT 'x' AS b, 5 AS a");
    });
    expect(meanwhile).toBe(1);
    expect(await lake.rows('SELECT * FROM moved')).toEqual([['x', 5]]);
    const { metadata } = await lake.table('moved');
    expect(currentSchema(metadata).fields.map(field => field.id)).toEqual([3, 1]);
    // The files of the attempt that lost are gone.
    expect((await lake.files()).filter(file => /moved.*parquet$/.test(file))).toHaveLength(2);
  });

  test('without SQL, for the verbs', async () => {
    const identifier = { namespace: ['default'], name: 'verb' };
    const columns = [{ name: 'id', type: { kind: 'long' } }] as const;
    const result = await createTableAs(lake.session, identifier, columns, {
      query: 'SELECT 7',
      key: [['id']],
      summary: { 'ingested-from': 'x.csv' },
    });
    expect(result.rowsInserted).toBe(1);
    const { metadata } = await lake.table('verb');
    expect(metadata.snapshots[0]!.summary).toMatchObject({ 'ingested-from': 'x.csv' });
    expect(currentSchema(metadata).identifierFieldIds).toEqual([1]);
    expect(CommitConflictError).toBeDefined();
  });
});
