import type { ChartRequest, ColumnFilter, ResultView } from '../../../renderers/messages.ts';
import { quoteIdentifier, quoteString } from '../../engine/quote.ts';
import type { ResultColumn } from '../../engine/result-set.ts';
import { NotFoundError } from '../../iceberg/errors.ts';

const comparisons = { eq: '=', ne: '<>', lt: '<', le: '<=', gt: '>', ge: '>=' } as const;

/** Whether a view shows the result as it is. */
export function isWhole(view: ResultView | undefined): boolean {
  return view === undefined || (view.sort.length === 0 && view.filters.length === 0 && !view.search);
}

/** The query that gives a view's rows of a relation. @throws NotFoundError for an unknown column */
export function viewSql(relation: string, columns: readonly ResultColumn[], view: ResultView): string {
  const conditions = view.filters.map(filter => `(${filterSql(filter, columns)})`);
  if (view.search) {
    const anyColumn = columns.map(
      column =>
        `contains(lower(CAST(${quoteIdentifier(column.name)} AS VARCHAR)), lower(${quoteString(view.search!)}))`,
    );
    conditions.push(`(${anyColumn.join(' OR ')})`);
  }
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
  const order = view.sort.map(
    ({ column, descending }) =>
      `${quoteIdentifier(columnOf(column, columns).name)} ${descending ? 'DESC' : 'ASC'} NULLS LAST`,
  );
  return `SELECT * FROM ${relation}${where}${order.length > 0 ? ` ORDER BY ${order.join(', ')}` : ''}`;
}

function filterSql(filter: ColumnFilter, columns: readonly ResultColumn[]): string {
  const column = columnOf(filter.column, columns);
  const name = quoteIdentifier(column.name);
  const value = quoteString(filter.value ?? '');
  switch (filter.op) {
    case 'null':
      return `${name} IS NULL`;
    case 'not-null':
      return `${name} IS NOT NULL`;
    case 'contains':
      return `contains(lower(CAST(${name} AS VARCHAR)), lower(${value}))`;
    default:
      return `${name} ${comparisons[filter.op]} CAST(${value} AS ${column.type})`;
  }
}

/** @throws NotFoundError naming the columns there are */
export function columnOf(name: string, columns: readonly ResultColumn[]): ResultColumn {
  const column = columns.find(candidate => candidate.name === name);
  if (column !== undefined) return column;
  throw new NotFoundError('column', `The result has no column ${name}.`, {
    hint: `Its columns are ${columns.map(candidate => candidate.name).join(', ')}.`,
  });
}

/** Points a chart draws at most. */
export const maxChartPoints = 5000;
const histogramBins = 40;

/** The query of a chart's points: columns x, y and, when asked for, color; one row more than may be drawn. */
export function chartSql(relation: string, columns: readonly ResultColumn[], chart: ChartRequest): string {
  const x = quoteIdentifier(columnOf(chart.x, columns).name);
  const limit = `LIMIT ${maxChartPoints + 1}`;
  if (chart.kind === 'histogram') return histogramSql(relation, x, columnOf(chart.x, columns).type);
  const y = chart.y === undefined ? undefined : quoteIdentifier(columnOf(chart.y, columns).name);
  const color =
    chart.color === undefined
      ? undefined
      : `CAST(${quoteIdentifier(columnOf(chart.color, columns).name)} AS VARCHAR)`;
  if (y !== undefined && chart.aggregate === 'none') {
    const colored = color === undefined ? '' : `, ${color} AS color`;
    return `SELECT ${x} AS x, ${y} AS y${colored} FROM ${relation} WHERE ${x} IS NOT NULL ${limit}`;
  }
  const aggregate =
    y === undefined ? 'count(*)' : `${chart.aggregate === 'none' ? 'sum' : chart.aggregate}(${y})`;
  const group = color === undefined ? '1' : '1, 3';
  const colored = color === undefined ? '' : `, ${color} AS color`;
  return `SELECT ${x} AS x, ${aggregate} AS y${colored} FROM ${relation} GROUP BY ${group} ORDER BY ${group} ${limit}`;
}

/** Number types, whose values spread over bins. */
export const isNumeric = (type: string): boolean =>
  /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL.*|DOUBLE|FLOAT|REAL)$/i.test(type);
export const isTemporal = (type: string): boolean => /^(DATE|TIMESTAMP)/i.test(type);

function histogramSql(relation: string, x: string, type: string): string {
  return `WITH ${binnedSql(relation, x, type, histogramBins)}
SELECT ${isTemporal(type) ? 'make_timestamp(CAST((low + bin * width) * 1000000 AS BIGINT))' : 'low + bin * width'} AS x,
CAST(sum(n) AS DOUBLE) AS y FROM binned GROUP BY ALL ORDER BY x`;
}

/**
 * A common table expression `binned`, of columns bin (from 0), n (rows in it), low (the first bin's edge) and width:
 * the distribution of a column of numbers or times over at most `bins` bins of one width, in seconds for times. The
 * bins of integers and dates are of whole numbers and days, so that none of them holds more values than another.
 */
export function binnedSql(relation: string, column: string, type: string, bins: number): string {
  const value = isTemporal(type) ? `epoch(${column})` : `CAST(${column} AS DOUBLE)`;
  const finite = isTemporal(type) ? column : value;
  const step = /^DATE$/i.test(type) ? 86_400 : /INT(EGER)?$/i.test(type) ? 1 : undefined;
  const width =
    step === undefined
      ? `(max(v) - min(v)) / ${bins}`
      : `ceil(((max(v) - min(v)) / ${step} + 1) / ${bins}) * ${step}`;
  return `v AS (SELECT ${value} AS v FROM ${relation} WHERE ${column} IS NOT NULL AND isfinite(${finite})),
ends AS (SELECT min(v) AS low, ${width} AS width FROM v),
binned AS (SELECT CASE WHEN width = 0 THEN 0 ELSE least(${bins - 1}, CAST(floor((v - low) / width) AS INTEGER)) END AS bin,
CAST(count(*) AS DOUBLE) AS n, low, width FROM v, ends GROUP BY ALL)`;
}
