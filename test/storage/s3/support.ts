import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { S3Storage, type S3StorageOptions } from '../../../src/storage/s3/storage.ts';
import type { CacheSettings, S3Settings } from '../../../src/storage/settings.ts';
import { Minio, type MinioOptions } from './minio.ts';

/** Waits short enough for tests, and tries enough for a restart of the server. */
export const quickRetries = { attempts: 12, firstDelayMs: 20, longestDelayMs: 500 };

/** A MinIO server that ends after the test file; its keys are in this process's environment. */
export async function startMinio(options: MinioOptions = {}): Promise<Minio> {
  const minio = await Minio.start(options);
  Object.assign(process.env, minio.credentials);
  afterAll(() => minio.stop());
  return minio;
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-s3-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A storage with a cache of its own, which closes after the test file. */
export function openStorage(
  s3: S3Settings,
  options: Omit<S3StorageOptions, 'cache'> & { readonly cache?: CacheSettings } = {},
): S3Storage {
  const { cache, ...others } = options;
  const storage = new S3Storage(
    { s3, cache: { folder: temporaryFolder(), bytes: 1e9, ...cache } },
    { retries: quickRetries, ...others },
  );
  afterAll(() => storage.close());
  return storage;
}
