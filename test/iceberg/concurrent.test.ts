import { expect, test } from 'vitest';
import { mapConcurrent } from '../../src/iceberg/concurrent.ts';
import { InterruptedError } from '../../src/iceberg/errors.ts';

async function collect<T>(results: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const result of results) all.push(result);
  return all;
}

test('results come in the order of the items, at most `limit` at work', async () => {
  let running = 0;
  let most = 0;
  const items = Array.from({ length: 20 }, (_, i) => i);
  const results = mapConcurrent(
    items,
    async (item, index) => {
      most = Math.max(most, ++running);
      // Later items are faster.
      for (let i = 20 - item; i > 0; i--) await Promise.resolve();
      running--;
      return [item, index];
    },
    { limit: 3 },
  );
  expect(await collect(results)).toEqual(items.map(item => [item, item]));
  expect(most).toBe(3);
});

test('the first failure in order ends it, and later ones are no unhandled rejections', async () => {
  const started: number[] = [];
  const results = mapConcurrent(
    [0, 1, 2, 3, 4, 5],
    async item => {
      started.push(item);
      if (item > 0) throw new Error(`item ${item}`);
      return item;
    },
    { limit: 2 },
  );
  await expect(collect(results)).rejects.toThrow('item 1');
  expect(started).toEqual([0, 1, 2]);
});

test('an aborted signal stops it between results', async () => {
  const controller = new AbortController();
  const seen: number[] = [];
  const run = async () => {
    for await (const item of mapConcurrent([1, 2, 3], async i => i, {
      signal: controller.signal,
      limit: 1,
    })) {
      seen.push(item);
      controller.abort();
    }
  };
  await expect(run()).rejects.toThrow(InterruptedError);
  expect(seen).toEqual([1]);
});

test('nothing to do', async () => {
  expect(await collect(mapConcurrent([], async () => 1))).toEqual([]);
});
