import { asArray, asObject, asString } from '../../iceberg/json.ts';
import { joinLocation } from '../../storage/paths.ts';
import type { SignedRequest, UnsignedRequest } from '../../storage/s3-access.ts';
import type { TableIdentifier } from '../catalog.ts';
import { formatIdentifier } from '../identifiers.ts';
import type { Authenticator } from './auth.ts';
import type { RestServer } from './connection.ts';
import { explained } from './errors.ts';
import type { TableGrant } from './load-result.ts';

/** A signed read is used again for this long, where the server allows it by `Cache-Control: private`. In milliseconds. */
const reuseMs = 30_000;
const mostReused = 100;

/**
 * Signs requests to S3 by asking the catalog (`RemoteSignRequest`): `POST .../tables/{table}/sign`, or where
 * `s3.signer.uri` and `s3.signer.endpoint` say.
 */
export function remoteSigner(
  server: RestServer,
  identifier: TableIdentifier,
  current: () => { readonly grant: TableGrant; readonly auth: Authenticator },
): (request: UnsignedRequest) => Promise<SignedRequest> {
  const reusable = new Map<string, { readonly signed: SignedRequest; readonly until: number }>();
  return async request => {
    const { method, url, headers, region, body } = request;
    const mayReuse = method === 'GET' || method === 'HEAD';
    const key = JSON.stringify([method, region, url, headers.range, headers['if-match']]);
    const kept = reusable.get(key);
    if (kept !== undefined && kept.until > Date.now()) return withOwnHeaders(kept.signed, headers);
    const { grant, auth } = current();
    const { json, headers: told } = await explained(
      { doing: `have a request for ${formatIdentifier(identifier)} signed by the catalog` },
      () =>
        server.call('POST', signerUrl(server, identifier, grant), {
          auth,
          headers: Object.fromEntries(
            Object.entries(grant.signing?.headers ?? {}).map(([name, values]) => [name, values.join(', ')]),
          ),
          body: {
            region,
            uri: url,
            method,
            headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
            properties: grant.signing?.properties ?? {},
            ...(body === undefined ? {} : { body }),
            provider: 's3',
          },
        }),
    );
    const answer = asObject(json, 'The signed request');
    const signed = { url: asString(answer.uri, 'uri'), headers: headersOf(answer.headers) };
    if (mayReuse && told.get('cache-control')?.toLowerCase() === 'private') {
      reusable.delete(key);
      reusable.set(key, { signed, until: Date.now() + reuseMs });
      for (const oldest of reusable.keys()) {
        if (reusable.size <= mostReused) break;
        reusable.delete(oldest);
      }
    }
    return withOwnHeaders(signed, headers);
  };
}

function signerUrl(server: RestServer, identifier: TableIdentifier, { config }: TableGrant): string {
  const told = (name: string) =>
    config[`s3.${name}`] ?? config[name] ?? server.settings.text(`s3.${name}`) ?? server.settings.text(name);
  const endpoint = told('signer.endpoint');
  const base = told('signer.uri');
  if (endpoint === undefined && base === undefined) return `${server.paths.table(identifier)}/sign`;
  // The path that the first servers with signing had.
  const path = endpoint ?? 'v1/aws/s3/sign';
  return /^https?:\/\//i.test(path) ? path : joinLocation(base ?? server.base, path);
}

function headersOf(json: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(asObject(json, 'headers')).map(([name, values]) => [
      name.toLowerCase(),
      asArray(values, `headers: ${name}`).map(String).join(','),
    ]),
  );
}

/** What the signer added is added; what the request has itself stays. */
function withOwnHeaders(signed: SignedRequest, own: Readonly<Record<string, string>>): SignedRequest {
  const { 'cache-control': _, ...headers } = signed.headers;
  const ownNames = new Set(Object.keys(own).map(name => name.toLowerCase()));
  const added = Object.fromEntries(
    Object.entries(headers).filter(([name]) => name === 'authorization' || !ownNames.has(name)),
  );
  return { url: signed.url, headers: { ...own, ...added } };
}
