import { beforeAll, describe, expect, test } from 'vitest';
import { alterTable, setRef } from '../../../src/engine/ddl/index.ts';
import { alwaysTrue } from '../../../src/iceberg/expression.ts';
import { currentSchema, currentSortOrder, currentSpec } from '../../../src/iceberg/metadata.ts';
import { planScan } from '../../../src/iceberg/scan.ts';
import { transformToString } from '../../../src/iceberg/transform.ts';
import { Interference, SqlLake } from './support.ts';

let lake: SqlLake;
const interference = new Interference();
beforeAll(async () => {
  lake = await SqlLake.open(interference.wrap);
});

async function names(table: string): Promise<string[]> {
  return currentSchema((await lake.table(table)).metadata).fields.map(field => field.name);
}

describe('old files are read right after', () => {
  test('renaming, adding, dropping, adding again, widening and moving', async () => {
    await lake.run(
      `CREATE TABLE evolve (id INT, name VARCHAR, price FLOAT, amount DECIMAL(5,2), gone INT);
       INSERT INTO evolve VALUES (1, 'one', 1.5, 1.25, 7)`,
    );
    expect(
      await lake.text(
        `ALTER TABLE evolve RENAME COLUMN name TO label, ADD COLUMN discount DECIMAL(4,2) AFTER amount,
           ALTER COLUMN id TYPE BIGINT, ALTER COLUMN price TYPE DOUBLE, ALTER COLUMN amount TYPE DECIMAL(12,2),
           DROP COLUMN gone, ALTER COLUMN price FIRST`,
      ),
    ).toBe(
      'evolve: renamed name to label; added discount decimal(4,2) after amount; changed id to long; changed price to double; changed amount to decimal(12,2); dropped gone; moved price first.',
    );
    await lake.run('ALTER TABLE evolve ADD COLUMN gone VARCHAR, ADD COLUMN name INT');
    await lake.run("INSERT INTO evolve VALUES (2.5, 3000000000, 'two', 1234567890.12, 0.5, 'new', 4)");
    expect(await names('evolve')).toEqual(['price', 'id', 'label', 'amount', 'discount', 'gone', 'name']);
    expect(
      await lake.rows(
        'SELECT price, id, label, amount::VARCHAR, discount::VARCHAR, gone, name FROM evolve ORDER BY id',
      ),
    ).toEqual([
      [1.5, 1, 'one', '1.25', null, null, null],
      [2.5, 3000000000, 'two', '1234567890.12', '0.50', 'new', 4],
    ]);
    // Filters on columns of old files prune and match in their new form.
    expect(await lake.rows('SELECT label FROM evolve WHERE id = 1 AND price < 2 AND name IS NULL')).toEqual([
      ['one'],
    ]);
    const { metadata } = await lake.table('evolve');
    expect(metadata.schemas).toHaveLength(3);
  });

  test('the same in structs, lists and maps', async () => {
    await lake.run(
      `CREATE TABLE nested (s STRUCT(a INT, b VARCHAR), l STRUCT(x INT, y INT)[], m MAP(VARCHAR, STRUCT(v INT)));
       INSERT INTO nested VALUES ({a: 1, b: 'b'}, [{x: 1, y: 2}], MAP {'k': {v: 3}})`,
    );
    await lake.run(
      `ALTER TABLE nested RENAME COLUMN s.a TO n, ADD COLUMN s.a VARCHAR FIRST, DROP COLUMN s.b,
         ALTER COLUMN s.n TYPE BIGINT, ADD COLUMN l.z INT BEFORE x, DROP COLUMN l.element.y,
         ALTER COLUMN l.x TYPE BIGINT, ADD COLUMN m.value.w INT`,
    );
    await lake.run(
      "INSERT INTO nested VALUES ({a: 'A', n: 5000000000}, [{z: 9, x: 8}], MAP {'q': {v: 1, w: 2}})",
    );
    expect(await lake.rows('SELECT to_json(nested)::VARCHAR FROM nested ORDER BY s.n')).toEqual([
      ['{"s":{"a":null,"n":1},"l":[{"z":null,"x":1}],"m":{"k":{"v":3,"w":null}}}'],
      ['{"s":{"a":"A","n":5000000000},"l":[{"z":9,"x":8}],"m":{"q":{"v":1,"w":2}}}'],
    ]);
  });

  test('a new partition spec and order, with rows under both', async () => {
    await lake.run(
      `CREATE TABLE parts (id INT, day DATE) PARTITIONED BY (month(day));
       INSERT INTO parts VALUES (1, '2026-01-01'), (2, '2026-02-01')`,
    );
    expect(
      await lake.text(
        'ALTER TABLE parts REPLACE PARTITION FIELD day_month WITH day(day), WRITE ORDERED BY id DESC',
      ),
    ).toContain(
      'parts: replaced the partition field day_month by day(day); new rows are written in the order of id desc',
    );
    await lake.run("INSERT INTO parts VALUES (3, '2026-02-01'), (4, '2026-02-02')");
    expect(await lake.rows("SELECT id FROM parts WHERE day = '2026-02-01' ORDER BY id")).toEqual([[2], [3]]);
    const { metadata } = await lake.table('parts');
    expect(currentSpec(metadata).fields.map(f => `${f.fieldId} ${transformToString(f.transform)}`)).toEqual([
      '1001 day',
    ]);
    expect(currentSortOrder(metadata).orderId).toBe(1);
    const { tasks } = await planScan({ metadata, filter: alwaysTrue, io: lake.lake.storage });
    expect(tasks.map(task => task.dataFile.specId).sort()).toEqual([0, 0, 1, 1]);
    expect(await lake.failure('ALTER TABLE parts DROP COLUMN day')).toMatch(
      /1:31 .*DROP PARTITION FIELD day_day/,
    );
    await lake.run("ALTER TABLE parts WRITE ORDERED BY id DESC, day, ALTER COLUMN id COMMENT 'the key'");
    expect(currentSortOrder((await lake.table('parts')).metadata).fields).toHaveLength(2);
    await lake.run('ALTER TABLE parts SET PARTITIONED BY ()');
    await lake.run('ALTER TABLE parts ADD PARTITION FIELD month(day)');
    expect(currentSpec((await lake.table('parts')).metadata).specId).toBe(0);
  });
});

describe('NOT NULL', () => {
  test('is decided by statistics or by looking at the rows', async () => {
    await lake.run(
      `CREATE TABLE nulls (a INT, b INT, s STRUCT(x INT, y INT));
       INSERT INTO nulls VALUES (1, NULL, {x: 1, y: NULL}), (2, 2, NULL)`,
    );
    expect(await lake.text('ALTER TABLE nulls ALTER COLUMN a SET NOT NULL')).toBe('nulls: made a required.');
    expect(await lake.failure('ALTER TABLE nulls ALTER COLUMN b SET NOT NULL')).toMatch(
      /^INVALID 1:32 .*1 row has no value in it. Fill them first: UPDATE nulls SET b/,
    );
    // In a struct that isn't there nothing is missing.
    await lake.run('ALTER TABLE nulls ALTER COLUMN s.x SET NOT NULL');
    expect(await lake.failure('ALTER TABLE nulls ALTER COLUMN s.y SET NOT NULL')).toContain('1 row has');
    expect(await lake.failure('ALTER TABLE nulls ALTER COLUMN s SET NOT NULL')).toContain('1 row has');
    await lake.run('UPDATE nulls SET b = 0 WHERE b IS NULL; ALTER TABLE nulls ALTER COLUMN b SET NOT NULL');
    await lake.run('ALTER TABLE nulls SET IDENTIFIER FIELDS a, b');
    expect(await lake.failure('ALTER TABLE nulls ALTER COLUMN a DROP NOT NULL')).toContain('part of the key');
    await lake.run('ALTER TABLE nulls DROP IDENTIFIER FIELDS a, b, ALTER COLUMN a DROP NOT NULL');
    expect(currentSchema((await lake.table('nulls')).metadata).fields.map(f => f.required)).toEqual([
      false,
      true,
      false,
    ]);
  });

  test('looks at columns that were added later, and at branches', async () => {
    await lake.run(
      'CREATE TABLE later (a INT); INSERT INTO later VALUES (1); ALTER TABLE later ADD COLUMN b INT',
    );
    expect(await lake.failure('ALTER TABLE later ALTER COLUMN b SET NOT NULL')).toContain('1 row has');
    expect(await lake.failure('ALTER TABLE later ADD COLUMN c INT, ALTER COLUMN c SET NOT NULL')).toContain(
      '1 row has',
    );
    await lake.run('ALTER TABLE later CREATE BRANCH dev; UPDATE later SET b = 1');
    expect(await lake.failure('ALTER TABLE later ALTER COLUMN b SET NOT NULL')).toContain('(branch dev)');
    await lake.run('ALTER TABLE later DROP BRANCH dev, ALTER COLUMN a SET NOT NULL');
    await lake.run('ALTER TABLE later ALTER COLUMN b SET NOT NULL');
  });

  test('an empty table takes it at once', async () => {
    await lake.run(
      'CREATE TABLE none (a INT); ALTER TABLE none ALTER COLUMN a SET NOT NULL, ADD COLUMN b INT NOT NULL',
    );
    expect(currentSchema((await lake.table('none')).metadata).fields.map(f => f.required)).toEqual([
      true,
      true,
    ]);
  });
});

describe('defaults', () => {
  test('of new columns are in old rows, changed ones only in new rows', async () => {
    await lake.run(
      `CREATE TABLE def (a INT) TBLPROPERTIES ('format-version' = '3'); INSERT INTO def VALUES (1);
       ALTER TABLE def ADD COLUMN b VARCHAR NOT NULL DEFAULT 'old';
       ALTER TABLE def ALTER COLUMN b SET DEFAULT 'new'; INSERT INTO def (a) VALUES (2)`,
    );
    expect(await lake.rows('SELECT * FROM def ORDER BY a')).toEqual([
      [1, 'old'],
      [2, 'new'],
    ]);
    await lake.run('ALTER TABLE def ALTER COLUMN a TYPE BIGINT, ALTER COLUMN a SET DEFAULT 5000000000');
    expect(currentSchema((await lake.table('def')).metadata).fields[0]!.writeDefault).toBe(5000000000);
    expect(await lake.failure('ALTER TABLE later ADD COLUMN z INT DEFAULT 1')).toContain(
      'needs format version 3'.slice(6),
    );
  });
});

describe('names and errors', () => {
  test('columns are found whatever their case, and told where they are wrong', async () => {
    await lake.run('CREATE TABLE Named ("Amount" INT, b INT)');
    await lake.run('ALTER TABLE named RENAME COLUMN AMOUNT TO total');
    expect(await names('Named')).toEqual(['total', 'b']);
    expect(await lake.failure('ALTER TABLE named\n  DROP COLUMN totl')).toMatch(
      /^COLUMN_NOT_FOUND 2:15 .*Did you mean "total"/,
    );
    expect(await lake.failure('ALTER TABLE named ADD COLUMN B INT')).toMatch(/^COLUMN_EXISTS 1:30/);
    expect(await lake.failure('ALTER TABLE nmaed DROP COLUMN b')).toMatch(
      /^TABLE_NOT_FOUND 1:13 .*Did you mean "Named"/,
    );
    expect(await lake.text('ALTER TABLE IF EXISTS nmaed DROP COLUMN b')).toContain('nothing changed');
    expect(await lake.text('ALTER TABLE named ADD COLUMN IF NOT EXISTS B INT, DROP COLUMN IF EXISTS x')).toBe(
      'Named: everything is like that already.',
    );
    expect(
      await lake.text(
        'ALTER TABLE named ADD COLUMN IF NOT EXISTS B INT, ADD COLUMN IF NOT EXISTS n INT, DROP COLUMN IF EXISTS n, DROP COLUMN IF EXISTS x, ADD COLUMN q INT, DROP TAG IF EXISTS t',
      ),
    ).toBe('Named: added n int; dropped n; added q int.');
    await lake.run('ALTER TABLE named DROP COLUMN q');
  });

  test('types only widen, without USING', async () => {
    await lake.run('CREATE TABLE typed (a INT, b INT)');
    expect(await lake.failure('ALTER TABLE typed ALTER COLUMN b TYPE VARCHAR')).toMatch(
      /1:32 .*int can become a long/,
    );
    expect(await lake.failure('ALTER TABLE typed ALTER COLUMN b TYPE BIGINT USING b + 1')).toMatch(
      /^UNSUPPORTED 1:52 .*UPDATE ... SET new = b \+ 1/,
    );
    expect(await lake.text('ALTER TABLE typed ALTER COLUMN b TYPE SMALLINT')).toContain(
      'b stores SMALLINT as int',
    );
  });

  test('all actions or none', async () => {
    const before = (await lake.table('Named')).metadataLocation;
    expect(await lake.failure('ALTER TABLE named ADD COLUMN c INT, DROP COLUMN nope')).toContain(
      'COLUMN_NOT_FOUND',
    );
    expect((await lake.table('Named')).metadataLocation).toBe(before);
  });

  test('renaming the table', async () => {
    await lake.run('CREATE TABLE first (a INT); INSERT INTO first VALUES (1); CREATE SCHEMA other');
    expect(await lake.text('ALTER TABLE first RENAME TO second')).toBe('first: renamed to second.');
    expect(await lake.text('ALTER TABLE second RENAME TO other.third')).toBe(
      'second: renamed to other.third.',
    );
    expect(await lake.rows('SELECT * FROM other.third')).toEqual([[1]]);
    await lake.run('ALTER TABLE other.third RENAME TO fourth');
    expect(await lake.rows('SELECT * FROM other.fourth')).toEqual([[1]]);
    expect(await lake.failure('ALTER TABLE other.fourth RENAME TO x, ADD COLUMN b INT')).toMatch(
      /UNSUPPORTED 1:26/,
    );
    expect(await lake.failure('ALTER TABLE named RENAME TO def')).toContain('TABLE_EXISTS');
  });

  test('properties and comments', async () => {
    await lake.run(
      `ALTER TABLE named SET TBLPROPERTIES ('write.target-file-size-bytes' = '1000', x = 'y');
       ALTER TABLE named ALTER COLUMN b COMMENT 'the b'; COMMENT ON TABLE named IS 'a table';
       ALTER TABLE named UNSET TBLPROPERTIES (x)`,
    );
    const { metadata } = await lake.table('Named');
    // A catalog's server may set properties of its own.
    expect(metadata.properties).toMatchObject({ 'write.target-file-size-bytes': '1000', comment: 'a table' });
    expect(metadata.properties).not.toHaveProperty('x');
    expect(currentSchema(metadata).fields[1]!.doc).toBe('the b');
    expect(await lake.failure("ALTER TABLE named SET TBLPROPERTIES ('gc.enabled' = 'perhaps')")).toContain(
      'true or false',
    );
  });

  test('location', async () => {
    if (process.env.LAKEBOOK_TEST_STORAGE === 'rest') {
      // The server writes the metadata, and reaches its own warehouse only.
      expect(await lake.failure("CREATE TABLE placed (a INT) LOCATION 'elsewhere/placed'")).toContain(
        "Can't make the table default.placed",
      );
      return;
    }
    await lake.run("CREATE TABLE placed (a INT) LOCATION 'elsewhere/placed'; INSERT INTO placed VALUES (1)");
    expect((await lake.files('elsewhere/placed')).some(file => file.endsWith('.parquet'))).toBe(true);
    await lake.run("ALTER TABLE placed SET LOCATION 'elsewhere/moved'; INSERT INTO placed VALUES (2)");
    expect((await lake.files('elsewhere/moved')).some(file => file.endsWith('.parquet'))).toBe(true);
    expect(await lake.rows('SELECT * FROM placed ORDER BY a')).toEqual([[1], [2]]);
  });
});

describe('branches and tags', () => {
  test('are made, written to, replaced and dropped', async () => {
    await lake.run('CREATE TABLE refs (a INT)');
    expect(await lake.failure('ALTER TABLE refs CREATE TAG t')).toMatch(/1:18 .*no snapshot yet/);
    await lake.run(
      "INSERT INTO refs VALUES (1); ALTER TABLE refs CREATE BRANCH dev WITH SNAPSHOT RETENTION 3 SNAPSHOTS; INSERT INTO refs AT (VERSION => 'dev') VALUES (2)",
    );
    const { metadata } = await lake.table('refs');
    await lake.run(
      `ALTER TABLE refs CREATE TAG IF NOT EXISTS q1 AS OF VERSION dev RETAIN 10 DAYS;
       ALTER TABLE refs CREATE OR REPLACE BRANCH old AS OF VERSION ${metadata.currentSnapshotId}`,
    );
    const { refs } = (await lake.table('refs')).metadata;
    expect(refs.dev).toMatchObject({ type: 'branch', minSnapshotsToKeep: 3 });
    expect(refs.q1).toEqual({ type: 'tag', snapshotId: refs.dev!.snapshotId, maxRefAgeMs: 864_000_000 });
    expect(refs.old!.snapshotId).toBe(metadata.currentSnapshotId);
    expect(await lake.failure('ALTER TABLE refs DROP BRANCH q1')).toContain('is a tag');
    await lake.run('ALTER TABLE refs DROP TAG q1, DROP BRANCH IF EXISTS nope, DROP BRANCH old');
    expect(Object.keys((await lake.table('refs')).metadata.refs).sort()).toEqual(['dev', 'main']);
  });
});

describe('several writers', () => {
  test('changes at once all come through', async () => {
    await lake.run('CREATE TABLE busy (a INT); INSERT INTO busy VALUES (1)');
    await lake.run(
      "ALTER TABLE busy SET TBLPROPERTIES ('commit.retry.num-retries' = '20', 'commit.retry.min-wait-ms' = '1')",
    );
    const table = await lake.table('busy');
    await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        alterTable(lake.session, table, [
          { kind: 'add-column', column: [`c${index}`], type: { kind: 'int' } },
        ]),
      ),
    );
    await setRef(lake.session, table, { kind: 'set-ref', type: 'tag', name: 't', mode: 'create' });
    const { metadata } = await lake.table('busy');
    const { fields } = currentSchema(metadata);
    expect(fields.map(field => field.name).sort()).toEqual(['a', 'c0', 'c1', 'c2', 'c3', 'c4', 'c5']);
    expect(new Set(fields.map(field => field.id)).size).toBe(7);
  });

  test('two that want the same name: one is told', async () => {
    const table = await lake.table('busy');
    const add = () =>
      alterTable(lake.session, table, [{ kind: 'add-column', column: ['same'], type: { kind: 'int' } }]);
    const results = await Promise.allSettled([add(), add()]);
    expect(results.filter(result => result.status === 'fulfilled')).toHaveLength(1);
    expect(results.find(result => result.status === 'rejected')?.reason).toMatchObject({
      code: 'COLUMN_EXISTS',
    });
  });

  test('rows that were written before a column became NOT NULL are written anew, or refused', async () => {
    await lake.run('CREATE TABLE strict (a INT, b INT); INSERT INTO strict VALUES (1, 1)');
    const table = await lake.table('strict');
    const require = (name: string) => async () => {
      await alterTable(lake.session, table, [{ kind: 'set-required', column: [name], required: true }]);
    };
    await interference.whileBefore(require('a'), async () => {
      expect(await lake.failure('INSERT INTO strict VALUES (NULL, 2)')).toContain('"a"');
    });
    await interference.whileBefore(require('b'), async () => {
      await lake.run('INSERT INTO strict VALUES (3, 3)');
    });
    expect(await lake.rows('SELECT * FROM strict ORDER BY a')).toEqual([
      [1, 1],
      [3, 3],
    ]);
  });

  test('NOT NULL is proven again when rows come in meanwhile', async () => {
    await lake.run('CREATE TABLE prove (a INT); INSERT INTO prove VALUES (1)');
    const other = await SqlLake.open(() => lake.lake);
    const insert = async () => {
      await other.run('INSERT INTO prove VALUES (NULL)');
    };
    await interference.whileBefore(insert, async () => {
      expect(await lake.failure('ALTER TABLE prove ALTER COLUMN a SET NOT NULL')).toContain(
        '1 row has no value',
      );
    });
  });

  test('a table that took the place of another is not changed', async () => {
    const table = await lake.table('busy');
    await lake.run('DROP TABLE busy; CREATE TABLE busy (a INT)');
    await expect(alterTable(lake.session, table, [{ kind: 'drop-column', column: ['c1'] }])).rejects.toThrow(
      'dropped and made anew',
    );
  });
});
