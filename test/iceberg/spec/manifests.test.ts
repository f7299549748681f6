import { describe, expect, test } from 'vitest';
import { ValidationError } from '../../../src/iceberg/errors.ts';
import { encodeManifest } from '../../../src/iceberg/manifest.ts';
import {
  type FormatVersion,
  manifestEntryCodec,
  manifestFileCodec,
} from '../../../src/iceberg/manifest-schema.ts';
import type { PartitionSpec } from '../../../src/iceberg/partition.ts';

/* Requirements of the table specification on manifests (Appendix A, Avro; Appendix E); see docs/spec-coverage.md. */

const versions = [1, 2, 3] as const;
const spec: PartitionSpec = {
  specId: 0,
  fields: [{ sourceId: 1, fieldId: 1000, name: 'p', transform: { kind: 'identity' } }],
};
const schemas = (version: FormatVersion) => [
  manifestFileCodec(version).schema,
  manifestEntryCodec(version, spec, [{ kind: 'long' }]).schema,
];

interface AvroField {
  readonly name: string;
  readonly type: unknown;
  readonly default?: unknown;
  readonly 'field-id'?: number;
}

/** Every record field, list and map of an Avro schema. */
function visit(
  node: unknown,
  on: {
    field?: (field: AvroField) => void;
    array?: (array: Record<string, unknown>) => void;
    union?: (union: unknown[]) => void;
  },
): void {
  if (Array.isArray(node)) {
    on.union?.(node);
    for (const branch of node) visit(branch, on);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const { type, fields, items } = node as { type?: unknown; fields?: AvroField[]; items?: unknown };
  if (type === 'array') on.array?.(node as Record<string, unknown>);
  if (items !== undefined) visit(items, on);
  for (const field of fields ?? []) {
    on.field?.(field);
    visit(field.type, on);
  }
  if (typeof type === 'object') visit(type, on);
}

describe.each(versions)('Avro schemas of version %i', version => {
  test('optional fields are unions with null alone, whose default is null', () => {
    for (const schema of schemas(version)) {
      visit(schema, {
        union: union => expect(union).toHaveLength(2),
        field: field => {
          if (!Array.isArray(field.type)) return;
          expect({ name: field.name, first: field.type[0], default: field.default }).toEqual({
            name: field.name,
            first: 'null',
            default: null,
          });
        },
      });
    }
  });

  test('every field, element, key and value has its id', () => {
    for (const schema of schemas(version)) {
      visit(schema, {
        field: field => expect([field.name, typeof field['field-id']]).toEqual([field.name, 'number']),
        array: array => {
          if (array.logicalType !== 'map') expect(typeof array['element-id']).toBe('number');
        },
      });
    }
  });

  test('maps from field ids are arrays of records of a key and a value, with the logical type map', () => {
    const maps: string[][] = [];
    visit(schemas(version)[1], {
      array: array => {
        if (array.logicalType !== 'map') return;
        maps.push((array.items as { fields: AvroField[] }).fields.map(field => field.name));
      },
    });
    expect(maps.length).toBeGreaterThanOrEqual(6);
    for (const names of maps) expect(names).toEqual(['key', 'value']);
  });
});

test('version 1 has no delete manifests, and says nothing of content or sequence numbers', () => {
  const request = {
    spec: { specId: 0, fields: [] },
    schema: { schemaId: 0, fields: [], identifierFieldIds: [] },
    entries: [],
    snapshotId: 1n,
  };
  expect(() => encodeManifest('m', { ...request, formatVersion: 1, content: 1 })).toThrow(ValidationError);
  const names: string[] = [];
  for (const schema of schemas(1)) visit(schema, { field: field => names.push(field.name) });
  for (const name of [
    'content',
    'sequence_number',
    'min_sequence_number',
    'file_sequence_number',
    'first_row_id',
  ]) {
    expect(names).not.toContain(name);
  }
});
