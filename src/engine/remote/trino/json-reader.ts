import { LakebookError } from '../../../iceberg/errors.ts';

/*
 * JSON read where it lies, in the bytes of a response: values of rows go from there into columns, and no object is
 * made for a row. `JSON.parse` would also round numbers beyond 2^53.
 */

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const closeBracket = 0x5d;
const closeBrace = 0x7d;

export const openBracket = 0x5b;
export const openBrace = 0x7b;
const letterN = 0x6e;

/** Escapes of one letter: `\n` and the like. */
const escapes = new Map([
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
]);

/** A cursor in JSON bytes. Values are read in the order in which they stand. */
export class JsonReader {
  readonly bytes: Uint8Array;
  position = 0;
  /** Where the text of the last scalar is: bytes `start` to `end` of `text`, without quotes and escapes. */
  text: Uint8Array;
  start = 0;
  end = 0;
  #unescaped = Buffer.alloc(256);

  constructor(bytes: Uint8Array) {
    this.bytes = asBuffer(bytes);
    this.text = this.bytes;
  }

  /** The first byte of what comes next; 0 at the end. */
  peek(): number {
    const { bytes } = this;
    let { position } = this;
    // Space, tab and line ends; nothing else is that small in JSON.
    while (bytes[position]! <= 0x20) position++;
    this.position = position;
    return bytes[position] ?? 0;
  }

  /** Goes behind a punctuation mark. @throws LakebookError when something else stands there */
  expect(mark: number): void {
    if (this.peek() !== mark) throw this.fault();
    this.position++;
  }

  /** Goes behind `null` if it stands here. */
  skipNull(): boolean {
    if (this.peek() !== letterN) return false;
    this.position += 4;
    return true;
  }

  /** Goes into an array or object. @returns whether it has a first item */
  enter(open: number): boolean {
    this.expect(open);
    const next = this.peek();
    if (next !== closeBracket && next !== closeBrace) return true;
    this.position++;
    return false;
  }

  /** Behind an item: goes to the next one, or behind the end of the array or object. @returns whether there is one */
  more(): boolean {
    const next = this.peek();
    this.position++;
    if (next === comma) return true;
    if (next === closeBracket || next === closeBrace) return false;
    this.position--;
    throw this.fault();
  }

  /** A member's name, up to its value. */
  name(): string {
    this.scalar();
    const name = utf8(this.text, this.start, this.end);
    this.expect(0x3a);
    return name;
  }

  /** Goes behind a text, number, `true` or `false` and tells its text in `text`, `start` and `end`. */
  scalar(): void {
    const first = this.peek();
    if (first === quote) {
      this.#string();
      return;
    }
    const { bytes } = this;
    let { position } = this;
    this.text = bytes;
    this.start = position;
    for (; position < bytes.length; position++) {
      const byte = bytes[position]!;
      if (byte === comma || byte === closeBracket || byte === closeBrace || byte <= 0x20) break;
    }
    if (position === this.start || first === openBracket || first === openBrace) throw this.fault();
    this.end = position;
    this.position = position;
  }

  #string(): void {
    const { bytes } = this;
    const start = this.position + 1;
    let at = start;
    for (;;) {
      const byte = bytes[at];
      if (byte === quote) break;
      if (byte === backslash) {
        this.#escapedString(start, at);
        return;
      }
      if (byte === undefined) throw this.fault();
      at++;
    }
    this.text = bytes;
    this.start = start;
    this.end = at;
    this.position = at + 1;
  }

  #escapedString(start: number, firstEscape: number): void {
    const { bytes } = this;
    let end = firstEscape;
    while (bytes[end] !== quote) {
      if (bytes[end] === undefined) throw this.fault();
      end += bytes[end] === backslash ? 2 : 1;
    }
    // Escapes are longer than what they stand for.
    if (this.#unescaped.length < end - start) this.#unescaped = Buffer.alloc((end - start) * 2);
    const target = this.#unescaped;
    let to = 0;
    for (let at = start; at < end; ) {
      const byte = bytes[at]!;
      if (byte !== backslash) {
        target[to++] = byte;
        at++;
        continue;
      }
      const letter = bytes[at + 1]!;
      if (letter !== 0x75) {
        target[to++] = escapes.get(letter) ?? letter;
        at += 2;
        continue;
      }
      let code = this.#hex(at + 2);
      at += 6;
      if (code >= 0xd800 && code < 0xdc00 && bytes[at] === backslash && bytes[at + 1] === 0x75) {
        const low = this.#hex(at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          at += 6;
        }
      }
      to = writeCodePoint(target, to, code);
    }
    this.text = target;
    this.start = 0;
    this.end = to;
    this.position = end + 1;
  }

  #hex(at: number): number {
    const code = Number.parseInt(utf8(this.bytes, at, at + 4), 16);
    if (Number.isNaN(code)) throw this.fault();
    return code;
  }

  /** Goes behind a value of any kind. @returns where it begins */
  skip(): number {
    const first = this.peek();
    const start = this.position;
    if (first !== openBracket && first !== openBrace) {
      this.scalar();
      return start;
    }
    const { bytes } = this;
    let depth = 0;
    for (;;) {
      const byte = bytes[this.position];
      if (byte === quote) {
        this.#string();
        continue;
      }
      this.position++;
      if (byte === openBracket || byte === openBrace) depth++;
      else if ((byte === closeBracket || byte === closeBrace) && --depth === 0) return start;
      else if (byte === undefined) throw this.fault();
    }
  }

  /** Goes behind a value of any kind. @returns it, as `JSON.parse` reads it */
  value(): unknown {
    const start = this.skip();
    return JSON.parse(utf8(this.bytes, start, this.position));
  }

  fault(): LakebookError {
    return new LakebookError(
      'ENGINE_RESPONSE',
      `The server's answer can't be read as JSON at byte ${this.position}.`,
      { hint: 'Check that the address is that of a Trino coordinator and not of something before it.' },
    );
  }
}

function writeCodePoint(target: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    target[at] = code;
    return at + 1;
  }
  // A lone surrogate is no character; UTF-8 has the replacement character in its place.
  const character = code >= 0xd800 && code < 0xe000 ? '\ufffd' : String.fromCodePoint(code);
  return at + Buffer.from(target.buffer, target.byteOffset + at).write(character);
}

/** Bytes as text. */
export function utf8(bytes: Uint8Array, start: number, end: number): string {
  return asBuffer(bytes).toString('utf8', start, end);
}

/** Texts come from buffers without another view of the memory for each. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
