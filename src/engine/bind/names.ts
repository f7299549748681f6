import type { SqlText } from '../sql/sql-text.ts';
import { nameOf, type Token } from '../sql/tokenizer.ts';
import type { FoundAt } from './at-clauses.ts';

/** Words that a table's name may follow. JOIN isn't among them: a FROM stands before it. */
export const tableWords = [
  'FROM',
  'TABLE',
  'PIVOT',
  'PIVOT_WIDER',
  'UNPIVOT',
  'PIVOT_LONGER',
  'DESCRIBE',
  'DESC',
  'SUMMARIZE',
] as const;

/** A dotted name in a query's text. */
export interface WrittenName {
  readonly parts: readonly string[];
  /** UTF-16 offsets in the query's text; `ends` are those of each part. */
  readonly start: number;
  readonly end: number;
  readonly ends: readonly number[];
  /** The index of its first token. */
  readonly token: number;
  /** The number of its tokens. */
  readonly tokens: number;
}

/** The tokens of a query, found by their places. */
export class QueryTokens {
  readonly query: SqlText;
  readonly list: readonly Token[];
  readonly #byStart = new Map<number, number>();

  constructor(query: SqlText, tokens: readonly Token[]) {
    this.query = query;
    this.list = tokens;
    for (const [index, token] of tokens.entries()) this.#byStart.set(token.start, index);
  }

  /** The index of the token that begins at an offset. */
  indexAt(offset: number): number | undefined {
    return this.#byStart.get(offset);
  }

  /** The dotted name that begins at an offset; undefined when there is something else (a file name in quotes). */
  nameAt(offset: number): WrittenName | undefined {
    const index = this.#byStart.get(offset);
    return index === undefined ? undefined : this.nameFrom(index);
  }

  /** The dotted name that begins with a token. */
  nameFrom(index: number): WrittenName | undefined {
    if (!isName(this.list[index])) return undefined;
    const parts = [nameOf(this.list[index]!)];
    const ends = [this.list[index]!.end];
    let next = index + 1;
    while (this.list[next]?.text === '.' && isName(this.list[next + 1])) {
      parts.push(nameOf(this.list[next + 1]!));
      ends.push(this.list[next + 1]!.end);
      next += 2;
    }
    const start = this.list[index]!.start;
    return { parts, start, end: ends.at(-1)!, ends, token: index, tokens: next - index };
  }

  /** The AT clause of a table reference: behind its name, or behind its alias. */
  atClauseOf(name: WrittenName, clauses: readonly FoundAt[]): FoundAt | undefined {
    const clause = clauses.find(({ start }) => start >= name.end);
    if (clause === undefined) return undefined;
    const first = name.token + name.tokens;
    const between = this.list.slice(first, this.#byStart.get(clause.start)!);
    // [AS] [alias [(column, ...)]]
    let at = between[0]?.value === 'AS' && between[0].type === 'word' ? 1 : 0;
    if (isName(between[at])) {
      at++;
      if (between[at]?.text === '(') {
        const close = between.findIndex(token => token.text === ')');
        at = close < 0 ? at : close + 1;
      }
    }
    return at === between.length ? clause : undefined;
  }
}

/** Whether a token is this keyword, and not part of a dotted name. */
export function isKeyword(tokens: readonly Token[], index: number, word: string): boolean {
  const token = tokens[index];
  return token?.type === 'word' && token.value === word && tokens[index - 1]?.text !== '.';
}

export function isName(token: Token | undefined): boolean {
  return token?.type === 'word' || token?.type === 'quoted';
}
