import { describe, expect, it } from 'vitest';
import { judge, lake, useJudge } from './fixture.ts';

useJudge();

describe('variants', () => {
  const values = [
    '{"a": 1, "b": {"c": ["x", null, 1.5]}, "long": 9007199254740993}',
    '[1, "two", null, {"three": 3}]',
    '"text"',
    '12.50',
    'true',
    'null',
  ];
  const inSpark = (table: string) =>
    judge.python<[number, string | null][]>(`
      rows = spark().sql("SELECT id, to_json(v) FROM ${table} ORDER BY id").collect()
      result = [[r[0], r[1]] for r in rows]`);
  const parsed = (rows: readonly unknown[][]) =>
    rows.map(([id, json]) => [id, json === null || json === 'null' ? null : JSON.parse(String(json))]);
  const ours = () => lake.rows('SELECT id, v::VARCHAR FROM t ORDER BY id');

  // Iceberg's own vectorized reader refuses what is shredded.
  it.each([false, true])('that Spark writes are the same JSON in Lakebook; shredded: %s', async shredded => {
    await judge.python(`
      s = spark()
      s.sql("""CREATE TABLE default.t (id int, v variant) USING iceberg TBLPROPERTIES ('format-version'='3',
        'write.parquet.shred-variants'='${shredded}', 'write.delete.mode'='merge-on-read',
        'read.parquet.vectorization.enabled'='${!shredded}')""")
      values = ${JSON.stringify(values)}
      rows = ", ".join(f"({i}, parse_json('{v}'))" for i, v in enumerate(values))
      s.sql(f"INSERT INTO default.t VALUES {rows}, (98, NULL), (99, parse_json('[]'))")
      s.sql("INSERT INTO default.t SELECT int(id + 100), parse_json(concat('{\\"n\\": ', id, ', \\"s\\": \\"x', id, '\\"}')) FROM range(50)")
      s.sql("DELETE FROM default.t WHERE id IN (99, 110)")
      result = None`);
    const rows = await ours();
    expect(parsed(rows)).toEqual(parsed(await inSpark('default.t')));
    expect(rows.length).toBe(values.length + 1 + 49);
    expect(await lake.rows(`SELECT count(*)::INT FROM t WHERE (v->>'n')::INT >= 40`)).toEqual([[10]]);
  });

  it('that Lakebook writes, and writes again, are the same JSON in Spark', async () => {
    const given = values.map((value, i) => `(${i}, '${value}')`).join(', ');
    await lake.sql(`
      CREATE TABLE t (id INT, v VARIANT) TBLPROPERTIES ('format-version' = '3', 'write.update.mode' = 'copy-on-write');
      INSERT INTO t VALUES ${given}, (99, NULL);
      INSERT INTO t SELECT i + 100, {'n': i, 'day': DATE '2026-01-01' + i::INT, 'd': (i / 4)::DECIMAL(9, 2)}::VARIANT
        FROM range(50) r(i)`);
    expect(parsed(await inSpark('default.t'))).toEqual(parsed(await ours()));
    await lake.sql(`UPDATE t SET v = '{"new": [1]}' WHERE id IN (1, 105)`);
    expect(parsed(await inSpark('default.t'))).toEqual(parsed(await ours()));
    const types = await judge.python(`
      rows = spark().sql("""SELECT schema_of_variant(variant_get(v, '$.day')), schema_of_variant(variant_get(v, '$.d'))
        FROM default.t WHERE id = 106""").collect()
      result = list(rows[0])`);
    expect(types).toEqual(['DATE', expect.stringMatching(/^DECIMAL/)]);
    await judge.python(`
      spark().sql("UPDATE default.t SET v = parse_json('{\\"by\\": \\"spark\\"}') WHERE id = 2")
      result = None`);
    expect(parsed(await inSpark('default.t'))).toEqual(parsed(await ours()));
  });
});

describe('data files in Avro', () => {
  it.each([2, 3])("of Spark's tables of version %d, with their deletes", async version => {
    await judge.python(`
      s = spark()
      s.sql("""CREATE TABLE default.t (id bigint, part string, f float, d decimal(9,2), big decimal(38,10), day date, ts timestamp_ntz,
        tz timestamp, b binary, ok boolean, st struct<a: int, b: string>, li array<struct<x: double>>,
        m map<int, array<string>>, n int) USING iceberg
        PARTITIONED BY (part) TBLPROPERTIES ('format-version'='${version}', 'write.format.default'='avro',
        'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read')""")
      s.sql("""INSERT INTO default.t SELECT id, concat('p', id % 3), float(id / 7), decimal(id / 4), decimal(id) * 12345678901234.5,
        date_add(DATE '1969-12-01', int(id)), TIMESTAMP_NTZ '1969-12-31 23:59:59.999999' + make_interval(0, 0, 0, int(id)),
        TIMESTAMP '2026-01-01 00:00:00.000001', encode(concat('é', id), 'utf-8'), id % 2 = 0,
        named_struct('a', int(id), 'b', 'x'), array(named_struct('x', double('NaN')), null), map(int(id), array('a', null)), int(id)
        FROM range(2000)""")
      s.sql("INSERT INTO default.t (id) VALUES (5000)")
      s.sql("DELETE FROM default.t WHERE id % 10 = 3")
      s.sql("UPDATE default.t SET f = -1 WHERE id % 10 = 4 AND part = 'p1'")
      s.sql("ALTER TABLE default.t RENAME COLUMN f TO g")
      s.sql("ALTER TABLE default.t ALTER COLUMN n TYPE bigint")
      s.sql("ALTER TABLE default.t DROP COLUMN day")
      result = {f.file_format for f in s.sql("SELECT file_format FROM default.t.all_files").collect()}`);
    // PyIceberg reads no Avro data files.
    await lake.expectAllSame('t', { pyiceberg: false });
    expect(await lake.rows(`SELECT count(*)::INT FROM t WHERE part = 'p1' AND g = -1`)).not.toEqual([[0]]);
    await lake.sql(`UPDATE t SET g = 2 WHERE id % 10 = 5; DELETE FROM t WHERE id % 10 = 6`);
    await lake.expectAllSame('t', { pyiceberg: false });
    await lake.sql(`CALL system.rewrite_data_files(table => 't', options => map('rewrite-all', 'true'))`);
    await lake.expectAllSame('t', { pyiceberg: false });
    expect(await lake.rows('SELECT DISTINCT file_format FROM t$data_files')).toEqual([['PARQUET']]);
  });
});

it('ORC files are refused by name', async () => {
  await judge.python(`
    s = spark()
    s.sql("CREATE TABLE default.t (id bigint) USING iceberg TBLPROPERTIES ('write.format.default'='orc')")
    s.sql("INSERT INTO default.t VALUES (1)")
    result = None`);
  await expect(lake.rows('SELECT * FROM t')).rejects.toThrow(/\.orc is in the ORC format/);
});
