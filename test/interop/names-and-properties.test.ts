import { describe, expect, it } from 'vitest';
import { judge, lake, useJudge } from './fixture.ts';

useJudge();

describe('names', () => {
  it('of columns, structs and partition fields with any character', async () => {
    await lake.sql(`
      CREATE TABLE t ("my col.x ü" VARCHAR, "2nd" INT, "sel""ect" INT, "st 1" STRUCT("a-b" INT, "ü" VARCHAR), "from" DATE)
        PARTITIONED BY ("my col.x ü", bucket(3, "2nd"), month("from"));
      INSERT INTO t VALUES ('a b/c=%20+ü', 1, 2, {'a-b': 1, 'ü': 'x'}, '2026-01-01'), (NULL, NULL, NULL, NULL, NULL),
        ('', 3, 4, {'a-b': NULL, 'ü': ''}, '1969-12-31'), ('..', 3, 4, NULL, '2026-02-01')`);
    await lake.expectAllSame('t');
    await lake.sql(
      `UPDATE t SET "2nd" = 9 WHERE "my col.x ü" = '..'; ALTER TABLE t RENAME COLUMN "my col.x ü" TO "🦆"`,
    );
    await judge.python(`
      spark().sql("DELETE FROM default.t WHERE \`🦆\` = 'a b/c=%20+ü'")
      result = None`);
    await lake.expectAllSame('t');
    await lake.expectSame(
      `SELECT * FROM t WHERE "🦆" = '..' OR "from" < DATE '1970-01-01'`,
      "result = spark().sql(\"SELECT * FROM default.t WHERE `🦆` = '..' OR `from` < DATE '1970-01-01'\").toArrow()",
    );
  });

  it('of namespaces and tables, with properties, renames and drops', async () => {
    await lake.sql(
      `CREATE SCHEMA sales; CREATE TABLE sales.t AS SELECT 1 AS a; ALTER TABLE sales.t RENAME TO sales.u`,
    );
    expect(
      await judge.python(`
        spark().sql("CREATE NAMESPACE other COMMENT 'by Spark'")
        spark().sql("ALTER TABLE sales.u RENAME TO other.v")
        catalog.update_namespace_properties('other', updates={'owner': 'pyiceberg'})
        result = [sorted(n[0] for n in catalog.list_namespaces()), [list(i) for i in catalog.list_tables('other')],
                  spark().table('other.v').count()]`),
    ).toEqual([['other', 'sales'], [['other', 'v']], 1]);
    expect(await lake.rows('SELECT a FROM other.v')).toEqual([[1]]);
    const properties = await lake.session.lake.catalog.namespaceProperties(['other']);
    expect(properties).toMatchObject({ owner: 'pyiceberg', comment: 'by Spark' });
    await lake.sql('DROP TABLE other.v; DROP SCHEMA sales');
    expect(
      await judge.python(
        `result = [len(catalog.list_tables('other')), ('sales',) in catalog.list_namespaces()]`,
      ),
    ).toEqual([0, false]);
  });
});

describe('table properties', () => {
  it.each(['zstd', 'gzip', 'snappy', 'uncompressed'])('Parquet in %s, metadata in gzip', async codec => {
    await lake.sql(`
      CREATE TABLE t TBLPROPERTIES ('write.parquet.compression-codec' = '${codec}',
        'write.metadata.compression-codec' = 'gzip', 'write.parquet.row-group-size-bytes' = '4096')
      AS SELECT i AS id, repeat('ü🦆', (i % 20)::INT) AS s FROM range(5000) r(i)`);
    await judge.python(`
      spark().sql("INSERT INTO default.t VALUES (-1, 'spark')")
      result = None`);
    await lake.sql("DELETE FROM t WHERE id > 4990; UPDATE t SET s = 'x' WHERE id = -1");
    await lake.expectAllSame('t');
    const found = await judge.python(`
      t = catalog.load_table('default.t')
      files = [task.file.file_path.removeprefix('file://') for task in t.scan().plan_files()]
      result = sorted({pq.ParquetFile(f).metadata.row_group(0).column(0).compression for f in files})`);
    expect(found).toEqual([codec.toUpperCase()]);
  });

  it('another folder for data, where Spark hashes paths, fewer statistics and metadata files', async () => {
    await lake.sql(`
      CREATE TABLE t (id BIGINT, s VARCHAR, n VARCHAR) PARTITIONED BY (truncate(10, id)) TBLPROPERTIES (
        'write.object-storage.enabled' = 'true', 'write.data.path' = 'file://${lake.dir}/elsewhere',
        'write.metadata.metrics.default' = 'counts', 'write.metadata.metrics.column.s' = 'truncate(3)',
        'write.metadata.metrics.column.n' = 'none', 'write.metadata.previous-versions-max' = '2',
        'write.metadata.delete-after-commit.enabled' = 'true');
      INSERT INTO t SELECT i, 'müßig' || i, 'n' || i FROM range(25) r(i)`);
    for (let i = 0; i < 3; i++) {
      await lake.sql(`UPDATE t SET n = 'r${i}' WHERE id = ${i * 10}`);
      await judge.python(`
        spark().sql("INSERT INTO default.t VALUES (${100 + i}, 'spark', 's')")
        result = None`);
    }
    await lake.expectAllSame('t');
    const [[paths, counts, bounds]] = (await lake.rows(
      `SELECT count(*) FILTER (file_path LIKE 'file:%${lake.dir}/elsewhere/%'),
        bool_and(value_counts[1] IS NOT NULL AND value_counts[3] IS NULL),
        bool_and(lower_bounds[1] IS NULL AND octet_length(lower_bounds[2]) <= 5) FROM t$files`,
    )) as [[number, boolean, boolean]];
    expect([paths, counts, bounds]).toEqual([(await lake.rows('SELECT 1 FROM t$files')).length, true, true]);
    await lake.expectSame(
      'SELECT * FROM t$metadata_log_entries',
      'result = spark().table("default.t.metadata_log_entries").toArrow()',
    );
  });

  it('tables without rows: never written, all deleted, nothing inserted', async () => {
    await lake.sql(`CREATE TABLE t (id BIGINT, s STRUCT(a INT))`);
    await lake.expectAllSame('t');
    await lake.sql(`INSERT INTO t SELECT 1, NULL WHERE false`);
    await lake.expectAllSame('t');
    await lake.sql(`INSERT INTO t VALUES (1, {a: 1}); DELETE FROM t WHERE id = 1`);
    await lake.expectAllSame('t');
    await lake.sql(`INSERT INTO t VALUES (2, NULL); TRUNCATE t`);
    await lake.expectAllSame('t');
    expect(
      await judge.python(
        `result = catalog.load_table('default.t').current_snapshot().summary['total-records']`,
      ),
    ).toBe('0');
  });
});
