import { isUtf8 } from 'node:buffer';
import {
  DuckDBDataChunk,
  DuckDBDecimalType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import bindings from '@duckdb/node-bindings';
import { type Data, DataType, type RecordBatch, TimeUnit } from 'apache-arrow';
import { LakebookError, UnsupportedError } from '../../iceberg/errors.ts';
import { columnVector, listChild, type RawVector, structChild, vectorBytes } from '../vectors.ts';
import type { RemoteColumn } from './remote-engine.ts';

/*
 * Arrow record batches as chunks of DuckDB, column by column: the inverse of `arrow.ts`. An Arrow type may stand for
 * a DuckDB type when every value keeps its meaning:
 *
 *   BOOLEAN                          Bool
 *   whole numbers, FLOAT, DOUBLE     the type of the same width
 *   DECIMAL(p,s)                     Decimal128 of the same scale
 *   HUGEINT                          Decimal128 of scale 0
 *   VARCHAR (also JSON), BLOB        Utf8, LargeUtf8, Binary, LargeBinary, FixedSizeBinary; what is no UTF-8
 *                                    is U+FFFD in a VARCHAR
 *   DATE                             Date[day]
 *   TIME, TIME_NS                    Time64 of their unit
 *   TIMESTAMP, TIMESTAMPTZ, ..._NS   Timestamp of their unit, with zone or without
 *   UUID                             FixedSizeBinary(16), most significant byte first
 *   INTERVAL                         Interval[month-day-nano], Interval[year-month], Duration of microseconds
 *   TIME WITH TIME ZONE              Int64 in DuckDB's own layout
 *   STRUCT, LIST, MAP                Struct, List, Map
 *   any                              Null
 */

/** Rows of a chunk of DuckDB. */
const chunkRows = 2048;

/** The batch's rows as chunks. @throws UnsupportedError for an Arrow type that can't stand for the column's type */
export function* arrowChunks(
  columns: readonly RemoteColumn[],
  batch: RecordBatch,
): Generator<DuckDBDataChunk> {
  const types = columns.map(column => column.type);
  for (let start = 0; start < batch.numRows; start += chunkRows) {
    const length = Math.min(chunkRows, batch.numRows - start);
    const chunk = DuckDBDataChunk.create(types, length);
    for (const [index, { name, type }] of columns.entries()) {
      fill(columnVector(chunk, index), type, batch.data.children[index]!, { start, length }, name);
    }
    yield chunk;
  }
}

/**
 * Entries [start, start + length) of an Arrow column. A sliced column's values, offsets and children are sliced; what
 * is kept in bits isn't: there the column's own offset is added.
 */
interface Range {
  readonly start: number;
  readonly length: number;
}

/** Writes a range of Arrow values to the beginning of a vector. `path` names the column in errors. */
function fill(
  vector: RawVector,
  type: DuckDBType,
  data: Data,
  range: Range,
  path: string,
  parentValidity?: Uint8Array,
): void {
  const validity = writeValidity(vector, data, range, parentValidity);
  if (type instanceof DuckDBStructType) {
    expectType(DataType.isStruct(data.type), type, data, path);
    for (const [index, name] of type.entryNames.entries()) {
      const child = data.children[index]!;
      fill(structChild(vector, index), type.entryTypes[index]!, child, range, `${path}.${name}`, validity);
    }
  } else if (type instanceof DuckDBListType) {
    expectType(DataType.isList(data.type), type, data, path);
    const inner = writeListEntries(vector, data, range);
    fill(listChild(vector), type.valueType, data.children[0]!, inner, `${path}.element`);
  } else if (type instanceof DuckDBMapType) {
    expectType(DataType.isMap(data.type), type, data, path);
    const inner = writeListEntries(vector, data, range);
    const entries = data.children[0]!;
    const child = listChild(vector);
    fill(structChild(child, 0), type.keyType, entries.children[0]!, inner, `${path}.key`);
    fill(structChild(child, 1), type.valueType, entries.children[1]!, inner, `${path}.value`);
  } else if (type.typeId === DuckDBTypeId.VARCHAR || type.typeId === DuckDBTypeId.BLOB) {
    writeStrings(vector, type, data, range, validity, path);
  } else {
    const bytes = fixedBytes(type, data, range, path);
    if (bytes !== undefined) copyBytes(vector, bytes);
  }
}

function expectType(fits: boolean, type: DuckDBType, data: Data, path: string): void {
  if (fits) return;
  throw new UnsupportedError(`The column "${path}" came as ${data.type}, which can't be read as ${type}.`, {
    hint: 'Cast the column in the query, or leave it out.',
  });
}

function copyBytes(vector: RawVector, bytes: Uint8Array, at = 0): void {
  if (bytes.byteLength === 0) return;
  bindings.copy_data_to_vector(vector, at, bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Marks what is null; a null struct's fields are null too, as DuckDB wants it.
 * @returns a bit for each entry of the range, from bit 0, set when it isn't null; undefined when none is
 */
function writeValidity(
  vector: RawVector,
  data: Data,
  range: Range,
  parent: Uint8Array | undefined,
): Uint8Array | undefined {
  const own = DataType.isNull(data.type)
    ? new Uint8Array(Math.ceil(range.length / 8))
    : data.nullCount === 0
      ? undefined
      : bitsOf(data.nullBitmap, data.offset + range.start, range.length);
  const validity =
    own === undefined || parent === undefined
      ? (own ?? parent)
      : own.map((byte, index) => byte & parent[index]!);
  if (validity === undefined) return undefined;
  // Whole words, as DuckDB keeps them.
  const words = new Uint8Array(Math.ceil(range.length / 64) * 8);
  words.set(validity.subarray(0, Math.ceil(range.length / 8)));
  bindings.vector_ensure_validity_writable(vector);
  bindings.copy_data_to_vector_validity(vector, 0, words.buffer, 0, words.byteLength);
  return validity;
}

/** `length` bits of a bitmap, from bit `start`. */
function bitsOf(bitmap: Uint8Array, start: number, length: number): Uint8Array {
  const bytes = Math.ceil(length / 8);
  const shift = start & 7;
  const from = start >> 3;
  if (shift === 0) return bitmap.subarray(from, from + bytes);
  const bits = new Uint8Array(bytes);
  for (let index = 0; index < bytes; index++) {
    const high = bitmap[from + index + 1] ?? 0;
    bits[index] = (bitmap[from + index]! >> shift) | (high << (8 - shift));
  }
  return bits;
}

function isSet(bits: Uint8Array | undefined, index: number): boolean {
  return bits === undefined || (bits[index >> 3]! & (1 << (index & 7))) !== 0;
}

/** Writes offsets and lengths, and makes room for the items. @returns the range of items that they are about */
function writeListEntries(vector: RawVector, data: Data, range: Range): Range {
  const offsets = data.valueOffsets as Int32Array;
  const first = range.start;
  const start = offsets[first] ?? 0;
  const entries = new Uint32Array(range.length * 4);
  for (let index = 0; index < range.length; index++) {
    const offset = offsets[first + index]!;
    entries[index * 4] = offset - start;
    entries[index * 4 + 2] = offsets[first + index + 1]! - offset;
  }
  copyBytes(vector, new Uint8Array(entries.buffer));
  const length = (offsets[first + range.length] ?? start) - start;
  bindings.list_vector_reserve(vector, length);
  bindings.list_vector_set_size(vector, length);
  return { start, length };
}

/** Strings side by side: where each of them begins in the bytes and, after the last one, where that ends. */
interface Strings {
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array | Float64Array;
}

function writeStrings(
  vector: RawVector,
  type: DuckDBType,
  data: Data,
  range: Range,
  validity: Uint8Array | undefined,
  path: string,
): void {
  if (DataType.isNull(data.type) || range.length === 0) return;
  const strings = stringsOf(type, data, range, path);
  const fits = type.typeId !== DuckDBTypeId.VARCHAR || isUtf8Each(strings);
  writeEntries(vector, fits ? strings : repaired(strings), validity);
}

function stringsOf(type: DuckDBType, data: Data, { start, length }: Range, path: string): Strings {
  const { values: bytes } = data as { values: Uint8Array };
  if (DataType.isFixedSizeBinary(data.type)) {
    const width = data.type.byteWidth;
    return {
      bytes,
      offsets: Float64Array.from({ length: length + 1 }, (_, index) => (start + index) * width),
    };
  }
  if (DataType.isLargeUtf8(data.type) || DataType.isLargeBinary(data.type)) {
    const offsets = data.valueOffsets as unknown as BigInt64Array;
    return { bytes, offsets: Float64Array.from(offsets.subarray(start, start + length + 1), Number) };
  }
  expectType(DataType.isUtf8(data.type) || DataType.isBinary(data.type), type, data, path);
  return { bytes, offsets: (data.valueOffsets as Int32Array).subarray(start, start + length + 1) };
}

/** Whether each string is UTF-8: all of them together are, and none begins inside of a character. */
function isUtf8Each({ bytes, offsets }: Strings): boolean {
  if (!isUtf8(bytes.subarray(offsets[0], offsets.at(-1)))) return false;
  for (const offset of offsets) if ((bytes[offset]! & 0xc0) === 0x80) return false;
  return true;
}

/** What isn't UTF-8 becomes U+FFFD: DuckDB's texts can't hold it. */
function repaired({ bytes, offsets }: Strings): Strings {
  const parts: Buffer[] = [];
  const ends = [0];
  for (let index = 0; index + 1 < offsets.length; index++) {
    const part = Buffer.from(Buffer.from(bytes.subarray(offsets[index], offsets[index + 1])).toString());
    parts.push(part);
    ends.push(ends[index]! + part.length);
  }
  return { bytes: Buffer.concat(parts), offsets: Float64Array.from(ends) };
}

/** Up to so many bytes stand in a string's entry itself; longer ones as their first four bytes and an address. */
const inlineBytes = 12;

/** Entries are of 16 bytes: the length, then the string itself, or its first four bytes and its address. */
function writeEntries(vector: RawVector, strings: Strings, validity: Uint8Array | undefined): void {
  const { bytes, offsets } = strings;
  const length = offsets.length - 1;
  const words = new Uint32Array(length * 4);
  let heap: number | undefined;
  for (let index = 0; index < length; index++) {
    if (!isSet(validity, index)) continue;
    const start = offsets[index]!;
    const size = offsets[index + 1]! - start;
    const at = index * 4;
    words[at] = size;
    const inline = size > inlineBytes ? 4 : size;
    for (let byte = 0; byte < inline; byte++) {
      words[at + 1 + (byte >> 2)]! |= bytes[start + byte]! << ((byte & 3) << 3);
    }
    if (size <= inlineBytes) continue;
    heap ??= heapAddress(vector, strings);
    const address = heap + (start - offsets[0]!);
    words[at + 2] = address % 2 ** 32;
    words[at + 3] = address / 2 ** 32;
  }
  copyBytes(vector, new Uint8Array(words.buffer));
}

/**
 * Copies strings to where a vector keeps its long ones, all at once: a call of DuckDB for each string would take
 * several times as long as all the rest. @returns their address, which is below 2^53 on every machine there is
 */
function heapAddress(vector: RawVector, { bytes, offsets }: Strings): number {
  // They are written as if they were the first entry, which tells where they are and is written anew then.
  bindings.vector_assign_string_element_len(vector, 0, bytes.subarray(offsets[0], offsets.at(-1)));
  const entry = vectorBytes(vector, 1, 16);
  return Number(new DataView(entry.buffer, entry.byteOffset, 16).getBigUint64(8, true));
}

/** Values of fixed width in DuckDB's layout; undefined when there are none. */
function fixedBytes(type: DuckDBType, data: Data, range: Range, path: string): Uint8Array | undefined {
  if (DataType.isNull(data.type)) return undefined;
  const first = range.start;
  const plain = (width: number): Uint8Array => {
    const { values } = data as { values: Uint8Array };
    return new Uint8Array(values.buffer, values.byteOffset + first * width, range.length * width);
  };
  if (type.typeId === DuckDBTypeId.BOOLEAN && DataType.isBool(data.type)) {
    return booleans(data, data.offset + first, range.length);
  }
  if (type instanceof DuckDBDecimalType && DataType.isDecimal(data.type) && data.type.bitWidth === 128) {
    expectType(data.type.scale === type.scale, type, data, path);
    return decimals(type.width, plain(16));
  }
  if (type.typeId === DuckDBTypeId.UUID && DataType.isFixedSizeBinary(data.type)) {
    expectType(data.type.byteWidth === 16, type, data, path);
    return uuids(plain(16));
  }
  if (type.typeId === DuckDBTypeId.INTERVAL) {
    const found = intervals(data, plain, path);
    expectType(found !== undefined, type, data, path);
    return found;
  }
  const width = sameLayout[type.typeId]?.(data.type);
  expectType(width !== undefined, type, data, path);
  return plain(width!);
}

type Layout = (type: DataType) => number | undefined;

const int =
  (bits: number, signed: boolean): Layout =>
  type =>
    DataType.isInt(type) && type.bitWidth === bits && type.isSigned === signed ? bits / 8 : undefined;
/** Precision 1 is 32 bits, 2 is 64. */
const float =
  (precision: number): Layout =>
  type =>
    DataType.isFloat(type) && type.precision === precision ? precision * 4 : undefined;
const timestamp =
  (unit: TimeUnit): Layout =>
  type =>
    DataType.isTimestamp(type) && type.unit === unit ? 8 : undefined;
const time =
  (unit: TimeUnit): Layout =>
  type =>
    DataType.isTime(type) && type.unit === unit && type.bitWidth === 64 ? 8 : undefined;

/** How wide values of an Arrow type are that are the bytes of the DuckDB type as they are. */
const sameLayout: Readonly<Partial<Record<DuckDBTypeId, Layout>>> = {
  [DuckDBTypeId.TINYINT]: int(8, true),
  [DuckDBTypeId.SMALLINT]: int(16, true),
  [DuckDBTypeId.INTEGER]: int(32, true),
  [DuckDBTypeId.BIGINT]: int(64, true),
  [DuckDBTypeId.UTINYINT]: int(8, false),
  [DuckDBTypeId.USMALLINT]: int(16, false),
  [DuckDBTypeId.UINTEGER]: int(32, false),
  [DuckDBTypeId.UBIGINT]: int(64, false),
  [DuckDBTypeId.HUGEINT]: type =>
    DataType.isDecimal(type) && type.scale === 0 && type.bitWidth === 128 ? 16 : undefined,
  [DuckDBTypeId.FLOAT]: float(1),
  [DuckDBTypeId.DOUBLE]: float(2),
  // Days are the unit 0.
  [DuckDBTypeId.DATE]: type => (DataType.isDate(type) && type.unit === 0 ? 4 : undefined),
  [DuckDBTypeId.TIME]: time(TimeUnit.MICROSECOND),
  [DuckDBTypeId.TIME_NS]: time(TimeUnit.NANOSECOND),
  [DuckDBTypeId.TIME_TZ]: int(64, true),
  [DuckDBTypeId.TIMESTAMP]: timestamp(TimeUnit.MICROSECOND),
  [DuckDBTypeId.TIMESTAMP_TZ]: timestamp(TimeUnit.MICROSECOND),
  [DuckDBTypeId.TIMESTAMP_S]: timestamp(TimeUnit.SECOND),
  [DuckDBTypeId.TIMESTAMP_MS]: timestamp(TimeUnit.MILLISECOND),
  [DuckDBTypeId.TIMESTAMP_NS]: timestamp(TimeUnit.NANOSECOND),
};

function booleans(data: Data, first: number, length: number): Uint8Array {
  const { values } = data as { values: Uint8Array };
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    const bit = first + index;
    bytes[index] = (values[bit >> 3]! >> (bit & 7)) & 1;
  }
  return bytes;
}

/** 128-bit numbers as the narrower ones that DuckDB keeps decimals of few digits in. */
function decimals(precision: number, bytes: Uint8Array): Uint8Array {
  if (precision > 18) return bytes;
  const count = bytes.byteLength / 16;
  const width = precision > 9 ? 8 : precision > 4 ? 4 : 2;
  const narrow = new Uint8Array(count * width);
  for (let index = 0; index < count; index++) {
    for (let byte = 0; byte < width; byte++) narrow[index * width + byte] = bytes[index * 16 + byte]!;
  }
  return narrow;
}

/** DuckDB keeps UUIDs as little-endian numbers whose order is that of their text. */
function uuids(bytes: Uint8Array): Uint8Array {
  const numbers = new Uint8Array(bytes.byteLength);
  for (let at = 0; at < bytes.byteLength; at += 16) {
    for (let byte = 0; byte < 16; byte++) numbers[at + byte] = bytes[at + 15 - byte]!;
    numbers[at + 15]! ^= 0x80;
  }
  return numbers;
}

/** Months and days (32 bits) and microseconds (64 bits); undefined for what is no interval. */
function intervals(
  data: Data,
  plain: (width: number) => Uint8Array,
  path: string,
): Uint8Array<ArrayBuffer> | undefined {
  if (DataType.isDuration(data.type) && data.type.unit === TimeUnit.MICROSECOND) {
    const micros = plain(8);
    const target = new Uint8Array(micros.byteLength * 2);
    for (let at = 0; at < micros.byteLength; at += 8) target.set(micros.subarray(at, at + 8), at * 2 + 8);
    return target;
  }
  if (!DataType.isInterval(data.type)) return undefined;
  if (data.type.unit === 0) {
    const months = plain(4);
    const target = new Uint8Array(months.byteLength * 4);
    for (let at = 0; at < months.byteLength; at += 4) target.set(months.subarray(at, at + 4), at * 4);
    return target;
  }
  if (data.type.unit !== 2) return undefined;
  // Months, days (32 bits) and nanoseconds (64 bits).
  const target = new Uint8Array(plain(16));
  const view = new DataView(target.buffer);
  for (let at = 8; at < target.byteLength; at += 16) {
    const nanos = view.getBigInt64(at, true);
    if (nanos % 1000n !== 0n) {
      throw new LakebookError('CONVERSION', `The column "${path}" holds intervals of nanoseconds.`, {
        hint: 'Cast it to text, or round it to microseconds.',
      });
    }
    view.setBigInt64(at, nanos / 1000n, true);
  }
  return target;
}
