import { InterruptedError } from './errors.ts';

/** Metadata files that are read at once: hides latency, and bounds the memory of what was read ahead. */
export const READ_CONCURRENCY = 8;

/**
 * Runs `work` on every item, at most `limit` at a time, and yields the results in the items' order. At most
 * `limit` results wait to be taken. The first failure ends it; an aborted signal is an InterruptedError.
 */
export async function* mapConcurrent<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
  options: { readonly limit?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<R, void> {
  const limit = options.limit ?? READ_CONCURRENCY;
  const running: Promise<R>[] = [];
  let next = 0;
  const start = () => {
    const index = next++;
    const promise = work(items[index]!, index);
    // Its failure is thrown when its turn comes; until then it must not count as unhandled.
    promise.catch(() => {});
    running.push(promise);
  };
  while (next < items.length && running.length < limit) start();
  while (running.length > 0) {
    if (options.signal?.aborted) throw new InterruptedError();
    const result = await running.shift()!;
    if (next < items.length) start();
    yield result;
  }
}

/**
 * Waits for all of them, as Promise.all does, but settles only when every one has: nothing is still under way when the
 * first failure, in their order, is thrown.
 */
export async function allSettled<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(work);
  const failed = outcomes.find(outcome => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return outcomes.map(outcome => (outcome as PromiseFulfilledResult<T>).value);
}
