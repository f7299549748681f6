import { describe, expect, test } from 'vitest';
import {
  changeText,
  lookOf,
  matchesFilter,
  tableDescription,
} from '../../src/extension/explorer/describe.ts';
import type { LakePlace, Node } from '../../src/extension/explorer/nodes.ts';
import type { ColumnDetails, SnapshotDetails, TableDetails } from '../../src/notebook/protocol.ts';

const lake: LakePlace = { root: '/p', name: 'lake', label: 'p' };
const place = { lake, table: 'sales' };
const column = (more: Partial<ColumnDetails> = {}): ColumnDetails => ({
  id: 1,
  name: 'id',
  type: 'long',
  required: true,
  isKey: true,
  children: [],
  ...more,
});
const snapshot = (more: Partial<SnapshotDetails> = {}): SnapshotDetails => ({
  id: '42',
  timestampMs: 0,
  operation: 'append',
  summary: { 'added-records': '5' },
  isCurrent: false,
  refs: [],
  ...more,
});

describe('nodes of the tree', () => {
  test('a column tells type, key and whether it may be NULL', () => {
    expect(lookOf({ kind: 'column', column: column(), ...place }, 0)).toMatchObject({
      label: 'id',
      description: 'long not null key',
      icon: 'key',
      open: 'leaf',
    });
    const nested = column({
      name: 'a.b',
      type: 'struct<c: int>',
      required: false,
      isKey: false,
      children: [column()],
    });
    expect(lookOf({ kind: 'column', column: nested, ...place }, 0)).toMatchObject({
      label: 'b',
      description: 'struct',
      open: 'collapsed',
    });
  });

  test('menus tell the current snapshot from the others', () => {
    const look = (each: SnapshotDetails) => lookOf({ kind: 'snapshot', snapshot: each, ...place }, 0);
    expect(look(snapshot()).context).toBe('snapshot');
    expect(look(snapshot({ isCurrent: true, refs: ['main', 'q1'] }))).toMatchObject({
      context: 'snapshot-current',
      label: 'append +5 rows',
      description: 'just now · current · q1',
    });
  });

  test('a lake whose configuration is broken is a leaf with the error', () => {
    const broken: Node = { kind: 'lake', lake: { ...lake, fault: { message: 'Bad file.' } } };
    expect(lookOf(broken, 0)).toMatchObject({ icon: 'error', open: 'leaf', tooltip: ['Bad file.'] });
  });

  test('nodes of one tree have ids of their own', () => {
    const nodes: Node[] = [
      { kind: 'lake', lake },
      { kind: 'namespace', lake, namespace: ['sales'] },
      { kind: 'table', ...place },
      { kind: 'snapshot', snapshot: snapshot(), ...place },
      { kind: 'ref', ref: { name: '42', type: 'tag', snapshotId: '42' }, ...place },
      { kind: 'ref', ref: { name: '42', type: 'branch', snapshotId: '42' }, ...place },
      { kind: 'property', key: '42', value: '', ...place },
      { kind: 'column', column: column({ id: 42 }), ...place },
    ];
    const ids = nodes.map(node => lookOf(node, 0).id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

test('changes of a snapshot, as far as its writer counted them', () => {
  expect(changeText({ 'added-records': '3', 'deleted-records': '1' })).toBe('+3 -1 rows');
  expect(changeText({ 'deleted-records': '1' })).toBe('-1 rows');
  expect(changeText({})).toBe('');
});

test('a table without counted rows says nothing', () => {
  expect(tableDescription({ rows: 1 } as TableDetails)).toBe('1 row');
  expect(tableDescription({} as TableDetails)).toBe('');
});

test('a filter takes its words in any order and case', () => {
  expect(matchesFilter('eu.Sales_2026', '2026 SALES')).toBe(true);
  expect(matchesFilter('eu.sales', 'sales us')).toBe(false);
});
