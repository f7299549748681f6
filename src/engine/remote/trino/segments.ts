import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { LakebookError } from '../../../iceberg/errors.ts';
import type { TrinoConnection } from './connection.ts';
import type { Segment } from './protocol.ts';

/*
 * The spooling protocol: rows come in segments of some megabytes, in the answer or from an address, which is on the
 * coordinator, a worker or the object storage itself. https://trino.io/docs/current/client/client-protocol.html
 */

const decompressZstd = typeof zlib.zstdDecompress === 'function' ? promisify(zlib.zstdDecompress) : undefined;

/** Encodings that can be read here, best first. */
export const encodings: readonly string[] = decompressZstd === undefined ? ['json'] : ['json+zstd', 'json'];

/** Segments that are fetched while another is read. */
const ahead = 2;

/** The segments' JSON texts, in their order. */
export async function* segmentTexts(
  connection: TrinoConnection,
  encoding: string,
  segments: readonly Segment[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const load = (segment: Segment) => {
    const text = loadSegment(connection, encoding, segment, signal);
    // Told to whoever waits for it; nobody may, after another one failed.
    text.catch(() => undefined);
    return text;
  };
  const loading = segments.slice(0, ahead).map(load);
  for (const [index, segment] of segments.entries()) {
    const text = await loading[index]!;
    delete loading[index];
    const next = segments[index + ahead];
    if (next !== undefined) loading[index + ahead] = load(next);
    yield text;
    acknowledge(connection, segment);
  }
}

async function loadSegment(
  connection: TrinoConnection,
  encoding: string,
  segment: Segment,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const bytes =
    segment.type === 'inline'
      ? Buffer.from(segment.data, 'base64')
      : (
          await connection.send({
            method: 'GET',
            url: segment.uri,
            headers: joined(segment.headers),
            signal,
            anonymous: true,
          })
        ).bytes;
  if (encoding === 'json') return bytes;
  if (encoding === 'json+zstd' && decompressZstd !== undefined) {
    // Small segments stay as they are.
    if (segment.metadata?.uncompressedSize === undefined) return bytes;
    return decompressZstd(bytes);
  }
  throw new LakebookError(
    'ENGINE_RESPONSE',
    `The server sent rows as ${encoding}, which it was not asked for.`,
  );
}

/** Lets the server remove a segment that was read. It does so by itself after a while, so a failure is none. */
function acknowledge(connection: TrinoConnection, segment: Segment): void {
  if (segment.type !== 'spooled' || segment.ackUri === undefined) return;
  connection
    .send({ method: 'GET', url: segment.ackUri, headers: joined(segment.headers), anonymous: true })
    .catch(() => undefined);
}

function joined(headers: Readonly<Record<string, readonly string[]>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, values.join(', ')]));
}
