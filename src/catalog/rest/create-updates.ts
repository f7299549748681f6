import { currentSchema, currentSortOrder, currentSpec, type TableMetadata } from '../../iceberg/metadata.ts';
import type { TableUpdate } from '../../iceberg/updates.ts';

/** The updates that make an empty table what staged metadata says it is, as the commit of a create transaction. */
export function creationOf(staged: TableMetadata): TableUpdate[] {
  const { tableUuid: uuid, formatVersion, lastColumnId, location, properties } = staged;
  return [
    { action: 'assign-uuid', uuid },
    { action: 'upgrade-format-version', formatVersion },
    { action: 'add-schema', schema: currentSchema(staged), lastColumnId },
    { action: 'set-current-schema', schemaId: -1 },
    { action: 'add-spec', spec: currentSpec(staged) },
    { action: 'set-default-spec', specId: -1 },
    { action: 'add-sort-order', sortOrder: currentSortOrder(staged) },
    { action: 'set-default-sort-order', sortOrderId: -1 },
    { action: 'set-location', location },
    ...(Object.keys(properties).length === 0
      ? []
      : [{ action: 'set-properties', updates: properties } as const]),
  ];
}
