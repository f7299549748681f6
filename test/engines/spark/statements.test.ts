import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Progress } from '../../../src/engine/progress.ts';
import { InterruptedError } from '../../../src/iceberg/errors.ts';
import { newNamespace, openSpark, Results, runningJobs } from './support.ts';

const spark = openSpark();
let results: Results;
let namespace: string;
beforeAll(async () => {
  results = await Results.open();
  namespace = await newNamespace(spark);
});

/** A query of many tasks, each of which takes a while. */
const slow = (rows: number) =>
  `SELECT count(*) FROM range(0, ${rows}, 1, 64) WHERE length(sha2(CAST(id AS STRING), 512)) = 1`;
/** Runs for days. */
const endlessRows =
  'SELECT id FROM range(0, 1000000000000000, 1, 8) WHERE length(sha2(CAST(id AS STRING), 512)) = 1';
const endless = `SELECT count(*) FROM (${endlessRows})`;

test('the check tells what answered', async () => {
  expect(await spark.check()).toMatch(/^Spark 4\.1\.4, catalog lake, \d+ namespaces?$/);
});

describe('statements', () => {
  test('tell what they are', async () => {
    const kinds = async (sql: string) => {
      const { isQuery, outcome } = await results.of(spark, sql);
      return [isQuery, outcome.operation];
    };
    expect(await kinds('SELECT 1')).toEqual([true, undefined]);
    expect(await kinds(`CREATE NAMESPACE ${namespace}.told`)).toEqual([false, 'CREATE NAMESPACE']);
    expect(await kinds(`CREATE TABLE ${namespace}.told.t (a INT) USING iceberg`)).toEqual([
      false,
      'CREATE TABLE',
    ]);
    expect(await kinds(`INSERT INTO ${namespace}.told.t VALUES (1), (2)`)).toEqual([false, 'INSERT']);
    expect(await kinds(`SHOW TABLES IN ${namespace}.told`)).toEqual([true, 'SHOW TABLES']);
    expect(await kinds(`DELETE FROM ${namespace}.told.t WHERE a = 1`)).toEqual([false, 'DELETE']);
  });

  test('answer rows when they are commands too', async () => {
    const { columns, rows } = await results.of(spark, 'SET spark.sql.session.timeZone = UTC');
    expect(columns.map(column => column.name)).toEqual(['key', 'value']);
    expect(rows).toEqual([['spark.sql.session.timeZone', 'UTC']]);
    await results.of(spark, 'RESET spark.sql.session.timeZone');
  });

  test('share a session', async () => {
    await results.of(spark, 'CREATE OR REPLACE TEMPORARY VIEW mine AS SELECT 42 AS answer');
    await results.of(spark, 'DECLARE OR REPLACE VARIABLE v INT DEFAULT 8');
    expect((await results.of(spark, 'SELECT answer + v FROM mine')).rows).toEqual([[50]]);
    const other = openSpark();
    await expect(results.of(other, 'SELECT * FROM mine')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
  });

  test('may be scripts', async () => {
    const sql = 'BEGIN DECLARE n INT DEFAULT 3; SET n = n * 2; SELECT n AS six; END';
    expect((await results.of(spark, sql)).rows).toEqual([[6]]);
  });

  test('find tables in the namespace that is asked for', async () => {
    for (const [names, value] of [
      [[namespace, 'first'], 1],
      [[namespace, 'first', 'in ner'], 2],
    ] as const) {
      await results.of(spark, `CREATE NAMESPACE ${names.map(name => `\`${name}\``).join('.')}`);
      await results.of(spark, `CREATE TABLE t USING iceberg AS SELECT ${value} AS v`, { namespace: names });
    }
    const rows = async (names: string[]) =>
      (await results.of(spark, 'SELECT v FROM t', { namespace: [namespace, ...names] })).rows;
    expect(await rows(['first'])).toEqual([[1]]);
    expect(await rows(['first', 'in ner'])).toEqual([[2]]);
    expect(await rows(['first'])).toEqual([[1]]);
    await expect(rows([])).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    await expect(results.of(spark, 'SELECT v FROM t')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
  });

  test('tell which namespace they chose', async () => {
    await results.of(spark, `CREATE NAMESPACE ${namespace}.\`a.b\``);
    const { outcome } = await results.of(spark, `USE ${namespace}.\`a.b\``);
    expect(outcome.used).toEqual({ catalog: 'lake', namespace: [namespace, 'a.b'] });
    expect((await results.of(spark, 'USE spark_catalog.default')).outcome.used).toEqual({
      catalog: 'spark_catalog',
      namespace: ['default'],
    });
    expect((await results.of(spark, 'SELECT current_catalog()')).rows).toEqual([['lake']]);
  });

  test('may make the namespace that they are run in', async () => {
    const names = { namespace: [namespace, 'to come'] };
    await results.of(spark, `CREATE NAMESPACE lake.${namespace}.\`to come\``, names);
    await results.of(spark, 'CREATE TABLE inside (id INT) USING iceberg', names);
    expect((await results.of(spark, 'SHOW TABLES', names)).rows).toEqual([
      [`${namespace}.\`to come\``, 'inside', false],
    ]);
  });

  test('take values as literals', async () => {
    const values = [
      'plain',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: Spark would replace it
      'it\'s \\n $1 ${x} `"',
      '',
      '🦆',
      -1,
      2 ** 40,
      0.1,
      -0.5,
      1e300,
      12345678901234567n,
      true,
      null,
    ];
    const list = values.map(value => spark.literal(value)).join(', ');
    const { rows } = await results.of(spark, `SELECT ${list}, 1 -${spark.literal(-1)}`);
    const told = values.map(value => (typeof value === 'bigint' ? String(value) : value));
    expect(rows).toEqual([[...told, 2]]);
  });
});

test('progress tells stages, tasks and bytes', async () => {
  await results.of(
    spark,
    `CREATE TABLE ${namespace}.many USING iceberg AS SELECT id, uuid() AS u FROM range(50000)`,
  );
  const seen: Progress[] = [];
  const sql = `SELECT count(DISTINCT sha2(concat(u, r.id), 512)) FROM ${namespace}.many, range(0, 4, 1, 4) r`;
  await results.of(spark, sql, { onProgress: progress => seen.push(progress) });
  const stages = seen.filter(progress => /^stage \d+ of \d+, \d+ of \d+ tasks/.test(progress.phase));
  expect(stages.length).toBeGreaterThan(0);
  const fractions = stages.map(progress => progress.fraction!);
  expect(Math.max(...fractions)).toBeLessThanOrEqual(1);
  expect(fractions.at(-1)).toBeGreaterThan(0);
  expect(Math.max(...stages.map(progress => progress.bytes ?? 0))).toBeGreaterThan(0);
});

describe('an interrupt', () => {
  async function whenRunning(): Promise<void> {
    while ((await runningJobs()).length === 0) await delay(50);
  }
  async function untilNothingRuns(): Promise<void> {
    while ((await runningJobs()).length > 0) await delay(50);
  }

  test('ends a query here and its jobs in Spark', async () => {
    const stop = new AbortController();
    const running = results.of(spark, endless, { signal: stop.signal });
    running.catch(() => undefined);
    await whenRunning();
    stop.abort();
    await expect(running).rejects.toBeInstanceOf(InterruptedError);
    await untilNothingRuns();
    expect((await results.of(spark, 'SELECT 1')).rows).toEqual([[1]]);
  });

  test('ends a change before it is committed', async () => {
    await results.of(spark, `CREATE TABLE ${namespace}.unchanged (id BIGINT) USING iceberg`);
    const stop = new AbortController();
    const sql = `INSERT INTO ${namespace}.unchanged ${endlessRows}`;
    const running = results.of(spark, sql, { signal: stop.signal });
    running.catch(() => undefined);
    await whenRunning();
    stop.abort();
    await expect(running).rejects.toBeInstanceOf(InterruptedError);
    await untilNothingRuns();
    expect((await results.of(spark, `SELECT count(*) FROM ${namespace}.unchanged.snapshots`)).rows).toEqual([
      [0],
    ]);
  });

  test('that comes first lets nothing begin', async () => {
    const sql = `CREATE TABLE ${namespace}.never_made (id INT) USING iceberg`;
    await expect(results.of(spark, sql, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(
      InterruptedError,
    );
    expect((await results.of(spark, `SHOW TABLES IN ${namespace} LIKE 'never_made'`)).rows).toEqual([]);
  });

  test('ends rows that nobody wants any more', async () => {
    const rows = await spark.query(
      'SELECT id, sha2(CAST(id AS STRING), 512) FROM range(0, 100000000, 1, 2000)',
    );
    for await (const batch of rows.batches) {
      expect(batch.numRows).toBeGreaterThan(0);
      break;
    }
    await untilNothingRuns();
  });

  test('is what closing an engine does', async () => {
    const other = openSpark();
    const running = results.of(other, endless);
    running.catch(() => undefined);
    await whenRunning();
    await other.close();
    await expect(running).rejects.toBeInstanceOf(InterruptedError);
    await untilNothingRuns();
    await expect(other.query('SELECT 1')).rejects.toThrow(/closed/);
  });
});

test('nothing is left running of statements that ended', async () => {
  await results.of(spark, slow(1000));
  expect(await runningJobs()).toEqual([]);
});
