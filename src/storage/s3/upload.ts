import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { allSettled } from '../../iceberg/concurrent.ts';
import { AlreadyExistsError, CorruptFileError } from '../../iceberg/errors.ts';
import { fromFsError } from '../fs-errors.ts';
import { parseS3Address } from './address.ts';
import type { Block } from './cache/index-file.ts';
import { failureOf, isConditionUnknown, isMissing, isTaken } from './errors.ts';
import { Limiter } from './limiter.ts';
import type { S3Requests } from './requests.ts';

export interface UploadSizes {
  /** Files of this size and more go up in parts; also the smallest size of a part. At least 5 MiB, S3's own limit. */
  readonly partBytes: number;
  /** Parts in memory and on their way at once, of all files together. */
  readonly parallelParts: number;
}

export const defaultUploadSizes: UploadSizes = { partBytes: 16 * 1024 ** 2, parallelParts: 6 };

/** S3's limit is 10 000. */
const mostParts = 9_000;

/** Creates objects: whole or not at all, never in place of another. */
export class Uploads {
  readonly #requests: S3Requests;
  readonly #sizes: UploadSizes;
  readonly #slots: Limiter;
  /** Whether the server refuses to overwrite when asked to. */
  #conditional = true;

  constructor(requests: S3Requests, sizes: UploadSizes = defaultUploadSizes) {
    this.#requests = requests;
    this.#sizes = sizes;
    this.#slots = new Limiter(sizes.parallelParts);
  }

  /** @throws AlreadyExistsError('file') */
  async bytes(location: string, bytes: Uint8Array): Promise<void> {
    const sameBytes = async () => {
      const found = await this.#requests.get(location);
      return Buffer.compare(found.bytes, bytes) === 0;
    };
    await this.#put(location, bytes, sameBytes);
  }

  /**
   * Uploads a file of this machine, and answers the checksums of its parts.
   * @throws AlreadyExistsError('file'), CorruptFileError, LakebookErrors of the file system
   */
  async file(location: string, localPath: string): Promise<Block[]> {
    const file = await explained(localPath, () => open(localPath, 'r'));
    try {
      const { size } = await explained(localPath, () => file.stat());
      if (size < this.#sizes.partBytes) {
        return await this.#slots.run(async () => {
          const bytes = await readPart(file, localPath, 0, size);
          await this.#put(location, bytes, () => this.#hasSize(location, size));
          return [{ start: 0, end: size, crc: crc32(bytes) }];
        });
      }
      return await this.#inParts(location, file, localPath, size);
    } finally {
      await file.close();
    }
  }

  /**
   * One request. When an earlier try's answer was lost, the object in the way may be the one it made: `isOurs` tells.
   */
  async #put(location: string, bytes: Uint8Array, isOurs: () => Promise<boolean>): Promise<void> {
    const { bucket, key } = parseS3Address(location);
    const object = { Bucket: bucket, Key: key, Body: bytes, ContentLength: bytes.length };
    await this.#conditionally(location, isOurs, async (client, condition) => {
      await client.send(new PutObjectCommand({ ...object, ...condition }));
    });
  }

  async #conditionally(
    location: string,
    isOurs: () => Promise<boolean>,
    write: (client: S3Client, condition: { IfNoneMatch?: string }) => Promise<void>,
  ): Promise<void> {
    const taken = await this.#requests.run('write', location, async (client, attempt) => {
      if (!this.#conditional) {
        if (attempt === 1 && (await this.#exists(location))) return true;
        await write(client, {});
        return false;
      }
      try {
        await write(client, { IfNoneMatch: '*' });
        return false;
      } catch (error) {
        const failure = failureOf(error);
        if (isTaken(failure)) return attempt === 1 || !(await isOurs());
        if (!isConditionUnknown(failure)) throw error;
        // Names of Iceberg files hold a UUID, so the gap between looking and writing isn't one two writers meet in.
        this.#conditional = false;
        if (await this.#exists(location)) return true;
        await write(client, {});
        return false;
      }
    });
    if (taken) {
      throw new AlreadyExistsError('file', `${location} exists already.`, {
        hint: 'Files of a table are never overwritten: use another name.',
      });
    }
  }

  async #inParts(location: string, file: FileHandle, localPath: string, size: number): Promise<Block[]> {
    const { bucket, key } = parseS3Address(location);
    const object = { Bucket: bucket, Key: key };
    const { UploadId } = await this.#requests.run('write', location, client =>
      client.send(new CreateMultipartUploadCommand({ ...object, ChecksumAlgorithm: 'CRC32' })),
    );
    const upload = { ...object, UploadId };
    try {
      const partBytes = Math.max(this.#sizes.partBytes, Math.ceil(size / mostParts));
      const count = Math.ceil(size / partBytes);
      const part = (number: number) =>
        this.#slots.run(async () => {
          const start = (number - 1) * partBytes;
          const bytes = await readPart(file, localPath, start, Math.min(partBytes, size - start));
          const { ETag, ChecksumCRC32 } = await this.#requests.run('write', location, client =>
            client.send(
              new UploadPartCommand({
                ...upload,
                PartNumber: number,
                Body: bytes,
                ContentLength: bytes.length,
                ChecksumAlgorithm: 'CRC32',
              }),
            ),
          );
          return {
            part: { PartNumber: number, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) },
            block: { start, end: start + bytes.length, crc: crc32(bytes) },
          };
        });
      const parts = await allSettled(Array.from({ length: count }, (_, index) => part(index + 1)));
      await this.#complete(
        location,
        upload,
        parts.map(({ part }) => part),
        size,
      );
      if (!(await this.#hasSize(location, size))) {
        throw new CorruptFileError(location, `has not the ${size} bytes that were uploaded.`, {
          hint: 'Nothing was committed. Run it again; if it happens again, the server is at fault.',
        });
      }
      return parts.map(({ block }) => block);
    } catch (error) {
      // The parts are rubbish now. What can't be told to the server goes with its own expiry of old uploads.
      await this.#requests.clients
        .for(location)
        .then(({ client }) => client.send(new AbortMultipartUploadCommand(upload)))
        .catch(() => undefined);
      throw error;
    }
  }

  async #complete(
    location: string,
    upload: { Bucket: string; Key: string; UploadId: string | undefined },
    Parts: { PartNumber: number; ETag: string | undefined; ChecksumCRC32?: string }[],
    size: number,
  ): Promise<void> {
    const command = { ...upload, MultipartUpload: { Parts } };
    let tries = 0;
    await this.#conditionally(
      location,
      () => this.#hasSize(location, size),
      async (client, condition) => {
        tries++;
        try {
          await client.send(new CompleteMultipartUploadCommand({ ...command, ...condition }));
        } catch (error) {
          // An earlier try went through and its answer was lost: the upload is gone because the object is there.
          const gone = failureOf(error).code === 'NoSuchUpload';
          if (!gone || tries === 1 || !(await this.#hasSize(location, size))) throw error;
        }
      },
    );
  }

  async #exists(location: string): Promise<boolean> {
    return (await this.#sizeOf(location)) !== undefined;
  }

  async #hasSize(location: string, size: number): Promise<boolean> {
    return (await this.#sizeOf(location)) === size;
  }

  async #sizeOf(location: string): Promise<number | undefined> {
    const { bucket, key } = parseS3Address(location);
    return await this.#requests.run('look for', location, async client => {
      try {
        const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
        return found.ContentLength;
      } catch (error) {
        if (isMissing(failureOf(error))) return undefined;
        throw error;
      }
    });
  }
}

async function readPart(
  file: FileHandle,
  localPath: string,
  start: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await explained(localPath, () =>
      file.read(bytes, filled, length - filled, start + filled),
    );
    if (bytesRead === 0) throw new CorruptFileError(localPath, 'became shorter while it was uploaded.');
    filled += bytesRead;
  }
  return bytes;
}

async function explained<T>(localPath: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fromFsError(error, 'read', localPath);
  }
}
