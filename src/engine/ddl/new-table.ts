import type { CreateTableRequest, LoadedTable } from '../../catalog/catalog.ts';
import {
  checkColumnName,
  checkDefault,
  checkFieldNames,
  checkIdentifier,
  checkTypeVersion,
} from '../../iceberg/column-checks.ts';
import { AlreadyExistsError, type TextPosition, ValidationError } from '../../iceberg/errors.ts';
import { integerProperty, propertyNames } from '../../iceberg/properties.ts';
import type { Schema } from '../../iceberg/schema.ts';
import { type ColumnNames, editField, locateColumn, sameName } from '../../iceberg/schema-tree.ts';
import { type SortTerm, sortFields } from '../../iceberg/sort-update.ts';
import { newSpec, type PartitionTerm } from '../../iceberg/spec-update.ts';
import type { TableReplacement } from '../../iceberg/table-replace.ts';
import { checkProperty } from '../../iceberg/table-update.ts';
import type { NestedField, Type } from '../../iceberg/types.ts';
import type { EngineSession } from '../session.ts';
import { counter } from '../types.ts';
import { absoluteLocation } from './location.ts';

export interface NewColumn {
  readonly name: string;
  /** Ids of nested fields may be provisional, and equal to those of other columns. */
  readonly type: Type;
  readonly required?: boolean;
  readonly comment?: string;
  /** In the spec's JSON single-value form. */
  readonly default?: unknown;
  /** Where a person wrote it, for errors. */
  readonly at?: TextPosition;
}

/** What a new table is like, beside its columns. */
export interface TableOptions {
  readonly partitionedBy?: readonly PartitionTerm[];
  readonly sortedBy?: readonly SortTerm[];
  /** Columns that identify rows: they become required. */
  readonly key?: readonly ColumnNames[];
  readonly properties?: Readonly<Record<string, string>>;
  readonly comment?: string;
  /** Address or local path of the table's folder; absent: below the warehouse. */
  readonly location?: string;
  /** A table that is there already stays as it is. */
  readonly ifNotExists?: boolean;
  /** A table that is there gets this definition and these rows, and keeps its history. */
  readonly replace?: boolean;
  /** Where a person wrote the table's name, for errors. */
  readonly at?: TextPosition;
}

/**
 * The request for a new table, checked.
 * @throws ValidationError, AlreadyExistsError('column'), NotFoundError('column'), UnsupportedError for what the
 *   format version hasn't got
 */
export function createRequest(
  session: EngineSession,
  columns: readonly NewColumn[],
  options: TableOptions,
): CreateTableRequest {
  const { partitionedBy = [], sortedBy = [], location, at } = options;
  const properties = propertiesOf(options);
  const schema = newSchema(columns, options.key ?? [], versionOf(properties, 2), at);
  return {
    schema,
    spec: newSpec(partitionedBy, schema, at),
    sortOrder: { orderId: sortedBy.length === 0 ? 0 : 1, fields: sortFields(sortedBy, schema, at) },
    properties,
    ...(location === undefined ? {} : { location: absoluteLocation(session, location) }),
  };
}

/** What takes the place of a table that is there. @throws as createRequest */
export function replacementOf(
  session: EngineSession,
  table: LoadedTable,
  columns: readonly NewColumn[],
  options: TableOptions,
): TableReplacement {
  const { partitionedBy = [], sortedBy = [], location, at } = options;
  const properties = propertiesOf(options);
  const version = versionOf(properties, table.metadata.formatVersion);
  return {
    schema: newSchema(columns, options.key ?? [], version, at),
    partitionedBy,
    sortedBy,
    properties,
    ...(location === undefined ? {} : { location: absoluteLocation(session, location) }),
  };
}

function propertiesOf({ properties = {}, comment, at }: TableOptions): Record<string, string> {
  for (const [name, value] of Object.entries(properties)) checkProperty(name, value, at);
  return comment === undefined ? { ...properties } : { ...properties, comment };
}

function versionOf(properties: Readonly<Record<string, string>>, fallback: 1 | 2 | 3): 1 | 2 | 3 {
  const version = integerProperty(properties, propertyNames.formatVersion, fallback);
  // Other numbers are refused where the table is made.
  return version === 1 || version === 3 ? version : 2;
}

function newSchema(
  columns: readonly NewColumn[],
  key: readonly ColumnNames[],
  formatVersion: 1 | 2 | 3,
  at: TextPosition | undefined,
): Schema {
  if (columns.length === 0) {
    throw new ValidationError('The table has no columns.', { hint: 'Give it at least one.', position: at });
  }
  const nextId = counter();
  const fields: NestedField[] = [];
  for (const column of columns) {
    const { name, type, required = false, comment } = column;
    const position = column.at ?? at;
    checkColumnName(name, position);
    const twice = fields.find(field => sameName(field.name, name));
    if (twice !== undefined) {
      throw new AlreadyExistsError('column', `There are two columns named "${twice.name}".`, {
        hint: 'Give one of them another name (in a query with AS).',
        position,
      });
    }
    checkFieldNames(type, name, position);
    checkTypeVersion(type, name, formatVersion, position);
    const value = column.default ?? undefined;
    if (value !== undefined) checkDefault(type, name, formatVersion, position);
    fields.push({
      id: nextId(),
      name,
      required,
      type: withIds(type, nextId),
      ...(comment === undefined ? {} : { doc: comment }),
      // No rows are there that an initial default could be for.
      ...(value === undefined ? {} : { writeDefault: value }),
    });
  }
  return withKey({ schemaId: 0, fields, identifierFieldIds: [] }, key, at);
}

/** Gives nested fields ids that differ from all others of the table. */
function withIds(type: Type, nextId: () => number): Type {
  switch (type.kind) {
    case 'struct':
      return {
        kind: 'struct',
        fields: type.fields.map(field => ({ ...field, id: nextId(), type: withIds(field.type, nextId) })),
      };
    case 'list':
      return { ...type, elementId: nextId(), element: withIds(type.element, nextId) };
    case 'map':
      return {
        ...type,
        keyId: nextId(),
        valueId: nextId(),
        key: withIds(type.key, nextId),
        value: withIds(type.value, nextId),
      };
    default:
      return type;
  }
}

/** A key column is required, and so is what it lies in. */
function withKey(schema: Schema, key: readonly ColumnNames[], at: TextPosition | undefined): Schema {
  let keyed = schema;
  const ids: number[] = [];
  for (const names of key) {
    const { field, ancestors } = locateColumn(keyed, names, at);
    for (const { id, required } of [...ancestors, field])
      if (!required) keyed = editField(keyed, id, part => ({ ...part, required: true }));
    checkIdentifier(locateColumn(keyed, names, at), at);
    ids.push(field.id);
  }
  return { ...keyed, identifierFieldIds: [...new Set(ids)] };
}

/** `TABLE_EXISTS`, with what to write instead. */
export function tableExists(name: string, at: TextPosition | undefined): AlreadyExistsError {
  return new AlreadyExistsError('table', `The table ${name} exists already.`, {
    hint: 'Choose another name, or write CREATE TABLE IF NOT EXISTS or CREATE OR REPLACE TABLE.',
    position: at,
  });
}

/** Whether an error says that a table of this name is there. */
export function isTableExists(error: unknown): boolean {
  return error instanceof AlreadyExistsError && error.code === 'TABLE_EXISTS';
}
