import { createReadStream } from 'node:fs';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import type { FileOptions } from '../requests.ts';
import { type CsvDialect, csvRecords, splitFields } from './csv-records.ts';
import { firstBytes, type SourceFile, unreadable } from './files.ts';

/** What the beginning of a CSV file tells. */
export interface CsvHead {
  readonly file: SourceFile;
  readonly dialect: CsvDialect;
  readonly encoding: 'utf-8' | 'utf-16' | 'latin-1';
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** Empty lines before the first record. */
  readonly skip: number;
  /** Column names of the header line; undefined for a file without one. */
  readonly header: readonly string[] | undefined;
  /** Fields of the first data records. */
  readonly sample: readonly (readonly string[])[];
  /** Number of fields of a record. */
  readonly width: number;
  /** Some lines end in CR LF, others in LF alone, which DuckDB's strict mode doesn't take. */
  readonly mixedNewlines: boolean;
}

const headBytes = 256 * 1024;
const sampleRecords = 2000;
const delimiters = [',', ';', '\t', '|'] as const;

/**
 * Reads the beginning of a CSV file and finds out how it is written. `expected`, the names of the columns that
 * the rows go to, decides between delimiters where the header holds them.
 * @returns undefined for a file that is empty
 * @throws ValidationError for a file that can't be read or is no text, or a header with a name twice
 */
export async function readCsvHead(
  file: SourceFile,
  options: FileOptions,
  expected: readonly string[],
): Promise<CsvHead | undefined> {
  const compression = compressionOf(file);
  const bytes = await readHead(file, compression);
  if (bytes.length === 0) return undefined;
  const encoding = encodingOf(file, bytes, options.encoding);
  const text = decodeHead(bytes, encoding);
  if (text.trim() === '') return undefined;
  const skip = leadingEmptyLines(text);
  const whole = bytes.length < headBytes;
  const quote = options.quote ?? '"';
  const escaping = options.escape ?? quote;
  const wanted = new Set(expected.map(name => name.toLowerCase()));
  const candidates = options.delimiter === undefined ? candidateDelimiters(file.path) : [options.delimiter];
  let best: { score: number; dialect: CsvDialect; records: string[][] } | undefined;
  for (const delimiter of candidates) {
    const dialect = { delimiter, quote, escape: escaping };
    const records = await sampleOf(text, dialect, whole);
    const score = dialectScore(records, wanted);
    if (best === undefined || score > best.score) best = { score, dialect, records };
  }
  const { dialect, records } = best!;
  const first = records[0] ?? [];
  const hasHeader = options.header ?? true;
  const header = hasHeader ? first.map(name => name.trim()) : undefined;
  if (header !== undefined) checkHeader(file.name, skip + 1, header);
  return {
    file,
    dialect,
    encoding,
    compression,
    skip,
    header,
    sample: records.slice(hasHeader ? 1 : 0, sampleRecords),
    width: first.length,
    mixedNewlines: /\r\n/.test(text) && /[^\r]\n/.test(text.replace(/"[^"]*"/g, '')),
  };
}

/**
 * The file's text as UTF-8 bytes: decompressed, decoded, with a byte order mark if it has one. DuckDB counts byte
 * positions in just that.
 */
export async function* decodedBytes(head: CsvHead): AsyncGenerator<Uint8Array> {
  const { file, compression, encoding } = head;
  const chunks = decompressed(file, compression);
  if (encoding === 'utf-8') {
    yield* chunks;
    return;
  }
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  for await (const chunk of chunks) {
    const label = encoding === 'latin-1' ? undefined : chunk[0] === 0xfe ? 'utf-16be' : 'utf-16le';
    if (label === undefined) {
      yield Buffer.from(Buffer.from(chunk).toString('latin1'));
      continue;
    }
    decoder ??= new TextDecoder(label, { ignoreBOM: true });
    yield Buffer.from(decoder.decode(chunk, { stream: true }));
  }
}

function decompressed(file: SourceFile, compression: CsvHead['compression']): AsyncIterable<Uint8Array> {
  const stream = createReadStream(file.path, { highWaterMark: 1 << 20 });
  if (compression === 'none') return stream;
  if (compression === 'zstd' && typeof createZstdDecompress !== 'function') {
    stream.destroy();
    throw new UnsupportedError(`${file.name} can't be read: this version of Node has no zstd.`, {
      hint: 'Run it with Node 22.15 or newer, or unpack the file first.',
    });
  }
  const unpack = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  stream.on('error', error => unpack.destroy(error));
  return stream.pipe(unpack);
}

function compressionOf(file: SourceFile): CsvHead['compression'] {
  if (/\.gz$/i.test(file.path)) return 'gzip';
  return /\.zst$/i.test(file.path) ? 'zstd' : 'none';
}

async function readHead(file: SourceFile, compression: CsvHead['compression']): Promise<Buffer> {
  if (compression === 'none') return firstBytes(file, headBytes);
  try {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of decompressed(file, compression)) {
      parts.push(chunk);
      size += chunk.length;
      if (size >= headBytes) break;
    }
    return Buffer.concat(parts).subarray(0, headBytes);
  } catch (error) {
    throw unreadable(file.name, error);
  }
}

function leadingEmptyLines(text: string): number {
  const blank = /^\ufeff?((?:[ \t]*(?:\r\n|\n|\r))*)/.exec(text)![1]!;
  return blank.match(/\r\n|\n|\r/g)?.length ?? 0;
}

function encodingOf(file: SourceFile, bytes: Buffer, asked: string | undefined): CsvHead['encoding'] {
  if (asked !== undefined) {
    const name = asked.toLowerCase().replace(/[^a-z0-9]/g, '');
    if (name === 'utf8') return 'utf-8';
    if (name === 'utf16' || name === 'utf16le') return 'utf-16';
    if (name === 'latin1' || name === 'iso88591') return 'latin-1';
    throw new ValidationError(`The encoding "${asked}" isn't known.`, {
      hint: 'Use utf-8, utf-16 or latin-1.',
    });
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) return 'utf-16';
  if (bytes.subarray(0, 1000).includes(0)) {
    throw new ValidationError(
      `${file.name} is no CSV text: it holds binary data.`,
      {
        file: file.path,
        hint: "Name the format (format parquet) if the file's name doesn't tell it, or the encoding (encoding 'utf-16') if it is text.",
      },
      'FILE_NOT_TEXT',
    );
  }
  return 'utf-8';
}

function decodeHead(bytes: Buffer, encoding: CsvHead['encoding']): string {
  if (encoding === 'latin-1') return bytes.toString('latin1');
  const label = encoding === 'utf-16' ? (bytes[0] === 0xfe ? 'utf-16be' : 'utf-16le') : 'utf-8';
  return new TextDecoder(label).decode(bytes);
}

function candidateDelimiters(path: string): readonly string[] {
  return /\.(tsv|tab)(\.|$)/i.test(path) ? ['\t', ...delimiters.filter(d => d !== '\t')] : delimiters;
}

async function sampleOf(text: string, dialect: CsvDialect, whole: boolean): Promise<string[][]> {
  const records: string[][] = [];
  for await (const { bytes } of csvRecords([Buffer.from(text)], dialect)) {
    if (records.length > sampleRecords) break;
    // A file's empty lines are no records; before the header they are skipped.
    if (bytes.length > 0 && !(records.length === 0 && bytes.toString().trim() === '')) {
      records.push(splitFields(bytes.toString(), dialect));
    }
  }
  // The last record of a cut text may be cut itself.
  if (!whole && records.length > 1 && records.length <= sampleRecords) records.pop();
  return records;
}

/** Names of wanted columns weigh most, then that all records are equally wide, then the width. */
function dialectScore(records: readonly (readonly string[])[], wanted: ReadonlySet<string>): number {
  const first = records[0] ?? [];
  const known = first.filter(name => wanted.has(name.trim().toLowerCase())).length;
  const even = records.filter(record => record.length === first.length).length / Math.max(records.length, 1);
  return known * 1000 + (first.length > 1 ? even * 100 + Math.min(first.length, 50) : 0);
}

function checkHeader(name: string, line: number, header: readonly string[]): void {
  const seen = new Set<string>();
  const at = { file: name, position: { line, column: 1 } };
  for (const [index, column] of header.entries()) {
    if (column === '') {
      throw new ValidationError(
        `${name}, line ${line}: column ${index + 1} of the header has no name.`,
        { ...at, hint: 'Name every column in the first line, or add `no header` if the file has none.' },
        'CSV_HEADER',
      );
    }
    if (column.includes('\ufffd')) {
      throw new ValidationError(
        `${name}, line ${line}: the header is no UTF-8 text.`,
        { ...at, hint: "Name the file's encoding: encoding 'latin-1' or encoding 'utf-16'." },
        'CSV_ENCODING',
      );
    }
    if (/[\r\n]/.test(column) && column.length > 200) {
      throw new ValidationError(
        `${name}, line ${line}: a quote in the header is never closed.`,
        { ...at, hint: "Close it, or name the quote character (quote '' for none)." },
        'CSV_QUOTE',
      );
    }
    if (seen.has(column.toLowerCase())) {
      throw new ValidationError(
        `${name}, line ${line}: the header names the column "${column}" twice.`,
        { ...at, hint: 'Give the columns different names, or add `no header` if the file has none.' },
        'CSV_HEADER',
      );
    }
    seen.add(column.toLowerCase());
  }
}
