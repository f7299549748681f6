import { formatDate, formatTime, formatTimestamp, microsPerDay, nanosPerDay } from './datetime.ts';
import { ValidationError } from './errors.ts';
import { describeJson } from './json.ts';
import { typeToString } from './type-text.ts';
import type { Type, Value } from './types.ts';

export { valueFromJson, valueToJson } from './value-json.ts';
export { parseHuman } from './value-text.ts';

/**
 * The binary single-value form (spec: Appendix D), as bounds and partition summaries hold it.
 * @throws ValidationError when the type has none or the value isn't of the type.
 */
export function valueToBytes(type: Type, value: Value): Uint8Array {
  switch (type.kind) {
    case 'boolean':
      if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0);
      break;
    case 'int':
    case 'date':
      if (typeof value === 'number') return littleEndian(4, view => view.setInt32(0, value, true));
      break;
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'timestamp_ns':
    case 'timestamptz_ns':
      if (typeof value === 'bigint') return littleEndian(8, view => view.setBigInt64(0, value, true));
      break;
    case 'float':
      if (typeof value === 'number') return littleEndian(4, view => view.setFloat32(0, value, true));
      break;
    case 'double':
      if (typeof value === 'number') return littleEndian(8, view => view.setFloat64(0, value, true));
      break;
    case 'decimal':
      if (typeof value === 'bigint') return bigEndianBytes(value);
      break;
    case 'string':
      if (typeof value === 'string') return Buffer.from(value, 'utf8');
      break;
    case 'uuid':
      if (typeof value === 'string') return uuidToBytes(value);
      break;
    case 'fixed':
    case 'binary':
    case 'geometry':
    case 'geography':
      if (value instanceof Uint8Array) return value;
      break;
    default:
      throw new ValidationError(`A value of type ${typeToString(type)} has no binary form.`);
  }
  throw notOfType(type, value);
}

function littleEndian(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  write(new DataView(bytes.buffer));
  return bytes;
}

/** Two's complement, big-endian, in as few bytes as hold the sign too (spec: Appendix B and D, decimal). */
export function bigEndianBytes(value: bigint): Uint8Array {
  let length = 1;
  while (BigInt.asIntN(length * 8, value) !== value) length++;
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** 16 bytes, big-endian. @throws ValidationError when the text isn't a UUID. */
export function uuidToBytes(uuid: string): Uint8Array {
  const hex = uuid.replaceAll('-', '');
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw new ValidationError(`"${uuid}" isn't a UUID.`);
  return Buffer.from(hex, 'hex');
}

/**
 * Reads the binary single-value form. Bytes written before the column's type was promoted are accepted: int
 * for long, float for double, date for timestamp and timestamp_ns (spec: Schema Evolution).
 * @throws ValidationError when the bytes can't be a value of the type.
 */
export function valueFromBytes(type: Type, bytes: Uint8Array): Value {
  const { length } = bytes;
  switch (type.kind) {
    case 'boolean':
      if (length === 1) return bytes[0] !== 0;
      break;
    case 'int':
    case 'date':
      if (length === 4) return viewOf(bytes).getInt32(0, true);
      break;
    case 'long':
      if (length === 4) return BigInt(viewOf(bytes).getInt32(0, true));
      if (length === 8) return viewOf(bytes).getBigInt64(0, true);
      break;
    case 'timestamp':
    case 'timestamp_ns':
      if (length === 4) {
        const perDay = type.kind === 'timestamp' ? microsPerDay : nanosPerDay;
        return midnight(type, BigInt(viewOf(bytes).getInt32(0, true)) * perDay);
      }
      if (length === 8) return viewOf(bytes).getBigInt64(0, true);
      break;
    case 'time':
    case 'timestamptz':
    case 'timestamptz_ns':
      if (length === 8) return viewOf(bytes).getBigInt64(0, true);
      break;
    case 'float':
      if (length === 4) return viewOf(bytes).getFloat32(0, true);
      break;
    case 'double':
      if (length === 4) return viewOf(bytes).getFloat32(0, true);
      if (length === 8) return viewOf(bytes).getFloat64(0, true);
      break;
    case 'decimal':
      if (length > 0) return bigEndianToBigint(bytes);
      break;
    case 'string':
      return bufferOf(bytes).toString('utf8');
    case 'uuid':
      if (length === 16) return uuidFromBytes(bytes);
      break;
    case 'fixed':
      if (length === type.length) return bytes;
      break;
    case 'binary':
    case 'geometry':
    case 'geography':
      return bytes;
    default:
      throw new ValidationError(`A value of type ${typeToString(type)} has no binary form.`);
  }
  throw new ValidationError(`${length} bytes can't be a value of type ${typeToString(type)}.`);
}

/**
 * A date that became a timestamp. @throws ValidationError beyond the type's range, as the spec asks (Schema Evolution:
 * "must result in a runtime failure")
 */
export function midnight(type: Type, units: bigint): bigint {
  if (BigInt.asIntN(64, units) === units) return units;
  throw new ValidationError(`A date is beyond the range of ${typeToString(type)}.`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads two's complement, big-endian. */
export function bigEndianToBigint(bytes: Uint8Array): bigint {
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bufferOf(bytes).toString('hex')}`));
}

/** Lower case, with dashes. */
export function uuidFromBytes(bytes: Uint8Array): string {
  return bufferOf(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * The sort order of a type's values: numbers by size with -0 before +0 and NaN last, strings by code point
 * (the order of their UTF-8 bytes), bytes unsigned. For whether a filter matches use `compareForFilter`.
 */
export function compareValues(_type: Type, a: Value, b: Value): number {
  if (a === 0 && b === 0) return Number(Object.is(b, -0)) - Number(Object.is(a, -0));
  return compareForFilter(a, b);
}

/**
 * Compares two values of one type as DuckDB's comparison operators do: -0 equals +0, and NaN equals NaN and is
 * larger than every other number. Negative, 0 or positive.
 */
export function compareForFilter(a: Value, b: Value): number {
  if (typeof a === 'string') return compareStrings(a, b as string);
  if (a instanceof Uint8Array) return compareBytes(a, b as Uint8Array);
  if (a < b) return -1;
  if (a > b) return 1;
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
  return Number.isNaN(b) ? -1 : 0;
}

/** By code point; UTF-16's own order puts U+E000 to U+FFFF behind the supplementary planes. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? utf8Rank(x) - utf8Rank(y) : x - y;
  }
  return a.length - b.length;
}

/** Moves the surrogates behind all other UTF-16 code units. */
function utf8Rank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x2000 : unit + 0x2000;
}

/** Unsigned, byte by byte; a prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/**
 * A value as text for people and partition folders: ISO 8601 dates and times, decimals with their scale,
 * bytes in hexadecimal. `parseHuman` reads it back.
 */
export function valueToHuman(type: Type, value: Value): string {
  switch (type.kind) {
    case 'date':
      return formatDate(value as number);
    case 'time':
      return formatTime(value as bigint, 6, 'short');
    case 'timestamp':
      return formatTimestamp(value as bigint, 6, 'short');
    case 'timestamptz':
      return `${formatTimestamp(value as bigint, 6, 'short')}+00:00`;
    case 'timestamp_ns':
      return formatTimestamp(value as bigint, 9, 'short');
    case 'timestamptz_ns':
      return `${formatTimestamp(value as bigint, 9, 'short')}+00:00`;
    case 'decimal':
      return formatDecimal(value as bigint, type.scale);
    case 'float':
    case 'double':
      return formatFloat(value as number);
    default:
      return value instanceof Uint8Array ? bufferOf(value).toString('hex') : String(value);
  }
}

/** String() writes -0 as 0. */
function formatFloat(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** An unscaled value as plain decimal text with `scale` digits behind the point: (1420, 2) -> "14.20". */
export function formatDecimal(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : '';
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The error for a value that isn't in its type's in-memory form. */
export function notOfType(type: Type, value: unknown): ValidationError {
  return new ValidationError(`${describeJson(value)} isn't a value of type ${typeToString(type)}.`);
}
