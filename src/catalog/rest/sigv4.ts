import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { LakebookError } from '../../iceberg/errors.ts';
import type { Authenticator, SignableRequest } from './auth.ts';
import type { RestSettings } from './settings.ts';

/** Keys of AWS. */
interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

interface Signer {
  sign(request: object): Promise<{ headers: Record<string, string> }>;
}

/**
 * AWS Signature Version 4, for Glue, S3 Tables and gateways of AWS (`rest.sigv4-enabled`). The token of another kind of
 * authentication under it moves to the header `Original-Authorization`, as in Iceberg's Java library.
 */
export class SigV4 implements Authenticator {
  readonly #settings: RestSettings;
  readonly #delegate: Authenticator;
  #signer: Promise<Signer> | undefined;

  constructor(settings: RestSettings, delegate: Authenticator) {
    this.#settings = settings;
    this.#delegate = delegate;
  }

  async sign(request: SignableRequest): Promise<string | undefined> {
    const token = await this.#delegate.sign(request);
    const { authorization, ...headers } = request.headers;
    if (authorization !== undefined) headers['original-authorization'] = authorization;
    this.#signer ??= this.#open();
    const signer = await this.#signer;
    const url = new URL(request.url);
    const signed = await explained(() =>
      signer.sign({
        method: request.method,
        protocol: url.protocol,
        hostname: url.hostname,
        ...(url.port === '' ? {} : { port: Number(url.port) }),
        path: url.pathname,
        query: queryOf(url),
        headers: { ...headers, host: url.host },
        body: request.body ?? '',
      }),
    );
    const { host: _, ...all } = signed.headers;
    for (const name of Object.keys(request.headers)) delete request.headers[name];
    Object.assign(request.headers, all);
    return token;
  }

  /** Signs over another authentication. */
  over(delegate: Authenticator): SigV4 {
    return new SigV4(this.#settings, delegate);
  }

  renew(token: string | undefined): Promise<boolean> {
    return this.#delegate.renew(token);
  }

  /** The SDK's code is loaded only for those who need it. */
  async #open(): Promise<Signer> {
    const { SignatureV4, defaultProvider } = await import('./aws-signing.ts');
    const region = this.#region();
    const profile = this.#settings.text('client.profile-name');
    return new SignatureV4({
      service: this.#settings.text('rest.signing-name') ?? 'execute-api',
      region,
      credentials: this.#keys() ?? defaultProvider(profile === undefined ? {} : { profile }),
      sha256: Sha256,
    });
  }

  #region(): string {
    const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
    const named = ['rest.signing-region', 'client.region'].map(key => this.#settings.text(key)).find(Boolean);
    const region = named ?? (AWS_REGION || AWS_DEFAULT_REGION);
    if (region) return region;
    throw new LakebookError(
      'INVALID',
      'Requests to the catalog are to be signed, but the region is not set.',
      {
        hint: 'Set the property rest.signing-region, or AWS_REGION in the environment.',
      },
    );
  }

  #keys(): AwsKeys | undefined {
    for (const kind of ['rest', 'client']) {
      const accessKeyId = this.#settings.text(`${kind}.access-key-id`);
      const secretAccessKey = this.#settings.text(`${kind}.secret-access-key`);
      const sessionToken = this.#settings.text(`${kind}.session-token`);
      if (accessKeyId === undefined || secretAccessKey === undefined) continue;
      return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
    }
    return undefined;
  }
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new LakebookError(
      'CATALOG_UNAUTHORIZED',
      `A request to the catalog can't be signed: ${error instanceof Error ? error.message : String(error)}`,
      { hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the property client.profile-name.' },
    );
  }
}

function queryOf(url: URL): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  for (const key of new Set(url.searchParams.keys())) {
    const values = url.searchParams.getAll(key);
    query[key] = values.length === 1 ? values[0]! : values;
  }
  return query;
}

/** Node's SHA-256 in the form in which the signer wants it; with a secret it is the HMAC. */
class Sha256 {
  readonly #secret: string | ArrayBuffer | ArrayBufferView | undefined;
  #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret;
    this.#hash = this.#fresh();
  }

  update(data: Uint8Array | string): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#fresh();
  }

  #fresh(): Hash | Hmac {
    const secret = this.#secret;
    if (secret === undefined) return createHash('sha256');
    const key = typeof secret === 'string' || ArrayBuffer.isView(secret) ? secret : new Uint8Array(secret);
    return createHmac('sha256', key as string | NodeJS.ArrayBufferView);
  }
}
