import { nameOf, type Token } from '../../engine/sql/tokenizer.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import type { Version } from '../../lake/requests.ts';
import { lookUpParameter, sqlLiteral } from '../parameters.ts';
import { columnDefinitions, evolveChanges } from './lists.ts';
import { type Expectation, expectAt, type Input, isPunctuation, isWord } from './match.ts';
import { matchSource, readFiles } from './source.ts';
import { textPosition } from './text.ts';

export interface ValueKind {
  /** What it is, for "expected ...". */
  readonly label: string;
  /** Calls `then` with every end at which a value can be read at token `at`, the likeliest first. */
  match<T>(
    input: Input,
    at: number,
    expected: Expectation,
    then: (end: number, value: unknown) => T | undefined,
  ): T | undefined;
}

/** A kind of value that can be read in one way only; `read` gives undefined when there is none. */
function single(
  label: string,
  read: (input: Input, at: number) => { end: number; value: unknown } | undefined,
): ValueKind {
  return {
    label,
    match(input, at, expected, then) {
      const found = read(input, at);
      if (found !== undefined) return then(found.end, found.value);
      expectAt(input, at, expected);
      return undefined;
    },
  };
}

/** Text from token `from` up to token `to`, as written; `$name` becomes the parameter's value as a literal. */
export function rawText(input: Input, from: number, to: number): string {
  const start = input.tokens[from]!.start;
  const end = input.tokens[to - 1]!.end;
  const { parameters } = input;
  if (parameters === undefined) return input.text.slice(start, end).trim();
  let text = '';
  let at = start;
  for (const token of input.tokens.slice(from, to)) {
    if (token.type !== 'parameter' && !(token.type === 'string' && token.text.includes('${'))) continue;
    text += input.text.slice(at, token.start);
    text +=
      token.type === 'string'
        ? sqlLiteral(stringValue(input, token))
        : sqlLiteral(lookUpParameter(parameters, token.text.slice(1), textPosition(input.text, token.start)));
    at = token.end;
  }
  return (text + input.text.slice(at, end)).trim();
}

/** A string's content with every `${name}` replaced by the parameter's value. */
export function stringValue(input: Input, token: Token): string {
  const { parameters } = input;
  if (parameters === undefined) return token.value;
  return token.value.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = lookUpParameter(parameters, name, textPosition(input.text, token.start));
    return value === null ? '' : String(value);
  });
}

/** Index of the token behind the bracket that closes the one at `at`; the end of the tokens if none does. */
export function closing(tokens: readonly Token[], at: number): number {
  let depth = 0;
  for (let index = at; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token.type === 'string' || token.type === 'quoted') continue;
    if ('([{'.includes(token.text)) depth++;
    else if (')]}'.includes(token.text) && --depth === 0) return index + 1;
  }
  return tokens.length;
}

const isName = (token: Token | undefined) => token?.type === 'word' || token?.type === 'quoted';

/** A dotted name; `unquote` gives its parts' meaning, else it stays as written. */
function dottedName(input: Input, at: number, unquote: boolean): { end: number; value: string } | undefined {
  const { tokens } = input;
  if (!isName(tokens[at])) return undefined;
  let end = at + 1;
  while (isPunctuation(tokens[end], '.') && isName(tokens[end + 1])) end += 2;
  // `sales$files`: the dollar is part of the word already.
  const parts = tokens.slice(at, end).filter((_, index) => index % 2 === 0);
  return { end, value: parts.map(part => (unquote ? nameOf(part) : part.text)).join('.') };
}

/** A name that may hold `-`, `/` and dots, as branches and tags do: `release-1.0`; or a quoted one. */
function loneName(input: Input, at: number): { end: number; value: string } | undefined {
  const token = input.tokens[at]!;
  if (token.type === 'string') return { end: at + 1, value: stringValue(input, token) };
  if (token.type === 'quoted') return { end: at + 1, value: token.value };
  return written(input, at, /[\p{L}\p{N}_$][\p{L}\p{N}_$./-]*/uy);
}

/** What a pattern matches from a token on, when it ends with a token. */
function written(input: Input, at: number, pattern: RegExp): { end: number; value: string } | undefined {
  pattern.lastIndex = input.tokens[at]!.start;
  const found = pattern.exec(input.text);
  if (found === null || found[0] === '') return undefined;
  const stop = found.index + found[0].length;
  const end = input.tokens.findIndex((token, index) => index >= at && token.end === stop);
  return end < 0 ? undefined : { end: end + 1, value: found[0] };
}

/** Items between commas, in parentheses or not. Without parentheses the list may end at any comma. */
function listOf(
  label: string,
  readItem: (input: Input, at: number) => { end: number; value: unknown } | undefined,
  allowEmpty = false,
): ValueKind {
  return {
    label,
    match(input, at, expected, then) {
      const { tokens } = input;
      const inParentheses = isPunctuation(tokens[at], '(');
      if (inParentheses && allowEmpty && isPunctuation(tokens[at + 1], ')')) return then(at + 2, []);
      const values: unknown[] = [];
      const ends: number[] = [];
      let next = inParentheses ? at + 1 : at;
      for (;;) {
        const item = next < tokens.length ? readItem(input, next) : undefined;
        if (item === undefined) {
          expectAt(input, next, expected);
          break;
        }
        values.push(item.value);
        ends.push(item.end);
        if (inParentheses && isPunctuation(tokens[item.end], ')')) return then(item.end + 1, values);
        if (!isPunctuation(tokens[item.end], ',')) {
          if (inParentheses) expectAt(input, item.end, { type: 'word', word: ')' });
          break;
        }
        next = item.end + 1;
      }
      if (inParentheses) return undefined;
      for (let count = ends.length; count > 0; count--) {
        const result = then(ends[count - 1]!, values.slice(0, count));
        if (result !== undefined) return result;
      }
      return undefined;
    },
  };
}

/** `month(sold_at)`, `amount desc nulls last`: a name or call, with what SQL puts behind it in ORDER BY. */
function fieldExpression(input: Input, at: number): { end: number; value: string } | undefined {
  const name = dottedName(input, at, false);
  if (name === undefined) return undefined;
  const { tokens } = input;
  let { end } = name;
  if (isPunctuation(tokens[end], '(')) end = closing(tokens, end);
  if (isWord(tokens[end], 'asc') || isWord(tokens[end], 'desc')) end++;
  if (isWord(tokens[end], 'nulls')) end += 2;
  end = Math.min(end, tokens.length);
  return { end, value: rawText(input, at, end) };
}

const typesOfWords: readonly (readonly string[])[] = [
  ['double', 'precision'],
  ['character', 'varying'],
  ['timestamp', 'with', 'time', 'zone'],
  ['timestamp', 'without', 'time', 'zone'],
  ['time', 'with', 'time', 'zone'],
];

/** `long`, `decimal(10,2)`, `struct<a: int>`, `INTEGER[]`, `timestamp with time zone`. */
function typeText(input: Input, at: number): { end: number; value: string } | undefined {
  const { tokens } = input;
  if (tokens[at]?.type !== 'word') return undefined;
  const words = typesOfWords.find(type => type.every((word, index) => isWord(tokens[at + index], word)));
  let end = at + (words?.length ?? 1);
  if (isPunctuation(tokens[end], '(')) end = closing(tokens, end);
  else if (isPunctuation(tokens[end], '<')) end = closingAngle(tokens, end);
  while (isPunctuation(tokens[end], '[')) end = closing(tokens, end);
  return { end, value: rawText(input, at, end) };
}

function closingAngle(tokens: readonly Token[], at: number): number {
  let depth = 0;
  for (let index = at; index < tokens.length; index++) {
    for (const character of tokens[index]!.text) {
      if (character === '<') depth++;
      else if (character === '>' && --depth === 0) return index + 1;
    }
  }
  return tokens.length;
}

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
};

/** '7 days', 7 days or 7d, in milliseconds. */
function duration(input: Input, at: number): { end: number; value: number } | undefined {
  const token = input.tokens[at]!;
  const quoted = token.type === 'string';
  const text = quoted ? stringValue(input, token) : undefined;
  const found = quoted ? { end: at + 1, value: text! } : written(input, at, /\d+(?:\.\d+)?[ \t]*[A-Za-z]+/y);
  if (found === undefined) return undefined;
  const parts = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*$/i.exec(found.value);
  const unit = parts === null ? undefined : unitMs[parts[2]!.toLowerCase()];
  if (parts === null || unit === undefined) {
    throw new ValidationError(
      `"${found.value}" is no span of time.`,
      {
        position: textPosition(input.text, token.start, token.end - token.start),
        hint: "Write a number and a unit, such as '7 days', '12 hours' or '30 minutes'.",
      },
      'SYNTAX',
    );
  }
  return { end: found.end, value: Math.round(Number(parts[1]) * unit) };
}

const unitBytes: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** '128 MB', 128mb or 1 GiB, in bytes; units are binary, as in Iceberg's defaults. */
function size(input: Input, at: number): { end: number; value: number } | undefined {
  const token = input.tokens[at]!;
  const quoted = token.type === 'string';
  const found = quoted
    ? { end: at + 1, value: stringValue(input, token) }
    : written(input, at, /\d+(?:\.\d+)?[ \t]*[A-Za-z]+/y);
  if (found === undefined) return undefined;
  const parts = /^\s*(\d+(?:\.\d+)?)\s*([bkmg])(?:i?b)?\s*$/i.exec(found.value);
  const bytes = parts === null ? 0 : Math.round(Number(parts[1]) * unitBytes[parts[2]!.toLowerCase()]!);
  if (bytes > 0) return { end: found.end, value: bytes };
  throw new ValidationError(
    `"${found.value}" is no size.`,
    {
      position: textPosition(input.text, token.start, token.end - token.start),
      hint: "Write a number and a unit, such as '128 MB' or '1 GB'.",
    },
    'SYNTAX',
  );
}

const date = /\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?/y;

/** 8271 | '2026-01-31' | tag:q1 | branch:dev | snapshot:8271 | previous [n] | current | name */
function version(input: Input, at: number): { end: number; value: Version } | undefined {
  const { tokens } = input;
  const token = tokens[at]!;
  if (token.type === 'string') {
    const text = stringValue(input, token);
    if (/^\s*\d{4}-\d/.test(text)) return { end: at + 1, value: { kind: 'timestamp', text } };
    return { end: at + 1, value: namedVersion(text) };
  }
  if (token.type === 'parameter' && input.parameters !== undefined) {
    const value = lookUpParameter(
      input.parameters,
      token.text.slice(1),
      textPosition(input.text, token.start),
    );
    return { end: at + 1, value: namedVersion(String(value)) };
  }
  if (token.type === 'parameter') return { end: at + 1, value: { kind: 'ref', name: token.text } };
  const moment = written(input, at, date);
  if (moment !== undefined) return { end: moment.end, value: { kind: 'timestamp', text: moment.value } };
  if (token.type === 'number' && /^\d+$/.test(token.text)) {
    return { end: at + 1, value: { kind: 'snapshot', id: BigInt(token.text) } };
  }
  const isPrefix = ['tag', 'branch', 'snapshot'].some(word => isWord(token, word));
  if (isPrefix && tokens[at + 1]?.text === ':' && tokens[at + 2] !== undefined) {
    const name = loneName(input, at + 2);
    if (name === undefined) return undefined;
    if (!isWord(token, 'snapshot')) {
      return { end: name.end, value: { kind: isWord(token, 'tag') ? 'tag' : 'branch', name: name.value } };
    }
    if (/^\d+$/.test(name.value))
      return { end: name.end, value: { kind: 'snapshot', id: BigInt(name.value) } };
    return undefined;
  }
  if (isWord(token, 'current')) return { end: at + 1, value: { kind: 'previous', steps: 0 } };
  if (isWord(token, 'previous')) {
    const next = tokens[at + 1];
    const hasSteps = next?.type === 'number' && /^\d+$/.test(next.text);
    return {
      end: at + (hasSteps ? 2 : 1),
      value: { kind: 'previous', steps: hasSteps ? Number(next.text) : 1 },
    };
  }
  const name = loneName(input, at);
  return name === undefined ? undefined : { end: name.end, value: { kind: 'ref', name: name.value } };
}

function namedVersion(text: string): Version {
  if (/^\d{10,}$/.test(text)) return { kind: 'snapshot', id: BigInt(text) };
  const prefixed = /^(tag|branch):(.+)$/i.exec(text);
  if (prefixed === null) return { kind: 'ref', name: text };
  return { kind: prefixed[1]!.toLowerCase() as 'tag' | 'branch', name: prefixed[2]! };
}

/** SQL up to the end or to where the rest of the syntax fits. */
export function matchSql<T>(
  input: Input,
  at: number,
  then: (end: number, value: string) => T | undefined,
): T | undefined {
  const { tokens } = input;
  expectAt(input, tokens.length, { type: 'more', of: 'sql' });
  for (let end = at + 1; end <= tokens.length; end++) {
    const last = tokens[end - 1]!;
    // Brackets and what is in them stay together.
    if (last.type === 'punctuation' && '([{'.includes(last.text)) end = closing(tokens, end - 1);
    const result = then(end, rawText(input, at, end));
    if (result !== undefined) return result;
  }
  return undefined;
}

/** `(a = 'x', b.c = 1)`, with or without parentheses. */
const property = (input: Input, at: number): { end: number; value: [string, string] } | undefined => {
  const key = input.tokens[at] === undefined ? undefined : loneName(input, at);
  if (key === undefined || !isPunctuation(input.tokens[key.end], '=')) return undefined;
  const token = input.tokens[key.end + 1];
  if (token === undefined) return undefined;
  const value = loneName(input, key.end + 1) ?? written(input, key.end + 1, /[+-]?[\w.%-]+/y);
  return value === undefined ? undefined : { end: value.end, value: [key.value, value.value] };
};

const properties = listOf('properties such as a = 1', property);

/** The kinds of arguments that syntaxes may name. */
export const valueKinds: Readonly<Record<string, ValueKind>> = {
  table: single("a table's name", (input, at) => dottedName(input, at, false)),
  'new-table': single('a name for the table', (input, at) => dottedName(input, at, false)),
  namespace: single("a namespace's name", (input, at) => dottedName(input, at, false)),
  column: single("a column's name", (input, at) => dottedName(input, at, true)),
  'new-column': single('a name for the column', (input, at) => dottedName(input, at, true)),
  columns: listOf('names of columns', (input, at) => dottedName(input, at, true)),
  name: single('a name', loneName),
  // `tag sales drop` is a drop whose name is missing, not a tag called drop.
  'new-ref': single('a name', (input, at) =>
    isWord(input.tokens[at], 'drop') ? undefined : loneName(input, at),
  ),
  branch: single("a branch's name", loneName),
  ref: single("a branch's or tag's name", loneName),
  verb: single("a verb's name", (input, at) => written(input, at, /\w+(?:[ \t]+\w+)*/y)),
  keys: listOf('names of properties', (input, at) => (input.tokens[at] ? loneName(input, at) : undefined)),
  type: single('a type', typeText),
  fields: listOf('fields such as month(sold_at)', fieldExpression, true),
  field: single('a field such as month(sold_at)', fieldExpression),
  version: single("a version (a snapshot's id, 'a date', tag:name or branch:name)", version),
  duration: single("a span of time such as '7 days'", duration),
  size: single("a size such as '128 MB'", size),
  number: single('a whole number', (input, at) => {
    const token = input.tokens[at]!;
    return token.type === 'number' && /^\d+$/.test(token.text)
      ? { end: at + 1, value: Number(token.text) }
      : undefined;
  }),
  text: single('a text in quotes', (input, at) => {
    const token = input.tokens[at]!;
    return token.type === 'string' ? { end: at + 1, value: stringValue(input, token) } : undefined;
  }),
  path: single("a path in quotes, such as 'data/sales.csv'", (input, at) => {
    const token = input.tokens[at]!;
    if (token.type === 'string') return { end: at + 1, value: stringValue(input, token) };
    return written(input, at, /(?=\S*[./\\:])[^\s,;()'"]+/y);
  }),
  choice: {
    label: 'a choice',
    match(input, at, expected, then) {
      const choices = expected.type === 'argument' ? (expected.choices ?? []) : [];
      const found = written(input, at, /[\w-]+/y);
      const choice = choices.find(candidate => candidate === found?.value.toLowerCase());
      if (found !== undefined && choice !== undefined) return then(found.end, choice);
      for (const word of choices) expectAt(input, at, { type: 'word', word });
      return undefined;
    },
  },
  condition: { label: 'a SQL condition', match: (input, at, _, then) => matchSql(input, at, then) },
  properties: {
    label: properties.label,
    match: (input, at, expected, then) =>
      properties.match(input, at, expected, (end, pairs) =>
        then(end, Object.fromEntries(pairs as [string, string][])),
      ),
  },
  source: { label: 'a file in quotes, a table or a SELECT', match: matchSource },
  file: single('a file in quotes', readFiles),
  'column-definitions': {
    label: 'columns in parentheses, such as (id long not null, name string)',
    match: columnDefinitions,
  },
  changes: { label: 'a change such as add, drop, rename or widen', match: evolveChanges },
};
