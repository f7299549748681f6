import type { SqlText } from '../sql/sql-text.ts';
import type { AtClause } from '../sql/statement.ts';
import { TokenCursor } from '../sql/token-cursor.ts';
import type { Token } from '../sql/tokenizer.ts';

/** An AT clause where it is in the query's text. */
export interface FoundAt {
  /** Its `span` and `expression` know their places in the source. */
  readonly clause: AtClause;
  /** Offsets in the query's text. */
  readonly start: number;
  readonly end: number;
}

/** The AT clauses of a query, in order. `AT (x)` without VERSION or TIMESTAMP is something else. */
export function findAtClauses(query: SqlText, tokens: readonly Token[]): FoundAt[] {
  const found: FoundAt[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.type !== 'word' || token.value !== 'AT' || !isClause(tokens, index)) continue;
    const cursor = new TokenCursor(query.text, tokens.slice(index));
    const clause = cursor.atClause()!;
    const { start, end } = clause.span;
    const from = end - 1 - clause.expression.length;
    const expressionStart = query.text.lastIndexOf(clause.expression.text, from);
    found.push({
      start,
      end,
      clause: {
        unit: clause.unit,
        expression: query.slice(expressionStart, expressionStart + clause.expression.length),
        span: query.sourceSpan({ start, end }) ?? { start: 0, end: 0 },
      },
    });
  }
  return found;
}

function isClause(tokens: readonly Token[], index: number): boolean {
  const [paren, unit, arrow] = tokens.slice(index + 1, index + 4);
  const previous = tokens[index - 1];
  return (
    (previous?.type === 'word' || previous?.type === 'quoted' || previous?.text === ')') &&
    paren?.text === '(' &&
    (unit?.value === 'VERSION' || unit?.value === 'TIMESTAMP') &&
    (arrow?.text === '=>' || arrow?.text === ':=')
  );
}

/** The text with blanks in place of the clauses: DuckDB takes AT behind an alias only, and not of every query. */
export function blankAtClauses(text: string, clauses: readonly FoundAt[]): string {
  let result = text;
  for (const { start, end } of clauses) {
    result = `${result.slice(0, start)}${result.slice(start, end).replace(/[^\n]/gu, ' ')}${result.slice(end)}`;
  }
  return result;
}
