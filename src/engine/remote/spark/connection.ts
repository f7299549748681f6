import { ValidationError } from '../../../iceberg/errors.ts';

/** What a Spark Connect connection string says. */
export interface SparkConnection {
  /** Host and port as gRPC wants them, an IPv6 address in brackets. */
  readonly address: string;
  readonly host: string;
  readonly tls: boolean;
  /** Sent as `authorization: Bearer ...`. */
  readonly token: string | undefined;
  /** Spark keeps sessions apart by user and session id; it doesn't check who it is. */
  readonly userId: string;
  /** Added to what the client calls itself in the server's log. */
  readonly userAgent: string | undefined;
  /** The session to join; absent: one of its own. */
  readonly sessionId: string | undefined;
  /** Every other parameter of the connection string goes with each request, for gateways in front of Spark. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export const defaultSparkPort = 15002;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** What HTTP/2 takes as a header's name; gRPC keeps `grpc-` for itself and `-bin` for bytes. */
const headerName = /^(?!grpc-)[0-9a-z_.-]+(?<!-bin)$/;

/**
 * Reads a connection string as Spark's own clients do: `sc://host:port/;key=value;key=value`, keys `use_ssl`,
 * `token`, `user_id`, `user_agent`, `session_id`, others are headers, values are percent-encoded. As with those, a
 * token asks for TLS, except on this machine, and `SPARK_CONNECT_AUTHENTICATE_TOKEN` is the token when there is none.
 * @throws ValidationError that never repeats the string, for it may hold a token
 */
export function parseSparkConnection(
  url: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): SparkConnection {
  if (!/^sc:\/\//i.test(url)) throw invalid('it must start with sc://');
  let parsed: URL;
  try {
    parsed = new URL(`http${url.slice(2)}`);
  } catch (cause) {
    throw invalid('host or port are not valid', cause);
  }
  if (parsed.hostname === '') throw invalid('the host is missing');
  if (parsed.username !== '' || parsed.password !== '') throw invalid('it has a user before the host');
  const [path, ...parameters] = parsed.pathname.split(';');
  if (path !== '' && path !== '/') throw invalid('it has a path before the parameters');
  if (parsed.search !== '' || parsed.hash !== '') {
    throw invalid('values of parameters that hold "?" or "#" must be percent-encoded');
  }

  const values = new Map<string, string>();
  for (const parameter of parameters) {
    if (parameter === '') continue;
    const at = parameter.indexOf('=');
    if (at <= 0) throw invalid('a parameter is not of the form key=value');
    try {
      values.set(parameter.slice(0, at), decodeURIComponent(parameter.slice(at + 1)));
    } catch (cause) {
      throw invalid(`the value of "${parameter.slice(0, at)}" is not percent-encoded`, cause);
    }
  }
  const take = (key: string): string | undefined => {
    const value = values.get(key);
    values.delete(key);
    return value === '' ? undefined : value;
  };

  const token = take('token') ?? (environment.SPARK_CONNECT_AUTHENTICATE_TOKEN || undefined);
  const useSsl = take('use_ssl')?.toLowerCase() === 'true';
  const sessionId = take('session_id');
  if (sessionId !== undefined && !uuid.test(sessionId)) throw invalid('session_id is no UUID');
  const userId =
    take('user_id') ?? (environment.SPARK_USER || environment.USER || environment.USERNAME || 'lakebook');
  const userAgent = take('user_agent');
  const headers = [...values].map(([key, value]) => {
    const name = key.toLowerCase();
    if (!headerName.test(name)) throw invalid(`"${key}" is no parameter and can't be a header`);
    if (!/^[\x20-\x7e]*$/.test(value))
      throw invalid(`the value of "${key}" has characters a header can't have`);
    return [name, value] as const;
  });
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  return {
    // A URL leaves out the port that http has by default.
    address: `${parsed.hostname}:${portOf(url, parsed)}`,
    host,
    tls: useSsl || (token !== undefined && !isLoopback(host)),
    token,
    userId,
    userAgent,
    sessionId,
    headers,
  };
}

/** Whether a host is this machine, where a token may travel without TLS. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);
}

function portOf(url: string, parsed: URL): number {
  if (parsed.port !== '') return Number(parsed.port);
  return /^sc:\/\/[^/;]*:0*80(?:[/;]|$)/i.test(url) ? 80 : defaultSparkPort;
}

function invalid(why: string, cause?: unknown): ValidationError {
  return new ValidationError(`The address of Spark can't be used: ${why}.`, {
    hint: 'Write it like sc://host:15002 or sc://host:443/;use_ssl=true;token=....',
    cause,
  });
}
