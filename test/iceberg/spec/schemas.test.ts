import { describe, expect, test } from 'vitest';
import { ValidationError } from '../../../src/iceberg/errors.ts';
import { parseSchema, parseType } from '../../../src/iceberg/schema.ts';
import { checkSchema } from '../../../src/iceberg/table-checks.ts';
import { valueFromJson, valueToJson } from '../../../src/iceberg/value.ts';

/* Requirements of the table specification on schemas that no other test shows; see docs/spec-coverage.md. */

const schema = (field: object) =>
  parseSchema({
    type: 'struct',
    'schema-id': 0,
    fields: [{ id: 1, name: 'a', required: false, type: 'int', ...field }],
  });

describe('types', () => {
  test('a decimal has at most 38 digits', () => {
    expect(parseType('decimal(38,38)', 'a')).toEqual({ kind: 'decimal', precision: 38, scale: 38 });
    for (const text of ['decimal(39,0)', 'decimal(0,0)', 'decimal(5,6)']) {
      expect(() => parseType(text, 'a')).toThrow(ValidationError);
    }
  });

  test('coordinate systems are kept as they are written, and not looked into', () => {
    for (const text of ['geometry(srid:4326)', 'geography(projjson:{"type": "x"}, spherical)']) {
      const type = parseType(text, 'a') as { kind: string; parameters: string };
      expect(`${type.kind}(${type.parameters})`).toBe(text);
    }
  });
});

describe('ids', () => {
  test('those above 2147483447 belong to the format', () => {
    expect(() => checkSchema(schema({ id: 2147483447 }), 2)).not.toThrow();
    expect(() => checkSchema(schema({ id: 2147483448 }), 2)).toThrow(/keeps for itself/);
  });
});

describe('defaults', () => {
  test.each(['unknown', 'variant', 'geometry', 'geography'])('of type %s can only be null', type => {
    expect(() => checkSchema(schema({ type, 'initial-default': null }), 3)).not.toThrow();
    expect(() => checkSchema(schema({ type, 'initial-default': 'x' }), 3)).toThrow(
      /default can only be null/,
    );
    expect(() => checkSchema(schema({ type, 'write-default': 'x' }), 3)).toThrow(/default can only be null/);
  });

  test('timestamps with zone are written in UTC and others without a zone, and neither is read the other way', () => {
    const zoned = { kind: 'timestamptz' } as const;
    const plain = { kind: 'timestamp' } as const;
    const nanos = { kind: 'timestamptz_ns' } as const;
    expect(valueToJson(zoned, 1_000_001n)).toBe('1970-01-01T00:00:01.000001+00:00');
    expect(valueToJson(plain, 1_000_001n)).toBe('1970-01-01T00:00:01.000001');
    expect(valueToJson(nanos, 1n)).toBe('1970-01-01T00:00:00.000000001+00:00');
    expect(valueFromJson(zoned, '1970-01-01T00:00:01.000001+00:00')).toBe(1_000_001n);
    expect(() => valueFromJson(plain, '1970-01-01T00:00:01+00:00')).toThrow(ValidationError);
  });
});
