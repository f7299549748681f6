import { didYouMeanHint } from './did-you-mean.ts';
import { NotFoundError, type TextPosition, ValidationError } from './errors.ts';
import { childFields, type Schema, schemaStruct } from './schema.ts';
import type { NestedField, StructType, Type } from './types.ts';

/** Names from the root to a column: `['address', 'city']`. Inside of lists and maps: `element`, `key`, `value`. */
export type ColumnNames = readonly string[];

/** A field with those it lies in, from the root. */
export interface LocatedField {
  readonly field: NestedField;
  readonly ancestors: readonly NestedField[];
  /** Names as the schema writes them. */
  readonly names: readonly string[];
}

/** Columns that a hint lists at most. */
const listedColumns = 8;

/**
 * Finds a column by its names: as written first, then without regard to case. In a list or map of structs the
 * struct's fields may be named without `element` and `value`.
 * @throws NotFoundError('column') with what may have been meant; ValidationError for a name that fits several
 */
export function locateColumn(schema: Schema, names: ColumnNames, at?: TextPosition): LocatedField {
  const ancestors: NestedField[] = [];
  const found: string[] = [];
  let type: Type = schemaStruct(schema);
  let field: NestedField | undefined;
  for (const name of names) {
    if (field !== undefined) ancestors.push(field);
    let next = matchName(childFields(type), name, at);
    const inner = field === undefined ? undefined : implicitStruct(field.type);
    if (next === undefined && inner !== undefined) {
      next = matchName((inner.type as StructType).fields, name, at);
      ancestors.push(inner);
      found.push(inner.name);
    }
    if (next === undefined) throw unknownColumn(type, found, name, at);
    found.push(next.name);
    field = next;
    type = next.type;
  }
  if (field === undefined) throw new ValidationError('The name of a column is missing.', { position: at });
  return { field, ancestors, names: found };
}

/** Whether there is such a column. @throws ValidationError for a name that fits several */
export function hasColumn(schema: Schema, names: ColumnNames, at?: TextPosition): boolean {
  try {
    locateColumn(schema, names, at);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

/** The field of that name: exactly, else without regard to case. @throws ValidationError when several fit */
export function matchName(
  fields: readonly NestedField[],
  name: string,
  at?: TextPosition,
): NestedField | undefined {
  const exact = fields.find(field => field.name === name);
  if (exact !== undefined) return exact;
  const found = fields.filter(field => sameName(field.name, name));
  if (found.length <= 1) return found[0];
  throw new ValidationError(
    `The column name "${name}" is ambiguous: it fits ${found.map(field => `"${field.name}"`).join(' and ')}.`,
    { hint: 'Write the name with the same upper and lower case letters.', position: at },
  );
}

/** SQL's names don't tell upper and lower case apart. */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** The struct that a list or map of structs holds, as the field `element` or `value`. */
export function implicitStruct(type: Type): NestedField | undefined {
  if (type.kind !== 'list' && type.kind !== 'map') return undefined;
  const content = childFields(type).at(-1)!;
  return content.type.kind === 'struct' ? content : undefined;
}

function unknownColumn(
  type: Type,
  parents: readonly string[],
  name: string,
  at: TextPosition | undefined,
): NotFoundError {
  const where = parents.length === 0 ? '' : ` in "${parents.join('.')}"`;
  const known = childFields(type).map(field => field.name);
  const more = known.length > listedColumns ? `, ... (${known.length})` : '';
  const all = `${parents.length === 0 ? 'The columns are' : 'It has'} ${known.slice(0, listedColumns).join(', ')}${more}.`;
  const hint =
    known.length === 0 ? `"${parents.join('.')}" has no fields.` : (didYouMeanHint(name, known) ?? all);
  return new NotFoundError('column', `There is no column "${name}"${where}.`, { hint, position: at });
}

/** The schema with one field changed, wherever it is. For `element`, `key` and `value` only type and nullability count. */
export function editField(schema: Schema, id: number, edit: (field: NestedField) => NestedField): Schema {
  const struct = editType(schemaStruct(schema), id, edit) as StructType;
  return { ...schema, fields: struct.fields };
}

/** The schema with the fields of one struct changed; `parentId` undefined: the columns of the table. */
export function editSiblings(
  schema: Schema,
  parentId: number | undefined,
  edit: (fields: readonly NestedField[]) => readonly NestedField[],
): Schema {
  if (parentId === undefined) return { ...schema, fields: edit(schema.fields) };
  return editField(schema, parentId, field => ({
    ...field,
    type: { kind: 'struct', fields: edit((field.type as StructType).fields) },
  }));
}

function editType(type: Type, id: number, edit: (field: NestedField) => NestedField): Type {
  const children = childFields(type);
  if (children.length === 0) return type;
  const edited = children.map(field => {
    if (field.id === id) return edit(field);
    const inner = editType(field.type, id, edit);
    return inner === field.type ? field : { ...field, type: inner };
  });
  if (edited.every((field, index) => field === children[index])) return type;
  switch (type.kind) {
    case 'struct':
      return { kind: 'struct', fields: edited };
    case 'list':
      return { ...type, elementRequired: edited[0]!.required, element: edited[0]!.type };
    case 'map':
      return {
        ...type,
        key: edited[0]!.type,
        valueRequired: edited[1]!.required,
        value: edited[1]!.type,
      };
    default:
      return type;
  }
}

/** The ids of a field and of everything in it. */
export function idsWithin(field: NestedField): number[] {
  return [field.id, ...childFields(field.type).flatMap(idsWithin)];
}
