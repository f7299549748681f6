import {
  BIGINT,
  BLOB,
  type DuckDBDataChunk,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBVector,
  HUGEINT,
  INTEGER,
} from '@duckdb/node-api';
import type { DuckDb } from './duckdb.ts';
import { byteStrings, int32Words, writeWords } from './vectors.ts';

/**
 * SQL functions for the hash of Iceberg's bucket transform (spec: Appendix B, murmur3 x86 32 bits, seed 0), one for
 * each form a value is hashed in: as a long, as bytes, as the bytes of a decimal's unscaled value. DuckDB hands them
 * whole vectors, so a row costs some tens of nanoseconds. NULL in, anything out: callers guard against NULL.
 */
export const bucketHashFunctions = {
  long: 'lakebook_hash_long',
  bytes: 'lakebook_hash_bytes',
  decimal: 'lakebook_hash_decimal',
} as const;

const registered = new WeakSet<DuckDb>();

/** Makes the hash functions known to the engine; does so once. */
export function registerBucketHash(duckdb: DuckDb): void {
  if (registered.has(duckdb)) return;
  registered.add(duckdb);
  register(duckdb, bucketHashFunctions.long, BIGINT, (chunk, hashes) => {
    const words = int32Words(chunk, 0, 2);
    for (let row = 0; row < hashes.length; row++)
      hashes[row] = hashLong(words[2 * row]!, words[2 * row + 1]!);
  });
  register(duckdb, bucketHashFunctions.bytes, BLOB, (chunk, hashes) => {
    byteStrings(chunk, 0, (bytes, row) => {
      hashes[row] = hashBytes(bytes, bytes.length);
    });
  });
  register(duckdb, bucketHashFunctions.decimal, HUGEINT, (chunk, hashes) => {
    const words = int32Words(chunk, 0, 4);
    const littleEndian = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    const bigEndian = new Uint8Array(16);
    for (let row = 0; row < hashes.length; row++) {
      hashes[row] = hashBytes(bigEndian, minimalBigEndian(littleEndian, row * 16, bigEndian));
    }
  });
}

function register(
  duckdb: DuckDb,
  name: string,
  parameter: DuckDBType,
  hash: (chunk: DuckDBDataChunk, hashes: Int32Array) => void,
): void {
  duckdb.connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      parameterTypes: [parameter],
      returnType: INTEGER,
      mainFunction: (_info, chunk: DuckDBDataChunk, output: DuckDBVector) => {
        const hashes = new Int32Array(chunk.rowCount);
        hash(chunk, hashes);
        writeWords(output, hashes);
      },
    }),
  );
}

function mixBlock(hash: number, block: number): number {
  let k = Math.imul(block, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  k = Math.imul(k, 0x1b873593);
  let h = hash ^ k;
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

/** Finishes a hash; the sign bit is cleared, as the bucket transform does before the modulo. */
function finish(hash: number, length: number): number {
  let h = hash ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) & 0x7fffffff;
}

function hashLong(low: number, high: number): number {
  return finish(mixBlock(mixBlock(0, low), high), 8);
}

function hashBytes(bytes: Uint8Array, length: number): number {
  let h = 0;
  const blocksEnd = length & ~3;
  for (let at = 0; at < blocksEnd; at += 4) {
    h = mixBlock(h, bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
  }
  let tail = 0;
  for (let at = length - 1; at >= blocksEnd; at--) tail = (tail << 8) | bytes[at]!;
  if (length > blocksEnd) {
    let k = Math.imul(tail, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
  }
  return finish(h, length);
}

/**
 * Writes a 16-byte little-endian integer in as few big-endian two's-complement bytes as hold it. @returns how many
 */
export function minimalBigEndian(source: Uint8Array, offset: number, target: Uint8Array): number {
  let top = 15;
  const sign = source[offset + 15]! & 0x80 ? 0xff : 0;
  while (top > 0 && source[offset + top] === sign && (source[offset + top - 1]! & 0x80) === (sign & 0x80))
    top--;
  for (let index = 0; index <= top; index++) target[index] = source[offset + top - index]!;
  return top + 1;
}
