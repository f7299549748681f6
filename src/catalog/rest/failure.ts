/** What is known of a request that failed, with secrets taken out. */
export interface Failure {
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;
  /** The server's name for the error (`NoSuchTableException`, `invalid_client`), or Node's (`ECONNREFUSED`). */
  readonly type?: string;
  readonly message: string;
  /** How long the server asks to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** The type of a failure where a success had a body that can't be read. */
export const notJson = 'NotJson';

/** A request that failed for good. */
export class RequestError extends Error {
  readonly failure: Failure;
  /** Whether this or an earlier try of the request may have taken effect all the same. */
  readonly mayHaveHappened: boolean;

  constructor(failure: Failure, mayHaveHappened: boolean) {
    super(failure.message);
    this.name = 'RequestError';
    this.failure = failure;
    this.mayHaveHappened = mayHaveHappened;
  }
}

/** Longest text of a server that is no JSON and is repeated in a message. */
const longestText = 300;

/** Reads the body of an answer that isn't a success: IcebergErrorResponse, an OAuth2 error, or whatever a proxy says. */
export function readFailure(status: number, headers: Headers, body: string): Failure {
  const retryAfterMs = retryAfter(headers.get('retry-after'));
  return { status, ...describe(body), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function describe(body: string): Pick<Failure, 'type' | 'message'> {
  const json = parse(body);
  const error = json?.error;
  if (typeof error === 'object' && error !== null) {
    const { message, type } = error as Record<string, unknown>;
    return { message: firstLines(text(message) ?? ''), ...optional('type', text(type)) };
  }
  if (typeof error === 'string') {
    return { type: error, message: firstLines(text(json!.error_description) ?? text(json!.message) ?? '') };
  }
  if (json !== undefined) {
    const type = text(json.__type) ?? text(json.type);
    return { message: text(json.message) ?? text(json.Message) ?? '', ...optional('type', type) };
  }
  const plain = body.replace(/<(script|style)\b.*?<\/\1>|<[^>]*>/gis, ' ').replace(/\s+/g, ' ');
  return { message: plain.trim().slice(0, longestText) };
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    // Not every proxy speaks JSON: its text is told as it is.
    return undefined;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: string };
}

/** Java servers put their stack trace behind the message. */
function firstLines(message: string): string {
  return message.replace(/\n\s*at [\s\S]*$/, '').trim();
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** A failed `fetch`: Node hides what happened in the cause, once for each address of a name. */
export function networkFailure(error: unknown): Failure {
  const chain: { code?: unknown; name?: unknown; message?: unknown; cause?: unknown; errors?: unknown }[] =
    [];
  for (let at: unknown = error; typeof at === 'object' && at !== null && chain.length < 8; ) {
    const link = at as (typeof chain)[number];
    chain.push(link);
    at = link.cause ?? (Array.isArray(link.errors) ? link.errors[0] : undefined);
  }
  const coded = chain.find(({ code }) => typeof code === 'string');
  const timeout = chain.find(({ name }) => name === 'TimeoutError');
  const last = coded ?? timeout ?? chain.at(-1);
  return {
    type:
      timeout !== undefined && coded?.code === undefined ? 'TimeoutError' : String(last?.code ?? last?.name),
    message: String(last?.message ?? error),
  };
}

/** The connection was never made, so the server knows nothing of the request. */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export function isTlsFailure({ type = '' }: Failure): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO|^EPROTO$|^ERR_SSL|^ERR_TLS/.test(type);
}

/** Whether the server may have done what it was asked although the request failed. */
export function mayHaveHappened(failure: Failure): boolean {
  const { status, type = '' } = failure;
  if (status === undefined) return !neverSent.has(type) && !isTlsFailure(failure);
  // 501 and 505 turn the request itself down.
  return status >= 500 && status !== 501 && status !== 505;
}

/** Whether the same request may well go through later. */
export function isTransient(failure: Failure): boolean {
  const { status } = failure;
  if (status === undefined) return !isTlsFailure(failure) && failure.type !== notJson;
  return status === 408 || status === 429 || mayHaveHappened(failure);
}
