/**
 * The first 64 bits of the 128-bit Murmur3 hash, x64 variant, in halves of 32 bits: BigInt would take a microsecond a
 * value. Not reentrant; `high` and `low` hold the last result.
 */
export class Murmur3X64 {
  low = 0;
  high = 0;
  readonly #seed: number;

  /** `seed` is below 2^31. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Hashes `bytes[start..start + length)`. */
  hash(bytes: Uint8Array, start: number, length: number): void {
    let h1l = this.#seed;
    let h1h = 0;
    let h2l = this.#seed;
    let h2h = 0;
    const end = start + (length & ~15);
    for (let at = start; at < end; at += 16) {
      firstKey(word(bytes, at), word(bytes, at + 4));
      h1l ^= lo;
      h1h ^= hi;
      rotate(h1l, h1h, 27);
      add(lo, hi, h2l, h2h);
      multiply(lo, hi, 5, 0);
      add(lo, hi, 0x52dce729, 0);
      h1l = lo;
      h1h = hi;
      secondKey(word(bytes, at + 8), word(bytes, at + 12));
      h2l ^= lo;
      h2h ^= hi;
      rotate(h2l, h2h, 31);
      add(lo, hi, h1l, h1h);
      multiply(lo, hi, 5, 0);
      add(lo, hi, 0x38495ab5, 0);
      h2l = lo;
      h2h = hi;
    }
    const tail = length & 15;
    if (tail > 8) {
      secondKey(tailWord(bytes, end + 8, tail - 8), tailWord(bytes, end + 12, tail - 12));
      h2l ^= lo;
      h2h ^= hi;
    }
    if (tail > 0) {
      firstKey(tailWord(bytes, end, tail), tailWord(bytes, end + 4, tail - 4));
      h1l ^= lo;
      h1h ^= hi;
    }
    add(h1l ^ length, h1h, h2l ^ length, h2h);
    h1l = lo;
    h1h = hi;
    add(h2l ^ length, h2h, h1l, h1h);
    h2l = lo;
    h2h = hi;
    finish(h1l, h1h);
    h1l = lo;
    h1h = hi;
    finish(h2l, h2h);
    add(lo, hi, h1l, h1h);
    this.low = lo;
    this.high = hi;
  }
}

/** The 64-bit result of the functions below, as signed halves. */
let lo = 0;
let hi = 0;

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** As `word`, of which only the first `count` bytes are there. */
function tailWord(bytes: Uint8Array, at: number, count: number): number {
  let result = 0;
  for (let i = Math.min(count, 4) - 1; i >= 0; i--) result = (result << 8) | bytes[at + i]!;
  return result;
}

function add(al: number, ah: number, bl: number, bh: number): void {
  const low = (al >>> 0) + (bl >>> 0);
  hi = (ah + bh + (low > 0xffffffff ? 1 : 0)) | 0;
  lo = low | 0;
}

function multiply(al: number, ah: number, bl: number, bh: number): void {
  const a0 = al & 0xffff;
  const a1 = al >>> 16;
  const b0 = bl & 0xffff;
  const b1 = bl >>> 16;
  const p00 = a0 * b0;
  const p01 = a0 * b1;
  const p10 = a1 * b0;
  const middle = (p00 >>> 16) + (p01 & 0xffff) + (p10 & 0xffff);
  const carried = a1 * b1 + (p01 >>> 16) + (p10 >>> 16) + (middle >>> 16);
  hi = (carried + Math.imul(al, bh) + Math.imul(ah, bl)) | 0;
  lo = (middle << 16) | (p00 & 0xffff);
}

/** Rotates to the left by less than 32 bits, or by 33. */
function rotate(l: number, h: number, by: number): void {
  if (by === 33) {
    rotate(h, l, 1);
    return;
  }
  lo = (l << by) | (h >>> (32 - by));
  hi = (h << by) | (l >>> (32 - by));
}

function firstKey(l: number, h: number): void {
  multiply(l, h, 0x114253d5, 0x87c37b91);
  rotate(lo, hi, 31);
  multiply(lo, hi, 0x2745937f, 0x4cf5ad43);
}

function secondKey(l: number, h: number): void {
  multiply(l, h, 0x2745937f, 0x4cf5ad43);
  rotate(lo, hi, 33);
  multiply(lo, hi, 0x114253d5, 0x87c37b91);
}

function finish(l: number, h: number): void {
  // A shift by 33 bits leaves the upper half, shifted by one, in the lower.
  multiply(l ^ (h >>> 1), h, 0xed558ccd, 0xff51afd7);
  multiply(lo ^ (hi >>> 1), hi, 0x1a85ec53, 0xc4ceb9fe);
  lo ^= hi >>> 1;
}
