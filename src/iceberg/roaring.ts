import { CorruptFileError, ValidationError } from './errors.ts';

/*
 * Roaring bitmaps in their portable form (RoaringFormatSpec), with 64-bit values as the "64-bit extension" lays them
 * out: what deletion vectors are made of. Only as much of a bitmap library as the format needs: reading, writing and
 * the union of sets of row positions.
 */

/** Values that a container holds. */
const containerValues = 65_536;
const bitmapBytes = containerValues / 8;
/** Containers with more values than this are bitmaps, others lists. */
const mostInArray = 4096;
const noRunCookie = 12_346;
const runCookie = 12_347;
/** From this many containers on a bitmap with runs has offsets too. */
const offsetsFrom = 4;

/** A set of row positions, as bitmaps of 65,536 positions each (bit `i & 7` of byte `i >> 3`). */
export class PositionSet {
  readonly #blocks = new Map<number, Uint8Array>();

  /** Bitmaps by the positions' upper bits (`position >> 16`), in ascending order. */
  blocks(): [number, Uint8Array][] {
    return [...this.#blocks].sort(([a], [b]) => a - b);
  }

  /** The bitmap of a block, for setting bits of it. */
  block(key: number): Uint8Array {
    let bits = this.#blocks.get(key);
    if (bits === undefined) {
      bits = new Uint8Array(bitmapBytes);
      this.#blocks.set(key, bits);
    }
    return bits;
  }

  add(position: number): void {
    const low = position % containerValues;
    this.block(Math.floor(position / containerValues))[low >> 3]! |= 1 << (low & 7);
  }

  has(position: number): boolean {
    const low = position % containerValues;
    const bits = this.#blocks.get(Math.floor(position / containerValues));
    return bits !== undefined && (bits[low >> 3]! & (1 << (low & 7))) !== 0;
  }

  addAll(other: PositionSet): void {
    for (const [key, bits] of other.#blocks) {
      const own = this.block(key);
      for (let i = 0; i < bitmapBytes; i++) own[i]! |= bits[i]!;
    }
  }

  /** How many positions there are. */
  get size(): number {
    let size = 0;
    for (const bits of this.#blocks.values()) size += countBits(bits);
    return size;
  }

  /** All positions, ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (const [key, bits] of this.blocks()) {
      for (const low of lowBits(bits)) yield key * containerValues + low;
    }
  }
}

const bitsInByte = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
});

function countBits(bits: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bits.length; i++) count += bitsInByte[bits[i]!]!;
  return count;
}

function lowBits(bits: Uint8Array): number[] {
  const values: number[] = [];
  for (let i = 0; i < bitmapBytes; i++) {
    const byte = bits[i]!;
    if (byte === 0) continue;
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) values.push(i * 8 + bit);
  }
  return values;
}

/** @throws CorruptFileError, naming `location`, for bytes that are no 64-bit Roaring bitmap */
export function decodeRoaring64(location: string, bytes: Uint8Array): PositionSet {
  const reader = new Reader(location, bytes);
  const set = new PositionSet();
  const count = reader.u64();
  let previous = -1;
  for (let i = 0; i < count; i++) {
    const key = reader.u32();
    // Positions are below 2^63, so keys are too; they have to ascend.
    if (key <= previous || key >= 2 ** 31) throw reader.corrupt(`its bitmap ${i} has the key ${key}`);
    previous = key;
    decodeRoaring32(reader, key, set);
  }
  reader.end();
  return set;
}

function decodeRoaring32(reader: Reader, upper: number, set: PositionSet): void {
  const cookie = reader.u32();
  const hasRuns = (cookie & 0xffff) === runCookie;
  if (!hasRuns && cookie !== noRunCookie) throw reader.corrupt(`its bitmap has the cookie ${cookie}`);
  const count = hasRuns ? (cookie >>> 16) + 1 : reader.u32();
  if (count > containerValues) throw reader.corrupt(`it has ${count} containers`);
  const runFlags = hasRuns ? reader.take(Math.ceil(count / 8)) : undefined;
  const headers = Array.from({ length: count }, () => ({ key: reader.u16(), cardinality: reader.u16() + 1 }));
  if (!hasRuns || count >= offsetsFrom) reader.take(count * 4);
  let previous = -1;
  for (const [index, { key, cardinality }] of headers.entries()) {
    if (key <= previous) throw reader.corrupt(`its containers are not in order`);
    previous = key;
    const bits = set.block(upper * containerValues + key);
    const isRun = runFlags !== undefined && (runFlags[index >> 3]! & (1 << (index & 7))) !== 0;
    if (isRun) readRuns(reader, bits);
    else if (cardinality <= mostInArray) readArray(reader, cardinality, bits);
    else bits.set(reader.take(bitmapBytes));
    if (countBits(bits) !== cardinality) {
      throw reader.corrupt(`a container says ${cardinality} positions but has ${countBits(bits)}`);
    }
  }
}

function readRuns(reader: Reader, bits: Uint8Array): void {
  const runs = reader.u16();
  for (let run = 0; run < runs; run++) {
    const start = reader.u16();
    const last = start + reader.u16();
    if (last >= containerValues) throw reader.corrupt('a run goes beyond its container');
    for (let low = start; low <= last; low++) bits[low >> 3]! |= 1 << (low & 7);
  }
}

function readArray(reader: Reader, cardinality: number, bits: Uint8Array): void {
  for (let i = 0; i < cardinality; i++) {
    const low = reader.u16();
    bits[low >> 3]! |= 1 << (low & 7);
  }
}

class Reader {
  readonly #location: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(location: string, bytes: Uint8Array) {
    this.#location = location;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  u64(): number {
    const value = this.#view.getBigUint64(this.#skip(8), true);
    if (value > BigInt(2 ** 31)) throw this.corrupt(`it says it has ${value} bitmaps`);
    return Number(value);
  }

  take(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw this.corrupt(`${this.#bytes.length - this.#at} bytes are left over`);
    }
  }

  corrupt(why: string): CorruptFileError {
    return new CorruptFileError(this.#location, `no Roaring bitmap: ${why}.`);
  }

  #skip(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw this.corrupt(`it ends after ${this.#bytes.length} bytes`);
    this.#at += length;
    return start;
  }
}

/** A container that is going to be written: its form is the smallest one. */
interface Container {
  readonly key: number;
  readonly cardinality: number;
  readonly isRun: boolean;
  readonly bytes: Uint8Array;
}

/** @throws ValidationError for positions of 2^63 and above */
export function encodeRoaring64(set: PositionSet): Uint8Array {
  const byUpper = new Map<number, Container[]>();
  for (const [key, bits] of set.blocks()) {
    const cardinality = countBits(bits);
    if (cardinality === 0) continue;
    const upper = Math.floor(key / containerValues);
    if (upper >= 2 ** 31)
      throw new ValidationError(`The row position ${key * containerValues} is too large.`);
    const containers = byUpper.get(upper) ?? [];
    containers.push({ key: key % containerValues, cardinality, ...encodeContainer(bits, cardinality) });
    byUpper.set(upper, containers);
  }
  const parts: Uint8Array[] = [littleEndian(8, byUpper.size)];
  for (const [upper, containers] of byUpper) {
    parts.push(littleEndian(4, upper), ...encodeRoaring32(containers));
  }
  return Buffer.concat(parts);
}

function encodeRoaring32(containers: readonly Container[]): Uint8Array[] {
  const count = containers.length;
  const hasRuns = containers.some(container => container.isRun);
  const parts: Uint8Array[] = [];
  if (hasRuns) {
    const flags = new Uint8Array(Math.ceil(count / 8));
    for (const [index, { isRun }] of containers.entries()) if (isRun) flags[index >> 3]! |= 1 << (index & 7);
    parts.push(littleEndian(4, runCookie + (count - 1) * 2 ** 16), flags);
  } else {
    parts.push(littleEndian(4, noRunCookie), littleEndian(4, count));
  }
  for (const { key, cardinality } of containers) {
    parts.push(littleEndian(2, key), littleEndian(2, cardinality - 1));
  }
  if (!hasRuns || count >= offsetsFrom) {
    let offset = parts.reduce((sum, part) => sum + part.length, 0) + count * 4;
    for (const { bytes } of containers) {
      parts.push(littleEndian(4, offset));
      offset += bytes.length;
    }
  }
  return [...parts, ...containers.map(container => container.bytes)];
}

function encodeContainer(bits: Uint8Array, cardinality: number): Pick<Container, 'isRun' | 'bytes'> {
  const runs = countRuns(bits);
  const plainSize = cardinality <= mostInArray ? cardinality * 2 : bitmapBytes;
  if (2 + runs * 4 < plainSize) return { isRun: true, bytes: encodeRuns(bits, runs) };
  if (cardinality > mostInArray) return { isRun: false, bytes: bits };
  const bytes = new Uint8Array(cardinality * 2);
  const view = new DataView(bytes.buffer);
  for (const [index, low] of lowBits(bits).entries()) view.setUint16(index * 2, low, true);
  return { isRun: false, bytes };
}

/** A run starts at every set bit whose lower neighbour isn't set. */
function countRuns(bits: Uint8Array): number {
  let runs = 0;
  let carry = 0;
  for (let i = 0; i < bitmapBytes; i++) {
    const byte = bits[i]!;
    runs += bitsInByte[byte & ~((byte << 1) | carry) & 0xff]!;
    carry = byte >> 7;
  }
  return runs;
}

function encodeRuns(bits: Uint8Array, runs: number): Uint8Array {
  const bytes = new Uint8Array(2 + runs * 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, runs, true);
  let at = 2;
  let start = -1;
  let last = -2;
  const flush = () => {
    view.setUint16(at, start, true);
    view.setUint16(at + 2, last - start, true);
    at += 4;
  };
  for (const low of lowBits(bits)) {
    if (low !== last + 1) {
      if (start >= 0) flush();
      start = low;
    }
    last = low;
  }
  flush();
  return bytes;
}

function littleEndian(size: 2 | 4 | 8, value: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size === 2) view.setUint16(0, value, true);
  else if (size === 4) view.setUint32(0, value, true);
  else view.setBigUint64(0, BigInt(value), true);
  return bytes;
}
