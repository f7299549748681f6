import { didYouMean } from '../../iceberg/did-you-mean.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';
import { type Span, SqlText } from './sql-text.ts';
import type { AtClause, ColumnPath, NameToken, QualifiedName } from './statement.ts';
import { nameOf, type Token } from './tokenizer.ts';

/** Where an expression ends, at its own depth of parentheses and CASE ... END. */
export interface Stops {
  /** Keywords, upper case, that end it. */
  readonly words?: readonly string[];
  /** Whether a comma ends it. */
  readonly comma?: boolean;
}

/** Reads the tokens of one statement from left to right; every failure tells what was expected, and where. */
export class TokenCursor {
  readonly source: string;
  readonly #tokens: readonly Token[];
  #index = 0;

  constructor(source: string, tokens: readonly Token[]) {
    this.source = source;
    this.#tokens = tokens;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#index + ahead];
  }

  next(): Token | undefined {
    return this.done ? undefined : this.#tokens[this.#index++];
  }

  get done(): boolean {
    return this.#index >= this.#tokens.length;
  }

  /** For looking ahead: `reset(mark())` goes back. */
  mark(): number {
    return this.#index;
  }

  reset(mark: number): void {
    this.#index = mark;
  }

  /** Offset where the next token begins, or the statement ends. */
  get start(): number {
    return this.peek()?.start ?? this.end;
  }

  /** Offset where the last read token ended. */
  get end(): number {
    return this.#tokens[this.#index - 1]?.end ?? this.#tokens[0]?.start ?? 0;
  }

  spanFrom(start: number): Span {
    return { start, end: Math.max(this.end, start) };
  }

  textFrom(start: number): SqlText {
    return SqlText.written(this.source, this.spanFrom(start));
  }

  /** Whether the next tokens are these keywords (unquoted, any case) or punctuation marks. */
  at(...words: readonly string[]): boolean {
    return words.every((word, index) => is(this.peek(index), word));
  }

  atAny(words: readonly string[]): boolean {
    return words.some(word => this.at(word));
  }

  accept(...words: readonly string[]): boolean {
    if (!this.at(...words)) return false;
    this.#index += words.length;
    return true;
  }

  /** Reads one of the keywords, if it's next. */
  acceptAny(words: readonly string[]): string | undefined {
    const found = words.find(word => this.at(word));
    if (found !== undefined) this.#index++;
    return found;
  }

  expect(...words: readonly string[]): void {
    for (const word of words) {
      if (!this.accept(word)) this.fail(word);
    }
  }

  fail(expected: string, hint?: string): never {
    const token = this.peek();
    const found = token === undefined ? 'the statement ends here' : `found ${shown(token)}`;
    throw this.error(`Expected ${expected}, ${found}.`, this.#errorSpan(token), hint ?? this.#slip(expected));
  }

  /**
   * A hint if what stands here is nearly one of the keywords that are expected, or if the word before is and was
   * taken for a name: `DELETE FROM t WEHRE a = 1`.
   */
  #slip(expected: string): string | undefined {
    const keywords: readonly string[] = expected.match(/\b[A-Z]{2,}\b/g) ?? [];
    for (const token of [this.peek(), this.peek(-1)]) {
      if (token?.type !== 'word' || token.text.length < 2 || keywords.includes(token.value)) continue;
      const keyword = didYouMean(token.text, keywords);
      if (keyword !== undefined) return `Did you mean ${keyword} instead of ${token.text}?`;
    }
    return undefined;
  }

  error(message: string, span: Span, hint?: string): ValidationError {
    const position = textPosition(this.source, span.start, Math.max(span.end - span.start, 1));
    return new ValidationError(message, { position, hint }, 'SYNTAX');
  }

  #errorSpan(token: Token | undefined): Span {
    return token === undefined ? { start: this.end, end: this.end + 1 } : token;
  }

  get atName(): boolean {
    const type = this.peek()?.type;
    return type === 'word' || type === 'quoted';
  }

  name(what: string): NameToken {
    const token = this.peek();
    if (token?.type === 'string') this.fail(what, `Names are quoted with double quotes: "${token.value}"`);
    if (token?.text === '`') this.fail(what, 'Names are quoted with double quotes, not with backticks.');
    if (token === undefined || !this.atName) this.fail(what);
    this.#index++;
    return { name: nameOf(token), span: { start: token.start, end: token.end } };
  }

  qualifiedName(what: string): QualifiedName {
    const start = this.start;
    const parts = [this.name(what).name];
    while (this.accept('.')) parts.push(this.name(what).name);
    return { parts, span: this.spanFrom(start) };
  }

  columnPath(what = 'a column name'): ColumnPath {
    const { parts, span } = this.qualifiedName(what);
    return { path: parts, span };
  }

  string(what: string): string {
    const token = this.peek();
    if (token?.type !== 'string') this.fail(what);
    this.#index++;
    return token.value;
  }

  /** A whole number that isn't negative, as written: ids have more digits than a number keeps. */
  digits(what: string): string {
    const token = this.peek();
    if (token?.type !== 'number' || !/^\d+$/.test(token.text)) this.fail(what);
    this.#index++;
    return token.text;
  }

  /** A whole number that isn't negative. */
  integer(what: string): number {
    return Number(this.digits(what));
  }

  /** `( item, item, ... )` with at least one item, unless `empty` is allowed; DuckDB takes a comma behind the last. */
  list<T>(item: () => T, empty = false): T[] {
    this.expect('(');
    const items: T[] = [];
    if (empty && this.accept(')')) return items;
    do items.push(item());
    while (this.accept(',') && !this.at(')'));
    if (!this.accept(')')) this.fail('"," or ")"');
    return items;
  }

  nameList(what: string): NameToken[] {
    return this.list(() => this.name(what));
  }

  /** Everything up to a stop, the end of the enclosing parentheses, or the end of the statement. */
  expression(what: string, stops: Stops = {}): SqlText {
    const start = this.start;
    const mark = this.#index;
    this.skip(stops);
    if (this.#index === mark) this.fail(what);
    return this.textFrom(start);
  }

  skip(stops: Stops): void {
    let depth = 0;
    for (let token = this.peek(); token !== undefined; token = this.peek()) {
      if (depth === 0 && this.#stopsAt(token, stops)) return;
      if (token.type === 'punctuation' && '([{'.includes(token.text)) depth++;
      else if (is(token, 'CASE')) depth++;
      else if (token.type === 'punctuation' && ')]}'.includes(token.text)) depth--;
      else if (is(token, 'END') && depth > 0) depth--;
      this.#index++;
    }
  }

  #stopsAt(token: Token, stops: Stops): boolean {
    if (token.type === 'punctuation') {
      return ')]}'.includes(token.text) || (token.text === ',' && stops.comma === true);
    }
    if (token.type !== 'word' || stops.words === undefined || !stops.words.includes(token.value))
      return false;
    const previous = this.#tokens[this.#index - 1];
    // `a IS DISTINCT FROM b` goes on; `t.where` is a name.
    if (token.value === 'FROM' && is(previous, 'DISTINCT')) return false;
    return previous?.text !== '.';
  }

  /** Reads `( ... )` and answers what is inside. */
  parenthesised(what: string): SqlText {
    this.expect('(');
    const start = this.start;
    this.skip({});
    const inside = this.textFrom(start);
    if (!this.accept(')')) this.fail(`")" after ${what}`);
    return inside;
  }

  /** AT (VERSION => e) or AT (TIMESTAMP => e), if it's next. */
  atClause(): AtClause | undefined {
    if (!this.at('AT', '(')) return undefined;
    const start = this.start;
    this.expect('AT', '(');
    const unit = this.acceptAny(['VERSION', 'TIMESTAMP']);
    if (unit === undefined) this.fail('VERSION or TIMESTAMP');
    if (!this.accept('=>') && !this.accept(':=')) this.fail('"=>"');
    const expression = this.expression(unit === 'VERSION' ? 'a snapshot id, branch or tag' : 'a timestamp');
    this.expect(')');
    return { unit: unit === 'VERSION' ? 'version' : 'timestamp', expression, span: this.spanFrom(start) };
  }

  /** Fails unless the statement ends here. */
  expectEnd(expected = 'the end of the statement'): void {
    if (!this.done) this.fail(expected);
  }
}

function is(token: Token | undefined, word: string): boolean {
  if (token === undefined) return false;
  if (token.type === 'word') return token.value === word;
  return (token.type === 'punctuation' || token.type === 'operator') && token.text === word;
}

function shown(token: Token): string {
  const text = token.text.length > 40 ? `${token.text.slice(0, 37)}...` : token.text;
  return token.type === 'string' || token.type === 'quoted' ? text : `"${text}"`;
}
