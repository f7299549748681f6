import type { Source } from '../../lake/requests.ts';
import { type Expectation, expectAt, type Input, isPunctuation, isWord } from './match.ts';
import { closing, matchSql, rawText, stringValue } from './values.ts';

const queryWords = ['select', 'with', 'values', 'table', 'pivot', 'unpivot'];
const fileName =
  /\.(csv|tsv|txt|psv|json|ndjson|jsonl|geojson|parquet|arrow|arrows|feather|ipc|avro|xlsx)(\.(gz|zst|bz2))?$/i;

/**
 * Where rows come from: 'files' in quotes (one, or several with commas), a path without quotes, a SELECT (in
 * parentheses when clauses follow that could be SQL), or the name of a table or result.
 */
export function matchSource<T>(
  input: Input,
  at: number,
  expected: Expectation,
  then: (end: number, value: unknown) => T | undefined,
): T | undefined {
  const { tokens } = input;
  const token = tokens[at]!;
  const accept = (end: number, source: Source) => then(end, source);
  const files = readFiles(input, at);
  if (files !== undefined) return accept(files.end, files.value);
  if (isPunctuation(token, '(')) {
    const end = closing(tokens, at);
    if (!isPunctuation(tokens[end - 1], ')')) {
      expectAt(input, tokens.length, { type: 'word', word: ')' });
      return undefined;
    }
    const inner = tokens.slice(at + 1, end - 1);
    if (
      inner.length > 0 &&
      inner.every((item, index) => (index % 2 === 0 ? item.type === 'string' : item.text === ','))
    ) {
      const paths = inner.filter((_, index) => index % 2 === 0).map(item => stringValue(input, item));
      return accept(end, { kind: 'files', paths });
    }
    if (inner.length === 0) {
      expectAt(input, at + 1, expected);
      return undefined;
    }
    return accept(end, { kind: 'query', sql: rawText(input, at + 1, end - 1) });
  }
  if (
    queryWords.some(word => isWord(token, word)) &&
    tokens[at + 1] !== undefined &&
    tokens[at + 1]!.text !== '.'
  ) {
    return matchSql(input, at, (end, sql) => accept(end, { kind: 'query', sql }));
  }
  if (token.type === 'word' || token.type === 'quoted') {
    let end = at + 1;
    while (isPunctuation(tokens[end], '.') && tokens[end + 1] !== undefined) end += 2;
    if (isPunctuation(tokens[end], '(')) end = closing(tokens, end);
    return accept(end, { kind: 'query', sql: `SELECT * FROM ${rawText(input, at, end)}` });
  }
  expectAt(input, at, expected);
  return undefined;
}

/** Files in quotes, with commas between them, or one path without quotes. */
export function readFiles(input: Input, at: number): { end: number; value: Source } | undefined {
  const { tokens } = input;
  if (tokens[at]!.type !== 'string') {
    const path = barePath(input, at);
    return path === undefined ? undefined : { end: path.end, value: { kind: 'files', paths: [path.value] } };
  }
  const paths = [stringValue(input, tokens[at]!)];
  let end = at + 1;
  while (isPunctuation(tokens[end], ',') && tokens[end + 1]?.type === 'string') {
    paths.push(stringValue(input, tokens[end + 1]!));
    end += 2;
  }
  return { end, value: { kind: 'files', paths } };
}

/** A path without quotes or white space: `data/sales.csv`, `s3://bucket/*.parquet`, `sales.csv`. */
function barePath(input: Input, at: number): { end: number; value: string } | undefined {
  const pattern = /[^\s,;()'"]+/y;
  pattern.lastIndex = input.tokens[at]!.start;
  const text = pattern.exec(input.text)?.[0];
  if (text === undefined || !(/[/\\*]/.test(text) || fileName.test(text))) return undefined;
  const stop = input.tokens[at]!.start + text.length;
  const end = input.tokens.findIndex((token, index) => index >= at && token.end >= stop);
  return end < 0 ? undefined : { end: end + 1, value: text };
}
