import { expect } from 'vitest';
import { parseStatements } from '../../../src/engine/sql/parse.ts';
import { type Span, SqlText } from '../../../src/engine/sql/sql-text.ts';
import type { ParsedStatement } from '../../../src/engine/sql/statement.ts';
import { nameOf, tokenize } from '../../../src/engine/sql/tokenizer.ts';
import { LakebookError } from '../../../src/iceberg/errors.ts';

/** The only statement of a text, after checking that all its places are right. */
export function parseOne(sql: string): ParsedStatement {
  const statements = parseStatements(sql);
  expect(statements).toHaveLength(1);
  checkPlaces(sql, statements[0]!);
  return statements[0]!;
}

/** What a statement says as plain values: SQL fragments as strings, no places, nothing undefined. */
export function said(sql: string): Record<string, unknown> {
  const { text, ...statement } = plain(parseOne(sql)) as Record<string, unknown>;
  return statement;
}

export function plain(value: unknown, fragment: (text: SqlText) => unknown = text => text.text): unknown {
  if (value instanceof SqlText) return fragment(value);
  if (value instanceof LakebookError) {
    const { line, column, length } = value.position ?? { line: 0, column: 0 };
    return {
      code: value.code,
      message: value.message,
      ...(value.hint === undefined ? {} : { hint: value.hint }),
      at: `${line}:${column}+${length}`,
    };
  }
  if (Array.isArray(value)) return value.map(item => plain(item, fragment));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key, inner]) => key !== 'span' && inner !== undefined);
  return Object.fromEntries(entries.map(([key, inner]) => [key, plain(inner, fragment)]));
}

/** Checks each span and SQL fragment in a statement against the text that it was read from. */
export function checkPlaces(sql: string, statement: ParsedStatement): void {
  const { start, end } = statement.span;
  expect(statement.text.text).toBe(sql.slice(start, end));
  const walk = (value: unknown): void => {
    if (value instanceof SqlText) {
      for (let offset = 0; offset < value.length; offset++) {
        const at = value.sourceOffset(offset);
        // Generated glue such as `FROM (` has no place.
        if (at !== undefined) expect(sql[at]).toBe(value.text[offset]);
      }
      return;
    }
    if (value instanceof LakebookError || typeof value !== 'object' || value === null) return;
    const { span, name, parts, path } = value as {
      span?: Span;
      name?: string;
      parts?: string[];
      path?: string[];
    };
    if (span !== undefined) {
      expect(span.start).toBeGreaterThanOrEqual(start);
      expect(span.end).toBeLessThanOrEqual(end);
      const written = sql.slice(span.start, span.end);
      const tokens = tokenize(written);
      expect([tokens[0]?.start, tokens.at(-1)?.end]).toEqual([0, written.length]);
      const dotted = parts ?? path;
      if (dotted !== undefined && 'at' in value === false && 'alias' in value === false) {
        expect(tokens.filter((_, index) => index % 2 === 0).map(nameOf)).toEqual(dotted);
      } else if (dotted !== undefined) {
        expect(written.startsWith(tokens[0]!.text)).toBe(true);
        expect(nameOf(tokens[0]!)).toBe(dotted[0]);
      }
      if (typeof name === 'string' && Object.keys(value).length === 2) expect(nameOf(tokens[0]!)).toBe(name);
    }
    for (const inner of Object.values(value)) walk(inner);
  };
  walk(statement);
}
