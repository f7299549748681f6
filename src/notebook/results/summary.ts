import type { ColumnSummary } from '../../../renderers/messages.ts';
import { quoteIdentifier } from '../../engine/quote.ts';
import type { ResultColumn } from '../../engine/result-set.ts';
import type { EngineSession } from '../../engine/session.ts';
import { sideRows } from './side-query.ts';
import { binSql, isNumeric, isTemporal } from './view-sql.ts';

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

async function histogram(
  session: EngineSession,
  relation: string,
  name: string,
  type: string,
  signal?: AbortSignal,
): Promise<number[]> {
  const value = isTemporal(type) ? `epoch(${name})` : `CAST(${name} AS DOUBLE)`;
  const finite = isTemporal(type) ? name : value;
  const rows = await sideRows(
    session,
    `WITH v AS (SELECT ${value} AS v FROM ${relation} WHERE ${name} IS NOT NULL AND isfinite(${finite})),
range AS (SELECT min(v) AS low, max(v) AS high FROM v)
SELECT ${binSql('v', bins)} AS bin, CAST(count(*) AS DOUBLE) AS n FROM v, range GROUP BY 1`,
    signal,
  );
  const counts = Array.from({ length: bins }, () => 0);
  for (const { bin, n } of rows) counts[Number(bin)] = Number(n);
  return rows.length === 0 ? [] : counts;
}
