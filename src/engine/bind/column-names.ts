import type { DuckDb } from '../duckdb.ts';
import { SqlError } from '../errors.ts';
import { quoteIdentifier } from '../quote.ts';
import type { Patch, Span } from '../sql/sql-text.ts';
import { isKeyword, type QueryTokens } from './names.ts';
import type { UnnamedColumn } from './references.ts';

/**
 * A column without an alias is called as its expression is written. For expressions with sub-queries in them that
 * would be the text with the scans in it, so they get the name that they'd have without binding as an alias.
 */
export async function columnNamePatches(
  duckdb: DuckDb,
  tokens: QueryTokens,
  /** The query's text in DuckDB's grammar. */
  text: string,
  columns: readonly UnnamedColumn[],
  signal: AbortSignal | undefined,
): Promise<Patch[]> {
  const patches: Patch[] = [];
  for (const { subquery } of columns) {
    const item = itemAround(tokens, subquery);
    if (item === undefined) continue;
    const name = await writtenAnew(duckdb, text.slice(item.start, item.end), signal);
    if (name === undefined) continue;
    patches.push({ span: { start: item.end, end: item.end }, by: ` AS ${quoteIdentifier(name)}` });
  }
  return patches;
}

/** An expression in DuckDB's own way of writing; undefined where it can't. */
async function writtenAnew(
  duckdb: DuckDb,
  expression: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const [row] = await duckdb.rows(
      'SELECT json_deserialize_sql(json_serialize_sql($1::VARCHAR)) AS written',
      { parameters: [`SELECT ${expression}`], signal },
    );
    return String(row!.written).replace(/^SELECT /, '');
  } catch (error) {
    if (error instanceof SqlError) return undefined;
    throw error;
  }
}

const closers: Readonly<Record<string, number>> = { '(': 1, '[': 1, '{': 1, ')': -1, ']': -1, '}': -1 };

/** What may follow the list of a SELECT. */
const listEnds = [
  ...['FROM', 'WHERE', 'GROUP', 'HAVING', 'WINDOW', 'QUALIFY', 'ORDER', 'LIMIT', 'OFFSET', 'USING', 'INTO'],
  ...['UNION', 'EXCEPT', 'INTERSECT'],
];

/** The item of a SELECT list that has the sub-query at `offset` in it. */
function itemAround(tokens: QueryTokens, offset: number): Span | undefined {
  const { list } = tokens;
  const start = tokens.indexAt(offset);
  if (start === undefined) return undefined;
  // The nearest SELECT around the sub-query: `depth` is how many brackets are open between the two.
  let depth = 0;
  let level = 0;
  let at = start - 1;
  for (; at >= 0; at--) {
    const token = list[at]!;
    if (token.type === 'punctuation') level -= closers[token.text] ?? 0;
    if (level < -depth) depth = -level;
    if (level === -depth && isKeyword(list, at, 'SELECT')) break;
  }
  if (at < 0) return undefined;
  const begin = itemStart(tokens, at, start);
  let open = depth;
  for (let next = start; next < list.length; next++) {
    const token = list[next]!;
    const change = token.type === 'punctuation' ? (closers[token.text] ?? 0) : 0;
    const isOver = open + change < 0 || (open === 0 && next > start && endsItem(tokens, next));
    if (isOver) return { start: begin, end: list[next - 1]!.end };
    open += change;
  }
  return { start: begin, end: list.at(-1)!.end };
}

/** Where the item begins that the token `inside` is part of, in the list of the SELECT at `select`. */
function itemStart({ list }: QueryTokens, select: number, inside: number): number {
  let first = select + 1;
  if (isKeyword(list, first, 'DISTINCT') || isKeyword(list, first, 'ALL')) first++;
  let depth = 0;
  for (let at = first; at < inside; at++) {
    const { type, text } = list[at]!;
    if (type === 'punctuation') depth += closers[text] ?? 0;
    if (depth === 0 && text === ',') first = at + 1;
  }
  return list[first]!.start;
}

function endsItem({ list }: QueryTokens, index: number): boolean {
  // `a IS DISTINCT FROM b` goes on.
  if (isKeyword(list, index - 1, 'DISTINCT')) return false;
  return list[index]!.text === ',' || listEnds.some(word => isKeyword(list, index, word));
}
