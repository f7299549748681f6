import { UnsupportedError, ValidationError } from './errors.ts';
import { type PartitionField, type PartitionSpec, partitionIdStart } from './partition.ts';
import { minimumFormatVersion } from './promotion.ts';
import { reservedProperties } from './properties.ts';
import { isReservedFieldId } from './reserved-fields.ts';
import { childFields, fieldPath, findField, isSingleValued, type Schema } from './schema.ts';
import type { SortOrder } from './sort.ts';
import { canTransform, transformToString } from './transform.ts';
import { typeToString } from './type-text.ts';
import { isFloating, isPrimitive, type NestedField } from './types.ts';

/** @throws UnsupportedError for a version above 3, ValidationError for what is no version */
export function asFormatVersion(version: number): 1 | 2 | 3 {
  if (version === 1 || version === 2 || version === 3) return version;
  if (version > 3 && Number.isSafeInteger(version)) {
    throw new UnsupportedError(
      `The table format version ${version} is newer than this Lakebook, which knows the versions 1 to 3.`,
      { hint: 'Use a newer Lakebook, or an engine that knows the version; tables can not be downgraded.' },
    );
  }
  throw new ValidationError(`format-version must be 1, 2 or 3, not ${version}.`);
}

/**
 * Checks a schema that is to be added to a table of the given format version: unambiguous names, types and
 * defaults that the version has, identifier fields that can identify a row (spec: "Identifier Field IDs").
 * @throws ValidationError
 */
export function checkSchema(schema: Schema, formatVersion: number): void {
  const visit = (fields: readonly NestedField[], parent: string) => {
    const names = new Set<string>();
    for (const field of fields) {
      const path = `${parent}${field.name}`;
      if (names.has(field.name)) throw new ValidationError(`There are two columns named "${path}".`);
      names.add(field.name);
      checkField(field, path, formatVersion);
      visit(childFields(field.type), `${path}.`);
    }
  };
  visit(schema.fields, '');
  for (const id of schema.identifierFieldIds) checkIdentifier(schema, id);
}

/** Types whose columns have no default but null (spec: "Default values"). */
const nullDefaults: ReadonlySet<string> = new Set(['unknown', 'variant', 'geometry', 'geography']);

function checkField(field: NestedField, path: string, formatVersion: number): void {
  const upgrade = { hint: "Set the table property 'format-version' to '3' first." };
  if (isPrimitive(field.type) && minimumFormatVersion(field.type) > formatVersion) {
    const type = typeToString(field.type);
    throw new ValidationError(
      `The column "${path}" has the type ${type}, which needs format version 3; the table's is ${formatVersion}.`,
      upgrade,
    );
  }
  const initial = field.initialDefault;
  if (formatVersion < 3 && initial !== undefined && initial !== null) {
    throw new ValidationError(
      `The column "${path}" has a default for existing rows, which needs format version 3; the table's is ${formatVersion}.`,
      upgrade,
    );
  }
  if (isReservedFieldId(field.id)) {
    throw new ValidationError(
      `The column "${path}" has the id ${field.id}, which the format keeps for itself.`,
    );
  }
  const hasDefault = [initial, field.writeDefault].some(value => value !== undefined && value !== null);
  if (hasDefault && nullDefaults.has(field.type.kind)) {
    throw new ValidationError(
      `The column "${path}" is of type ${field.type.kind}, whose default can only be null.`,
    );
  }
  if (field.type.kind === 'unknown' && field.required) {
    throw new ValidationError(`The column "${path}" is of type unknown, so it can't be required.`);
  }
}

function checkIdentifier(schema: Schema, id: number): void {
  const field = findField(schema, id);
  if (field === undefined) throw new ValidationError(`The identifier field ${id} isn't in the schema.`);
  const refuse = (why: string, hint?: string) =>
    new ValidationError(`The column "${fieldPath(schema, id)}" can't identify rows: ${why}.`, { hint });
  if (!isPrimitive(field.type)) throw refuse('it is nested');
  if (isFloating(field.type)) throw refuse(`values of type ${field.type.kind} can't be compared exactly`);
  if (!isSingleValued(schema, id)) throw refuse('it is in a list or map');
  if (!field.required) throw refuse('it may be null', 'Make the column required (not null) first.');
}

/**
 * Checks a partition spec that is to be added to a table. `known` tells fields the table has already: their
 * transforms may be unknown here. @throws ValidationError
 */
export function checkSpec(
  spec: PartitionSpec,
  schema: Schema,
  formatVersion: number,
  known: (field: PartitionField) => boolean = () => false,
): void {
  const names = new Set<string>();
  const sources = new Set<string>();
  const ids = new Set<number>();
  spec.fields.forEach((field, index) => {
    const transform = transformToString(field.transform);
    const what = `The partition field "${field.name}"`;
    if (field.name === '') throw new ValidationError('A partition field has no name.');
    if (names.has(field.name)) throw new ValidationError(`${what} is there twice.`);
    if (ids.has(field.fieldId))
      throw new ValidationError(`${what} has the id ${field.fieldId} of another one.`);
    if (formatVersion === 1 && field.fieldId !== partitionIdStart + 1 + index) {
      throw new ValidationError(
        `${what} has the id ${field.fieldId}, but format version 1 needs 1000, 1001, ....`,
        {
          hint: "Upgrade the table first: set the table property 'format-version' to '2'.",
        },
      );
    }
    names.add(field.name);
    ids.add(field.fieldId);
    if (field.transform.kind === 'void') return;
    const key = `${field.sourceId} ${transform}`;
    if (sources.has(key))
      throw new ValidationError(`${what} partitions by the same values as another field.`);
    sources.add(key);
    checkPartitionName(field, schema, what);
  });
  checkSpecSources(spec, schema, known);
}

/**
 * Checks that a spec's partition values can be made of the schema's columns, so that it can be a table's default
 * one. @throws ValidationError
 */
export function checkSpecSources(
  spec: PartitionSpec,
  schema: Schema,
  known: (field: PartitionField) => boolean = () => false,
): void {
  for (const field of spec.fields) {
    // What is void may have lost its column.
    if (field.transform.kind === 'void' || (field.transform.kind === 'other' && known(field))) continue;
    checkSource(field, transformToString(field.transform), schema, `The partition field "${field.name}"`);
  }
}

function checkSource(
  field: Pick<PartitionField, 'sourceId' | 'transform'>,
  transform: string,
  schema: Schema,
  what: string,
): void {
  const source = findField(schema, field.sourceId);
  if (source === undefined) {
    throw new ValidationError(
      `${what} is made of the column with id ${field.sourceId}, which isn't in the schema.`,
      {
        hint: 'A column that the table is partitioned or sorted by must be taken out of there before it is dropped.',
      },
    );
  }
  const path = fieldPath(schema, field.sourceId);
  if (!isSingleValued(schema, field.sourceId)) {
    throw new ValidationError(`${what} is made of the column "${path}", which is in a list or map.`);
  }
  if (!canTransform(field.transform, source.type)) {
    throw new ValidationError(
      `${what} can't be made of the column "${path}": ${transform} isn't defined for ${typeToString(source.type)}.`,
    );
  }
}

/** Partition values are columns of a table's metadata tables: their names mustn't mean two things. */
function checkPartitionName(field: PartitionField, schema: Schema, what: string): void {
  const column = schema.fields.find(({ name }) => name === field.name);
  if (column === undefined) return;
  if (field.transform.kind === 'identity' && column.id === field.sourceId) return;
  throw new ValidationError(`${what} is named like a column that it isn't the values of.`, {
    hint: 'Give the partition field another name.',
  });
}

/** Checks a sort order that is to be added to, or to become the default of, a table. @throws ValidationError */
export function checkSortOrder(order: SortOrder, schema: Schema, known = false): void {
  order.fields.forEach((field, index) => {
    if (field.transform.kind === 'other' && known) return;
    checkSource(field, transformToString(field.transform), schema, `Field ${index + 1} of the sort order`);
  });
}

/** Checks properties that are to be stored. @throws ValidationError for those that mirror other metadata */
export function checkProperties(properties: Readonly<Record<string, string>>): void {
  const reserved = Object.keys(properties).find(name => reservedProperties.has(name));
  if (reserved === undefined) return;
  throw new ValidationError(
    `The table property '${reserved}' can't be set: it shows what other metadata says.`,
  );
}
