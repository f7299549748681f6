import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { InterruptedError } from '../../iceberg/errors.ts';
import type { ByteRange } from '../../iceberg/io.ts';
import { parseS3Address } from './address.ts';
import type { Clients } from './clients.ts';
import { failureOf, fromS3Error, isAboutKeys } from './errors.ts';
import type { Retries } from './retry.ts';

/** Bytes of an object, and what the answer says of the whole of it. */
export interface ObjectBytes {
  readonly bytes: Uint8Array;
  /** Size of the whole object. */
  readonly size: number;
  readonly etag?: string;
}

export interface GetOptions {
  readonly range?: ByteRange;
  /** Only if the object is still this one; a `PreconditionFailed` failure otherwise. */
  readonly etag?: string;
  readonly signal?: AbortSignal;
}

/** How a lake's objects are asked for. */
export class S3Requests {
  readonly clients: Clients;
  readonly #retries: Retries;

  constructor(clients: Clients, retries: Retries) {
    this.clients = clients;
    this.#retries = retries;
  }

  /**
   * Does `work`, which sends requests with the client for `location`, with retries, also with other keys when those that
   * a catalog gave out aren't good any more. `action` and `location` are for messages.
   * @throws LakebookError; InterruptedError when the signal aborts
   */
  async run<T>(
    action: string,
    location: string,
    work: (client: S3Client, attempt: number) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    let renewed = false;
    const once = async (attempt: number): Promise<T> => {
      const reached = await this.clients.for(location);
      try {
        return await work(reached.client, attempt);
      } catch (error) {
        if (renewed || !isAboutKeys(failureOf(error)) || !this.clients.renew(reached)) throw error;
        renewed = true;
        return await once(attempt);
      }
    };
    try {
      return await this.#retries.run(once, signal);
    } catch (error) {
      if (error instanceof InterruptedError || signal?.aborted) throw new InterruptedError();
      throw fromS3Error(error, action, location);
    }
  }

  /** Reads an object or a range of it; a range may end behind the object's end, and is cut off there. */
  async get(location: string, options: GetOptions = {}): Promise<ObjectBytes> {
    const { signal } = options;
    return await this.run('read', location, client => this.#getOnce(client, location, options), signal);
  }

  async #getOnce(
    client: S3Client,
    location: string,
    { range, etag, signal }: GetOptions,
  ): Promise<ObjectBytes> {
    const { bucket, key } = parseS3Address(location);
    try {
      const answer = await client.send(
        new GetObjectCommand({
          Bucket: bucket,
          Key: key,
          ...(range === undefined
            ? { ChecksumMode: 'ENABLED' }
            : { Range: `bytes=${range.start}-${range.end - 1}` }),
          ...(etag === undefined ? {} : { IfMatch: etag }),
        }),
        { abortSignal: signal },
      );
      const bytes = await collect(answer.Body as AsyncIterable<Uint8Array>, answer.ContentLength);
      const total = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1];
      return {
        bytes,
        size: total === undefined ? bytes.length : Number(total),
        ...(answer.ETag === undefined ? {} : { etag: answer.ETag }),
      };
    } catch (error) {
      // A range that begins at or behind the end.
      const { code, status } = failureOf(error);
      if (range === undefined || (code !== 'InvalidRange' && status !== 416)) throw error;
      const { ActualObjectSize } = error as { ActualObjectSize?: string };
      return { bytes: new Uint8Array(), size: Number(ActualObjectSize ?? 0) };
    }
  }
}

/** The body of an answer. A connection that ends early is an error, with or without the network saying so. */
async function collect(body: AsyncIterable<Uint8Array>, length: number | undefined): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    received += chunk.length;
  }
  if (length !== undefined && received !== length) throw new IncompleteBodyError(received, length);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, received);
}

class IncompleteBodyError extends Error {
  readonly code = 'IncompleteBody';

  constructor(received: number, expected: number) {
    super(`${received} of ${expected} bytes came.`);
  }
}
