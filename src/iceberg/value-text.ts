import { parseDate, parseTime, parseTimestamp } from './datetime.ts';
import { ValidationError } from './errors.ts';
import { typeToString } from './type-text.ts';
import type { DecimalType, Type, Value } from './types.ts';

/**
 * Reads a value from text as DuckDB, Iceberg and ISO 8601 write it: dates and timestamps with `T` or a space,
 * ` (BC)`, `infinity` (DuckDB's largest values), offsets for timestamptz; decimals in plain or scientific form;
 * booleans also as 0 and 1; bytes as hexadecimal digits, or as DuckDB's escapes when there is a backslash
 * (`\xAA\x00b`). What the type can't hold exactly is an error, never rounded.
 * @throws ValidationError
 */
export function parseHuman(type: Type, text: string): Value {
  const value = parse(type, text);
  if (value === undefined) {
    throw new ValidationError(`"${text}" isn't a value of type ${typeToString(type)}.`, {
      hint: hintFor(type),
    });
  }
  return value;
}

const int64Max = 0x7fff_ffff_ffff_ffffn;

function parse(type: Type, text: string): Value | undefined {
  switch (type.kind) {
    case 'boolean':
      return parseBoolean(text);
    case 'int': {
      const value = parseInteger(text, 32);
      return value === undefined ? undefined : Number(value);
    }
    case 'long':
      return parseInteger(text, 64);
    case 'float': {
      const value = parseFloating(text);
      return value === undefined ? undefined : Math.fround(value);
    }
    case 'double':
      return parseFloating(text);
    case 'decimal':
      return parseDecimal(type, text);
    case 'date': {
      const days = infinity(text, 0x7fffffff) ?? parseDate(text);
      return days !== undefined && (days | 0) === days ? days : undefined;
    }
    case 'time':
      return parseTime(text, 6);
    case 'timestamp':
    case 'timestamptz':
      return inInt64(infinity(text, int64Max) ?? parseTimestamp(text, 6, type.kind === 'timestamptz'));
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return inInt64(infinity(text, int64Max) ?? parseTimestamp(text, 9, type.kind === 'timestamptz_ns'));
    case 'string':
      return text;
    case 'uuid':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : undefined;
    case 'fixed': {
      const bytes = parseBytes(text);
      return bytes?.length === type.length ? bytes : undefined;
    }
    case 'binary':
      return parseBytes(text);
    default:
      return undefined;
  }
}

function parseBoolean(text: string): boolean | undefined {
  switch (text.toLowerCase()) {
    case 'true':
    case 't':
    case '1':
      return true;
    case 'false':
    case 'f':
    case '0':
      return false;
    default:
      return undefined;
  }
}

function parseInteger(text: string, bits: 32 | 64): bigint | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  return BigInt.asIntN(bits, value) === value ? value : undefined;
}

function parseFloating(text: string): number | undefined {
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special !== null) {
    if (special[2]!.toLowerCase() === 'nan') return Number.NaN;
    return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

/** The unscaled value; undefined when digits would be lost or there are more than the precision allows. */
function parseDecimal(type: DecimalType, text: string): bigint | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,4}))?$/i.exec(text);
  if (match === null || (match[2]! === '' && (match[3] ?? '') === '')) return undefined;
  const fraction = match[3] ?? '';
  // unscaled * 10^-scale = digits * 10^(exponent - fraction.length)
  const shift = type.scale + Number(match[4] ?? 0) - fraction.length;
  const digits = BigInt(match[2]! + fraction);
  let unscaled: bigint;
  if (shift >= 0) {
    if (digits !== 0n && shift > 38) return undefined;
    unscaled = digits === 0n ? 0n : digits * 10n ** BigInt(shift);
  } else {
    const divisor = 10n ** BigInt(-shift);
    if (digits % divisor !== 0n) return undefined;
    unscaled = digits / divisor;
  }
  if (unscaled >= 10n ** BigInt(type.precision)) return undefined;
  return match[1] === '-' ? -unscaled : unscaled;
}

/** DuckDB stores `infinity` as the largest value of the type and `-infinity` as its negative. */
function infinity<T extends number | bigint>(text: string, max: T): T | undefined {
  if (text === 'infinity') return max;
  return text === '-infinity' ? (-max as T) : undefined;
}

function inInt64(value: bigint | undefined): bigint | undefined {
  return value !== undefined && BigInt.asIntN(64, value) === value ? value : undefined;
}

function parseBytes(text: string): Uint8Array | undefined {
  if (!text.includes('\\')) {
    return /^([0-9a-f]{2})*$/i.test(text) ? Uint8Array.from(Buffer.from(text, 'hex')) : undefined;
  }
  const bytes: number[] = [];
  for (const [part, hex] of text.matchAll(/\\x([0-9a-f]{2})|./gis)) {
    const code = hex === undefined ? part.charCodeAt(0) : Number.parseInt(hex, 16);
    if (hex === undefined && (code > 0x7f || part === '\\')) return undefined;
    bytes.push(code);
  }
  return Uint8Array.from(bytes);
}

function hintFor(type: Type): string | undefined {
  switch (type.kind) {
    case 'date':
      return 'Dates are written as 2026-01-31.';
    case 'time':
      return 'Times are written as 22:31:08 or 22:31:08.123456.';
    case 'timestamp':
    case 'timestamp_ns':
      return 'Timestamps are written as 2026-01-31 22:31:08, without a time zone.';
    case 'timestamptz':
    case 'timestamptz_ns':
      return 'Timestamps with time zone are written as 2026-01-31 22:31:08+00:00.';
    case 'decimal':
      return `It has at most ${type.precision} digits, ${type.scale} of them behind the point.`;
    case 'fixed':
      return `It has exactly ${type.length} bytes, written as hexadecimal digits.`;
    case 'binary':
      return 'Bytes are written as hexadecimal digits, two for each byte.';
    case 'int':
      return 'An int is a whole number from -2147483648 to 2147483647.';
    case 'long':
      return 'A long is a whole number of 64 bits.';
    default:
      return undefined;
  }
}
