import { describe, expect, test } from 'vitest';
import { CommitConflictError, LakebookError } from '../../src/iceberg/errors.ts';
import {
  currentSchema,
  currentSortOrder,
  currentSpec,
  type TableMetadata,
} from '../../src/iceberg/metadata.ts';
import { applyUpdates, checkRequirements } from '../../src/iceberg/metadata-builder.ts';
import { parseNameMapping, updateNameMapping } from '../../src/iceberg/name-mapping.ts';
import { parseTypeString } from '../../src/iceberg/schema.ts';
import { replaceTableMetadata, type TableReplacement } from '../../src/iceberg/table-replace.ts';
import { alterTableMetadata, type TableAlteration } from '../../src/iceberg/table-update.ts';
import type { Type } from '../../src/iceberg/types.ts';
import { altered, schemaFrom, show, tableFrom, withSnapshots } from './evolution-support.ts';

const int: Type = { kind: 'int' };
const identity = { kind: 'identity' } as const;

function failure(table: TableMetadata, ...alterations: TableAlteration[]): string {
  try {
    altered(table, ...alterations);
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    return `${error.code}: ${error.message} ${error.hint}`;
  }
  throw new Error('nothing failed');
}

describe('several changes at once', () => {
  const base = tableFrom('a: int, b: int', { partitionedBy: [{ column: ['b'], transform: identity }] });

  test('make one schema, one spec and one order', () => {
    const { updates } = alterTableMetadata(base, [
      { kind: 'add-column', column: ['c'], type: int },
      { kind: 'rename-column', column: ['c'], to: 'd' },
      { kind: 'drop-partition-field', field: { name: 'b' } },
      { kind: 'drop-column', column: ['b'] },
      { kind: 'add-partition-field', field: { column: ['d'], transform: identity } },
      {
        kind: 'set-sort-order',
        fields: [{ column: ['D'], transform: identity, direction: 'desc', nullOrder: 'nulls-last' }],
      },
    ]);
    expect(updates.map(update => update.action)).toEqual([
      'add-schema',
      'set-current-schema',
      'add-spec',
      'set-default-spec',
      'add-sort-order',
      'set-default-sort-order',
    ]);
    const table = applyUpdates(base, updates);
    expect(show(currentSchema(table).fields)).toBe('a 1 int, d 3 int');
    expect(currentSpec(table).fields).toMatchObject([{ sourceId: 3, name: 'd', fieldId: 1001 }]);
    expect(currentSortOrder(table).fields).toMatchObject([{ sourceId: 3, direction: 'desc' }]);
  });

  test('are refused in an order in which one of them breaks the table', () => {
    expect(
      failure(
        base,
        { kind: 'drop-column', column: ['b'] },
        { kind: 'drop-partition-field', field: { name: 'b' } },
      ),
    ).toContain('partitioned by it');
  });

  test('that change nothing need no commit', () => {
    expect(
      alterTableMetadata(base, [
        { kind: 'set-type', column: ['a'], type: int },
        { kind: 'rename-column', column: ['a'], to: 'x' },
        { kind: 'rename-column', column: ['x'], to: 'a' },
        { kind: 'set-sort-order', fields: [] },
        { kind: 'set-location', location: base.location },
      ]),
    ).toEqual({ updates: [], requirements: [] });
  });

  test('conflict with changes of the same definitions, not with others', () => {
    const { requirements } = alterTableMetadata(base, [{ kind: 'add-column', column: ['c'], type: int }]);
    const meanwhile = (...alterations: TableAlteration[]) =>
      checkRequirements(altered(base, ...alterations), requirements);
    expect(() => meanwhile({ kind: 'add-column', column: ['x'], type: int })).toThrow(CommitConflictError);
    // Someone may partition by the column that is dropped here.
    expect(() => meanwhile({ kind: 'set-partitioning', fields: [] })).toThrow(CommitConflictError);
    expect(() => meanwhile({ kind: 'set-properties', properties: { x: '1' } })).not.toThrow();
    expect(() => checkRequirements(withSnapshots(base, [1]), requirements)).not.toThrow();
  });

  test('that rely on the rows there are conflict with new rows', () => {
    const { requirements } = alterTableMetadata(base, [
      { kind: 'set-required', column: ['a'], required: true },
    ]);
    expect(() => checkRequirements(withSnapshots(base, [1]), requirements)).toThrow(CommitConflictError);
  });
});

describe('properties', () => {
  const base = tableFrom('a: int, s: struct<x: int>', {
    properties: {
      'write.metadata.metrics.column.s.x': 'none',
      'write.parquet.bloom-filter-enabled.column.a': 'true',
      'write.metadata.metrics.column.gone': 'full',
      other: '1',
    },
  });

  test('of columns follow their column', () => {
    const renamed = altered(
      base,
      { kind: 'rename-column', column: ['s'], to: 't' },
      { kind: 'rename-column', column: ['a'], to: 'b' },
    );
    expect(renamed.properties).toEqual({
      'write.metadata.metrics.column.t.x': 'none',
      'write.parquet.bloom-filter-enabled.column.b': 'true',
      'write.metadata.metrics.column.gone': 'full',
      other: '1',
    });
    const dropped = altered(base, { kind: 'drop-column', column: ['s'] });
    expect(Object.keys(dropped.properties)).not.toContain('write.metadata.metrics.column.s.x');
  });

  test('two columns that change names take theirs along', () => {
    const table = tableFrom('a: int, b: int', {
      properties: { 'write.metadata.metrics.column.a': 'none', 'write.metadata.metrics.column.b': 'full' },
    });
    const swapped = altered(
      table,
      { kind: 'rename-column', column: ['a'], to: 'c' },
      { kind: 'rename-column', column: ['b'], to: 'a' },
      { kind: 'rename-column', column: ['c'], to: 'b' },
    );
    expect(swapped.properties).toEqual({
      'write.metadata.metrics.column.a': 'full',
      'write.metadata.metrics.column.b': 'none',
    });
  });

  test('are set, removed and checked', () => {
    const set = altered(base, { kind: 'set-properties', properties: { other: '2', more: 'x' } });
    expect(set.properties).toMatchObject({ other: '2', more: 'x' });
    const unset = altered(set, { kind: 'unset-properties', keys: ['more', 'none'], ifExists: true });
    expect(unset.properties).not.toHaveProperty('more');
    expect(failure(base, { kind: 'unset-properties', keys: ['oops'] })).toContain("no property 'oops'");
    const bad = (properties: Record<string, string>) => failure(base, { kind: 'set-properties', properties });
    expect(bad({ uuid: 'x' })).toContain("can't be set");
    expect(bad({ 'write.target-file-size-bytes': 'big' })).toContain('whole number');
    expect(bad({ 'gc.enabled': 'maybe' })).toContain('true or false');
  });

  test('format-version upgrades and never goes back', () => {
    const upgraded = altered(base, { kind: 'set-properties', properties: { 'format-version': '3' } });
    expect(upgraded.formatVersion).toBe(3);
    expect(upgraded.properties).not.toHaveProperty('format-version');
    const set = (version: string): TableAlteration => ({
      kind: 'set-properties',
      properties: { 'format-version': version },
    });
    expect(failure(base, set('1'))).toContain("format version 2: it can't go back to 1");
    expect(failure(base, set('4'))).toContain('1, 2 or 3');
    const withDefault = altered(base, set('3'), { kind: 'set-default', column: ['a'], default: 1 });
    expect(currentSchema(withDefault).fields[0]!.writeDefault).toBe(1);
  });
});

describe('name mapping', () => {
  const mapping = [
    { 'field-id': 1, names: ['a', 'A1'] },
    { 'field-id': 2, names: ['s'], fields: [{ 'field-id': 3, names: ['x'] }] },
    { names: ['stray'] },
  ];
  const base = tableFrom('a: int, s: struct<x: int>', {
    properties: { 'schema.name-mapping.default': JSON.stringify(mapping) },
  });
  const mappingOf = (table: TableMetadata) =>
    JSON.parse(table.properties['schema.name-mapping.default']!) as unknown[];

  test('a new name joins the old ones, new columns get entries', () => {
    const table = altered(
      base,
      { kind: 'rename-column', column: ['a'], to: 'b' },
      { kind: 'add-column', column: ['s', 'y'], type: parseTypeString('list<int>') },
    );
    expect(mappingOf(table)).toEqual([
      { 'field-id': 1, names: ['a', 'A1', 'b'] },
      {
        'field-id': 2,
        names: ['s'],
        fields: [
          { 'field-id': 3, names: ['x'] },
          { 'field-id': 4, names: ['y'], fields: [{ 'field-id': 5, names: ['element'] }] },
        ],
      },
      { names: ['stray'] },
    ]);
  });

  test('a name that means another column now is taken from the one before', () => {
    const table = altered(
      base,
      { kind: 'drop-column', column: ['a'] },
      { kind: 'add-column', column: ['a'], type: int },
      { kind: 'add-column', column: ['stray'], type: int },
    );
    expect(mappingOf(table)).toEqual([
      { 'field-id': 1, names: ['A1'] },
      { 'field-id': 2, names: ['s'], fields: [{ 'field-id': 3, names: ['x'] }] },
      { names: [] },
      { 'field-id': 4, names: ['a'] },
      { 'field-id': 5, names: ['stray'] },
    ]);
  });

  test('changes of nothing but order leave it alone', () => {
    const fields = parseNameMapping(JSON.stringify(mapping));
    const before = schemaFrom('a: int, b: int');
    const after = { ...before, fields: before.fields.toReversed() };
    expect(updateNameMapping(fields, before, after)).toEqual(fields);
    expect(() => parseNameMapping('{}')).toThrow('name mapping');
  });
});

describe('sort orders', () => {
  const base = tableFrom('a: int, l: list<int>, s: struct<x: string>');
  const sort = (
    column: string[],
    transform: { kind: 'identity' } | { kind: 'truncate'; width: number } = identity,
  ) =>
    ({
      kind: 'set-sort-order',
      fields: [{ column, transform, direction: 'asc', nullOrder: 'nulls-first' }],
    }) as const;

  test('get new ids, and their own back', () => {
    const first = altered(base, sort(['A']));
    expect(first.defaultSortOrderId).toBe(1);
    const second = altered(first, sort(['s', 'x'], { kind: 'truncate', width: 2 }));
    expect(second.defaultSortOrderId).toBe(2);
    expect(altered(second, sort(['a'])).defaultSortOrderId).toBe(1);
    expect(altered(second, { kind: 'set-sort-order', fields: [] }).defaultSortOrderId).toBe(0);
  });

  test('are refused for columns without an order', () => {
    expect(failure(base, sort(['l', 'element']))).toContain('in a list or map');
    expect(failure(base, sort(['s']))).toContain('of type struct');
    expect(failure(base, sort(['a'], { kind: 'truncate', width: 2 }), sort(['nope']))).toContain('"nope"');
    const twice = sort(['a']).fields[0];
    expect(failure(base, { kind: 'set-sort-order', fields: [twice, twice] })).toContain('twice');
  });
});

describe('replacing a table', () => {
  const base = withSnapshots(
    tableFrom('a: int, b: int, s: struct<x: int>', {
      partitionedBy: [{ column: ['b'], transform: identity }],
      properties: { kept: '1', changed: '1' },
    }),
    [1000, 2000],
  );
  const replacement = (fields: string, extra: Partial<TableReplacement> = {}): TableReplacement => ({
    schema: schemaFrom(fields),
    partitionedBy: [],
    sortedBy: [],
    properties: {},
    ...extra,
  });
  const replaced = (wanted: TableReplacement, table = base) => {
    const { updates, requirements } = replaceTableMetadata(table, wanted);
    checkRequirements(table, requirements);
    return applyUpdates(table, updates);
  };

  test('keeps the history and the ids of columns that go on', () => {
    const table = replaced(
      replacement('b: long, a: string, s: struct<y: int, x: int>', {
        properties: { changed: '2' },
        partitionedBy: [{ column: ['a'], transform: { kind: 'truncate', width: 2 } }],
      }),
    );
    // What can't be read as the new type is another column: branches keep files of the old one.
    expect(show(currentSchema(table).fields)).toBe('b 2 long, a 5 string, s 3 {y 6 int, x 4 int}');
    expect(table.currentSnapshotId).toBeUndefined();
    expect(table.snapshots).toHaveLength(2);
    expect(table.tableUuid).toBe(base.tableUuid);
    expect(table.properties).toEqual({ kept: '1', changed: '2' });
    expect(currentSpec(table).fields).toMatchObject([{ name: 'a_trunc', fieldId: 1001, sourceId: 5 }]);
  });

  test('keeps other branches and tags', () => {
    const tagged = altered(base, { kind: 'set-ref', type: 'tag', name: 'q1', mode: 'create' });
    expect(Object.keys(replaced(replacement('z: int'), tagged).refs)).toEqual(['q1']);
  });

  test('conflicts with rows that came in meanwhile', () => {
    const { requirements } = replaceTableMetadata(base, replacement('z: int'));
    expect(() => checkRequirements(withSnapshots(tableFrom('a: int'), [1]), requirements)).toThrow();
    const moved = altered(base, {
      kind: 'set-ref',
      type: 'branch',
      name: 'main',
      mode: 'replace',
      version: 1n,
    });
    expect(() => checkRequirements(moved, requirements)).toThrow(CommitConflictError);
  });

  test('upgrades the format, never back', () => {
    expect(replaced(replacement('a: int', { properties: { 'format-version': '3' } })).formatVersion).toBe(3);
    expect(() => replaced(replacement('a: int', { properties: { 'format-version': '1' } }))).toThrow(
      "can't be replaced",
    );
  });
});
