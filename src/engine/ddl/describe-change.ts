import type { ColumnPlace } from '../../iceberg/schema-update.ts';
import type { PartitionFieldName, PartitionTerm } from '../../iceberg/spec-update.ts';
import type { TableAlteration } from '../../iceberg/table-update.ts';
import { type Transform, transformToString } from '../../iceberg/transform.ts';
import { typeToString } from '../../iceberg/type-text.ts';

/** `added discount decimal(4,2) after amount`: what a change did, to come after the table's name. */
export function describeChange(alteration: TableAlteration): string {
  switch (alteration.kind) {
    case 'add-column': {
      const required = alteration.required === true ? ' not null' : '';
      const place = alteration.place === undefined ? '' : ` ${placeText(alteration.place)}`;
      return `added ${path(alteration.column)} ${typeToString(alteration.type)}${required}${place}`;
    }
    case 'drop-column':
      return `dropped ${path(alteration.column)}`;
    case 'rename-column':
      return `renamed ${path(alteration.column)} to ${alteration.to}`;
    case 'move-column':
      return `moved ${path(alteration.column)} ${placeText(alteration.place)}`;
    case 'set-type':
      return `changed ${path(alteration.column)} to ${typeToString(alteration.type)}`;
    case 'set-required':
      return `made ${path(alteration.column)} ${alteration.required ? 'required' : 'optional'}`;
    case 'set-doc':
      return `${alteration.doc === undefined ? 'removed' : 'set'} the comment of ${path(alteration.column)}`;
    case 'set-default':
      return `${(alteration.default ?? null) === null ? 'removed' : 'set'} the default of ${path(alteration.column)}`;
    case 'set-identifier-fields':
      return alteration.columns.length === 0
        ? 'removed the key'
        : `made ${alteration.columns.map(path).join(', ')} the key`;
    case 'drop-identifier-fields':
      return `dropped ${alteration.columns.map(path).join(', ')} from the key`;
    case 'add-partition-field':
      return `added the partition field ${termText(alteration.field)}`;
    case 'drop-partition-field':
      return `dropped the partition field ${nameText(alteration.field)}`;
    case 'replace-partition-field':
      return `replaced the partition field ${nameText(alteration.field)} by ${termText(alteration.by)}`;
    case 'set-partitioning':
      return alteration.fields.length === 0
        ? 'new rows are not partitioned'
        : `new rows are partitioned by ${alteration.fields.map(termText).join(', ')}`;
    case 'set-sort-order':
      return alteration.fields.length === 0
        ? 'new rows are written in no order'
        : `new rows are written in the order of ${alteration.fields
            .map(
              field =>
                `${transformed(field.transform, field.column)}${field.direction === 'desc' ? ' desc' : ''}`,
            )
            .join(', ')}`;
    case 'set-properties':
      return `set ${Object.entries(alteration.properties)
        .map(([key, value]) => `${key} = ${value}`)
        .join(', ')}`;
    case 'unset-properties':
      return `removed ${alteration.keys.join(', ')}`;
    case 'set-location':
      return `new files go to ${alteration.location}`;
    case 'set-ref':
      return `set the ${alteration.type} ${alteration.name}`;
    case 'drop-ref':
      return `dropped the ${alteration.type ?? 'branch or tag'} ${alteration.name}`;
  }
}

function path(names: readonly string[]): string {
  return names.join('.');
}

function placeText(place: ColumnPlace): string {
  return place.kind === 'first' ? 'first' : `${place.kind} ${path(place.column)}`;
}

function transformed(transform: Transform, column: readonly string[]): string {
  return transform.kind === 'identity' ? path(column) : `${transformToString(transform)}(${path(column)})`;
}

function termText({ column, transform, name }: PartitionTerm): string {
  return `${transformed(transform, column)}${name === undefined ? '' : ` as ${name}`}`;
}

function nameText(field: PartitionFieldName): string {
  return 'name' in field ? field.name : termText(field.term);
}
