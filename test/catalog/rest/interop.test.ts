import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lake, openLake } from '../../../src/catalog/open-lake.ts';
import { EngineSession } from '../../../src/engine/index.ts';
import { dedent } from '../../interop/judge.ts';
import { temporaryFolder } from '../../storage/support.ts';
import { freshCatalog } from './support.ts';

const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci');
const python = path.join(cache, 'venv', 'bin', 'python');
const jars = ['iceberg-spark-runtime-4.1_2.13-1.12.0.jar', 'iceberg-aws-bundle-1.12.0.jar'].map(name =>
  path.join(cache, 'jars', name),
);
const folder = temporaryFolder('lakebook-rest-interop-');
const { uri, warehouse } = freshCatalog();
const children: ChildProcess[] = [];
let judge: Judge;
let lake: Lake;
let session: EngineSession;

/** PyIceberg and Spark in a process of their own. */
class Judge {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];
  #log = '';

  constructor() {
    for (const file of [python, ...jars]) {
      if (!existsSync(file)) throw new Error(`${file} is missing: run scripts/judges.sh first`);
    }
    const { LAKEBOOK_S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
    this.#child = spawn(
      python,
      [
        path.join(import.meta.dirname, 'judge.py'),
        uri,
        LAKEBOOK_S3_ENDPOINT!,
        AWS_ACCESS_KEY_ID!,
        AWS_SECRET_ACCESS_KEY!,
      ],
      // Spark makes a folder for its own warehouse where it is started.
      { cwd: folder, env: { ...process.env, LAKEBOOK_SPARK_JARS: jars.join(':'), PYSPARK_PYTHON: python } },
    );
    children.push(this.#child);
    this.#child.stderr!.setEncoding('utf8').on('data', text => {
      this.#log = (this.#log + text).slice(-8000);
    });
    createInterface({ input: this.#child.stdout! }).on('line', line => this.#waiting.shift()?.(line));
    this.#child.on('exit', () => {
      for (const wait of this.#waiting.splice(0))
        wait(JSON.stringify({ error: `judge.py ended:\n${this.#log}` }));
    });
  }

  /** Runs Python; answers what the code leaves in `result`. */
  async python<T = unknown>(code: string): Promise<T> {
    const line = new Promise<string>(resolve => this.#waiting.push(resolve));
    this.#child.stdin!.write(`${JSON.stringify({ code: dedent(code) })}\n`);
    const { ok, error } = JSON.parse(await line) as { ok: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return ok;
  }
}

beforeAll(async () => {
  writeFileSync(
    path.join(folder, 'lakebook.json'),
    JSON.stringify({ catalog: { type: 'rest', uri, name: 'lake', warehouse } }),
  );
  judge = new Judge();
  lake = await openLake(folder);
  session = await EngineSession.open({ lake, workingDirectory: folder });
});
afterAll(async () => {
  await session?.close();
  await lake?.close();
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
});

/** All rows of a query as texts, sorted, as the judge gives them. */
async function rows(sql: string): Promise<string[][]> {
  const outcome = (await session.execute(sql)).at(-1);
  if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  const found = await outcome.result.rows(0, await outcome.result.finished());
  return found.map(row => row.map(value => (value === null ? 'None' : String(value)))).sort(byText);
}

function byText(a: readonly string[], b: readonly string[]): number {
  for (const [index, value] of a.entries()) if (value !== b[index]) return value < b[index]! ? -1 : 1;
  return 0;
}

const bySpark = (table: string) =>
  judge.python<string[][]>(`result = rows(spark().table('default.${table}').toArrow())`);
const byPyIceberg = (table: string) =>
  judge.python<string[][]>(`result = rows(catalog.load_table('default.${table}').scan().to_arrow())`);

test('PyIceberg and Spark read what was written here', async () => {
  await session.execute(`CREATE TABLE ours (id BIGINT NOT NULL, region VARCHAR, n INT) PARTITIONED BY (region);
    INSERT INTO ours SELECT i, ['north', 'south'][1 + i % 2], i * 10 FROM range(20) r(i);
    UPDATE ours SET n = -1 WHERE id = 3;
    DELETE FROM ours WHERE id IN (4, 5);
    ALTER TABLE ours ADD COLUMN note VARCHAR;
    ALTER TABLE ours RENAME COLUMN n TO amount;
    MERGE INTO ours t USING (SELECT 6 AS id UNION ALL SELECT 100) s ON t.id = s.id
      WHEN MATCHED THEN UPDATE SET note = 'seen' WHEN NOT MATCHED THEN INSERT (id, region) VALUES (s.id, 'west')`);
  const expected = await rows('SELECT * FROM ours');
  expect(expected).toHaveLength(19);
  expect(await byPyIceberg('ours')).toEqual(expected);
  expect(await bySpark('ours')).toEqual(expected);
});

test('Spark reads deletion vectors of format version 3', async () => {
  await session.execute(`CREATE TABLE vectors (id BIGINT, s VARCHAR) TBLPROPERTIES ('format-version' = '3',
      'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read');
    INSERT INTO vectors SELECT i, 'v' || i FROM range(1000) r(i);
    DELETE FROM vectors WHERE id % 7 = 0;
    UPDATE vectors SET s = 'x' WHERE id = 5`);
  expect(await bySpark('vectors')).toEqual(await rows('SELECT * FROM vectors'));
});

test('what PyIceberg and Spark write is read here', async () => {
  await judge.python(`
    spark().sql("CREATE TABLE default.theirs (id BIGINT, s STRING) PARTITIONED BY (bucket(4, id))")
    spark().sql("INSERT INTO default.theirs VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    spark().sql("UPDATE default.theirs SET s = 'z' WHERE id = 2")
    spark().sql("ALTER TABLE default.theirs ADD COLUMN extra INT")
    table = catalog.load_table('default.theirs')
    table.append(pa.table({'id': pa.array([4], pa.int64()), 's': ['d'], 'extra': pa.array([7], pa.int32())}))
    catalog.create_namespace_if_not_exists('eu')
    catalog.create_table('eu.small', pa.schema([('x', pa.int32())])).append(pa.table({'x': pa.array([5], pa.int32())}))
    result = None`);
  expect(await rows('SELECT * FROM theirs')).toEqual([
    ['1', 'a', 'None'],
    ['2', 'z', 'None'],
    ['3', 'c', 'None'],
    ['4', 'd', '7'],
  ]);
  expect(await rows('SELECT * FROM eu.small')).toEqual([['5']]);
  await session.execute('DELETE FROM theirs WHERE id = 1; ALTER TABLE eu.small RENAME TO tiny');
  expect(await bySpark('theirs')).toHaveLength(3);
  expect(await judge.python("result = [t[-1] for t in catalog.list_tables('eu')]")).toEqual(['tiny']);
});

test('views of Spark are read here, and ours by Spark where it knows the dialect', async () => {
  await judge.python(`
    spark().sql("CREATE VIEW default.sparkling (key, doubled) AS SELECT \`id\`, id * 2 FROM theirs WHERE s <> \\"c\\"")
    result = None`);
  const expected = await judge.python<string[][]>(
    "result = rows(spark().table('default.sparkling').toArrow())",
  );
  expect(await rows('SELECT key, doubled FROM sparkling')).toEqual(expected);
  await session.execute('CREATE VIEW here AS SELECT count(*) AS n FROM theirs');
  expect(await rows('SELECT n FROM here')).toEqual([['3']]);
});

test('two Lakebooks, PyIceberg and Spark append at once: every acknowledged row is there once', async () => {
  await session.execute(`CREATE TABLE t (id BIGINT, who VARCHAR) TBLPROPERTIES ('commit.retry.num-retries' = '100',
    'commit.retry.max-wait-ms' = '2000')`);
  const lakebook = async () => {
    const child = spawn(process.execPath, [
      '--no-warnings',
      path.join(import.meta.dirname, 'appender.ts'),
      folder,
      '12',
    ]);
    children.push(child);
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', text => {
      errors += text;
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(errors);
    return output.trim().split('\n').length;
  };
  // One Python process takes its commands in turn, so each of its writers mixes with both Lakebooks.
  const judged = judge.python<number[]>(`
    from pyiceberg.exceptions import CommitFailedException
    spark().sql("SELECT 1").collect()
    for i in range(5):
        spark().sql(f"INSERT INTO default.t VALUES ({i}, 'spark')")
        while True:
            try:
                row = pa.table({'id': pa.array([i], pa.int64()), 'who': ['pyiceberg']})
                catalog.load_table('default.t').append(row)
                break
            except CommitFailedException: pass
    result = [5, 5]`);
  const acknowledged = await Promise.all([lakebook(), lakebook(), judged]);
  expect(acknowledged).toEqual([12, 12, [5, 5]]);
  const counts = await rows(
    "SELECT split_part(who, '-', 1), count(*), count(DISTINCT (id, who)) FROM t GROUP BY 1",
  );
  expect(counts).toEqual([
    ['lakebook', '24', '24'],
    ['pyiceberg', '5', '5'],
    ['spark', '5', '5'],
  ]);
  expect(await bySpark('t')).toEqual(await rows('SELECT * FROM t'));
  // Nobody's commit was lost from the history.
  expect(await rows('SELECT count(*), count(DISTINCT parent_id) FROM t$snapshots')).toEqual([['34', '33']]);
});
