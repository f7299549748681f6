import { describe, it } from 'vitest';
import { judge, lake, useJudge } from './fixture.ts';

useJudge();

/** Spark writes bounds that are not there as the text null. */
const summaries = `transform(partition_summaries, s -> named_struct('contains_null', s.contains_null,
  'contains_nan', s.contains_nan, 'lower_bound', nullif(s.lower_bound, 'null'),
  'upper_bound', nullif(s.upper_bound, 'null'))) AS partition_summaries`;

/** Metadata tables, and what Spark is asked for where its rows are put differently. */
const ofSpark: Record<string, string> = {
  snapshots: '*',
  history: '*',
  refs: '*',
  metadata_log_entries: '*',
  manifests: `* EXCEPT (partition_summaries), ${summaries}`,
  all_manifests: `* EXCEPT (partition_summaries), ${summaries}`,
  files: '*',
  data_files: '*',
  delete_files: '*',
  all_files: '*',
  all_data_files: '*',
  all_delete_files: '*',
  entries: '*',
  all_entries: '*',
  partitions: '*',
};

async function expectSameAsSpark(): Promise<void> {
  const wrong: string[] = [];
  for (const [name, columns] of Object.entries(ofSpark)) {
    await lake
      .expectSame(
        `SELECT * FROM t$${name}`,
        `result = spark().sql("""SELECT ${columns} FROM default.t.${name}""").toArrow()`,
      )
      .catch((error: Error) => wrong.push(`${name}: ${error.message}`));
  }
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
}

/**
 * PyIceberg has no columns of version 3 (also in the struct `data_file` of entries), and its readable_metrics have
 * nothing for nested columns.
 */
const ofVersion3 = 'content_offset, content_size_in_bytes, first_row_id, referenced_data_file';
const files = `* EXCLUDE (${ofVersion3}, readable_metrics)`;
const ofPyIceberg: Record<string, string> = {
  snapshots: '*',
  history: '*',
  refs: '*',
  metadata_log_entries: '*',
  manifests: '*',
  files,
  data_files: files,
  delete_files: files,
  partitions: '*',
};

async function expectSameAsPyIceberg(): Promise<void> {
  const wrong: string[] = [];
  for (const [name, columns] of Object.entries(ofPyIceberg)) {
    await lake
      .expectSame(
        `SELECT ${columns} FROM t$${name}`,
        `
          result = catalog.load_table('default.t').inspect.${name}()
          if 'readable_metrics' in result.column_names: result = result.drop_columns('readable_metrics')`,
      )
      .catch((error: Error) => wrong.push(`${name}: ${error.message}`));
  }
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
}

async function writtenByLakebook(): Promise<void> {
  await lake.sql(`
    CREATE TABLE t (id BIGINT, s VARCHAR, f DOUBLE, d DATE, st STRUCT(x INT, y VARCHAR), l INT[])
      PARTITIONED BY (bucket(4, id), month(d));
    INSERT INTO t SELECT i, 'n' || i, CASE WHEN i = 3 THEN 'nan'::DOUBLE ELSE i / 3 END, DATE '2026-01-01' + (i * 9)::INT,
      {x: i, y: repeat('y', 40)}, [i, NULL] FROM range(12) r(i);
    DELETE FROM t WHERE id < 3; UPDATE t SET s = NULL WHERE id = 7;
    ALTER TABLE t CREATE BRANCH dev; INSERT INTO t AT (VERSION => 'dev') (id) VALUES (100);
    ALTER TABLE t CREATE TAG q1 RETAIN 7 DAYS;
    ALTER TABLE t ADD COLUMN extra DECIMAL(9, 2), DROP PARTITION FIELD d_month, ADD PARTITION FIELD truncate(2, s);
    INSERT INTO t (id, s, d, extra) VALUES (50, 'new', '2026-05-01', 1.25)`);
}

const writtenBySpark = `
  s = spark()
  s.sql("""CREATE TABLE default.t (id bigint, s string, ts timestamp) USING iceberg PARTITIONED BY (days(ts), s)
    TBLPROPERTIES ('format-version'='2', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read')""")
  s.sql("""INSERT INTO default.t SELECT id, concat('s', id % 2), timestamp_seconds(id * 40000) FROM range(10)""")
  s.sql("DELETE FROM default.t WHERE id = 4")
  s.sql("UPDATE default.t SET s = 's9' WHERE id = 5")
  s.sql("ALTER TABLE default.t CREATE TAG q1")
  s.sql("CALL lake.system.rewrite_manifests('default.t')")
  s.sql("INSERT INTO default.t VALUES (20, null, null)")
  result = None`;

describe('metadata tables', () => {
  it("of Lakebook's table are equal in Spark", async () => {
    await writtenByLakebook();
    await expectSameAsSpark();
  });

  it("of Lakebook's table are equal in PyIceberg", async () => {
    await writtenByLakebook();
    await expectSameAsPyIceberg();
  });

  it("of Spark's table with delete files are equal in Lakebook", async () => {
    await judge.python(writtenBySpark);
    await expectSameAsSpark();
  });

  it("of Spark's version 1 table are equal in Lakebook", async () => {
    await judge.python(`
      s = spark()
      s.sql("CREATE TABLE default.t (id bigint, s string) USING iceberg PARTITIONED BY (s) TBLPROPERTIES ('format-version'='1')")
      s.sql("INSERT INTO default.t VALUES (1, 'a'), (2, 'b')")
      s.sql("ALTER TABLE default.t DROP PARTITION FIELD s")
      s.sql("INSERT INTO default.t VALUES (3, 'c')")
      s.sql("DELETE FROM default.t WHERE s = 'a'")
      result = None`);
    await expectSameAsSpark();
  });
});
