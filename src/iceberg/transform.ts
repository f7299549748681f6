import { dateFromDays, floorDiv, floorMod, formatDate, formatYear } from './datetime.ts';
import { ValidationError } from './errors.ts';
import { murmur3, murmur3Long } from './murmur3.ts';
import { typeToString } from './type-text.ts';
import { isPrimitive, type Type, type Value } from './types.ts';
import { bigEndianBytes, uuidToBytes, valueToHuman } from './value.ts';

export type Transform =
  | { readonly kind: 'identity' | 'year' | 'month' | 'day' | 'hour' | 'void' }
  | { readonly kind: 'bucket'; readonly buckets: number }
  | { readonly kind: 'truncate'; readonly width: number }
  /** A transform this version doesn't know: the field is kept, never written, and prunes nothing. */
  | { readonly kind: 'other'; readonly text: string };

/** Reads a transform's JSON string (spec: Appendix C). Never fails: unknown ones become 'other'. */
export function parseTransform(text: string): Transform {
  switch (text) {
    case 'identity':
    case 'year':
    case 'month':
    case 'day':
    case 'hour':
    case 'void':
      return { kind: text };
    default:
      break;
  }
  const match = /^(bucket|truncate)\s*\[\s*(\d+)\s*\]$/.exec(text);
  const parameter = Number(match?.[2]);
  if (match === null || parameter < 1 || parameter > 0x7fffffff) return { kind: 'other', text };
  return match[1] === 'bucket'
    ? { kind: 'bucket', buckets: parameter }
    : { kind: 'truncate', width: parameter };
}

/** The JSON string: `day`, `bucket[16]`, `truncate[4]`. */
export function transformToString(transform: Transform): string {
  switch (transform.kind) {
    case 'bucket':
      return `bucket[${transform.buckets}]`;
    case 'truncate':
      return `truncate[${transform.width}]`;
    case 'other':
      return transform.text;
    default:
      return transform.kind;
  }
}

/**
 * The type of the partition values. A dropped source column is given as `unknown`. What an unknown transform
 * yields can't be known: string, as other Iceberg libraries assume.
 */
export function transformResultType(transform: Transform, sourceType: Type): Type {
  switch (transform.kind) {
    case 'identity':
    case 'truncate':
    case 'void':
      return sourceType;
    case 'day':
      return { kind: 'date' };
    case 'other':
      return { kind: 'string' };
    default:
      return { kind: 'int' };
  }
}

const timestampKinds = new Set(['timestamp', 'timestamptz', 'timestamp_ns', 'timestamptz_ns']);
const truncateKinds = new Set(['int', 'long', 'decimal', 'string', 'binary']);
const unhashedKinds = new Set(['boolean', 'float', 'double', 'unknown', 'variant', 'geometry', 'geography']);
const unpartitionableKinds = new Set(['unknown', 'variant', 'geometry', 'geography']);

/** Whether the transform is defined for a column type (spec: Partition Transforms). */
export function canTransform(transform: Transform, type: Type): boolean {
  if (transform.kind === 'void') return true;
  if (!isPrimitive(type) || transform.kind === 'other') return false;
  switch (transform.kind) {
    case 'identity':
      return !unpartitionableKinds.has(type.kind);
    case 'bucket':
      return !unhashedKinds.has(type.kind);
    case 'truncate':
      return truncateKinds.has(type.kind);
    case 'hour':
      return timestampKinds.has(type.kind);
    default:
      return type.kind === 'date' || timestampKinds.has(type.kind);
  }
}

/**
 * The partition value of a column value; null for null. A truncated integer below the type's range (only near
 * its minimum) is the minimum, so that the transform keeps the order of values.
 * @throws ValidationError when the transform isn't defined for the type.
 */
export function applyTransform(transform: Transform, type: Type, value: Value | null): Value | null {
  if (transform.kind === 'void' || value === null) return null;
  if (!canTransform(transform, type)) {
    throw new ValidationError(
      `The partition transform ${transformToString(transform)} can't be applied to values of type ${typeToString(type)}.`,
      { hint: 'Partition by the column itself, or choose a transform that is defined for its type.' },
    );
  }
  switch (transform.kind) {
    case 'identity':
      return value;
    case 'bucket':
      return (hashValue(type, value) & 0x7fffffff) % transform.buckets;
    case 'truncate':
      return truncateValue(type, value, transform.width);
    case 'other':
      throw new ValidationError(`The partition transform "${transform.text}" is unknown.`);
    default:
      return timeOrdinal(transform.kind, type, value);
  }
}

/** The 32-bit hash that bucket partitions use (spec: Appendix B). */
export function hashValue(type: Type, value: Value): number {
  switch (type.kind) {
    case 'int':
    case 'date':
      return murmur3Long(BigInt(value as number));
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return murmur3Long(value as bigint);
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return murmur3Long(floorDiv(value as bigint, 1000n));
    case 'decimal':
      return murmur3(bigEndianBytes(value as bigint));
    case 'string':
      return murmur3(Buffer.from(value as string, 'utf8'));
    case 'uuid':
      return murmur3(uuidToBytes(value as string));
    case 'fixed':
    case 'binary':
      return murmur3(value as Uint8Array);
    default:
      throw new ValidationError(`Values of type ${typeToString(type)} can't be put into buckets.`);
  }
}

function truncateValue(type: Type, value: Value, width: number): Value {
  switch (type.kind) {
    case 'int': {
      const v = value as number;
      return Math.max(v - (((v % width) + width) % width), -0x80000000);
    }
    case 'long': {
      const v = value as bigint;
      const truncated = v - floorMod(v, BigInt(width));
      return truncated < -0x8000_0000_0000_0000n ? -0x8000_0000_0000_0000n : truncated;
    }
    case 'decimal':
      return (value as bigint) - floorMod(value as bigint, BigInt(width));
    case 'string':
      return truncateString(value as string, width);
    default:
      return (value as Uint8Array).subarray(0, width);
  }
}

/** The first `length` code points. */
export function truncateString(value: string, length: number): string {
  if (value.length <= length) return value;
  let end = 0;
  for (let i = 0; i < length && end < value.length; i++) end += value.codePointAt(end)! > 0xffff ? 2 : 1;
  return value.slice(0, end);
}

function timeOrdinal(kind: 'year' | 'month' | 'day' | 'hour', type: Type, value: Value): number {
  if (type.kind === 'date') return dateOrdinal(kind as 'year' | 'month' | 'day', value as number);
  const nanos = type.kind === 'timestamp_ns' || type.kind === 'timestamptz_ns';
  const perHour = nanos ? 3_600_000_000_000n : 3_600_000_000n;
  const hours = Number(floorDiv(value as bigint, perHour));
  // Hours of timestamps some 245,000 years away are beyond an int: the last one keeps the order of values.
  if (kind === 'hour') return Math.min(Math.max(hours, -0x80000000), 0x7fffffff);
  return dateOrdinal(kind, Math.floor(hours / 24));
}

function dateOrdinal(kind: 'year' | 'month' | 'day', days: number): number {
  if (kind === 'day') return days;
  const { year, month } = dateFromDays(days);
  return kind === 'year' ? year - 1970 : (year - 1970) * 12 + month - 1;
}

/**
 * A partition value as text for folder names, as other Iceberg libraries write it: `2026`, `2026-01`,
 * `2026-01-31`, `2026-01-31-08`, base64 for bytes, `null`. `type` is the source column's type.
 */
export function transformHuman(transform: Transform, type: Type, value: Value | null): string {
  if (value === null) return 'null';
  switch (transform.kind) {
    case 'year':
      return formatYear(1970 + (value as number));
    case 'month': {
      const months = value as number;
      const year = 1970 + Math.floor(months / 12);
      return `${formatYear(year)}-${twoDigits(months - Math.floor(months / 12) * 12 + 1)}`;
    }
    case 'day':
      return formatDate(value as number);
    case 'hour': {
      const hours = value as number;
      const days = Math.floor(hours / 24);
      return `${formatDate(days)}-${twoDigits(hours - days * 24)}`;
    }
    case 'bucket':
    case 'other':
      return String(value);
    default:
      return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : valueToHuman(type, value);
  }
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
