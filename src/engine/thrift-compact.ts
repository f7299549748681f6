/**
 * Thrift's compact protocol, read into and written from plain trees, so that structures can be changed in one place
 * while everything else, known here or not, is kept (Parquet's page headers and footer are such structures).
 */
export type ThriftValue = boolean | bigint | number | Uint8Array | ThriftList | ThriftStruct | ThriftMap;

/** A struct's fields by id, in the order of their ids. */
export type ThriftStruct = Map<number, ThriftField>;

export interface ThriftField {
  readonly type: ThriftType;
  value: ThriftValue;
}

export interface ThriftList {
  readonly kind: 'list' | 'set';
  readonly type: ThriftType;
  readonly items: ThriftValue[];
}

export interface ThriftMap {
  readonly kind: 'map';
  readonly keyType: ThriftType;
  readonly valueType: ThriftType;
  readonly entries: [ThriftValue, ThriftValue][];
}

/** Type numbers of the protocol. */
export type ThriftType = number;
export const thrift = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
} as const;

/** Bytes that aren't Thrift's compact protocol. */
export class ThriftFormatError extends Error {}

/** Ids of fields are 16-bit integers. */
const largestId = 0x7fff;

/** Deeper nesting than any structure of Parquet has. */
const maxDepth = 64;

/**
 * Every read is checked against the end of the bytes, and counts against what is left of them, so that damaged or
 * hostile bytes end in a ThriftFormatError and cost no more memory than they are long.
 */
export class ThriftReader {
  readonly #bytes: Uint8Array;
  #depth = 0;
  /** Offset of the next byte. */
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** @throws ThriftFormatError */
  struct(): ThriftStruct {
    const fields: ThriftStruct = new Map();
    let id = 0;
    this.#enter();
    for (;;) {
      const head = this.#byte();
      if (head === 0) {
        this.#depth--;
        return fields;
      }
      const delta = head >> 4;
      id = delta === 0 ? Number(this.#zigzag()) : id + delta;
      if (Math.abs(id) > largestId) throw new ThriftFormatError(`a field with the id ${id}`);
      const type = head & 0x0f;
      const value = type === thrift.true || type === thrift.false ? type === thrift.true : this.#value(type);
      fields.set(id, { type, value });
    }
  }

  #value(type: ThriftType): ThriftValue {
    switch (type) {
      case thrift.true:
      case thrift.false:
        // As an element of a list or map: a byte.
        return this.#byte() === thrift.true;
      case thrift.byte:
        return this.#byte();
      case thrift.i16:
      case thrift.i32:
      case thrift.i64:
        return this.#zigzag();
      case thrift.double:
        return this.#take(8);
      case thrift.binary:
        return this.#take(Number(this.#varint()));
      case thrift.list:
      case thrift.set:
        return this.#list(type);
      case thrift.map:
        return this.#map();
      case thrift.struct:
        return this.struct();
      default:
        throw new ThriftFormatError(`a value of the unknown type ${type}`);
    }
  }

  #list(type: ThriftType): ThriftList {
    const head = this.#byte();
    const size = this.#count(head >> 4 === 15 ? this.#varint() : BigInt(head >> 4));
    this.#enter();
    const items = Array.from({ length: size }, () => this.#value(head & 0x0f));
    this.#depth--;
    return { kind: type === thrift.list ? 'list' : 'set', type: head & 0x0f, items };
  }

  #map(): ThriftMap {
    const size = this.#count(this.#varint());
    const types = size === 0 ? 0 : this.#byte();
    this.#enter();
    const [keyType, valueType] = [types >> 4, types & 0x0f];
    const entries = Array.from({ length: size }, (): [ThriftValue, ThriftValue] => [
      this.#value(keyType),
      this.#value(valueType),
    ]);
    this.#depth--;
    return { kind: 'map', keyType, valueType, entries };
  }

  #enter(): void {
    if (++this.#depth > maxDepth) throw new ThriftFormatError('a structure that is nested too deeply');
  }

  /** How many items follow; each takes a byte at least. */
  #count(claimed: bigint): number {
    if (claimed <= BigInt(this.#bytes.length - this.at)) return Number(claimed);
    throw new ThriftFormatError(`a list of ${claimed} items, more than the bytes can hold`);
  }

  #byte(): number {
    const value = this.#bytes[this.at++];
    if (value === undefined) throw ended();
    return value;
  }

  #take(length: number): Uint8Array {
    if (this.at + length > this.#bytes.length) throw ended();
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  #varint(): bigint {
    let result = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte();
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, result);
      if (shift === 63n) throw new ThriftFormatError('a number of more than ten bytes');
    }
  }

  #zigzag(): bigint {
    const value = this.#varint();
    return (value >> 1n) ^ -(value & 1n);
  }
}

function ended(): ThriftFormatError {
  return new ThriftFormatError('an end before the structure has one');
}

/** The bytes of a struct. */
export function thriftBytes(struct: ThriftStruct): Uint8Array {
  const bytes: number[] = [];
  writeStruct(bytes, struct);
  return Uint8Array.from(bytes);
}

function writeStruct(out: number[], fields: ThriftStruct): void {
  let last = 0;
  for (const [id, field] of [...fields].sort(([a], [b]) => a - b)) {
    const isBoolean = typeof field.value === 'boolean';
    const type = isBoolean ? (field.value ? thrift.true : thrift.false) : field.type;
    const delta = id - last;
    if (delta > 0 && delta < 16) out.push((delta << 4) | type);
    else {
      out.push(type);
      writeZigzag(out, BigInt(id));
    }
    last = id;
    if (!isBoolean) writeValue(out, type, field.value);
  }
  out.push(0);
}

function writeValue(out: number[], type: ThriftType, value: ThriftValue): void {
  switch (type) {
    case thrift.true:
    case thrift.false:
      out.push(value === true ? thrift.true : thrift.false);
      return;
    case thrift.byte:
      out.push(Number(value));
      return;
    case thrift.i16:
    case thrift.i32:
    case thrift.i64:
      writeZigzag(out, BigInt(value as bigint | number));
      return;
    case thrift.binary:
      writeVarint(out, BigInt((value as Uint8Array).length));
      writeBytes(out, value as Uint8Array);
      return;
    case thrift.double:
      writeBytes(out, value as Uint8Array);
      return;
    case thrift.list:
    case thrift.set: {
      const list = value as ThriftList;
      if (list.items.length < 15) out.push((list.items.length << 4) | list.type);
      else {
        out.push(0xf0 | list.type);
        writeVarint(out, BigInt(list.items.length));
      }
      for (const item of list.items) writeValue(out, list.type, item);
      return;
    }
    case thrift.map: {
      const map = value as ThriftMap;
      writeVarint(out, BigInt(map.entries.length));
      if (map.entries.length > 0) out.push((map.keyType << 4) | map.valueType);
      for (const [key, item] of map.entries) {
        writeValue(out, map.keyType, key);
        writeValue(out, map.valueType, item);
      }
      return;
    }
    default:
      writeStruct(out, value as ThriftStruct);
  }
}

/** Not as arguments: there may be more of them than the stack holds. */
function writeBytes(out: number[], bytes: Uint8Array): void {
  for (const byte of bytes) out.push(byte);
}

function writeVarint(out: number[], value: bigint): void {
  let rest = value;
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
}

function writeZigzag(out: number[], value: bigint): void {
  writeVarint(out, BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
}
