import { LakebookError } from '../../../iceberg/errors.ts';
import { utf8 } from './json-reader.ts';

/*
 * Numbers from their digits in bytes, exactly and without a string for each: 64-bit numbers and decimals are built
 * in 32-bit limbs, since a double holds 15 digits only.
 */

const zero = 0x30;
const minus = 0x2d;
const plus = 0x2b;
const dot = 0x2e;

/** A value that isn't what the column's type says. */
export function badValue(what: string, text: Uint8Array, start: number, end: number): LakebookError {
  const shown = utf8(text, start, Math.min(end, start + 60));
  return new LakebookError('ENGINE_RESPONSE', `The server sent "${shown}" as ${what}.`);
}

/** A whole number of at most 15 digits. @throws LakebookError for anything else */
export function wholeNumber(text: Uint8Array, start: number, end: number): number {
  let at = start;
  const negative = text[at] === minus;
  if (negative || text[at] === plus) at++;
  if (at === end || end - at > 15) throw badValue('a whole number', text, start, end);
  let value = 0;
  for (; at < end; at++) {
    const digit = text[at]! - zero;
    if (digit < 0 || digit > 9) throw badValue('a whole number', text, start, end);
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

/** Digits that are taken at once: 2^32 times 10^6 stays below 2^53. */
const chunkDigits = 6;
const powers = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

/**
 * Writes a number with `scale` digits behind the point as an integer of `limbs` 32-bit words, lowest first, in two's
 * complement: "-1.5" with the scale 2 is -150.
 * @throws LakebookError for text that is no such number or has more digits behind the point
 */
export function writeScaled(
  target: Int32Array,
  index: number,
  limbs: 2 | 4,
  scale: number,
  text: Uint8Array,
  start: number,
  end: number,
): void {
  let at = start;
  const negative = text[at] === minus;
  if (negative || text[at] === plus) at++;
  if (at === end) throw badValue('a number', text, start, end);
  for (let limb = 0; limb < limbs; limb++) target[index + limb] = 0;
  let chunk = 0;
  let digits = 0;
  let fraction = -1;
  for (; at < end; at++) {
    const byte = text[at]!;
    if (byte === dot && fraction < 0) {
      fraction = 0;
      continue;
    }
    const digit = byte - zero;
    if (digit < 0 || digit > 9) throw badValue('a number', text, start, end);
    if (fraction >= 0) fraction++;
    chunk = chunk * 10 + digit;
    if (++digits === chunkDigits) {
      multiplyAdd(target, index, limbs, 1_000_000, chunk);
      chunk = 0;
      digits = 0;
    }
  }
  if (digits > 0) multiplyAdd(target, index, limbs, powers[digits]!, chunk);
  let missing = scale - Math.max(fraction, 0);
  if (missing < 0) throw badValue(`a number of ${scale} digits behind the point`, text, start, end);
  for (; missing > 0; missing -= chunkDigits) {
    multiplyAdd(target, index, limbs, powers[Math.min(missing, chunkDigits)]!, 0);
  }
  if (negative) negate(target, index, limbs);
}

function multiplyAdd(target: Int32Array, index: number, limbs: number, factor: number, carry: number): void {
  let rest = carry;
  for (let limb = index; limb < index + limbs; limb++) {
    const value = (target[limb]! >>> 0) * factor + rest;
    const low = value % 0x1_0000_0000;
    target[limb] = low;
    rest = (value - low) / 0x1_0000_0000;
  }
}

function negate(target: Int32Array, index: number, limbs: number): void {
  let carry = 1;
  for (let limb = index; limb < index + limbs; limb++) {
    const value = (~target[limb]! >>> 0) + carry;
    target[limb] = value;
    carry = value > 0xffff_ffff ? 1 : 0;
  }
}

/** Writes a whole number that a double holds exactly as a 64-bit one. */
export function writeInt64(target: Int32Array, index: number, value: number): void {
  // Bit operations take a number modulo 2^32, also a negative one.
  const low = value >>> 0;
  target[index] = low;
  target[index + 1] = (value - low) / 0x1_0000_0000;
}

/** Powers of ten that a double holds exactly. */
const exactPowers = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** A double: the one nearest to the text, as JavaScript and Java read it. */
export function double(text: Uint8Array, start: number, end: number): number {
  let at = start;
  const negative = text[at] === minus;
  if (negative) at++;
  let mantissa = 0;
  let digits = 0;
  let exponent = 0;
  let seenDot = false;
  for (; at < end; at++) {
    const byte = text[at]!;
    const digit = byte - zero;
    if (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digits++;
      if (seenDot) exponent--;
    } else if (byte === dot && !seenDot) seenDot = true;
    else break;
  }
  // One rounding of exact numbers gives the nearest; everything else is the language's own business.
  if (at === end && digits > 0 && digits <= 15 && exponent >= -22) {
    const value = mantissa / exactPowers[-exponent]!;
    return negative ? -value : value;
  }
  const written = utf8(text, start, end);
  const value = Number(written);
  if (Number.isNaN(value) && written !== 'NaN') throw badValue('a number', text, start, end);
  return value;
}
