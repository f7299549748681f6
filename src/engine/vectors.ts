import type { DuckDBDataChunk, DuckDBVector } from '@duckdb/node-api';
import bindings from '@duckdb/node-bindings';

/*
 * Direct access to the memory of DuckDB's vectors (typed arrays over it, valid while the chunk is). Layouts are
 * those of DuckDB's C API: fixed-width values side by side; strings as 16-byte entries, up to 12 bytes in place, else
 * a pointer; lists as (offset, length) pairs of 64-bit numbers into a child vector.
 */

export type RawVector = ReturnType<typeof bindings.data_chunk_get_vector>;

export function columnVector(chunk: DuckDBDataChunk, column: number): RawVector {
  return bindings.data_chunk_get_vector(chunk.chunk, column);
}

/** The memory of a vector's first `values` entries of `width` bytes each. */
export function vectorBytes(vector: RawVector, values: number, width: number): Uint8Array<ArrayBuffer> {
  return bindings.vector_get_data(vector, values * width) as Uint8Array<ArrayBuffer>;
}

/** A bit for each row, set when it isn't NULL; undefined when no row is. */
export function validityBits(vector: RawVector, rows: number): Uint8Array | undefined {
  const bits = bindings.vector_get_validity(vector, Math.ceil(rows / 64) * 8) as Uint8Array | null;
  return bits ?? undefined;
}

export function isValid(bits: Uint8Array | undefined, row: number): boolean {
  return bits === undefined || (bits[row >> 3]! & (1 << (row & 7))) !== 0;
}

export const structChild = bindings.struct_vector_get_child;
export const listChild = bindings.list_vector_get_child;
export const listChildSize = bindings.list_vector_get_size;
export const arrayChild = bindings.array_vector_get_child;

/** The bytes of the string entry at `offset`, without copying. */
export function stringBytes(view: DataView, offset: number): Uint8Array {
  const length = view.getUint32(offset, true);
  return length <= 12
    ? new Uint8Array(view.buffer, view.byteOffset + offset + 4, length)
    : bindings.get_data_from_pointer(view.buffer as ArrayBuffer, view.byteOffset + offset + 8, length);
}

/** Calls back with the bytes of every row that isn't NULL of a VARCHAR or BLOB column. */
export function byteStrings(
  chunk: DuckDBDataChunk,
  column: number,
  each: (bytes: Uint8Array, row: number) => void,
): void {
  const vector = columnVector(chunk, column);
  const rows = chunk.rowCount;
  const validity = validityBits(vector, rows);
  const data = vectorBytes(vector, rows, 16);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let row = 0; row < rows; row++) if (isValid(validity, row)) each(stringBytes(view, row * 16), row);
}

/** A column's memory as 32-bit words, `wordsPerValue` for each row. */
export function int32Words(
  chunk: DuckDBDataChunk,
  column: number,
  wordsPerValue: number,
): Int32Array<ArrayBuffer> {
  const data = vectorBytes(columnVector(chunk, column), chunk.rowCount, wordsPerValue * 4);
  return new Int32Array(data.buffer, data.byteOffset, chunk.rowCount * wordsPerValue);
}

/** Fills a result vector of a scalar function with 32-bit words: one for an INTEGER, two for a BIGINT, the lower first. */
export function writeWords(output: DuckDBVector, values: Int32Array<ArrayBuffer>): void {
  const { vector } = output as unknown as { vector: RawVector };
  bindings.copy_data_to_vector(vector, 0, values.buffer, values.byteOffset, values.byteLength);
}
