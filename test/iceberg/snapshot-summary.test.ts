import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import { contentSize, summarize } from '../../src/iceberg/snapshot-summary.ts';

const file = (more: Partial<DataFile>): DataFile => ({
  content: 0,
  filePath: 'f',
  fileFormat: 'PARQUET',
  specId: 0,
  partition: [],
  recordCount: 10,
  fileSizeInBytes: 100,
  ...more,
});
const data = file({});
const positions = file({ content: 1 });
const vector = file({ content: 1, fileFormat: 'PUFFIN', contentOffset: 4, contentSizeInBytes: 30 });
const equality = file({ content: 2 });

test("every number has Iceberg's name, and is left out when it is zero", () => {
  const totals = {
    'total-data-files': '2',
    'total-delete-files': '4',
    'total-records': '20',
    'total-files-size': '460',
    'total-position-deletes': '30',
    'total-equality-deletes': '10',
  };
  expect(summarize([data, data, positions, vector, vector, equality], [], undefined)).toEqual({
    'added-data-files': '2',
    'added-delete-files': '4',
    'added-position-delete-files': '1',
    'added-dvs': '2',
    'added-equality-delete-files': '1',
    'added-records': '20',
    'added-files-size': '460',
    'added-position-deletes': '30',
    'added-equality-deletes': '10',
    'changed-partition-count': '1',
    ...totals,
  });
  expect(summarize([], [data, positions, vector, equality], totals)).toEqual({
    'deleted-data-files': '1',
    'removed-delete-files': '3',
    'removed-position-delete-files': '1',
    'removed-dvs': '1',
    'removed-equality-delete-files': '1',
    'deleted-records': '10',
    'removed-files-size': '330',
    'removed-position-deletes': '20',
    'removed-equality-deletes': '10',
    'changed-partition-count': '1',
    'total-data-files': '1',
    'total-delete-files': '1',
    'total-records': '10',
    'total-files-size': '130',
    'total-position-deletes': '10',
    'total-equality-deletes': '0',
  });
});

test("a total that the parent doesn't know, or that contradicts the change, isn't made up", () => {
  expect(summarize([data], [], {})).not.toHaveProperty('total-records');
  expect(summarize([data], [], { 'total-records': '' })).not.toHaveProperty('total-records');
  expect(summarize([data], [], { 'total-records': 'many' })).not.toHaveProperty('total-records');
  expect(summarize([data], [], { 'total-records': '9'.repeat(20) })).not.toHaveProperty('total-records');
  expect(summarize([], [data], { 'total-records': '5' })).not.toHaveProperty('total-records');
  expect(summarize([data], [], { 'total-records': '5' })).toMatchObject({ 'total-records': '15' });
});

test('partitions are told apart by spec and values', () => {
  const partitions: Partial<DataFile>[] = [
    { partition: [1n] },
    { partition: [1n], content: 1 },
    { partition: [null] },
    { partition: ['null'] },
    { partition: [0] },
    { partition: [-0] },
    { partition: [Number.NaN] },
    { partition: [1n], specId: 1 },
    { partition: [Uint8Array.of(1)] },
    { partition: [Uint8Array.of(1)] },
  ];
  expect(summarize(partitions.map(file), [file(partitions[0]!)], undefined)).toMatchObject({
    'changed-partition-count': '8',
  });
});

test('the size of a deletion vector is its blob in the file', () => {
  expect(contentSize(vector)).toBe(30);
  expect(contentSize(positions)).toBe(100);
});

test('adding and removing the same files leaves the totals as they were', () => {
  const anyFile = fc
    .record({
      content: fc.constantFrom(0 as const, 1 as const, 2 as const),
      fileFormat: fc.constantFrom('PARQUET' as const, 'PUFFIN' as const),
      recordCount: fc.nat(),
      fileSizeInBytes: fc.nat(),
      contentSizeInBytes: fc.nat(),
    })
    .map(file);
  const totals = (summary: Record<string, string>) =>
    Object.fromEntries(Object.entries(summary).filter(([name]) => name.startsWith('total-')));
  fc.assert(
    fc.property(fc.array(anyFile), fc.array(anyFile), (before, change) => {
      const base = summarize(before, [], undefined);
      const there = summarize(change, [], base);
      expect(totals(there)).toEqual(totals(summarize([...before, ...change], [], undefined)));
      expect(totals(summarize([], change, there))).toEqual(totals(base));
    }),
  );
});
