import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Minio, type MinioOptions } from './minio.ts';
import { openStorage, startMinio, temporaryFolder } from './support.ts';

const run = promisify(execFile);
const folder = temporaryFolder();
const ca = path.join(folder, 'ca.pem');
let minio: Minio;

async function openssl(...args: string[]): Promise<void> {
  await run('openssl', args, { cwd: folder }).catch((error: Error & { code?: unknown }) => {
    throw error.code === 'ENOENT' ? new Error('openssl is missing: install it with apt-get.') : error;
  });
}

/** A folder with a server's key and certificate, signed by the authority in `ca.pem`. */
async function certificate(name: string, subjects: string, days: number): Promise<MinioOptions> {
  const certificates = path.join(folder, name);
  mkdirSync(certificates);
  writeFileSync(path.join(certificates, 'ext'), `subjectAltName=${subjects}\n`);
  const key = path.join(certificates, 'private.key');
  const request = path.join(certificates, 'csr');
  await openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    key,
    '-subj',
    '/CN=minio',
    '-out',
    request,
  );
  const signed = [
    '-CA',
    ca,
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-extfile',
    path.join(certificates, 'ext'),
  ];
  const valid = ['-days', String(days), '-out', path.join(certificates, 'public.crt')];
  await openssl('x509', '-req', '-in', request, ...signed, ...valid);
  return { certificates };
}

beforeAll(async () => {
  await openssl(
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', ca],
    ...['-days', '2', '-subj', '/CN=Lakebook test authority', '-addext', 'keyUsage=critical,keyCertSign'],
  );
  minio = await startMinio(await certificate('good', 'IP:127.0.0.1,DNS:localhost', 2));
});
// Machines that test may have one.
beforeEach(() => {
  vi.stubEnv('AWS_CA_BUNDLE', undefined);
});
afterEach(() => vi.unstubAllEnvs());

const bytes = new Uint8Array(Buffer.from('over TLS'));
async function roundTrip(storage: ReturnType<typeof openStorage>): Promise<string> {
  const location = `s3://${await bucketOf()}/x`;
  await storage.create(location, bytes);
  return Buffer.from(await storage.read(location)).toString();
}

/** The test's own client trusts nobody special: the bucket is made by a storage's client. */
async function bucketOf(): Promise<string> {
  const { createClient } = await import('../../../src/storage/s3/client.ts');
  const { CreateBucketCommand } = await import('@aws-sdk/client-s3');
  const client = createClient({ endpoint: minio.endpoint, ca });
  const Bucket = `tls-${Math.floor(performance.now() * 1000)}`;
  await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
  return Bucket;
}

describe('a server whose certificate is of an authority of its own', () => {
  test('is trusted with storage.s3.ca, and with AWS_CA_BUNDLE', async () => {
    expect(await roundTrip(openStorage({ endpoint: minio.endpoint, ca }))).toBe('over TLS');
    vi.stubEnv('AWS_CA_BUNDLE', ca);
    expect(await roundTrip(openStorage({ endpoint: minio.endpoint }))).toBe('over TLS');
  });

  test('is trusted with NODE_EXTRA_CA_CERTS, by the command line', async () => {
    const lake = temporaryFolder();
    const config = {
      warehouse: `s3://${await bucketOf()}/lake`,
      storage: { s3: { endpoint: minio.endpoint }, cache: { folder: 'cache' } },
    };
    writeFileSync(path.join(lake, 'lakebook.json'), JSON.stringify(config));
    const main = path.resolve(import.meta.dirname, '../../../src/cli/main.ts');
    const sql = 'CREATE TABLE t AS SELECT 42 AS answer; SELECT answer FROM t';
    const call = (more: Record<string, string>) =>
      run(process.execPath, ['--no-warnings', main, 'sql', sql, '--format', 'csv'], {
        cwd: lake,
        env: { ...process.env, ...more },
      });
    await expect(call({})).rejects.toMatchObject({
      stderr: expect.stringMatching(/isn't trusted[\s\S]*storage\.s3\.ca/),
    });
    expect((await call({ NODE_EXTRA_CA_CERTS: ca })).stdout).toContain('42');
  });

  test('is not trusted otherwise, which is told with what to do, and not tried again', async () => {
    await expect(openStorage({ endpoint: minio.endpoint }).read('s3://b/x')).rejects.toMatchObject({
      code: 'S3_TLS',
      message: expect.stringContaining("isn't trusted"),
      hint: expect.stringContaining('storage.s3.ca'),
    });
  });
});

test('a certificate for another host is told', async () => {
  const other = await Minio.start(await certificate('other', 'DNS:minio.example.com', 2));
  try {
    await expect(openStorage({ endpoint: other.endpoint, ca }).read('s3://b/x')).rejects.toMatchObject({
      code: 'S3_TLS',
      message: expect.stringContaining('another host name'),
    });
  } finally {
    await other.stop();
  }
});

test.each([
  ['is not there', () => path.join(folder, 'none.pem')],
  [
    'holds no certificate',
    () => {
      const file = path.join(folder, 'text.pem');
      writeFileSync(file, readFileSync(path.join(folder, 'ca.key')));
      return file;
    },
  ],
])('a file of certificates that %s is told, with the setting', async (_, file) => {
  await expect(openStorage({ endpoint: minio.endpoint, ca: file() }).read('s3://b/x')).rejects.toMatchObject({
    code: 'S3_TLS',
    hint: expect.stringContaining('storage.s3.ca'),
  });
});
