import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { Minio } from './minio.ts';

/** One MinIO for all files of the suite; the tests' processes find it in their environment. */
export async function setup(): Promise<() => Promise<void>> {
  return (await startLakeServer()).stop;
}

/** As `setup`, and answers the server. */
export async function startLakeServer(): Promise<{ minio: Minio; stop: () => Promise<void> }> {
  const minio = await Minio.start();
  const client = minio.client();
  await client.send(new CreateBucketCommand({ Bucket: 'lakes' }));
  client.destroy();
  const cache = mkdtempSync(path.join(tmpdir(), 'lakebook-cache-'));
  Object.assign(process.env, minio.credentials, {
    LAKEBOOK_S3_ENDPOINT: minio.endpoint,
    LAKEBOOK_CACHE_DIR: cache,
  });
  const stop = async () => {
    await minio.stop();
    rmSync(cache, { recursive: true, force: true });
  };
  return { minio, stop };
}
