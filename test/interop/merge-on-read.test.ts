import { describe, expect, it } from 'vitest';
import { judge, lake, useJudge } from './fixture.ts';

useJudge();

describe('changes that Lakebook writes merge-on-read', () => {
  it.each([
    [2, 'position deletes'],
    [3, 'deletion vectors'],
  ])('version %d, as %s', async version => {
    // PyIceberg 0.12 reads position deletes, but no deletion vectors.
    const judges = version === 2 ? {} : { pyiceberg: false as const };
    await lake.sql(`
      CREATE TABLE t (id BIGINT, part VARCHAR, v VARCHAR) PARTITIONED BY (part) TBLPROPERTIES ('format-version' = '${version}',
        'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read', 'write.merge.mode' = 'merge-on-read');
      INSERT INTO t SELECT i, 'p' || (i % 3), 'v' || i FROM range(60) r(i);
      DELETE FROM t WHERE id % 10 = 0`);
    expect(await lake.rows('SELECT count(*) > 0 FROM t$delete_files')).toEqual([[true]]);
    await lake.expectAllSame('t', judges);
    await lake.sql(`
      UPDATE t SET v = 'updated' WHERE id % 10 = 1;
      MERGE INTO t USING (SELECT i AS id FROM range(50, 70, 3) r(i)) s ON t.id = s.id
        WHEN MATCHED AND s.id < 55 THEN DELETE WHEN MATCHED THEN UPDATE SET v = 'merged'
        WHEN NOT MATCHED THEN INSERT (id, part, v) VALUES (s.id, 'p0', 'new')`);
    await lake.expectAllSame('t', judges);
    await judge.python(`
      s = spark()
      for mode in ['delete', 'update', 'merge']:
          s.sql(f"ALTER TABLE default.t SET TBLPROPERTIES ('write.{mode}.mode'='merge-on-read')")
      s.sql("DELETE FROM default.t WHERE id % 10 = 2")
      s.sql("UPDATE default.t SET v = 'spark' WHERE id % 10 = 3")
      result = None`);
    await lake.expectAllSame('t', judges);
    await lake.sql(`DELETE FROM t WHERE v = 'spark' OR id % 10 = 4`);
    await lake.expectAllSame('t', judges);
    await judge.python(`
      spark().sql("CALL lake.system.rewrite_data_files(table => 'default.t', options => map('rewrite-all', 'true'))")
      result = None`);
    await lake.expectAllSame('t', judges);
    await lake.expectSame(
      'SELECT content, file_path, record_count FROM t$files',
      'result = spark().sql("SELECT content, file_path, record_count FROM default.t.files").toArrow()',
    );
  });
});
