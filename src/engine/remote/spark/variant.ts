import {
  floorDiv,
  floorMod,
  formatDate,
  formatTime,
  microsPerDay,
  nanosPerDay,
} from '../../../iceberg/datetime.ts';
import { CorruptFileError } from '../../../iceberg/errors.ts';
import { formatDecimal } from '../../../iceberg/value.ts';

/*
 * Variants in Parquet's encoding (format/VariantEncoding.md), as Spark sends them: a dictionary of names and a value
 * that refers to it.
 */

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A variant as JSON text, written as Spark's own cast to text does. @throws CorruptFileError */
export function variantToJson(metadata: Uint8Array, value: Uint8Array): string {
  try {
    return new Reader(metadata, value).json(0);
  } catch (cause) {
    if (cause instanceof CorruptFileError) throw cause;
    throw corrupt('it ends too early', cause);
  }
}

function corrupt(detail: string, cause?: unknown): CorruptFileError {
  return new CorruptFileError('A variant', `can't be read: ${detail}.`, { cause });
}

/** Nesting beyond this is refused, as Spark's parser of variants does. */
const maxDepth = 1000;

class Reader {
  readonly #names: Uint8Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #offsetSize: number;
  readonly #nameCount: number;
  readonly #known: (string | undefined)[] = [];
  #depth = 0;

  constructor(metadata: Uint8Array, value: Uint8Array) {
    const header = metadata[0] ?? 0;
    if ((header & 0x0f) !== 1) throw corrupt(`version ${header & 0x0f} is unknown`);
    this.#names = metadata;
    this.#offsetSize = (header >> 6) + 1;
    this.#nameCount = unsigned(metadata, 1, this.#offsetSize);
    this.#bytes = value;
    this.#view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  }

  /** The value that begins at an offset. */
  json(at: number): string {
    if (at >= this.#bytes.length) throw corrupt('it ends too early');
    const header = this.#bytes[at]!;
    const info = header >> 2;
    switch (header & 3) {
      case 0:
        return this.#primitive(info, at + 1);
      case 1:
        return JSON.stringify(this.#text(at + 1, info));
      default: {
        if (++this.#depth > maxDepth) throw corrupt(`it is nested more than ${maxDepth} levels deep`);
        const json = (header & 3) === 2 ? this.#object(info, at + 1) : this.#array(info, at + 1);
        this.#depth--;
        return json;
      }
    }
  }

  #object(info: number, at: number): string {
    const offsetSize = (info & 3) + 1;
    const idSize = ((info >> 2) & 3) + 1;
    const countSize = (info & 16) === 0 ? 1 : 4;
    const count = unsigned(this.#bytes, at, countSize);
    const ids = at + countSize;
    const offsets = ids + count * idSize;
    const values = offsets + (count + 1) * offsetSize;
    const fields: string[] = [];
    for (let index = 0; index < count; index++) {
      const name = this.#name(unsigned(this.#bytes, ids + index * idSize, idSize));
      const offset = unsigned(this.#bytes, offsets + index * offsetSize, offsetSize);
      fields.push(`${JSON.stringify(name)}:${this.json(values + offset)}`);
    }
    return `{${fields.join(',')}}`;
  }

  #array(info: number, at: number): string {
    const offsetSize = (info & 3) + 1;
    const countSize = (info & 4) === 0 ? 1 : 4;
    const count = unsigned(this.#bytes, at, countSize);
    const offsets = at + countSize;
    const values = offsets + (count + 1) * offsetSize;
    const items: string[] = [];
    for (let index = 0; index < count; index++) {
      items.push(this.json(values + unsigned(this.#bytes, offsets + index * offsetSize, offsetSize)));
    }
    return `[${items.join(',')}]`;
  }

  #primitive(type: number, at: number): string {
    const view = this.#view;
    switch (type) {
      case 0:
        return 'null';
      case 1:
        return 'true';
      case 2:
        return 'false';
      case 3:
        return String(view.getInt8(at));
      case 4:
        return String(view.getInt16(at, true));
      case 5:
        return String(view.getInt32(at, true));
      case 6:
        return String(view.getBigInt64(at, true));
      case 7:
        return float(view.getFloat64(at, true));
      case 8:
        return decimal(BigInt(view.getInt32(at + 1, true)), view.getUint8(at));
      case 9:
        return decimal(view.getBigInt64(at + 1, true), view.getUint8(at));
      case 10:
        return decimal(
          (view.getBigInt64(at + 9, true) << 64n) | view.getBigUint64(at + 1, true),
          view.getUint8(at),
        );
      case 11:
        return `"${formatDate(view.getInt32(at, true))}"`;
      case 12:
        return `"${timestamp(view.getBigInt64(at, true), 6)}+00:00"`;
      case 13:
        return `"${timestamp(view.getBigInt64(at, true), 6)}"`;
      case 14:
        return float(view.getFloat32(at, true), true);
      case 15: {
        const length = view.getUint32(at, true);
        return `"${Buffer.from(this.#slice(at + 4, length)).toString('base64')}"`;
      }
      case 16:
        return JSON.stringify(this.#text(at + 4, view.getUint32(at, true)));
      case 17:
        return `"${clock(view.getBigInt64(at, true), 6)}"`;
      case 18:
        return `"${timestamp(view.getBigInt64(at, true), 9)}+00:00"`;
      case 19:
        return `"${timestamp(view.getBigInt64(at, true), 9)}"`;
      case 20:
        return `"${uuid(this.#slice(at, 16))}"`;
      default:
        throw corrupt(`its type ${type} is unknown`);
    }
  }

  #name(id: number): string {
    const known = this.#known[id];
    if (known !== undefined) return known;
    if (id >= this.#nameCount) throw corrupt(`it has no name ${id}`);
    const size = this.#offsetSize;
    const first = 1 + size;
    const names = first + (this.#nameCount + 1) * size;
    const start = names + unsigned(this.#names, first + id * size, size);
    const end = names + unsigned(this.#names, first + (id + 1) * size, size);
    if (end > this.#names.length || start > end) throw corrupt('its names end too early');
    const name = decoder.decode(this.#names.subarray(start, end));
    this.#known[id] = name;
    return name;
  }

  #text(at: number, length: number): string {
    return decoder.decode(this.#slice(at, length));
  }

  #slice(at: number, length: number): Uint8Array {
    if (at + length > this.#bytes.length) throw corrupt('it ends too early');
    return this.#bytes.subarray(at, at + length);
  }
}

/** A little-endian number of 1 to 4 bytes. */
function unsigned(bytes: Uint8Array, at: number, size: number): number {
  if (at + size > bytes.length) throw corrupt('it ends too early');
  let value = 0;
  for (let index = size - 1; index >= 0; index--) value = value * 256 + bytes[at + index]!;
  return value;
}

/** JSON has no words for infinities and NaN: they are text. */
function float(value: number, isSingle = false): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  if (Object.is(value, -0)) return '-0.0';
  if (!isSingle) return withPoint(String(value));
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return withPoint(String(Number(text)));
  }
  return withPoint(String(value));
}

/** Tells a floating-point number from a whole one. */
function withPoint(text: string): string {
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Without the zeros at the end that its scale would ask for. */
function decimal(unscaled: bigint, scale: number): string {
  const text = formatDecimal(unscaled, scale);
  return scale === 0 ? text : text.replace(/\.?0+$/, '');
}

/** Ticks since 1970, `digits` of them after the second's point. */
function timestamp(ticks: bigint, digits: 6 | 9): string {
  const perDay = digits === 6 ? microsPerDay : nanosPerDay;
  return `${formatDate(Number(floorDiv(ticks, perDay)))} ${clock(floorMod(ticks, perDay), digits)}`;
}

function clock(ticks: bigint, digits: 6 | 9): string {
  return formatTime(ticks, digits, 'full').replace(/\.?0+$/, '');
}

function uuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
