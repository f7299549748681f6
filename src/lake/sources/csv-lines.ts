import { type CsvHead, decodedBytes } from './csv-head.ts';
import { type CsvRecord, csvRecords } from './csv-records.ts';

/**
 * Tells on which line of a file byte offsets are, in one walk through the file: offsets have to come in ascending
 * order. (DuckDB numbers records, which may span several lines.)
 */
export class LineCounter {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();
  /** Offset of the chunk's first byte. */
  #start = 0;
  /** Line of `#at`, an offset in the chunk. */
  #line = 1;
  #at = 0;
  #newline: number | undefined;

  constructor(head: CsvHead) {
    this.#chunks = decodedBytes(head)[Symbol.asyncIterator]();
  }

  /** The 1-based line of the byte at `offset`. */
  async lineAt(offset: number): Promise<number> {
    for (;;) {
      const end = Math.min(offset - this.#start, this.#chunk.length);
      this.#count(end);
      if (offset < this.#start + this.#chunk.length) return this.#line;
      const next = await this.#chunks.next();
      if (next.done === true) return this.#line;
      this.#start += this.#chunk.length;
      this.#chunk = next.value;
      this.#at = 0;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #count(end: number): void {
    // Files whose lines end in CR alone hold no LF.
    this.#newline ??= this.#chunk.length === 0 ? undefined : this.#chunk.includes(10) ? 10 : 13;
    if (this.#newline === undefined) return;
    for (;;) {
      const found = this.#chunk.indexOf(this.#newline, this.#at);
      if (found < 0 || found >= end) break;
      this.#line++;
      this.#at = found + 1;
    }
    this.#at = Math.max(this.#at, end);
  }
}

/** The record that begins at a byte offset; undefined at the end of the file. */
export async function recordAt(head: CsvHead, offset: number): Promise<CsvRecord | undefined> {
  for await (const record of csvRecords(from(decodedBytes(head), offset), head.dialect)) return record;
  return undefined;
}

async function* from(chunks: AsyncIterable<Uint8Array>, offset: number): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const chunk of chunks) {
    if (at + chunk.length > offset) yield chunk.subarray(Math.max(offset - at, 0));
    at += chunk.length;
  }
}
