import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A request signed for S3 or the token service, as a catalog that signs for its clients does it. */
export async function sign(
  keys: Keys,
  service: 's3' | 'sts',
  request: { method: string; url: string; headers: Record<string, string>; body?: string },
): Promise<Record<string, string>> {
  const url = new URL(request.url);
  const signer = new SignatureV4({
    service,
    region: 'us-east-1',
    credentials: keys,
    sha256: Sha256,
    uriEscapePath: service !== 's3',
  });
  const unsigned = service === 's3' ? { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } : {};
  const signed = await signer.sign({
    method: request.method,
    protocol: url.protocol,
    hostname: url.hostname,
    port: Number(url.port),
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { ...request.headers, ...unsigned, host: url.host },
    body: request.body ?? '',
  } as Parameters<typeof signer.sign>[0]);
  return signed.headers as Record<string, string>;
}

/** Temporary keys of MinIO that are good for what lies below an address only. */
export async function temporaryKeys(
  endpoint: string,
  keys: Keys,
  folder: string,
): Promise<Keys & { expiresAt: number }> {
  const [, bucket, prefix] = /^s3:\/\/([^/]+)\/(.*)$/.exec(folder)!;
  const policy = {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['s3:*'], Resource: [`arn:aws:s3:::${bucket}/${prefix}/*`] },
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: [`arn:aws:s3:::${bucket}`],
        Condition: { StringLike: { 's3:prefix': [`${prefix}/*`] } },
      },
    ],
  };
  const body = new URLSearchParams({
    Action: 'AssumeRole',
    Version: '2011-06-15',
    DurationSeconds: '900',
    Policy: JSON.stringify(policy),
  }).toString();
  const { host: _, ...headers } = await sign(keys, 'sts', {
    method: 'POST',
    url: `${endpoint}/`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
  });
  const response = await fetch(`${endpoint}/`, { method: 'POST', headers, body });
  const xml = await response.text();
  const field = (name: string) => new RegExp(`<${name}>(.*?)</${name}>`).exec(xml)?.[1] ?? '';
  if (!response.ok) throw new Error(`no temporary keys: ${xml}`);
  return {
    accessKeyId: field('AccessKeyId'),
    secretAccessKey: field('SecretAccessKey'),
    sessionToken: field('SessionToken'),
    expiresAt: Date.parse(field('Expiration')),
  };
}

class Sha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

  constructor(secret?: unknown) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array);
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
}
