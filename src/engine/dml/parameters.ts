import { ValidationError } from '../../iceberg/errors.ts';
import { quoteString } from '../quote.ts';
import type { SqlText } from '../sql/sql-text.ts';
import { tokenize } from '../sql/tokenizer.ts';

/**
 * The text with the values of its `$name` parameters in their places, as literals: a change is run in several
 * queries, some of which (COPY, views) take no parameters. Names that have no value stay, for DuckDB to refuse.
 */
export function inlineParameters(sql: SqlText, parameters: Readonly<Record<string, unknown>>): SqlText {
  const values = new Map(Object.entries(parameters).map(([name, value]) => [name.toLowerCase(), value]));
  if (values.size === 0 || !sql.text.includes('$')) return sql;
  const patches = tokenize(sql.text).flatMap(token => {
    const name = token.text.slice(1).toLowerCase();
    if (token.type !== 'parameter' || !values.has(name)) return [];
    return [{ span: { start: token.start, end: token.end }, by: valueSql(name, values.get(name)) }];
  });
  return patches.length === 0 ? sql : sql.patch(patches);
}

function valueSql(name: string, value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  switch (typeof value) {
    case 'string':
      return quoteString(value);
    case 'boolean':
    case 'bigint':
      return `(${value})`;
    case 'number':
      return Number.isSafeInteger(value) ? `(${value})` : `CAST('${value}' AS DOUBLE)`;
    default:
      throw new ValidationError(`The parameter ${name} is neither a text, a number nor true or false.`);
  }
}
