import type { TableMetadata } from '../../src/iceberg/metadata.ts';
import { applyUpdates, checkRequirements } from '../../src/iceberg/metadata-builder.ts';
import { newTableMetadata } from '../../src/iceberg/metadata-json.ts';
import { parseTypeString, type Schema } from '../../src/iceberg/schema.ts';
import { newSpec, type PartitionTerm } from '../../src/iceberg/spec-update.ts';
import { alterTableMetadata, type TableAlteration } from '../../src/iceberg/table-update.ts';
import type { NestedField, StructType } from '../../src/iceberg/types.ts';

/** A schema from the text of a struct: `id: long not null, name: string`. */
export function schemaFrom(fields: string): Schema {
  const struct = parseTypeString(`struct<${fields}>`) as StructType;
  return { schemaId: 0, fields: struct.fields, identifierFieldIds: [] };
}

export function tableFrom(
  fields: string,
  options: {
    readonly formatVersion?: number;
    readonly partitionedBy?: readonly PartitionTerm[];
    readonly properties?: Readonly<Record<string, string>>;
  } = {},
): TableMetadata {
  const { formatVersion, partitionedBy = [], properties } = options;
  const schema = schemaFrom(fields);
  return newTableMetadata({
    schema,
    spec: newSpec(partitionedBy, schema),
    properties,
    formatVersion,
    location: 'file:///lake/t',
  });
}

/** The table after it was altered, as a catalog makes it. */
export function altered(table: TableMetadata, ...alterations: TableAlteration[]): TableMetadata {
  const { updates, requirements } = alterTableMetadata(table, alterations);
  checkRequirements(table, requirements);
  return applyUpdates(table, updates);
}

/** A table with snapshots 1, 2, ... on its main branch, of the given times. */
export function withSnapshots(table: TableMetadata, times: readonly number[]): TableMetadata {
  return times.reduce((current, timestampMs, index) => {
    const snapshotId = BigInt(index + 1);
    const parent = current.currentSnapshotId;
    return applyUpdates(
      current,
      [
        {
          action: 'add-snapshot',
          snapshot: {
            snapshotId,
            ...(parent === undefined ? {} : { parentSnapshotId: parent }),
            sequenceNumber: table.formatVersion === 1 ? 0 : current.lastSequenceNumber + 1,
            timestampMs,
            manifestList: `file:///lake/t/metadata/${snapshotId}.avro`,
            operation: 'append',
            summary: {},
            schemaId: current.currentSchemaId,
            ...(table.formatVersion === 3 ? { firstRowId: current.nextRowId ?? 0, addedRows: 0 } : {}),
          },
        },
        { action: 'set-snapshot-ref', refName: 'main', ref: { type: 'branch', snapshotId } },
      ],
      { nowMs: timestampMs },
    );
  }, table);
}

/** `id: long (1) not null, address: struct (2) <...>` with ids, for comparing whole schemas. */
export function show(fields: readonly NestedField[]): string {
  return fields
    .map(field => `${field.name} ${field.id}${field.required ? '!' : ''} ${typeOf(field)}`)
    .join(', ');
}

function typeOf({ type }: NestedField): string {
  switch (type.kind) {
    case 'struct':
      return `{${show(type.fields)}}`;
    case 'list':
      return `[${type.elementId}${type.elementRequired ? '!' : ''} ${typeOf({ type: type.element } as NestedField)}]`;
    case 'map':
      return `<${type.keyId} ${typeOf({ type: type.key } as NestedField)}, ${type.valueId} ${typeOf({ type: type.value } as NestedField)}>`;
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    default:
      return type.kind;
  }
}
