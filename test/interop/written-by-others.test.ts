import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SharedLake } from './fixture.ts';
import { Judge } from './judge.ts';

let judge: Judge;
let lake: SharedLake;
beforeAll(async () => {
  judge = await Judge.connect();
});
afterAll(() => judge.close());
beforeEach(async () => {
  lake = await SharedLake.open(judge);
  await judge.python(`catalog.create_namespace('default')`);
});
afterEach(() => lake.close());

describe('PyIceberg', () => {
  for (const version of [1, 2]) {
    it(`v${version} tables with every type`, async () => {
      await judge.python(`
        from pyiceberg.schema import Schema
        from pyiceberg.types import *
        schema = Schema(
          NestedField(1, 'b', BooleanType()), NestedField(2, 'i', IntegerType()), NestedField(3, 'l', LongType()),
          NestedField(4, 'f', FloatType()), NestedField(5, 'd', DoubleType()), NestedField(6, 'dec', DecimalType(20, 3)),
          NestedField(7, 'dt', DateType()), NestedField(8, 'tm', TimeType()), NestedField(9, 'ts', TimestampType()),
          NestedField(10, 'tz', TimestamptzType()), NestedField(11, 's', StringType()), NestedField(12, 'u', UUIDType()),
          NestedField(13, 'bin', BinaryType()), NestedField(14, 'fx', FixedType(4)),
          NestedField(15, 'st', StructType(NestedField(16, 'x', IntegerType()), NestedField(17, 'y', StringType()))),
          NestedField(18, 'li', ListType(19, LongType(), False)),
          NestedField(20, 'mp', MapType(21, StringType(), 22, DoubleType(), False)))
        t = catalog.create_table('default.t', schema=schema, properties={'format-version': '${version}'})
        D = datetime
        row = {'b': True, 'i': -5, 'l': 2**62, 'f': 0.5, 'd': 1e300, 'dec': Decimal('12345678901234567.891'),
          'dt': D.date(1950, 5, 17), 'tm': D.time(1, 2, 3, 4), 'ts': D.datetime(1960, 1, 2, 3, 4, 5, 6),
          'tz': D.datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=D.timezone.utc), 's': 'ß', 'u': uuid.UUID(int=2**127 + 5).bytes,
          'bin': b'\\x00\\xff', 'fx': b'abcd', 'st': {'x': 1, 'y': None}, 'li': [1, None], 'mp': [('k', 1.5)]}
        t.append(pa.Table.from_pylist([row, {k: None for k in row}], schema=t.schema().as_arrow()))
      `);
      await lake.expectAllSame('t', { spark: false });
      expect(
        await lake.rows(`SELECT count(*)::int FROM t WHERE dt < DATE '1960-01-01' AND u IS NOT NULL`),
      ).toEqual([[1]]);
    });

    it(`v${version}: renamed, reordered, dropped and re-added columns, promoted types`, async () => {
      await judge.python(`
        t = catalog.create_table('default.t', properties={'format-version': '${version}'},
          schema=pa.schema([('a', pa.int32()), ('b', pa.string()), ('c', pa.float32()), ('st', pa.struct([('x', pa.int32()), ('y', pa.string())]))]))
        def add(rows):
            t = catalog.load_table('default.t')
            t.append(pa.Table.from_pylist(rows, schema=t.schema().as_arrow()))
        add([{'a': 1, 'b': 'one', 'c': 1.5, 'st': {'x': 1, 'y': 'p'}}])
        from pyiceberg.types import *
        with t.update_schema() as u:
            u.rename_column('b', 'name'); u.update_column('a', LongType()); u.update_column('c', DoubleType())
            u.move_first('c'); u.rename_column('st.x', 'z'); u.add_column(('st', 'w'), StringType())
        with t.update_schema() as u:
            u.update_column(('st', 'z'), LongType())
        add([{'a': 2**40, 'name': 'two', 'c': 2.5, 'st': {'z': 2**40, 'y': 'q', 'w': 'new'}}])
        with t.update_schema() as u:
            u.delete_column('name'); u.delete_column('st.y')
        with t.update_schema() as u:
            u.add_column('name', StringType()); u.add_column(('st', 'y'), IntegerType())
        add([{'a': 3, 'c': None, 'name': 'three', 'st': {'z': None, 'w': None, 'y': 7}}])
      `);
      await lake.expectAllSame('t');
      expect(await lake.rows(`SELECT name FROM t ORDER BY a`)).toEqual([[null], ['three'], [null]]);
    });
  }

  it('partition evolution, with files of several specs', async () => {
    await judge.python(`
      t = catalog.create_table('default.t', schema=pa.schema([('id', pa.int64()), ('ts', pa.timestamp('us')), ('s', pa.string())]))
      def add(n):
          t.append(pa.Table.from_pylist([{'id': n * 100 + i, 'ts': datetime.datetime(2026, 1, 1 + i), 's': 'abc'[i % 3]} for i in range(9)], schema=t.schema().as_arrow()))
      from pyiceberg.transforms import *
      add(0)
      with t.update_spec() as u: u.add_field('ts', MonthTransform(), 'month')
      add(1)
      with t.update_spec() as u:
          u.add_field('id', BucketTransform(4), 'b'); u.add_identity('s')
      add(2)
      with t.update_spec() as u: u.remove_field('month')
      add(3)
    `);
    await lake.expectAllSame('t');
    for (const filter of [
      `s = 'a'`,
      `ts < TIMESTAMP '2026-01-04'`,
      `id = 203`,
      `id IN (1, 305) OR s = 'b'`,
    ]) {
      await lake.expectSame(
        `SELECT * FROM t WHERE ${filter}`,
        `result = spark().sql("SELECT * FROM default.t WHERE ${filter.replace("TIMESTAMP '", "TIMESTAMP_NTZ '")}").toArrow()`,
      );
    }
  });

  for (const codec of ['zstd', 'gzip', 'snappy', 'uncompressed']) {
    it(`Parquet files with ${codec} and several row groups`, async () => {
      await judge.python(`
        t = catalog.create_table('default.t', schema=pa.schema([('id', pa.int64()), ('s', pa.string())]),
          properties={'write.parquet.compression-codec': '${codec}', 'write.parquet.row-group-limit': '1000'})
        t.append(pa.table({'id': list(range(5000)), 's': [str(i * i) for i in range(5000)]}))
        assert pq.ParquetFile(t.inspect.files()['file_path'][0].as_py().removeprefix('file://')).num_row_groups == 5
      `);
      await lake.expectAllSame('t', { spark: false });
      expect(await lake.rows(`SELECT s FROM t WHERE id = 4321`)).toEqual([['18671041']]);
    });
  }

  it('overwrite and delete snapshots', async () => {
    await judge.python(`
      t = catalog.create_table('default.t', schema=pa.schema([('id', pa.int64()), ('s', pa.string())]))
      t.append(pa.table({'id': list(range(10)), 's': ['x'] * 10}))
      t.delete('id < 3')
      t.overwrite(pa.table({'id': [7], 's': ['seven']}), overwrite_filter='id = 7')
    `);
    await lake.expectAllSame('t');
  });
});

describe('Spark', () => {
  for (const version of [1, 2]) {
    it(`v${version} tables, nested and partitioned, with its own column evolution`, async () => {
      await judge.python(`
        s = spark()
        s.sql("""CREATE TABLE default.t (id bigint NOT NULL, st struct<a: int, b: string>, li array<struct<x: int>>,
          mp map<string, int>, ts timestamp, n timestamp_ntz, bin binary, dec decimal(12,3)) USING iceberg
          PARTITIONED BY (days(ts), bucket(3, id)) TBLPROPERTIES ('format-version'='${version}')""")
        s.sql("""INSERT INTO default.t SELECT id, named_struct('a', int(id), 'b', concat('v', id)),
          array(named_struct('x', int(id))), map('k', int(id)), timestamp_seconds(id * 40000), timestamp_ntz '1965-03-04 05:06:07.123456',
          cast(concat('b', id) as binary), cast(id / 7 as decimal(12,3)) FROM range(30)""")
        s.sql("ALTER TABLE default.t ADD COLUMN st.c double AFTER a")
        s.sql("ALTER TABLE default.t ADD COLUMN li.element.y string")
        s.sql("ALTER TABLE default.t RENAME COLUMN st.a TO first")
        s.sql("ALTER TABLE default.t ALTER COLUMN st.first TYPE bigint")
        s.sql("ALTER TABLE default.t DROP COLUMN bin")
        s.sql("""INSERT INTO default.t VALUES (100, named_struct('first', 5L, 'c', 2.5D, 'b', 'x'), array(named_struct('x', 1, 'y', 'why')),
          map('z', 9), timestamp '2026-05-06 07:08:09', null, 1.5)""")
      `);
      await lake.expectAllSame('t');
      expect(await lake.rows(`SELECT id FROM t WHERE ts >= TIMESTAMPTZ '2026-01-01 00:00:00+00'`)).toEqual([
        [100],
      ]);
    });
  }

  it('copy-on-write delete, update and merge', async () => {
    await judge.python(`
      s = spark()
      s.sql("CREATE TABLE default.t (id bigint, v string) USING iceberg")
      s.sql("INSERT INTO default.t SELECT id, concat('v', id) FROM range(50)")
      s.sql("DELETE FROM default.t WHERE id % 5 = 0")
      s.sql("UPDATE default.t SET v = 'u' WHERE id < 10")
      s.sql("MERGE INTO default.t t USING (SELECT id, 'm' v FROM range(45, 60)) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *")
    `);
    await lake.expectAllSame('t');
  });

  it('branches, tags and time travel by timestamp', async () => {
    await judge.python(`
      s = spark()
      s.sql("CREATE TABLE default.t (id bigint) USING iceberg")
      s.sql("INSERT INTO default.t VALUES (1)")
      s.sql("ALTER TABLE default.t CREATE TAG first")
      s.sql("ALTER TABLE default.t CREATE BRANCH dev")
      s.sql("INSERT INTO default.t VALUES (2)")
      s.sql("INSERT INTO default.t.branch_dev VALUES (3)")
    `);
    expect(await lake.rows(`SELECT id FROM t AT (VERSION => 'first') ORDER BY id`)).toEqual([[1]]);
    expect(await lake.rows(`SELECT id FROM t AT (VERSION => 'dev') ORDER BY id`)).toEqual([[1], [3]]);
    expect(await lake.rows(`SELECT id FROM t ORDER BY id`)).toEqual([[1], [2]]);
    const [[first]] = (await lake.rows(
      `SELECT committed_at FROM t$snapshots ORDER BY committed_at LIMIT 1`,
    )) as [[string]];
    expect(await lake.rows(`SELECT id FROM t AT (TIMESTAMP => TIMESTAMPTZ '${first}')`)).toEqual([[1]]);
  });
});

describe('in turns on one table', () => {
  it('Lakebook, PyIceberg and Spark append, update and delete; all see the same rows after each step', async () => {
    await lake.sql(`CREATE TABLE t (id bigint, who string) PARTITIONED BY (truncate(10, id))`);
    for (let round = 0; round < 3; round++) {
      await lake.sql(`INSERT INTO t SELECT ${round} * 30 + i, 'lakebook' FROM range(10) r(i)`);
      await lake.expectAllSame('t');
      await judge.python(`
        t = catalog.load_table('default.t')
        t.append(pa.table({'id': [${round} * 30 + 10 + i for i in range(10)], 'who': ['pyiceberg'] * 10}))
      `);
      await lake.expectAllSame('t');
      await judge.python(
        `spark().sql("INSERT INTO default.t SELECT ${round} * 30 + 20 + id, 'spark' FROM range(10)")`,
      );
      await lake.expectAllSame('t');
      await lake.sql(`UPDATE t SET who = upper(who) WHERE id % 3 = ${round}`);
      await judge.python(`catalog.load_table('default.t').delete('id == ${round * 30 + 5}')`);
      await judge.python(`spark().sql("DELETE FROM default.t WHERE id = ${round * 30 + 15}")`);
      await lake.sql(`DELETE FROM t WHERE id = ${round * 30 + 25}`);
      await lake.expectAllSame('t');
    }
    expect(await lake.rows(`SELECT count(*)::int FROM t`)).toEqual([[81]]);
  });
});
