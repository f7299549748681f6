import { ValidationError } from '../../../iceberg/errors.ts';
import { textPosition } from '../../errors.ts';
import type { Token, TokenType } from '../../sql/tokenizer.ts';

/*
 * Spark's SQL as its lexer takes it (SqlBaseLexer.g4), where it differs from DuckDB's: backslashes escape in strings,
 * double quotes are strings too, names stand in backticks, and words may begin with digits.
 */

const space = /\s+/y;
/** A backslash before the line's end makes the comment go on. */
const lineComment = /--(?:\\\r?\n|[^\n\r])*/y;
const rawString = /[rR](?:'[^']*'|"[^"]*")/y;
const string = /'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"/y;
const dollarString = /\$\$[\s\S]*?\$\$|(\$[A-Za-z_]\w*\$)[\s\S]*?\1/y;
const quotedName = /`(?:[^`]|``)*`/y;
const number =
  /\d+(?:\.\d*)?(?:[eE][+-]?\d+)?[LlSsYyFfDd]?(?![\p{L}\p{N}_])|\.\d+(?:[eE][+-]?\d+)?[FfDd]?(?![\p{L}\p{N}_])/uy;
const word = /[\p{L}\p{N}_]+/uy;
/** Lakebook's own `$name`, which Spark has no use for, beside Spark's. */
const parameter = /\$[A-Za-z_]\w*|\?/y;

const kinds: readonly (readonly [TokenType, RegExp, ((text: string) => string)?])[] = [
  ['string', rawString],
  ['string', string],
  ['string', dollarString],
  ['quoted', quotedName, text => text.slice(1, -1).replaceAll('``', '`')],
  ['number', number],
  ['word', word, text => text.toUpperCase()],
  ['parameter', parameter],
];

/** What a text that begins here and has no end is. */
const unterminated: Readonly<Record<string, string>> = { "'": 'string', '"': 'string', '`': 'quoted name' };

/**
 * Splits SQL of Spark into tokens; comments and white space are left out.
 * @throws ValidationError (SYNTAX) with its position for a string, name or comment without an end
 */
export function sparkTokens(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): number | undefined => {
    pattern.lastIndex = at;
    return pattern.test(source) ? pattern.lastIndex : undefined;
  };
  next: while (at < source.length) {
    const blank = match(space) ?? match(lineComment);
    if (blank !== undefined) {
      at = blank;
      continue;
    }
    if (source.startsWith('/*', at)) {
      at = endOfComment(source, at);
      continue;
    }
    for (const [type, pattern, meaning] of kinds) {
      const end = match(pattern);
      if (end === undefined) continue;
      const text = source.slice(at, end);
      tokens.push({ type, text, value: meaning?.(text) ?? text, start: at, end });
      at = end;
      continue next;
    }
    const character = source[at]!;
    const what = unterminated[character];
    if (what !== undefined) throw withoutEnd(source, at, what, character);
    const type = '()[]{},;.'.includes(character) ? 'punctuation' : 'operator';
    tokens.push({ type, text: character, value: character, start: at, end: at + 1 });
    at += 1;
  }
  return tokens;
}

/** Tokens of each statement, without semicolons; those inside of a script (BEGIN ... END) end nothing. */
export function sparkStatements(source: string): Token[][] {
  const tokens = sparkTokens(source);
  const statements: Token[][] = [];
  let current: Token[] = [];
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.text === ';' && depth === 0) {
      if (current.length > 0) statements.push(current);
      current = [];
      continue;
    }
    if (depth > 0 || (token.value === 'BEGIN' && mayBeginScript(current))) {
      depth += nesting(token, tokens[index - 1], tokens[index + 1]);
    }
    current.push(token);
  }
  if (current.length > 0) statements.push(current);
  return statements;
}

/** A script is a statement of its own, which may have a label before it. */
function mayBeginScript(before: readonly Token[]): boolean {
  return before.length === 0 || (before.length === 2 && before[1]!.text === ':');
}

/** What END alone closes; loops and conditions end with a word of their own behind it. */
function nesting(token: Token, previous: Token | undefined, next: Token | undefined): number {
  if (token.type !== 'word') return 0;
  if (token.value === 'BEGIN') return 1;
  if (token.value === 'CASE') return previous?.value === 'END' ? 0 : 1;
  if (token.value !== 'END') return 0;
  return ['IF', 'WHILE', 'LOOP', 'REPEAT', 'FOR'].includes(next?.value ?? '') ? 0 : -1;
}

/** Comments nest. */
function endOfComment(source: string, start: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  let depth = 0;
  for (let found = edge.exec(source); found !== null; found = edge.exec(source)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  throw withoutEnd(source, start, 'comment', '*/');
}

function withoutEnd(source: string, start: number, what: string, closing: string): ValidationError {
  return new ValidationError(
    `The ${what} that begins here has no end.`,
    { position: textPosition(source, start, 1), hint: `Close it with ${closing}` },
    'SYNTAX',
  );
}
