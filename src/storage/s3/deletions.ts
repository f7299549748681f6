import { DeleteObjectCommand, DeleteObjectsCommand, type S3Client } from '@aws-sdk/client-s3';
import { LakebookError } from '../../iceberg/errors.ts';
import { parseS3Address } from './address.ts';
import { failureOf, fromS3Error, isConditionUnknown } from './errors.ts';
import type { S3Requests } from './requests.ts';

/** S3's limit for one request. */
const batchSize = 1000;

interface Waiting {
  readonly key: string;
  readonly location: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Deletes objects; those of one bucket and client that are asked for at the same time go in one request. */
export class Deletions {
  readonly #requests: S3Requests;
  readonly #waiting = new Map<string, Waiting[]>();
  /** Some servers know only single deletes. */
  #knowsBatches = true;

  constructor(requests: S3Requests) {
    this.#requests = requests;
  }

  /** An object that isn't there is no error. */
  async delete(location: string): Promise<void> {
    const { bucket, key } = parseS3Address(location);
    const { id } = await this.#requests.clients.for(location);
    const group = `${id} ${bucket}`;
    await new Promise<void>((resolve, reject) => {
      const waiting = this.#waiting.get(group) ?? [];
      this.#waiting.set(group, waiting);
      waiting.push({ key, location, resolve, reject });
      if (waiting.length === 1) setImmediate(() => void this.#flush(group, bucket));
    });
  }

  async #flush(group: string, bucket: string): Promise<void> {
    const waiting = this.#waiting.get(group) ?? [];
    this.#waiting.delete(group);
    for (let start = 0; start < waiting.length; start += batchSize) {
      await this.#batch(bucket, waiting.slice(start, start + batchSize));
    }
  }

  async #batch(bucket: string, batch: readonly Waiting[]): Promise<void> {
    if (batch.length === 1 || !this.#knowsBatches) {
      await Promise.all(batch.map(item => this.#single(bucket, item)));
      return;
    }
    const { location } = batch[0]!;
    try {
      const failed = await this.#requests.run('delete', location, client =>
        this.#send(client, bucket, batch),
      );
      for (const item of batch) {
        const failure = failed.get(item.key);
        if (failure === undefined) item.resolve();
        else item.reject(fromS3Error(failure, 'delete', item.location));
      }
    } catch (error) {
      if (!(error instanceof BatchesUnknown)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      this.#knowsBatches = false;
      await this.#batch(bucket, batch);
    }
  }

  async #send(client: S3Client, bucket: string, batch: readonly Waiting[]): Promise<Map<string, Error>> {
    try {
      const { Errors = [] } = await client.send(
        new DeleteObjectsCommand({
          Bucket: bucket,
          Delete: { Quiet: true, Objects: batch.map(({ key }) => ({ Key: key })) },
        }),
      );
      const failed = Errors.filter(({ Code }) => Code !== 'NoSuchKey');
      const transient = failed.find(({ Code }) => Code === 'InternalError' || Code === 'SlowDown');
      // Deleting again what is deleted does no harm.
      if (transient !== undefined) throw asError(transient);
      return new Map(failed.map(item => [item.Key!, asError(item)]));
    } catch (error) {
      if (isConditionUnknown(failureOf(error))) throw new BatchesUnknown();
      throw error;
    }
  }

  async #single(bucket: string, { key, location, resolve, reject }: Waiting): Promise<void> {
    const command = new DeleteObjectCommand({ Bucket: bucket, Key: key });
    await this.#requests
      .run('delete', location, client => client.send(command))
      .then(
        () => resolve(),
        error =>
          error instanceof LakebookError && error.code === 'FILE_NOT_FOUND' ? resolve() : reject(error),
      );
  }
}

/** A LakebookError, so that it passes through as it is. */
class BatchesUnknown extends LakebookError {
  constructor() {
    super('S3_ERROR', 'The server does not delete several objects at once.');
  }
}

function asError({ Code, Message }: { readonly Code?: string; readonly Message?: string }): Error {
  return Object.assign(new Error(Message ?? Code), { code: Code });
}
