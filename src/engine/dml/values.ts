import { didYouMeanHint } from '../../iceberg/did-you-mean.ts';
import { NotFoundError } from '../../iceberg/errors.ts';
import type { Schema } from '../../iceberg/schema.ts';
import type { NestedField, StructType } from '../../iceberg/types.ts';
import { textPosition } from '../errors.ts';
import { jsonLiteral } from '../literals.ts';
import { quoteIdentifier } from '../quote.ts';
import { type Span, SqlText, sql } from '../sql/sql-text.ts';
import type { Assignment, ColumnPath, NameToken } from '../sql/statement.ts';
import { duckDbType } from '../types.ts';
import type { Target } from './target.ts';
import type { Workspace } from './workspace.ts';

/** The value that DEFAULT stands for: the column's write default (format version 3), else NULL. */
export function defaultValue(field: NestedField): string {
  const { writeDefault } = field;
  if (writeDefault !== undefined && writeDefault !== null) {
    return jsonLiteral(field.type, writeDefault);
  }
  return `CAST(NULL AS ${duckDbType(field.type)})`;
}

/** A value as SQL, cast to its column's type. */
export function castTo(field: NestedField, value: string): string {
  return `CAST(${value} AS ${duckDbType(field.type)})`;
}

/** The columns that a list of names means, in the list's order. @throws NotFoundError, ValidationError */
export function namedColumns(
  workspace: Workspace,
  target: Target,
  names: readonly NameToken[],
): NestedField[] {
  const fields = names.map(({ name, span }) => topLevelColumn(workspace, target, name, span));
  for (const [index, field] of fields.entries()) {
    if (fields.indexOf(field) < index) throw namedTwice(workspace, field, names[index]!.span);
  }
  return fields;
}

function namedTwice(workspace: Workspace, field: NestedField, span: Span) {
  const at = SqlText.written(workspace.source, span);
  return workspace.error(`The column "${field.name}" is named twice.`, at, undefined, 'DUPLICATE_COLUMN');
}

/** A column by its name without regard to case. */
export function columnNamed(schema: Schema, name: string): NestedField | undefined {
  const wanted = name.toLowerCase();
  return schema.fields.find(field => field.name.toLowerCase() === wanted);
}

function topLevelColumn(workspace: Workspace, target: Target, name: string, span: Span): NestedField {
  const field = columnNamed(target.schema, name);
  if (field !== undefined) return field;
  throw unknownColumn(workspace, target.name, name, span, target.schema.fields);
}

function unknownColumn(
  workspace: Workspace,
  of: string,
  name: string,
  span: Span,
  fields: readonly NestedField[],
): NotFoundError {
  const names = fields.map(field => field.name);
  return new NotFoundError('column', `${of} has no column "${name}".`, {
    position: textPosition(workspace.source, span.start, span.end - span.start),
    hint: didYouMeanHint(name, names) ?? `Its columns: ${names.join(', ')}.`,
  });
}

/** A column's new value, as SQL that isn't cast yet. */
export interface NewValue {
  readonly field: NestedField;
  readonly value: SqlText;
}

/**
 * What SET assigns, by column: parts of a struct are put into it, and DEFAULT is the column's default. `alias` is
 * how expressions name the target.
 * @throws NotFoundError for unknown columns, ValidationError for a column that is assigned twice
 */
export function assignedValues(
  workspace: Workspace,
  target: Target,
  assignments: readonly Assignment[],
  alias: string,
): NewValue[] {
  const byField = new Map<NestedField, PathValue[]>();
  for (const [path, value] of assignments.flatMap(splitRows)) {
    const { field, inside } = resolvePath(workspace, target, path, alias);
    const values = byField.get(field) ?? [];
    const overlaps = values.some(other => startsAlike(other.inside, inside));
    if (overlaps) throw namedTwice(workspace, field, path.span);
    values.push({ inside, path, value });
    byField.set(field, values);
  }
  return [...byField].map(([field, values]) => ({
    field,
    value: newValue(workspace, field, values, `${quoteIdentifier(alias)}.${quoteIdentifier(field.name)}`),
  }));
}

interface PathValue {
  /** Names below the column, none for the column itself. */
  readonly inside: readonly string[];
  readonly path: ColumnPath;
  readonly value: SqlText | undefined;
}

function startsAlike(a: readonly string[], b: readonly string[]): boolean {
  const length = Math.min(a.length, b.length);
  return a.slice(0, length).every((name, index) => name.toLowerCase() === b[index]!.toLowerCase());
}

/** `(a, b) = (SELECT x, y ...)`: one row of one struct each, taken apart. */
function splitRows(assignment: Assignment): [ColumnPath, SqlText | undefined][] {
  if (assignment.kind === 'value') return [[assignment.column, assignment.value]];
  const names = assignment.columns.map((_, index) => `c${index}`);
  return assignment.columns.map((column, index) => [
    column,
    sql`SELECT ${names[index]!} FROM (${assignment.query}) AS assigned(${names.join(', ')})`,
  ]);
}

function resolvePath(workspace: Workspace, target: Target, path: ColumnPath, alias: string) {
  let names = path.path;
  const [first, second] = names;
  // `SET t.a = ...` as Spark has it.
  const qualified = second !== undefined && first!.toLowerCase() === alias.toLowerCase();
  if (qualified && columnNamed(target.schema, first!) === undefined) names = names.slice(1);
  return {
    field: topLevelColumn(workspace, target, names[0]!, path.span),
    inside: names.slice(1),
  };
}

function newValue(
  workspace: Workspace,
  field: NestedField,
  values: readonly PathValue[],
  current: string,
): SqlText {
  const [first] = values;
  if (first!.inside.length === 0) {
    return first!.value === undefined ? SqlText.generated(defaultValue(field)) : sql`(${first!.value})`;
  }
  if (field.type.kind !== 'struct') {
    throw workspace.error(
      `The column "${field.name}" is no struct: it has no part "${first!.inside[0]}".`,
      SqlText.written(workspace.source, first!.path.span),
      undefined,
      'COLUMN_NOT_FOUND',
    );
  }
  return structWith(workspace, field.type, field.name, values, current);
}

/** A struct with some of its fields replaced; of a null struct the others are null. */
function structWith(
  workspace: Workspace,
  type: StructType,
  path: string,
  values: readonly PathValue[],
  current: string,
): SqlText {
  const left = new Set(values);
  const fields = type.fields.map(field => {
    const own = values.filter(({ inside }) => inside[0]!.toLowerCase() === field.name.toLowerCase());
    for (const value of own) left.delete(value);
    const part = `${current}.${quoteIdentifier(field.name)}`;
    const inner = own.map(value => ({ ...value, inside: value.inside.slice(1) }));
    const value = own.length === 0 ? part : sql`${castText(field, newValue(workspace, field, inner, part))}`;
    return sql`${quoteIdentifier(field.name)} := ${value}`;
  });
  for (const { inside, path: written } of left) {
    throw unknownColumn(workspace, `The struct "${path}"`, inside[0]!, written.span, type.fields);
  }
  return sql`struct_pack(${SqlText.join(fields, ', ')})`;
}

function castText(field: NestedField, value: SqlText): SqlText {
  return sql`CAST(${value} AS ${duckDbType(field.type)})`;
}
