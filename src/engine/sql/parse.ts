import { LakebookError } from '../../iceberg/errors.ts';
import { notUnderstood, otherStatement } from './other-statements.ts';
import { parseAlterTable, parseComment } from './parse-alter.ts';
import { parseCreate } from './parse-create.ts';
import { type Body, parseDelete, parseInsert, parseUpdate } from './parse-dml.ts';
import { parseMerge } from './parse-merge.ts';
import {
  parseCall,
  parseCopy,
  parseDescribe,
  parseDrop,
  parseExplain,
  parseShow,
  parseTruncate,
  parseUse,
} from './parse-other.ts';
import { SqlText } from './sql-text.ts';
import type { ParsedStatement } from './statement.ts';
import { TokenCursor } from './token-cursor.ts';
import { type Token, tokenize } from './tokenizer.ts';

/** A statement without the parts that all statements share. */
export type AnyBody = ParsedStatement extends infer Statement
  ? Statement extends ParsedStatement
    ? Body<Statement>
    : never
  : never;

/**
 * What every statement of a SQL text asks for, in order; empty statements are left out. A statement that can't be
 * understood is of kind `other`, perhaps with the `problem`: whether that matters depends on whose table it is about.
 * @throws ValidationError (SYNTAX) with its position for an unterminated string, name or comment.
 */
export function parseStatements(sql: string): ParsedStatement[] {
  return splitTokens(tokenize(sql)).map(tokens => parseStatement(sql, tokens));
}

/** Tokens of each statement, without semicolons. A semicolon in parentheses ends nothing: it is an error. */
export function splitTokens(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [];
  let current: Token[] = [];
  let depth = 0;
  for (const token of tokens) {
    if (token.type === 'punctuation') {
      if ('([{'.includes(token.text)) depth++;
      else if (')]}'.includes(token.text)) depth = Math.max(0, depth - 1);
      else if (token.text === ';' && depth === 0) {
        if (current.length > 0) statements.push(current);
        current = [];
        continue;
      }
    }
    current.push(token);
  }
  if (current.length > 0) statements.push(current);
  return statements;
}

function parseStatement(source: string, tokens: readonly Token[]): ParsedStatement {
  const span = { start: tokens[0]!.start, end: tokens.at(-1)!.end };
  const common = { span, text: SqlText.written(source, span) };
  const cursor = new TokenCursor(source, tokens);
  try {
    return { ...parseBody(cursor), ...common };
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    cursor.reset(0);
    return { ...notUnderstood(cursor, error), ...common };
  }
}

/** Statement parsers by first word; they answer undefined for what is DuckDB's own business. */
const parsers: Readonly<Record<string, (cursor: TokenCursor) => AnyBody | undefined>> = {
  SELECT: parseQuery,
  FROM: parseQuery,
  VALUES: parseQuery,
  TABLE: parseQuery,
  PIVOT: parseQuery,
  PIVOT_WIDER: parseQuery,
  PIVOT_LONGER: parseQuery,
  UNPIVOT: parseQuery,
  WITH: parseWith,
  EXPLAIN: cursor => parseExplain(cursor, parseBody),
  DESCRIBE: parseDescribe,
  DESC: parseDescribe,
  SUMMARIZE: parseDescribe,
  SHOW: parseShow,
  USE: parseUse,
  COPY: parseCopy,
  CREATE: parseCreate,
  INSERT: cursor => parseInsert(cursor, undefined),
  UPDATE: cursor => (cursor.at('UPDATE', 'EXTENSIONS') ? undefined : parseUpdate(cursor, undefined)),
  DELETE: cursor => parseDelete(cursor, undefined),
  MERGE: cursor => parseMerge(cursor, undefined),
  ALTER: parseAlterTable,
  COMMENT: parseComment,
  DROP: parseDrop,
  TRUNCATE: parseTruncate,
  CALL: parseCall,
  REPLACE: parseReplace,
};

function parseBody(cursor: TokenCursor): AnyBody {
  const first = cursor.peek();
  if (first === undefined) cursor.fail('a statement');
  if (first.text === '(') return parseQuery(cursor);
  const parse =
    first.type === 'word' && Object.hasOwn(parsers, first.value) ? parsers[first.value] : undefined;
  const mark = cursor.mark();
  const body = parse?.(cursor);
  if (body !== undefined) return body;
  cursor.reset(mark);
  return otherStatement(cursor, Object.keys(parsers));
}

/** Spark's REPLACE TABLE. */
function parseReplace(cursor: TokenCursor): never {
  return cursor.fail('a statement', 'To replace a table write CREATE OR REPLACE TABLE.');
}

function parseQuery(_cursor: TokenCursor): AnyBody {
  return { kind: 'query' };
}

/** WITH before a query is the query's own; before INSERT, UPDATE, DELETE or MERGE the statement keeps it apart. */
function parseWith(cursor: TokenCursor): AnyBody {
  const start = cursor.start;
  cursor.expect('WITH');
  cursor.accept('RECURSIVE');
  do {
    cursor.name('a name for the common table expression');
    if (cursor.at('(')) cursor.parenthesised('the column names');
    if (cursor.accept('USING', 'KEY')) cursor.parenthesised('the key');
    cursor.expect('AS');
    cursor.accept('NOT');
    cursor.accept('MATERIALIZED');
    cursor.parenthesised('the common table expression');
    // PostgreSQL's SEARCH and CYCLE clauses aren't DuckDB's, so nothing else may stand here.
  } while (cursor.accept(','));
  const withClause = cursor.textFrom(start);
  if (cursor.at('INSERT')) return parseInsert(cursor, withClause);
  if (cursor.at('UPDATE')) return parseUpdate(cursor, withClause);
  if (cursor.at('DELETE')) return parseDelete(cursor, withClause);
  if (cursor.at('MERGE')) return parseMerge(cursor, withClause);
  return { kind: 'query' };
}
