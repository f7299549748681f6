import { describe, expect, test } from 'vitest';
import {
  counter,
  definedType,
  duckDbType,
  icebergType,
  resolveSqlType,
  schemaOfColumns,
} from '../../src/engine/types.ts';
import { typeToString } from '../../src/iceberg/schema.ts';
import type { Type } from '../../src/iceberg/types.ts';
import { openDuckDb } from './support.ts';

const duckdb = await openDuckDb();

test.each([
  ['BOOLEAN', 'boolean'],
  ['TINYINT', 'int'],
  ['SMALLINT', 'int'],
  ['INTEGER', 'int'],
  ['UTINYINT', 'int'],
  ['USMALLINT', 'int'],
  ['UINTEGER', 'long'],
  ['BIGINT', 'long'],
  ['UBIGINT', 'decimal(20,0)'],
  ['HUGEINT', 'decimal(38,0)'],
  ['FLOAT', 'float'],
  ['DOUBLE', 'double'],
  ['DECIMAL(10,2)', 'decimal(10,2)'],
  ['DATE', 'date'],
  ['TIME', 'time'],
  ['TIMESTAMP', 'timestamp'],
  ['TIMESTAMP_S', 'timestamp'],
  ['TIMESTAMP_MS', 'timestamp'],
  ['TIMESTAMP_NS', 'timestamp_ns'],
  ['TIMESTAMPTZ', 'timestamptz'],
  ['TEXT', 'string'],
  [`ENUM('a', 'b')`, 'string'],
  ['JSON', 'string'],
  ['UUID', 'uuid'],
  ['BLOB', 'binary'],
  ['INTEGER[]', 'list<int>'],
  ['DOUBLE[3]', 'list<double>'],
  ['MAP(VARCHAR, DATE)', 'map<string, date>'],
  ['STRUCT(a INTEGER, "B c" STRUCT(d VARCHAR[]))', 'struct<a: int, B c: struct<d: list<string>>>'],
])('%s is stored as %s', async (sql, expected) => {
  const type = await resolveSqlType(duckdb, sql, 'v', counter());
  expect(typeToString(type).replaceAll(/\s/g, '')).toContain(expected.split('<')[0]!.replaceAll(/\s/g, ''));
  expect(kinds(type)).toBe(expected.replaceAll(/[a-zA-Z ]+: /g, '').replaceAll(' ', ''));
});

/** The type without names and ids. */
function kinds(type: Type): string {
  switch (type.kind) {
    case 'struct':
      return `struct<${type.fields.map(field => kinds(field.type)).join(',')}>`;
    case 'list':
      return `list<${kinds(type.element)}>`;
    case 'map':
      return `map<${kinds(type.key)},${kinds(type.value)}>`;
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    default:
      return type.kind;
  }
}

test.each(['INTERVAL', 'TIMETZ', 'UHUGEINT', 'BIT', 'UNION(a INTEGER, b VARCHAR)', 'STRUCT(x INTERVAL)'])(
  '%s can not be stored, with a hint what to do',
  async sql => {
    await expect(resolveSqlType(duckdb, sql, 'took', counter())).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/"took(\.x)?"/),
      hint: expect.stringMatching(/Cast|Store|Pick/),
    });
  },
);

test('ids of nested fields are all different', async () => {
  const columns = await duckdb.describe(
    `SELECT 1 AS a, {'x': [1], 'y': MAP{'k': {'z': 1}}} AS b, [[1]] AS c`,
  );
  const ids: number[] = [];
  const visit = (type: Type): void => {
    if (type.kind === 'list') {
      ids.push(type.elementId);
      visit(type.element);
    } else if (type.kind === 'map') {
      ids.push(type.keyId, type.valueId);
      visit(type.key);
      visit(type.value);
    } else if (type.kind === 'struct') {
      for (const field of type.fields) {
        ids.push(field.id);
        visit(field.type);
      }
    }
  };
  visit({ kind: 'struct', fields: schemaOfColumns(columns).fields });
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toHaveLength(11);
});

describe('the way back', () => {
  test.each([
    'DECIMAL(38,10)',
    'INTEGER[][]',
    'MAP(INTEGER, VARCHAR[])',
    'STRUCT("a b" INTEGER, "q""t" DATE)',
  ])('%s', async sql => {
    const [before] = await duckdb.describe(`SELECT NULL::${sql} AS v`);
    const [after] = await duckdb.describe(
      `SELECT NULL::${duckDbType(icebergType(before!.type, 'v', counter()))} AS v`,
    );
    expect(String(after!.type)).toBe(String(before!.type));
  });

  test.each([
    ['variant', 'JSON'],
    ['geometry', 'BLOB'],
    ['unknown', 'VARCHAR'],
    ['timestamptz_ns', 'TIMESTAMP WITH TIME ZONE'],
  ] as const)('%s is seen as %s, and defined in Iceberg’s words', (kind, sql) => {
    expect(duckDbType({ kind })).toBe(sql);
    expect(definedType({ kind })).toBe(kind);
    const list = { kind: 'list', elementId: 1, elementRequired: false, element: { kind } } as const;
    expect(duckDbType(list)).toBe(`${sql}[]`);
    expect(definedType(list)).toBe(`list<${kind}>`);
  });
});
