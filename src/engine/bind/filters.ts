import { alwaysTrue, and, type Expr, evaluateRow } from '../../iceberg/expression.ts';
import type { EngineSession } from '../session.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { isNoColumn, type KnownLeaves, resolveColumn } from './columns.ts';
import { ConditionReader, type ConstantRequest, type PendingFilter } from './condition.ts';
import { evaluateConstants } from './constants.ts';
import type { FromLeaf, Restriction } from './references.ts';
import { functionStability } from './stability.ts';

/**
 * What a query's conditions say about each of the lake tables it names: a filter that accepts every row which can
 * matter for the query's result.
 */
export async function filtersOf(
  session: EngineSession,
  restrictions: readonly Restriction[],
  known: KnownLeaves,
  collation: string,
  options: ExecuteOptions,
): Promise<Map<FromLeaf, Expr>> {
  const filters = new Map<FromLeaf, Expr>();
  if (restrictions.length === 0) return filters;
  const stability = await functionStability(session.duckdb);
  const requests: ConstantRequest[] = [];
  const pending: { leaf: FromLeaf; nullable: boolean; filter: PendingFilter }[] = [];
  for (const { condition, from, targets } of restrictions) {
    for (const { leaf, nullable } of targets) {
      if (!known.has(leaf)) continue;
      const rules = {
        resolve: (names: readonly string[]) => resolveColumn(names, leaf, from, known),
        stability,
        isNoColumn: (name: string) => isNoColumn(name, from, known),
        collation,
      };
      const reader = new ConditionReader(rules, requests);
      pending.push({ leaf, nullable, filter: reader.read(condition) });
    }
  }
  const constants = await evaluateConstants(session.duckdb, requests, options);
  for (const { leaf, nullable, filter } of pending) {
    const { filter: expr } = filter(constants);
    if (nullable && evaluateRow(expr, () => null) === true) continue;
    filters.set(leaf, and(filters.get(leaf) ?? alwaysTrue, expr));
  }
  return filters;
}
