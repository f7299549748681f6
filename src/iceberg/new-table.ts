import { randomUUID } from 'node:crypto';
import { ValidationError } from './errors.ts';
import type { TableMetadata } from './metadata.ts';
import { type PartitionSpec, partitionIdStart, unpartitionedSpec } from './partition.ts';
import { integerProperty, propertyNames } from './properties.ts';
import { assignFreshIds, type Schema } from './schema.ts';
import { type SortOrder, unsortedOrder } from './sort.ts';
import { asFormatVersion, checkProperties, checkSchema, checkSortOrder, checkSpec } from './table-checks.ts';

/** The format version of a table for which nobody chose one. */
const defaultFormatVersion = 2;

export interface NewTable {
  /** Field ids may be provisional, but must differ. */
  readonly schema: Schema;
  /** Source ids are those of `schema`. Absent: unpartitioned. */
  readonly spec?: PartitionSpec;
  readonly sortOrder?: SortOrder;
  /** `format-version` sets the format version, and isn't stored. */
  readonly properties?: Readonly<Record<string, string>>;
  /** The table's folder. */
  readonly location: string;
  /** 1, 2 or 3; absent: that of the property `format-version`, else 2. */
  readonly formatVersion?: number;
}

/**
 * Metadata of a table without snapshots. All ids are given out anew as other Iceberg libraries do: columns from
 * 1, partition fields from 1000; spec, sort order and identifier fields follow the columns.
 * @throws ValidationError when schema, spec, order or properties aren't valid
 * @throws UnsupportedError for a newer format version
 */
export function newTableMetadata(table: NewTable): TableMetadata {
  const given = table.properties ?? {};
  const { [propertyNames.formatVersion]: _, ...properties } = given;
  checkProperties(properties);
  const formatVersion = asFormatVersion(
    table.formatVersion ?? integerProperty(given, propertyNames.formatVersion, defaultFormatVersion),
  );
  const { schema, lastColumnId, idMap } = assignFreshIds({ ...table.schema, schemaId: 0 });
  checkSchema(schema, formatVersion);
  const spec = freshSpec(table.spec ?? unpartitionedSpec, idMap);
  checkSpec(spec, schema, formatVersion);
  const order = freshSortOrder(table.sortOrder ?? unsortedOrder, idMap);
  checkSortOrder(order, schema);
  return {
    formatVersion,
    tableUuid: randomUUID(),
    location: table.location,
    lastSequenceNumber: 0,
    lastUpdatedMs: Date.now(),
    lastColumnId,
    schemas: [schema],
    currentSchemaId: schema.schemaId,
    partitionSpecs: [spec],
    defaultSpecId: spec.specId,
    lastPartitionId: partitionIdStart + spec.fields.length,
    sortOrders: [order],
    defaultSortOrderId: order.orderId,
    properties,
    snapshots: [],
    snapshotLog: [],
    metadataLog: [],
    refs: {},
    statistics: [],
    partitionStatistics: [],
    ...(formatVersion === 3 && { nextRowId: 0 }),
  };
}

type IdMap = ReadonlyMap<number, number>;

function freshSpec(spec: PartitionSpec, idMap: IdMap): PartitionSpec {
  return {
    specId: 0,
    fields: spec.fields.map((field, index) => ({
      ...freshSources(field, idMap, `The partition field "${field.name}"`),
      fieldId: partitionIdStart + 1 + index,
    })),
  };
}

/** Order 0 is reserved for the unsorted one. */
function freshSortOrder(order: SortOrder, idMap: IdMap): SortOrder {
  if (order.fields.length === 0) return unsortedOrder;
  return {
    orderId: 1,
    fields: order.fields.map(field => freshSources(field, idMap, 'A field of the sort order')),
  };
}

function freshSources<T extends { readonly sourceId: number; readonly sourceIds?: readonly number[] }>(
  field: T,
  idMap: IdMap,
  what: string,
): T {
  const fresh = (id: number): number => {
    const newId = idMap.get(id);
    if (newId !== undefined) return newId;
    throw new ValidationError(`${what} is made of the column with id ${id}, which isn't in the schema.`);
  };
  const { sourceId, sourceIds } = field;
  return { ...field, sourceId: fresh(sourceId), ...(sourceIds && { sourceIds: sourceIds.map(fresh) }) };
}
