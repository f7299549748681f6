import { didYouMeanHint } from '../../iceberg/did-you-mean.ts';
import { NotFoundError } from '../../iceberg/errors.ts';
import type { NestedField } from '../../iceberg/types.ts';
import type { ColumnDescription } from '../duckdb.ts';
import { textPosition } from '../errors.ts';
import { quoteIdentifier } from '../quote.ts';
import { type SqlText, sql } from '../sql/sql-text.ts';
import { plural } from './outcome.ts';
import type { Target } from './target.ts';
import { columnNamed, defaultValue } from './values.ts';
import type { Workspace } from './workspace.ts';

/** Which of the query's columns goes to which of the table's, by place. @throws ValidationError `COLUMN_COUNT` */
export function matchedInOrder(
  workspace: Workspace,
  target: Target,
  given: readonly ColumnDescription[],
  wanted: readonly NestedField[],
  query: SqlText,
): Map<NestedField, number> {
  if (given.length !== wanted.length) throw columnCount(workspace, target, given.length, wanted, query);
  return new Map(wanted.map((field, index) => [field, index]));
}

/** The error for a number of values that isn't the number of columns. */
export function columnCount(
  workspace: Workspace,
  target: Target,
  given: number,
  wanted: readonly NestedField[],
  at: SqlText | undefined,
) {
  const names = wanted.map(field => field.name).join(', ');
  const all = wanted.length === target.schema.fields.length;
  return workspace.error(
    `${all ? `${target.name} has` : 'The column list has'} ${plural(wanted.length, 'column')} (${names}), but ${plural(given, 'value')} ${given === 1 ? 'is' : 'are'} given.`,
    at,
    `Name the columns to fill: INSERT INTO ${target.table.identifier.name} (${target.schema.fields[0]?.name ?? 'a'}, ...) ...`,
    'COLUMN_COUNT',
  );
}

/**
 * Which of the query's columns goes to which of the table's, by name.
 * @throws NotFoundError('column'), ValidationError `DUPLICATE_COLUMN`
 */
export function matchedByName(
  workspace: Workspace,
  target: Target,
  given: readonly ColumnDescription[],
  query: SqlText,
): Map<NestedField, number> {
  const fields = new Map<NestedField, number>();
  for (const [index, { name }] of given.entries()) {
    const field = columnNamed(target.schema, name);
    if (field === undefined) {
      const names = target.schema.fields.map(other => other.name);
      const span = query.sourceSpan({ start: 0, end: query.length });
      throw new NotFoundError(
        'column',
        `${target.name} has no column "${name}". Its columns: ${names.join(', ')}.`,
        {
          ...(span === undefined
            ? {}
            : { position: textPosition(workspace.source, span.start, span.end - span.start) }),
          hint: didYouMeanHint(name, names) ?? 'Add the column to the table, or leave it out of the query.',
        },
      );
    }
    if (fields.has(field)) {
      throw workspace.error(
        `The query gives two columns named "${name}".`,
        query,
        undefined,
        'DUPLICATE_COLUMN',
      );
    }
    fields.set(field, index);
  }
  return fields;
}

/** All columns of the table in order, from the query or by default. */
export function tableRows(
  target: Target,
  query: SqlText,
  given: readonly ColumnDescription[],
  fields: ReadonlyMap<NestedField, number>,
): SqlText {
  const columns = target.schema.fields.map(field => {
    const index = fields.get(field);
    const value = index === undefined ? defaultValue(field) : `given.c${index}`;
    return `${value} AS ${quoteIdentifier(field.name)}`;
  });
  const names = given.map((_, index) => `c${index}`).join(', ');
  return sql`SELECT ${columns.join(', ')} FROM (${query}
) AS given(${names})`;
}
