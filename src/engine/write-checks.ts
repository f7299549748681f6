import { type LakebookError, ValidationError } from '../iceberg/errors.ts';
import type { Schema } from '../iceberg/schema.ts';
import type { NestedField, Type } from '../iceberg/types.ts';
import type { DuckDb, RunOptions } from './duckdb.ts';
import { SqlError } from './errors.ts';
import { fileList } from './parquet-layout.ts';
import { quoteIdentifier } from './quote.ts';
import { duckDbType } from './types.ts';
import { type ColumnStatistics, leaves } from './write-metrics.ts';

/**
 * SQL that is true for a value that breaks a rule inside of its type: a null in a required nested field. Undefined
 * when nothing in the type is required.
 */
function violation(type: Type, sql: string, depth = 0): string | undefined {
  const item = `item${depth}`;
  const anyItem = (list: string, conditions: (string | undefined)[]) => {
    const given = conditions.filter(condition => condition !== undefined);
    if (given.length === 0) return undefined;
    return `len(list_filter(${list}, lambda ${item}: ${given.join(' OR ')})) > 0`;
  };
  switch (type.kind) {
    case 'struct': {
      const conditions = type.fields
        .map(field => fieldViolation(field, `${sql}.${quoteIdentifier(field.name)}`, depth))
        .filter(condition => condition !== undefined);
      return conditions.length === 0 ? undefined : `(${sql} IS NOT NULL AND (${conditions.join(' OR ')}))`;
    }
    case 'list':
      return anyItem(sql, [
        type.elementRequired ? `${item} IS NULL` : undefined,
        violation(type.element, item, depth + 1),
      ]);
    case 'map':
      return anyItem(`map_values(${sql})`, [
        type.valueRequired ? `${item} IS NULL` : undefined,
        violation(type.value, item, depth + 1),
      ]);
    default:
      return undefined;
  }
}

function fieldViolation(field: NestedField, sql: string, depth: number): string | undefined {
  const inside = violation(field.type, sql, depth);
  const missing = field.required ? `${sql} IS NULL` : undefined;
  if (inside === undefined) return missing;
  return missing === undefined ? inside : `(${missing} OR ${inside})`;
}

/**
 * Refuses nulls in required columns, at any depth. The files' null counts mostly decide; rows are only looked at
 * where a count leaves it open (a null may belong to an optional parent).
 * @throws ValidationError `NULL_IN_REQUIRED_COLUMN`
 */
export async function checkRequired(
  duckdb: DuckDb,
  schema: Schema,
  files: readonly { readonly path: string; readonly statistics: ReadonlyMap<string, ColumnStatistics> }[],
  options: RunOptions,
): Promise<void> {
  for (const field of schema.fields) {
    const condition = fieldViolation(field, quoteIdentifier(field.name), 0);
    if (condition === undefined) continue;
    const own = leaves({ ...schema, fields: [field] });
    const doubtful = files.filter(({ statistics }) =>
      own.some(leaf => statistics.get(leaf.statisticsPath)?.nullCount !== 0),
    );
    if (doubtful.length === 0) continue;
    const [row] = await duckdb.rows(
      `SELECT count(*) AS bad FROM read_parquet(${fileList(doubtful.map(file => file.path))},
         hive_partitioning = false) WHERE ${condition}`,
      options,
    );
    const bad = Number(row!.bad);
    if (bad === 0) continue;
    const inside = field.type.kind === 'struct' || field.type.kind === 'list' || field.type.kind === 'map';
    throw new ValidationError(
      `The column "${field.name}" ${inside ? 'has' : 'is required, but has'} ${bad === 1 ? 'a NULL' : `NULL in ${bad} rows`}${
        inside ? ' where a value is required' : ''
      }. Nothing was written.`,
      { hint: `Give "${field.name}" a value in every row, or make it optional first.` },
      'NULL_IN_REQUIRED_COLUMN',
    );
  }
}

/**
 * Looks for the column and value that made a write fail, so that the message can name them. `columns` pairs the
 * source's column names with the fields they are cast to. @returns the error to throw, `error` itself when nothing
 * better is known.
 */
export async function explainConversion(
  duckdb: DuckDb,
  error: LakebookError,
  sourceSql: string,
  columns: readonly { readonly source: string; readonly field: NestedField }[],
  options: RunOptions,
): Promise<LakebookError> {
  if (!(error instanceof SqlError) || error.code !== 'CONVERSION') return error;
  for (const { source, field } of columns) {
    const value = quoteIdentifier(source);
    const type = duckDbType(field.type);
    let row: Record<string, unknown> | undefined;
    try {
      [row] = await duckdb.rows(
        `SELECT ${value}::VARCHAR AS v, row FROM (SELECT *, row_number() OVER () AS row FROM (${sourceSql}\n))
         WHERE ${value} IS NOT NULL AND TRY_CAST(${value} AS ${type}) IS NULL LIMIT 1`,
        options,
      );
    } catch {
      // The source itself can't be read through: its own error says more than a second one would.
      return error;
    }
    if (row === undefined) continue;
    const text = String(row.v);
    const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    return new ValidationError(
      `The value '${shown}' in row ${String(row.row)} doesn't fit the column "${field.name}" (${type}).`,
      {
        hint: 'Correct the value, widen the column, or use TRY_CAST to store NULL in its place.',
        cause: error,
      },
      'CONVERSION',
    );
  }
  return error;
}
