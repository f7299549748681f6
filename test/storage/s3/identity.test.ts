import { createHash, createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Minio } from './minio.ts';
import { openStorage, startMinio, temporaryFolder } from './support.ts';

/*
 * Keys that the SDK gets from elsewhere: web identity from MinIO's own token service, for tokens of a small OpenID
 * provider; processes; single sign-on, as far as it goes without AWS.
 */
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const clientId = 'lakebook';
const folder = temporaryFolder();
let issuer: string;
let provider: Server;
let minio: Minio;
let bucket: string;

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token as a platform puts it into a file of the container. */
function webToken(more: object = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, aud: clientId, sub: 'pod', iat: now, exp: now + 3600, ...more };
  const signed = `${encoded({ alg: 'RS256', kid: '1', typ: 'JWT' })}.${encoded(claims)}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`;
}

beforeAll(async () => {
  provider = createServer((request, response) => {
    const documents: Record<string, object> = {
      '/.well-known/openid-configuration': {
        issuer,
        jwks_uri: `${issuer}/keys`,
        authorization_endpoint: `${issuer}/none`,
        token_endpoint: `${issuer}/none`,
        userinfo_endpoint: `${issuer}/none`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      },
      '/keys': { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: '1', alg: 'RS256', use: 'sig' }] },
    };
    const document = documents[request.url ?? ''];
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document ?? {}));
  }).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  minio = await startMinio({
    environment: {
      MINIO_IDENTITY_OPENID_CONFIG_URL: `${issuer}/.well-known/openid-configuration`,
      MINIO_IDENTITY_OPENID_CLIENT_ID: clientId,
      MINIO_IDENTITY_OPENID_CLIENT_SECRET: 'none',
      MINIO_IDENTITY_OPENID_ROLE_POLICY: 'readwrite',
    },
  });
  bucket = await minio.bucket();
});
afterAll(() => provider.close());
beforeEach(() => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE']) {
    vi.stubEnv(name, undefined);
  }
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', path.join(folder, 'none'));
  vi.stubEnv('AWS_CONFIG_FILE', path.join(folder, 'none'));
  vi.stubEnv('HOME', folder);
});
afterEach(() => vi.unstubAllEnvs());

/** MinIO's name for the role: a hash of the client's id. */
const role = () => `arn:minio:iam:::role/${createHash('sha1').update(clientId).digest('base64url')}`;

async function roundTrip(storage: ReturnType<typeof openStorage>): Promise<string> {
  const location = `s3://${bucket}/${randomUUID()}`;
  await storage.create(location, new Uint8Array(Buffer.from('x')));
  return Buffer.from(await storage.read(location)).toString();
}

describe('web identity', () => {
  const webIdentity = (token: string) => {
    const file = path.join(folder, `token-${randomUUID()}`);
    writeFileSync(file, token);
    vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', file);
    vi.stubEnv('AWS_ROLE_ARN', role());
    vi.stubEnv('AWS_ROLE_SESSION_NAME', 'lakebook');
    vi.stubEnv('AWS_ENDPOINT_URL_STS', minio.endpoint);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    return openStorage({ endpoint: minio.endpoint });
  };

  test('a token in a file becomes keys of a session, with which files are written and read', async () => {
    expect(await roundTrip(webIdentity(webToken()))).toBe('x');
  });

  test('a token that has expired is told, without the token', async () => {
    const token = webToken({ exp: Math.floor(Date.now() / 1000) - 10 });
    const error = await webIdentity(token)
      .read(`s3://${bucket}/x`)
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: 'S3_CREDENTIALS_EXPIRED',
      hint: expect.stringContaining('AWS_WEB_IDENTITY_TOKEN_FILE'),
    });
    const { inspect } = await import('node:util');
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(token.split('.')[2]!);
  });
});

test('a process of a profile gives the keys', async () => {
  const file = path.join(folder, 'process-config');
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = minio.credentials;
  const answer = { Version: 1, AccessKeyId: AWS_ACCESS_KEY_ID, SecretAccessKey: AWS_SECRET_ACCESS_KEY };
  writeFileSync(path.join(folder, 'keys.json'), JSON.stringify(answer));
  writeFileSync(file, `[profile vault]\ncredential_process = cat ${path.join(folder, 'keys.json')}\n`);
  vi.stubEnv('AWS_CONFIG_FILE', file);
  expect(await roundTrip(openStorage({ endpoint: minio.endpoint, profile: 'vault' }))).toBe('x');
});

test('single sign-on finds the profile, and says to sign in', async () => {
  const file = path.join(folder, 'sso-config');
  writeFileSync(
    file,
    `[profile work]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Reader
region = eu-central-1

[sso-session corp]
sso_start_url = https://corp.example.com/start
sso_region = eu-central-1
sso_registration_scopes = sso:account:access
`,
  );
  vi.stubEnv('AWS_CONFIG_FILE', file);
  await expect(
    openStorage({ endpoint: minio.endpoint, profile: 'work' }).read(`s3://${bucket}/x`),
  ).rejects.toMatchObject({
    code: 'S3_CREDENTIALS_EXPIRED',
    message: expect.stringContaining('nobody is signed in'),
    hint: expect.stringContaining('aws sso login --profile work'),
  });
});
