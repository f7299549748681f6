import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseJson, stringifyJson } from '../../iceberg/json.ts';
import type { Authenticator, SignableRequest } from './auth.ts';
import {
  type Failure,
  isTransient,
  mayHaveHappened,
  networkFailure,
  notJson,
  RequestError,
  readFailure,
} from './failure.ts';
import type { Secrets } from './secrets.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'DELETE';

export interface HttpRequest {
  readonly method: Method;
  /** Absolute. */
  readonly url: string;
  /** Sent as JSON; integers keep all their digits. */
  readonly body?: unknown;
  /** Sent as `application/x-www-form-urlencoded`. */
  readonly form?: URLSearchParams;
  readonly headers?: Readonly<Record<string, string>>;
  /** Who the request is made for; absent: nobody in particular. */
  readonly auth?: Authenticator;
  /**
   * Whether doing it twice has the effect of doing it once: for GET and HEAD always, for others when the server knows
   * idempotency keys or the request is so by its nature.
   */
  readonly repeatable?: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined when there is no body. Integers beyond 2^53 are bigints. */
  readonly json: unknown;
}

/** How often and how long a request is tried again. */
export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** Longest wait after the first failure in milliseconds; it doubles with each. */
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 6, firstDelayMs: 200, longestDelayMs: 8000 };

/** A server that asks to wait longer than this is told to the user rather. In milliseconds. */
const longestRetryAfterMs = 60_000;

/** Tries against a server that has never answered: it's rather a wrong address than a restart. */
const attemptsAtFirst = 3;

export interface HttpOptions {
  readonly secrets: Secrets;
  readonly retries?: RetryPolicy;
  /** Longest wait for an answer, in milliseconds. */
  readonly timeoutMs?: number;
}

/** Sends requests with retries, authentication and errors that hold no secrets. */
export class Http {
  readonly #secrets: Secrets;
  readonly #retries: RetryPolicy;
  readonly #timeoutMs: number;
  #reached = false;

  constructor(options: HttpOptions) {
    this.#secrets = options.secrets;
    this.#retries = options.retries ?? defaultRetryPolicy;
    this.#timeoutMs = options.timeoutMs ?? 120_000;
  }

  /**
   * Answers any success and 304.
   * @throws RequestError for everything else, after as many tries as make sense
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const repeatable = request.repeatable ?? (request.method === 'GET' || request.method === 'HEAD');
    let happened = false;
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      const { answer, failure, usedToken } = await this.#once(request);
      if (answer !== undefined) return answer;
      happened ||= mayHaveHappened(failure);
      if (failure.status !== undefined) this.#reached = true;
      if ((failure.status === 401 || failure.status === 419) && request.auth !== undefined && !renewed) {
        renewed = true;
        if (await request.auth.renew(usedToken)) continue;
      }
      const wait = this.#waitBefore(failure, repeatable, attempt);
      if (wait === undefined) throw new RequestError(failure, happened);
      await delay(wait);
    }
  }

  /** Milliseconds until the next try; undefined when there is to be none. */
  #waitBefore(failure: Failure, repeatable: boolean, attempt: number): number | undefined {
    const { attempts, firstDelayMs, longestDelayMs } = this.#retries;
    if (!isTransient(failure)) return undefined;
    if (attempt >= (this.#reached ? attempts : Math.min(attempts, attemptsAtFirst))) return undefined;
    // Of these the server says that it did nothing.
    const turnedDown = failure.status === 429 || failure.status === 503;
    if (!repeatable && !turnedDown && mayHaveHappened(failure)) return undefined;
    const wait = Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
    const asked = failure.retryAfterMs ?? 0;
    return asked > longestRetryAfterMs ? undefined : Math.max(wait, asked);
  }

  async #once(
    request: HttpRequest,
  ): Promise<
    | { answer: HttpAnswer; failure?: undefined; usedToken?: undefined }
    | { answer?: undefined; failure: Failure; usedToken?: string }
  > {
    const signable = prepare(request);
    const usedToken = await request.auth?.sign(signable);
    let response: Response;
    let body: string;
    try {
      response = await fetch(signable.url, {
        method: signable.method,
        headers: signable.headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(this.#timeoutMs),
        ...(signable.body === undefined ? {} : { body: signable.body }),
      });
      body = await response.text();
    } catch (error) {
      return { failure: this.#redacted(networkFailure(error)) };
    }
    const { status, headers } = response;
    if (response.ok || status === 304) {
      try {
        return { answer: { status, headers, json: body === '' ? undefined : parseJson(body, 'answer') } };
      } catch (error) {
        const message = `the answer is no JSON: ${error instanceof Error ? error.message : String(error)}`;
        return { failure: { type: notJson, message: this.#secrets.redact(message) } };
      }
    }
    const failure =
      status >= 300 && status < 400
        ? { status, type: 'Redirect', message: headers.get('location') ?? '' }
        : readFailure(status, headers, body);
    return { failure: this.#redacted(failure), ...(usedToken === undefined ? {} : { usedToken }) };
  }

  #redacted(failure: Failure): Failure {
    return { ...failure, message: this.#secrets.redact(failure.message) };
  }
}

function prepare({ method, url, body, form, headers }: HttpRequest): SignableRequest {
  const request: SignableRequest = {
    method,
    url,
    headers: { accept: 'application/json', ...lowerCase(headers) },
  };
  if (body !== undefined) {
    request.headers['content-type'] = 'application/json';
    request.body = stringifyJson(body);
  } else if (form !== undefined) {
    request.headers['content-type'] = 'application/x-www-form-urlencoded';
    request.body = form.toString();
  }
  return request;
}

function lowerCase(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** A UUID of version 7 (RFC 9562), as the specification wants idempotency keys. */
export function newIdempotencyKey(nowMs = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
