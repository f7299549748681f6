import { UnsupportedError, ValidationError } from './errors.ts';
import {
  asArray,
  asBoolean,
  asInteger,
  asObject,
  asString,
  describeJson,
  type JsonObject,
  kept,
} from './json.ts';
import { parseTypeString, primitiveToString } from './type-text.ts';
import { isPrimitive, type NestedField, type StructType, type Type } from './types.ts';

export { parseTypePrefix, parseTypeString, typeNames, typeToString } from './type-text.ts';

export interface Schema {
  readonly schemaId: number;
  readonly fields: readonly NestedField[];
  readonly identifierFieldIds: readonly number[];
  /** Fields that aren't known here. */
  readonly extra?: JsonObject;
}

export function schemaStruct(schema: Schema): StructType {
  return { kind: 'struct', fields: schema.fields };
}

/**
 * Reads a schema from its JSON form (spec: Appendix C). Without `schema-id` (v1) the id is 0.
 * @throws ValidationError for what the spec doesn't allow, UnsupportedError for a type unknown here.
 */
export function parseSchema(json: unknown): Schema {
  const object = asObject(json, 'The schema');
  const schemaId = object['schema-id'] === undefined ? 0 : asInteger(object['schema-id'], 'schema-id');
  const where = `Schema ${schemaId}`;
  const struct = parseStruct(object, where);
  const ids = object['identifier-field-ids'];
  const schema: Schema = {
    schemaId,
    fields: struct.fields,
    identifierFieldIds:
      ids === undefined || ids === null
        ? []
        : asArray(ids, `${where}: identifier-field-ids`).map(id =>
            asInteger(id, `${where}: identifier-field-ids`),
          ),
    ...kept(object, knownOfSchema),
  };
  const index = indexOf(schema);
  for (const id of schema.identifierFieldIds) {
    if (!index.byId.has(id))
      throw new ValidationError(`${where}: identifier field ${id} isn't in the schema.`);
  }
  return schema;
}

const knownOfSchema: ReadonlySet<string> = new Set(['type', 'schema-id', 'identifier-field-ids', 'fields']);

/** Reads a type from its JSON form: a string, or an object for struct, list and map. */
export function parseType(json: unknown, where: string): Type {
  if (typeof json === 'string') return parsePrimitive(json, where);
  const object = asObject(json, where);
  switch (object.type) {
    case 'struct':
      return parseStruct(object, where);
    case 'list':
      return {
        kind: 'list',
        elementId: asInteger(object['element-id'], `${where}: element-id`),
        elementRequired: asBoolean(object['element-required'], `${where}: element-required`),
        element: parseType(object.element, `${where}.element`),
      };
    case 'map':
      return {
        kind: 'map',
        keyId: asInteger(object['key-id'], `${where}: key-id`),
        key: parseType(object.key, `${where}.key`),
        valueId: asInteger(object['value-id'], `${where}: value-id`),
        valueRequired: asBoolean(object['value-required'], `${where}: value-required`),
        value: parseType(object.value, `${where}.value`),
      };
    default:
      throw new UnsupportedError(`${where} has a type that isn't known here: ${describeJson(object.type)}.`, {
        hint: 'The table was written by a newer Iceberg version; a newer Lakebook may know the type.',
      });
  }
}

const canonicalPrimitive =
  /^(boolean|int|long|float|double|date|time|timestamp|timestamptz|timestamp_ns|timestamptz_ns|string|uuid|binary|unknown|variant|(geometry|geography)(\s*\(.*\))?|decimal\s*\(\s*\d+\s*,\s*\d+\s*\)|fixed\s*\[\s*\d+\s*\])$/;

function parsePrimitive(text: string, where: string): Type {
  // Only the names of the specification: SQL's aliases mean something else to other readers.
  if (canonicalPrimitive.test(text.trim())) return parseTypeString(text);
  throw new UnsupportedError(`${where} has the type "${text}", which isn't known here.`, {
    hint: 'The table was written by a newer Iceberg version; a newer Lakebook may know the type.',
  });
}

const knownOfField: ReadonlySet<string> = new Set([
  'id',
  'name',
  'required',
  'type',
  'doc',
  'initial-default',
  'write-default',
]);

function parseStruct(object: JsonObject, where: string): StructType {
  const fields = asArray(object.fields, `${where}: fields`).map((item, index): NestedField => {
    const field = asObject(item, `${where}: field ${index}`);
    const name = asString(field.name, `${where}: name of field ${index}`);
    const path = `${where}, column "${name}"`;
    return {
      id: asInteger(field.id, `${path}: id`),
      name,
      required: asBoolean(field.required, `${path}: required`),
      type: parseType(field.type, path),
      ...(typeof field.doc === 'string' ? { doc: field.doc } : {}),
      ...(field['initial-default'] === undefined ? {} : { initialDefault: field['initial-default'] }),
      ...(field['write-default'] === undefined ? {} : { writeDefault: field['write-default'] }),
      ...kept(field, knownOfField),
    };
  });
  return { kind: 'struct', fields };
}

/** The JSON form (spec: Appendix C). */
export function schemaToJson(schema: Schema): Record<string, unknown> {
  return {
    type: 'struct',
    'schema-id': schema.schemaId,
    ...(schema.identifierFieldIds.length > 0 ? { 'identifier-field-ids': schema.identifierFieldIds } : {}),
    fields: schema.fields.map(fieldToJson),
    ...schema.extra,
  };
}

export function typeToJson(type: Type): unknown {
  switch (type.kind) {
    case 'struct':
      return { type: 'struct', fields: type.fields.map(fieldToJson) };
    case 'list':
      return {
        type: 'list',
        'element-id': type.elementId,
        element: typeToJson(type.element),
        'element-required': type.elementRequired,
      };
    case 'map':
      return {
        type: 'map',
        'key-id': type.keyId,
        key: typeToJson(type.key),
        'value-id': type.valueId,
        value: typeToJson(type.value),
        'value-required': type.valueRequired,
      };
    default:
      return primitiveToString(type);
  }
}

function fieldToJson(field: NestedField): Record<string, unknown> {
  return {
    id: field.id,
    name: field.name,
    required: field.required,
    type: typeToJson(field.type),
    ...(field.doc === undefined ? {} : { doc: field.doc }),
    ...(field.initialDefault === undefined ? {} : { 'initial-default': field.initialDefault }),
    ...(field.writeDefault === undefined ? {} : { 'write-default': field.writeDefault }),
    ...field.extra,
  };
}

/** The fields directly below a type; list and map give `element`, `key` and `value` as fields. */
export function childFields(type: Type): readonly NestedField[] {
  switch (type.kind) {
    case 'struct':
      return type.fields;
    case 'list':
      return [{ id: type.elementId, name: 'element', required: type.elementRequired, type: type.element }];
    case 'map':
      return [
        { id: type.keyId, name: 'key', required: true, type: type.key },
        { id: type.valueId, name: 'value', required: type.valueRequired, type: type.value },
      ];
    default:
      return [];
  }
}

interface IndexedField {
  readonly field: NestedField;
  /** Names from the root to the field. */
  readonly path: string;
  readonly parent: IndexedField | undefined;
}

interface SchemaIndex {
  readonly byId: ReadonlyMap<number, IndexedField>;
  readonly byName: ReadonlyMap<string, readonly IndexedField[]>;
  readonly byLowerName: ReadonlyMap<string, readonly IndexedField[]>;
}

const indexes = new WeakMap<Schema, SchemaIndex>();

function indexOf(schema: Schema): SchemaIndex {
  let index = indexes.get(schema);
  if (index === undefined) {
    index = buildIndex(schema);
    indexes.set(schema, index);
  }
  return index;
}

function buildIndex(schema: Schema): SchemaIndex {
  const byId = new Map<number, IndexedField>();
  const byName = new Map<string, IndexedField[]>();
  const byLowerName = new Map<string, IndexedField[]>();
  const add = (map: Map<string, IndexedField[]>, name: string, entry: IndexedField) => {
    const list = map.get(name);
    if (list === undefined) map.set(name, [entry]);
    else list.push(entry);
  };
  const visit = (fields: readonly NestedField[], parent: IndexedField | undefined) => {
    for (const field of fields) {
      const entry = {
        field,
        path: parent === undefined ? field.name : `${parent.path}.${field.name}`,
        parent,
      };
      const other = byId.get(field.id);
      if (other !== undefined) {
        throw new ValidationError(
          `Schema ${schema.schemaId} is invalid: the columns "${other.path}" and "${entry.path}" both have the id ${field.id}.`,
        );
      }
      byId.set(field.id, entry);
      add(byName, entry.path, entry);
      add(byLowerName, entry.path.toLowerCase(), entry);
      visit(childFields(field.type), entry);
    }
  };
  visit(schema.fields, undefined);
  return { byId, byName, byLowerName };
}

/**
 * Finds a field by id or by dotted name: `a.b` reaches into structs, `l.element` into lists, `m.key` and
 * `m.value` into maps. Names are matched exactly first, then without regard to case if only one field fits.
 * @throws ValidationError when a name fits several fields.
 */
export function findField(schema: Schema, nameOrId: string | number): NestedField | undefined {
  const index = indexOf(schema);
  if (typeof nameOrId === 'number') return index.byId.get(nameOrId)?.field;
  const found = index.byName.get(nameOrId) ?? index.byLowerName.get(nameOrId.toLowerCase());
  if (found === undefined) return undefined;
  if (found.length > 1) {
    throw new ValidationError(
      `The column name "${nameOrId}" is ambiguous: it fits ${found.map(e => `"${e.path}" (id ${e.field.id})`).join(' and ')}.`,
      { hint: 'Write the name with the same upper and lower case letters, or rename one of the columns.' },
    );
  }
  return found[0]!.field;
}

/** The dotted name of a field, undefined when the schema has no such id. */
export function fieldPath(schema: Schema, id: number): string | undefined {
  return indexOf(schema).byId.get(id)?.path;
}

/** The names from the root to a field; unlike `fieldPath` exact for names that contain dots. */
export function fieldNames(schema: Schema, id: number): readonly string[] | undefined {
  const names: string[] = [];
  for (let entry = indexOf(schema).byId.get(id); entry !== undefined; entry = entry.parent) {
    names.unshift(entry.field.name);
  }
  return names.length === 0 ? undefined : names;
}

/** All fields without children (primitive ones, also inside structs, lists and maps), in schema order. */
export function leafFields(schema: Schema): NestedField[] {
  return [...indexOf(schema).byId.values()]
    .filter(({ field }) => isPrimitive(field.type))
    .map(({ field }) => field);
}

/** Whether a row has exactly one value of the field: it's in no list and no map. False for unknown ids. */
export function isSingleValued(schema: Schema, id: number): boolean {
  let entry = indexOf(schema).byId.get(id);
  if (entry === undefined) return false;
  for (entry = entry.parent; entry !== undefined; entry = entry.parent) {
    if (entry.field.type.kind !== 'struct') return false;
  }
  return true;
}

/** The largest field id, 0 for a schema without fields. */
export function highestFieldId(schema: Schema): number {
  return Math.max(0, ...indexOf(schema).byId.keys());
}

export interface FreshSchema {
  readonly schema: Schema;
  readonly lastColumnId: number;
  /** From the ids of the schema given to the new ones. */
  readonly idMap: ReadonlyMap<number, number>;
}

/**
 * Numbers all fields anew as other Iceberg libraries do for a new table: the fields of a struct first, then
 * what is nested in each of them; a map's key and value, then what is nested in them. `firstId` is 1 unless
 * the fields join a table that has columns already. Ids of the schema given may be provisional but must differ.
 */
export function assignFreshIds(schema: Schema, firstId = 1): FreshSchema {
  const idMap = new Map<number, number>();
  let nextId = firstId;
  const fresh = (oldId: number): number => {
    const id = nextId++;
    idMap.set(oldId, id);
    return id;
  };
  const freshFields = (fields: readonly NestedField[]): NestedField[] => {
    const ids = fields.map(field => fresh(field.id));
    return fields.map((field, index) => ({ ...field, id: ids[index]!, type: freshType(field.type) }));
  };
  const freshType = (type: Type): Type => {
    switch (type.kind) {
      case 'struct':
        return { kind: 'struct', fields: freshFields(type.fields) };
      case 'list': {
        const elementId = fresh(type.elementId);
        return { ...type, elementId, element: freshType(type.element) };
      }
      case 'map': {
        const keyId = fresh(type.keyId);
        const valueId = fresh(type.valueId);
        return { ...type, keyId, valueId, key: freshType(type.key), value: freshType(type.value) };
      }
      default:
        return type;
    }
  };
  const fields = freshFields(schema.fields);
  return {
    schema: {
      schemaId: schema.schemaId,
      fields,
      identifierFieldIds: schema.identifierFieldIds.map(id => idMap.get(id) ?? id),
    },
    lastColumnId: nextId - 1,
    idMap,
  };
}
