import type { TableMetadata } from './metadata.ts';
import { reservedFieldIds } from './reserved-fields.ts';
import type { Schema } from './schema.ts';
import type { NestedField } from './types.ts';

/*
 * Row lineage (spec: "Row Lineage", format version 3): every row has an id that it keeps when it is updated or moved
 * to another file, and knows the sequence number of the commit that last changed it. A data file has these columns
 * only for rows that were moved; where they are missing or null, the id follows from the file's first row id and the
 * row's position, and the sequence number is the file's.
 */

export const rowIdField: NestedField = {
  id: reservedFieldIds.rowId,
  name: '_row_id',
  required: false,
  type: { kind: 'long' },
};

export const lastUpdatedField: NestedField = {
  id: reservedFieldIds.lastUpdatedSequenceNumber,
  name: '_last_updated_sequence_number',
  required: false,
  type: { kind: 'long' },
};

export const lineageFields: readonly NestedField[] = [rowIdField, lastUpdatedField];

/** Whether rows of a table have ids that must be kept. */
export function hasRowLineage(metadata: Pick<TableMetadata, 'formatVersion'>): boolean {
  return metadata.formatVersion >= 3;
}

/** The schema with the lineage columns behind its own; those that a column of the table hides are left out. */
export function withRowLineage(schema: Schema, fields: readonly NestedField[] = lineageFields): Schema {
  const taken = new Set(schema.fields.map(field => field.name.toLowerCase()));
  return { ...schema, fields: [...schema.fields, ...fields.filter(field => !taken.has(field.name))] };
}
