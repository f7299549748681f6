import { CreateBucketCommand, HeadBucketCommand } from '@aws-sdk/client-s3';
import type { S3Settings } from '../settings.ts';
import { Clients } from './clients.ts';
import { failureOf, isMissing } from './errors.ts';
import { S3Requests } from './requests.ts';
import { Retries } from './retry.ts';

/**
 * Makes a bucket when it isn't there, which also shows that the server answers and the keys are right.
 * @returns whether it was made now
 * @throws LakebookError saying what is wrong
 */
export async function ensureBucket(settings: S3Settings, bucket: string): Promise<boolean> {
  const requests = new S3Requests(new Clients(settings), new Retries());
  const location = `s3://${bucket}`;
  try {
    const isThere = await requests.run('look for', location, async client => {
      try {
        await client.send(new HeadBucketCommand({ Bucket: bucket }));
        return true;
      } catch (error) {
        const failure = failureOf(error);
        // The wrong keys get no reason for HEAD; making the bucket tells it.
        if (isMissing(failure) || failure.code === 'NoSuchBucket' || failure.status === 403) return false;
        throw error;
      }
    });
    if (isThere) return false;
    return await requests.run('make', location, async client => {
      try {
        await client.send(new CreateBucketCommand({ Bucket: bucket }));
        return true;
      } catch (error) {
        // Someone else was faster, or an earlier try went through.
        if (failureOf(error).code === 'BucketAlreadyOwnedByYou') return false;
        throw error;
      }
    });
  } finally {
    requests.clients.destroy();
  }
}
