import { quoteIdentifier } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { InterruptedError, LakebookError, ValidationError } from '../../iceberg/errors.ts';
import { typeToString } from '../../iceberg/schema.ts';
import type { FileOptions } from '../requests.ts';
import type { ColumnMatch } from './columns.ts';
import { type CsvHead, decodedBytes } from './csv-head.ts';
import { LineCounter, recordAt } from './csv-lines.ts';
import { type CsvGroup, type ReadCsv, readCsvSql, readThroughSql } from './csv-reader.ts';
import { csvRecords, splitFields } from './csv-records.ts';
import type { ExactnessRule } from './exactness.ts';
import { type RejectTable, rejectBatch } from './reject-table.ts';
import { type RowsOptions, temporaryName } from './source.ts';

/** What a value of a column has to be beyond what the reader checks. */
export interface ColumnCheck {
  readonly match: ColumnMatch;
  readonly rule: ExactnessRule | undefined;
  /** NULL isn't allowed. */
  readonly required: boolean;
}

/** DuckDB keeps this much of a refused line. */
const keptLineBytes = 10_000;

/**
 * Finds the lines that DuckDB's reader refuses as these types, and why.
 * @throws ValidationError `CSV_QUOTE` for misplaced quotes and those that are never closed: then nobody knows which
 *   lines the record was meant to have
 */
export async function collectReaderRejects(
  session: EngineSession,
  read: ReadCsv,
  matches: readonly ColumnMatch[],
  table: RejectTable,
  { signal, onProgress }: RowsOptions,
): Promise<void> {
  const { duckdb } = session;
  const errors = temporaryName('csv_errors');
  const scans = temporaryName('csv_scans');
  const relation = readCsvSql({ ...read, rejects: { errors, scans } });
  try {
    await duckdb.rows(readThroughSql(relation, read.group.columns), {
      signal,
      onProgress,
      phase: 'checking',
    });
    await copyRejects(session, read.group, matches, { errors, scans }, table, signal);
  } finally {
    for (const name of [errors, scans]) await duckdb.run(`DROP TABLE IF EXISTS ${quoteIdentifier(name)}`);
  }
}

async function copyRejects(
  session: EngineSession,
  group: CsvGroup,
  matches: readonly ColumnMatch[],
  { errors, scans }: { errors: string; scans: string },
  table: RejectTable,
  signal: AbortSignal | undefined,
): Promise<void> {
  const heads = new Map(group.heads.map(head => [head.file.path, head]));
  // Line breaks before the record (empty lines, the LF of CR LF) belong to what DuckDB takes for the line.
  // What is wrong with a line as a whole is told for every value that it has too many: once is enough.
  const sql = `SELECT * FROM (SELECT s.file_path AS path, e.line_byte_position - 1 + length(regexp_extract(csv_line, '^[\\r\\n]*')) AS pos,
      e.byte_position - 1 AS value_pos, regexp_replace(regexp_replace(csv_line, '^[\\r\\n]+', ''), '[\\r\\n]+$', '') AS raw,
      error_type, column_name, error_message
    FROM ${quoteIdentifier(errors)} e JOIN ${quoteIdentifier(scans)} s USING (scan_id, file_id)
    QUALIFY error_type NOT IN ('MISSING COLUMNS', 'TOO MANY COLUMNS')
      OR row_number() OVER (PARTITION BY s.file_path, e.line_byte_position, error_type ORDER BY e.byte_position) = 1)
    ORDER BY path, pos, value_pos`;
  let record: { path: string; at: number; type: string; raw: string } | undefined;
  let counter: { path: string; lines: LineCounter } | undefined;
  try {
    for (let offset = 0; ; offset += rejectBatch) {
      const rows = await session.duckdb.rows(`${sql} LIMIT ${rejectBatch} OFFSET ${offset}`, { signal });
      for (const row of rows) {
        const path = String(row.path);
        const head = heads.get(path)!;
        if (counter?.path !== path) {
          await counter?.lines.close();
          counter = { path, lines: new LineCounter(head) };
        }
        const at = Number(row.pos);
        const line = await counter.lines.lineAt(at);
        const error: ReaderError = {
          type: String(row.error_type),
          column: row.column_name === null ? undefined : String(row.column_name),
          message: String(row.error_message),
        };
        if (record?.path !== path || record.at !== at || record.type !== error.type) {
          record = { path, at, type: error.type, raw: await wholeRecord(head, at, String(row.raw), error) };
        }
        const { raw } = record;
        refuseBadQuote(head, line, raw, error);
        const match = matches.find(each => each.source === error.column);
        await table.add({
          file: head.file.name,
          at,
          line,
          raw,
          column: match?.field.name ?? error.column,
          reason: readerReason(error, match, head, raw, group.columns.length),
        });
      }
      if (rows.length < rejectBatch) break;
    }
  } finally {
    await counter?.lines.close();
  }
}

interface ReaderError {
  readonly type: string;
  readonly column: string | undefined;
  readonly message: string;
}

async function wholeRecord(head: CsvHead, at: number, kept: string, error: ReaderError): Promise<string> {
  if (error.type !== 'INVALID ENCODING' && Buffer.byteLength(kept) < keptLineBytes) return kept;
  const record = await recordAt(head, at);
  if (record === undefined) return kept;
  // As Latin-1 each byte is one character: nothing is lost of what is no UTF-8.
  return record.bytes.toString(error.type === 'INVALID ENCODING' ? 'latin1' : 'utf8');
}

/**
 * Behind a misplaced quote DuckDB's reader may take the next lines for part of the record and drop them, so such a
 * file isn't loaded in part.
 */
function refuseBadQuote(head: CsvHead, line: number, raw: string, error: ReaderError): void {
  const { quote } = head.dialect;
  const isOpen = quote !== '' && (raw.split(quote).length - 1) % 2 === 1;
  // Without strict mode an open quote shows as values that are missing.
  const showsOpen = error.type === 'LINE SIZE OVER MAXIMUM' || head.mixedNewlines;
  if (error.type !== 'UNQUOTED VALUE' && !(isOpen && showsOpen)) return;
  throw new ValidationError(
    isOpen
      ? `${head.file.name}, line ${line}: a quote (${quote}) is opened that is never closed, so it can't be told where the record ends.`
      : `${head.file.name}, line ${line}: there is text behind a closing quote (${quote}), so it can't be told what the record is.`,
    {
      file: head.file.name,
      position: { line, column: Math.max(raw.indexOf(quote), 0) + 1 },
      hint: `Correct the line: inside of quotes a quote is written twice. If it is an ordinary character here, name another quote character: quote '' for none.`,
    },
    'CSV_QUOTE',
  );
}

function readerReason(
  error: ReaderError,
  match: ColumnMatch | undefined,
  head: CsvHead,
  raw: string,
  width: number,
): string {
  switch (error.type) {
    case 'CAST': {
      const value = /^Error when converting column ".*?"\. Could not convert string "([\s\S]*)" to '/.exec(
        error.message,
      )?.[1];
      return match === undefined
        ? error.message
        : valueReason(match, value ?? '', `is no ${typeName(match)}`);
    }
    case 'MISSING COLUMNS':
    case 'TOO MANY COLUMNS': {
      const found = splitFields(raw, head.dialect).length;
      return `the line has ${found} ${found === 1 ? 'value' : 'values'}, the ${head.header === undefined ? 'table' : 'header'} has ${width} columns`;
    }
    case 'INVALID ENCODING':
      return "the line is no UTF-8 text (name the file's encoding if it has another one: encoding 'latin-1')";
    case 'LINE SIZE OVER MAXIMUM':
      return 'the line is longer than 2 MB';
    default:
      return error.message;
  }
}

function valueReason(match: ColumnMatch, value: string, reason: string): string {
  const shown = value.length > 80 ? `${value.slice(0, 80)}…` : value;
  return `column "${match.field.name}": '${shown}' ${reason}`;
}

function typeName(match: ColumnMatch): string {
  return typeToString(match.field.type);
}

/**
 * Finds the lines whose values lose something in a cast, or are NULL where a value is required: the reader takes
 * both. The file is read through in JavaScript, so this is for files that are known to have such lines: `expected` of
 * them.
 * @throws LakebookError when fewer are found, so that no line is lost
 */
export async function collectInexact(
  group: CsvGroup,
  checks: readonly ColumnCheck[],
  options: FileOptions,
  table: RejectTable,
  signal: AbortSignal | undefined,
  expected: number,
): Promise<void> {
  const columns = checks.map(check => ({ ...check, index: group.columns.indexOf(check.match.source) }));
  const isNull = (value: string) => value === '' || value === options.nullText;
  let found = 0;
  for (const head of group.heads) {
    let toSkip = head.skip + (head.header === undefined ? 0 : 1);
    for await (const { bytes, line, offset } of csvRecords(decodedBytes(head), head.dialect)) {
      if (signal?.aborted) throw new InterruptedError();
      if (toSkip > 0) {
        toSkip--;
        continue;
      }
      if (bytes.length === 0 && group.columns.length > 1) continue;
      const raw = bytes.toString();
      const fields = splitFields(raw, head.dialect);
      // The reader takes a delimiter at the end of a line for no value.
      if (fields.length === group.columns.length + 1 && fields.at(-1) === '') fields.pop();
      if (fields.length !== group.columns.length) continue;
      let isBad = false;
      for (const { match, rule, required, index } of columns) {
        const value = fields[index]!;
        let reason: string | undefined;
        if (isNull(value)) {
          if (required) reason = `column "${match.field.name}" is empty, but required`;
        } else if (rule?.pattern.test(value)) {
          reason = valueReason(match, value, rule.reason);
        }
        if (reason === undefined) continue;
        isBad = true;
        await table.add({ file: head.file.name, at: offset, line, raw, column: match.field.name, reason });
      }
      if (isBad) found++;
    }
  }
  if (found >= expected) return;
  throw new LakebookError(
    'ENGINE_FAILURE',
    `${expected - found} of the lines that don't fit couldn't be found in ${group.heads.map(head => head.file.name).join(', ')}. Nothing was loaded.`,
    { hint: 'Look for values that are no whole numbers, have too many decimals or are missing.' },
  );
}
