import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { compact } from '../../src/engine/maintain/index.ts';
import { judge, lake, useJudge } from './fixture.ts';

useJudge();

const mergeOnRead = `'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read', 'write.merge.mode' = 'merge-on-read'`;

const lineage = 'SELECT id, _row_id, _last_updated_sequence_number FROM';

async function expectSameLineage() {
  await lake.expectSame(`${lineage} t`, `result = spark().sql("${lineage} default.t").toArrow()`);
}

describe.each([2, 3])('version %d: a table that both change merge-on-read', version => {
  const judges = version === 2 ? {} : { pyiceberg: false as const };

  it('is maintained by Lakebook, step by step, and reads the same in Spark', async () => {
    await lake.sql(`
      CREATE TABLE t (id BIGINT, part VARCHAR, v VARCHAR) PARTITIONED BY (part)
        TBLPROPERTIES ('format-version' = '${version}', ${mergeOnRead})`);
    for (const from of [0, 40, 80]) {
      await lake.sql(
        `INSERT INTO t SELECT i, 'p' || (i % 2), 'v' || i FROM range(${from}, ${from + 40}) r(i)`,
      );
      await judge.python(`
        spark().sql("DELETE FROM default.t WHERE id % 10 = ${from / 40}")
        result = None`);
      await lake.sql(`UPDATE t SET v = 'l' WHERE id % 10 = ${4 + from / 40}`);
    }
    await lake.expectAllSame('t', judges);
    if (version === 3) await expectSameLineage();
    await lake.sql("CALL system.rewrite_position_delete_files('t')");
    await lake.expectAllSame('t', judges);
    await lake.sql("CALL system.rewrite_manifests('t')");
    await lake.expectAllSame('t', judges);
    if (version === 3) await expectSameLineage();
    await lake.sql("CALL system.rewrite_data_files(table => 't', options => map('rewrite-all', 'true'))");
    await lake.expectAllSame('t', judges);
    expect(await lake.rows('SELECT count(*)::INT FROM t$delete_files')).toEqual([[0]]);
    if (version === 3) await expectSameLineage();
    await judge.python(`
      spark().sql("UPDATE default.t SET v = 's' WHERE id % 7 = 0")
      result = None`);
    await lake.expectAllSame('t', judges);
    if (version === 3) await expectSameLineage();
    await lake.sql(
      "CALL system.expire_snapshots(table => 't', older_than => now() + INTERVAL 1 HOUR, retain_last => 2)",
    );
    await lake.expectAllSame('t', judges);
    await lake.expectSame(
      'SELECT snapshot_id FROM t$snapshots',
      `result = spark().sql("SELECT snapshot_id FROM default.t.snapshots").toArrow()`,
    );
    // Both snapshots that are left can be read by Spark, file by file.
    for (const [id] of await lake.rows('SELECT snapshot_id::VARCHAR FROM t$snapshots')) {
      await lake.expectSame(
        `SELECT id, v FROM t AT (VERSION => ${id})`,
        `result = spark().sql("SELECT id, v FROM default.t VERSION AS OF ${id}").toArrow()`,
      );
    }
    // What Spark finds to be no table's file, and is not younger than a day, there must be none of.
    const orphans = await judge.python<string[]>(`
      import time
      for folder, _, names in os.walk(config['warehouse']):
          for name in names:
              os.utime(os.path.join(folder, name), (time.time() - 10 * 86400,) * 2)
      rows = spark().sql("CALL lake.system.remove_orphan_files(table => 'default.t', dry_run => true)").collect()
      result = [row.orphan_file_location for row in rows]`);
    const ours = (await lake.rows("CALL system.remove_orphan_files(table => 't', dry_run => true)")).map(
      ([file]) => String(file).replace(/^file:\/*/, '/'),
    );
    // Spark looks past the checksums that Hadoop wrote beside files which are gone.
    expect(ours.filter(file => !file.endsWith('.crc'))).toEqual(
      orphans.map(file => file.replace(/^file:\/*/, '/')).sort(),
    );
  });

  it('is maintained by Spark, and reads the same in Lakebook', async () => {
    await lake.sql(`
      CREATE TABLE t (id BIGINT, v VARCHAR) TBLPROPERTIES ('format-version' = '${version}', ${mergeOnRead});
      INSERT INTO t SELECT i, 'v' || i FROM range(100) r(i);
      INSERT INTO t SELECT i, 'v' || i FROM range(100, 200) r(i);
      DELETE FROM t WHERE id % 3 = 0;
      UPDATE t SET v = 'u' WHERE id % 5 = 0;
      DELETE FROM t WHERE id % 7 = 0`);
    for (const procedure of [
      "rewrite_position_delete_files(table => 'default.t', options => map('rewrite-all', 'true'))",
      "rewrite_manifests(table => 'default.t')",
      "rewrite_data_files(table => 'default.t', options => map('rewrite-all', 'true'))",
      "expire_snapshots(table => 'default.t', older_than => TIMESTAMP '2100-01-01', retain_last => 1)",
    ]) {
      await judge.python(`
        spark().sql("""CALL lake.system.${procedure}""")
        result = None`);
      await lake.expectAllSame('t', judges);
      if (version === 3) await expectSameLineage();
    }
    expect(await lake.rows('SELECT count(*)::INT FROM t')).toEqual([[114]]);
  });
});

it('a table of version 2 with position deletes is upgraded, and goes on with vectors', async () => {
  await lake.sql(`
    CREATE TABLE t (id BIGINT, v VARCHAR) TBLPROPERTIES (${mergeOnRead});
    INSERT INTO t SELECT i, 'v' || i FROM range(100) r(i);
    DELETE FROM t WHERE id < 10;
    ALTER TABLE t SET TBLPROPERTIES ('format-version' = '3');
    DELETE FROM t WHERE id BETWEEN 10 AND 19`);
  await lake.expectAllSame('t', { pyiceberg: false });
  await expectSameLineage();
  await judge.python(`
    spark().sql("DELETE FROM default.t WHERE id BETWEEN 20 AND 29")
    result = None`);
  await lake.sql(`UPDATE t SET v = 'x' WHERE id = 50`);
  await lake.expectAllSame('t', { pyiceberg: false });
  await expectSameLineage();
  expect(await lake.rows('SELECT count(*)::INT FROM t$delete_files')).toEqual([[1]]);
});

it('rows that Spark stages aside are published once', async () => {
  await judge.python(`
    s = spark()
    s.sql("CREATE TABLE default.t (id bigint) USING iceberg TBLPROPERTIES ('write.wap.enabled'='true')")
    s.sql("INSERT INTO default.t VALUES (1)")
    s.conf.set('spark.wap.id', 'load-7')
    s.sql("INSERT INTO default.t VALUES (2)")
    s.conf.unset('spark.wap.id')
    s.sql("INSERT INTO default.t VALUES (3)")
    result = None`);
  expect(await lake.rows('SELECT id::INT FROM t ORDER BY id')).toEqual([[1], [3]]);
  await lake.sql("CALL system.publish_changes('t', 'load-7')");
  await lake.expectAllSame('t');
  expect(await lake.rows('SELECT id::INT FROM t ORDER BY id')).toEqual([[1], [2], [3]]);
  await expect(lake.sql("CALL system.publish_changes('t', 'load-7')")).rejects.toThrow(/published already/);
});

it('equality deletes that are committed while Lakebook compacts still apply', async () => {
  // PyIceberg and Spark write none, so the file is made by hand and committed by Lakebook's own machinery.
  await lake.sql(`
    CREATE TABLE t (id BIGINT, v VARCHAR);
    INSERT INTO t VALUES (1, 'a');
    INSERT INTO t VALUES (2, 'b')`);
  const { lake: opened } = lake.session;
  const identifier = { namespace: opened.defaultNamespace, name: 't' };
  const table = await opened.catalog.loadTable(identifier);
  const file = path.join(lake.dir, 'eq.parquet');
  await lake.session.duckdb.run(
    `COPY (SELECT 2::BIGINT AS id) TO '${file}' (FORMAT parquet, FIELD_IDS {id: 1})`,
  );
  const { commitSnapshot } = await import('../../src/engine/transaction.ts');
  await commitSnapshot(opened, {
    table,
    added: [
      {
        content: 2,
        filePath: `file://${file}`,
        fileFormat: 'PARQUET',
        specId: 0,
        partition: [],
        recordCount: 1,
        fileSizeInBytes: statSync(file).size,
        equalityIds: [1],
      },
    ],
    removed: [],
    validation: { kind: 'none' },
  });
  // Worked out on the table as it was before the deletes.
  const done = await compact(lake.session, { table, defaults: { minInputFiles: 2 } }, {});
  expect(done).toMatchObject({ filesRewritten: 2, filesAdded: 1 });
  expect(await lake.rows('SELECT id::INT FROM t')).toEqual([[1]]);
  await lake.expectAllSame('t', { pyiceberg: false });
  expect(readdirSync(lake.dir)).toContain('eq.parquet');
});
