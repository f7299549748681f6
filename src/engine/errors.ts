import {
  InterruptedError,
  LakebookError,
  type LakebookErrorOptions,
  type TextPosition,
} from '../iceberg/errors.ts';
import { explainWords } from '../storage/fs-errors.ts';

/** What DuckDB said about a statement that failed. */
export interface SqlErrorDetail {
  /** DuckDB's exception type: `Parser`, `Binder`, `Conversion`, ... */
  readonly type: string;
  /** DuckDB's finer kind, e.g. `COLUMN_NOT_FOUND`. */
  readonly subtype?: string;
  /** UTF-16 offset of the fault in the statement that was run. */
  readonly offset?: number;
  /** The table, column or function the error is about. */
  readonly subject?: string;
  /** Names DuckDB thinks were meant. */
  readonly candidates?: readonly string[];
}

/** A SQL statement that DuckDB refused or that failed while it ran. */
export class SqlError extends LakebookError {
  readonly detail: SqlErrorDetail;

  constructor(code: string, message: string, detail: SqlErrorDetail, options?: LakebookErrorOptions) {
    super(code, message, options);
    this.detail = detail;
  }
}

/** 1-based line and column of a UTF-16 offset in a text. */
export function textPosition(text: string, offset: number, length?: number): TextPosition {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  const column = offset - (before.lastIndexOf('\n') + 1) + 1;
  return length === undefined ? { line, column } : { line, column, length };
}

/**
 * Any error that DuckDB's client throws, as a LakebookError with its position in `sql`. Errors that are
 * LakebookErrors already pass unchanged. Connections report errors as JSON (`errors_as_json`).
 */
export function fromDuckDb(error: unknown, sql: string): LakebookError {
  if (error instanceof LakebookError) return error;
  const raw = error instanceof Error ? error.message : String(error);
  const parsed = parseDuckDbMessage(raw);
  if (parsed.type === 'INTERRUPT') return new InterruptedError();
  const byteOffset = parsed.fields.position === undefined ? undefined : Number(parsed.fields.position);
  const offset = byteOffset === undefined ? undefined : utf16Offset(sql, byteOffset);
  const subject = parsed.fields.name;
  const detail: SqlErrorDetail = {
    type: parsed.type,
    subtype: parsed.fields.error_subtype,
    offset,
    subject,
    candidates: parsed.fields.candidates
      ?.split(',')
      .map(name => name.trim())
      .filter(name => name !== ''),
  };
  // DuckDB's word for whatever has an alias, sub-queries too.
  const message = withoutExtensions(parsed.message.replace(/^Values list "/, '"'));
  const { code, hint } = classify(detail, message);
  const position =
    offset === undefined
      ? undefined
      : textPosition(sql, offset, subject !== undefined ? subject.length : undefined);
  return new SqlError(code, message, detail, { hint, position, cause: error });
}

/**
 * The same error with its position moved from the statement that was run to the text a person wrote.
 * `map` answers the UTF-16 offset in `text`, or undefined for a part that the person didn't write.
 */
export function relocate(
  error: LakebookError,
  text: string,
  map: (offset: number) => number | undefined,
): LakebookError {
  if (!(error instanceof SqlError)) return error;
  const offset = error.detail.offset === undefined ? undefined : map(error.detail.offset);
  const length = error.position?.length;
  return new SqlError(
    error.code,
    error.message,
    { ...error.detail, offset },
    {
      hint: error.hint,
      file: error.file,
      position: offset === undefined ? undefined : textPosition(text, offset, length),
      cause: error.cause,
    },
  );
}

interface ParsedMessage {
  readonly type: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | undefined>>;
}

function parseDuckDbMessage(raw: string): ParsedMessage {
  // A parser error of the prepare step comes as `Parser Error: {json}`, the others as the JSON alone.
  const brace = raw.indexOf('{');
  if (brace >= 0 && raw.endsWith('}')) {
    try {
      const fields = JSON.parse(raw.slice(brace)) as Record<string, string | undefined>;
      if (typeof fields.exception_type === 'string') {
        return { type: fields.exception_type, message: fields.exception_message ?? raw, fields };
      }
    } catch {
      // Not JSON after all: taken as plain text below.
    }
  }
  const plain = /^([A-Za-z ]+?) Error: ([\s\S]*)$/.exec(raw);
  if (plain === null) return { type: 'Unknown', message: raw, fields: {} };
  const message = plain[2]!.replace(/\n\nLINE \d+: [\s\S]*$/, '');
  return { type: plain[1]!, message, fields: {} };
}

/** UTF-16 offset of the character that starts at a UTF-8 byte offset. */
function utf16Offset(text: string, byteOffset: number): number {
  let bytes = 0;
  let index = 0;
  for (const character of text) {
    if (bytes >= byteOffset) break;
    bytes += Buffer.byteLength(character);
    index += character.length;
  }
  return index;
}

const remoteFile = /^SQL can't read or write ([a-z0-9]+):/;

/** DuckDB recommends its own extension for remote files, which isn't there to be loaded. */
function withoutExtensions(message: string): string {
  const file = /^File (\S+:\/\/.+) requires the extension \w+ to be loaded/.exec(message)?.[1];
  return file === undefined ? message : `SQL can't read or write ${file}: it is no file of this machine.`;
}

function classify(detail: SqlErrorDetail, message: string): { code: string; hint?: string } {
  const scheme = remoteFile.exec(message)?.[1];
  if (scheme !== undefined) {
    const hint = /^s3[an]?$/.test(scheme)
      ? "Load it into a table with `%lake ingest t from 's3://...' create`; a table of Iceberg's own is taken over with `%lake import t from 's3://...'`."
      : 'Download it into the folder first, and name the file there.';
    return { code: 'UNSUPPORTED', hint };
  }
  const didYouMean =
    detail.candidates !== undefined &&
    detail.candidates.length > 0 &&
    !/did you mean|Candidate/i.test(message)
      ? `Did you mean ${detail.candidates.join(' or ')}?`
      : undefined;
  switch (detail.type) {
    case 'Parser':
    case 'Syntax':
      return { code: 'SYNTAX' };
    case 'Catalog':
    case 'Binder':
      if (detail.subtype === 'MISSING_ENTRY' && /^Table/.test(message)) {
        return {
          code: 'TABLE_NOT_FOUND',
          hint: didYouMean ?? "List the lake's tables with `%lake tables` or `SHOW TABLES`.",
        };
      }
      if (detail.subtype === 'COLUMN_NOT_FOUND' || / does not have a column named /.test(message))
        return { code: 'COLUMN_NOT_FOUND', hint: didYouMean };
      return { code: 'BINDING', hint: didYouMean };
    case 'Conversion':
    case 'Mismatch Type':
    case 'Out of Range':
      return { code: 'CONVERSION', hint: 'Use TRY_CAST to turn values that don’t fit into NULL.' };
    case 'Constraint':
      return { code: 'CONSTRAINT' };
    case 'Out of Memory':
      return {
        code: 'OUT_OF_MEMORY',
        hint: 'Give the engine more memory (setting `memoryLimit`), or let the statement read less at once.',
      };
    case 'IO':
      return ioError(message);
    case 'Permission':
      return { code: 'PERMISSION' };
    case 'Not implemented':
      return { code: 'UNSUPPORTED' };
    case 'INTERNAL':
    case 'FATAL':
      return { code: 'ENGINE_FAILURE', hint: 'Restart the kernel; the lake itself is not affected.' };
    default:
      return { code: 'SQL' };
  }
}

/** Faults of the disk have the codes that storage gives them. */
function ioError(message: string): { code: string; hint?: string } {
  const known = explainWords(message);
  if (known !== undefined) return { code: known.code, hint: known.hint };
  // Data files have a UUID in their names, which files that people name haven't.
  if (/^No files found .*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[^/]*\.parquet"/.test(message)) {
    return {
      code: 'FILE_NOT_FOUND',
      hint: 'Its snapshot was expired while it was read, or someone deleted it: run the statement again.',
    };
  }
  return { code: 'IO' };
}
