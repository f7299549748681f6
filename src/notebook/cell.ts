import { textPosition } from '../engine/errors.ts';
import { engineKind } from '../engine/remote/engines.ts';
import { type EngineKind, engineKinds } from '../engine/remote/remote-engine.ts';
import type { Span } from '../engine/sql/sql-text.ts';
import { tokenize } from '../engine/sql/tokenizer.ts';
import { didYouMean } from '../iceberg/did-you-mean.ts';
import { ValidationError } from '../iceberg/errors.ts';
import { findVerb } from './lake-language/grammar.ts';
import { isMagicLine, type Statement, splitStatements } from './lake-language/statements.ts';
import type { CellLanguage, JsonMap } from './lakebook-file.ts';

/** A piece of a cell that runs on its own. */
export type CellPart =
  /** One SQL statement: the cell's text with everything else blanked out, so that offsets are the cell's. */
  | { readonly kind: 'sql'; readonly sql: string; readonly span: Span }
  | { readonly kind: 'lake'; readonly statement: Statement; readonly span: Span };

export interface ParsedCell {
  /** `-- name: sales_by_month`: later cells can use the result as a table of this name. */
  readonly name?: string;
  /** `-- engine: trino`: the engine that runs the cell's SQL; the notebook's own when absent. */
  readonly engine?: EngineKind;
  /** A cell that gives the notebook's parameters their values. */
  readonly isParameters: boolean;
  readonly parts: readonly CellPart[];
}

/**
 * Splits a cell into SQL statements and lines of the lake language, and reads its directives: comment lines
 * `-- name: x`, `-- engine: x` and `-- parameters` before the first statement. In a SQL cell, `%%lake` makes the rest of
 * the cell lake language, `%lake` its line.
 * @throws ValidationError for a bad directive or an unterminated string, with its place in the cell
 */
export function parseCell(source: string, language: CellLanguage, metadata: JsonMap = {}): ParsedCell {
  const directives = readDirectives(source);
  const tagged = Array.isArray(metadata.tags) && metadata.tags.includes('parameters');
  if (tagged || directives.isParameters) return { ...directives, isParameters: true, parts: [] };
  const parts = languageRanges(source, language).flatMap(range =>
    range.language === 'lake'
      ? splitStatements(source, range.span).map(
          (statement): CellPart => ({ kind: 'lake', statement, span: statement.span }),
        )
      : splitSql(source, range.span),
  );
  return { ...directives, parts };
}

const directive = /^\s*--\s*([a-z]+)\s*(?::\s*(.*?))?\s*$/i;

function readDirectives(source: string): Omit<ParsedCell, 'parts'> {
  let name: string | undefined;
  let engine: EngineKind | undefined;
  let isParameters = false;
  let offset = 0;
  for (const line of source.split('\n')) {
    if (line.trim() !== '' && !/^\s*(--|#)/.test(line) && !/^\s*%%lake\s*$/i.test(line)) break;
    const [, key, value] = directive.exec(line) ?? [];
    const at = { ...textPosition(source, offset + line.search(/\S|$/), Math.max(1, line.trim().length)) };
    if (key?.toLowerCase() === 'name' && value !== undefined) {
      if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(value)) {
        throw new ValidationError(
          `"${value}" can't name a result.`,
          { position: at, hint: 'Use letters, digits and underscores, beginning with a letter.' },
          'SYNTAX',
        );
      }
      name = value;
    } else if (key?.toLowerCase() === 'engine' && value !== undefined) {
      engine = engineKind(value);
      if (engine === undefined) {
        const close = didYouMean(value, engineKinds);
        const start = offset + line.lastIndexOf(value);
        throw new ValidationError(
          `There is no engine "${value}".`,
          {
            position: textPosition(source, start, Math.max(1, value.length)),
            hint:
              close === undefined ? `The engines are ${engineKinds.join(', ')}.` : `Did you mean ${close}?`,
          },
          'ENGINE_NOT_FOUND',
        );
      }
    } else if (key?.toLowerCase() === 'parameters' && value === undefined) isParameters = true;
    offset += line.length + 1;
  }
  return {
    ...(name === undefined ? {} : { name }),
    ...(engine === undefined ? {} : { engine }),
    isParameters,
  };
}

export interface LanguageRange {
  readonly language: CellLanguage;
  readonly span: Span;
}

/** Which parts of a cell are SQL and which are lake language, in order. */
function languageRanges(source: string, language: CellLanguage): LanguageRange[] {
  const all = { start: 0, end: source.length };
  if (language === 'lake') return [{ language: 'lake', span: all }];
  const lines = source.split('\n');
  if (!lines.some(isMagicLine)) return [{ language: 'sql', span: all }];
  const ranges: { language: CellLanguage; span: { start: number; end: number } }[] = [];
  let offset = 0;
  let whole = false;
  for (const line of lines) {
    const end = Math.min(offset + line.length + 1, source.length);
    if (/^\s*%%lake\b/i.test(line)) whole = true;
    const current = ranges.at(-1);
    const isLake = whole || isMagicLine(line) || (current?.language === 'lake' && !startsSql(line));
    const kind = isLake ? 'lake' : 'sql';
    if (current?.language === kind) current.span.end = end;
    else ranges.push({ language: kind, span: { start: offset, end } });
    offset += line.length + 1;
  }
  return ranges;
}

/** The part of a cell, SQL or lake language, that an offset is in. */
export function languageAt(source: string, language: CellLanguage, offset: number): LanguageRange {
  const ranges = languageRanges(source, language);
  return ranges.find(({ span }) => offset >= span.start && offset <= span.end - 1) ?? ranges.at(-1)!;
}

const sqlWords =
  /^\s*(select|with|from|values|insert|update|merge|alter|truncate|explain|show|set|reset|use|copy|summarize|pivot|unpivot|attach|detach|call|pragma|begin|commit|rollback\s*;|create\s+(or\s+replace\s+)?(temp\w*\s+)?(table|view|schema|macro|function|type|sequence|index)|drop\s+(table|view|schema|macro|function|type|sequence|index)|delete\s+from)\b/i;

/** Whether an unmarked line below a `%lake` line is SQL again; lines that go on with the verb's are not. */
export function startsSql(line: string): boolean {
  // `from 'x.csv'` on a line of its own continues a verb; SQL that begins with FROM names a table there.
  if (/^\s*from\s+'/i.test(line)) return false;
  const word = /^\s*([a-z]+)/i.exec(line)?.[1];
  return sqlWords.test(line) && (word === undefined || !(/^\s/.test(line) && findVerb(word) === undefined));
}

/** SQL statements in a part of a cell, without the semicolons. */
function splitSql(source: string, within: Span): CellPart[] {
  const blank = (text: string) => text.replace(/[^\n]/g, ' ');
  const before = blank(source.slice(0, within.start));
  const text = before + source.slice(within.start, within.end);
  const blanked = blank(text);
  const parts: CellPart[] = [];
  let start: number | undefined;
  let end = 0;
  const finish = (next: number) => {
    if (start === undefined) return;
    const span = { start, end };
    parts.push({
      kind: 'sql',
      // Comments in front stay blank: places in the statement are places in the cell. Made when it is asked for, and
      // not kept: it is as long as the cell, which may have thousands of statements.
      get sql() {
        return blanked.slice(0, span.start) + text.slice(span.start, next);
      },
      span,
    });
    start = undefined;
  };
  for (const token of tokenize(text)) {
    if (token.type === 'punctuation' && token.text === ';') finish(token.start);
    else {
      start ??= token.start;
      end = token.end;
    }
  }
  finish(text.length);
  return parts;
}
