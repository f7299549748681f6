import type { LoadedTable } from '../../catalog/catalog.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import { currentSchema, currentSortOrder, currentSpec } from '../../iceberg/metadata.ts';
import { fieldNames, type Schema } from '../../iceberg/schema.ts';
import type { Transform } from '../../iceberg/transform.ts';
import type { NestedField } from '../../iceberg/types.ts';
import { quoteIdentifier, quoteString } from '../quote.ts';
import { definedType } from '../types.ts';

/** A CREATE TABLE statement that makes a table like this one, without its rows. */
export function createTableSql({ identifier, metadata }: LoadedTable): string {
  const schema = currentSchema(metadata);
  const columns = schema.fields.map(columnText);
  const key = schema.identifierFieldIds.map(id => columnName(schema, id));
  if (key.length > 0) columns.push(`PRIMARY KEY (${key.join(', ')})`);
  const lines = [`CREATE TABLE ${formatIdentifier(identifier)} (\n  ${columns.join(',\n  ')}\n)`];
  const partitions = currentSpec(metadata)
    .fields.filter(field => field.transform.kind !== 'void')
    .map(field => transformed(field.transform, columnName(schema, field.sourceId)));
  if (partitions.length > 0) lines.push(`PARTITIONED BY (${partitions.join(', ')})`);
  const sorted = currentSortOrder(metadata).fields.map(field => {
    const column = transformed(field.transform, columnName(schema, field.sourceId));
    return `${column} ${field.direction.toUpperCase()} ${field.nullOrder.replace('-', ' ').toUpperCase()}`;
  });
  if (sorted.length > 0) lines.push(`SORTED BY (${sorted.join(', ')})`);
  lines.push(`LOCATION ${quoteString(metadata.location)}`);
  const properties = { 'format-version': String(metadata.formatVersion), ...metadata.properties };
  const listed = Object.entries(properties).map(
    ([name, value]) => `${quoteString(name)} = ${quoteString(value)}`,
  );
  lines.push(`TBLPROPERTIES (${listed.join(', ')})`);
  return `${lines.join('\n')};`;
}

function columnText(field: NestedField): string {
  const { name, type, required, doc, writeDefault } = field;
  const parts = [quoteIdentifier(name), definedType(type)];
  if (required) parts.push('NOT NULL');
  if (writeDefault !== undefined && writeDefault !== null && typeof writeDefault !== 'object') {
    parts.push(`DEFAULT ${quoteString(String(writeDefault))}`);
  }
  if (doc !== undefined) parts.push(`COMMENT ${quoteString(doc)}`);
  return parts.join(' ');
}

function columnName(schema: Schema, id: number): string {
  return (fieldNames(schema, id) ?? [`#${id}`]).map(quoteIdentifier).join('.');
}

function transformed(transform: Transform, column: string): string {
  switch (transform.kind) {
    case 'identity':
      return column;
    case 'bucket':
      return `bucket(${transform.buckets}, ${column})`;
    case 'truncate':
      return `truncate(${transform.width}, ${column})`;
    default:
      return `${transform.kind}(${column})`;
  }
}
