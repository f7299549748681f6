import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { GatewayError } from '../http/problems.ts';
import type { UploadFormat } from '../http/schemas.ts';
import { JsonDepth } from './json-depth.ts';

/** A body that was received into a file. */
export interface Upload {
  /** Below the sessions' folder for uploads. */
  readonly name: string;
  readonly path: string;
  /** Unpacked. */
  readonly bytes: number;
  /** SHA-256 of the unpacked bytes, hexadecimal. */
  readonly digest: string;
  remove(): Promise<void>;
}

export interface UploadLimits {
  readonly uploadBytes: number;
  readonly idleMs: number;
}

const extensions: Readonly<Record<UploadFormat, string>> = {
  csv: 'csv',
  ndjson: 'ndjson',
  json: 'json',
  parquet: 'parquet',
  arrow: 'arrow',
};

/**
 * Writes a body to a file of its own, piece by piece: however long it is, it isn't in memory.
 * @throws GatewayError 413 when it is too long, unpacked too; 408 when it stops coming; 400 when it is cut off
 */
export async function receive(
  body: Readable,
  encoding: string | undefined,
  format: UploadFormat,
  folder: string,
  limits: UploadLimits,
  signal: AbortSignal,
): Promise<Upload> {
  const own = path.join(folder, randomUUID());
  const name = `${path.basename(own)}/upload.${extensions[format]}`;
  const file = path.join(folder, name);
  const remove = () => rm(own, { recursive: true, force: true });
  const unpack = unpacker(encoding);
  await mkdir(own, { mode: 0o700 });
  const hash = createHash('sha256');
  let bytes = 0;
  const depth = format === 'json' || format === 'ndjson' ? new JsonDepth(deepestJson) : undefined;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > limits.uploadBytes) return done(tooLarge(limits.uploadBytes));
      hash.update(chunk);
      if (depth?.isTooDeep(chunk)) return done(tooDeep());
      done(null, chunk);
    },
  });
  const idle = new AbortController();
  const watched = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      timer.refresh();
      done(null, chunk);
    },
  });
  const timer = setTimeout(() => idle.abort(), limits.idleMs);
  const target = createWriteStream(file, { flags: 'wx', mode: 0o600 });
  const stop = { signal: AbortSignal.any([signal, idle.signal]) };
  try {
    const source = detached(body);
    if (unpack === undefined) await pipeline(source, watched, counted, target, stop);
    else await pipeline(source, watched, unpack, counted, target, stop);
  } catch (error) {
    // What is still to come is thrown away, so that the client gets to read the answer.
    body.resume();
    await remove();
    if (idle.signal.aborted) throw stopped(limits.idleMs);
    throw explained(error);
  } finally {
    clearTimeout(timer);
  }
  return { name, path: file, bytes, digest: hash.digest('hex'), remove };
}

/** A pipeline that fails destroys its source, and with a request's body its connection: it gets another one. */
function detached(body: Readable): Readable {
  const source = new PassThrough();
  const fail = (error?: Error) =>
    source.destroy(
      error ?? Object.assign(new Error('premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' }),
    );
  body.once('error', fail);
  body.once('aborted', () => fail());
  body.once('close', () => {
    if (!body.readableEnded) fail();
  });
  source.once('close', () => body.unpipe(source));
  return body.pipe(source);
}

function unpacker(encoding: string | undefined) {
  const name = encoding?.trim().toLowerCase();
  if (name === undefined || name === '' || name === 'identity') return undefined;
  if (name === 'gzip' || name === 'x-gzip') return createGunzip();
  throw new GatewayError(
    415,
    'UNSUPPORTED_ENCODING',
    `Bodies in the encoding "${name.slice(0, 40)}" can't be read.`,
    {
      hint: 'Send it as it is, or with Content-Encoding: gzip.',
    },
  );
}

function tooLarge(limit: number): GatewayError {
  return new GatewayError(413, 'BODY_TOO_LARGE', `An upload can have ${limit} bytes.`, {
    hint: 'Send it in parts, each under an Idempotency-Key of its own.',
  });
}

/** DuckDB reads JSON by recursion without a limit: a file that is deep enough would end the process. */
const deepestJson = 100;

function tooDeep(): GatewayError {
  return new GatewayError(422, 'JSON_TOO_DEEP', `Lists and objects can be ${deepestJson} deep.`);
}

function stopped(idleMs: number): GatewayError {
  return new GatewayError(408, 'BODY_STOPPED', `Nothing of the body came for ${idleMs / 1000} s.`, {
    headers: { connection: 'close' },
  });
}

function explained(error: unknown): unknown {
  if (error instanceof GatewayError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code?.startsWith('Z_')) {
    return new GatewayError(400, 'BODY_INVALID', 'The body is no gzip, or is cut off.');
  }
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new GatewayError(400, 'BODY_CUT_OFF', 'The body ended before its end.');
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new GatewayError(507, 'DISK_FULL', 'The server has no space for the upload.');
  }
  return error;
}
