import { isDeepStrictEqual } from 'node:util';
import type { TableMetadata } from '../../iceberg/metadata.ts';
import { equivalentSpecs, type PartitionSpec } from '../../iceberg/partition.ts';
import { type Schema, schemaToJson } from '../../iceberg/schema.ts';
import { type SortOrder, sameSortFields } from '../../iceberg/sort.ts';
import type { TableUpdate } from '../../iceberg/updates.ts';

/**
 * Whether a commit of which the answer was lost took effect, by what the table is now. A commit is all or nothing, so a
 * snapshot that only this commit can have made tells it; without one, every single update must show.
 */
export function reflects(metadata: TableMetadata, updates: readonly TableUpdate[]): boolean {
  const added = updates.flatMap(update => (update.action === 'add-snapshot' ? [update.snapshot] : []));
  if (added.length > 0) {
    const ids = new Set(metadata.snapshots.map(({ snapshotId }) => snapshotId));
    return added.every(({ snapshotId }) => ids.has(snapshotId));
  }
  return updates.every((update, index) => shows(metadata, update, updates.slice(0, index)));
}

function shows(metadata: TableMetadata, update: TableUpdate, before: readonly TableUpdate[]): boolean {
  switch (update.action) {
    case 'assign-uuid':
      return metadata.tableUuid.toLowerCase() === update.uuid.toLowerCase();
    case 'upgrade-format-version':
      return metadata.formatVersion >= update.formatVersion;
    case 'add-schema':
      return metadata.schemas.some(schema => sameSchema(schema, update.schema));
    case 'set-current-schema': {
      const id = metadata.currentSchemaId;
      if (update.schemaId !== -1) return id === update.schemaId;
      const last = before.findLast(each => each.action === 'add-schema');
      const current = metadata.schemas.find(({ schemaId }) => schemaId === id);
      return last !== undefined && current !== undefined && sameSchema(current, last.schema);
    }
    case 'add-spec':
      return metadata.partitionSpecs.some(spec => equivalentSpecs(spec, update.spec));
    case 'set-default-spec': {
      const id = metadata.defaultSpecId;
      if (update.specId !== -1) return id === update.specId;
      const last = before.findLast(each => each.action === 'add-spec');
      return sameById(metadata.partitionSpecs, id, last?.spec);
    }
    case 'add-sort-order':
      return metadata.sortOrders.some(order => sameSortFields(order, update.sortOrder));
    case 'set-default-sort-order': {
      const id = metadata.defaultSortOrderId;
      if (update.sortOrderId !== -1) return id === update.sortOrderId;
      const last = before.findLast(each => each.action === 'add-sort-order');
      return orderById(metadata.sortOrders, id, last?.sortOrder);
    }
    case 'add-snapshot':
      return metadata.snapshots.some(({ snapshotId }) => snapshotId === update.snapshot.snapshotId);
    case 'remove-snapshots':
      return !metadata.snapshots.some(({ snapshotId }) => update.snapshotIds.includes(snapshotId));
    case 'set-snapshot-ref':
      return isDeepStrictEqual(ownOf(metadata.refs, update.refName), update.ref);
    case 'remove-snapshot-ref':
      return !Object.hasOwn(metadata.refs, update.refName);
    case 'set-location':
      return metadata.location === update.location;
    case 'set-properties':
      return Object.entries(update.updates).every(
        ([key, value]) => ownOf(metadata.properties, key) === value,
      );
    case 'remove-properties':
      return update.removals.every(key => !Object.hasOwn(metadata.properties, key));
    case 'set-statistics':
      return hasStatistics(metadata.statistics, update.statistics);
    case 'set-partition-statistics':
      return hasStatistics(metadata.partitionStatistics, update.statistics);
    case 'remove-statistics':
      return !metadata.statistics.some(entry => sameId(entry['snapshot-id'], update.snapshotId));
    case 'remove-partition-statistics':
      return !metadata.partitionStatistics.some(entry => sameId(entry['snapshot-id'], update.snapshotId));
    case 'remove-partition-specs':
      return !metadata.partitionSpecs.some(({ specId }) => update.specIds.includes(specId));
    case 'remove-schemas':
      return !metadata.schemas.some(({ schemaId }) => update.schemaIds.includes(schemaId));
  }
}

function ownOf<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** The same columns, whatever id the catalog gave the schema. */
function sameSchema(a: Schema, b: Schema): boolean {
  const plain = (schema: Schema) => JSON.stringify(schemaToJson({ ...schema, schemaId: 0 }));
  return plain(a) === plain(b);
}

function sameById(specs: readonly PartitionSpec[], id: number, spec: PartitionSpec | undefined): boolean {
  const current = specs.find(({ specId }) => specId === id);
  return spec !== undefined && current !== undefined && equivalentSpecs(current, spec);
}

function orderById(orders: readonly SortOrder[], id: number, order: SortOrder | undefined): boolean {
  const current = orders.find(({ orderId }) => orderId === id);
  return order !== undefined && current !== undefined && sameSortFields(current, order);
}

function hasStatistics(
  all: readonly Readonly<Record<string, unknown>>[],
  statistics: Readonly<Record<string, unknown>>,
): boolean {
  return all.some(
    entry =>
      sameId(entry['snapshot-id'], statistics['snapshot-id']) &&
      entry['statistics-path'] === statistics['statistics-path'],
  );
}

/** Small ids are numbers in JSON, large ones bigints. */
function sameId(a: unknown, b: unknown): boolean {
  return String(a) === String(b);
}
