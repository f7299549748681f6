import { updateColumnProperties } from './column-properties.ts';
import { type TextPosition, ValidationError } from './errors.ts';
import { stringifyJson } from './json.ts';
import { currentSchema, currentSortOrder, currentSpec, mainBranch, type TableMetadata } from './metadata.ts';
import { applyUpdates } from './metadata-builder.ts';
import { nameMappingToJson, parseNameMapping, updateNameMapping } from './name-mapping.ts';
import { equivalentSpecs, type PartitionSpec, unpartitionedSpec } from './partition.ts';
import { propertyDefaults, propertyNames, reservedProperties } from './properties.ts';
import { changeRef, type RefChange, refOf } from './ref-update.ts';
import { type Schema, schemaToJson } from './schema.ts';
import { changeSchema, type EvolvingSchema, type SchemaChange } from './schema-update.ts';
import { type SortField, sameSortFields, unsortedOrder } from './sort.ts';
import { type SortTerm, sortFields } from './sort-update.ts';
import {
  changeSpec,
  type EvolvingSpec,
  evolvedFields,
  evolvingSpec,
  type SpecChange,
} from './spec-update.ts';
import type { TableChange, TableRequirement, TableUpdate } from './updates.ts';

/** One change of a table's definition. `at` is where a person wrote it, for errors. */
export type TableAlteration =
  | SchemaChange
  | SpecChange
  | RefChange
  | ({ readonly at?: TextPosition } & (
      | { readonly kind: 'set-sort-order'; readonly fields: readonly SortTerm[] }
      | { readonly kind: 'set-properties'; readonly properties: Readonly<Record<string, string>> }
      | { readonly kind: 'unset-properties'; readonly keys: readonly string[]; readonly ifExists?: boolean }
      /** Address of the folder that new files go to. */
      | { readonly kind: 'set-location'; readonly location: string }
    ));

/**
 * What to commit so that a table has all changes, made one after the other: at most one new schema, spec and sort
 * order, whatever the number of changes. No updates: everything is as asked for already.
 * @throws NotFoundError, AlreadyExistsError, ValidationError, UnsupportedError for the first change that can't be
 */
export function alterTableMetadata(
  metadata: TableMetadata,
  alterations: readonly TableAlteration[],
): TableChange {
  const draft = new TableDraft(metadata);
  for (const alteration of alterations) draft.apply(alteration);
  return draft.change();
}

/** The schema that a table has after changes, before they are committed. @throws as alterTableMetadata */
export function schemaAfter(metadata: TableMetadata, alterations: readonly TableAlteration[]): Schema {
  const draft = new TableDraft(metadata);
  for (const alteration of alterations) draft.apply(alteration);
  return draft.schema;
}

/** A table's definition while it is being changed. */
class TableDraft {
  readonly #base: TableMetadata;
  #formatVersion: 1 | 2 | 3;
  #schema: EvolvingSchema;
  #spec: EvolvingSpec;
  #sortFields: readonly SortField[];
  #properties: Readonly<Record<string, string>>;
  #location: string;
  readonly #refUpdates: TableUpdate[] = [];
  readonly #refRequirements: TableRequirement[] = [];

  constructor(base: TableMetadata) {
    this.#base = base;
    this.#formatVersion = base.formatVersion;
    this.#schema = { schema: currentSchema(base), lastColumnId: base.lastColumnId };
    this.#spec = this.#evolvingSpec();
    this.#sortFields = currentSortOrder(base).fields;
    this.#properties = base.properties;
    this.#location = base.location;
  }

  get schema(): Schema {
    return this.#schema.schema;
  }

  apply(alteration: TableAlteration): void {
    switch (alteration.kind) {
      case 'add-partition-field':
      case 'drop-partition-field':
      case 'replace-partition-field':
      case 'set-partitioning':
        this.#spec = changeSpec(this.#spec, alteration, this.#schema.schema);
        return;
      case 'set-sort-order':
        this.#sortFields = sortFields(alteration.fields, this.#schema.schema, alteration.at);
        return;
      case 'set-properties':
        this.#setProperties(alteration.properties, alteration.at);
        return;
      case 'unset-properties':
        this.#unsetProperties(alteration.keys, alteration.ifExists === true, alteration.at);
        return;
      case 'set-location':
        this.#location = alteration.location;
        return;
      case 'set-ref':
      case 'drop-ref':
        this.#changeRef(alteration);
        return;
      default:
        this.#changeSchema(alteration);
    }
  }

  change(): TableChange {
    const base = this.#base;
    const updates: TableUpdate[] = [];
    if (this.#formatVersion !== base.formatVersion)
      updates.push({ action: 'upgrade-format-version', formatVersion: this.#formatVersion });
    const { schema, lastColumnId } = this.#schema;
    if (!sameSchemas(schema, currentSchema(base))) updates.push(...schemaUpdates(base, schema, lastColumnId));
    const spec = { specId: nextSpecId(base), fields: evolvedFields(this.#spec) };
    if (!equivalentSpecs(spec, currentSpec(base))) updates.push(...specUpdates(base, spec));
    const order = { orderId: nextOrderId(base), fields: this.#sortFields };
    if (!sameSortFields(order, currentSortOrder(base))) updates.push(...sortUpdates(base, order.fields));
    if (this.#location !== base.location) updates.push({ action: 'set-location', location: this.#location });
    updates.push(...propertyUpdates(base.properties, this.#properties), ...this.#refUpdates);
    const requirements = [...requirementsOf(base, updates), ...this.#refRequirements];
    return { updates, requirements: updates.length === 0 ? [] : unique(requirements) };
  }

  #evolvingSpec(): EvolvingSpec {
    const { partitionSpecs: history, lastPartitionId } = this.#base;
    return evolvingSpec({
      formatVersion: this.#formatVersion,
      spec: currentSpec(this.#base),
      history,
      lastPartitionId,
    });
  }

  #changeSchema(change: SchemaChange): void {
    const before = this.#schema.schema;
    this.#schema = changeSchema(this.#schema, change, {
      formatVersion: this.#formatVersion,
      isEmpty: this.#base.snapshots.length === 0,
      spec: { specId: 0, fields: evolvedFields(this.#spec) },
      sortFields: this.#sortFields,
    });
    const after = this.#schema.schema;
    if (after === before) return;
    this.#properties = followSchema(this.#properties, before, after);
    // That no row has null there is known of the rows there are now.
    if ((change.kind === 'set-required' || change.kind === 'add-column') && change.required === true)
      for (const branch of branches(this.#base)) this.#requireRef(branch);
  }

  #changeRef(change: RefChange): void {
    // Refs of the same list of changes are seen by those after them.
    const current = this.#refUpdates.length === 0 ? this.#base : applyUpdates(this.#base, this.#refUpdates);
    const result = changeRef(current, change);
    if (result === undefined) return;
    this.#refUpdates.push(...result.updates);
    this.#requireRef(change.name);
  }

  /** The branch or tag must be where it is now when the change is committed. */
  #requireRef(ref: string): void {
    const snapshotId = refOf(this.#base, ref)?.snapshotId;
    this.#refRequirements.push({ type: 'assert-ref-snapshot-id', ref, snapshotId });
  }

  #setProperties(properties: Readonly<Record<string, string>>, at: TextPosition | undefined): void {
    const { [propertyNames.formatVersion]: version, ...stored } = properties;
    if (version !== undefined) this.#upgrade(version, at);
    for (const [name, value] of Object.entries(stored)) checkProperty(name, value, at);
    this.#properties = { ...this.#properties, ...stored };
  }

  #upgrade(text: string, at: TextPosition | undefined): void {
    const version = Number(text);
    if (version !== 1 && version !== 2 && version !== 3) {
      throw new ValidationError(`'format-version' has to be 1, 2 or 3, not '${text}'.`, {
        hint: 'Format version 2 is read by all engines; 3 has defaults, deletion vectors and more types.',
        position: at,
      });
    }
    if (version < this.#formatVersion) {
      throw new ValidationError(
        `The table has format version ${this.#formatVersion}: it can't go back to ${version}.`,
        { hint: 'Copy its rows into a new table (CREATE TABLE ... AS) of that version.', position: at },
      );
    }
    this.#formatVersion = version;
    this.#spec = { ...this.#spec, formatVersion: version };
  }

  #unsetProperties(keys: readonly string[], ifExists: boolean, at: TextPosition | undefined): void {
    const missing = keys.find(key => !Object.hasOwn(this.#properties, key));
    if (missing !== undefined && !ifExists) {
      const known = Object.keys(this.#properties);
      throw new ValidationError(`The table has no property '${missing}'.`, {
        hint:
          known.length === 0
            ? 'It has no properties.'
            : `It has ${known.join(', ')}. UNSET TBLPROPERTIES IF EXISTS passes over those that aren't there.`,
        position: at,
      });
    }
    this.#properties = Object.fromEntries(
      Object.entries(this.#properties).filter(([key]) => !keys.includes(key)),
    );
  }
}

/** Properties that speak of columns by name, kept in step with the schema. */
export function followSchema(
  properties: Readonly<Record<string, string>>,
  before: Schema,
  after: Schema,
): Record<string, string> {
  const { set, removed } = updateColumnProperties(properties, before, after);
  const followed = { ...properties, ...set };
  for (const name of removed) delete followed[name];
  const mapping = properties[propertyNames.defaultNameMapping];
  if (mapping === undefined) return followed;
  const fields = parseNameMapping(mapping);
  const updated = nameMappingToJson(updateNameMapping(fields, before, after));
  if (updated !== nameMappingToJson(fields)) followed[propertyNames.defaultNameMapping] = updated;
  return followed;
}

/** @throws ValidationError for properties that mirror other metadata, and for values that aren't of the right kind */
export function checkProperty(name: string, value: string, at?: TextPosition): void {
  const refuse = (message: string, hint: string) => new ValidationError(message, { hint, position: at });
  if (reservedProperties.has(name) && name !== propertyNames.formatVersion) {
    throw refuse(
      `The property '${name}' can't be set: it shows other metadata of the table.`,
      'Leave it out.',
    );
  }
  const fallback = (propertyDefaults as Readonly<Record<string, unknown>>)[name];
  if (typeof fallback === 'number' && !/^\s*-?\d+\s*$/.test(value))
    throw refuse(`'${name}' has to be a whole number, not '${value}'.`, `The default is ${fallback}.`);
  if (typeof fallback === 'boolean' && !/^\s*(true|false)\s*$/i.test(value))
    throw refuse(`'${name}' has to be true or false, not '${value}'.`, `The default is ${fallback}.`);
}

/** Updates that make a spec the default one, adding it if the table hasn't got it. */
export function specUpdates(base: TableMetadata, spec: PartitionSpec): TableUpdate[] {
  const there = base.partitionSpecs.find(other => equivalentSpecs(other, spec));
  if (there !== undefined) return [{ action: 'set-default-spec', specId: there.specId }];
  return [
    {
      action: 'add-spec',
      spec: spec.fields.length === 0 ? { ...unpartitionedSpec, specId: spec.specId } : spec,
    },
    { action: 'set-default-spec', specId: -1 },
  ];
}

/**
 * Updates that make a schema the current one, adding it if the table hasn't got it: `-1`, the last one added, means
 * nothing to a catalog that finds the schema among the table's older ones.
 */
export function schemaUpdates(base: TableMetadata, schema: Schema, lastColumnId: number): TableUpdate[] {
  const there = base.schemas.find(other => sameSchemas(other, schema));
  if (there !== undefined && lastColumnId === base.lastColumnId) {
    return [{ action: 'set-current-schema', schemaId: there.schemaId }];
  }
  return [
    { action: 'add-schema', schema: { ...schema, schemaId: nextSchemaId(base) }, lastColumnId },
    { action: 'set-current-schema', schemaId: there?.schemaId ?? -1 },
  ];
}

/** Updates that make an order the default one, adding it if the table hasn't got it. */
export function sortUpdates(base: TableMetadata, fields: readonly SortField[]): TableUpdate[] {
  const order = fields.length === 0 ? unsortedOrder : { orderId: nextOrderId(base), fields };
  const there = base.sortOrders.find(other => sameSortFields(other, order));
  if (there !== undefined) return [{ action: 'set-default-sort-order', sortOrderId: there.orderId }];
  return [
    { action: 'add-sort-order', sortOrder: order },
    { action: 'set-default-sort-order', sortOrderId: -1 },
  ];
}

function propertyUpdates(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): TableUpdate[] {
  const set = Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
  const removals = Object.keys(before).filter(key => !Object.hasOwn(after, key));
  return [
    ...(removals.length > 0 ? [{ action: 'remove-properties', removals } as const] : []),
    ...(Object.keys(set).length > 0 ? [{ action: 'set-properties', updates: set } as const] : []),
  ];
}

/**
 * What must still be so when updates are committed that were worked out on a table (as in Iceberg's Java library,
 * UpdateRequirements): ids that were given out are still free, and what was changed is still what it was.
 */
export function requirementsOf(base: TableMetadata, updates: readonly TableUpdate[]): TableRequirement[] {
  const requirements: TableRequirement[] = [{ type: 'assert-table-uuid', uuid: base.tableUuid }];
  for (const { action } of updates) {
    if (action === 'add-schema')
      requirements.push({
        type: 'assert-last-assigned-field-id',
        lastAssignedFieldId: base.lastColumnId,
      });
    // Specs and orders are made of columns: they were checked against this schema.
    if (['set-current-schema', 'set-default-spec', 'set-default-sort-order'].includes(action))
      requirements.push({ type: 'assert-current-schema-id', currentSchemaId: base.currentSchemaId });
    if (action === 'add-spec')
      requirements.push({
        type: 'assert-last-assigned-partition-id',
        lastAssignedPartitionId: base.lastPartitionId,
      });
    // A column may be dropped only if nothing is partitioned or sorted by it.
    if (action === 'set-default-spec' || action === 'set-current-schema')
      requirements.push({ type: 'assert-default-spec-id', defaultSpecId: base.defaultSpecId });
    if (action === 'set-default-sort-order' || action === 'set-current-schema')
      requirements.push({
        type: 'assert-default-sort-order-id',
        defaultSortOrderId: base.defaultSortOrderId,
      });
  }
  return unique(requirements);
}

/** All branches; the main one also when it has no snapshot yet. */
export function branches(metadata: TableMetadata): string[] {
  const named = Object.entries(metadata.refs).filter(([, ref]) => ref.type === 'branch');
  return [...new Set([mainBranch, ...named.map(([name]) => name)])];
}

function unique(requirements: readonly TableRequirement[]): TableRequirement[] {
  const byText = new Map(requirements.map(requirement => [stringifyJson(requirement), requirement]));
  return [...byText.values()];
}

/** Equal in everything but the id: also in docs, defaults and identifier fields. */
function sameSchemas(a: Schema, b: Schema): boolean {
  const text = (schema: Schema) => stringifyJson(schemaToJson({ ...schema, schemaId: 0 }));
  return text(a) === text(b);
}

function nextSchemaId(base: TableMetadata): number {
  return Math.max(...base.schemas.map(schema => schema.schemaId)) + 1;
}

function nextSpecId(base: TableMetadata): number {
  return Math.max(...base.partitionSpecs.map(spec => spec.specId)) + 1;
}

function nextOrderId(base: TableMetadata): number {
  return Math.max(unsortedOrder.orderId, ...base.sortOrders.map(order => order.orderId)) + 1;
}
