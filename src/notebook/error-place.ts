import { textPosition } from '../engine/errors.ts';
import type { Span } from '../engine/sql/sql-text.ts';
import { LakebookError } from '../iceberg/errors.ts';
import type { LakeStatement } from './lake-language/parser.ts';

/** Which argument an error of a verb is about, by the error's code. */
const argumentOfCode: Readonly<Record<string, readonly string[]>> = {
  TABLE_NOT_FOUND: ['table'],
  TABLE_EXISTS: ['table'],
  NAMESPACE_NOT_FOUND: ['table', 'namespace'],
  FILE_NOT_FOUND: ['source', 'metadata'],
  SNAPSHOT_NOT_FOUND: ['to', 'at', 'from'],
  BRANCH_NOT_FOUND: ['branch', 'name', 'to', 'at', 'from'],
  TAG_NOT_FOUND: ['name', 'to', 'at', 'from'],
  REF_NOT_FOUND: ['branch', 'name', 'to', 'at', 'from'],
};

/** Arguments that are SQL: an error's position in them is a position in the argument's text. */
const sqlArguments = ['where', 'source', 'query', 'whenMatchedDelete'];

/**
 * An error of a verb with its place in the cell: the argument it is about, else the verb's line. Errors about a line
 * of a source file keep that place.
 */
export function placeInCell(error: unknown, statement: LakeStatement, source: string): unknown {
  if (!(error instanceof LakebookError) || error.file !== undefined || error.code === 'INTERRUPTED')
    return error;
  const { argumentSpans, span } = statement;
  let place: Span | undefined;
  if (error.position !== undefined) {
    const sql = sqlSpan(statement, source);
    if (sql !== undefined) {
      const offset = offsetOf(source.slice(sql.start, sql.end), error.position.line, error.position.column);
      place = { start: sql.start + offset, end: sql.start + offset + (error.position.length ?? 1) };
    }
  }
  const name = (argumentOfCode[error.code] ?? []).find(argument => argumentSpans[argument] !== undefined);
  if (name !== undefined) place ??= argumentSpans[name];
  place ??= { start: span.start, end: Math.max(span.start + 1, firstLineEnd(source, span)) };
  const placed = new LakebookError(error.code, error.message, {
    hint: error.hint,
    cause: error.cause,
    position: textPosition(source, place.start, place.end - place.start),
  });
  placed.name = error.name;
  return placed;
}

/** The part of the cell that an error's position is in: an argument that is SQL. */
function sqlSpan({ argumentSpans }: LakeStatement, source: string): Span | undefined {
  for (const argument of sqlArguments) {
    const span = argumentSpans[argument];
    if (span === undefined) continue;
    const text = source.slice(span.start, span.end);
    const parentheses =
      argument === 'source' || argument === 'query' ? /^\(\s*/.exec(text)?.[0].length : undefined;
    // A source may be files, whose errors are about the files, or a table's name.
    if (argument === 'source' && parentheses === undefined && !/^[a-z]+\s/i.test(text)) continue;
    return { start: span.start + (parentheses ?? 0), end: span.end };
  }
  return undefined;
}

function firstLineEnd(source: string, span: { start: number; end: number }): number {
  const newline = source.indexOf('\n', span.start);
  return newline < 0 ? span.end : Math.min(newline, span.end);
}

function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n').slice(0, line - 1);
  const offset = lines.reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
  return Math.min(offset, Math.max(0, text.length - 1));
}
