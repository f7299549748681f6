import type { FileScanTask } from '../../iceberg/scan.ts';
import { leafFields, type Schema } from '../../iceberg/schema.ts';
import type { NestedField } from '../../iceberg/types.ts';
import type { FromClause, FromLeaf, QueryReferences } from './references.ts';

/**
 * The columns of a table that a query may read, by the names that occur anywhere in it; undefined when it isn't
 * certain (`*`, rows as a whole), which means all.
 */
export function namedFields(
  leaf: FromLeaf,
  clause: FromClause,
  references: QueryReferences,
  schema: Schema,
): readonly NestedField[] | undefined {
  if (clause.star || clause.natural || (leaf.reference?.columnAliases.length ?? 0) > 0) return undefined;
  const { columnNames } = references;
  const fields = schema.fields.filter(({ name }) => {
    const lower = name.toLowerCase();
    return columnNames.has(lower) || clause.using.has(lower);
  });
  // A table's name may qualify a column, or stand for the row.
  const isRow = leaf.alias !== undefined && references.lastNames.has(leaf.alias.toLowerCase());
  return isRow ? undefined : fields;
}

/** Ids of these columns and their leaves, and of those that the files' equality deletes compare. */
export function leafIds(
  schema: Schema,
  fields: readonly NestedField[],
  tasks: readonly FileScanTask[],
): readonly number[] {
  // A file may hold none of the leaves that a column has now, and others instead.
  const ids = new Set([...fields, ...leafFields({ ...schema, fields })].map(({ id }) => id));
  for (const { deletes } of tasks) {
    for (const file of deletes) for (const id of file.equalityIds ?? []) ids.add(id);
  }
  return [...ids];
}

/** The schema with its columns of these ids alone; with its first one when there are none, since a SELECT has to have one. */
export function narrowed(schema: Schema, fieldIds: readonly number[]): Schema {
  const ids = new Set(fieldIds);
  const named = schema.fields.filter(({ id }) => ids.has(id));
  return { ...schema, fields: named.length === 0 ? schema.fields.slice(0, 1) : named };
}
