import { asArray, asInteger, asObject, asString, type JsonObject, kept } from './json.ts';
import { findField, type Schema } from './schema.ts';
import { parseTransform, type Transform, transformHuman, transformToString } from './transform.ts';
import type { Type, Value } from './types.ts';

export interface PartitionField {
  readonly sourceId: number;
  readonly fieldId: number;
  readonly name: string;
  readonly transform: Transform;
  /** A v3 transform of several columns, which is always of kind 'other' here; `sourceId` is the first. */
  readonly sourceIds?: readonly number[];
  /** Fields that aren't known here. */
  readonly extra?: JsonObject;
}

export interface PartitionSpec {
  readonly specId: number;
  readonly fields: readonly PartitionField[];
  readonly extra?: JsonObject;
}

/** Partition field ids count up from this number plus one: 1000, 1001, ... */
export const partitionIdStart = 999;

/** The spec of an unpartitioned table. */
export const unpartitionedSpec: PartitionSpec = { specId: 0, fields: [] };

/** Whether rows are told apart at all: a spec without fields, or with void ones only, doesn't. */
export function isPartitioned(spec: PartitionSpec): boolean {
  return spec.fields.some(field => field.transform.kind !== 'void');
}

/**
 * Reads a partition spec (spec: Appendix C), or the bare field list of old v1 metadata, which gets `specId`.
 * Fields without ids (v1) are numbered from 1000. @throws ValidationError
 */
export function parseSpec(json: unknown, specId = 0): PartitionSpec {
  if (Array.isArray(json))
    return { specId, fields: json.map((field, index) => parseField(field, index, specId)) };
  const object = asObject(json, 'The partition spec');
  const id = asInteger(object['spec-id'], 'spec-id of a partition spec');
  const fields = asArray(object.fields, `Partition spec ${id}: fields`);
  return {
    specId: id,
    fields: fields.map((field, index) => parseField(field, index, id)),
    ...kept(object, knownOfSpec),
  };
}

const knownOfSpec: ReadonlySet<string> = new Set(['spec-id', 'fields']);
const knownOfField: ReadonlySet<string> = new Set([
  'source-id',
  'source-ids',
  'field-id',
  'name',
  'transform',
]);

function parseField(json: unknown, index: number, specId: number): PartitionField {
  const where = `Partition spec ${specId}, field ${index}`;
  const object = asObject(json, where);
  const fieldId = object['field-id'] ?? partitionIdStart + 1 + index;
  const transform = asString(object.transform, `${where}: transform`);
  const common = {
    fieldId: asInteger(fieldId, `${where}: field-id`),
    name: asString(object.name, `${where}: name`),
  };
  return { ...parseSources(object, transform, where), ...common, ...kept(object, knownOfField) };
}

/** The source column or columns and the transform, for partition and sort fields. */
export function parseSources(
  object: Readonly<Record<string, unknown>>,
  transform: string,
  where: string,
): { sourceId: number; transform: Transform; sourceIds?: readonly number[] } {
  if (object['source-ids'] !== undefined && object['source-id'] === undefined) {
    const ids = asArray(object['source-ids'], `${where}: source-ids`).map(id =>
      asInteger(id, `${where}: source-ids`),
    );
    if (ids.length !== 1) {
      return { sourceId: ids[0] ?? 0, transform: { kind: 'other', text: transform }, sourceIds: ids };
    }
    return { sourceId: ids[0]!, transform: parseTransform(transform) };
  }
  return {
    sourceId: asInteger(object['source-id'], `${where}: source-id`),
    transform: parseTransform(transform),
  };
}

/** The inverse of `parseSources`. */
export function sourcesToJson(field: {
  readonly sourceId: number;
  readonly sourceIds?: readonly number[];
}): Record<string, unknown> {
  return field.sourceIds === undefined ? { 'source-id': field.sourceId } : { 'source-ids': field.sourceIds };
}

export function specToJson(spec: PartitionSpec): Record<string, unknown> {
  return { 'spec-id': spec.specId, fields: specFieldsToJson(spec), ...spec.extra };
}

/** The field list alone, as manifest metadata and v1's `partition-spec` hold it. */
export function specFieldsToJson(spec: PartitionSpec): Record<string, unknown>[] {
  return spec.fields.map(field => ({
    ...sourcesToJson(field),
    'field-id': field.fieldId,
    name: field.name,
    transform: transformToString(field.transform),
    ...field.extra,
  }));
}

/** The type of the source column; `unknown` when it was dropped from the schema. */
export function sourceType(field: { readonly sourceId: number }, schema: Schema): Type {
  return findField(schema, field.sourceId)?.type ?? { kind: 'unknown' };
}

/** The folder of a partition's files: `ts_day=2026-01-01/id_bucket=3`, form-encoded; '' when unpartitioned. */
export function partitionPath(
  spec: PartitionSpec,
  schema: Schema,
  values: readonly (Value | null)[],
): string {
  return spec.fields
    .map((field, index) => {
      const text = transformHuman(field.transform, sourceType(field, schema), values[index] ?? null);
      return `${formEncode(field.name)}=${formEncode(text)}`;
    })
    .join('/');
}

/** As HTML forms encode (and other Iceberg libraries): letters, digits and `.-*_` stay, space is `+`. */
function formEncode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()~]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

/** Equal fields in equal order, whatever their ids (spec: Partitioning, equivalent specs). */
export function equivalentSpecs(a: PartitionSpec, b: PartitionSpec): boolean {
  return (
    a.fields.length === b.fields.length &&
    a.fields.every((field, index) => {
      const other = b.fields[index]!;
      return field.name === other.name && samePartitionSource(field, other);
    })
  );
}

/** Same source columns and transform: such fields share a field id (spec: Partitioning). */
export function samePartitionSource(a: PartitionField, b: PartitionField): boolean {
  return (
    String(a.sourceIds ?? a.sourceId) === String(b.sourceIds ?? b.sourceId) &&
    transformToString(a.transform) === transformToString(b.transform)
  );
}
