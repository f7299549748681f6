import { alwaysTrue, type Expr } from '../../iceberg/expression.ts';
import type { Schema } from '../../iceberg/schema.ts';
import { quoteIdentifier } from '../quote.ts';
import type { EngineSession } from '../session.ts';
import type { SqlText } from '../sql/sql-text.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { isNoColumn, type KnownLeaf, resolveColumn } from './columns.ts';
import { ConditionReader } from './condition.ts';
import { evaluateConstants } from './constants.ts';
import { type FromLeaf, findReferences } from './references.ts';
import { functionStability } from './stability.ts';
import { parseQuery } from './syntax-tree.ts';

/**
 * What a SQL condition on one table says, in Iceberg terms: `filter` never excludes a row the condition accepts;
 * `exact` when it accepts just the rows that the condition accepts. `alias` is how the condition names the table. A
 * condition that can't be read (also one with a syntax error, which running it tells) has the filter `true`.
 */
export async function conditionFilter(
  session: EngineSession,
  condition: SqlText,
  alias: string,
  schema: Schema,
  options: ExecuteOptions,
): Promise<{ readonly filter: Expr; readonly exact: boolean }> {
  const unknown = { filter: alwaysTrue, exact: false };
  const { duckdb } = session;
  const text = `SELECT 1 FROM ${quoteIdentifier(alias)} WHERE ${condition.text}\n`;
  const parsed = await parseQuery(duckdb, text, options.signal);
  if (parsed.kind !== 'tree') return unknown;
  const [restriction] = findReferences(parsed.root).restrictions.filter(
    ({ from }) => from.outer === undefined && from.leaves[0]?.reference?.offset === 'SELECT 1 FROM '.length,
  );
  const leaf = restriction?.targets[0]?.leaf;
  if (restriction === undefined || leaf === undefined) return unknown;
  const known = new Map<FromLeaf, KnownLeaf>([[leaf, { schema, qualifiers: [[alias]], columnAliases: [] }]]);
  const [setting] = await duckdb.rows("SELECT current_setting('default_collation') AS collation");
  const reader = new ConditionReader({
    resolve: names => resolveColumn(names, leaf, restriction.from, known),
    stability: await functionStability(duckdb),
    isNoColumn: name => isNoColumn(name, restriction.from, known),
    collation: String(setting!.collation ?? ''),
  });
  const pending = reader.read(restriction.condition);
  return pending(await evaluateConstants(duckdb, reader.requests, options));
}
