import type { S3Access, UnsignedRequest } from '../s3-access.ts';

/** A request in the SDK's form. */
interface SdkRequest {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | (string | null)[] | null>;
  headers: Record<string, string>;
  body?: unknown;
}

/** Headers that no signature has to cover, and that differ each time. */
const unsigned =
  /^(user-agent|x-amz-user-agent|amz-sdk-.*|connection|accept-encoding|expect|transfer-encoding)$/i;

/** The SDK's signer for requests that someone else signs. */
export function outsideSigner(sign: NonNullable<S3Access['sign']>, region: string) {
  return {
    sign: async <T>(sdkRequest: T): Promise<T> => {
      const request = sdkRequest as SdkRequest;
      request.headers.host ??= request.hostname + (request.port === undefined ? '' : `:${request.port}`);
      const body = bodyOf(request);
      const signed = await sign({
        method: request.method,
        url: urlOf(request),
        region,
        headers: Object.fromEntries(
          Object.entries(request.headers)
            .filter(([name]) => !unsigned.test(name))
            .map(([name, value]) => [name.toLowerCase(), value]),
        ),
        ...(body === undefined ? {} : { body }),
      });
      take(request, signed.url, signed.headers);
      return sdkRequest;
    },
  };
}

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): UnsignedRequest['url'] {
  const parts = Object.entries(query).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).map(
      // S3 wants `?delete=`, and plus signs for no spaces.
      each => `${encodeURIComponent(key)}=${encodeURIComponent(each ?? '')}`,
    ),
  );
  const authority = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${authority}${path}${parts.length === 0 ? '' : `?${parts.join('&')}`}`;
}

/** A signer must see what a delete of several objects deletes; other bodies are data and stay here. */
function bodyOf({ method, query = {}, body }: SdkRequest): string | undefined {
  if (method !== 'POST' || !Object.hasOwn(query, 'delete')) return undefined;
  return typeof body === 'string' ? body : Buffer.from(body as Uint8Array).toString();
}

/** The signature may be in the headers or in the query. */
function take(request: SdkRequest, url: string, headers: Readonly<Record<string, string>>): void {
  const { protocol, hostname, port, pathname, searchParams } = new URL(url);
  request.protocol = protocol;
  request.hostname = hostname;
  if (port === '') delete request.port;
  else request.port = Number(port);
  request.path = pathname;
  request.query = Object.fromEntries(searchParams);
  const names = new Map(Object.keys(request.headers).map(name => [name.toLowerCase(), name]));
  for (const [name, value] of Object.entries(headers)) {
    request.headers[names.get(name.toLowerCase()) ?? name] = value;
  }
}
