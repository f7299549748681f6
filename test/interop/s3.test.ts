import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLake } from '../../src/catalog/open-lake.ts';
import { EngineSession } from '../../src/engine/session.ts';
import { Minio } from '../storage/s3/minio.ts';
import { dedent, Judge } from './judge.ts';

let judge: Judge;
let minio: Minio;
let dir: string;
let warehouse: string;
let session: EngineSession;
let prelude: string;

beforeAll(async () => {
  judge = await Judge.connect();
  minio = await Minio.start();
  Object.assign(process.env, minio.credentials);
  warehouse = `s3://${await minio.bucket('interop')}/ware house`;
  dir = mkdtempSync(path.join(tmpdir(), 'lakebook-interop-s3-'));
  const db = path.join(dir, 'catalog.db');
  writeFileSync(
    path.join(dir, 'lakebook.json'),
    JSON.stringify({
      catalog: { uri: db },
      warehouse,
      storage: { s3: { endpoint: minio.endpoint }, cache: { folder: path.join(dir, 'cache') } },
    }),
  );
  session = await EngineSession.open({ lake: await openLake(dir), workingDirectory: dir });
  await judge.open({ db, warehouse: dir, name: 'lake' });
  // The same catalog file for all; each engine has its own way to say where S3 is.
  prelude = dedent(`
    from pyiceberg.catalog.sql import SqlCatalog
    catalog = SqlCatalog('lake', uri='sqlite:///${db}', warehouse='${warehouse}', **{
        's3.endpoint': '${minio.endpoint}', 's3.region': 'us-east-1',
        's3.access-key-id': '${minio.accessKey}', 's3.secret-access-key': '${minio.secretKey}'})
    def on_s3():
        session = spark().newSession()
        settings = {
            '': 'org.apache.iceberg.spark.SparkCatalog', '.type': 'jdbc', '.uri': 'jdbc:sqlite:${db}',
            '.jdbc.schema-version': 'V1', '.warehouse': '${warehouse}', '.cache-enabled': 'false',
            '.io-impl': 'org.apache.iceberg.aws.s3.S3FileIO', '.s3.endpoint': '${minio.endpoint}',
            '.s3.path-style-access': 'true', '.client.region': 'us-east-1',
            '.s3.access-key-id': '${minio.accessKey}', '.s3.secret-access-key': '${minio.secretKey}'}
        for key, value in settings.items():
            session.conf.set('spark.sql.catalog.lake' + key, value)
        session.sql('USE lake')
        return session
    `);
});

afterAll(async () => {
  await session.close();
  await session.lake.close();
  judge.close();
  await minio.stop();
  rmSync(dir, { recursive: true, force: true });
});

const python = <T>(code: string) => judge.python<T>(`${prelude}\n${dedent(code)}`);

async function expectSame(query: string, code: string): Promise<void> {
  const [outcome] = await session.execute(query);
  if (outcome?.kind !== 'rows') throw new Error(`no rows: ${query}`);
  const file = path.join(dir, 'ours.arrow');
  writeFileSync(file, await outcome.result.window(0, await outcome.result.finished()));
  await outcome.result.close();
  const verdict = await judge.compare(file, `${prelude}\n${code}`);
  expect(verdict.why ?? 'equal', query).toBe('equal');
}

async function expectAllSame(table: string): Promise<void> {
  await expectSame(
    `SELECT * FROM ${table}`,
    `result = catalog.load_table('default.${table}').scan().to_arrow()`,
  );
  await expectSame(`SELECT * FROM ${table}`, `result = on_s3().table('default.${table}').toArrow()`);
}

describe('one lake on MinIO, under the same addresses', () => {
  it('what Lakebook writes is read by PyIceberg and by Spark', async () => {
    await session.execute(`
      CREATE TABLE ours (id BIGINT, day DATE, place VARCHAR, s STRUCT(a INT, b VARCHAR)) PARTITIONED BY (month(day), place);
      INSERT INTO ours SELECT range, DATE '2026-01-01' + (range % 90)::INT, 'a b/' || range % 3, {a: range, b: 'x'}
        FROM range(2000);
      UPDATE ours SET place = 'grün%20?#' WHERE id % 10 = 0;
      DELETE FROM ours WHERE id < 20;
      ALTER TABLE ours ADD COLUMN extra DECIMAL(9,2)`);
    await expectAllSame('ours');
    const location = await python<string>("result = catalog.load_table('default.ours').location()");
    expect(location).toBe(`${warehouse}/default/ours`);
  });

  it('what PyIceberg writes is read and changed', async () => {
    await python(`
      import pyarrow as pa
      rows = pa.table({'id': pa.array(range(100000), pa.int64()), 'word': ['w%d' % (i % 500) for i in range(100000)]})
      t = catalog.create_table('default.pys', schema=rows.schema)
      t.append(rows)
      result = None`);
    await expectAllSame('pys');
    await session.execute("UPDATE pys SET word = 'changed' WHERE id BETWEEN 10 AND 20");
    await expectAllSame('pys');
    await expectSame(
      "SELECT count(*) AS n FROM pys WHERE word = 'w77'",
      "result = pa.table({'n': pa.array([catalog.load_table('default.pys').scan(row_filter=\"word == 'w77'\").count()], pa.int64())})",
    );
  });

  it('what Spark writes, with delete files, is read and changed', async () => {
    await python(`
      s = on_s3()
      s.sql("""CREATE TABLE default.sparks (id BIGINT, n INT) USING iceberg PARTITIONED BY (bucket(4, id))
        TBLPROPERTIES ('format-version' = '2', 'write.delete.mode' = 'merge-on-read')""")
      s.sql("INSERT INTO default.sparks SELECT id, id % 7 FROM range(5000)")
      s.sql("DELETE FROM default.sparks WHERE id % 11 = 3")
      result = None`);
    await expectAllSame('sparks');
    await session.execute('INSERT INTO sparks VALUES (100000, 1); DELETE FROM sparks WHERE n = 2');
    await expectAllSame('sparks');
  });

  it('turns are taken', async () => {
    await session.execute('CREATE TABLE turns (a INT); INSERT INTO turns VALUES (1)');
    await python(`
      t = catalog.load_table('default.turns')
      t.append(pa.table({'a': pa.array([2], pa.int32())}))
      on_s3().sql('INSERT INTO default.turns VALUES (3)')
      result = None`);
    await session.execute('INSERT INTO turns VALUES (4)');
    await expectAllSame('turns');
  });
});

it('no secret is in metadata, manifests, the catalog or the cache', async () => {
  const seen: string[] = [];
  for await (const { location } of session.lake.storage.list(warehouse)) {
    if (location.endsWith('.parquet')) continue;
    seen.push(Buffer.from(await session.lake.storage.read(location)).toString('latin1'));
  }
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) seen.push(readFileSync(path.join(entry.parentPath, entry.name), 'latin1'));
  }
  expect(seen.length).toBeGreaterThan(20);
  for (const text of seen) {
    expect(text.includes(minio.secretKey)).toBe(false);
    expect(text.includes(minio.accessKey)).toBe(false);
  }
});
