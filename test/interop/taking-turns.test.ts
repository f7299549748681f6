import { describe, expect, it } from 'vitest';
import { rollback, upsert } from '../../src/lake/index.ts';
import { judge, lake, useJudge } from './fixture.ts';

useJudge();

const ids = async (condition = 'true') =>
  (await lake.rows(`SELECT id FROM t WHERE ${condition} ORDER BY id`)).map(([id]) => id);

describe("Lakebook changes Spark's tables", () => {
  it('with position deletes, in several partitions and specs: every kind of change', async () => {
    await judge.python(`
      s = spark()
      s.sql("""CREATE TABLE default.t (id bigint NOT NULL, part string, v string, st struct<a: int, b: string>) USING iceberg
        PARTITIONED BY (part) TBLPROPERTIES ('format-version'='2', 'write.delete.mode'='merge-on-read',
        'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read')""")
      s.sql("""INSERT INTO default.t SELECT id, concat('p', id % 3), concat('v', id), named_struct('a', int(id), 'b', 'x')
        FROM range(60)""")
      s.sql("DELETE FROM default.t WHERE id % 10 = 0")
      s.sql("UPDATE default.t SET v = 'spark' WHERE id % 10 = 1")
      s.sql("ALTER TABLE default.t REPLACE PARTITION FIELD part WITH bucket(4, id)")
      s.sql("INSERT INTO default.t SELECT id, 'p0', 'second', null FROM range(60, 70)")
      s.sql("""MERGE INTO default.t t USING (SELECT id FROM range(65, 75)) s ON t.id = s.id
        WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, part, v) VALUES (s.id, 'm', 'merged')""")
      result = None`);
    await lake.expectAllSame('t');
    expect(await ids('id < 12')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
    await lake.sql(`UPDATE t SET v = 'lakebook', st = {a: -1, b: NULL} WHERE id % 10 = 1`);
    await lake.expectAllSame('t');
    await lake.sql(`DELETE FROM t WHERE id BETWEEN 30 AND 66 AND part <> 'p1'`);
    await lake.expectAllSame('t');
    await lake.sql(`
      MERGE INTO t USING (SELECT i AS id FROM range(0, 100, 7) r(i)) s ON t.id = s.id
      WHEN MATCHED AND s.id < 20 THEN DELETE WHEN MATCHED THEN UPDATE SET v = 'seven'
      WHEN NOT MATCHED THEN INSERT (id, part, v) VALUES (s.id, 'seven', 'new')`);
    await lake.expectAllSame('t');
    // Spark deletes from files that Lakebook rewrote.
    await judge.python(`
      spark().sql("DELETE FROM default.t WHERE v = 'seven' OR id = 1")
      result = None`);
    await lake.expectAllSame('t');
    await lake.sql(`
      ALTER TABLE t RENAME COLUMN st.b TO c, ADD COLUMN st.d DOUBLE, DROP COLUMN v, ADD COLUMN v INT FIRST;
      INSERT INTO t (id, part, st, v) VALUES (1000, 'evolved', {a: 1, c: 'c', d: 0.5}, 8)`);
    await lake.expectAllSame('t');
    await judge.python(`
      spark().sql("UPDATE default.t SET v = 9 WHERE id > 70")
      result = None`);
    await lake.expectAllSame('t');
    expect(await lake.rows('SELECT v FROM t WHERE id = 1000')).toEqual([[9]]);
  });

  it('of version 3, with deletion vectors and row lineage', async () => {
    await judge.python(`
      s = spark()
      s.sql("""CREATE TABLE default.t (id bigint, v string) USING iceberg TBLPROPERTIES ('format-version'='3',
        'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read')""")
      s.sql("INSERT INTO default.t SELECT id, concat('v', id) FROM range(10)")
      s.sql("DELETE FROM default.t WHERE id = 3")
      result = None`);
    await lake.expectAllSame('t', { pyiceberg: false });
    const lineage = () =>
      judge.python<number[][]>(`
        rows = spark().sql("SELECT id, _row_id, _last_updated_sequence_number FROM default.t ORDER BY id").collect()
        result = [list(row) for row in rows]`);
    const before = await lineage();
    await lake.sql(`UPDATE t SET v = 'lakebook' WHERE id = 5; INSERT INTO t VALUES (100, 'new')`);
    await lake.expectAllSame('t', { pyiceberg: false });
    const after = await lineage();
    // A row keeps its id when it is changed; only then does its sequence number change.
    expect(after.slice(0, -1)).toEqual(
      before.map(([id, row, sequence]) => [id, row, id === 5 ? 3 : sequence]),
    );
    expect(new Set(after.map(([, row]) => row)).size).toBe(10);
    await judge.python(`
      spark().sql("UPDATE default.t SET v = 'spark' WHERE id >= 7")
      spark().sql("DELETE FROM default.t WHERE id = 0")
      result = None`);
    await lake.expectAllSame('t', { pyiceberg: false });
    await lake.sql(`DELETE FROM t WHERE v = 'spark' AND id < 9; ALTER TABLE t ADD COLUMN n INT DEFAULT 4`);
    await lake.expectAllSame('t', { pyiceberg: false });
    expect(await lake.rows('SELECT DISTINCT n FROM t')).toEqual([[4]]);
  });

  it('of version 1, which stay readable after every change', async () => {
    await judge.python(`
      s = spark()
      s.sql("CREATE TABLE default.t (id bigint, v string) USING iceberg PARTITIONED BY (truncate(10, id)) TBLPROPERTIES ('format-version'='1')")
      s.sql("INSERT INTO default.t SELECT id, concat('v', id) FROM range(30)")
      result = None`);
    await lake.sql(`UPDATE t SET v = upper(v) WHERE id % 4 = 0; DELETE FROM t WHERE id >= 20 AND id < 30`);
    await lake.sql(`INSERT INTO t VALUES (99, 'new')`);
    await lake.expectAllSame('t');
    await judge.python(`
      s = spark()
      s.sql("DELETE FROM default.t WHERE id = 99")
      s.sql("ALTER TABLE default.t SET TBLPROPERTIES ('format-version'='2')")
      result = None`);
    await lake.sql(`DELETE FROM t WHERE id = 7`);
    await lake.expectAllSame('t');
    expect((await ids()).length).toBe(19);
  });
});

describe("Lakebook changes tables of Iceberg's Java library", () => {
  it('with equality deletes, of all partitions and of one, by several columns', async () => {
    await judge.python(`
      s = spark()
      jvm, array = s._jvm, s.sparkContext._gateway.new_array
      s.sql("CREATE TABLE default.t (id int, part string, v string) USING iceberg TBLPROPERTIES ('format-version'='2')")
      s.sql("INSERT INTO default.t SELECT int(id), concat('p', id % 2), concat('v', id) FROM range(20)")
      s.sql("INSERT INTO default.t VALUES (30, 'p0', null), (31, 'p1', null)")
      s.sql("ALTER TABLE default.t ADD PARTITION FIELD part")
      s.sql("INSERT INTO default.t SELECT int(id), concat('p', id % 2), concat('v', id) FROM range(20, 30)")
      from py4j.java_collections import ListConverter
      def delete(spec_id, partition, columns, *rows):
          table = jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(s._jsparkSession, 'default.t')
          schema, spec = table.schema(), table.specs().get(spec_id)
          ids = array(jvm.int, len(columns))
          for i, column in enumerate(columns): ids[i] = schema.findField(column).fieldId()
          rows_of = schema.select(ListConverter().convert(columns, s.sparkContext._gateway._gateway_client))
          parquet = jvm.org.apache.iceberg.FileFormat.PARQUET
          builder = jvm.org.apache.iceberg.data.GenericFileWriterFactory.Builder(table)
          factory = builder.deleteFileFormat(parquet).equalityFieldIds(ids).equalityDeleteRowSchema(rows_of).build()
          key = None
          if partition is not None:
              key = jvm.org.apache.iceberg.PartitionKey(spec, schema)
              record = jvm.org.apache.iceberg.data.GenericRecord.create(schema)
              record.setField('part', partition)
              key.partition(record)
          files = jvm.org.apache.iceberg.io.OutputFileFactory.builderFor(table, 1, 1).format(parquet).build()
          output = files.newOutputFile() if key is None else files.newOutputFile(spec, key)
          writer = factory.newEqualityDeleteWriter(output, spec, key)
          for row in rows:
              record = jvm.org.apache.iceberg.data.GenericRecord.create(rows_of)
              for column, value in zip(columns, row): record.setField(column, value)
              writer.write(record)
          writer.close()
          table.newRowDelta().addDeletes(writer.toDeleteFile()).commit()
      delete(0, None, ['id'], [3], [4], [25])
      delete(0, None, ['part', 'v'], ['p0', None], ['p1', 'v11'])
      delete(1, 'p0', ['id'], [22], [23])
      s.sql("INSERT INTO default.t VALUES (3, 'p1', 'again')")
      result = None`);
    await lake.expectAllSame('t', { pyiceberg: false });
    expect(await ids()).toEqual([
      0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 26, 27, 28, 29, 31,
    ]);
    expect(await lake.rows('SELECT v FROM t WHERE id = 3')).toEqual([['again']]);
    await lake.sql(`UPDATE t SET v = 'lakebook' WHERE id % 2 = 1; DELETE FROM t WHERE id = 20`);
    await lake.expectAllSame('t', { pyiceberg: false });
    await lake.sql(`ALTER TABLE t RENAME COLUMN v TO w; ALTER TABLE t ALTER COLUMN id TYPE BIGINT`);
    await lake.sql(`DELETE FROM t WHERE w IS NULL OR id < 10`);
    await lake.expectAllSame('t', { pyiceberg: false });
    expect((await ids()).length).toBe(17);
  });
});

describe("Lakebook changes PyIceberg's tables", () => {
  it('by upsert, update, delete and changes of columns', async () => {
    await judge.python(`
      catalog.create_namespace('default')
      from pyiceberg.transforms import DayTransform
      t = catalog.create_table('default.t', schema=pa.schema([pa.field('id', pa.int64(), nullable=False),
        pa.field('ts', pa.timestamp('us', tz='UTC')), pa.field('tags', pa.list_(pa.string())), pa.field('n', pa.int32())]))
      with t.update_spec() as u: u.add_field('ts', DayTransform(), 'day')
      T = datetime.datetime
      t.append(pa.Table.from_pylist([{'id': i, 'ts': T(2026, 1, 1 + i % 5, tzinfo=datetime.timezone.utc), 'tags': ['a', None] if i % 2 else None, 'n': i}
        for i in range(40)], schema=t.schema().as_arrow()))
      t.delete('id >= 35')
      result = None`);
    const { changed } = await upsert(lake.session, {
      table: 't',
      source: { kind: 'query', sql: `SELECT i AS id, -i AS n FROM range(30, 50) r(i)` },
      on: ['id'],
    });
    expect(changed).toMatchObject({ inserted: 15, updated: 5 });
    await lake.expectAllSame('t');
    await lake.sql(
      `UPDATE t SET tags = ['updated'], ts = ts + INTERVAL 1 DAY WHERE id % 7 = 0; DELETE FROM t WHERE id < 5`,
    );
    await lake.sql(
      `ALTER TABLE t ALTER COLUMN n TYPE BIGINT, RENAME COLUMN tags TO labels, ALTER COLUMN n FIRST`,
    );
    await lake.sql(`INSERT INTO t (id, n, labels) VALUES (100, 3000000000, ['x'])`);
    await lake.expectAllSame('t');
    await judge.python(`
      t = catalog.load_table('default.t')
      df = pa.Table.from_pylist([{'id': 100, 'n': 1}, {'id': 101, 'n': 2}], schema=t.schema().as_arrow())
      t.upsert(df, join_cols=['id'])
      t.delete('n == -49')
      result = None`);
    await lake.expectAllSame('t');
    expect(await ids('n > 0 AND id > 90')).toEqual([100, 101]);
  });
});

describe('the lake verbs', () => {
  it('upsert, delete and roll back; branches, tags and sort orders are the same to all', async () => {
    await lake.sql(`
      CREATE TABLE t (id BIGINT NOT NULL, v VARCHAR, PRIMARY KEY (id));
      ALTER TABLE t WRITE ORDERED BY v DESC NULLS LAST, id;
      INSERT INTO t SELECT i, 'v' || (i * 37 % 100) FROM range(100) r(i);
      ALTER TABLE t CREATE TAG before; ALTER TABLE t CREATE BRANCH dev;
      INSERT INTO t AT (VERSION => 'dev') VALUES (500, 'dev')`);
    await upsert(lake.session, {
      table: 't',
      source: { kind: 'query', sql: `SELECT i AS id, 'upserted' AS v FROM range(90, 110) r(i)` },
      whenMatchedDelete: 'target.id = 95',
    });
    await lake.expectAllSame('t');
    await judge.python(`
      s = spark()
      s.sql("INSERT INTO default.t.branch_dev VALUES (501, 'spark')")
      s.sql("INSERT INTO default.t VALUES (600, 'spark')")
      result = None`);
    await lake.expectAllSame('t');
    for (const ref of ['before', 'dev']) {
      await lake.expectSame(
        `SELECT * FROM t AT (VERSION => '${ref}')`,
        `result = spark().sql("SELECT * FROM default.t VERSION AS OF '${ref}'").toArrow()`,
      );
      await lake.expectSame(
        `SELECT * FROM t AT (VERSION => '${ref}')`,
        `result = catalog.load_table('default.t').scan().use_ref('${ref}').to_arrow()`,
      );
    }
    expect(
      await judge.python(`
        t = catalog.load_table('default.t')
        result = [[str(f.direction), str(f.null_order), f.source_id] for f in t.sort_order().fields]`),
    ).toEqual([
      ['DESC', 'NULLS LAST', 2],
      ['ASC', 'NULLS FIRST', 1],
    ]);
    await rollback(lake.session, { table: 't', to: { kind: 'tag', name: 'before' } });
    await lake.expectAllSame('t');
    await judge.python(`
      catalog.load_table('default.t').append(pa.Table.from_pylist([{'id': 700, 'v': 'p'}],
        schema=pa.schema([pa.field('id', pa.int64(), nullable=False), pa.field('v', pa.string())])))
      result = None`);
    await lake.expectAllSame('t');
    expect((await ids()).length).toBe(101);
  });
});
