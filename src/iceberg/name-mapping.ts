import { asArray, asInteger, asObject, asString, parseJson, stringifyJson } from './json.ts';
import { childFields, type Schema } from './schema.ts';
import type { NestedField } from './types.ts';

/** The names that columns go by in data files without field ids (spec: "Column Projection", name mapping). */
export interface MappedField {
  readonly names: readonly string[];
  /** Absent: columns of these names belong to no field. */
  readonly fieldId?: number;
  readonly fields: readonly MappedField[];
}

/** Reads the table property `schema.name-mapping.default`. @throws ValidationError when it is no name mapping */
export function parseNameMapping(text: string): MappedField[] {
  return parseFields(parseJson(text, 'name mapping'), 'The name mapping');
}

function parseFields(json: unknown, where: string): MappedField[] {
  return asArray(json, where).map((item, index): MappedField => {
    const place = `${where}, entry ${index}`;
    const entry = asObject(item, place);
    const id = entry['field-id'];
    return {
      names: asArray(entry.names ?? [], `${place}: names`).map(name => asString(name, `${place}: names`)),
      ...(id === undefined || id === null ? {} : { fieldId: asInteger(id, `${place}: field-id`) }),
      fields: entry.fields === undefined ? [] : parseFields(entry.fields, `${place}: fields`),
    };
  });
}

/** The mapping in which every column goes by its name alone. */
export function nameMappingOf(schema: Schema): MappedField[] {
  return schema.fields.map(newEntry);
}

/** The property's text. */
export function nameMappingToJson(mapping: readonly MappedField[]): string {
  const toJson = (fields: readonly MappedField[]): unknown[] =>
    fields.map(({ names, fieldId, fields: inner }) => ({
      ...(fieldId === undefined ? {} : { 'field-id': fieldId }),
      names,
      ...(inner.length === 0 ? {} : { fields: toJson(inner) }),
    }));
  return stringifyJson(toJson(mapping));
}

/**
 * The mapping of a table whose schema changes: a column's new name joins its old ones, new columns get entries,
 * and a name that now means another column is taken from the one it meant before. Dropped columns keep their
 * entries, so that a new column isn't mixed up with what old files hold under another name.
 */
export function updateNameMapping(
  mapping: readonly MappedField[],
  before: Schema,
  after: Schema,
): MappedField[] {
  const names = new Map<number, string>();
  const note = (fields: readonly NestedField[]) => {
    for (const field of fields) {
      names.set(field.id, field.name);
      note(childFields(field.type));
    }
  };
  note(before.fields);
  return updateLevel(mapping, after.fields, names);
}

function updateLevel(
  mapping: readonly MappedField[],
  fields: readonly NestedField[],
  oldNames: ReadonlyMap<number, string>,
): MappedField[] {
  const byId = new Map(fields.map(field => [field.id, field]));
  const taken = new Map<string, number>();
  for (const field of fields) {
    if (oldNames.get(field.id) !== field.name) taken.set(field.name, field.id);
  }
  const known = new Set(mapping.flatMap(entry => entry.fieldId ?? []));
  const kept = mapping.map((entry): MappedField => {
    const left = entry.names.filter(name => !taken.has(name) || taken.get(name) === entry.fieldId);
    const field = entry.fieldId === undefined ? undefined : byId.get(entry.fieldId);
    if (field === undefined) return { ...entry, names: left };
    const renamed = taken.get(field.name) === field.id && !left.includes(field.name);
    return {
      ...entry,
      names: renamed ? [...left, field.name] : left,
      fields: updateLevel(entry.fields, childFields(field.type), oldNames),
    };
  });
  const isNew = (field: NestedField) => !known.has(field.id) && !oldNames.has(field.id);
  return [...kept, ...fields.filter(isNew).map(newEntry)];
}

function newEntry(field: NestedField): MappedField {
  return { names: [field.name], fieldId: field.id, fields: childFields(field.type).map(newEntry) };
}
