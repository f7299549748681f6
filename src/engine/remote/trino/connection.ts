import { setTimeout as sleep } from 'node:timers/promises';
import { InterruptedError, LakebookError } from '../../../iceberg/errors.ts';

/** How a coordinator is reached. */
export interface TrinoAddress {
  /** `http://host:8080` or `https://host`. */
  readonly uri: string;
  readonly user: string;
  /** Sent over https, or to this machine, only. */
  readonly password?: string;
  /** A JSON web token or an OAuth 2 access token, in place of a password. */
  readonly token?: string;
}

export interface TrinoRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Segments may be on another server, which must not see who asks. */
  readonly anonymous?: boolean;
}

export interface TrinoResponse {
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

/** The protocol says of these: ask again. */
const passing = new Set([502, 503, 504]);
/** Waits between tries: 50 ms and twice as long each time, up to 4 s; 20 s in all. */
const retryWaitsMs = [50, 100, 200, 400, 800, 1600, 3200, 4000, 4000, 4000];

/** Requests to a coordinator: who asks, what is tried again, and what its refusals mean. */
export class TrinoConnection {
  readonly address: TrinoAddress;
  readonly #origin: string;
  readonly #authorization: string | undefined;
  /** On one machine compressing costs more than it saves. */
  readonly #isLocal: boolean;

  /** @throws LakebookError when a password would go over the network in the clear */
  constructor(address: TrinoAddress) {
    this.address = address;
    const { protocol, hostname, origin } = new URL(address.uri);
    this.#origin = origin;
    this.#isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
    this.#authorization = authorizationOf(address);
    if (this.#authorization !== undefined && protocol !== 'https:' && !this.#isLocal) {
      throw new LakebookError(
        'ENGINE_INSECURE',
        `${address.uri}: the password would be sent without encryption.`,
        {
          hint: 'Use the https address of the coordinator, or unset LAKEBOOK_TRINO_PASSWORD and LAKEBOOK_TRINO_TOKEN.',
        },
      );
    }
  }

  /** The address of a path of the coordinator. */
  url(path: string): string {
    return `${this.address.uri.replace(/\/+$/, '')}${path}`;
  }

  /**
   * Sends a request, again while the server is busy or, where that does no harm, when the connection broke.
   * @throws InterruptedError when the signal aborts; LakebookError `ENGINE_UNREACHABLE`, `ENGINE_UNAUTHORIZED`,
   * `ENGINE_RESPONSE`
   */
  async send(request: TrinoRequest): Promise<TrinoResponse> {
    const { signal } = request;
    const headers = this.#headers(request);
    for (let attempt = 0; ; attempt++) {
      if (signal?.aborted) throw new InterruptedError();
      const wait = retryWaitsMs[attempt];
      let response: Response;
      let bytes: Uint8Array;
      try {
        response = await fetch(request.url, {
          method: request.method,
          headers,
          ...(request.body === undefined ? {} : { body: request.body }),
          ...(signal === undefined ? {} : { signal }),
        });
        bytes = new Uint8Array(await response.arrayBuffer());
      } catch (error) {
        if (signal?.aborted) throw new InterruptedError();
        // An answer may be asked for any number of times; a statement that was sent may run already.
        if (request.method === 'GET' && wait !== undefined) {
          await pause(wait, signal);
          continue;
        }
        throw this.#unreachable(error);
      }
      if (response.ok) return { headers: response.headers, bytes };
      if ((passing.has(response.status) || response.status === 429) && wait !== undefined) {
        await pause(retryAfter(response.headers) ?? wait, signal);
        continue;
      }
      throw this.#refused(response.status, bytes);
    }
  }

  #headers(request: TrinoRequest): Record<string, string> {
    const headers: Record<string, string> = { 'User-Agent': 'lakebook', ...request.headers };
    if (this.#isLocal) headers['Accept-Encoding'] = 'identity';
    if (this.#authorization === undefined || request.anonymous) return headers;
    // Answers name the next address; a proxy that doesn't forward names it wrongly, and anybody may listen there.
    if (new URL(request.url).origin !== this.#origin) {
      throw new LakebookError(
        'ENGINE_INSECURE',
        `${this.address.uri} answers that its next answer is at ${new URL(request.url).origin}, which gets no password.`,
        { hint: 'Set http-server.process-forwarded=true on the coordinator, or the address that it tells.' },
      );
    }
    return { ...headers, Authorization: this.#authorization };
  }

  #unreachable(error: unknown): LakebookError {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause;
    const reason = cause?.code ?? cause?.message ?? (error as Error).message;
    return new LakebookError(
      'ENGINE_UNREACHABLE',
      `Trino at ${this.address.uri} can't be reached: ${reason}.`,
      {
        hint: 'Start it (`docker compose --profile trino up`), or set engines.trino.uri or LAKEBOOK_TRINO_URI to its address.',
        cause: error,
      },
    );
  }

  #refused(status: number, bytes: Uint8Array): LakebookError {
    const text = Buffer.from(bytes).toString('utf8').trim();
    const said = text === '' || text.startsWith('<') ? '' : `: ${text.slice(0, 500)}`;
    if (status === 401) {
      return new LakebookError(
        'ENGINE_UNAUTHORIZED',
        `Trino at ${this.address.uri} wants to know who asks${said}.`,
        {
          hint: 'Set LAKEBOOK_TRINO_PASSWORD, or LAKEBOOK_TRINO_TOKEN, in the environment, and engines.trino.user to the name that belongs to it.',
        },
      );
    }
    if (status === 403) {
      return new LakebookError(
        'ENGINE_UNAUTHORIZED',
        `Trino at ${this.address.uri} refuses ${this.address.user}${said}.`,
        {
          hint: 'Set engines.trino.user, or LAKEBOOK_TRINO_USER, to a user with access.',
        },
      );
    }
    return new LakebookError(
      'ENGINE_RESPONSE',
      `Trino at ${this.address.uri} answered with status ${status}${said}.`,
      {
        hint: passing.has(status)
          ? 'It is busy or starting: run it again in a moment.'
          : 'Check that the address is that of a Trino coordinator.',
      },
    );
  }
}

function authorizationOf({ user, password, token }: TrinoAddress): string | undefined {
  if (token !== undefined) return `Bearer ${token}`;
  if (password === undefined) return undefined;
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function retryAfter(headers: Headers): number | undefined {
  const seconds = Number(headers.get('Retry-After') ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 30) * 1000 : undefined;
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    throw new InterruptedError();
  }
}
