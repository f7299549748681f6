import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { LakebookError } from '../../../src/iceberg/errors.ts';
import { SparkServer } from './server.ts';
import { newNamespace, openSpark, Results } from './support.ts';
import { TcpProxy } from './tcp-proxy.ts';

let results: Results;
let proxy: TcpProxy;
beforeAll(async () => {
  results = await Results.open();
  proxy = await TcpProxy.start(Number(new URL(inject('spark').url).port));
});
afterAll(() => proxy.stop());

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (reason: unknown) => reason as LakebookError,
  );

const viaProxy = () => openSpark({ url: `sc://127.0.0.1:${proxy.port}` });

describe('a connection that breaks', () => {
  test('while rows come is taken up again: each row comes once', async () => {
    const spark = viaProxy();
    await results.of(spark, 'SELECT 1');
    proxy.cuts = 0;
    proxy.cutAfterBytes = 3_000_000;
    const rows = 200_000;
    try {
      const sql = `SELECT id, sha2(CAST(id AS STRING), 256) AS s FROM range(0, ${rows}, 1, 4)`;
      const result = await results.start(spark, sql);
      expect(await result.finished()).toBe(rows);
      const [sums] = await results.store.query(
        `SELECT count(*), count(DISTINCT id), min(id), max(id) FROM (SELECT c0 AS id FROM ${(await result.relation()).match(/lakebook_results\.main\.r\d+/)![0]})`,
      );
      expect(sums!.getRowValues(0).map(Number)).toEqual([rows, rows, 0, rows - 1]);
      await result.close();
    } finally {
      proxy.cutAfterBytes = undefined;
    }
    expect(proxy.cuts).toBeGreaterThan(1);
  });

  test('while Spark works does not end the work, which is done once', async () => {
    const spark = viaProxy();
    const namespace = await newNamespace(spark);
    await results.of(spark, `CREATE TABLE ${namespace}.once (id BIGINT, s STRING) USING iceberg`);
    proxy.cuts = 0;
    // A few times only: on a busy machine nothing would get through in between.
    const timer = setInterval(() => proxy.cuts < 4 && proxy.cut(), 300);
    try {
      const sql = `INSERT INTO ${namespace}.once SELECT id, sha2(CAST(id AS STRING), 512) FROM range(0, 1000000, 1, 16)`;
      await results.of(spark, sql);
    } finally {
      clearInterval(timer);
    }
    expect(proxy.cuts).toBeGreaterThan(0);
    expect((await results.of(spark, `SELECT count(*) FROM ${namespace}.once`)).rows).toEqual([[1_000_000]]);
    expect((await results.of(spark, `SELECT count(*) FROM ${namespace}.once.snapshots`)).rows).toEqual([[1]]);
  });

  test('between statements is not noticed', async () => {
    const spark = viaProxy();
    await results.of(spark, 'CREATE TEMPORARY VIEW kept AS SELECT 7 AS seven');
    proxy.cut();
    expect((await results.of(spark, 'SELECT seven FROM kept')).rows).toEqual([[7]]);
  });
});

describe('a server', () => {
  test('that is not there is told, with what to do', async () => {
    const gone = await TcpProxy.start(1);
    const { port } = gone;
    await gone.stop();
    const spark = openSpark({ url: `sc://127.0.0.1:${port}` });
    for (const work of [spark.query('SELECT 1'), spark.check()]) {
      const error = await failureOf(work);
      expect(error).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
      expect(error!.message).toContain(`sc://127.0.0.1:${port}`);
      expect(error!.hint).toContain('Spark Connect');
    }
  });

  test('that stays away while a statement runs is given up', async () => {
    const spark = openSpark({
      url: `sc://127.0.0.1:${proxy.port}`,
      retry: { attempts: 3, firstAttempts: 1, initialMs: 20, maximumMs: 50 },
    });
    await results.of(spark, 'SELECT 1');
    const { target } = proxy;
    proxy.target = undefined;
    proxy.cut();
    try {
      expect(await failureOf(results.of(spark, 'SELECT 2'))).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    } finally {
      proxy.target = target;
    }
    // The same session: it's the connection that was gone. gRPC waits longer and longer before it connects again, longer
    // than these few attempts.
    await expect
      .poll(async () => (await results.of(spark, 'SELECT 3').catch(String)) as unknown)
      .toMatchObject({ rows: [[3]] });
  });

  test('that speaks another protocol is told', async () => {
    const { createServer } = await import('node:http');
    const http = createServer((_, response) => response.end('hello'));
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
    const { port } = http.address() as { port: number };
    const error = await failureOf(openSpark({ url: `sc://127.0.0.1:${port}` }).query('SELECT 1'));
    expect(error).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    http.close();
  });

  test('that is restarted has lost the session, which is told once; a token opens it', async () => {
    const token = 'open sesame';
    const first = await SparkServer.start();
    const restarting = await TcpProxy.start(first.port);
    const spark = openSpark({ url: `sc://127.0.0.1:${restarting.port}`, catalog: 'spark_catalog', token });
    let second: SparkServer | undefined;
    try {
      await results.of(spark, 'CREATE TEMPORARY VIEW lost AS SELECT 1 AS one');
      await first.kill();
      second = await SparkServer.start({ 'spark.connect.authenticate.token': token });
      restarting.target = second.port;
      const error = await failureOf(results.of(spark, 'SELECT one FROM lost'));
      expect(error).toMatchObject({ code: 'ENGINE_SESSION_LOST' });
      expect(error!.hint).toContain('temporary views');
      expect((await results.of(spark, 'SELECT 2')).rows).toEqual([[2]]);
      await expect(results.of(spark, 'SELECT one FROM lost')).rejects.toMatchObject({
        code: 'TABLE_NOT_FOUND',
      });

      const inAddress = openSpark({
        url: `${second.url}/;user_id=ada;x-team=data%20two;token=open%20sesame`,
        catalog: 'spark_catalog',
      });
      expect((await results.of(inAddress, 'SELECT 1')).rows).toEqual([[1]]);
      await inAddress.close();
      for (const options of [{}, { token: 'guess' }]) {
        const refused = await failureOf(openSpark({ url: second.url, ...options }).query('SELECT 1'));
        expect(refused).toMatchObject({ code: 'ENGINE_UNAUTHORIZED' });
        expect(`${refused!.message} ${refused!.hint}`).not.toMatch(/sesame|guess/);
      }
    } finally {
      await spark.close();
      await first.kill();
      await second?.stop();
      await restarting.stop();
    }
  });
});
