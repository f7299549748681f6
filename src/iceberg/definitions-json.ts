import { ValidationError } from './errors.ts';
import { asArray, asInteger, asObject, type JsonObject } from './json.ts';
import type { TableMetadata } from './metadata.ts';
import { parseSpec } from './partition.ts';
import { parseSchema, type Schema } from './schema.ts';
import { optional } from './snapshot-json.ts';
import { parseSortOrder, type SortOrder, unsortedOrder } from './sort.ts';

// The lists of schemas, partition specs and sort orders in table metadata, and the fields that choose one of each.
// All functions throw ValidationError for lists that are damaged or lack the chosen one.

/** A field that v1 doesn't require, but later versions do. */
export function required<T>(
  object: JsonObject,
  name: string,
  formatVersion: number,
  read: (value: unknown, where: string) => T,
): T | undefined {
  return formatVersion === 1 ? optional(object, name, '', read) : read(object[name], name);
}

export function parseSchemas(
  object: JsonObject,
  formatVersion: number,
): Pick<TableMetadata, 'schemas' | 'currentSchemaId'> {
  const read = (json: unknown, where: string): Schema => {
    const type = asObject(json, where).type;
    if (type !== 'struct') throw new ValidationError(`${where}: type must be struct.`);
    return parseSchema(json);
  };
  const items = required(object, 'schemas', formatVersion, asArray);
  if (items === undefined) {
    const schema = read(object.schema, 'schema');
    return { schemas: [schema], currentSchemaId: schema.schemaId };
  }
  const schemas = items.map((item, index) => read(item, `schemas[${index}]`));
  const currentSchemaId = required(object, 'current-schema-id', formatVersion, asInteger);
  if (currentSchemaId === undefined) {
    // All three fields are optional in v1; `schema` is the one that its readers went by.
    const schema = read(object.schema, 'schema');
    const others = schemas.filter(other => other.schemaId !== schema.schemaId);
    return { schemas: [...others, schema], currentSchemaId: schema.schemaId };
  }
  checkIds(
    schemas.map(schema => schema.schemaId),
    'schemas',
    'current-schema-id',
    currentSchemaId,
  );
  return { schemas, currentSchemaId };
}

export function parseSpecs(
  object: JsonObject,
  formatVersion: number,
): Pick<TableMetadata, 'partitionSpecs' | 'defaultSpecId'> {
  const items = required(object, 'partition-specs', formatVersion, asArray);
  if (items === undefined) {
    const fields = asArray(object['partition-spec'], 'partition-spec');
    return { partitionSpecs: [parseSpec(fields)], defaultSpecId: 0 };
  }
  const partitionSpecs = items.map(item => parseSpec(asObject(item, 'partition-specs')));
  const specIds = partitionSpecs.map(spec => spec.specId);
  // v1 doesn't ask for it; the newest spec has the highest id.
  const defaultSpecId = required(object, 'default-spec-id', formatVersion, asInteger) ?? Math.max(...specIds);
  checkIds(specIds, 'partition-specs', 'default-spec-id', defaultSpecId);
  return { partitionSpecs, defaultSpecId };
}

export function parseSortOrders(
  object: JsonObject,
  formatVersion: number,
): Pick<TableMetadata, 'sortOrders' | 'defaultSortOrderId'> {
  const items = required(object, 'sort-orders', formatVersion, asArray);
  if (items === undefined) return { sortOrders: [unsortedOrder], defaultSortOrderId: unsortedOrder.orderId };
  const sortOrders = items.map((item): SortOrder => parseSortOrder(item));
  const defaultSortOrderId = asInteger(object['default-sort-order-id'], 'default-sort-order-id');
  const ids = sortOrders.map(order => order.orderId);
  // Order 0 is reserved for the unsorted one, so that it needn't be listed.
  if (defaultSortOrderId === 0 && !ids.includes(0))
    return { sortOrders: [unsortedOrder, ...sortOrders], defaultSortOrderId };
  checkIds(ids, 'sort-orders', 'default-sort-order-id', defaultSortOrderId);
  return { sortOrders, defaultSortOrderId };
}

/** @throws ValidationError when an id is there twice, or the current one isn't there */
function checkIds(ids: readonly number[], what: string, currentName: string, current: number): void {
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw new ValidationError(`${what} has the id ${twice} twice.`);
  if (!ids.includes(current)) {
    throw new ValidationError(`${currentName} is ${current}, but ${what} has ${ids.join(', ') || 'none'}.`);
  }
}
