import { expect, test } from 'vitest';
import { openSpark, Results } from './support.ts';

test('a million rows pass in bounded memory', async () => {
  const spark = openSpark();
  const results = await Results.open('256MB');
  await results.of(spark, 'SELECT 1');
  const rows = 1_000_000;
  // About 500 MB of values, of which neither this process nor DuckDB may hold more than a part.
  const result = await results.start(
    spark,
    `SELECT id, repeat(sha2(CAST(id AS STRING), 512), 4) AS text, CAST(id AS DECIMAL(30,5)) AS price FROM range(0, ${rows}, 1, 60)`,
  );
  let peak = 0;
  const watch = setInterval(() => {
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    peak = Math.max(peak, arrayBuffers + heapUsed);
  }, 20);
  try {
    expect(await result.finished()).toBe(rows);
  } finally {
    clearInterval(watch);
  }
  expect(peak).toBeLessThan(300 * 1024 * 1024);
  const [last] = await result.rows(rows - 1, 1);
  expect(last![0]).toBe(rows - 1);
  expect(last![2]).toBe(`${rows - 1}.00000`);
  await result.close();
});
