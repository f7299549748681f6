import { specToJson } from '../../iceberg/partition.ts';
import { schemaToJson } from '../../iceberg/schema.ts';
import { refToJson, snapshotToJson } from '../../iceberg/snapshot-json.ts';
import { sortOrderToJson } from '../../iceberg/sort.ts';
import type { TableRequirement, TableUpdate } from '../../iceberg/updates.ts';

type Json = Record<string, unknown>;

/** A table update as the REST catalog specification writes it (`TableUpdate`). */
export function updateToJson(update: TableUpdate): Json {
  const { action } = update;
  switch (update.action) {
    case 'assign-uuid':
      return { action, uuid: update.uuid };
    case 'upgrade-format-version':
      return { action, 'format-version': update.formatVersion };
    case 'add-schema':
      return { action, schema: schemaToJson(update.schema), 'last-column-id': update.lastColumnId };
    case 'set-current-schema':
      return { action, 'schema-id': update.schemaId };
    case 'add-spec':
      return { action, spec: specToJson(update.spec) };
    case 'set-default-spec':
      return { action, 'spec-id': update.specId };
    case 'add-sort-order':
      return { action, 'sort-order': sortOrderToJson(update.sortOrder) };
    case 'set-default-sort-order':
      return { action, 'sort-order-id': update.sortOrderId };
    case 'add-snapshot': {
      // Version 1 has no sequence numbers: they are all 0 there.
      const { snapshot } = update;
      return { action, snapshot: snapshotToJson(snapshot, snapshot.sequenceNumber === 0 ? 1 : 2) };
    }
    case 'remove-snapshots':
      return { action, 'snapshot-ids': update.snapshotIds };
    case 'set-snapshot-ref':
      return { action, 'ref-name': update.refName, ...refToJson(update.ref) };
    case 'remove-snapshot-ref':
      return { action, 'ref-name': update.refName };
    case 'set-location':
      return { action, location: update.location };
    case 'set-properties':
      return { action, updates: update.updates };
    case 'remove-properties':
      return { action, removals: update.removals };
    case 'set-statistics':
      // Older servers need the id beside the statistics too.
      return { action, 'snapshot-id': update.statistics['snapshot-id'], statistics: update.statistics };
    case 'remove-statistics':
    case 'remove-partition-statistics':
      return { action, 'snapshot-id': update.snapshotId };
    case 'set-partition-statistics':
      return { action, 'partition-statistics': update.statistics };
    case 'remove-partition-specs':
      return { action, 'spec-ids': update.specIds };
    case 'remove-schemas':
      return { action, 'schema-ids': update.schemaIds };
  }
}

/** A requirement as the REST catalog specification writes it (`TableRequirement`). */
export function requirementToJson(requirement: TableRequirement): Json {
  const { type } = requirement;
  switch (requirement.type) {
    case 'assert-create':
      return { type };
    case 'assert-table-uuid':
      return { type, uuid: requirement.uuid };
    case 'assert-ref-snapshot-id':
      // null, not left out: the ref must not be there.
      return { type, ref: requirement.ref, 'snapshot-id': requirement.snapshotId ?? null };
    case 'assert-last-assigned-field-id':
      return { type, 'last-assigned-field-id': requirement.lastAssignedFieldId };
    case 'assert-current-schema-id':
      return { type, 'current-schema-id': requirement.currentSchemaId };
    case 'assert-last-assigned-partition-id':
      return { type, 'last-assigned-partition-id': requirement.lastAssignedPartitionId };
    case 'assert-default-spec-id':
      return { type, 'default-spec-id': requirement.defaultSpecId };
    case 'assert-default-sort-order-id':
      return { type, 'default-sort-order-id': requirement.defaultSortOrderId };
  }
}
