import {
  checkColumnName,
  checkDefault,
  checkFieldNames,
  checkIdentifier,
  checkTypeVersion,
} from './column-checks.ts';
import { AlreadyExistsError, type TextPosition, ValidationError } from './errors.ts';
import type { PartitionSpec } from './partition.ts';
import { promotionFault, promotionHint } from './promotion.ts';
import { assignFreshIds, childFields, fieldPath, findField, type Schema } from './schema.ts';
import {
  type ColumnNames,
  editField,
  editSiblings,
  hasColumn,
  idsWithin,
  implicitStruct,
  type LocatedField,
  locateColumn,
  matchName,
  sameName,
} from './schema-tree.ts';
import type { SortField } from './sort.ts';
import { transformToString } from './transform.ts';
import { typeToString } from './type-text.ts';
import type { NestedField, Type } from './types.ts';

/** Where a column goes among its siblings; `column` is a sibling's name, alone or with its parents' names. */
export type ColumnPlace =
  | { readonly kind: 'first' }
  | { readonly kind: 'after' | 'before'; readonly column: ColumnNames };

/** One change of a schema. `at` is where a person wrote it, for errors. */
export type SchemaChange = { readonly at?: TextPosition } & (
  | {
      readonly kind: 'add-column';
      /** The last name is the new column's, those before lead to the struct it's added to. */
      readonly column: ColumnNames;
      /** Ids of nested fields may be provisional; they must differ. */
      readonly type: Type;
      readonly required?: boolean;
      readonly doc?: string;
      /** In the spec's JSON single-value form: the value of all rows that are there, and of new ones without one. */
      readonly default?: unknown;
      readonly place?: ColumnPlace;
      /** A column of that name that is there already stays as it is. */
      readonly ifNotExists?: boolean;
    }
  | { readonly kind: 'drop-column'; readonly column: ColumnNames; readonly ifExists?: boolean }
  | { readonly kind: 'rename-column'; readonly column: ColumnNames; readonly to: string }
  | { readonly kind: 'move-column'; readonly column: ColumnNames; readonly place: ColumnPlace }
  | { readonly kind: 'set-type'; readonly column: ColumnNames; readonly type: Type }
  | {
      readonly kind: 'set-required';
      readonly column: ColumnNames;
      readonly required: boolean;
      /** Someone looked: no row of any branch has null there. */
      readonly provenNotNull?: boolean;
    }
  /** undefined removes it. */
  | { readonly kind: 'set-doc'; readonly column: ColumnNames; readonly doc: string | undefined }
  /** The value of new rows that don't say one, in JSON single-value form; undefined or null removes it. */
  | { readonly kind: 'set-default'; readonly column: ColumnNames; readonly default: unknown }
  | { readonly kind: 'set-identifier-fields'; readonly columns: readonly ColumnNames[] }
  | { readonly kind: 'drop-identifier-fields'; readonly columns: readonly ColumnNames[] }
);

/** A schema that is being changed. */
export interface EvolvingSchema {
  readonly schema: Schema;
  /** The highest field id the table ever used: ids of dropped columns are never used again. */
  readonly lastColumnId: number;
}

/** What of the rest of the table bears on its schema. */
export interface SchemaContext {
  readonly formatVersion: 1 | 2 | 3;
  /** The table never had rows, so that nothing can be null in it. */
  readonly isEmpty: boolean;
  readonly spec: PartitionSpec;
  readonly sortFields: readonly SortField[];
}

/**
 * The schema after a change (spec: "Schema Evolution"). Columns are found by name without regard to case, keep
 * their ids through everything, and new ones get ids that were never used.
 * @throws NotFoundError('column'), AlreadyExistsError('column'), ValidationError for what would make the table or
 *   its files unreadable, UnsupportedError for what the table's format version hasn't got
 */
export function changeSchema(
  current: EvolvingSchema,
  change: SchemaChange,
  context: SchemaContext,
): EvolvingSchema {
  const { schema, lastColumnId } = current;
  switch (change.kind) {
    case 'add-column':
      return addColumn(current, change, context);
    case 'drop-column':
      return { schema: dropColumn(schema, change, context), lastColumnId };
    case 'rename-column':
      return { schema: renameColumn(schema, change, context), lastColumnId };
    case 'move-column':
      return { schema: moveColumn(schema, change), lastColumnId };
    case 'set-type':
      return { schema: setType(schema, change, context), lastColumnId };
    case 'set-required':
      return { schema: setRequired(schema, change, context), lastColumnId };
    case 'set-doc': {
      const { field } = locateNamed(schema, change.column, change.at, 'have a comment');
      return { schema: editField(schema, field.id, f => withOptional(f, 'doc', change.doc)), lastColumnId };
    }
    case 'set-default':
      return { schema: setDefault(schema, change, context), lastColumnId };
    case 'set-identifier-fields':
      return { schema: setIdentifierFields(schema, change), lastColumnId };
    case 'drop-identifier-fields':
      return { schema: dropIdentifierFields(schema, change), lastColumnId };
  }
}

type Change<K extends SchemaChange['kind']> = Extract<SchemaChange, { readonly kind: K }>;

function addColumn(
  { schema, lastColumnId }: EvolvingSchema,
  change: Change<'add-column'>,
  context: SchemaContext,
): EvolvingSchema {
  const { at, type } = change;
  const name = change.column.at(-1)!;
  const parent = change.column.length > 1 ? parentStruct(schema, change.column.slice(0, -1), at) : undefined;
  const path = [...(parent?.names ?? []), name];
  const siblings = parent === undefined ? schema.fields : childFields(parent.field.type);
  if (change.ifNotExists === true && siblings.some(field => sameName(field.name, name)))
    return { schema, lastColumnId };
  checkNewName(schema, parent?.field, name, undefined, context, at);
  checkFieldNames(type, path.join('.'), at);
  checkTypeVersion(type, path.join('.'), context.formatVersion, at);
  const initial = change.default ?? undefined;
  if (initial !== undefined) checkDefault(type, path.join('.'), context.formatVersion, at);
  if (change.required && initial === undefined && !context.isEmpty) {
    throw new ValidationError(
      `The column "${path.join('.')}" can't be added as NOT NULL: the table's rows have no value for it.`,
      {
        hint:
          context.formatVersion >= 3
            ? 'Give it a DEFAULT, or add it without NOT NULL, fill it, and then SET NOT NULL.'
            : 'Add it without NOT NULL, fill it with an UPDATE, and then SET NOT NULL.',
        position: at,
      },
    );
  }
  const provisional: NestedField = {
    id: 0,
    name,
    required: change.required === true,
    type,
    ...(change.doc === undefined ? {} : { doc: change.doc }),
    ...(initial === undefined ? {} : { initialDefault: initial, writeDefault: initial }),
  };
  const fresh = assignFreshIds(
    { schemaId: 0, fields: [provisional], identifierFieldIds: [] },
    lastColumnId + 1,
  );
  const field = fresh.schema.fields[0]!;
  const place = change.place;
  const index = place === undefined ? undefined : siblingIndex(schema, parent?.field, place, at);
  const added = editSiblings(schema, parent?.field.id, fields =>
    index === undefined ? [...fields, field] : fields.toSpliced(index, 0, field),
  );
  return { schema: added, lastColumnId: fresh.lastColumnId };
}

function dropColumn(schema: Schema, change: Change<'drop-column'>, context: SchemaContext): Schema {
  if (change.ifExists === true && !hasColumn(schema, change.column, change.at)) return schema;
  const located = locateNamed(schema, change.column, change.at, 'be dropped');
  const { field, ancestors, names } = located;
  const path = names.join('.');
  const refuse = (message: string, hint: string) =>
    new ValidationError(`The column "${path}" can't be dropped: ${message}.`, { hint, position: change.at });
  checkNotInMapKey(located, change.at);
  const within = new Set(idsWithin(field));
  const partition = context.spec.fields.find(f => (f.sourceIds ?? [f.sourceId]).some(id => within.has(id)));
  if (partition?.transform.kind === 'void') {
    // Other Iceberg libraries look up its column when they write.
    const upgrade = context.formatVersion < 2 ? "SET TBLPROPERTIES ('format-version' = '2'), " : '';
    throw refuse(
      `the former partition field "${partition.name}" still names it`,
      `Set the partitioning anew, which leaves former fields out since format version 2: ALTER TABLE ... ${upgrade}SET PARTITIONED BY (...).`,
    );
  }
  if (partition !== undefined) {
    throw refuse(
      `the table is partitioned by it (${partition.name})`,
      `Drop the partition field first: ALTER TABLE ... DROP PARTITION FIELD ${partition.name}.`,
    );
  }
  const sort = context.sortFields.find(f => (f.sourceIds ?? [f.sourceId]).some(id => within.has(id)));
  if (sort !== undefined) {
    throw refuse(
      `the table's rows are written in the order of it (${transformToString(sort.transform)})`,
      'Change the write order first: ALTER TABLE ... WRITE UNORDERED, or WRITE ORDERED BY other columns.',
    );
  }
  if (schema.identifierFieldIds.some(id => within.has(id))) {
    throw refuse(
      'it identifies rows (it is part of the key)',
      `Drop it from the key first: ALTER TABLE ... DROP IDENTIFIER FIELDS ${path}.`,
    );
  }
  const parent = ancestors.at(-1);
  const siblings = parent === undefined ? schema.fields : childFields(parent.type);
  if (siblings.length === 1) {
    throw parent === undefined
      ? refuse('it is the only one', 'Add another column first, or drop the table.')
      : refuse('it is the only field of its struct', `Drop "${names.slice(0, -1).join('.')}" itself.`);
  }
  return editSiblings(schema, parent?.id, fields => fields.filter(f => f.id !== field.id));
}

function renameColumn(schema: Schema, change: Change<'rename-column'>, context: SchemaContext): Schema {
  const located = locateNamed(schema, change.column, change.at, 'be renamed');
  checkNotInMapKey(located, change.at);
  const { field, ancestors } = located;
  if (field.name === change.to) return schema;
  checkNewName(schema, ancestors.at(-1), change.to, field, context, change.at);
  return editField(schema, field.id, f => ({ ...f, name: change.to }));
}

function moveColumn(schema: Schema, change: Change<'move-column'>): Schema {
  const located = locateNamed(schema, change.column, change.at, 'be moved');
  checkNotInMapKey(located, change.at);
  const { field, ancestors, names } = located;
  const parent = ancestors.at(-1);
  const place = change.place;
  if (place.kind !== 'first' && sibling(schema, parent, place.column, change.at).id === field.id) {
    throw new ValidationError(`The column "${names.join('.')}" can't be moved ${place.kind} itself.`, {
      hint: 'Name another column.',
      position: change.at,
    });
  }
  const without = editSiblings(schema, parent?.id, fields => fields.filter(f => f.id !== field.id));
  const remaining = parent === undefined ? undefined : findField(without, parent.id);
  const index = siblingIndex(without, remaining, place, change.at);
  return editSiblings(without, parent?.id, fields => fields.toSpliced(index, 0, field));
}

function setType(schema: Schema, change: Change<'set-type'>, context: SchemaContext): Schema {
  const located = locateColumn(schema, change.column, change.at);
  const { field, names } = located;
  if (typeToString(field.type) === typeToString(change.type)) return schema;
  checkNotInMapKey(located, change.at);
  const fault = promotionFault(field.type, change.type, context.formatVersion);
  if (fault !== undefined) {
    throw new ValidationError(`The type of "${names.join('.')}" can't be changed: ${fault}.`, {
      hint:
        promotionHint(field.type) ??
        'Types can only be widened: int to long, float to double, decimals to more digits. Add a column of the new type, fill it with an UPDATE, drop this one and rename the new one.',
      position: change.at,
    });
  }
  checkTypeVersion(change.type, names.join('.'), context.formatVersion, change.at);
  return editField(schema, field.id, f => ({ ...f, type: change.type }));
}

function setRequired(schema: Schema, change: Change<'set-required'>, context: SchemaContext): Schema {
  const located = locateColumn(schema, change.column, change.at);
  const { field, names } = located;
  const path = names.join('.');
  if (field.required === change.required) return schema;
  checkNotInMapKey(located, change.at);
  if (change.required && !context.isEmpty && change.provenNotNull !== true) {
    throw new ValidationError(`The column "${path}" can't be made NOT NULL: rows may have no value there.`, {
      hint: 'Fill the column with an UPDATE first.',
      position: change.at,
    });
  }
  if (!change.required) {
    const within = new Set(idsWithin(field));
    if (schema.identifierFieldIds.some(id => within.has(id))) {
      throw new ValidationError(
        `The column "${path}" can't be made optional: it identifies rows (it is part of the key).`,
        {
          hint: `Drop it from the key first: ALTER TABLE ... DROP IDENTIFIER FIELDS ${path}.`,
          position: change.at,
        },
      );
    }
  }
  return editField(schema, field.id, f => ({ ...f, required: change.required }));
}

function setDefault(schema: Schema, change: Change<'set-default'>, context: SchemaContext): Schema {
  const { field, names } = locateNamed(schema, change.column, change.at, 'have a default');
  const value = change.default ?? undefined;
  if (value !== undefined) checkDefault(field.type, names.join('.'), context.formatVersion, change.at);
  return editField(schema, field.id, f => withOptional(f, 'writeDefault', value));
}

function setIdentifierFields(schema: Schema, change: Change<'set-identifier-fields'>): Schema {
  const ids = change.columns.map(names => {
    const located = locateColumn(schema, names, change.at);
    checkIdentifier(located, change.at);
    return located.field.id;
  });
  return { ...schema, identifierFieldIds: [...new Set(ids)] };
}

function dropIdentifierFields(schema: Schema, change: Change<'drop-identifier-fields'>): Schema {
  const dropped = change.columns.map(names => {
    const { field, names: found } = locateColumn(schema, names, change.at);
    if (schema.identifierFieldIds.includes(field.id)) return field.id;
    const known = schema.identifierFieldIds.map(id => fieldPath(schema, id));
    throw new ValidationError(`The column "${found.join('.')}" is not part of the table's key.`, {
      hint: known.length === 0 ? 'The table has no key.' : `The key is ${known.join(', ')}.`,
      position: change.at,
    });
  });
  return { ...schema, identifierFieldIds: schema.identifierFieldIds.filter(id => !dropped.includes(id)) };
}

/** @throws ValidationError for a name no column can have; AlreadyExistsError */
function checkNewName(
  schema: Schema,
  parent: NestedField | undefined,
  name: string,
  renamed: NestedField | undefined,
  context: SchemaContext,
  at: TextPosition | undefined,
): void {
  checkColumnName(name, at);
  const siblings = parent === undefined ? schema.fields : childFields(parent.type);
  const taken = siblings.find(field => field.id !== renamed?.id && sameName(field.name, name));
  if (taken !== undefined) {
    const where = parent === undefined ? 'The table' : `"${fieldPath(schema, parent.id)}"`;
    throw new AlreadyExistsError('column', `${where} has a column "${taken.name}" already.`, {
      hint:
        taken.name === name
          ? 'Choose another name.'
          : "Choose another name: SQL doesn't tell upper and lower case apart.",
      position: at,
    });
  }
  const path = parent === undefined ? name : `${fieldPath(schema, parent.id)}.${name}`;
  const partition = context.spec.fields.find(
    f => sameName(f.name, path) && (f.sourceId !== renamed?.id || f.transform.kind !== 'identity'),
  );
  if (partition !== undefined) {
    throw new AlreadyExistsError('column', `"${path}" is the name of a partition field of the table.`, {
      hint: 'Choose another name for the column.',
      position: at,
    });
  }
}

/** A column that has a name of its own: an element, key or value can't be dropped, renamed or moved. */
function locateNamed(
  schema: Schema,
  names: ColumnNames,
  at: TextPosition | undefined,
  what: string,
): LocatedField {
  const located = locateColumn(schema, names, at);
  const parent = located.ancestors.at(-1);
  if (parent === undefined || parent.type.kind === 'struct') return located;
  throw new ValidationError(
    `"${located.names.join('.')}" can't ${what}: it is the ${located.field.name} of a ${parent.type.kind}.`,
    {
      hint: `Change "${located.names.slice(0, -1).join('.')}", or a field of the ${located.field.name}.`,
      position: at,
    },
  );
}

/** The keys of a map decide which entries are the same, so nothing about them may change (spec: "Schema Evolution"). */
function checkNotInMapKey({ field, ancestors, names }: LocatedField, at: TextPosition | undefined): void {
  const chain = [...ancestors, field];
  const map = chain.findIndex((part, index) => {
    const next = chain[index + 1];
    return part.type.kind === 'map' && next?.id === part.type.keyId;
  });
  if (map < 0) return;
  throw new ValidationError(
    `"${names.join('.')}" can't be changed: it belongs to the keys of the map "${names.slice(0, map + 1).join('.')}".`,
    { hint: 'Add a new map column instead.', position: at },
  );
}

function parentStruct(
  schema: Schema,
  names: ColumnNames,
  at: TextPosition | undefined,
): { field: NestedField; names: readonly string[] } {
  const located = locateColumn(schema, names, at);
  checkNotInMapKey(located, at);
  const { field } = located;
  if (field.type.kind === 'struct') return { field, names: located.names };
  const inner = implicitStruct(field.type);
  if (inner !== undefined) return { field: inner, names: [...located.names, inner.name] };
  throw new ValidationError(
    `No field can be added to "${located.names.join('.')}": it is of type ${typeToString(field.type)}.`,
    { hint: 'Fields can be added to structs.', position: at },
  );
}

function sibling(
  schema: Schema,
  parent: NestedField | undefined,
  names: ColumnNames,
  at: TextPosition | undefined,
): NestedField {
  const fields = parent === undefined ? schema.fields : childFields(parent.type);
  if (names.length === 1) {
    const found = matchName(fields, names[0]!, at);
    if (found !== undefined) return found;
    if (parent !== undefined)
      return locateColumn({ schemaId: 0, fields, identifierFieldIds: [] }, names, at).field;
  }
  const { field, ancestors, names: found } = locateColumn(schema, names, at);
  if (ancestors.at(-1)?.id === parent?.id) return field;
  const where = parent === undefined ? 'the table' : `"${fieldPath(schema, parent.id)}"`;
  throw new ValidationError(`"${found.join('.')}" is no direct column of ${where}.`, {
    hint: 'A column can only be put beside columns of the same struct.',
    position: at,
  });
}

/** Where in the list of siblings a new one goes. */
function siblingIndex(
  schema: Schema,
  parent: NestedField | undefined,
  place: ColumnPlace,
  at: TextPosition | undefined,
): number {
  if (place.kind === 'first') return 0;
  const fields = parent === undefined ? schema.fields : childFields(parent.type);
  const { id } = sibling(schema, parent, place.column, at);
  const index = fields.findIndex(field => field.id === id);
  return place.kind === 'after' ? index + 1 : index;
}

function withOptional<K extends 'doc' | 'writeDefault'>(
  field: NestedField,
  key: K,
  value: NestedField[K],
): NestedField {
  const { [key]: _, ...rest } = field;
  return (value === undefined ? rest : { ...rest, [key]: value }) as NestedField;
}
