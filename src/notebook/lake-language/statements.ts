import type { Span } from '../../engine/sql/sql-text.ts';
import { findVerb, verbs } from './grammar.ts';
import { blankComments, type Scan } from './lexer.ts';
import type { Element } from './syntax.ts';

/** One line of the lake language, with the lines that continue it. */
export interface Statement {
  readonly span: Span;
  /**
   * The cell's text up to the statement's end with everything outside the statement blanked out (also comments and
   * `%lake`), so that offsets in it are offsets in the cell.
   */
  readonly scan: Scan;
}

const magic = /^[ \t]*%%?lake(?![\w$])/i;

/** Whether a line of text begins with `%lake` or `%%lake`. */
export function isMagicLine(line: string): boolean {
  return magic.test(line);
}

/**
 * Splits a cell into statements. A statement ends with its line unless a parenthesis is open, the line ends in a
 * comma or `|`, or the next line can only be more of it: it begins with a word of the verb's syntax that is no verb,
 * or is indented. A semicolon ends a statement too.
 */
export function splitStatements(
  source: string,
  within: Span = { start: 0, end: source.length },
): Statement[] {
  const outside = (start: number, end: number) => blanked(source.slice(start, end));
  const scan = blankComments(
    outside(0, within.start) + source.slice(within.start, within.end) + outside(within.end, source.length),
  );
  const spans: Span[] = [];
  let current: { start: number; end: number; indent: number } | undefined;
  let depth = 0;
  const finish = () => {
    if (current !== undefined) spans.push({ start: current.start, end: current.end });
    current = undefined;
    depth = 0;
  };
  let offset = 0;
  for (const line of scan.text.split('\n')) {
    const prefix = magic.exec(line)?.[0];
    const text = (
      prefix === undefined ? line : ' '.repeat(prefix.length) + line.slice(prefix.length)
    ).trimEnd();
    if (prefix !== undefined) finish();
    if (text.trim() !== '') {
      const first = offset + text.search(/\S/);
      if (current !== undefined && depth <= 0 && !continues(scan.text, current, line)) finish();
      current ??= { start: first, end: first, indent: line.search(/\S/) };
      for (const part of parts(text, offset)) {
        if (part.kind === 'semicolon' && depth <= 0) {
          current!.end = part.offset;
          finish();
          const rest = text.slice(part.offset + 1 - offset);
          if (rest.trim() === '') break;
          current = { start: part.offset + 1 + rest.search(/\S/), end: 0, indent: 0 };
        } else if (part.kind === 'open') depth++;
        else if (part.kind === 'close') depth--;
      }
      if (current !== undefined) current.end = offset + text.length;
    }
    offset += line.length + 1;
  }
  finish();
  const blank = blanked(scan.text);
  return spans
    .filter(span => source.slice(span.start, span.end).trim() !== '')
    .map(span => ({
      span,
      // Made when it is asked for, and not kept: it is as long as the cell, which may have thousands of statements.
      get scan() {
        return only(scan, blank, span);
      },
    }));
}

/** Whether a line goes on with the statement before it. */
function continues(
  text: string,
  current: { start: number; end: number; indent: number },
  line: string,
): boolean {
  const before = text.slice(current.start, current.end).trimEnd();
  if (/[,|]$/.test(before)) return true;
  const word = /^\s*([A-Za-z_]+)/.exec(line)?.[1]?.toLowerCase();
  const indented = line.search(/\S/) > current.indent;
  const clauseWords = wordsOf(before);
  if (word === undefined) return indented;
  if (startsVerb(word)) return indented && clauseWords.has(word);
  return indented || clauseWords.has(word);
}

const startsVerb = (word: string) => verbs.some(verb => verb.name.split(' ')[0] === word);

/** All keywords that the statement's verb knows. */
function wordsOf(statement: string): ReadonlySet<string> {
  const words = statement.split(/\s+/, 2);
  const verb = findVerb(words.join(' ')) ?? findVerb(words[0] ?? '');
  const known = new Set<string>();
  const visit = (element: Element): void => {
    if (element.type === 'word') known.add(element.word);
    else if (element.type === 'sequence') element.items.forEach(visit);
    else if (element.type === 'choice') element.options.forEach(visit);
    else if (element.type === 'optional') visit(element.item);
    else if (element.type === 'clauses') element.clauses.forEach(visit);
  };
  for (const form of verb?.forms ?? []) visit(form.element);
  return known;
}

function* parts(
  text: string,
  base: number,
): Generator<{ kind: 'open' | 'close' | 'semicolon'; offset: number }> {
  let quote: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
    } else if (character === "'" || character === '"') quote = character;
    else if ('([{'.includes(character)) yield { kind: 'open', offset: base + at };
    else if (')]}'.includes(character)) yield { kind: 'close', offset: base + at };
    else if (character === ';') yield { kind: 'semicolon', offset: base + at };
  }
}

/** Text of the same length and lines with nothing on them. */
function blanked(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}

/** The scanned text up to a span's end with everything before it, and `%lake`, blanked out. */
function only(scan: Scan, blank: string, span: Span): Scan {
  const { open } = scan;
  return {
    text: blank.slice(0, span.start) + scan.text.slice(span.start, span.end),
    open: open !== undefined && open.offset >= span.start && open.offset < span.end ? open : undefined,
  };
}
