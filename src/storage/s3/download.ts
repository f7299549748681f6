import { type FileHandle, open } from 'node:fs/promises';
import { LakebookError } from '../../iceberg/errors.ts';
import { fromFsError } from '../fs-errors.ts';
import { pieces } from './cache/ranges.ts';
import { Limiter } from './limiter.ts';
import type { S3Requests } from './requests.ts';

/** Longest range of one request. */
const pieceBytes = 8 * 1024 ** 2;
/** Requests at once: bounds what is in memory. */
const parallelReads = 8;

/**
 * Copies an object into a new local file. All its bytes are those of one moment: an object that is replaced meanwhile is
 * told by its ETag.
 * @throws LakebookError `SOURCE_CHANGED`, NotFoundError('file'); of the local disk
 */
export async function download(
  requests: S3Requests,
  location: string,
  localPath: string,
  signal?: AbortSignal,
): Promise<void> {
  const first = await requests.get(location, { range: { start: 0, end: pieceBytes }, signal });
  const { size, etag } = first;
  try {
    const handle = await open(localPath, 'wx', 0o600);
    try {
      await writeAll(handle, first.bytes, 0);
      const limiter = new Limiter(parallelReads);
      let failure: unknown;
      const rest = pieces({ start: first.bytes.length, end: size }, pieceBytes).map(range =>
        limiter.run(async () => {
          if (failure !== undefined) return;
          try {
            const { bytes } = await requests.get(location, {
              range,
              signal,
              ...(etag === undefined ? {} : { etag }),
            });
            if (bytes.length !== range.end - range.start) throw changed(location);
            await writeAll(handle, bytes, range.start);
          } catch (error) {
            failure ??= error;
          }
        }),
      );
      await Promise.all(rest);
      if (failure !== undefined) throw failure;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!(error instanceof LakebookError)) throw fromFsError(error, 'write', localPath);
    throw error.code === 'S3_CHANGED' ? changed(location, error) : error;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const left = bytes.length - written;
    written += (await handle.write(bytes, written, left, position + written)).bytesWritten;
  }
}

function changed(location: string, cause?: unknown): LakebookError {
  return new LakebookError('SOURCE_CHANGED', `${location} was replaced while it was read.`, {
    hint: 'Run it again when nobody writes the file.',
    cause,
  });
}
