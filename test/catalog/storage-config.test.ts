import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadLakeConfig } from '../../src/catalog/lake-config.ts';
import { LakebookError } from '../../src/iceberg/errors.ts';
import { temporaryFolder } from '../storage/support.ts';

function folderWith(storage: unknown, warehouse = 's3://bucket/dir'): string {
  const folder = temporaryFolder('lakebook-config-');
  writeFileSync(path.join(folder, 'lakebook.json'), JSON.stringify({ warehouse, storage }, undefined, 1));
  return folder;
}

async function failure(storage: unknown, environment = {}): Promise<LakebookError> {
  try {
    await loadLakeConfig(folderWith(storage), environment);
  } catch (error) {
    if (error instanceof LakebookError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

const s3 = {
  endpoint: 'http://localhost:9000/',
  region: 'eu-1',
  pathStyle: false,
  profile: 'p',
  anonymous: true,
};

describe('storage in lakebook.json', () => {
  test('is read, with sizes in words and paths from the folder of the file', async () => {
    const folder = folderWith({ s3, cache: { folder: 'c', bytes: '1.5 GB' } });
    expect((await loadLakeConfig(folder, {})).storage).toEqual({
      s3: { ...s3, endpoint: 'http://localhost:9000' },
      cache: { folder: path.join(folder, 'c'), bytes: 1_500_000_000 },
    });
  });

  test('is overridden by the environment', async () => {
    const folder = folderWith({ s3, cache: { bytes: 5 } });
    const environment = {
      LAKEBOOK_S3_ENDPOINT: 'https://minio.local',
      LAKEBOOK_S3_REGION: 'x',
      LAKEBOOK_S3_PATH_STYLE: 'true',
      LAKEBOOK_S3_PROFILE: 'q',
      LAKEBOOK_S3_ANONYMOUS: 'false',
      LAKEBOOK_S3_CA: 'certs/ca.pem',
      LAKEBOOK_CACHE_DIR: '/cache',
      LAKEBOOK_CACHE_BYTES: '2MiB',
    };
    expect((await loadLakeConfig(folder, environment)).storage).toEqual({
      s3: {
        endpoint: 'https://minio.local',
        region: 'x',
        pathStyle: true,
        profile: 'q',
        anonymous: false,
        ca: path.join(folder, 'certs/ca.pem'),
      },
      cache: { folder: '/cache', bytes: 2 * 1024 ** 2 },
    });
  });

  test.each([
    'accessKeyId',
    'secretAccessKey',
    'access_key',
    'secret_key',
    'sessionToken',
    'password',
    'credentials',
  ])('the secret %s is refused, with its place and not with its value', async key => {
    const error = await failure({ s3: { [key]: 'TOPSECRET' } });
    expect(error).toMatchObject({ code: 'INVALID', position: { line: 5 } });
    expect(error.hint).toContain('AWS_ACCESS_KEY_ID');
    expect(error.message).toContain(key);
    expect(`${error.message} ${error.hint}`).not.toContain('TOPSECRET');
  });

  test.each([
    [{ s3: { endpoint: 'localhost:9000' } }, 'storage.s3.endpoint: "localhost:9000" is no http address'],
    [{ s3: { endpoint: 'http://me:TOPSECRET@localhost' } }, 'holds a user'],
    [{ s3: { pathStyle: 'maybe' } }, 'storage.s3.pathStyle must be true or false'],
    [{ s3: { region: '' } }, 'storage.s3.region must be a text'],
    [{ s3: { region: null } }, '"storage.s3.region" must be a single value'],
    [{ s3: { endpint: 'x' } }, '"storage.s3" has no setting "endpint"'],
    [{ gcs: {} }, '"storage" has no setting "gcs"'],
    [{ cache: { bytes: 'much' } }, '"much" is no size'],
    [{ cache: { bytes: '5 parsecs' } }, '"5 parsecs" is no size'],
    ['x', '"storage" must be a JSON object'],
  ])('%j is refused with its place', async (storage, message) => {
    const error = await failure(storage);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('TOPSECRET');
    expect(error.position?.line).toBeGreaterThan(1);
  });

  test('a fault in the environment names the variable', async () => {
    const error = await failure({}, { LAKEBOOK_CACHE_BYTES: 'x' });
    expect(error.message).toContain('LAKEBOOK_CACHE_BYTES');
  });
});

test.each([
  ['s3://b', 's3://b'],
  ['s3a://b/x/', 's3://b/x'],
  ['s3n://b/x y', 's3://b/x y'],
])('the warehouse %s is written as %s', async (warehouse, expected) => {
  expect((await loadLakeConfig(folderWith({}, warehouse), {})).warehouse).toBe(expected);
});
