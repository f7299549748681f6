import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CommitConflictError, UnsupportedError, ValidationError } from '../../src/iceberg/errors.ts';
import {
  type Snapshot,
  type SnapshotRef,
  snapshotAsOf,
  type TableMetadata,
} from '../../src/iceberg/metadata.ts';
import { applyUpdates, checkRequirements } from '../../src/iceberg/metadata-builder.ts';
import {
  encodeTableMetadata,
  newTableMetadata,
  parseTableMetadata,
} from '../../src/iceberg/metadata-json.ts';
import type { PartitionField, PartitionSpec } from '../../src/iceberg/partition.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { SortField, SortOrder } from '../../src/iceberg/sort.ts';
import type { NestedField } from '../../src/iceberg/types.ts';
import type { TableRequirement, TableUpdate } from '../../src/iceberg/updates.ts';

const field = (id: number, name: string, more: Partial<NestedField> = {}): NestedField => ({
  id,
  name,
  required: false,
  type: { kind: 'long' },
  ...more,
});
const schemaOf = (...fields: NestedField[]): Schema => ({ schemaId: 0, fields, identifierFieldIds: [] });
const table = (formatVersion: 1 | 2 | 3 = 2, properties: Record<string, string> = {}): TableMetadata => ({
  ...newTableMetadata({
    schema: schemaOf(field(1, 'a'), field(2, 'b')),
    location: 's3://b/t',
    formatVersion,
    properties,
  }),
  lastUpdatedMs: 1000,
});
const nowMs = 5000;
const apply = (base: TableMetadata, ...updates: TableUpdate[]) => applyUpdates(base, updates, { nowMs });

const snapshot = (id: number | bigint, more: Partial<Snapshot> = {}): Snapshot => ({
  snapshotId: BigInt(id),
  sequenceNumber: Number(id),
  timestampMs: Number(id) * 100,
  manifestList: `s3://b/t/snap-${id}.avro`,
  operation: 'append',
  summary: {},
  ...more,
});
const add = (id: number, more: Partial<Snapshot> = {}): TableUpdate => ({
  action: 'add-snapshot',
  snapshot: snapshot(id, more),
});
const setRef = (refName: string, id: number, more: Partial<SnapshotRef> = {}): TableUpdate => ({
  action: 'set-snapshot-ref',
  refName,
  ref: { snapshotId: BigInt(id), type: 'branch', ...more },
});
/** Commits of one snapshot each to main. */
const withSnapshots = (base: TableMetadata, ...ids: number[]): TableMetadata =>
  ids.reduce((metadata, id) => apply(metadata, add(id), setRef('main', id)), base);
const log = (metadata: TableMetadata) => metadata.snapshotLog.map(entry => Number(entry.snapshotId));

describe('schemas', () => {
  const wider = schemaOf(field(1, 'a'), field(2, 'b'), field(3, 'c'));

  test('a new one gets the next id, and -1 makes it the current one', () => {
    const metadata = apply(
      table(),
      { action: 'add-schema', schema: { ...wider, schemaId: 77 }, lastColumnId: 3 },
      { action: 'set-current-schema', schemaId: -1 },
    );
    expect(metadata).toMatchObject({ currentSchemaId: 1, lastColumnId: 3 });
    expect(metadata.schemas.map(schema => schema.schemaId)).toEqual([0, 1]);
  });

  test('an equal one is used again, also when its id or the order of its keys differs', () => {
    const keyed = schemaOf(field(1, 'a', { required: true }), field(2, 'b', { required: true }));
    const base = apply(table(), {
      action: 'add-schema',
      schema: { ...keyed, identifierFieldIds: [1, 2] },
      lastColumnId: 2,
    });
    const metadata = apply(
      base,
      {
        action: 'add-schema',
        schema: { ...keyed, schemaId: 9, identifierFieldIds: [2, 1] },
        lastColumnId: 2,
      },
      { action: 'set-current-schema', schemaId: -1 },
    );
    expect(metadata).toMatchObject({ currentSchemaId: 1 });
    expect(metadata.schemas).toHaveLength(2);
  });

  test.each<[string, NestedField]>([
    ['doc', field(2, 'b', { doc: 'x' })],
    ['default', field(2, 'b', { writeDefault: 5 })],
    ['nullability', field(2, 'b', { required: true })],
    ['type', field(2, 'b', { type: { kind: 'string' } })],
  ])('another %s makes another schema', (_, changed) => {
    const schema = schemaOf(field(1, 'a'), changed);
    expect(apply(table(), { action: 'add-schema', schema, lastColumnId: 2 }).schemas).toHaveLength(2);
  });

  test('column ids only grow, and cover the schema', () => {
    const added = apply(table(), { action: 'add-schema', schema: wider, lastColumnId: 2 });
    expect(added.lastColumnId).toBe(3);
    expect(apply(table(), { action: 'add-schema', schema: wider, lastColumnId: 8 }).lastColumnId).toBe(8);
    expect(() =>
      apply(added, { action: 'add-schema', schema: table().schemas[0]!, lastColumnId: 2 }),
    ).toThrow(/from 3 to 2/);
  });

  test('what is not there can not be chosen', () => {
    expect(() => apply(table(), { action: 'set-current-schema', schemaId: 5 })).toThrow(
      /no schema 5: it has 0/,
    );
    expect(() => apply(table(), { action: 'set-current-schema', schemaId: -1 })).toThrow(/none was added/);
  });

  test('types and defaults of v3 need v3', () => {
    const schema = schemaOf(field(1, 'a'), field(2, 'b'), field(3, 'c', { type: { kind: 'variant' } }));
    const update: TableUpdate = { action: 'add-schema', schema, lastColumnId: 3 };
    expect(() => apply(table(2), update)).toThrow(/"c".*variant.*version 3/);
    expect(apply(table(3), update).schemas).toHaveLength(2);
    expect(
      apply(table(2), { action: 'upgrade-format-version', formatVersion: 3 }, update).schemas,
    ).toHaveLength(2);
  });

  test('a column that is partitioned or sorted by can not go', () => {
    const without = { action: 'add-schema', schema: schemaOf(field(1, 'a')), lastColumnId: 2 } as const;
    const current = { action: 'set-current-schema', schemaId: -1 } as const;
    const partitioned = apply(
      table(),
      { action: 'add-spec', spec: specOf(partition(2)) },
      { action: 'set-default-spec', specId: -1 },
    );
    expect(() => apply(partitioned, without, current)).toThrow(/"p2".*id 2.*isn't in the schema/);
    const sorted = apply(
      table(),
      { action: 'add-sort-order', sortOrder: orderOf(sort(2)) },
      { action: 'set-default-sort-order', sortOrderId: -1 },
    );
    expect(() => apply(sorted, without, current)).toThrow(/sort order.*id 2/);
    // Once another spec is the default one, it can.
    expect(
      apply(partitioned, { action: 'set-default-spec', specId: 0 }, without, current).currentSchemaId,
    ).toBe(1);
  });

  test('removal, but of the current one', () => {
    const base = apply(table(), { action: 'add-schema', schema: wider, lastColumnId: 3 });
    expect(apply(base, { action: 'remove-schemas', schemaIds: [1, 50] }).schemas).toEqual(table().schemas);
    expect(() => apply(base, { action: 'remove-schemas', schemaIds: [0] })).toThrow(/current one/);
  });
});

function partition(sourceId: number, more: Partial<PartitionField> = {}): PartitionField {
  return { sourceId, fieldId: 0, name: `p${sourceId}`, transform: { kind: 'identity' }, ...more };
}
function specOf(...fields: PartitionField[]): PartitionSpec {
  return { specId: 0, fields };
}
function sort(sourceId: number, more: Partial<SortField> = {}): SortField {
  return { sourceId, transform: { kind: 'identity' }, direction: 'asc', nullOrder: 'nulls-first', ...more };
}
function orderOf(...fields: SortField[]): SortOrder {
  return { orderId: 0, fields };
}

describe('partition specs', () => {
  const addSpec = (...fields: PartitionField[]): TableUpdate => ({
    action: 'add-spec',
    spec: specOf(...fields),
  });

  test('a new one gets the next id, its fields the next ids, or those of equal fields', () => {
    const first = apply(table(), addSpec(partition(1)), { action: 'set-default-spec', specId: -1 });
    expect(first).toMatchObject({ defaultSpecId: 1, lastPartitionId: 1000 });
    const second = apply(first, addSpec(partition(2), partition(1, { name: 'other' })));
    expect(second).toMatchObject({ defaultSpecId: 1, lastPartitionId: 1001 });
    expect(second.partitionSpecs[2]).toMatchObject({
      specId: 2,
      fields: [{ fieldId: 1001 }, { fieldId: 1000 }],
    });
  });

  test('ids that are given are kept', () => {
    const metadata = apply(table(), addSpec(partition(1, { fieldId: 1005 })));
    expect(metadata.partitionSpecs[1]!.fields).toMatchObject([{ fieldId: 1005 }]);
    expect(metadata.lastPartitionId).toBe(1005);
    const twice = addSpec(partition(1, { fieldId: 1000 }), partition(2, { fieldId: 1000 }));
    expect(() => apply(table(), twice)).toThrow(/"p2" has the id 1000 of another one/);
  });

  test('an equal one is used again', () => {
    const base = apply(table(), addSpec(partition(1)), addSpec(partition(2)));
    const metadata = apply(base, addSpec(partition(1, { fieldId: 1234 })), {
      action: 'set-default-spec',
      specId: -1,
    });
    expect(metadata).toMatchObject({ defaultSpecId: 1, lastPartitionId: base.lastPartitionId });
    expect(metadata.partitionSpecs).toEqual(base.partitionSpecs);
  });

  test('v1 needs ids in a row', () => {
    expect(() => apply(table(1), addSpec(partition(1, { fieldId: 1001 })))).toThrow(/1001.*version 1/);
    expect(apply(table(1), addSpec(partition(1))).partitionSpecs).toHaveLength(2);
  });

  test('a dropped column may stay behind a void field, an unknown transform where it was', () => {
    const gone = partition(9, { transform: { kind: 'void' } });
    expect(apply(table(), addSpec(gone), { action: 'set-default-spec', specId: -1 }).defaultSpecId).toBe(1);
    // Fields that were replaced in v1 stay as void ones, several of one column too, whatever their names.
    const voids = addSpec(gone, partition(9, { ...gone, name: 'b' }));
    expect(apply(table(), voids).partitionSpecs).toHaveLength(2);
    const unknown = partition(1, { fieldId: 1000, transform: { kind: 'other', text: 'zorder' } });
    expect(() => apply(table(), addSpec(unknown))).toThrow(/zorder/);
    const has: TableMetadata = { ...table(), partitionSpecs: [specOf(unknown)], lastPartitionId: 1000 };
    expect(
      apply(has, addSpec(unknown, partition(2)), { action: 'set-default-spec', specId: -1 }).defaultSpecId,
    ).toBe(1);
  });

  test('removal, but of the default one', () => {
    const base = apply(table(), addSpec(partition(1)));
    expect(apply(base, { action: 'remove-partition-specs', specIds: [1, 7] }).partitionSpecs).toHaveLength(1);
    expect(() => apply(base, { action: 'remove-partition-specs', specIds: [0] })).toThrow(/default one/);
    expect(() => apply(base, { action: 'set-default-spec', specId: 7 })).toThrow(/no partition spec 7/);
  });
});

describe('sort orders', () => {
  const addOrder = (...fields: SortField[]): TableUpdate => ({
    action: 'add-sort-order',
    sortOrder: orderOf(...fields),
  });
  const choose: TableUpdate = { action: 'set-default-sort-order', sortOrderId: -1 };

  test('a new one gets the next id, an equal one is used again, and 0 is the unsorted one', () => {
    const first = apply(table(), addOrder(sort(1)), choose);
    expect(first.defaultSortOrderId).toBe(1);
    const second = apply(first, addOrder(sort(1, { direction: 'desc' })), choose);
    expect(second.defaultSortOrderId).toBe(2);
    expect(apply(second, addOrder(sort(1)), choose)).toMatchObject({
      defaultSortOrderId: 1,
      sortOrders: second.sortOrders,
    });
    expect(apply(second, addOrder(), choose).defaultSortOrderId).toBe(0);
    const sorted = newTableMetadata({
      schema: table().schemas[0]!,
      location: 's3://x',
      sortOrder: orderOf(sort(1)),
    });
    const unsorted = apply(sorted, addOrder(), choose);
    expect(unsorted.sortOrders).toMatchObject([{ orderId: 1 }, { orderId: 0, fields: [] }]);
    expect(unsorted.defaultSortOrderId).toBe(0);
  });

  test('one with an unknown transform can be chosen again, but not be added', () => {
    const unknown = sort(1, { transform: { kind: 'other', text: 'hilbert' } });
    const base = { ...table(), sortOrders: [orderOf(), { ...orderOf(unknown), orderId: 1 }] };
    expect(apply(base, { action: 'set-default-sort-order', sortOrderId: 1 }).defaultSortOrderId).toBe(1);
    expect(() => apply(table(), addOrder(unknown))).toThrow(/hilbert/);
  });

  test('refuses what is not there', () => {
    expect(() => apply(table(), addOrder(sort(9)))).toThrow(/id 9/);
    expect(() => apply(table(), choose)).toThrow(/none was added/);
    expect(() => apply(table(), { action: 'set-default-sort-order', sortOrderId: 4 })).toThrow(
      /no sort order 4/,
    );
  });
});

describe('format version and UUID', () => {
  const upgrade = (formatVersion: 1 | 2 | 3): TableUpdate => ({
    action: 'upgrade-format-version',
    formatVersion,
  });

  test('only upwards', () => {
    expect(apply(table(1), upgrade(2))).toMatchObject({ formatVersion: 2, lastSequenceNumber: 0 });
    expect(apply(table(2), upgrade(3))).toMatchObject({ formatVersion: 3, nextRowId: 0 });
    expect(apply({ ...table(3), nextRowId: 7 }, upgrade(3)).nextRowId).toBe(7);
    expect(() => apply(table(3), upgrade(2))).toThrow(/version 3.*back to 2/);
    expect(() => apply(table(3), upgrade(4 as 3))).toThrow(UnsupportedError);
  });

  test('by the table property, which is not stored', () => {
    const set = (version: string): TableUpdate => ({
      action: 'set-properties',
      updates: { 'format-version': version, a: 'b' },
    });
    expect(apply(table(1), set('3'))).toMatchObject({ formatVersion: 3, properties: { a: 'b' } });
    expect(apply(table(1), set('3')).properties).toEqual({ a: 'b' });
    expect(() => apply(table(2), set('1'))).toThrow(ValidationError);
    expect(() => apply(table(2), set('two'))).toThrow(/whole number/);
  });

  test('a UUID is assigned to a table without snapshots only', () => {
    const uuid = '11111111-2222-3333-4444-555555555555';
    const assign: TableUpdate = { action: 'assign-uuid', uuid };
    expect(apply(table(), assign).tableUuid).toBe(uuid);
    const base = { ...withSnapshots(table(), 1), tableUuid: uuid.toUpperCase() };
    expect(apply(base, assign).tableUuid).toBe(base.tableUuid);
    expect(() => apply(withSnapshots(table(), 1), assign)).toThrow(/already/);
    expect(() => apply(table(), { action: 'assign-uuid', uuid: 'x' })).toThrow(/no UUID/);
  });
});

describe('location, properties and the metadata log', () => {
  test('location and properties', () => {
    const base = table(2, { a: '1', b: '2' });
    expect(apply(base, { action: 'set-location', location: 's3://c' }).location).toBe('s3://c');
    expect(() => apply(base, { action: 'set-location', location: '' })).toThrow(/empty/);
    const metadata = apply(
      base,
      { action: 'set-properties', updates: { b: '3', c: '4', ['__proto__']: 'p' } },
      { action: 'remove-properties', removals: ['a', 'none'] },
    );
    expect(Object.entries(metadata.properties)).toEqual([
      ['b', '3'],
      ['c', '4'],
      ['__proto__', 'p'],
    ]);
    expect(() => apply(base, { action: 'set-properties', updates: { 'current-schema': 'x' } })).toThrow(
      /current-schema/,
    );
  });

  test('the previous file is logged, and as many as the table wants', () => {
    const commit = (base: TableMetadata, n: number) =>
      applyUpdates(base, [{ action: 'set-properties', updates: { n: String(n) } }], {
        previousMetadataLocation: `m${n}`,
        nowMs: nowMs + n,
      });
    let metadata = table(2, { 'write.metadata.previous-versions-max': '3' });
    for (let n = 0; n < 6; n++) metadata = commit(metadata, n);
    expect(metadata.metadataLog.map(entry => entry.metadataFile)).toEqual(['m3', 'm4', 'm5']);
    expect(metadata.metadataLog.at(-1)!.timestampMs).toBe(nowMs + 4);
    const none = { ...metadata, properties: { 'write.metadata.previous-versions-max': '0' } };
    expect(commit(none, 6).metadataLog).toHaveLength(1);
    expect(() =>
      commit({ ...metadata, properties: { 'write.metadata.previous-versions-max': 'x' } }, 6),
    ).toThrow(/previous-versions-max/);
    expect(apply(metadata, { action: 'set-location', location: 'x' }).metadataLog).toEqual(
      metadata.metadataLog,
    );
  });

  test('time does not run backwards', () => {
    const base = { ...table(), lastUpdatedMs: 9000 };
    expect(apply(base).lastUpdatedMs).toBe(9000);
    expect(apply(table()).lastUpdatedMs).toBe(nowMs);
    const ahead = apply(table(), add(1, { timestampMs: 8000 }), setRef('main', 1));
    expect(ahead.lastUpdatedMs).toBe(8000);
  });

  test('an update that is unknown', () => {
    expect(() => apply(table(), { action: 'explode' } as unknown as TableUpdate)).toThrow(/"explode"/);
  });

  test('the metadata given is left as it was', () => {
    const base = withSnapshots(table(), 1, 2);
    const before = structuredClone(base);
    apply(
      base,
      add(3),
      setRef('main', 3),
      { action: 'remove-snapshots', snapshotIds: [1n] },
      { action: 'remove-snapshot-ref', refName: 'main' },
    );
    expect(base).toEqual(before);
  });
});

describe('snapshots and refs', () => {
  test('an append', () => {
    const metadata = withSnapshots(table(), 1, 2);
    expect(metadata).toMatchObject({
      currentSnapshotId: 2n,
      lastSequenceNumber: 2,
      refs: { main: { snapshotId: 2n, type: 'branch' } },
      snapshotLog: [
        { snapshotId: 1n, timestampMs: 100 },
        { snapshotId: 2n, timestampMs: 200 },
      ],
    });
    expect(metadata.snapshots.map(s => s.snapshotId)).toEqual([1n, 2n]);
  });

  test('one without a ref, or on another branch, is not the current one', () => {
    const metadata = apply(withSnapshots(table(), 1), add(2), add(3), setRef('dev', 3));
    expect(metadata).toMatchObject({ currentSnapshotId: 1n, lastSequenceNumber: 3 });
    expect(log(metadata)).toEqual([1]);
    expect(metadata.snapshots).toHaveLength(3);
  });

  test.each<[string, TableMetadata, Partial<Snapshot>, RegExp, boolean]>([
    [
      'is there already',
      withSnapshots(table(), 1),
      { snapshotId: 1n },
      /snapshot 1 is in the table already/i,
      false,
    ],
    [
      'is older than the table',
      withSnapshots(table(), 1, 2),
      { sequenceNumber: 2 },
      /sequence number 2.*at 2/,
      true,
    ],
    ['has no manifest list', table(), { manifestList: undefined }, /no manifest list/, false],
    ['lists manifests in v2', table(), { manifestList: undefined, manifests: [] }, /no manifest list/, false],
    ['has a sequence number in v1', table(1), {}, /version 1/, false],
    ['has no row ids in v3', table(3), {}, /row ids.*no number/, true],
    [
      'has row ids that are taken',
      { ...table(3), nextRowId: 5 },
      { firstRowId: 4, addedRows: 1 },
      /start at 4.*at 5/,
      true,
    ],
    ['does not count its rows', table(3), { firstRowId: 0 }, /added-rows/, false],
    ['has a negative id', table(), { snapshotId: -5n }, /negative/, false],
  ])('one that %s is refused', (_, base, more, message, conflict) => {
    const attempt = () => apply(base, add(9, more));
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(conflict ? CommitConflictError : ValidationError);
  });

  test('v1: no sequence numbers, and manifests may be listed', () => {
    const metadata = apply(
      table(1),
      add(1, { sequenceNumber: 0, manifestList: undefined, manifests: ['m'] }),
      add(2, { sequenceNumber: 0 }),
    );
    expect(metadata).toMatchObject({ lastSequenceNumber: 0, snapshots: [{ manifests: ['m'] }, {}] });
  });

  test('v3: row ids are taken', () => {
    const metadata = apply(
      table(3),
      add(1, { firstRowId: 0, addedRows: 10 }),
      add(2, { firstRowId: 12, addedRows: 5 }),
    );
    expect(metadata.nextRowId).toBe(17);
  });

  test('refs', () => {
    const base = withSnapshots(table(), 1, 2);
    const tag = { type: 'tag', maxRefAgeMs: 5 } as const;
    const metadata = apply(
      base,
      setRef('v1', 1, tag),
      setRef('dev', 1, { minSnapshotsToKeep: 2, maxSnapshotAgeMs: 9 }),
    );
    expect(metadata.refs).toEqual({
      main: { snapshotId: 2n, type: 'branch' },
      v1: { snapshotId: 1n, ...tag },
      dev: { snapshotId: 1n, type: 'branch', minSnapshotsToKeep: 2, maxSnapshotAgeMs: 9 },
    });
    expect(apply(metadata, { action: 'remove-snapshot-ref', refName: 'v1' }).refs).not.toHaveProperty('v1');
    expect(apply(metadata, { action: 'remove-snapshot-ref', refName: 'none' }).refs).toEqual(metadata.refs);
  });

  test.each<[string, TableUpdate, RegExp]>([
    ['to no snapshot', setRef('x', 7), /no snapshot 7.*"x"/],
    ['that makes main a tag', setRef('main', 1, { type: 'tag' }), /main/],
    ['without a name', setRef('', 1), /name/],
    ['of a tag that keeps snapshots', setRef('x', 1, { type: 'tag', minSnapshotsToKeep: 1 }), /"x" is a tag/],
    [
      'of a tag that keeps snapshots for long',
      setRef('x', 1, { type: 'tag', maxSnapshotAgeMs: 1 }),
      /"x" is a tag/,
    ],
    ['that keeps no snapshot', setRef('x', 1, { minSnapshotsToKeep: 0 }), /minSnapshotsToKeep.*positive/],
    ['that lives no time', setRef('x', 1, { maxRefAgeMs: -1 }), /maxRefAgeMs.*positive/],
  ])('a ref %s is refused', (_, update, message) => {
    expect(() => apply(withSnapshots(table(), 1), update)).toThrow(message);
  });

  test('rolling back is logged as of now', () => {
    const metadata = apply(withSnapshots(table(), 1, 2), setRef('main', 1));
    expect(metadata).toMatchObject({ currentSnapshotId: 1n });
    expect(metadata.snapshotLog.at(-1)).toEqual({ snapshotId: 1n, timestampMs: nowMs });
  });

  test('retention of main is no change of the table', () => {
    const metadata = apply(withSnapshots(table(), 1), setRef('main', 1, { minSnapshotsToKeep: 3 }));
    expect(log(metadata)).toEqual([1]);
    expect(metadata.refs.main).toMatchObject({ minSnapshotsToKeep: 3 });
  });

  test('snapshots that pass by within one commit are not in the log', () => {
    const metadata = apply(table(), add(1), setRef('main', 1), add(2), setRef('main', 2));
    expect(log(metadata)).toEqual([2]);
    expect(metadata.snapshots).toHaveLength(2);
  });

  test('removing main leaves a table without rows, and its history', () => {
    const metadata = apply(withSnapshots(table(), 1, 2), { action: 'remove-snapshot-ref', refName: 'main' });
    expect(metadata).not.toHaveProperty('currentSnapshotId');
    expect(metadata.snapshots).toHaveLength(2);
    expect(log(metadata)).toEqual([1, 2]);
  });

  test('removing snapshots takes refs and statistics along', () => {
    const statistics = (id: number) => ({ 'snapshot-id': id, 'statistics-path': `${id}.puffin` });
    const base = apply(
      withSnapshots(table(), 1, 2, 3),
      setRef('old', 1, { type: 'tag' }),
      { action: 'set-statistics', statistics: statistics(1) },
      { action: 'set-statistics', statistics: statistics(3) },
      { action: 'set-partition-statistics', statistics: statistics(1) },
    );
    const metadata = apply(base, { action: 'remove-snapshots', snapshotIds: [1n, 99n] });
    expect(Object.keys(metadata.refs)).toEqual(['main']);
    expect(metadata).toMatchObject({
      currentSnapshotId: 3n,
      statistics: [statistics(3)],
      partitionStatistics: [],
    });
    expect(log(metadata)).toEqual([2, 3]);
    const all = apply(base, { action: 'remove-snapshots', snapshotIds: [1n, 2n, 3n] });
    expect(all).toMatchObject({ snapshots: [], refs: {}, snapshotLog: [] });
    expect(all).not.toHaveProperty('currentSnapshotId');
    const withoutRefs = apply({ ...base, refs: {} }, { action: 'remove-snapshots', snapshotIds: [3n] });
    expect(withoutRefs).not.toHaveProperty('currentSnapshotId');
  });

  test('a gap in the log takes what was before it', () => {
    const metadata = apply(withSnapshots(table(), 1, 2, 3, 4), {
      action: 'remove-snapshots',
      snapshotIds: [2n],
    });
    expect(log(metadata)).toEqual([3, 4]);
    expect(snapshotAsOf(metadata, 250)).toBeUndefined();
    // What others left in the log stays until something is removed.
    const foreign = { ...withSnapshots(table(), 1), snapshotLog: [{ snapshotId: 77n, timestampMs: 1 }] };
    expect(log(apply(foreign, add(2), setRef('main', 2)))).toEqual([77, 2]);
  });

  test('statistics: one entry for each snapshot', () => {
    const entry = (id: number | bigint, path: string) => ({
      'snapshot-id': id,
      'statistics-path': path,
      size: 5,
    });
    const base = withSnapshots(table(), 1, 2);
    const set = (action: 'set-statistics' | 'set-partition-statistics', id: number | bigint, path: string) =>
      ({ action, statistics: entry(id, path) }) as TableUpdate;
    for (const [kind, action, remove] of [
      ['statistics', 'set-statistics', 'remove-statistics'],
      ['partitionStatistics', 'set-partition-statistics', 'remove-partition-statistics'],
    ] as const) {
      const metadata = apply(base, set(action, 1, 'a'), set(action, 2n, 'b'), set(action, 1n, 'c'));
      expect(metadata[kind]).toEqual([entry(2n, 'b'), entry(1n, 'c')]);
      expect(apply(metadata, { action: remove, snapshotId: 1n })[kind]).toEqual([entry(2n, 'b')]);
      expect(apply(metadata, { action: remove, snapshotId: 9n })[kind]).toEqual(metadata[kind]);
      expect(() => apply(base, set(action, 9, 'a'))).toThrow(/no snapshot 9/);
      expect(() => apply(base, { action, statistics: { 'snapshot-id': 1 } })).toThrow(/statistics-path/);
    }
  });
});

describe('requirements', () => {
  const base = apply(withSnapshots(table(), 1), setRef('v1', 1, { type: 'tag' }));

  test.each<[TableRequirement, TableRequirement, RegExp]>([
    [
      { type: 'assert-table-uuid', uuid: base.tableUuid.toUpperCase() },
      { type: 'assert-table-uuid', uuid: '11111111-2222-3333-4444-555555555555' },
      /UUID/,
    ],
    [
      { type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: 1n },
      { type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: 2n },
      /branch main is at snapshot 1 instead of 2/,
    ],
    [
      { type: 'assert-ref-snapshot-id', ref: 'dev', snapshotId: undefined },
      { type: 'assert-ref-snapshot-id', ref: 'dev', snapshotId: 1n },
      /dev.*isn't there/,
    ],
    [
      { type: 'assert-ref-snapshot-id', ref: 'v1', snapshotId: 1n },
      { type: 'assert-ref-snapshot-id', ref: 'v1', snapshotId: undefined },
      /tag v1 was made meanwhile/,
    ],
    [
      { type: 'assert-last-assigned-field-id', lastAssignedFieldId: 2 },
      { type: 'assert-last-assigned-field-id', lastAssignedFieldId: 1 },
      /last column id is 2 instead of 1/,
    ],
    [
      { type: 'assert-current-schema-id', currentSchemaId: 0 },
      { type: 'assert-current-schema-id', currentSchemaId: 1 },
      /current schema/,
    ],
    [
      { type: 'assert-last-assigned-partition-id', lastAssignedPartitionId: 999 },
      { type: 'assert-last-assigned-partition-id', lastAssignedPartitionId: 1000 },
      /partition field id/,
    ],
    [
      { type: 'assert-default-spec-id', defaultSpecId: 0 },
      { type: 'assert-default-spec-id', defaultSpecId: 1 },
      /default partition spec/,
    ],
    [
      { type: 'assert-default-sort-order-id', defaultSortOrderId: 0 },
      { type: 'assert-default-sort-order-id', defaultSortOrderId: 1 },
      /default sort order/,
    ],
  ])('%o', (holds, fails, message) => {
    checkRequirements(base, [holds]);
    expect(() => checkRequirements(base, [holds, fails])).toThrow(CommitConflictError);
    expect(() => checkRequirements(base, [fails])).toThrow(message);
    expect(() => checkRequirements(undefined, [holds])).toThrow(CommitConflictError);
  });

  test('that the table is new', () => {
    checkRequirements(undefined, [{ type: 'assert-create' }]);
    expect(() => checkRequirements(base, [{ type: 'assert-create' }])).toThrow(/exists already/);
  });

  test('main of a table of before there were refs', () => {
    const old = { ...base, refs: {} };
    checkRequirements(old, [{ type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: 1n }]);
    expect(() =>
      checkRequirements(old, [{ type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: undefined }]),
    ).toThrow(/made meanwhile/);
  });
});

test('whatever updates are accepted, the metadata can be read back', () => {
  const id = fc.integer({ min: 1, max: 6 });
  const name = fc.constantFrom('main', 'dev', 'x');
  const update: fc.Arbitrary<TableUpdate> = fc.oneof(
    id.map(n => add(n)),
    id.map(n => add(n, { firstRowId: n * 10, addedRows: 5 })),
    fc.tuple(name, id).map(([ref, n]) => setRef(ref, n)),
    name.map((refName): TableUpdate => ({ action: 'remove-snapshot-ref', refName })),
    fc
      .array(id, { maxLength: 2 })
      .map((ids): TableUpdate => ({ action: 'remove-snapshots', snapshotIds: ids.map(BigInt) })),
    id.map(
      (n): TableUpdate => ({
        action: 'add-schema',
        schema: schemaOf(field(1, 'a'), field(n, `c${n}`)),
        lastColumnId: 6,
      }),
    ),
    fc.constantFrom(-1, 0, 1, 2).map((schemaId): TableUpdate => ({ action: 'set-current-schema', schemaId })),
    id.map((n): TableUpdate => ({ action: 'add-spec', spec: specOf(partition(n)) })),
    fc.constantFrom(-1, 0, 1, 2).map((specId): TableUpdate => ({ action: 'set-default-spec', specId })),
    id.map((n): TableUpdate => ({ action: 'add-sort-order', sortOrder: orderOf(sort(n)) })),
    fc
      .constantFrom(-1, 0, 1)
      .map((sortOrderId): TableUpdate => ({ action: 'set-default-sort-order', sortOrderId })),
    fc
      .constantFrom(1, 2, 3)
      .map((v): TableUpdate => ({ action: 'upgrade-format-version', formatVersion: v as 2 })),
    id.map(
      (n): TableUpdate => ({
        action: 'set-statistics',
        statistics: { 'snapshot-id': n, 'statistics-path': 's' },
      }),
    ),
    fc
      .array(fc.nat({ max: 3 }), { maxLength: 2 })
      .map((schemaIds): TableUpdate => ({ action: 'remove-schemas', schemaIds })),
    fc
      .array(fc.nat({ max: 3 }), { maxLength: 2 })
      .map((specIds): TableUpdate => ({ action: 'remove-partition-specs', specIds })),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(1 as const, 2 as const, 3 as const),
      fc.array(fc.array(update, { maxLength: 4 }), { maxLength: 12 }),
      (version, commits) => {
        let metadata = table(version);
        for (const updates of commits) {
          try {
            metadata = apply(metadata, ...updates);
          } catch (error) {
            if (error instanceof ValidationError || error instanceof CommitConflictError) continue;
            throw error;
          }
          const location = 's3://b/t/x.metadata.json';
          expect(parseTableMetadata(encodeTableMetadata(metadata, location), location)).toEqual(metadata);
          const current = metadata.currentSnapshotId;
          expect(metadata.refs.main?.snapshotId).toBe(current);
          if (current !== undefined) expect(metadata.snapshotLog.at(-1)?.snapshotId).toBe(current);
        }
      },
    ),
    { numRuns: 500 },
  );
});
