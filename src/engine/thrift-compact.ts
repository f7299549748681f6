import { thriftTypes as types } from '../storage/thrift-types.ts';

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

/** A number of `thriftTypes`. */
export type ThriftType = number;

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
      const value = type === types.true || type === types.false ? type === types.true : this.#value(type);
      fields.set(id, { type, value });
    }
  }

  #value(type: ThriftType): ThriftValue {
    switch (type) {
      case types.true:
      case types.false:
        // As an element of a list or map: a byte.
        return this.#byte() === types.true;
      case types.byte:
        return this.#byte();
      case types.i16:
      case types.i32:
      case types.i64:
        return this.#zigzag();
      case types.double:
        return this.#take(8);
      case types.binary:
        return this.#take(Number(this.#varint()));
      case types.list:
      case types.set:
        return this.#list(type);
      case types.map:
        return this.#map();
      case types.struct:
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
    return { kind: type === types.list ? 'list' : 'set', type: head & 0x0f, items };
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
    const type = isBoolean ? (field.value ? types.true : types.false) : field.type;
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
    case types.true:
    case types.false:
      out.push(value === true ? types.true : types.false);
      return;
    case types.byte:
      out.push(Number(value));
      return;
    case types.i16:
    case types.i32:
    case types.i64:
      writeZigzag(out, BigInt(value as bigint | number));
      return;
    case types.binary:
      writeVarint(out, BigInt((value as Uint8Array).length));
      writeBytes(out, value as Uint8Array);
      return;
    case types.double:
      writeBytes(out, value as Uint8Array);
      return;
    case types.list:
    case types.set: {
      const list = value as ThriftList;
      if (list.items.length < 15) out.push((list.items.length << 4) | list.type);
      else {
        out.push(0xf0 | list.type);
        writeVarint(out, BigInt(list.items.length));
      }
      for (const item of list.items) writeValue(out, list.type, item);
      return;
    }
    case types.map: {
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
