import { setTimeout as delay } from 'node:timers/promises';
import { InterruptedError } from '../../iceberg/errors.ts';
import { failureOf, isTransient } from './errors.ts';

/** How often and how long a request is tried again. */
export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** Longest wait after the first failure in milliseconds; it doubles with each. */
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
}

/** Some twelve seconds at the longest: a restart of the server fits in. */
export const defaultRetryPolicy: RetryPolicy = { attempts: 9, firstDelayMs: 100, longestDelayMs: 4000 };

/** Tries against a server that has never answered: it's rather a wrong address than a restart. */
const attemptsAtFirst = 3;

/** Retries requests to one server. */
export class Retries {
  readonly #policy: RetryPolicy;
  #reached = false;

  constructor(policy: RetryPolicy = defaultRetryPolicy) {
    this.#policy = policy;
  }

  /**
   * Does `work` until it succeeds or fails for good. Waits double and are spread at random, so that many clients
   * don't come back at the same time. `attempt` counts from 1.
   * @throws what `work` threw last; InterruptedError when the signal aborts
   */
  async run<T>(work: (attempt: number) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { attempts, firstDelayMs, longestDelayMs } = this.#policy;
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted) throw new InterruptedError();
      try {
        const result = await work(attempt);
        this.#reached = true;
        return result;
      } catch (error) {
        if (signal?.aborted) throw new InterruptedError();
        const failure = failureOf(error);
        if (failure.status !== undefined) this.#reached = true;
        if (
          !isTransient(failure) ||
          attempt >= (this.#reached ? attempts : Math.min(attempts, attemptsAtFirst))
        )
          throw error;
      }
      const wait = Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
      await delay(wait, undefined, { signal }).catch(() => {
        throw new InterruptedError();
      });
    }
  }
}
