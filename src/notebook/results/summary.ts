import type { ColumnSummary } from '../../../renderers/messages.ts';
import { quoteIdentifier } from '../../engine/quote.ts';
import type { ResultColumn } from '../../engine/result-set.ts';
import type { EngineSession } from '../../engine/session.ts';
import { sideRows } from './side-query.ts';
import { binnedSql, isNumeric, isTemporal } from './view-sql.ts';

const bins = 20;
const topValues = 8;
/** Beyond this many rows the number of distinct values is an estimate. */
const exactDistinctRows = 1_000_000;

/** Nulls, distinct values, range and distribution of a column of a relation. */
export async function summarize(
  session: EngineSession,
  relation: string,
  column: ResultColumn,
  rowCount: number,
  signal?: AbortSignal,
): Promise<ColumnSummary> {
  const name = quoteIdentifier(column.name);
  const distinct =
    rowCount > exactDistinctRows ? `approx_count_distinct(${name})` : `count(DISTINCT ${name})`;
  const [row] = await sideRows(
    session,
    `SELECT CAST(count(*) - count(${name}) AS DOUBLE) AS nulls, CAST(${distinct} AS DOUBLE) AS distinct_values,
CAST(min(${name}) AS VARCHAR) AS low, CAST(max(${name}) AS VARCHAR) AS high FROM ${relation}`,
    signal,
  );
  const base = {
    column: column.name,
    nullCount: Number(row!.nulls),
    distinct: Number(row!.distinct_values),
    ...(typeof row!.low === 'string' ? { min: row!.low, max: row!.high as string } : {}),
  };
  if (isNumeric(column.type) || isTemporal(column.type)) {
    return { ...base, histogram: await histogram(session, relation, name, column.type, signal) };
  }
  const top = await sideRows(
    session,
    `SELECT left(CAST(${name} AS VARCHAR), 200) AS value, CAST(count(*) AS DOUBLE) AS n FROM ${relation}
WHERE ${name} IS NOT NULL GROUP BY 1 ORDER BY n DESC, value LIMIT ${topValues}`,
    signal,
  );
  return { ...base, top: top.map(({ value, n }) => ({ value: String(value), count: Number(n) })) };
}

/** Rows in each bin, from the lowest value to the highest; empty when there is no value. */
async function histogram(
  session: EngineSession,
  relation: string,
  name: string,
  type: string,
  signal?: AbortSignal,
): Promise<number[]> {
  const binned = binnedSql(relation, name, type, bins);
  const rows = await sideRows(session, `WITH ${binned} SELECT bin, n FROM binned`, signal);
  // The highest value is in the last bin.
  const last = Math.max(-1, ...rows.map(({ bin }) => Number(bin)));
  const counts = Array.from({ length: last + 1 }, () => 0);
  for (const { bin, n } of rows) counts[Number(bin)] = Number(n);
  return counts;
}
