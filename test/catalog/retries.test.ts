import { afterEach, expect, test, vi } from 'vitest';
import { Retries } from '../../src/catalog/retries.ts';

let now = 0;
const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
afterEach(() => {
  now = 0;
  clock.mockClear();
});

const quick = { 'commit.retry.min-wait-ms': '0' };

/** How many retries there are within so many milliseconds each. */
async function retriesOf(properties: Readonly<Record<string, string>>, msEach: number): Promise<number> {
  const retries = new Retries({ ...quick, ...properties });
  for (let count = 0; ; count++) {
    now += msEach;
    if (!(await retries.next())) return count;
  }
}

test('a table that says how many retries gets so many', async () => {
  expect(await retriesOf({ 'commit.retry.num-retries': '2' }, 1)).toBe(2);
  expect(await retriesOf({ 'commit.retry.num-retries': '0' }, 1)).toBe(0);
});

test('one that does not say gets a minute, and 20 retries at least', async () => {
  expect(await retriesOf({}, 1000)).toBe(59);
  expect(await retriesOf({}, 600_000)).toBe(3);
  expect(await retriesOf({ 'commit.retry.total-timeout-ms': '100000000' }, 600_000)).toBe(20);
});

test('the time is a limit of its own', async () => {
  expect(
    await retriesOf({ 'commit.retry.num-retries': '50', 'commit.retry.total-timeout-ms': '3500' }, 1000),
  ).toBe(3);
});

test('what was tried is told', async () => {
  const retries = new Retries(quick);
  expect(retries.told).toBe('once');
  await retries.next();
  now += 5000;
  expect([retries.tries, retries.told]).toEqual([2, '2 times in 5 s']);
});

test('an interrupt ends the wait', async () => {
  const retries = new Retries({ 'commit.retry.min-wait-ms': '1000000' });
  await expect(retries.next(AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' });
});
