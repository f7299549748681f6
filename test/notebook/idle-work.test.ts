import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdleWork } from '../../src/notebook/results/idle-work.ts';

/** Work that ends when it's told to, or with its signal. */
function step(signal: AbortSignal): { done: Promise<void>; end: () => void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => reject(new Error('stopped')));
  if (signal.aborted) reject(new Error('stopped'));
  return { done: promise, end: resolve };
}
const settle = () => new Promise(resolve => setImmediate(resolve));

test('work is done one piece at a time, never while a cell runs, and each piece to its end, once', async () => {
  const action = fc.constantFrom('add', 'finish', 'hold', 'release');
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async actions => {
      const idle = new IdleWork();
      const holds: (() => void)[] = [];
      let running: { end: () => void } | undefined;
      let added = 0;
      const finished: number[] = [];
      const results: Promise<number>[] = [];
      for (const each of actions) {
        if (each === 'add') {
          const number = added++;
          results.push(
            idle.run(async signal => {
              expect(running).toBeUndefined();
              expect(holds).toEqual([]);
              const mine = step(signal);
              running = mine;
              try {
                await mine.done;
              } finally {
                running = undefined;
              }
              finished.push(number);
              return number;
            }),
          );
        } else if (each === 'finish') running?.end();
        else if (each === 'hold') holds.push(idle.hold());
        else holds.pop()?.();
        await settle();
        if (holds.length > 0) expect(running).toBeUndefined();
      }
      while (holds.length > 0) holds.pop()!();
      while (finished.length < added) {
        await settle();
        running?.end();
      }
      expect(await Promise.all(results)).toEqual(Array.from({ length: added }, (_, i) => i));
      expect(finished).toEqual(Array.from({ length: added }, (_, i) => i));
    }),
    { numRuns: 300 },
  );
});

test('a piece that fails tells so, and the others go on', async () => {
  const idle = new IdleWork();
  const release = idle.hold();
  const failing = idle.run(async () => {
    throw new Error('broken');
  });
  const next = idle.run(async () => 7);
  release();
  release();
  await expect(failing).rejects.toThrow('broken');
  expect(await next).toBe(7);
});

test('closing ends what runs and what waits', async () => {
  const idle = new IdleWork();
  const first = idle.run(signal => step(signal).done);
  const second = idle.run(async () => 1);
  idle.close();
  await expect(first).rejects.toThrow('stopped');
  await expect(second).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await expect(idle.run(async () => 1)).rejects.toMatchObject({ code: 'INTERRUPTED' });
});
