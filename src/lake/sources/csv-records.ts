/*
 * CSV text as RFC 4180 sees it, for the few things that DuckDB's reader doesn't tell: what the header says, how a
 * file is delimited, and on which line of the file a refused record stands. Data rows never pass through here.
 */

export interface CsvDialect {
  readonly delimiter: string;
  readonly quote: string;
  /** The character that makes a quote inside of quotes an ordinary one; usually the quote itself. */
  readonly escape: string;
}

/** One record of a CSV file. */
export interface CsvRecord {
  /** Byte offset of the record's first character in the (decompressed) file. */
  readonly offset: number;
  /** 1-based line on which the record begins; a record may span several. */
  readonly line: number;
  /** The record's bytes without the line break. */
  readonly bytes: Buffer;
}

/** The fields of one record. A quoted field loses its quotes. */
export function splitFields(record: string, dialect: CsvDialect): string[] {
  const { delimiter, quote, escape: escaping } = dialect;
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (quote !== '' && record[at] === quote) {
      let value = '';
      at++;
      for (; at < record.length; at++) {
        const char = record[at]!;
        if (char === escaping && record[at + 1] === quote) value += record[++at]!;
        else if (char === quote) break;
        else value += char;
      }
      const next = record.indexOf(delimiter, at + 1);
      // What follows a closing quote belongs to the field as it stands.
      value += record.slice(at + 1, next < 0 ? record.length : next);
      fields.push(value);
      at = next;
    } else {
      const next = record.indexOf(delimiter, at);
      fields.push(record.slice(at, next < 0 ? record.length : next));
      at = next;
    }
    if (at < 0) return fields;
    at += delimiter.length;
  }
}

const lineFeed = 10;
const carriageReturn = 13;

/**
 * Cuts a stream of bytes into records: a line break inside of quotes doesn't end one. A UTF-8 byte order mark is
 * no part of the first record. Empty lines are records too.
 */
export async function* csvRecords(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  dialect: CsvDialect,
): AsyncGenerator<CsvRecord> {
  const quote = dialect.quote === '' ? -1 : dialect.quote.charCodeAt(0);
  const escaping =
    dialect.escape === dialect.quote || dialect.escape === '' ? -1 : dialect.escape.charCodeAt(0);
  let rest: Buffer = Buffer.alloc(0);
  let restOffset = 0;
  let line = 1;
  let first = true;
  let newline = -1;
  for await (const chunk of withEnd(chunks)) {
    const data = chunk === undefined ? rest : Buffer.concat([rest, chunk]);
    let start = 0;
    if (first && data.length > 0) {
      first = false;
      if (data[0] === 0xef && data[1] === 0xbb && data[2] === 0xbf) start = 3;
      newline = data.includes(lineFeed)
        ? lineFeed
        : data.includes(carriageReturn)
          ? carriageReturn
          : lineFeed;
    }
    for (;;) {
      const end = recordEnd(data, start, newline, quote, escaping);
      if (end === undefined) break;
      const bytes = data.subarray(
        start,
        end.at > start && data[end.at - 1] === carriageReturn ? end.at - 1 : end.at,
      );
      yield { offset: restOffset + start, line, bytes };
      line += end.lines;
      start = end.at + 1;
    }
    rest = data.subarray(start);
    restOffset += start;
    if (chunk === undefined && rest.length > 0) {
      const trailing = rest.at(-1) === carriageReturn ? rest.subarray(0, -1) : rest;
      yield { offset: restOffset, line, bytes: trailing };
    }
  }
}

async function* withEnd(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array | undefined> {
  yield* chunks;
  yield undefined;
}

/** The line break that ends the record beginning at `start`, and the lines the record spans. */
function recordEnd(
  data: Buffer,
  start: number,
  newline: number,
  quote: number,
  escaping: number,
): { at: number; lines: number } | undefined {
  let at = data.indexOf(newline, start);
  if (at < 0) return undefined;
  if (quote < 0) return { at, lines: 1 };
  let nextQuote = data.indexOf(quote, start);
  if (nextQuote < 0 || nextQuote > at) return { at, lines: 1 };
  let lines = 1;
  let inside = false;
  let from = start;
  while (at >= 0) {
    while (nextQuote >= 0 && nextQuote < at) {
      const escaped = escaping >= 0 && inside && nextQuote > from && data[nextQuote - 1] === escaping;
      if (!escaped) inside = !inside;
      nextQuote = data.indexOf(quote, nextQuote + 1);
    }
    if (!inside) return { at, lines };
    lines++;
    from = at + 1;
    at = data.indexOf(newline, at + 1);
  }
  return undefined;
}
