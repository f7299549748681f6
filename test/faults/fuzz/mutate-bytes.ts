import type { Random } from './random.ts';

/** Numbers at which counts, lengths and offsets go wrong. */
const extremes: readonly bigint[] = [
  0n,
  1n,
  -1n,
  127n,
  128n,
  255n,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  2n ** 53n,
  2n ** 60n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

/** Longest input that mutations make of smaller ones. */
const longest = 1 << 20;

/**
 * Changes bytes as damage and malice do: flipped bits, extreme numbers in every width and byte order, ranges cut out,
 * doubled, swapped or taken from another file, cut ends, words that the format gives a meaning.
 */
export function mutateBytes(
  random: Random,
  corpus: readonly Uint8Array[],
  dictionary: readonly Uint8Array[] = [],
): Uint8Array {
  let bytes = Uint8Array.from(random.pick(corpus));
  for (let step = random.few(8); step > 0; step--) bytes = mutateOnce(random, bytes, corpus, dictionary);
  return bytes;
}

function mutateOnce(
  random: Random,
  bytes: Uint8Array<ArrayBuffer>,
  corpus: readonly Uint8Array[],
  dictionary: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const length = random.oneIn(4) ? random.below(bytes.length - at + 1) : random.below(17);
  switch (random.below(12)) {
    case 0:
    case 1:
      if (at < bytes.length) bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 2:
      if (at < bytes.length) bytes[at] = random.next();
      return bytes;
    case 3:
      return splice(bytes, at, numberBytes(random), true);
    case 4:
      return splice(bytes, at, numberBytes(random), random.oneIn(2));
    case 5:
      return splice(bytes, at, new Uint8Array(0), false, length);
    case 6: {
      // A range again, perhaps often.
      const range = bytes.subarray(at, at + length);
      const times = random.oneIn(8) ? 1 + random.below(2000) : random.few(8);
      if (range.length * times + bytes.length > longest) return bytes;
      return splice(bytes, random.below(bytes.length + 1), repeated(range, times), false);
    }
    case 7:
      return splice(bytes, at, random.bytes(random.below(16)), random.oneIn(2));
    case 8:
      if (dictionary.length === 0) return bytes.slice(0, at);
      return splice(bytes, at, random.pick(dictionary), random.oneIn(2));
    case 9: {
      const other = random.pick(corpus);
      return splice(bytes, at, other.subarray(random.below(other.length + 1)), false, bytes.length - at);
    }
    case 10: {
      const other = random.pick(corpus);
      const start = random.below(other.length + 1);
      return splice(bytes, at, other.subarray(start, start + length), random.oneIn(2));
    }
    default:
      return bytes.slice(0, at);
  }
}

/** Puts `insert` at an offset, over what is there or between it. */
function splice(
  bytes: Uint8Array,
  at: number,
  insert: Uint8Array,
  over: boolean,
  removed = over ? insert.length : 0,
): Uint8Array<ArrayBuffer> {
  const tail = bytes.subarray(Math.min(bytes.length, at + removed));
  const result = new Uint8Array(at + insert.length + tail.length);
  result.set(bytes.subarray(0, at));
  result.set(insert, at);
  result.set(tail, at + insert.length);
  return result.length > longest ? result.slice(0, longest) : result;
}

function repeated(bytes: Uint8Array, times: number): Uint8Array {
  const result = new Uint8Array(bytes.length * times);
  for (let i = 0; i < times; i++) result.set(bytes, i * bytes.length);
  return result;
}

/** An extreme number as a fixed-width integer of either byte order, or as a variable-length one. */
function numberBytes(random: Random): Uint8Array {
  const value = random.pick(extremes) + BigInt(random.below(3)) - 1n;
  const form = random.below(4);
  if (form === 0) return varint(BigInt.asUintN(64, value));
  if (form === 1) return varint(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
  const width = random.pick([1, 2, 4, 8]);
  const bytes = Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
  return Uint8Array.from(form === 2 ? bytes : bytes.reverse());
}

export function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
