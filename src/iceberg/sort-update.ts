import { type TextPosition, ValidationError } from './errors.ts';
import { isSingleValued, type Schema } from './schema.ts';
import { type ColumnNames, locateColumn } from './schema-tree.ts';
import type { SortField } from './sort.ts';
import { transformHint } from './spec-update.ts';
import { canTransform, type Transform, transformToString } from './transform.ts';
import { typeToString } from './type-text.ts';

/** A sort field as a person asks for it. */
export interface SortTerm {
  readonly column: ColumnNames;
  readonly transform: Transform;
  readonly direction: 'asc' | 'desc';
  readonly nullOrder: 'nulls-first' | 'nulls-last';
}

/**
 * The fields of a sort order. @throws NotFoundError('column'), ValidationError for columns that have no order and
 * for terms that are there twice
 */
export function sortFields(terms: readonly SortTerm[], schema: Schema, at?: TextPosition): SortField[] {
  const seen = new Set<string>();
  return terms.map(({ column, transform, direction, nullOrder }): SortField => {
    const { field, names } = locateColumn(schema, column, at);
    const path = names.join('.');
    const text = transform.kind === 'identity' ? path : `${transformToString(transform)}(${path})`;
    const refuse = (why: string, hint: string) =>
      new ValidationError(`Rows can't be sorted by ${text}: ${why}.`, { hint, position: at });
    if (!isSingleValued(schema, field.id))
      throw refuse('the column is in a list or map', 'Sort by columns that a row has once.');
    if (!canTransform(transform, field.type))
      throw refuse(`the column is of type ${typeToString(field.type)}`, transformHint(transform));
    if (seen.has(text)) throw refuse('it is there twice', 'Name it once.');
    seen.add(text);
    return { sourceId: field.id, transform, direction, nullOrder };
  });
}
