import type { Span } from '../../engine/sql/sql-text.ts';
import type { Token } from '../../engine/sql/tokenizer.ts';
import type { ParameterValue } from '../parameters.ts';
import type { Element } from './syntax.ts';
import { valueKinds } from './values.ts';

/** The values of a verb's arguments, with where each was written. */
export interface Arguments {
  readonly values: Readonly<Record<string, unknown>>;
  readonly spans: Readonly<Record<string, Span>>;
}

/** What could stand at a place. */
export type Expectation =
  | { readonly type: 'word'; readonly word: string }
  | {
      readonly type: 'argument';
      readonly name: string;
      readonly kind: string;
      readonly choices?: readonly string[];
    }
  /** More of the free text before it. */
  | { readonly type: 'more'; readonly of: 'sql' }
  | { readonly type: 'end' };

/** One statement's text and tokens, and what was expected where, for errors and completion. */
export interface Input {
  /** The statement's text with comments blanked; offsets of tokens are offsets in it. */
  readonly text: string;
  readonly tokens: readonly Token[];
  /** Absent while editing: then names of parameters are left as they are. */
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
  /** The furthest token that something was expected at, and what. */
  readonly furthest: { token: number; expected: Expectation[]; args: Arguments };
  /** The arguments read before the place that is looked at. */
  current: Arguments;
}

export const noArguments: Arguments = { values: {}, spans: {} };

export function newInput(
  text: string,
  tokens: readonly Token[],
  parameters?: Readonly<Record<string, ParameterValue>>,
): Input {
  return {
    text,
    tokens,
    parameters,
    furthest: { token: -1, expected: [], args: noArguments },
    current: noArguments,
  };
}

/** Notes what could have stood at a token. */
export function expectAt(input: Input, token: number, expectation: Expectation): void {
  const { furthest } = input;
  if (token < furthest.token) return;
  if (token > furthest.token) {
    furthest.token = token;
    furthest.expected = [];
    furthest.args = input.current;
  }
  furthest.expected.push(expectation);
}

type Continue<T> = (at: number, args: Arguments) => T | undefined;

/**
 * Matches tokens from `at` with a syntax and calls `then` for every way to do so until one gives a result. Arguments
 * of free text (SQL) may end at several places, so this backtracks; lines are short.
 */
export function match<T>(
  input: Input,
  element: Element,
  at: number,
  args: Arguments,
  then: Continue<T>,
): T | undefined {
  input.current = args;
  switch (element.type) {
    case 'word':
      if (isWord(input.tokens[at], element.word)) return then(at + 1, args);
      expectAt(input, at, { type: 'word', word: element.word });
      return undefined;
    case 'flag':
      return then(at, { ...args, values: { ...args.values, [element.name]: true } });
    case 'argument': {
      const { name, kind, choices } = element;
      const expected: Expectation = { type: 'argument', name, kind, choices };
      const valueKind = valueKinds[kind];
      if (valueKind === undefined) throw new Error(`no such kind of argument: ${kind}`);
      if (at >= input.tokens.length) {
        expectAt(input, at, expected);
        return undefined;
      }
      const start = input.tokens[at]!.start;
      return valueKind.match(input, at, expected, (end, value) =>
        then(end, {
          values: { ...args.values, [name]: value },
          spans: { ...args.spans, [name]: { start, end: input.tokens[end - 1]!.end } },
        }),
      );
    }
    case 'sequence':
      return matchSequence(input, element.items, 0, at, args, then);
    case 'choice':
      for (const option of element.options) {
        const result = match(input, option, at, args, then);
        if (result !== undefined) return result;
      }
      return undefined;
    case 'optional':
      return match(input, element.item, at, args, then) ?? then(at, args);
    case 'clauses':
      return matchClauses(input, element.clauses, at, args, then);
  }
}

function matchSequence<T>(
  input: Input,
  items: readonly Element[],
  index: number,
  at: number,
  args: Arguments,
  then: Continue<T>,
): T | undefined {
  const item = items[index];
  if (item === undefined) return then(at, args);
  return match(input, item, at, args, (next, more) =>
    matchSequence(input, items, index + 1, next, more, then),
  );
}

function matchClauses<T>(
  input: Input,
  clauses: readonly Element[],
  at: number,
  args: Arguments,
  then: Continue<T>,
): T | undefined {
  for (const clause of clauses) {
    const others = clauses.filter(other => other !== clause);
    const result = match(input, clause, at, args, (next, more) =>
      matchClauses(input, others, next, more, then),
    );
    if (result !== undefined) return result;
  }
  return then(at, args);
}

export function isWord(token: Token | undefined, word: string): boolean {
  return token !== undefined && token.type === 'word' && token.value === word.toUpperCase();
}

export function isPunctuation(token: Token | undefined, text: string): boolean {
  return token !== undefined && token.type !== 'string' && token.type !== 'quoted' && token.text === text;
}
