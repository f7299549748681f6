import { ValidationError } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';

export type TokenType =
  /** Unquoted name or keyword. */
  | 'word'
  /** "quoted name". */
  | 'quoted'
  /** 'text', E'text', $$text$$, x'00'. */
  | 'string'
  | 'number'
  /** ?, ?1, $1, $name. */
  | 'parameter'
  | 'operator'
  /** ( ) [ ] { } , ; . */
  | 'punctuation';

export interface Token {
  readonly type: TokenType;
  /** As written. */
  readonly text: string;
  /** What it means: a name without quotes, a string's content, a keyword in upper case; else as written. */
  readonly value: string;
  /** UTF-16 offsets in the source. */
  readonly start: number;
  readonly end: number;
}

/** Operators of more than one character that the statement parser has to see as one. */
const longOperators = ['->>', '=>', '::', ':=', '<=', '>=', '<>', '!=', '==', '||', '->', '//', '**', '^@'];

/** White space as DuckDB's lexer takes it: ASCII's without the vertical tab, and most of Unicode's. */
const space = /[ \t\n\r\f\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]+/y;
/** All other characters beyond ASCII may be part of a name. */
const word =
  /[A-Za-z_[[\u0080-\u{10ffff}]--[\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]]][\w$[[\u0080-\u{10ffff}]--[\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]]]*/vy;
const number =
  /(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|(?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y;
const parameter = /\?\d*|\$\d+|\$[A-Za-z_][A-Za-z0-9_]*/y;
/** Unlike in a name, white space of Unicode may be part of the tag. */
const dollarQuote = /\$(?:[A-Za-z_\u0080-\u{10ffff}][A-Za-z0-9_\u0080-\u{10ffff}]*)?\$/uy;
const lineComment = /--[^\n\r]*/y;

/** What a text consists of, as far as it can be told. */
export interface Scan {
  readonly tokens: Token[];
  /** A string, quoted name or comment without an end: it reaches to the end of the text. */
  readonly problem?: ValidationError;
}

/**
 * Splits SQL (DuckDB's dialect) into tokens; comments and white space are left out.
 * @throws ValidationError (SYNTAX) with its position for an unterminated string, name or comment.
 */
export function tokenize(source: string): Token[] {
  const { tokens, problem } = scan(source);
  if (problem !== undefined) throw problem;
  return tokens;
}

/** Splits any text into tokens, also one that somebody is still typing; never throws. */
export function scan(source: string): Scan {
  const tokens: Token[] = [];
  let problem: ValidationError | undefined;
  let at = 0;
  /** Where a match that begins here ends. */
  const match = (pattern: RegExp): number | undefined => {
    pattern.lastIndex = at;
    return pattern.test(source) ? pattern.lastIndex : undefined;
  };
  const push = (type: TokenType, end: number, value?: string) => {
    const text = source.slice(at, end);
    tokens.push({ type, text, value: value ?? text, start: at, end });
    at = end;
  };
  while (at < source.length) {
    const blank = match(space) ?? match(lineComment);
    if (blank !== undefined) {
      at = blank;
      continue;
    }
    const character = source[at]!;
    if (character === '/' && source[at + 1] === '*') {
      const end = endOfComment(source, at);
      if (end === undefined) problem = unterminated(source, at, 'comment', '*/');
      at = end ?? source.length;
      continue;
    }
    const tagEnd = character === '$' ? match(dollarQuote) : undefined;
    const quoted = quotedAt(source, at, tagEnd === undefined ? undefined : source.slice(at, tagEnd));
    if (quoted !== undefined) {
      const { type, opening, closing, end } = quoted;
      if (end === undefined) problem = unterminated(source, at, quoted.what, closing);
      const content = source.slice(at + opening, end === undefined ? source.length : end - closing.length);
      push(type, end ?? source.length, quoted.value?.(content));
      continue;
    }
    const wordEnd = match(word);
    if (wordEnd !== undefined) {
      push('word', wordEnd, source.slice(at, wordEnd).toUpperCase());
      continue;
    }
    const numberEnd = match(number);
    if (numberEnd !== undefined) {
      push('number', numberEnd);
      continue;
    }
    const parameterEnd = match(parameter);
    if (parameterEnd !== undefined) {
      push('parameter', parameterEnd);
      continue;
    }
    if ('()[]{},;.'.includes(character)) {
      push('punctuation', at + 1);
      continue;
    }
    push('operator', at + (longOperators.find(candidate => source.startsWith(candidate, at))?.length ?? 1));
  }
  return { tokens, problem };
}

/** A name's meaning: an unquoted word keeps its case (unlike `value`, which is upper case for keywords). */
export function nameOf(token: Token): string {
  return token.type === 'word' ? token.text : token.value;
}

interface Quoted {
  readonly type: 'string' | 'quoted';
  readonly what: string;
  /** Length of what stands before the content. */
  readonly opening: number;
  readonly closing: string;
  /** Offset behind the closing quote; undefined when there is none. */
  readonly end: number | undefined;
  /** What the content means; absent: the token's value is its text. */
  readonly value?: (content: string) => string;
}

/** The string or quoted name that begins at an offset; `tag` is the dollar quote there. */
function quotedAt(source: string, at: number, tag: string | undefined): Quoted | undefined {
  if (tag !== undefined) {
    const close = source.indexOf(tag, at + tag.length);
    const end = close < 0 ? undefined : close + tag.length;
    return {
      type: 'string',
      what: 'dollar-quoted string',
      opening: tag.length,
      closing: tag,
      end,
      value: text => text,
    };
  }
  const character = source[at]!;
  if (character === '"') {
    const value = (text: string) => text.replaceAll('""', '"');
    const end = endOfQuoted(source, at, '"');
    return { type: 'quoted', what: 'quoted name', opening: 1, closing: '"', end, value };
  }
  const string = { type: 'string', what: 'string', closing: "'" } as const;
  if (character === "'") {
    const value = (text: string) => text.replaceAll("''", "'");
    return { ...string, opening: 1, end: endOfQuoted(source, at, "'"), value };
  }
  if (source[at + 1] !== "'") return undefined;
  if (/[eE]/.test(character)) {
    return { ...string, opening: 2, end: endOfEscapeString(source, at), value: unescaped };
  }
  if (/[xXbB]/.test(character)) return { ...string, opening: 2, end: endOfQuoted(source, at + 1, "'") };
  return undefined;
}

function endOfQuoted(source: string, start: number, quote: string): number | undefined {
  let at = start + 1;
  while (true) {
    const close = source.indexOf(quote, at);
    if (close < 0) return undefined;
    if (source[close + 1] !== quote) return close + 1;
    at = close + 2;
  }
}

function endOfEscapeString(source: string, start: number): number | undefined {
  let at = start + 2;
  while (at < source.length) {
    if (source[at] === '\\') at += 2;
    else if (source[at] !== "'") at++;
    else if (source[at + 1] === "'") at += 2;
    else return at + 1;
  }
  return undefined;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

/** `\n` and the like, `\x41`, `\101` and doubled quotes; any other character after a backslash stands for itself. */
function unescaped(text: string): string {
  return text.replace(
    /''|\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([\s\S]))/g,
    (_whole, hex?: string, octal?: string, character?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
      return character === undefined ? "'" : (escapes[character] ?? character);
    },
  );
}

/** Comments nest, as in PostgreSQL. */
function endOfComment(source: string, start: number): number | undefined {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  let depth = 0;
  for (let found = edge.exec(source); found !== null; found = edge.exec(source)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return undefined;
}

function unterminated(source: string, start: number, what: string, closing: string): ValidationError {
  return new ValidationError(
    `The ${what} that begins here has no end.`,
    { position: textPosition(source, start, closing.length), hint: `Close it with ${closing}` },
    'SYNTAX',
  );
}
