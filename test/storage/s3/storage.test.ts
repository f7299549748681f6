import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { S3Storage } from '../../../src/storage/s3/storage.ts';
import type { Minio } from './minio.ts';
import { openStorage, startMinio } from './support.ts';

let minio: Minio;
let storage: S3Storage;
let bucket: string;
let root: string;
beforeAll(async () => {
  minio = await startMinio();
  storage = openStorage({ endpoint: minio.endpoint });
  bucket = await minio.bucket();
  root = `s3://${bucket}`;
});
afterEach(() => vi.unstubAllEnvs());

let names = 0;
const fresh = () => `${root}/t${names++}`;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const bytes = (value: string) => new Uint8Array(Buffer.from(value));
async function listed(folder: string): Promise<string[]> {
  const locations: string[] = [];
  for await (const { location } of storage.list(folder)) locations.push(location);
  return locations.sort();
}

describe('objects', () => {
  test('are made whole, read, measured and looked for; names are plain text', async () => {
    const location = `${fresh()}/a b/grün%20=ü+&?#/1.json`;
    await storage.create(location, bytes('hello'));
    expect(text(await storage.read(location))).toBe('hello');
    expect(await storage.size(location)).toBe(5);
    expect(await storage.exists(location)).toBe(true);
    expect(await listed(path.dirname(location))).toEqual([location]);
    await storage.delete(location);
    expect(await storage.exists(location)).toBe(false);
  });

  test('s3a and s3n mean the same objects', async () => {
    const location = fresh();
    await storage.create(location, bytes('x'));
    expect(text(await storage.read(location.replace('s3:', 's3a:')))).toBe('x');
    expect(text(await storage.read(location.replace('s3:', 's3n:')))).toBe('x');
    const asked = location.replace('s3:', 's3a:');
    await storage.create(`${asked}-2/f`, bytes('y'));
    expect(await listed(`${asked}-2`)).toEqual([`${asked}-2/f`]);
  });

  test('are read in ranges, cut off at the end', async () => {
    const location = fresh();
    await storage.create(location, bytes('0123456789'));
    expect(text(await storage.read(location, { start: 2, end: 5 }))).toBe('234');
    expect(text(await storage.read(location, { start: 8, end: 20 }))).toBe('89');
    expect(text(await storage.read(location, { start: 12, end: 20 }))).toBe('');
    expect(text(await storage.read(location, { start: 4, end: 4 }))).toBe('');
  });

  test('are never overwritten', async () => {
    const location = fresh();
    await storage.create(location, bytes('first'));
    await expect(storage.create(location, bytes('second'))).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(text(await storage.read(location))).toBe('first');
  });

  test('of many that create one at once exactly one wins, and its bytes are there', async () => {
    const location = fresh();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => storage.create(location, bytes(`writer ${i}`))),
    );
    const winners = outcomes.flatMap((outcome, i) => (outcome.status === 'fulfilled' ? [i] : []));
    expect(winners).toHaveLength(1);
    expect(text(await storage.read(location))).toBe(`writer ${winners[0]}`);
  });

  test('that are missing are told as such', async () => {
    const missing = { code: 'FILE_NOT_FOUND', message: expect.stringContaining(`${root}/none`) };
    await expect(storage.read(`${root}/none`)).rejects.toMatchObject(missing);
    await expect(storage.read(`${root}/none`, { start: 0, end: 1 })).rejects.toMatchObject(missing);
    await expect(storage.read(`${root}/none`, { start: 0, end: 0 })).rejects.toMatchObject(missing);
    await expect(storage.size(`${root}/none`)).rejects.toMatchObject(missing);
    await expect(storage.localPaths([{ location: `${root}/none`, fileSize: 9 }])).rejects.toMatchObject(
      missing,
    );
    await storage.delete(`${root}/none`);
  });

  test('lists many pages, below a folder only', async () => {
    const folder = fresh();
    const count = 1100;
    await Promise.all(
      Array.from({ length: count }, (_, i) => storage.create(`${folder}/${i % 7}/${i}`, bytes(`${i}`))),
    );
    await storage.create(`${folder}-beside/x`, bytes('x'));
    const client = minio.client();
    await client.send(
      new PutObjectCommand({ Bucket: bucket, Key: `${folder.slice(root.length + 1)}/marker/`, Body: '' }),
    );
    const found = await listed(`${folder}/`);
    expect(found).toEqual(Array.from({ length: count }, (_, i) => `${folder}/${i % 7}/${i}`).sort());
    await Promise.all(found.map(location => storage.delete(location)));
    expect(await listed(folder)).toEqual([]);
    expect(await listed(`${folder}-beside`)).toHaveLength(1);
  });
});

describe('staging', () => {
  test.each([0, 1, 5 * 1024 ** 2 - 1, 5 * 1024 ** 2, 12 * 1024 ** 2 + 17])(
    'a file of %i bytes is published whole, and never over another',
    async size => {
      const small = openStorage(
        { endpoint: minio.endpoint },
        { uploads: { partBytes: 5 * 1024 ** 2, parallelParts: 3 } },
      );
      const staging = await small.stage();
      const content = randomBytes(size);
      const file = path.join(staging.path, 'f');
      writeFileSync(file, content);
      const location = `${fresh()}/data/f.parquet`;
      await staging.publish(file, location);
      expect(Buffer.compare(await storage.read(location), content)).toBe(0);
      writeFileSync(`${file}2`, 'other');
      await expect(staging.publish(`${file}2`, location)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
      writeFileSync(`${file}3`, content);
      await expect(staging.publish(`${file}3`, location)).rejects.toMatchObject({ code: 'FILE_EXISTS' });
      expect(Buffer.compare(await storage.read(location), content)).toBe(0);
      await staging.discard();
      await staging.discard();
      const uploads = await minio.client().send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      expect(uploads.Uploads ?? []).toEqual([]);
    },
  );

  test('what was published is in the cache already', async () => {
    const staging = await storage.stage();
    const content = randomBytes(1_000_000);
    writeFileSync(path.join(staging.path, 'f'), content);
    const location = `${fresh()}/f.parquet`;
    await staging.publish(path.join(staging.path, 'f'), location);
    await staging.discard();
    const before = (await storage.cache()).fetchedBytes;
    const [local] = await storage.localPaths([{ location, fileSize: content.length }]);
    expect(Buffer.compare(readFileSync(local!), content)).toBe(0);
    expect((await storage.cache()).fetchedBytes).toBe(before);
  });

  test('an upload that fails leaves no parts behind', async () => {
    const small = openStorage(
      { endpoint: minio.endpoint },
      { uploads: { partBytes: 5 * 1024 ** 2, parallelParts: 3 } },
    );
    const other = await minio.bucket();
    const staging = await small.stage();
    await expect(staging.publish(path.join(staging.path, 'none'), `s3://${other}/f`)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
    // Proof that parts would be seen.
    await minio.client().send(new CreateMultipartUploadCommand({ Bucket: other, Key: 'x' }));
    const { Uploads } = await minio
      .client()
      .send(new ListMultipartUploadsCommand({ Bucket: other, Prefix: 'x' }));
    expect(Uploads).toHaveLength(1);
    expect(readdirSync(path.dirname(staging.path))).toHaveLength(1);
    await staging.discard();
    expect(readdirSync(path.dirname(staging.path))).toHaveLength(0);
  });
});

describe('what can be wrong is told', () => {
  const failure = async (work: Promise<unknown>) => {
    try {
      await work;
    } catch (error) {
      return error as { code: string; message: string; hint: string };
    }
    throw new Error('nothing failed');
  };

  test('a bucket that is not there', async () => {
    const create = await failure(storage.create('s3://no-such-bucket-here/x', bytes('x')));
    expect(create).toMatchObject({
      code: 'BUCKET_NOT_FOUND',
      message: expect.stringContaining('"no-such-bucket-here"'),
    });
    expect(await failure(storage.read('s3://no-such-bucket-here/x'))).toMatchObject({
      code: 'BUCKET_NOT_FOUND',
    });
    const list = async () => {
      for await (const entry of storage.list('s3://no-such-bucket-here/x')) return entry;
    };
    expect(await failure(list())).toMatchObject({ code: 'BUCKET_NOT_FOUND' });
  });

  test('wrong keys, in terms of what to set, without the keys', async () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'WRONGSECRET');
    const secret = await failure(openStorage({ endpoint: minio.endpoint }).read(`${root}/x`));
    expect(secret).toMatchObject({
      code: 'S3_WRONG_CREDENTIALS',
      hint: expect.stringContaining('AWS_SECRET_ACCESS_KEY'),
    });
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'WRONGKEYID');
    const key = await failure(openStorage({ endpoint: minio.endpoint }).read(`${root}/x`));
    expect(key).toMatchObject({ code: 'S3_WRONG_CREDENTIALS' });
    const { inspect } = await import('node:util');
    expect(inspect([secret, key], { depth: 20, showHidden: true })).not.toMatch(
      /WRONGSECRET|WRONGKEYID|AWS4-HMAC/,
    );
  });

  test('no keys at all', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
      vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/none');
    vi.stubEnv('AWS_CONFIG_FILE', '/none');
    const error = await failure(openStorage({ endpoint: minio.endpoint }).read(`${root}/x`));
    expect(error).toMatchObject({
      code: 'S3_NO_CREDENTIALS',
      hint: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
  });

  test('a server that is not there', async () => {
    const error = await failure(openStorage({ endpoint: 'http://127.0.0.1:1' }).read(`${root}/x`));
    expect(error).toMatchObject({
      code: 'S3_UNREACHABLE',
      hint: expect.stringContaining('storage.s3.endpoint'),
    });
    const unknown = await failure(openStorage({ endpoint: 'http://no-such-host.invalid' }).read(`${root}/x`));
    expect(unknown).toMatchObject({ code: 'S3_UNREACHABLE' });
  });

  test('TLS where there is none', async () => {
    const error = await failure(
      openStorage({ endpoint: minio.endpoint.replace('http', 'https') }).read(`${root}/x`),
    );
    expect(error).toMatchObject({ code: 'S3_TLS', hint: expect.stringContaining('http://') });
  });

  test('a name that S3 takes for no bucket, and a key that is too long', async () => {
    expect(await failure(storage.create('s3://X_/x', bytes('x')))).toMatchObject({
      code: expect.stringMatching(/INVALID|BUCKET_NOT_FOUND/),
    });
    expect(await failure(storage.create(`${root}/${'x'.repeat(1100)}`, bytes('x')))).toMatchObject({
      code: 'NAME_TOO_LONG',
    });
  });
});

describe('settings', () => {
  test('anonymous reads what everyone may read, and writes nothing', async () => {
    const open = await minio.bucket('public');
    await storage.create(`s3://${open}/x`, bytes('for all'));
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${open}/*` },
      ],
    });
    await minio.client().send(new PutBucketPolicyCommand({ Bucket: open, Policy }));
    const anonymous = openStorage({ endpoint: minio.endpoint, anonymous: true });
    expect(text(await anonymous.read(`s3://${open}/x`))).toBe('for all');
    await expect(anonymous.create(`s3://${open}/y`, bytes('y'))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  });

  test('a profile gives the keys', async () => {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = minio.credentials;
    const folder = (await storage.stage()).path;
    writeFileSync(
      path.join(folder, 'credentials'),
      `[mine]\naws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}\n`,
    );
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', path.join(folder, 'credentials'));
    const named = openStorage({ endpoint: minio.endpoint, profile: 'mine', region: 'us-east-1' });
    const location = fresh();
    await named.create(location, bytes('x'));
    expect(text(await named.read(location))).toBe('x');
  });
});
