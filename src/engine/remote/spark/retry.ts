import { setTimeout } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { RpcError } from './rpc.ts';

export interface RetryPolicy {
  /** How often a call is tried again when a server that has answered before can't be reached. */
  readonly attempts: number;
  /** The same for the first call to a server: more likely than broken it isn't there. */
  readonly firstAttempts: number;
  /** The pause before the first further attempt in milliseconds; each later one is twice as long. */
  readonly initialMs: number;
  readonly maximumMs: number;
}

/** About a minute for a server that was there, and less than two seconds for one that never was. */
export const defaultRetryPolicy: RetryPolicy = {
  attempts: 12,
  firstAttempts: 3,
  initialMs: 100,
  maximumMs: 8000,
};

/** Whether the same request may succeed a moment later. */
export function isRetryable(error: unknown): error is RpcError {
  if (!(error instanceof RpcError)) return false;
  if (error.code === status.UNAVAILABLE || error.retryDelayMs !== undefined) return true;
  // Another stream took over this execution: on the server our own broken one still counted as there.
  return error.code === status.INTERNAL && error.errorClass === 'INVALID_CURSOR.DISCONNECTED';
}

/** Counts the attempts of one piece of work. */
export class Backoff {
  readonly #policy: RetryPolicy;
  readonly #limit: number;
  #failures = 0;

  constructor(policy: RetryPolicy, isKnownServer: boolean) {
    this.#policy = policy;
    this.#limit = isKnownServer ? policy.attempts : policy.firstAttempts;
  }

  /** The work got on: what fails from now on fails for the first time. */
  reset(): void {
    this.#failures = 0;
  }

  /** Waits before the next attempt. @throws the error itself when there is none */
  async pause(error: unknown, signal?: AbortSignal): Promise<void> {
    if (!isRetryable(error) || this.#failures >= this.#limit) throw error;
    const { initialMs, maximumMs } = this.#policy;
    const own = Math.min(initialMs * 2 ** this.#failures, maximumMs);
    this.#failures += 1;
    // Clients that lost the same server don't come back at the same moment.
    const wait = Math.max(own * (0.75 + Math.random() / 2), Math.min(error.retryDelayMs ?? 0, 60_000));
    await setTimeout(wait, undefined, { signal });
  }
}
