import { AvroReader } from './avro-binary.ts';

/**
 * A map from field id to a count or to bytes that stays in its encoded form (an Avro array of key-value
 * records) inside the manifest's decoded block. Planning looks at few of a file's many metrics, so nothing is
 * built until somebody asks, and nothing is kept. The encoded form was walked once before, so it's known to
 * be well formed.
 */
export class LazyMap<V extends number | Uint8Array> implements ReadonlyMap<number, V> {
  readonly size: number;
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #values: 'count' | 'bytes';

  constructor(bytes: Buffer, start: number, size: number, values: 'count' | 'bytes') {
    this.#bytes = bytes;
    this.#start = start;
    this.size = size;
    this.#values = values;
  }

  /** For bytes a view on the manifest's block: copy it to keep it long or to change it. */
  get(key: number): V | undefined {
    const reader = new AvroReader(this.#bytes, this.#start);
    const counts = this.#values === 'count';
    for (let count = reader.readBlockCount(2); count > 0; count = reader.readBlockCount(2)) {
      for (let i = 0; i < count; i++) {
        if (reader.readLong() === key) return this.#read(reader);
        if (counts) reader.skipVarint();
        else reader.skipBytes();
      }
    }
    return undefined;
  }

  has(key: number): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[number, V]> {
    const reader = new AvroReader(this.#bytes, this.#start);
    for (let count = reader.readBlockCount(2); count > 0; count = reader.readBlockCount(2)) {
      for (let i = 0; i < count; i++) yield [reader.readLong(), this.#read(reader)];
    }
  }

  *keys(): MapIterator<number> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): MapIterator<[number, V]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'LazyMap';
  }

  forEach(callback: (value: V, key: number, map: ReadonlyMap<number, V>) => void, thisArg?: unknown): void {
    for (const [key, value] of this.entries()) callback.call(thisArg, value, key, this);
  }

  #read(reader: AvroReader): V {
    return (this.#values === 'count' ? reader.readLong() : reader.readBytes()) as V;
  }
}
