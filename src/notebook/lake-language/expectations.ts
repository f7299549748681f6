import type { Span } from '../../engine/sql/sql-text.ts';
import { nameOf, type Token } from '../../engine/sql/tokenizer.ts';
import { lex } from './lexer.ts';
import { type Expectation, newInput } from './match.ts';
import { matchVerb, verbOf } from './parser.ts';
import { splitStatements } from './statements.ts';

/** What could be typed at a place. `start` is where the word begins that is being typed. */
export type Place =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'verb'; readonly start: number }
  | { readonly kind: 'string'; readonly start: number; readonly isPath: boolean }
  | {
      readonly kind: 'words';
      readonly start: number;
      readonly expected: readonly Expectation[];
      /** The table that the line is about, if it is written already. */
      readonly table?: string;
    };

const pathKinds = new Set(['source', 'file', 'path']);

/** What the grammar expects at an offset of a cell, by what stands before it in its statement. */
export function expectationsAt(source: string, within: Span, offset: number): Place {
  const before = source.slice(0, offset);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  if (/(^|\s)(--|#)/.test(line.replace(/'[^']*'/g, ''))) return { kind: 'nothing' };
  const statement = splitStatements(before, { start: within.start, end: offset }).at(-1);
  const word = /[\p{L}\p{N}_]*$/u.exec(line)![0];
  const start = offset - word.length;
  const isFirst = statement === undefined || before.slice(statement.span.start, start).trim() === '';
  const isNewLine = /^\s*(%%?lake\s+)?[\p{L}_]*$/iu.test(line);
  if (isFirst || (isNewLine && !continuesLine(before, line))) return { kind: 'verb', start };
  const { scan } = statement;
  const { open } = scan;
  const until = open === undefined ? start : open.offset;
  const text = scan.text.slice(0, until) + ' '.repeat(source.length - until);
  const tokens = tokensOf(text);
  const verb = verbOf(tokens);
  if (verb === undefined) return { kind: 'nothing' };
  const input = newInput(text, tokens);
  try {
    matchVerb(input, verb);
  } catch {
    return { kind: 'nothing' };
  }
  const { token, expected, args } = input.furthest;
  if (token < tokens.length) return { kind: 'nothing' };
  if (open !== undefined) {
    const isPath = expected.some(item => item.type === 'argument' && pathKinds.has(item.kind));
    return { kind: 'string', start: open.offset + 1, isPath };
  }
  const table = args.values.table ?? tableOf(tokens);
  return { kind: 'words', start, expected, ...(typeof table === 'string' ? { table } : {}) };
}

/** Whether the line that is begun goes on with the one before it. */
function continuesLine(before: string, line: string): boolean {
  return /[,|(]\s*$/.test(before.slice(0, before.length - line.length)) || /^\s+\S*$/.test(line);
}

function tokensOf(text: string): Token[] {
  try {
    return lex({ text });
  } catch {
    return [];
  }
}

/** The word behind the verb is a table for most verbs. */
function tableOf(tokens: readonly Token[]): string | undefined {
  const token = tokens[1];
  return token === undefined ? undefined : nameOf(token);
}
