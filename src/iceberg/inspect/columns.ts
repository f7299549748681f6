import { knownPartitionTypes } from '../manifest.ts';
import { currentSchema, type TableMetadata } from '../metadata.ts';
import { fieldPath, leafFields } from '../schema.ts';
import type { NestedField, Type, Value } from '../types.ts';

/** A column of a metadata table; `type` is DuckDB's name of the type. */
export interface InspectColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * A metadata table as plain rows. Values by type: BIGINT, TIMESTAMP (µs), TIME (µs) and DECIMAL (unscaled) are
 * bigint, INTEGER and DATE (days) number, BLOB Uint8Array, UUID and VARCHAR string, STRUCT a plain object, MAP a
 * Map, a list an array; null where there is nothing.
 */
export interface InspectResult {
  readonly columns: readonly InspectColumn[];
  readonly rows: readonly (readonly unknown[])[];
}

/** DuckDB's type for an Iceberg type, as far as partition values and bounds can have it. */
export function sqlType(type: Type): string {
  switch (type.kind) {
    case 'boolean':
      return 'BOOLEAN';
    case 'int':
      return 'INTEGER';
    case 'long':
      return 'BIGINT';
    case 'float':
      return 'FLOAT';
    case 'double':
      return 'DOUBLE';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'date':
      return 'DATE';
    case 'time':
      return 'TIME';
    case 'timestamp':
      return 'TIMESTAMP';
    case 'timestamptz':
      return 'TIMESTAMP WITH TIME ZONE';
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return 'TIMESTAMP_NS';
    case 'uuid':
      return 'UUID';
    case 'fixed':
    case 'binary':
    case 'geometry':
    case 'geography':
      return 'BLOB';
    default:
      return 'VARCHAR';
  }
}

/** `STRUCT("a" INTEGER, ...)`. */
export function structType(fields: readonly InspectColumn[]): string {
  return `STRUCT(${fields.map(field => `"${field.name.replaceAll('"', '""')}" ${field.type}`).join(', ')})`;
}

/** Microseconds since the epoch, the value of TIMESTAMP WITH TIME ZONE. */
export function micros(timestampMs: number): bigint {
  return BigInt(timestampMs) * 1000n;
}

export function toBigint(value: number | bigint | undefined): bigint | null {
  return value === undefined ? null : BigInt(value);
}

/** The partition values of files of all of a table's specs as one struct, fields told apart by field id. */
export class PartitionColumn {
  readonly fields: readonly (InspectColumn & { readonly fieldId: number })[];
  /** For each spec, where its fields are in `fields`. */
  readonly #positions = new Map<number, number[]>();

  constructor(metadata: TableMetadata) {
    const found = new Map<number, { name: string; type: Type | undefined; void: boolean }>();
    // The newest spec's names count; a field that v1 made void later keeps its old type.
    for (const spec of [...metadata.partitionSpecs].sort((a, b) => b.specId - a.specId)) {
      const types = knownPartitionTypes(spec, metadata);
      for (const [i, field] of spec.fields.entries()) {
        const other = found.get(field.fieldId);
        const isVoid = field.transform.kind === 'void';
        if (other === undefined) found.set(field.fieldId, { name: field.name, type: types[i], void: isVoid });
        else if (other.void && !isVoid) found.set(field.fieldId, { ...other, type: types[i], void: false });
      }
    }
    const names = new Set<string>();
    this.fields = [...found]
      .sort(([a], [b]) => a - b)
      .map(([fieldId, { name, type }]) => {
        // DuckDB's struct fields must differ, also in more than upper and lower case.
        const unique = names.has(name.toLowerCase()) ? `${name}_${fieldId}` : name;
        names.add(unique.toLowerCase());
        return { fieldId, name: unique, type: sqlType(type ?? { kind: 'string' }) };
      });
    for (const spec of metadata.partitionSpecs) {
      const positions = spec.fields.map(field => this.fields.findIndex(f => f.fieldId === field.fieldId));
      this.#positions.set(spec.specId, positions);
    }
  }

  get isEmpty(): boolean {
    return this.fields.length === 0;
  }

  get type(): string {
    return structType(this.fields);
  }

  value(specId: number, partition: readonly (Value | null)[]): Record<string, Value | null> {
    const struct: Record<string, Value | null> = {};
    for (const field of this.fields) struct[field.name] = null;
    for (const [i, position] of (this.#positions.get(specId) ?? []).entries()) {
      struct[this.fields[position]!.name] = partition[i] ?? null;
    }
    return struct;
  }
}

/** The columns that `readable_metrics` has a struct for: the leaf columns of the current schema. */
export function metricFields(
  metadata: TableMetadata,
): { readonly field: NestedField; readonly path: string }[] {
  const schema = currentSchema(metadata);
  return leafFields(schema).map(field => ({ field, path: fieldPath(schema, field.id)! }));
}
