import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SparkEngine } from '../../../../src/engine/remote/spark/spark-engine.ts';
import { InterruptedError, type LakebookError } from '../../../../src/iceberg/errors.ts';
import { complete, FakeSpark, isQuery, rows, type Step } from './fake-server.ts';

const retry = { attempts: 4, firstAttempts: 1, initialMs: 1, maximumMs: 5 };
let fake: FakeSpark;
let engine: SparkEngine;
beforeEach(async () => {
  fake = await FakeSpark.start();
  engine = new SparkEngine({ url: fake.url, catalog: 'lake', retry });
  // The first statement also chooses the catalog.
  fake.streams.push([complete], [complete]);
  await engine.query('first');
  // The server hears of their ends in the background.
  await expect.poll(() => releases()).toBe(2);
  fake.calls.length = 0;
});

/** How many executions the server was told to forget. */
const releases = () => fake.calls.filter(call => call === 'ReleaseExecute releaseAll').length;
afterEach(async () => {
  await engine.close();
  fake.stop();
});

async function ids(sql = 'q', options = {}): Promise<number[]> {
  const answer = await engine.query(sql, options);
  const found: number[] = [];
  for await (const batch of answer.batches) found.push(...(batch.getChildAt(0)!.toArray() as Int32Array));
  return found;
}

const query: Step[] = [isQuery, complete];
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const unavailable: Step = { fail: { code: status.UNAVAILABLE, message: 'gone' } };
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (reason: unknown) => reason as LakebookError,
  );

test('batches come in order, in whole and in pieces', async () => {
  fake.streams.push(query, [...rows(0, 5), ...rows(5, 7, 3), complete]);
  expect(await ids()).toEqual(range(12));
  expect(fake.statements).toEqual(['execute q', 'execute relation']);
});

describe('a stream is taken up again', () => {
  test('after its last response, when it ends without being complete', async () => {
    fake.streams.push(query, [...rows(0, 2), { end: true }], [{ end: true }], [...rows(2, 2), complete]);
    expect(await ids()).toEqual(range(4));
    expect(fake.statements.slice(1)).toEqual([
      'execute relation',
      expect.stringMatching(/^reattach after r\d+$/),
      expect.stringMatching(/^reattach after r\d+$/),
    ]);
    expect(fake.statements[2]).toBe(fake.statements[3]);
  });

  test('when the connection breaks, also inside of a batch', async () => {
    const [first, second, third] = rows(0, 9, 3) as [Step, Step, Step];
    fake.streams.push(query, [first, unavailable], [unavailable], [second, unavailable], [third, complete]);
    expect(await ids()).toEqual(range(9));
  });

  test('when another stream of ours still counts as there', async () => {
    const disconnected: Step = {
      fail: { code: status.INTERNAL, message: 'x', errorClass: 'INVALID_CURSOR.DISCONNECTED' },
    };
    fake.streams.push(query, [...rows(0, 1), disconnected], [...rows(1, 1), complete]);
    expect(await ids()).toEqual([0, 1]);
  });

  test('when the server asks for it', async () => {
    const later: Step = { fail: { code: status.RESOURCE_EXHAUSTED, message: 'busy', retryMs: 5 } };
    fake.streams.push([later], query, [...rows(0, 1), complete]);
    expect(await ids()).toEqual([0]);
  });

  test('by sending the statement again when the server never got it', async () => {
    const unknown: Step = {
      fail: { code: status.INTERNAL, message: 'x', errorClass: 'INVALID_HANDLE.OPERATION_NOT_FOUND' },
    };
    fake.streams.push([unavailable], [unknown], query, [...rows(0, 1), complete]);
    expect(await ids()).toEqual([0]);
    expect(fake.statements).toEqual(['execute q', 'reattach after nothing', 'execute q', 'execute relation']);
  });

  test('as often as the policy says, counted from the last response', async () => {
    const broken = Array.from({ length: retry.attempts }, () => [unavailable]);
    fake.streams.push(query, [...rows(0, 1), unavailable], ...broken.slice(1), [...rows(1, 1), unavailable]);
    fake.streams.push(...broken.slice(1), [...rows(2, 1), complete]);
    expect(await ids()).toEqual([0, 1, 2]);
    fake.streams.push(query, [...rows(0, 1), unavailable], ...broken, [complete]);
    expect(await failureOf(ids())).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
  });
});

describe('a statement is not run a second time', () => {
  test('when the server forgot an execution that it had answered of', async () => {
    const unknown: Step = {
      fail: { code: status.INTERNAL, message: 'x', errorClass: 'INVALID_HANDLE.OPERATION_NOT_FOUND' },
    };
    fake.streams.push(query, [...rows(0, 1), unavailable], [unknown]);
    const error = await failureOf(ids());
    expect(error!.message).toContain('INVALID_HANDLE.OPERATION_NOT_FOUND');
    expect(fake.statements.filter(call => call === 'execute relation')).toHaveLength(1);
  });

  test('when it fails by itself', async () => {
    fake.streams.push([{ fail: { code: status.INTERNAL, message: 'no', errorClass: 'SOME_ERROR' } }]);
    expect((await failureOf(ids()))!.message).toBe('no [SOME_ERROR]');
    expect(fake.statements).toEqual(['execute q']);
  });
});

describe('a session that is lost', () => {
  const gone = (kind: string): Step => ({
    fail: { code: status.INTERNAL, message: 'x', errorClass: `INVALID_HANDLE.SESSION_${kind}` },
  });

  test.each(['NOT_FOUND', 'CHANGED', 'CLOSED'])(
    'as %s is told, and the next statement has a new one',
    async kind => {
      fake.streams.push([gone(kind)]);
      expect(await failureOf(ids())).toMatchObject({ code: 'ENGINE_SESSION_LOST' });
      fake.calls.length = 0;
      fake.streams.push([complete], query, [...rows(0, 1), complete]);
      expect(await ids()).toEqual([0]);
      expect(fake.statements).toEqual(['execute SET CATALOG `lake`', 'execute q', 'execute relation']);
    },
  );

  test('is seen by the server’s id of it', async () => {
    fake.serverSideSessionId = 'server-side-2';
    fake.streams.push(query);
    expect(await failureOf(ids())).toMatchObject({ code: 'ENGINE_SESSION_LOST' });
    fake.streams.push([complete], query, [...rows(0, 1), complete]);
    expect(await ids()).toEqual([0]);
  });
});

describe('rows that are missing are an error', () => {
  const [first, second] = rows(0, 9, 3) as [Step, Step, Step];
  test.each<[string, Step[]]>([
    ['a batch', [...rows(0, 2), ...rows(3, 2), complete]],
    ['a piece', [first, first, complete]],
    ['the last piece', [first, second, complete]],
  ])('%s', async (_, steps) => {
    fake.streams.push(query, steps);
    const error = await failureOf(ids());
    expect(error).toMatchObject({ code: 'ENGINE_FAILURE' });
    expect(error!.message).toContain('gaps');
  });
});

describe('an interrupt', () => {
  test('ends a silent stream at once, and tells the server', async () => {
    const stop = new AbortController();
    fake.streams.push([{ wait: true }]);
    const running = failureOf(ids('q', { signal: stop.signal }));
    await expect.poll(() => fake.statements).toEqual(['execute q']);
    stop.abort();
    expect(await running).toBeInstanceOf(InterruptedError);
    await expect
      .poll(() => fake.calls)
      .toEqual(expect.arrayContaining(['Interrupt', 'ReleaseExecute releaseAll']));
  });

  test('ends the wait for a server that is away', async () => {
    await engine.close();
    engine = new SparkEngine({
      url: fake.url,
      catalog: 'lake',
      retry: { attempts: 4, firstAttempts: 1, initialMs: 600_000, maximumMs: 600_000 },
    });
    fake.streams.push([complete], [complete]);
    await engine.query('first');
    const stop = new AbortController();
    fake.streams.push([unavailable]);
    const running = failureOf(ids('q', { signal: stop.signal }));
    await expect.poll(() => fake.statements.at(-1)).toBe('execute q');
    stop.abort();
    expect(await running).toBeInstanceOf(InterruptedError);
  });

  test('between batches ends the iteration', async () => {
    const stop = new AbortController();
    fake.streams.push(query, [...rows(0, 1), { wait: true }]);
    const { batches } = await engine.query('q', { signal: stop.signal });
    stop.abort();
    const work = async () => {
      for await (const batch of batches) expect(batch.numRows).toBe(1);
    };
    expect(await failureOf(work())).toBeInstanceOf(InterruptedError);
    await expect.poll(() => fake.calls).toContain('Interrupt');
  });
});

test('the server is told what it may forget', async () => {
  fake.streams.push(query, [...rows(0, 1), ...rows(1, 1), complete]);
  await ids();
  await expect.poll(() => releases()).toBe(2);
  expect(fake.calls).toContain('ReleaseExecute releaseUntil');
  await engine.close();
  expect(fake.calls.at(-1)).toBe('ReleaseSession');
});

test('ending an iteration early stops the execution', async () => {
  fake.streams.push(query, [...rows(0, 1), { wait: true }]);
  const { batches } = await engine.query('q');
  for await (const _ of batches) break;
  await expect.poll(() => releases()).toBe(2);
});

test('headers and a token go with every call', async () => {
  const other = new SparkEngine({ url: `${fake.url}/;token=t%20k;x-team=data`, catalog: 'lake', retry });
  fake.streams.push([complete], [complete]);
  await other.query('q');
  expect(fake.metadata.get('authorization')).toEqual(['Bearer t k']);
  expect(fake.metadata.get('x-team')).toEqual(['data']);
  await other.close();
  expect(fake.metadata.get('authorization')).toEqual(['Bearer t k']);
});

test('an idle session is touched', async () => {
  const other = new SparkEngine({ url: fake.url, catalog: 'lake', retry, keepAliveMs: 5 });
  fake.streams.push([complete], [complete]);
  await other.query('q');
  await expect.poll(() => fake.calls.filter(call => call === 'AnalyzePlan').length).toBeGreaterThan(1);
  await other.close();
});
