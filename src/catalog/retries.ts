import { setTimeout as delay } from 'node:timers/promises';
import { InterruptedError } from '../iceberg/errors.ts';
import { integerProperty, propertyDefaults, propertyNames } from '../iceberg/properties.ts';

/**
 * How long a change of a table that sets no number of retries is tried again at least: what is refused is work that the
 * next try would have done.
 */
const patienceMs = 60_000;

/**
 * How often and how long a change that other writers were faster than is tried again: as the table's `commit.retry.*`
 * properties say. Waits double and are spread at random.
 */
export class Retries {
  readonly #retries: number;
  readonly #patienceMs: number;
  readonly #totalMs: number;
  readonly #shortestWaitMs: number;
  readonly #longestWaitMs: number;
  readonly #start = performance.now();
  #tries = 1;

  /** @throws ValidationError for properties that are no numbers */
  constructor(properties: Readonly<Record<string, string>>) {
    const setting = (name: keyof typeof propertyDefaults) =>
      integerProperty(properties, name, propertyDefaults[name] as number);
    this.#retries = setting(propertyNames.commitNumRetries);
    this.#patienceMs = properties[propertyNames.commitNumRetries] === undefined ? patienceMs : 0;
    this.#totalMs = setting(propertyNames.commitTotalRetryTimeMs);
    this.#shortestWaitMs = setting(propertyNames.commitMinRetryWaitMs);
    this.#longestWaitMs = Math.max(setting(propertyNames.commitMaxRetryWaitMs), this.#shortestWaitMs);
  }

  /** How often it was tried so far. */
  get tries(): number {
    return this.#tries;
  }

  /** How often and how long it was tried, for people. */
  get told(): string {
    const seconds = Math.round((performance.now() - this.#start) / 1000);
    const often = this.#tries === 1 ? 'once' : `${this.#tries} times`;
    return seconds < 2 ? often : `${often} in ${seconds} s`;
  }

  /**
   * Waits before the next try. Answers false when there is to be none.
   * @throws InterruptedError when `signal` aborts
   */
  async next(signal?: AbortSignal): Promise<boolean> {
    const elapsedMs = performance.now() - this.#start;
    if (elapsedMs > this.#totalMs) return false;
    if (this.#tries > this.#retries && elapsedMs >= this.#patienceMs) return false;
    const doubled = this.#shortestWaitMs * 2 ** Math.min(this.#tries - 1, 30);
    const wait = Math.min(this.#longestWaitMs, doubled) * (0.5 + Math.random() / 2);
    try {
      await delay(wait, undefined, { signal });
    } catch {
      throw new InterruptedError();
    }
    this.#tries++;
    return true;
  }
}
