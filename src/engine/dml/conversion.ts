import { LakebookError } from '../../iceberg/errors.ts';
import type { NestedField } from '../../iceberg/types.ts';
import { SqlError } from '../errors.ts';
import { quoteIdentifier } from '../quote.ts';
import type { SqlText } from '../sql/sql-text.ts';
import { duckDbType } from '../types.ts';
import type { Workspace } from './workspace.ts';

/** A column of a query that is going to be cast to a column of the table. */
export interface CastColumn {
  /** The query's column. */
  readonly source: string;
  readonly field: NestedField;
  /** Where the value comes from in the statement. */
  readonly at?: SqlText;
}

/** Longest value that a message shows. */
const valueLimit = 80;

/**
 * Does work that casts columns of a bound query to the table's types. When a value doesn't fit, the error names
 * column and value, and its place is where the value comes from.
 */
export async function explained<T>(
  workspace: Workspace,
  query: SqlText,
  columns: readonly CastColumn[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SqlError) || error.code !== 'CONVERSION') throw error;
    for (const { source, field, at } of columns) {
      const value = await unfitValue(workspace, query, source, field);
      // The query itself fails: its own error says why.
      if (value instanceof LakebookError) throw error;
      if (value === undefined) continue;
      const shown = value.length > valueLimit ? `${value.slice(0, valueLimit)}…` : value;
      throw workspace.error(
        `The value '${shown}' doesn't fit the column "${field.name}" (${duckDbType(field.type)}).`,
        at,
        'Correct the value, widen the column, or use TRY_CAST to store NULL in its place.',
        'CONVERSION',
      );
    }
    throw error;
  }
}

async function unfitValue(
  workspace: Workspace,
  query: SqlText,
  source: string,
  field: NestedField,
): Promise<string | LakebookError | undefined> {
  const value = quoteIdentifier(source);
  try {
    const [row] = await workspace.rows(
      `SELECT ${value}::VARCHAR AS v FROM (${query.text}\n)
       WHERE ${value} IS NOT NULL AND TRY_CAST(${value} AS ${duckDbType(field.type)}) IS NULL LIMIT 1`,
    );
    return row === undefined ? undefined : String(row.v);
  } catch (error) {
    if (error instanceof LakebookError && error.code !== 'INTERRUPTED') return error;
    throw error;
  }
}
