import { type Data, type DataType, makeData } from 'apache-arrow';
import { type JsonReader, openBrace, openBracket } from './json-reader.ts';

/** Entries that a column has room for at first. */
const firstCapacity = 1024;

/** Collects the values of a column, from JSON into Arrow's layout. */
export abstract class ColumnBuilder {
  readonly type: DataType;
  length = 0;
  #nullCount = 0;
  /** A bit for each entry, set when it isn't null; there when some is. */
  #valid: Uint8Array | undefined;

  constructor(type: DataType) {
    this.type = type;
  }

  /** Reads the value at which the reader stands. */
  append(reader: JsonReader): void {
    if (reader.skipNull()) this.appendNull();
    else {
      this.read(reader);
      this.length++;
    }
  }

  appendNull(): void {
    const { length } = this;
    if (this.#valid === undefined || this.#valid.length <= length >> 3) {
      const grown = new Uint8Array(Math.max(firstCapacity / 8, (length >> 2) + 8)).fill(0xff);
      if (this.#valid !== undefined) grown.set(this.#valid);
      this.#valid = grown;
    }
    this.#valid[length >> 3]! &= ~(1 << (length & 7));
    this.#nullCount++;
    this.skip();
    this.length++;
  }

  /** The column so far; the builder begins a new one. */
  finish(): Data {
    const { length } = this;
    let nullBitmap = this.#valid;
    if (nullBitmap !== undefined && nullBitmap.length * 8 < length) {
      nullBitmap = new Uint8Array(Math.ceil(length / 8)).fill(0xff);
      nullBitmap.set(this.#valid!);
    }
    const data = this.build({ length, nullCount: this.#nullCount, nullBitmap });
    this.length = 0;
    this.#nullCount = 0;
    this.#valid = undefined;
    return data;
  }

  /** Reads a value that isn't null to the entry `length`. */
  protected abstract read(reader: JsonReader): void;
  /** Makes room for an entry that is null. */
  protected abstract skip(): void;
  protected abstract build(base: Base): Data;
}

export interface Base {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array | undefined;
}

/** Columns of scalars, whose text is a JSON number, word or text, or the name of a map's member. */
export abstract class ScalarBuilder extends ColumnBuilder {
  protected read(reader: JsonReader): void {
    reader.scalar();
    this.write(reader.text, reader.start, reader.end);
  }

  /** Appends the value whose text a reader has read. */
  appendText(reader: JsonReader): void {
    this.write(reader.text, reader.start, reader.end);
    this.length++;
  }

  /** Writes the value of a text to the entry `length`. */
  protected abstract write(text: Uint8Array, start: number, end: number): void;
}

/** How a text becomes `width` bytes at the entry `index`; all views are over the same memory. */
export type FixedWriter = (
  views: FixedViews,
  index: number,
  text: Uint8Array,
  start: number,
  end: number,
) => void;

export interface FixedViews {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly shorts: Int16Array;
  readonly ints: Int32Array;
  readonly longs: BigInt64Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
}

export class FixedBuilder extends ScalarBuilder {
  readonly #width: number;
  readonly #writer: FixedWriter;
  #views: FixedViews;
  #capacity = firstCapacity;

  constructor(type: DataType, width: number, writer: FixedWriter) {
    super(type);
    this.#width = width;
    this.#writer = writer;
    this.#views = viewsOf(firstCapacity * width);
  }

  protected write(text: Uint8Array, start: number, end: number): void {
    if (this.length === this.#capacity) this.#grow();
    this.#writer(this.#views, this.length, text, start, end);
  }

  protected skip(): void {
    if (this.length === this.#capacity) this.#grow();
  }

  #grow(): void {
    this.#capacity *= 2;
    const grown = viewsOf(this.#capacity * this.#width);
    grown.bytes.set(this.#views.bytes);
    this.#views = grown;
  }

  protected build(base: Base): Data {
    const { buffer } = this.#views.bytes;
    const TypedArray = this.type.ArrayType as Uint8ArrayConstructor;
    const values = new TypedArray(buffer, 0, (base.length * this.#width) / TypedArray.BYTES_PER_ELEMENT);
    this.#views = viewsOf(this.#capacity * this.#width);
    return makeData({ type: this.type, ...base, data: values } as never) as Data;
  }
}

function viewsOf(byteLength: number): FixedViews {
  const buffer = new ArrayBuffer(Math.ceil(byteLength / 8) * 8);
  return {
    bytes: new Uint8Array(buffer),
    shorts: new Int16Array(buffer),
    ints: new Int32Array(buffer),
    longs: new BigInt64Array(buffer),
    floats: new Float32Array(buffer),
    doubles: new Float64Array(buffer),
  };
}

/** Booleans, a bit each. */
export class BooleanBuilder extends ScalarBuilder {
  #bits = new Uint8Array(firstCapacity / 8);

  protected write(text: Uint8Array, start: number): void {
    this.skip();
    // `true` or `false`.
    if (text[start] === 0x74) this.#bits[this.length >> 3]! |= 1 << (this.length & 7);
  }

  protected skip(): void {
    if (this.length < this.#bits.length * 8) return;
    const grown = new Uint8Array(this.#bits.length * 2);
    grown.set(this.#bits);
    this.#bits = grown;
  }

  protected build(base: Base): Data {
    const data = this.#bits;
    this.#bits = new Uint8Array(data.length);
    return makeData({ type: this.type, ...base, data } as never) as Data;
  }
}

/** How a text becomes bytes at `at` of a target that has room for as many bytes. @returns where they end */
export type BytesWriter = (
  target: Uint8Array,
  at: number,
  text: Uint8Array,
  start: number,
  end: number,
) => number;

/** Texts and bytes of any length. */
export class BytesBuilder extends ScalarBuilder {
  readonly #writer: BytesWriter;
  #offsets = new Int32Array(firstCapacity + 1);
  #bytes = new Uint8Array(firstCapacity * 16);
  #end = 0;

  constructor(type: DataType, writer: BytesWriter) {
    super(type);
    this.#writer = writer;
  }

  protected write(text: Uint8Array, start: number, end: number): void {
    const needed = this.#end + end - start;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#end = this.#writer(this.#bytes, this.#end, text, start, end);
    this.skip();
  }

  protected skip(): void {
    if (this.length + 1 === this.#offsets.length) {
      const grown = new Int32Array(this.#offsets.length * 2);
      grown.set(this.#offsets);
      this.#offsets = grown;
    }
    this.#offsets[this.length + 1] = this.#end;
  }

  protected build(base: Base): Data {
    const valueOffsets = this.#offsets.subarray(0, base.length + 1);
    const data = this.#bytes.subarray(0, this.#end);
    this.#offsets = new Int32Array(this.#offsets.length);
    this.#bytes = new Uint8Array(this.#bytes.length);
    this.#end = 0;
    return makeData({ type: this.type, ...base, valueOffsets, data } as never) as Data;
  }
}

/** Values of any kind as the JSON text that they are; a JSON text as what it says. */
export class RawBuilder extends BytesBuilder {
  protected override read(reader: JsonReader): void {
    const first = reader.peek();
    if (first !== openBracket && first !== openBrace) {
      super.read(reader);
      return;
    }
    const start = reader.skip();
    this.write(reader.bytes, start, reader.position);
  }
}

/** Rows of a type of several fields: arrays of their values. */
export class StructBuilder extends ColumnBuilder {
  readonly #fields: readonly ColumnBuilder[];

  constructor(type: DataType, fields: readonly ColumnBuilder[]) {
    super(type);
    this.#fields = fields;
  }

  protected read(reader: JsonReader): void {
    let more = reader.enter(openBracket);
    for (const field of this.#fields) {
      if (!more) throw reader.fault();
      field.append(reader);
      more = reader.more();
    }
    if (more) throw reader.fault();
  }

  protected skip(): void {
    for (const field of this.#fields) field.appendNull();
  }

  protected build(base: Base): Data {
    const children = this.#fields.map(field => field.finish());
    return makeData({ type: this.type, ...base, children } as never) as Data;
  }
}

/** Offsets of entries that hold any number of items. */
class Offsets {
  #offsets = new Int32Array(firstCapacity + 1);

  set(index: number, end: number): void {
    if (index + 1 === this.#offsets.length) {
      const grown = new Int32Array(this.#offsets.length * 2);
      grown.set(this.#offsets);
      this.#offsets = grown;
    }
    this.#offsets[index + 1] = end;
  }

  finish(length: number): Int32Array {
    const offsets = this.#offsets.subarray(0, length + 1);
    this.#offsets = new Int32Array(this.#offsets.length);
    return offsets;
  }
}

export class ListBuilder extends ColumnBuilder {
  readonly #items: ColumnBuilder;
  readonly #offsets = new Offsets();

  constructor(type: DataType, items: ColumnBuilder) {
    super(type);
    this.#items = items;
  }

  protected read(reader: JsonReader): void {
    if (reader.enter(openBracket)) {
      do this.#items.append(reader);
      while (reader.more());
    }
    this.skip();
  }

  protected skip(): void {
    this.#offsets.set(this.length, this.#items.length);
  }

  protected build(base: Base): Data {
    const valueOffsets = this.#offsets.finish(base.length);
    return makeData({ type: this.type, ...base, valueOffsets, child: this.#items.finish() } as never) as Data;
  }
}

/** Maps are objects, whose names are the texts of the keys. */
export class MapBuilder extends ColumnBuilder {
  readonly #keys: ScalarBuilder;
  readonly #values: ColumnBuilder;
  readonly #offsets = new Offsets();

  constructor(type: DataType, keys: ScalarBuilder, values: ColumnBuilder) {
    super(type);
    this.#keys = keys;
    this.#values = values;
  }

  protected read(reader: JsonReader): void {
    if (reader.enter(openBrace)) {
      do {
        reader.scalar();
        this.#keys.appendText(reader);
        reader.expect(0x3a);
        this.#values.append(reader);
      } while (reader.more());
    }
    this.skip();
  }

  protected skip(): void {
    this.#offsets.set(this.length, this.#keys.length);
  }

  protected build(base: Base): Data {
    const valueOffsets = this.#offsets.finish(base.length);
    const { length } = this.#keys;
    const children = [this.#keys.finish(), this.#values.finish()];
    const child = makeData({ type: this.type.children[0]!.type, length, nullCount: 0, children } as never);
    return makeData({ type: this.type, ...base, valueOffsets, child } as never) as Data;
  }
}
