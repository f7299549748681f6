import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  type DuckDBDataChunk,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBVector,
  FLOAT,
  HUGEINT,
  INTEGER,
} from '@duckdb/node-api';
import { Murmur3X64 } from '../iceberg/murmur3-x64.ts';
import { sketchSeed } from '../iceberg/theta-sketch.ts';
import type { Type } from '../iceberg/types.ts';
import { minimalBigEndian } from './bucket-hash.ts';
import type { DuckDb } from './duckdb.ts';
import { byteStrings, columnVector, int32Words, vectorBytes, writeWords } from './vectors.ts';

/*
 * SQL functions for the hashes in a theta sketch: of a value's binary form (spec: Appendix D, "Binary single-value
 * serialization"), 63 bits. NULL in, anything out.
 */

const registered = new WeakSet<DuckDb>();
const hasher = new Murmur3X64(sketchSeed);

/** Makes the hash functions known to the engine; does so once. */
export function registerSketchHash(duckdb: DuckDb): void {
  if (registered.has(duckdb)) return;
  registered.add(duckdb);
  for (const [name, type, width] of [
    ['boolean', BOOLEAN, 1],
    ['int', INTEGER, 4],
    ['float', FLOAT, 4],
    ['long', BIGINT, 8],
    ['double', DOUBLE, 8],
  ] as const) {
    register(duckdb, name, type, (chunk, each) => {
      const bytes = vectorBytes(columnVector(chunk, 0), chunk.rowCount, width);
      for (let row = 0; row < chunk.rowCount; row++) each(row, bytes, row * width, width);
    });
  }
  register(duckdb, 'bytes', BLOB, (chunk, each) => {
    byteStrings(chunk, 0, (bytes, row) => each(row, bytes, 0, bytes.length));
  });
  const bigEndian = new Uint8Array(16);
  register(duckdb, 'decimal', HUGEINT, (chunk, each) => {
    const words = int32Words(chunk, 0, 4);
    const littleEndian = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    for (let row = 0; row < chunk.rowCount; row++) {
      each(row, bigEndian, 0, minimalBigEndian(littleEndian, row * 16, bigEndian));
    }
  });
}

type Each = (row: number, bytes: Uint8Array, start: number, length: number) => void;

function register(
  duckdb: DuckDb,
  name: string,
  parameter: DuckDBType,
  values: (chunk: DuckDBDataChunk, each: Each) => void,
): void {
  duckdb.connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: `lakebook_sketch_${name}`,
      parameterTypes: [parameter],
      returnType: BIGINT,
      mainFunction: (_info, chunk: DuckDBDataChunk, output: DuckDBVector) => {
        const hashes = new Int32Array(2 * chunk.rowCount);
        values(chunk, (row, bytes, start, length) => {
          hasher.hash(bytes, start, length);
          // Shifted by one: the libraries' hashes have 63 bits.
          hashes[2 * row] = (hasher.low >>> 1) | (hasher.high << 31);
          hashes[2 * row + 1] = hasher.high >>> 1;
        });
        writeWords(output, hashes);
      },
    }),
  );
}

/** SQL for the hash of a column's values; undefined for types that sketches don't have. */
export function sketchHashSql(type: Type, sql: string): string | undefined {
  const call = (form: string, value = sql) => `lakebook_sketch_${form}(${value})`;
  switch (type.kind) {
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return call(type.kind);
    case 'date':
      return call('int', `CAST(${sql} - DATE '1970-01-01' AS INTEGER)`);
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return call('long', `epoch_us(${sql})`);
    case 'timestamp_ns':
      return call('long', `epoch_ns(${sql})`);
    case 'decimal':
      return call('decimal', `CAST(replace(CAST(${sql} AS VARCHAR), '.', '') AS HUGEINT)`);
    case 'string':
      return call('bytes', `encode(${sql})`);
    case 'uuid':
      return call('bytes', `from_hex(replace(CAST(${sql} AS VARCHAR), '-', ''))`);
    case 'fixed':
    case 'binary':
      return call('bytes');
    default:
      return undefined;
  }
}
