import { ValidationError } from './errors.ts';
import { stringifyJson } from './json.ts';
import { currentSchema, currentSortOrder, currentSpec, type TableMetadata } from './metadata.ts';
import {
  equivalentSpecs,
  type PartitionField,
  type PartitionSpec,
  partitionIdStart,
  samePartitionSource,
} from './partition.ts';
import { highestFieldId, type Schema, schemaToJson } from './schema.ts';
import { type SortOrder, sameSortFields, unsortedOrder } from './sort.ts';
import { checkSchema, checkSortOrder, checkSpec, checkSpecSources } from './table-checks.ts';

/** The id that means "the one added last in the same list of updates". */
const lastAdded = -1;

type Draft = { -readonly [K in keyof TableMetadata]: TableMetadata[K] };

/** Changes the schemas, partition specs and sort orders of a draft of table metadata. */
export class DefinitionsBuilder {
  readonly #draft: Draft;
  #lastSchemaId: number | undefined;
  #lastSpecId: number | undefined;
  #lastOrderId: number | undefined;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  addSchema(schema: Schema, lastColumnId: number): void {
    const draft = this.#draft;
    if (lastColumnId < draft.lastColumnId) {
      throw new ValidationError(
        `The last column id can't go back from ${draft.lastColumnId} to ${lastColumnId}: ids are never used again.`,
      );
    }
    const same = draft.schemas.find(other => sameSchema(other, schema));
    if (same === undefined) {
      checkSchema(schema, draft.formatVersion);
      const schemaId = nextId(draft.schemas.map(other => other.schemaId));
      draft.schemas = [...draft.schemas, { ...schema, schemaId }];
      this.#lastSchemaId = schemaId;
    } else {
      this.#lastSchemaId = same.schemaId;
    }
    draft.lastColumnId = Math.max(lastColumnId, highestFieldId(schema));
  }

  setCurrentSchema(schemaId: number): void {
    const there = this.#draft.schemas.map(schema => schema.schemaId);
    this.#draft.currentSchemaId = choose('schema', schemaId, this.#lastSchemaId, there);
  }

  /** Fields without an id (below 1000) get that of an equal field of another spec, else a new one. */
  addSpec(spec: PartitionSpec): void {
    const draft = this.#draft;
    const same = draft.partitionSpecs.find(other => equivalentSpecs(other, spec));
    if (same !== undefined) {
      this.#lastSpecId = same.specId;
      return;
    }
    const known = draft.partitionSpecs.flatMap(other => other.fields);
    let { lastPartitionId } = draft;
    const fields = spec.fields.map((field): PartitionField => {
      if (field.fieldId > partitionIdStart) return field;
      const equal =
        draft.formatVersion > 1 ? known.find(other => samePartitionSource(other, field)) : undefined;
      return { ...field, fieldId: equal?.fieldId ?? ++lastPartitionId };
    });
    const specId = nextId(draft.partitionSpecs.map(other => other.specId));
    const added = { specId, fields };
    checkSpec(added, currentSchema(draft), draft.formatVersion, field => isKnown(field, known));
    draft.partitionSpecs = [...draft.partitionSpecs, added];
    draft.lastPartitionId = Math.max(lastPartitionId, ...fields.map(field => field.fieldId));
    this.#lastSpecId = specId;
  }

  setDefaultSpec(specId: number): void {
    const there = this.#draft.partitionSpecs.map(spec => spec.specId);
    this.#draft.defaultSpecId = choose('partition spec', specId, this.#lastSpecId, there);
  }

  addSortOrder(order: SortOrder): void {
    const draft = this.#draft;
    const same = draft.sortOrders.find(other => sameSortFields(other, order));
    if (same !== undefined) {
      this.#lastOrderId = same.orderId;
      return;
    }
    checkSortOrder(order, currentSchema(draft));
    // Order 0 is reserved for the unsorted one.
    const orderId = nextId([unsortedOrder.orderId, ...draft.sortOrders.map(other => other.orderId)]);
    const added = order.fields.length === 0 ? unsortedOrder : { ...order, orderId };
    draft.sortOrders = [...draft.sortOrders, added];
    this.#lastOrderId = added.orderId;
  }

  setDefaultSortOrder(orderId: number): void {
    const there = this.#draft.sortOrders.map(order => order.orderId);
    this.#draft.defaultSortOrderId = choose('sort order', orderId, this.#lastOrderId, there);
  }

  removeSpecs(specIds: readonly number[]): void {
    const draft = this.#draft;
    if (specIds.includes(draft.defaultSpecId)) {
      throw new ValidationError(
        `The partition spec ${draft.defaultSpecId} is the default one, and can't be removed.`,
      );
    }
    draft.partitionSpecs = draft.partitionSpecs.filter(spec => !specIds.includes(spec.specId));
  }

  removeSchemas(schemaIds: readonly number[]): void {
    const draft = this.#draft;
    if (schemaIds.includes(draft.currentSchemaId)) {
      throw new ValidationError(
        `The schema ${draft.currentSchemaId} is the current one, and can't be removed.`,
      );
    }
    draft.schemas = draft.schemas.filter(schema => !schemaIds.includes(schema.schemaId));
  }

  /** Whether the default spec and order go with the current schema, where one of them isn't `base`'s. */
  check(base: TableMetadata): void {
    const draft = this.#draft;
    const schemaChanged = draft.currentSchemaId !== base.currentSchemaId;
    const known = base.partitionSpecs.flatMap(spec => spec.fields);
    if (schemaChanged || draft.defaultSpecId !== base.defaultSpecId) {
      checkSpecSources(currentSpec(draft), currentSchema(draft), field => isKnown(field, known));
    }
    if (schemaChanged || draft.defaultSortOrderId !== base.defaultSortOrderId) {
      const order = currentSortOrder(draft);
      checkSortOrder(
        order,
        currentSchema(draft),
        base.sortOrders.some(other => other.orderId === order.orderId),
      );
    }
  }
}

/** One more than the highest. */
function nextId(ids: readonly number[]): number {
  return Math.max(-1, ...ids) + 1;
}

function choose(what: string, id: number, last: number | undefined, there: readonly number[]): number {
  if (id === lastAdded) {
    if (last !== undefined) return last;
    throw new ValidationError(`There is no ${what} that was added last: none was added.`);
  }
  if (there.includes(id)) return id;
  throw new ValidationError(`The table has no ${what} ${id}: it has ${there.join(', ')}.`);
}

/** Equal in all but the id: also docs and defaults. */
function sameSchema(a: Schema, b: Schema): boolean {
  const text = (schema: Schema) =>
    stringifyJson(
      schemaToJson({
        schemaId: 0,
        fields: schema.fields,
        identifierFieldIds: schema.identifierFieldIds.toSorted((x, y) => x - y),
      }),
    );
  return text(a) === text(b);
}

function isKnown(field: PartitionField, known: readonly PartitionField[]): boolean {
  return known.some(other => other.fieldId === field.fieldId && samePartitionSource(other, field));
}
