import { UnsupportedError } from './errors.ts';
import { currentSchema, currentSpec, mainBranch, type TableMetadata } from './metadata.ts';
import { equivalentSpecs } from './partition.ts';
import { promotionFault } from './promotion.ts';
import { propertyNames } from './properties.ts';
import { refOf } from './ref-update.ts';
import { findField, type Schema, schemaStruct } from './schema.ts';
import { type SortTerm, sortFields } from './sort-update.ts';
import { changeSpec, evolvedFields, evolvingSpec, type PartitionTerm } from './spec-update.ts';
import { followSchema, requirementsOf, schemaUpdates, sortUpdates, specUpdates } from './table-update.ts';
import { isPrimitive, type NestedField, type StructType, type Type } from './types.ts';
import type { TableChange, TableUpdate } from './updates.ts';

/** What takes the place of a table's definition and rows. */
export interface TableReplacement {
  /** Field ids may be provisional, but must differ. */
  readonly schema: Schema;
  readonly partitionedBy: readonly PartitionTerm[];
  readonly sortedBy: readonly SortTerm[];
  /** Are added to the table's; `format-version` upgrades it. */
  readonly properties: Readonly<Record<string, string>>;
  /** Absent: where the table is. */
  readonly location?: string;
}

/**
 * What to commit so that a table gets another definition and no rows, and keeps its history: snapshots, branches
 * and tags other than main stay readable (as CREATE OR REPLACE TABLE of Iceberg's Java library). Columns keep the
 * id of the column of the same name.
 * @throws NotFoundError('column'), ValidationError, UnsupportedError
 */
export function replaceTableMetadata(base: TableMetadata, replacement: TableReplacement): TableChange {
  const { [propertyNames.formatVersion]: version, ...properties } = replacement.properties;
  const formatVersion = newVersion(base, version);
  const { schema, lastColumnId } = keepIds(replacement.schema, base);
  const updates: TableUpdate[] = [];
  if (formatVersion !== base.formatVersion) updates.push({ action: 'upgrade-format-version', formatVersion });
  updates.push(...schemaUpdates(base, schema, lastColumnId));
  const fields = evolvedFields(
    changeSpec(
      evolvingSpec({
        formatVersion,
        spec: currentSpec(base),
        history: base.partitionSpecs,
        lastPartitionId: base.lastPartitionId,
      }),
      { kind: 'set-partitioning', fields: replacement.partitionedBy },
      schema,
    ),
  );
  const spec = { specId: Math.max(...base.partitionSpecs.map(({ specId }) => specId)) + 1, fields };
  if (!equivalentSpecs(spec, currentSpec(base))) updates.push(...specUpdates(base, spec));
  updates.push(...sortUpdates(base, sortFields(replacement.sortedBy, schema)));
  if (replacement.location !== undefined && replacement.location !== base.location)
    updates.push({ action: 'set-location', location: replacement.location });
  const followed = followSchema(base.properties, currentSchema(base), schema);
  const removals = Object.keys(base.properties).filter(key => !Object.hasOwn(followed, key));
  if (removals.length > 0) updates.push({ action: 'remove-properties', removals });
  updates.push({ action: 'set-properties', updates: { ...followed, ...properties } });
  const head = refOf(base, mainBranch);
  if (head !== undefined) updates.push({ action: 'remove-snapshot-ref', refName: mainBranch });
  return {
    updates,
    requirements: [
      ...requirementsOf(base, updates),
      { type: 'assert-ref-snapshot-id', ref: mainBranch, snapshotId: head?.snapshotId },
    ],
  };
}

function newVersion(base: TableMetadata, text: string | undefined): 1 | 2 | 3 {
  const version = text === undefined ? base.formatVersion : Number(text);
  if ((version === 1 || version === 2 || version === 3) && version >= base.formatVersion) return version;
  throw new UnsupportedError(
    `The table has format version ${base.formatVersion}: it can't be replaced by one of format version ${text}.`,
    { hint: 'Leave format-version out, or drop the table and create it anew.' },
  );
}

/**
 * Gives a schema's fields the ids of the fields of the same names in the table where their values can be read as
 * the new type (branches are read with the table's schema), and new ids to the others.
 */
function keepIds(schema: Schema, base: TableMetadata): { schema: Schema; lastColumnId: number } {
  const known = currentSchema(base);
  const used = new Set<number>();
  const idMap = new Map<number, number>();
  let { lastColumnId } = base;
  const idOf = (oldId: number, path: string, type: Type): number => {
    const same = findField(known, path);
    const keeps = same !== undefined && !used.has(same.id) && canBeReadAs(same.type, type);
    const id = keeps ? same.id : ++lastColumnId;
    used.add(id);
    idMap.set(oldId, id);
    return id;
  };
  const fieldsOf = (fields: readonly NestedField[], parent: string): NestedField[] => {
    const ids = fields.map(field => idOf(field.id, parent + field.name, field.type));
    return fields.map((field, index) => ({
      ...field,
      id: ids[index]!,
      type: typeOf(field.type, `${parent}${field.name}.`),
    }));
  };
  const typeOf = (type: Type, parent: string): Type => {
    switch (type.kind) {
      case 'struct':
        return { kind: 'struct', fields: fieldsOf(type.fields, parent) };
      case 'list': {
        const elementId = idOf(type.elementId, `${parent}element`, type.element);
        return { ...type, elementId, element: typeOf(type.element, `${parent}element.`) };
      }
      case 'map': {
        const keyId = idOf(type.keyId, `${parent}key`, type.key);
        const valueId = idOf(type.valueId, `${parent}value`, type.value);
        const key = typeOf(type.key, `${parent}key.`);
        return { ...type, keyId, valueId, key, value: typeOf(type.value, `${parent}value.`) };
      }
      default:
        return type;
    }
  };
  const struct = typeOf(schemaStruct(schema), '') as StructType;
  const identifierFieldIds = schema.identifierFieldIds.map(id => idMap.get(id) ?? id);
  const schemaId = Math.max(...base.schemas.map(other => other.schemaId)) + 1;
  return { schema: { schemaId, fields: struct.fields, identifierFieldIds }, lastColumnId };
}

function canBeReadAs(from: Type, to: Type): boolean {
  if (!isPrimitive(from) || !isPrimitive(to)) return from.kind === to.kind;
  return promotionFault(from, to, 3) === undefined;
}
