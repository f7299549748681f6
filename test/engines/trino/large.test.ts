import { expect, test } from 'vitest';
import { RemoteStream } from '../../../src/engine/remote/remote-stream.ts';
import { ResultSet } from '../../../src/engine/result-set.ts';
import { ResultStore } from '../../../src/engine/result-store.ts';
import { openDuckDb } from '../../engine/support.ts';
import { openTrino } from './support.ts';

/** A million rows that cost the server little, 90 MB of JSON. */
const million = `FROM (SELECT a * 1000 + b AS id, CAST(b AS decimal(12,2)) / 7 AS amount,
    'a text that is longer than twelve bytes: ' || CAST(a AS varchar) AS note, DATE '2020-01-01' + b * INTERVAL '1' DAY AS day
  FROM UNNEST(sequence(1, 1000)) AS s(a) CROSS JOIN UNNEST(sequence(1, 1000)) AS t(b)) AS made`;
/** A busy machine takes its time for so many. */
const patience = 900_000;

test.each([
  ['answers', []],
  ['segments', ['json+zstd']],
])(
  'a million rows in %s are kept in bounded memory',
  async (_, encodings) => {
    const duckdb = await openDuckDb({ memoryLimit: '300MB' });
    const store = await ResultStore.open(duckdb);
    const trino = openTrino({ encodings });
    let most = 0;
    const watch = () => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      most = Math.max(most, heapUsed + arrayBuffers);
    };
    watch();
    const before = most;
    const rows = await trino.query(`SELECT * ${million}`, { onProgress: watch });
    const stream = new RemoteStream(rows, new AbortController());
    const next = stream.next.bind(stream);
    stream.next = () => {
      watch();
      return next();
    };
    const result = await ResultSet.open(stream, store);
    expect(await result.finished()).toBe(1_000_000);
    // A few answers or segments at once; all rows as JavaScript's values would be more than a gigabyte.
    expect(most - before).toBeLessThan(500e6);

    const sums = 'count(*), sum(id), sum(amount), sum(length(note)), min(day), max(note)';
    const own = await ResultSet.open(
      new RemoteStream(await trino.query(`SELECT ${sums} ${million}`), new AbortController()),
      store,
    );
    const kept = await ResultSet.open(
      await duckdb.stream(`SELECT ${sums} FROM ${await result.relation()}`),
      store,
    );
    expect(await kept.rows(0, 1)).toEqual(await own.rows(0, 1));
    expect(await result.rows(999_990, 100)).toHaveLength(10);
    await store.close();
  },
  patience,
);

test('a result that is closed early ends its statement', async () => {
  const duckdb = await openDuckDb();
  const store = await ResultStore.open(duckdb);
  const trino = openTrino();
  const stop = new AbortController();
  const marker = `early_${Math.random().toString(36).slice(2)}`;
  const rows = await trino.query(`SELECT orderkey AS ${marker} FROM tpch.sf100.orders`, {
    signal: stop.signal,
  });
  const result = await ResultSet.open(new RemoteStream(rows, stop), store, Number.POSITIVE_INFINITY);
  expect(result.rowCount).toBeGreaterThan(0);
  await result.close();
  const state = `SELECT state FROM system.runtime.queries WHERE query LIKE '%${marker}%' AND query NOT LIKE '%runtime%'`;
  const states = async () => {
    const found: string[] = [];
    for await (const batch of (await trino.query(state)).batches) {
      found.push(...(batch.getChildAt(0)!.toArray() as string[]));
    }
    return found;
  };
  await expect.poll(states).toEqual(['FAILED']);
  await store.close();
});
