import { ValidationError } from '../../iceberg/errors.ts';
import type { NestedField } from '../../iceberg/types.ts';
import type { ColumnDescription } from '../duckdb.ts';
import { quoteIdentifier } from '../quote.ts';
import { SqlText, sql } from '../sql/sql-text.ts';
import type { MergeClause } from '../sql/statement.ts';
import { plural } from './outcome.ts';
import type { Target } from './target.ts';
import { assignedValues, columnNamed, defaultValue, type NewValue, namedColumns } from './values.ts';
import type { Workspace } from './workspace.ts';

/** How a MERGE names the two sides, and the source's columns. */
export interface MergeSides {
  readonly targetAlias: string;
  readonly sourceAlias: string;
  readonly sourceColumns: readonly ColumnDescription[];
}

/** What a clause does to a row, with its values as SQL that isn't cast yet. */
export type PlannedAction =
  | { readonly kind: 'update'; readonly values: readonly NewValue[] }
  /** Every column of the table, in order. */
  | { readonly kind: 'insert'; readonly values: readonly NewValue[] }
  | { readonly kind: 'delete' | 'nothing' }
  | { readonly kind: 'error'; readonly message: SqlText };

export interface PlannedClause {
  /** From 1, in the order written. */
  readonly number: number;
  readonly when: MergeClause['when'];
  readonly condition?: SqlText;
  readonly action: PlannedAction;
}

/** @throws NotFoundError for unknown columns, ValidationError */
export function planClauses(
  workspace: Workspace,
  target: Target,
  sides: MergeSides,
  clauses: readonly MergeClause[],
): PlannedClause[] {
  for (const [index, { when, span }] of clauses.entries()) {
    const before = clauses
      .slice(0, index)
      .find(other => other.when === when && other.condition === undefined);
    if (before === undefined) continue;
    throw workspace.error(
      'This clause can never act: one before it takes all its rows.',
      SqlText.written(workspace.source, span),
      'Give the clause before a condition (WHEN ... AND condition THEN ...), or put it last.',
      'SYNTAX',
    );
  }
  return clauses.map((clause, index) => ({
    number: index + 1,
    when: clause.when,
    condition: clause.condition,
    action: planAction(workspace, target, sides, clause),
  }));
}

function planAction(
  workspace: Workspace,
  target: Target,
  sides: MergeSides,
  { action, span, when }: MergeClause,
): PlannedAction {
  const { fields } = target.schema;
  const at = SqlText.written(workspace.source, span);
  switch (action.kind) {
    case 'update':
      return {
        kind: 'update',
        values: assignedValues(workspace, target, action.assignments, sides.targetAlias),
      };
    case 'update-all':
      return { kind: 'update', values: sourceValues(workspace, target, sides, action.by, at) };
    case 'insert-all': {
      const given = sourceValues(workspace, target, sides, action.by, at);
      return { kind: 'insert', values: withDefaults(fields, given) };
    }
    case 'insert-defaults':
      return { kind: 'insert', values: withDefaults(fields, []) };
    case 'insert': {
      const named = action.columns === undefined ? fields : namedColumns(workspace, target, action.columns);
      if (named.length !== action.values.length) {
        throw workspace.error(
          `${target.name} has ${plural(named.length, 'column')} (${named.map(field => field.name).join(', ')}), but ${plural(action.values.length, 'value')} ${action.values.length === 1 ? 'is' : 'are'} given.`,
          at,
          'Name the columns to fill: INSERT (a, b) VALUES (...).',
          'COLUMN_COUNT',
        );
      }
      const given = named.map((field, index) => {
        const value = action.values[index];
        return {
          field,
          value: value === undefined ? SqlText.generated(defaultValue(field)) : sql`(${value})`,
        };
      });
      return { kind: 'insert', values: withDefaults(fields, given) };
    }
    case 'delete':
      return { kind: 'delete' };
    case 'do-nothing':
      return { kind: 'nothing' };
    case 'error': {
      const words = when.toUpperCase().replaceAll('-', ' ');
      const message = action.message ?? SqlText.generated(`'MERGE met a row that is ${words}.'`);
      return { kind: 'error', message: sql`(${message})` };
    }
  }
}

function withDefaults(fields: readonly NestedField[], given: readonly NewValue[]): NewValue[] {
  return fields.map(
    field =>
      given.find(value => value.field === field) ?? {
        field,
        value: SqlText.generated(defaultValue(field)),
      },
  );
}

/**
 * The source's columns as values of the table's. By name the source may have other columns too (an operation code
 * for the conditions, say), but one at least must be the table's.
 */
export function sourceValues(
  workspace: Workspace,
  target: Target,
  { sourceAlias, sourceColumns }: MergeSides,
  by: 'name' | 'position',
  at: SqlText | undefined,
): NewValue[] {
  const value = (column: ColumnDescription) =>
    SqlText.generated(`${quoteIdentifier(sourceAlias)}.${quoteIdentifier(column.name)}`);
  const names = sourceColumns.map(column => column.name).join(', ');
  const { fields } = target.schema;
  if (by === 'position') {
    if (sourceColumns.length !== fields.length) {
      throw workspace.error(
        `${target.name} has ${plural(fields.length, 'column')} (${fields.map(field => field.name).join(', ')}), but the source has ${sourceColumns.length} (${names}).`,
        at,
        'Use BY NAME (or *) to match columns by their names.',
        'COLUMN_COUNT',
      );
    }
    return fields.map((field, index) => ({ field, value: value(sourceColumns[index]!) }));
  }
  const values: NewValue[] = [];
  for (const column of sourceColumns) {
    const field = columnNamed(target.schema, column.name);
    if (field !== undefined) values.push({ field, value: value(column) });
  }
  if (values.length > 0) return values;
  throw workspace.error(
    `The source has no column of ${target.name}: it has ${names}.`,
    at,
    `Name its columns like the table's: ${fields.map(field => field.name).join(', ')}.`,
    'COLUMN_NOT_FOUND',
  );
}

/** What the first clause that fits does is decided by its number: `CASE WHEN ... THEN 1 ... ELSE 0 END`. */
export function clauseNumber(clauses: readonly PlannedClause[]): SqlText {
  if (clauses.length === 0) return SqlText.generated('0');
  const branches = clauses.map(
    ({ condition, number }) =>
      sql` WHEN ${condition === undefined ? 'true' : sql`(${condition})`} THEN ${String(number)}`,
  );
  return sql`CASE${SqlText.join(branches)} ELSE 0 END`;
}

/** All columns that any clause updates, each once. */
export function updatedFields(clauses: readonly PlannedClause[]): NestedField[] {
  const fields = new Set<NestedField>();
  for (const { action } of clauses) {
    if (action.kind === 'update') for (const { field } of action.values) fields.add(field);
  }
  return [...fields];
}

/** @throws ValidationError `MERGE_ERROR` with the message that an ERROR clause gave */
export function mergeError(message: string): ValidationError {
  return new ValidationError(message, { hint: 'Nothing was changed.' }, 'MERGE_ERROR');
}
