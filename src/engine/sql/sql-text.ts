/** Half-open range of UTF-16 offsets in the text that a person wrote (a cell, a query). */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A stretch of text; `source` is where it begins in the text a person wrote, absent for generated text. */
interface Piece {
  readonly text: string;
  readonly source?: number;
  /** Generated text that stands for this part of what a person wrote. */
  readonly standsFor?: Span;
}

/** Replaces `span` (offsets in the SqlText that is patched) by `by`. */
export interface Patch {
  readonly span: Span;
  readonly by: SqlText | string;
}

/**
 * SQL text that remembers which parts of it a person wrote, so that an error's position in what was run can be
 * told in what was written. Immutable; build with the `sql` template tag.
 */
export class SqlText {
  readonly text: string;
  readonly #pieces: readonly Piece[];

  private constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
    this.text = pieces.length === 1 ? pieces[0]!.text : pieces.map(piece => piece.text).join('');
  }

  /** Part of the text a person wrote; all of it without a span. */
  static written(source: string, span: Span = { start: 0, end: source.length }): SqlText {
    return new SqlText([{ text: source.slice(span.start, span.end), source: span.start }]);
  }

  /** Text that nobody wrote; errors in it are told at `standsFor`, if given. */
  static generated(text: string, standsFor?: Span): SqlText {
    return new SqlText([standsFor === undefined ? { text } : { text, standsFor }]);
  }

  static join(parts: readonly (SqlText | string)[], separator = ''): SqlText {
    const pieces: Piece[] = [];
    parts.forEach((part, index) => {
      if (index > 0 && separator !== '') pieces.push({ text: separator });
      if (typeof part === 'string') pieces.push({ text: part });
      else pieces.push(...part.#pieces);
    });
    return new SqlText(pieces.filter(piece => piece.text !== ''));
  }

  get length(): number {
    return this.text.length;
  }

  toString(): string {
    return this.text;
  }

  slice(start: number, end: number = this.text.length): SqlText {
    const pieces: Piece[] = [];
    let at = 0;
    for (const piece of this.#pieces) {
      const from = Math.max(start - at, 0);
      const to = Math.min(end - at, piece.text.length);
      if (from < to) {
        const text = piece.text.slice(from, to);
        if (piece.source !== undefined) pieces.push({ text, source: piece.source + from });
        else pieces.push({ ...piece, text });
      }
      at += piece.text.length;
    }
    return new SqlText(pieces);
  }

  /** The text with several parts replaced; the patches' spans are offsets in this text and don't overlap. */
  patch(patches: readonly Patch[]): SqlText {
    const ordered = [...patches].sort((a, b) => a.span.start - b.span.start || a.span.end - b.span.end);
    const parts: (SqlText | string)[] = [];
    let at = 0;
    for (const { span, by } of ordered) {
      parts.push(this.slice(at, span.start));
      const standsFor = this.sourceSpan(span);
      parts.push(typeof by === 'string' && standsFor !== undefined ? SqlText.generated(by, standsFor) : by);
      at = span.end;
    }
    parts.push(this.slice(at));
    return SqlText.join(parts);
  }

  /** Where the character at `offset` is in the text a person wrote; undefined for generated text. */
  sourceOffset(offset: number): number | undefined {
    let at = 0;
    for (const piece of this.#pieces) {
      if (offset < at + piece.text.length) {
        return piece.source === undefined ? piece.standsFor?.start : piece.source + (offset - at);
      }
      at += piece.text.length;
    }
    const last = this.#pieces.at(-1);
    if (offset !== at || last === undefined) return undefined;
    return last.source === undefined ? last.standsFor?.end : last.source + last.text.length;
  }

  /** The part of the text a person wrote that a range of this text comes from. */
  sourceSpan(span: Span): Span | undefined {
    let start: number | undefined;
    let end: number | undefined;
    let at = 0;
    for (const piece of this.#pieces) {
      const from = Math.max(span.start - at, 0);
      const to = Math.min(span.end - at, piece.text.length);
      const inside = from < to || (span.start === span.end && from === to && from >= 0 && to >= 0);
      if (inside) {
        const first = piece.source === undefined ? piece.standsFor?.start : piece.source + from;
        const last = piece.source === undefined ? piece.standsFor?.end : piece.source + to;
        if (first !== undefined) start = Math.min(start ?? first, first);
        if (last !== undefined) end = Math.max(end ?? last, last);
      }
      at += piece.text.length;
    }
    return start === undefined || end === undefined ? undefined : { start, end };
  }
}

/** Builds SqlText; what is put in keeps its places: sql`SELECT * FROM ${table} WHERE ${condition}`. */
export function sql(strings: TemplateStringsArray, ...values: readonly (SqlText | string)[]): SqlText {
  const parts: (SqlText | string)[] = [];
  strings.forEach((text, index) => {
    parts.push(text);
    const value = values[index];
    if (value !== undefined) parts.push(value);
  });
  return SqlText.join(parts);
}
