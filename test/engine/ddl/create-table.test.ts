import { beforeAll, describe, expect, test } from 'vitest';
import { currentSchema, currentSortOrder, currentSpec } from '../../../src/iceberg/metadata.ts';
import { typeToString } from '../../../src/iceberg/schema.ts';
import { transformToString } from '../../../src/iceberg/transform.ts';
import { SqlLake } from './support.ts';

let lake: SqlLake;
beforeAll(async () => {
  lake = await SqlLake.open();
});

async function columns(name: string): Promise<string> {
  const { metadata } = await lake.table(name);
  return currentSchema(metadata)
    .fields.map(f => `${f.id} ${f.name} ${typeToString(f.type)}${f.required ? '!' : ''}`)
    .join(', ');
}

describe('CREATE TABLE', () => {
  test('with key, partitions, order, properties, comments', async () => {
    const text = await lake.text(
      `CREATE TABLE Sales (id BIGINT PRIMARY KEY, amount DECIMAL(10,2) COMMENT 'in EUR', sold_at TIMESTAMPTZ NOT NULL,
         address STRUCT(city VARCHAR, zip list<string>))
       PARTITIONED BY (month(sold_at), bucket(8, id)) SORTED BY (amount DESC)
       COMMENT 'what was sold' TBLPROPERTIES ('write.parquet.compression-codec' = 'snappy')`,
    );
    expect(text).toBe('Sales: created with 4 columns.');
    expect(await columns('Sales')).toBe(
      '1 id long!, 2 amount decimal(10,2), 3 sold_at timestamptz!, 4 address struct<city: string, zip: list<string>>',
    );
    const { metadata } = await lake.table('Sales');
    expect(currentSchema(metadata).identifierFieldIds).toEqual([1]);
    expect(currentSchema(metadata).fields[1]!.doc).toBe('in EUR');
    expect(currentSpec(metadata).fields.map(f => `${f.name}=${transformToString(f.transform)}`)).toEqual([
      'sold_at_month=month',
      'id_bucket=bucket[8]',
    ]);
    expect(currentSortOrder(metadata).fields).toMatchObject([{ sourceId: 2, direction: 'desc' }]);
    expect(metadata.properties).toEqual({
      comment: 'what was sold',
      'write.parquet.compression-codec': 'snappy',
    });
    expect(metadata.formatVersion).toBe(2);
    await lake.run(
      `INSERT INTO sales VALUES (1, 9.5, '2026-01-31 10:00:00+00', {city: 'Ulm', zip: ['89073']})`,
    );
    expect(await lake.rows('SELECT id, amount::VARCHAR, address.city FROM SALES')).toEqual([
      [1, '9.50', 'Ulm'],
    ]);
  });

  test('a name that is taken', async () => {
    await lake.run('CREATE TABLE taken (a INT)');
    expect(await lake.failure('CREATE TABLE taken (a INT)')).toMatch(/^TABLE_EXISTS 1:14 .*OR REPLACE/);
    expect(await lake.text('CREATE TABLE IF NOT EXISTS taken (b INT)')).toBe(
      'taken exists already: nothing changed.',
    );
    expect(await lake.failure('CREATE OR REPLACE TABLE IF NOT EXISTS taken (b INT)')).toMatch(/go together/);
    expect(await columns('taken')).toBe('1 a int');
    // Names don't differ by case alone.
    expect(await lake.failure('CREATE TABLE TAKEN (a INT)')).toMatch(/^TABLE_EXISTS .*table taken exists/);
    expect(await lake.failure('CREATE TABLE "Default".Taken AS SELECT 1 AS a')).toMatch(/^TABLE_EXISTS/);
    expect(await lake.text('CREATE OR REPLACE TABLE Taken (b INT)')).toContain('taken: replaced');
    expect(await lake.failure('ALTER TABLE sales RENAME TO TAKEN')).toMatch(/^TABLE_EXISTS 1:29/);
    expect(await lake.text('ALTER TABLE taken RENAME TO Taken')).toBe('taken: renamed to Taken.');
    expect(await lake.failure('CREATE SCHEMA "DEFAULT"')).toContain('exists already');
  });

  test('types that Iceberg stores as others are told', async () => {
    expect(await lake.text('CREATE TABLE small (t TINYINT, s SMALLINT, j JSON, h HUGEINT)')).toBe(
      'small: created with 4 columns. (t stores TINYINT as int; s stores SMALLINT as int; j stores JSON as string; h stores HUGEINT as decimal(38,0))',
    );
    // Words that are names are no types.
    expect(await lake.text('CREATE TABLE named (s STRUCT(bit INT, "interval" INT, json INT))')).toBe(
      'named: created with 1 column.',
    );
  });

  test.each([
    ['i INTERVAL', '1:21', 'INTERVAL', 'duration_seconds'],
    ["e ENUM('x', 'y')", '1:21', 'ENUM', 'Use VARCHAR'],
    ['u UNION(n INT, t VARCHAR)', '1:21', 'UNION', 'STRUCT'],
    ['b INT, m MAP(INT, BIT)', '1:37', 'BIT', 'BLOB'],
    ['t TIME WITH TIME ZONE', '1:21', 'TIME WITH TIME ZONE', 'keep the offset'],
    ['x UHUGEINT', '1:21', 'UHUGEINT', 'DECIMAL(38,0)'],
  ])('a column %s has no equal', async (column, place, type, hint) => {
    const failure = await lake.failure(`CREATE TABLE bad (${column})`);
    expect(failure).toContain(`UNSUPPORTED ${place}`);
    expect(failure).toContain(`can't have the type ${type}:`);
    expect(failure).toContain(hint);
  });

  test('what is no type, and types of newer versions', async () => {
    expect(await lake.failure('CREATE TABLE bad (a INT,\n  b STRUCT(x INTT))')).toMatch(
      /2:14 There is no type "INTT"/,
    );
    expect(await lake.failure('CREATE TABLE bad (a TIMESTAMP_NS)')).toMatch(
      /UNSUPPORTED 1:19 .*format version 3/,
    );
    await lake.run("CREATE TABLE nanos (a TIMESTAMP_NS) TBLPROPERTIES ('format-version' = 3)");
    // What takes the place of a table has its format version.
    await lake.run('CREATE OR REPLACE TABLE nanos (b TIMESTAMP_NS)');
    await lake.run(
      "CREATE OR REPLACE TABLE nanos AS SELECT TIMESTAMP_NS '2026-01-01 00:00:00.000000001' AS c",
    );
    expect(await lake.text('CREATE TABLE IF NOT EXISTS nanos (a INT, a INT)')).toContain('exists already');
    expect((await lake.table('nanos')).metadata.formatVersion).toBe(3);
  });

  test('defaults need format version 3 and are constants', async () => {
    expect(await lake.failure('CREATE TABLE bad (a INT DEFAULT 5)')).toMatch(
      /UNSUPPORTED .*need format version 3/,
    );
    const v3 = (columns: string) =>
      `CREATE TABLE defaults (${columns}) TBLPROPERTIES ('format-version' = '3')`;
    for (const [changing, what] of [
      ['now()', 'now()'],
      ['current_date', 'current_date'],
      ['random()', 'random()'],
      ['(SELECT 1)', 'a sub-query'],
    ])
      expect(await lake.failure(v3(`a VARCHAR DEFAULT ${changing}`))).toContain(`can't be ${what}`);
    expect(await lake.failure(v3("a INT DEFAULT 'x'"))).toMatch(/^CONVERSION 1:/);
    expect(await lake.failure(v3('a STRUCT(x INT) DEFAULT {x: 1}'))).toContain('it is a struct');
    await lake.run(
      v3(
        `id INT, n BIGINT DEFAULT 9007199254740993, d DECIMAL(5,2) DEFAULT 1.5, s VARCHAR DEFAULT lower('ABC'),
         day DATE DEFAULT '2026-02-01', t TIMESTAMPTZ DEFAULT '2026-02-01 00:00:00+01', b BLOB DEFAULT '\\xAA'::BLOB,
         f DOUBLE DEFAULT 0.1, o BOOLEAN DEFAULT true, z INT DEFAULT NULL`,
      ),
    );
    const { fields } = currentSchema((await lake.table('defaults')).metadata);
    // A server may write the same values in another form.
    const plain = (value: unknown) =>
      typeof value === 'string' ? value.replace(/\.0+(?=\+)/, '').toLowerCase() : value;
    expect(fields.map(field => plain(field.writeDefault))).toEqual([
      undefined,
      9007199254740993n,
      '1.50',
      'abc',
      '2026-02-01',
      '2026-01-31t23:00:00+00:00',
      'aa',
      0.1,
      true,
      undefined,
    ]);
    await lake.run('INSERT INTO defaults (id) VALUES (1)');
    expect(await lake.rows('SELECT n, d::VARCHAR, s, hex(b), z FROM defaults')).toEqual([
      ['9007199254740993', '1.50', 'abc', 'AA', null],
    ]);
  });

  test('columns that can not be', async () => {
    expect(await lake.failure('CREATE TABLE bad (a INT, A BIGINT)')).toMatch(/^COLUMN_EXISTS 1:26/);
    expect(await lake.failure('CREATE TABLE bad (a DOUBLE PRIMARY KEY)')).toContain("don't compare exactly");
    expect(await lake.failure('CREATE TABLE bad (a INT) PARTITIONED BY (day(a))')).toContain(
      'day is for dates',
    );
    expect(await lake.failure('CREATE TABLE bad (amount INT) PARTITIONED BY (amuont)')).toContain('"amount"');
    expect(await lake.failure('CREATE TABLE nowhere.bad (a INT)')).toMatch(/^NAMESPACE_NOT_FOUND/);
    expect(await lake.lake.catalog.tableExists({ namespace: ['default'], name: 'bad' })).toBe(false);
  });

  test('a key inside of a struct makes the struct required', async () => {
    await lake.run('CREATE TABLE keyed (s STRUCT(id INT, x INT), PRIMARY KEY (s.id))');
    expect(await columns('keyed')).toBe('1 s struct<id: int not null, x: int>!');
  });

  test('LIKE copies columns, key, partitions and order', async () => {
    await lake.run('CREATE TABLE sales2 (LIKE sales)');
    const [a, b] = [(await lake.table('Sales')).metadata, (await lake.table('sales2')).metadata];
    expect(currentSchema(b)).toEqual(currentSchema(a));
    expect(currentSpec(b)).toEqual(currentSpec(a));
    expect(currentSortOrder(b)).toEqual(currentSortOrder(a));
    expect(b.location).not.toBe(a.location);
    expect(await lake.failure('CREATE TABLE x (LIKE slaes)')).toMatch(/TABLE_NOT_FOUND 1:22/);
    await lake.run('CREATE TEMP TABLE duck (a SMALLINT, b VARCHAR[]); CREATE TABLE like_duck (LIKE duck)');
    expect(await columns('like_duck')).toBe('1 a int, 2 b list<string>');
  });

  test("tables of DuckDB are DuckDB's", async () => {
    await lake.run("CREATE TEMP TABLE scratch (i INTERVAL); INSERT INTO scratch VALUES (INTERVAL '1' DAY)");
    expect(await lake.rows('SELECT count(*) FROM scratch')).toEqual([[1]]);
    await lake.run("ATTACH ':memory:' AS side; CREATE TABLE side.main.t (i INTERVAL)");
    expect(await lake.rows('SELECT count(*) FROM side.main.t')).toEqual([[0]]);
    await lake.run('CREATE TEMP TABLE copied AS SELECT id FROM sales');
    expect(await lake.rows('SELECT * FROM copied')).toEqual([[1]]);
    await lake.run('ALTER TABLE scratch ADD COLUMN x INT; DROP TABLE scratch; DROP TABLE copied');
    expect(await lake.failure('SELECT * FROM scratch')).toContain('TABLE_NOT_FOUND');
    // A name that DuckDB has is DuckDB's to make again.
    await lake.run('CREATE TEMP TABLE own (a INT); CREATE OR REPLACE TABLE own (b INTERVAL)');
    expect(await lake.lake.catalog.tableExists({ namespace: ['default'], name: 'own' })).toBe(false);
  });

  test('replacing keeps the history', async () => {
    await lake.run("CREATE TABLE hist (a INT, b VARCHAR); INSERT INTO hist VALUES (1, 'x')");
    const before = (await lake.table('hist')).metadata;
    expect(await lake.text('CREATE OR REPLACE TABLE hist (b VARCHAR, c INT)')).toBe(
      'hist: replaced, now with 2 columns.',
    );
    expect(await lake.rows('SELECT * FROM hist')).toEqual([]);
    expect(await lake.rows(`SELECT * FROM hist AT (VERSION => ${before.currentSnapshotId})`)).toEqual([
      [1, 'x'],
    ]);
    expect(await columns('hist')).toBe('2 b string, 3 c int');
    expect((await lake.table('hist')).metadata.tableUuid).toBe(before.tableUuid);
    expect(await lake.text('CREATE OR REPLACE TABLE fresh (a INT)')).toBe('fresh: created with 1 column.');
  });
});
