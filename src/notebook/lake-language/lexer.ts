import { type Token, tokenize } from '../../engine/sql/tokenizer.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import { textPosition } from './text.ts';

/** Text of the lake language with its comments blanked out, so that every offset stays the same. */
export interface Scan {
  readonly text: string;
  /** Where a string or quoted name begins that has no end on its line. */
  readonly open?: { readonly offset: number; readonly quote: string };
}

/**
 * Blanks out comments: from `--` or `#` to the line's end, and block comments. A `#` begins a comment at the line's
 * start or after white space, unless a digit follows (`#1` is SQL for the first column).
 */
export function blankComments(source: string): Scan {
  let text = '';
  let at = 0;
  let open: Scan['open'];
  const blankTo = (end: number) => {
    text += source.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  while (at < source.length) {
    const character = source[at]!;
    const next = source[at + 1] ?? '';
    if (character === "'" || character === '"') {
      const end = endOfQuoted(source, at);
      if (end === undefined) {
        open ??= { offset: at, quote: character };
        const newline = source.indexOf('\n', at);
        const lineEnd = newline < 0 ? source.length : newline;
        text += source.slice(at, lineEnd);
        at = lineEnd;
      } else {
        text += source.slice(at, end);
        at = end;
      }
    } else if ((character === '-' && next === '-') || (character === '#' && startsComment(source, at))) {
      const newline = source.indexOf('\n', at);
      blankTo(newline < 0 ? source.length : newline);
    } else if (character === '/' && next === '*' && !isGlob(source, at)) {
      const close = source.indexOf('*/', at + 2);
      blankTo(close < 0 ? source.length : close + 2);
    } else {
      text += character;
      at++;
    }
  }
  return { text, open };
}

/** A string or quoted name, whose content stays, or what a glob has in common with a comment. */
const quotedOrGlob = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\/\*/g;

/** @throws ValidationError (SYNTAX) when a string has no end. `base` is where `scan` begins in `source`. */
export function lex(scan: Scan, source: string = scan.text, base = 0): Token[] {
  if (scan.open !== undefined) {
    const what = scan.open.quote === "'" ? 'string' : 'quoted name';
    throw new ValidationError(
      `The ${what} that begins here has no end on its line.`,
      {
        position: textPosition(source, base + scan.open.offset, 1),
        hint: `Close it with ${scan.open.quote}`,
      },
      'SYNTAX',
    );
  }
  // A glob's `/*` would begin a comment in SQL; the tokens' places stay the same.
  return tokenize(scan.text.replace(quotedOrGlob, part => (part === '/*' ? '/+' : part)));
}

function startsComment(source: string, at: number): boolean {
  return (at === 0 || /\s/.test(source[at - 1]!)) && !/\d/.test(source[at + 1] ?? '');
}

/** In `data/*.csv` no comment begins: a path's part stands before the slash, and nothing closes on the line. */
function isGlob(source: string, at: number): boolean {
  if (at === 0 || !/[\w.*/:\\-]/.test(source[at - 1]!)) return false;
  const close = source.indexOf('*/', at + 2);
  const newline = source.indexOf('\n', at);
  return close < 0 || (newline >= 0 && newline < close);
}

/** Offset behind the closing quote (doubled quotes are part of the text), or undefined at the line's end. */
function endOfQuoted(source: string, start: number): number | undefined {
  const quote = source[start]!;
  for (let at = start + 1; at < source.length && source[at] !== '\n'; at++) {
    if (source[at] !== quote) continue;
    if (source[at + 1] !== quote) return at + 1;
    at++;
  }
  return undefined;
}
