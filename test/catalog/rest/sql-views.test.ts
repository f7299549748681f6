import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadLakeConfig } from '../../../src/catalog/lake-config.ts';
import { type Lake, openLake } from '../../../src/catalog/open-lake.ts';
import { EngineSession } from '../../../src/engine/index.ts';
import { temporaryFolder } from '../../storage/support.ts';
import { failureOf, freshCatalog } from './support.ts';

let lake: Lake;
let session: EngineSession;
beforeAll(async () => {
  const folder = temporaryFolder('lakebook-views-');
  const { uri, warehouse } = freshCatalog();
  const config = await loadLakeConfig(folder, {
    LAKEBOOK_CATALOG_TYPE: 'rest',
    LAKEBOOK_CATALOG_URI: uri,
    LAKEBOOK_WAREHOUSE: warehouse,
    LAKEBOOK_S3_ENDPOINT: process.env.LAKEBOOK_S3_ENDPOINT,
    LAKEBOOK_CACHE_DIR: `${folder}/cache`,
  });
  lake = await openLake(config);
  session = await EngineSession.open({ lake, workingDirectory: folder });
  await session.execute(`CREATE TABLE sales (id INT, region TEXT, amount DOUBLE);
    INSERT INTO sales VALUES (1, 'north', 10), (2, 'south', 20), (3, 'north', 30)`);
});
afterAll(async () => {
  await session?.close();
  await lake?.close();
});

async function rows(sql: string): Promise<unknown[][]> {
  const outcome = (await session.execute(sql)).at(-1);
  if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  return await outcome.result.rows(0, await outcome.result.finished());
}

describe('views of the catalog in SQL', () => {
  test('are made, read as tables are, replaced and dropped', async () => {
    await session.execute(
      `CREATE VIEW by_region AS SELECT region, sum(amount) AS total FROM sales GROUP BY region`,
    );
    expect(await rows('SELECT * FROM by_region ORDER BY region')).toEqual([
      ['north', 40],
      ['south', 20],
    ]);
    await session.execute("INSERT INTO sales VALUES (4, 'south', 5)");
    expect(await rows("SELECT v.total FROM lake.default.by_region v WHERE v.region = 'south'")).toEqual([
      [25],
    ]);
    const { metadata } = await lake.catalog.views!.loadView({ namespace: ['default'], name: 'by_region' });
    expect(metadata.versions[0]!.representations).toMatchObject([{ dialect: 'duckdb' }]);
    expect(await failureOf(session.execute('CREATE VIEW by_region AS SELECT * FROM sales'))).toMatchObject({
      code: 'VIEW_EXISTS',
    });
    await session.execute('CREATE OR REPLACE VIEW by_region (place) AS SELECT DISTINCT region FROM sales');
    expect(await rows('SELECT place FROM by_region ORDER BY 1')).toEqual([['north'], ['south']]);
    await session.execute('DROP VIEW by_region');
    expect(await failureOf(session.execute('SELECT * FROM by_region'))).toMatchObject({
      code: 'TABLE_NOT_FOUND',
    });
    expect(await failureOf(session.execute('DROP VIEW by_region'))).toMatchObject({ code: 'VIEW_NOT_FOUND' });
    await session.execute('DROP VIEW IF EXISTS by_region');
  });

  test('look for their tables in the namespace in which they were made', async () => {
    await session.execute(`CREATE SCHEMA eu; CREATE TABLE eu.sales (id INT); INSERT INTO eu.sales VALUES (9);
      CREATE VIEW eu.here AS SELECT id FROM sales`);
    expect(await rows('SELECT count(*) FROM eu.here')).toEqual([[4]]);
    await session.execute('USE eu');
    try {
      await session.execute('CREATE VIEW there AS SELECT id FROM sales');
    } finally {
      await session.execute('USE "default"');
    }
    expect(await rows('SELECT * FROM eu.there')).toEqual([[9]]);
    await session.execute('CREATE VIEW nested AS SELECT t.id AS a FROM eu.there t JOIN eu.sales USING (id)');
    expect(await rows('SELECT a FROM nested')).toEqual([[9]]);
  });

  test('can not read themselves, nor have the name of a table', async () => {
    const itself = session.execute('CREATE VIEW loop AS SELECT * FROM loop');
    expect(await failureOf(itself)).toMatchObject({ code: 'TABLE_NOT_FOUND' });
    await session.execute('CREATE VIEW loop AS SELECT * FROM sales');
    const again = session.execute('CREATE OR REPLACE VIEW loop AS SELECT * FROM loop');
    expect((await failureOf(again)).message).toContain('would read itself');
    expect(await rows('SELECT count(*) FROM loop')).toEqual([[4]]);
    expect(await failureOf(session.execute('CREATE VIEW sales AS SELECT * FROM loop'))).toMatchObject({
      code: 'TABLE_EXISTS',
    });
  });

  test('of Spark are read with their quotes and column names', async () => {
    await lake.catalog.views!.createView(
      { namespace: ['default'], name: 'sparks' },
      {
        schema: {
          schemaId: 0,
          fields: [
            { id: 1, name: 'key', required: false, type: { kind: 'int' } },
            { id: 2, name: 'said', required: false, type: { kind: 'string' } },
          ],
          identifierFieldIds: [],
        },
        representations: [
          { dialect: 'trino', sql: 'broken' },
          {
            dialect: 'spark',
            sql: 'SELECT `id`, "it\'s \\"so\\"" AS `a b` FROM `default`.`sales` WHERE id < 3;',
          },
        ],
        defaultNamespace: ['default'],
        properties: { 'spark.query-column-names': 'id,a b' },
      },
    );
    expect(await rows('SELECT said, key FROM sparks ORDER BY key')).toEqual([
      [`it's "so"`, 1],
      [`it's "so"`, 2],
    ]);
  });

  test.each([
    ['spark', 'SELECT id FROM sales LATERAL VIEW explode(x) t AS y', /dialect of spark/],
    ['flink', 'SELECT id FROM sales', /flink/],
  ])('of %s that can not be read are told of, with the place', async (dialect, sql, message) => {
    const name = `odd_${dialect}`;
    await lake.catalog.views!.createView(
      { namespace: ['default'], name },
      {
        schema: {
          schemaId: 0,
          fields: [{ id: 1, name: 'id', required: false, type: { kind: 'int' } }],
          identifierFieldIds: [],
        },
        representations: [{ dialect, sql }],
        defaultNamespace: ['default'],
      },
    );
    const error = await failureOf(session.execute(`SELECT *\nFROM ${name}`));
    expect(error).toMatchObject({ code: 'UNSUPPORTED', position: { line: 2, column: 6 } });
    expect(error.message).toMatch(message);
    expect(error.hint).toContain('CREATE OR REPLACE VIEW');
  });

  test.each([
    ["SELECT * FROM read_text('/etc/passwd')", 'the function read_text'],
    ["SELECT * FROM (SELECT * FROM sales) s, glob('/*')", 'the function glob'],
    ["SELECT (SELECT content FROM read_text('/etc/passwd')) AS c FROM sales", 'the function read_text'],
    ["SELECT * FROM '/etc/passwd.csv'", 'a file'],
    ['SELECT * FROM "/etc/passwd.csv"', 'no table or view of the lake'],
    ['SELECT * FROM mine', 'no table or view of the lake'],
    ['SELECT * FROM duckdb_settings()', 'the function duckdb_settings'],
    ['SELECT * FROM information_schema.tables', 'no table or view of the lake'],
  ])('that others made see the lake only: %s', async (sql, what) => {
    await session.execute('CREATE OR REPLACE TEMP TABLE mine (secret INT)');
    const name = `spy_${createHash('sha256').update(sql).digest('hex').slice(0, 8)}`;
    await lake.catalog.views!.createView(
      { namespace: ['default'], name },
      {
        schema: {
          schemaId: 0,
          fields: [{ id: 1, name: 'id', required: false, type: { kind: 'int' } }],
          identifierFieldIds: [],
        },
        representations: [{ dialect: 'duckdb', sql }],
        defaultNamespace: ['default'],
      },
    );
    for (const query of [
      `SELECT * FROM ${name}`,
      `SELECT count(*) FROM (SELECT * FROM ${name} WHERE id = 1)`,
    ]) {
      const error = await failureOf(session.execute(query));
      expect(error.code).toBe('UNSUPPORTED');
      expect(error.message).toContain(what);
    }
  });

  test('have no versions', async () => {
    await session.execute('CREATE VIEW timeless AS SELECT * FROM sales');
    const error = await failureOf(session.execute('SELECT * FROM timeless AT (VERSION => 1)'));
    expect(error.message).toContain('is a view');
  });
});
