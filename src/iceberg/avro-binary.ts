/** Bytes that aren't what Avro's binary encoding allows; the container reader adds the file's location. */
export class AvroFormatError extends Error {}

const TWO_28 = 2 ** 28;
const TWO_53 = 2 ** 53;
const TWO_70 = 2 ** 70;

/**
 * Reads Avro's binary encoding (Avro 1.11 specification, "Binary Encoding") from one buffer. Every read is
 * checked against the buffer's end, so damaged or hostile bytes end in an AvroFormatError and cost no more
 * memory than the buffer itself.
 */
export class AvroReader {
  readonly bytes: Buffer;
  pos: number;

  constructor(bytes: Uint8Array, pos = 0) {
    this.bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.pos = pos;
  }

  get remaining(): number {
    return this.bytes.length - this.pos;
  }

  readBoolean(): boolean {
    const byte = this.bytes[this.pos++];
    if (byte === 0) return false;
    if (byte === 1) return true;
    throw byte === undefined ? truncated() : new AvroFormatError(`a boolean is stored as ${byte}`);
  }

  readInt(): number {
    const n = this.readLong();
    if (n < -0x80000000 || n > 0x7fffffff) throw new AvroFormatError(`${n} is outside the range of int`);
    return n;
  }

  /** A long that must be a safe integer (counts, sizes, sequence numbers). */
  readLong(): number {
    const start = this.pos;
    const bytes = this.bytes;
    let pos = start;
    let byte = bytes[pos++]!;
    let n = byte & 0x7f;
    if (byte >= 0x80) {
      byte = bytes[pos++]!;
      n |= (byte & 0x7f) << 7;
      if (byte >= 0x80) {
        byte = bytes[pos++]!;
        n |= (byte & 0x7f) << 14;
        if (byte >= 0x80) {
          byte = bytes[pos++]!;
          n |= (byte & 0x7f) << 21;
          if (byte >= 0x80) {
            let factor = TWO_28;
            do {
              byte = bytes[pos++]!;
              n += (byte & 0x7f) * factor;
              factor *= 128;
            } while (byte >= 0x80 && factor < TWO_70);
            if (byte >= 0x80) throw new AvroFormatError('a long takes more than ten bytes');
            if (pos > bytes.length) throw truncated();
            if (n >= TWO_53) return this.#readBigAsNumber();
            this.pos = pos;
            return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
          }
        }
      }
    }
    // Reading past the end gives undefined, which ends the loop above; the position tells.
    if (pos > bytes.length) throw truncated();
    this.pos = pos;
    return (n >>> 1) ^ -(n & 1);
  }

  #readBigAsNumber(): number {
    const big = this.readBigLong();
    const n = Number(big);
    if (!Number.isSafeInteger(n)) throw new AvroFormatError(`${big} is too large for a count`);
    return n;
  }

  readBigLong(): bigint {
    const bytes = this.bytes;
    let pos = this.pos;
    let low = 0;
    let middle = 0;
    let high = 0;
    for (let i = 0; ; i++) {
      if (i === 10) throw new AvroFormatError('a long takes more than ten bytes');
      const byte = bytes[pos++];
      if (byte === undefined) throw truncated();
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i < 8) middle |= bits << (7 * (i - 4));
      else high |= bits << (7 * (i - 8));
      if (byte < 0x80) break;
    }
    this.pos = pos;
    const n = BigInt.asUintN(64, BigInt(low) | (BigInt(middle) << 28n) | (BigInt(high) << 56n));
    return BigInt.asIntN(64, (n >> 1n) ^ -(n & 1n));
  }

  skipVarint(): void {
    const bytes = this.bytes;
    let pos = this.pos;
    while (bytes[pos++]! >= 0x80);
    if (pos > bytes.length) throw truncated();
    if (pos - this.pos > 10) throw new AvroFormatError('a long takes more than ten bytes');
    this.pos = pos;
  }

  readFloat(): number {
    return this.bytes.readFloatLE(this.#take(4));
  }

  readDouble(): number {
    return this.bytes.readDoubleLE(this.#take(8));
  }

  readString(): string {
    const start = this.#takeSized();
    return this.bytes.toString('utf8', start, this.pos);
  }

  /** A view on the buffer, not a copy. */
  readBytes(): Buffer {
    const start = this.#takeSized();
    return this.bytes.subarray(start, this.pos);
  }

  /** A view on the buffer, not a copy. */
  readFixed(size: number): Buffer {
    const start = this.#take(size);
    return this.bytes.subarray(start, this.pos);
  }

  skip(size: number): void {
    this.#take(size);
  }

  skipBytes(): void {
    this.#takeSized();
  }

  /**
   * The item count of the next block of an array or map; 0 ends it. `minItemSize` is the least number of bytes
   * an item takes: a count that can't fit into what is left is refused before anything is allocated.
   */
  readBlockCount(minItemSize: number): number {
    let count = this.readLong();
    if (count < 0) {
      count = -count;
      this.skipVarint();
    }
    if (count * Math.max(minItemSize, 1) > this.remaining) {
      throw new AvroFormatError(`a block claims ${count} items, more than its bytes can hold`);
    }
    return count;
  }

  #takeSized(): number {
    const size = this.readLong();
    if (size < 0) throw new AvroFormatError(`negative length ${size}`);
    return this.#take(size);
  }

  #take(size: number): number {
    const start = this.pos;
    if (size > this.bytes.length - start) throw truncated();
    this.pos = start + size;
    return start;
  }
}

/** Writes Avro's binary encoding into a buffer that grows. */
export class AvroWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity = 1024) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** A view on what was written since the start or the last `reset`; valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  writeBoolean(value: boolean): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value ? 1 : 0;
  }

  /** An int or long. @throws RangeError for a number that isn't a safe integer, or a bigint beyond 64 bits. */
  writeLong(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === 'number' && value >= -0x40000000 && value < 0x40000000 && Number.isInteger(value)) {
      let n = ((value << 1) ^ (value >> 31)) >>> 0;
      while (n >= 0x80) {
        this.#bytes[this.#length++] = (n & 0x7f) | 0x80;
        n >>>= 7;
      }
      this.#bytes[this.#length++] = n;
      return;
    }
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw new RangeError(`${value} is not an exact integer`);
    }
    const big = BigInt(value);
    if (BigInt.asIntN(64, big) !== big) throw new RangeError(`${big} does not fit into 64 bits`);
    let n = BigInt.asUintN(64, (big << 1n) ^ (big >> 63n));
    while (n >= 0x80n) {
      this.#bytes[this.#length++] = Number(n & 0x7fn) | 0x80;
      n >>= 7n;
    }
    this.#bytes[this.#length++] = Number(n);
  }

  writeFloat(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeFloatLE(value, this.#length);
  }

  writeDouble(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  writeString(value: string): void {
    const size = Buffer.byteLength(value, 'utf8');
    this.writeLong(size);
    this.#reserve(size);
    this.#length += this.#bytes.write(value, this.#length, size, 'utf8');
  }

  writeBytes(value: Uint8Array): void {
    this.writeLong(value.length);
    this.writeFixed(value);
  }

  writeFixed(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + size));
    larger.set(this.view());
    this.#bytes = larger;
  }
}

function truncated(): AvroFormatError {
  return new AvroFormatError('the data ends in the middle of a value');
}
