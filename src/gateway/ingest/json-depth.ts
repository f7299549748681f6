const [quote, backslash] = [0x22, 0x5c];
const opening = new Set([0x5b, 0x7b]);
const closing = new Set([0x5d, 0x7d]);

/** Follows how deep JSON is nested, piece by piece. */
export class JsonDepth {
  readonly #deepest: number;
  #depth = 0;
  #inText = false;
  #escaped = false;

  constructor(deepest: number) {
    this.#deepest = deepest;
  }

  /** Whether the text is too deep up to the end of this piece. */
  isTooDeep(chunk: Uint8Array): boolean {
    for (const byte of chunk) {
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === backslash) this.#escaped = true;
        else if (byte === quote) this.#inText = false;
      } else if (byte === quote) this.#inText = true;
      else if (opening.has(byte)) {
        if (++this.#depth > this.#deepest) return true;
      } else if (closing.has(byte) && this.#depth > 0) this.#depth--;
    }
    return false;
  }
}
