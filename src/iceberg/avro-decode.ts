import { AvroFormatError, type AvroReader } from './avro-binary.ts';
import { type AvroNode, nonNull } from './avro-schema.ts';
import { microsPerDay, nanosPerDay } from './datetime.ts';
import { LazyMap } from './lazy-map.ts';
import type { Type, Value } from './types.ts';
import { midnight } from './value.ts';

/**
 * What a reader wants from a file, told by Iceberg field ids and independent of the file's own field order,
 * names and extra fields. `count` is a long that must be a safe integer (number), `long` is a bigint.
 */
export type Shape =
  | 'boolean'
  | 'int'
  | 'count'
  | 'long'
  | 'string'
  /** A copy of the bytes. */
  | 'bytes'
  | { readonly list: Shape }
  /** A map from int to a long count or to bytes, stored as an array of key-value records. */
  | { readonly lazyMap: 'count' | 'bytes' }
  /** Decodes to an array with one value per slot, undefined where the file has no such field or null. */
  | { readonly struct: readonly Slot[] }
  /** A value of an Iceberg type; without a type, whatever the file's own type says. */
  | { readonly value: Type | undefined };

export interface Slot {
  readonly id: number;
  /** Used when the file's record has no field ids at all. */
  readonly name: string;
  readonly shape: Shape;
  readonly required?: boolean;
}

export type Decoder<T = unknown> = (reader: AvroReader) => T;

/** Builds a decoder for `node` that yields `shape`. @throws AvroFormatError when the file's type can't serve. */
export function compileDecoder(node: AvroNode, shape: Shape): Decoder {
  if (node.kind === 'union') return compileUnion(node.branches, shape);
  if (typeof shape === 'string') return compileScalar(node, shape);
  if ('value' in shape) return compileValue(node, shape.value);
  if ('struct' in shape) return compileRecord(node, shape.struct);
  if ('list' in shape) return compileList(node, shape.list);
  return compileLazyMap(node, shape.lazyMap);
}

function compileUnion(branches: readonly AvroNode[], shape: Shape): Decoder {
  const decoders = branches.map(
    (branch): Decoder => (branch.kind === 'null' ? () => undefined : compileDecoder(branch, shape)),
  );
  const [first, second] = decoders;
  return reader => {
    const index = reader.readLong();
    const decoder = index === 0 ? first : index === 1 ? second : decoders[index];
    if (decoder === undefined) throw new AvroFormatError(`a union has no branch ${index}`);
    return decoder(reader);
  };
}

function compileScalar(
  node: AvroNode,
  shape: 'boolean' | 'int' | 'count' | 'long' | 'string' | 'bytes',
): Decoder {
  const { kind } = node;
  const integer = kind === 'int' || kind === 'long';
  if (shape === 'boolean' && kind === 'boolean') return reader => reader.readBoolean();
  if (shape === 'int' && integer) return reader => reader.readInt();
  if (shape === 'count' && integer) return reader => reader.readLong();
  if (shape === 'long' && integer) return reader => reader.readBigLong();
  if (shape === 'string' && kind === 'string') return reader => reader.readString();
  if (shape === 'string' && kind === 'enum') {
    return reader => {
      const symbol = node.symbols[reader.readLong()];
      if (symbol === undefined) throw new AvroFormatError('an enum has no such symbol');
      return symbol;
    };
  }
  if (shape === 'bytes' && kind === 'bytes') return reader => Uint8Array.from(reader.readBytes());
  if (shape === 'bytes' && kind === 'fixed') return reader => Uint8Array.from(reader.readFixed(node.size));
  throw new AvroFormatError(`a field is stored as ${kind} where ${shape} is expected`);
}

function compileRecord(node: AvroNode, slots: readonly Slot[]): Decoder<unknown[]> {
  if (node.kind !== 'record')
    throw new AvroFormatError(`a field is stored as ${node.kind} where a record is expected`);
  const byName = node.fields.every(field => field.id === undefined);
  const slotOf = (field: { id: number | undefined; name: string }) =>
    slots.findIndex(slot => (byName ? slot.name === field.name : slot.id === field.id));
  const steps: { slot: number; run: Decoder }[] = [];
  const found = new Set<number>();
  for (const field of node.fields) {
    const slot = slotOf(field);
    if (slot < 0) {
      steps.push({ slot, run: skipper(field.type) });
    } else {
      if (found.has(slot)) throw new AvroFormatError(`field id ${field.id} occurs twice in the Avro schema`);
      found.add(slot);
      steps.push({ slot, run: compileDecoder(field.type, slots[slot]!.shape) });
    }
  }
  slots.forEach((slot, i) => {
    if (slot.required && !found.has(i)) {
      throw new AvroFormatError(
        `the required field ${slot.name} (id ${slot.id}) is missing in the Avro schema`,
      );
    }
  });
  const required = slots.flatMap((slot, i) => (slot.required ? [{ slot, i }] : []));
  const size = slots.length;
  return reader => {
    const values: unknown[] = new Array(size).fill(undefined);
    for (const step of steps) {
      const value = step.run(reader);
      if (step.slot >= 0) values[step.slot] = value;
    }
    for (const { slot, i } of required) {
      if (values[i] === undefined) throw new AvroFormatError(`the required field ${slot.name} is null`);
    }
    return values;
  };
}

function compileList(node: AvroNode, shape: Shape): Decoder<unknown[]> {
  if (node.kind !== 'array')
    throw new AvroFormatError(`a field is stored as ${node.kind} where a list is expected`);
  const decode = compileDecoder(node.items, shape);
  const least = minSize(node.items);
  return reader => {
    const items: unknown[] = [];
    for (let count = reader.readBlockCount(least); count > 0; count = reader.readBlockCount(least)) {
      for (let i = 0; i < count; i++) items.push(decode(reader));
    }
    return items;
  };
}

function compileLazyMap(node: AvroNode, values: 'count' | 'bytes'): Decoder {
  const items = node.kind === 'array' ? node.items : undefined;
  const entry = items === undefined ? undefined : nonNull(items);
  if (items === undefined || entry?.kind !== 'record' || entry.fields.length !== 2) {
    throw new AvroFormatError(`a field is stored as ${node.kind} where a map from field ids is expected`);
  }
  const key = entry.fields[0]!.type;
  const value = entry.fields[1]!.type;
  const plain = values === 'count' ? value.kind === 'int' || value.kind === 'long' : value.kind === 'bytes';
  // Optional entries, keys and values, which the spec doesn't have here (BigQuery writes them), are decoded at once.
  if (items.kind === 'union' || key.kind !== 'int' || !plain)
    return compileEagerMap(items, key, value, values);
  const skipValue: (reader: AvroReader) => void =
    values === 'count' ? reader => void reader.readLong() : reader => reader.skipBytes();
  return reader => {
    const start = reader.pos;
    let size = 0;
    for (let count = reader.readBlockCount(2); count > 0; count = reader.readBlockCount(2)) {
      size += count;
      for (let i = 0; i < count; i++) {
        reader.readInt();
        skipValue(reader);
      }
    }
    return new LazyMap(reader.bytes, start, size, values);
  };
}

function compileEagerMap(
  items: AvroNode,
  key: AvroNode,
  value: AvroNode,
  values: 'count' | 'bytes',
): Decoder {
  const decodeKey = compileDecoder(key, 'int');
  const decodeValue = compileDecoder(value, values);
  const branches = items.kind === 'union' ? items.branches : undefined;
  const least = minSize(items);
  const isNull = (reader: AvroReader) => {
    if (branches === undefined) return false;
    const branch = branches[reader.readLong()];
    if (branch === undefined) throw new AvroFormatError('a union has no such branch');
    return branch.kind === 'null';
  };
  return reader => {
    const map = new Map<number, unknown>();
    for (let count = reader.readBlockCount(least); count > 0; count = reader.readBlockCount(least)) {
      for (let i = 0; i < count; i++) {
        if (isNull(reader)) continue;
        const k = decodeKey(reader) as number | undefined;
        const v = decodeValue(reader);
        if (k !== undefined && v !== undefined) map.set(k, v);
      }
    }
    return map;
  };
}

/** A primitive value in its in-memory form (see Value), promoted to `type` where Iceberg allows it. */
function compileValue(node: AvroNode, type: Type | undefined): Decoder<Value | undefined> {
  const kind = type?.kind;
  const wrong = () => new AvroFormatError(`a value of type ${kind} is stored as ${node.kind}`);
  const accept = (...kinds: string[]) => {
    if (kind !== undefined && !kinds.includes(kind)) throw wrong();
  };
  switch (node.kind) {
    case 'null':
      return () => undefined;
    case 'boolean':
      accept('boolean');
      return reader => reader.readBoolean();
    case 'int':
      accept('int', 'date', 'long', 'timestamp', 'timestamp_ns');
      if (kind === 'long') return reader => reader.readBigLong();
      // A date column that became a timestamp (v3): old manifests hold days.
      if (kind === 'timestamp') return reader => midnight(type!, reader.readBigLong() * microsPerDay);
      if (kind === 'timestamp_ns') return reader => midnight(type!, reader.readBigLong() * nanosPerDay);
      return reader => reader.readInt();
    case 'long':
      accept('int', 'date', 'long', 'time', 'timestamp', 'timestamptz', 'timestamp_ns', 'timestamptz_ns');
      if (kind === 'int' || kind === 'date') return reader => reader.readInt();
      return reader => reader.readBigLong();
    case 'float':
      accept('float', 'double');
      return reader => reader.readFloat();
    case 'double':
      accept('float', 'double');
      return reader => reader.readDouble();
    case 'string':
      accept('string', 'uuid');
      return reader => reader.readString();
    case 'enum':
      accept('string');
      return compileScalar(node, 'string') as Decoder<Value>;
    case 'bytes':
      if (kind === 'decimal' || (kind === undefined && node.logical === 'decimal')) {
        return reader => bigEndianToBigint(reader.readBytes());
      }
      accept('binary', 'fixed', 'geometry', 'geography', 'unknown');
      return reader => Uint8Array.from(reader.readBytes());
    case 'fixed': {
      const { size } = node;
      if (kind === 'decimal' || (kind === undefined && node.logical === 'decimal')) {
        return reader => bigEndianToBigint(reader.readFixed(size));
      }
      if (kind === 'uuid' || (kind === undefined && node.logical === 'uuid')) {
        if (size !== 16) throw wrong();
        return reader => uuidToString(reader.readFixed(16));
      }
      accept('fixed', 'binary');
      return reader => Uint8Array.from(reader.readFixed(size));
    }
    default:
      throw wrong();
  }
}

/** The Iceberg type that a file's own Avro type stands for; undefined for what partition values can't have. */
export function typeOfAvro(node: AvroNode): Type | undefined {
  const inner = nonNull(node);
  switch (inner.kind) {
    case 'null':
      return { kind: 'unknown' };
    case 'boolean':
    case 'float':
    case 'double':
    case 'string':
      return { kind: inner.kind };
    case 'enum':
      return { kind: 'string' };
    case 'int':
      return { kind: inner.logical === 'date' ? 'date' : 'int' };
    case 'long':
      return {
        kind:
          inner.logical === 'time-micros'
            ? 'time'
            : inner.logical?.startsWith('timestamp')
              ? 'timestamp'
              : 'long',
      };
    case 'bytes':
    case 'fixed':
      if (inner.logical === 'decimal') {
        return { kind: 'decimal', precision: inner.precision ?? 38, scale: inner.scale ?? 0 };
      }
      if (inner.kind === 'bytes') return { kind: 'binary' };
      if (inner.logical === 'uuid') return { kind: 'uuid' };
      return { kind: 'fixed', length: (inner as { size: number }).size };
    default:
      return undefined;
  }
}

function bigEndianToBigint(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

function uuidToString(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const skippers = new WeakMap<AvroNode, Decoder<void>>();
const sizes = new WeakMap<AvroNode, { min: number; max: number }>();

/** Memoised per node: named types that are used often must not make the work exponential. */
function skipper(node: AvroNode): Decoder<void> {
  let skip = skippers.get(node);
  if (skip === undefined) {
    skip = compileSkipper(node);
    skippers.set(node, skip);
  }
  return skip;
}

function compileSkipper(node: AvroNode): Decoder<void> {
  const { min, max } = sizeOf(node);
  if (min === max) return reader => reader.skip(min);
  switch (node.kind) {
    case 'int':
    case 'long':
    case 'enum':
      return reader => reader.skipVarint();
    case 'bytes':
    case 'string':
      return reader => reader.skipBytes();
    case 'record': {
      const fields = node.fields.map(field => skipper(field.type));
      return reader => {
        for (const skip of fields) skip(reader);
      };
    }
    case 'union': {
      const branches = node.branches.map(skipper);
      return reader => {
        const index = reader.readLong();
        const skip = branches[index];
        if (skip === undefined) throw new AvroFormatError(`a union has no branch ${index}`);
        skip(reader);
      };
    }
    case 'array':
    case 'map': {
      const item = node.kind === 'array' ? node.items : node.values;
      const skip = skipper(item);
      const key = node.kind === 'map';
      const least = minSize(item) + (key ? 1 : 0);
      return reader => {
        for (let count = reader.readBlockCount(least); count > 0; count = reader.readBlockCount(least)) {
          for (let i = 0; i < count; i++) {
            if (key) reader.skipBytes();
            skip(reader);
          }
        }
      };
    }
    default:
      throw new AvroFormatError(`${node.kind} can't be skipped`);
  }
}

/** The least number of bytes a value of this type takes. */
export function minSize(node: AvroNode): number {
  return sizeOf(node).min;
}

function sizeOf(node: AvroNode): { min: number; max: number } {
  let size = sizes.get(node);
  if (size === undefined) {
    size = computeSize(node);
    sizes.set(node, size);
  }
  return size;
}

function computeSize(node: AvroNode): { min: number; max: number } {
  switch (node.kind) {
    case 'null':
      return { min: 0, max: 0 };
    case 'boolean':
      return { min: 1, max: 1 };
    case 'float':
      return { min: 4, max: 4 };
    case 'double':
      return { min: 8, max: 8 };
    case 'fixed':
      return { min: node.size, max: node.size };
    case 'record': {
      const fields = node.fields.map(field => sizeOf(field.type));
      return {
        min: fields.reduce((sum, f) => sum + f.min, 0),
        max: fields.reduce((sum, f) => sum + f.max, 0),
      };
    }
    default:
      return { min: 1, max: Number.POSITIVE_INFINITY };
  }
}
