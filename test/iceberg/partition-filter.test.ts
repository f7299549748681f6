import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import { PartitionFilter } from '../../src/iceberg/partition-filter.ts';
import { partitionKey } from '../../src/iceberg/partition-key.ts';
import { PartitionSummaries } from '../../src/iceberg/partition-summaries.ts';
import type { Value } from '../../src/iceberg/types.ts';
import { compareForFilter } from '../../src/iceberg/value.ts';
import {
  modelColumns,
  modelRow,
  modelSchema,
  modelSpec,
  writeFiles,
  writerHabits,
  writtenPartitionTypes,
} from './filter-model.ts';

const table = modelColumns.chain(columns =>
  fc.tuple(
    fc.constant(columns),
    modelSpec(columns, 1),
    fc.array(modelRow(columns), { minLength: 1, maxLength: 8 }),
    writerHabits,
  ),
);

const manifest = (content: 0 | 1, specId: number, partitions?: ReturnType<PartitionSummaries['result']>) => ({
  manifestPath: 'mem:/m.avro',
  manifestLength: 1,
  partitionSpecId: specId,
  content,
  sequenceNumber: 1,
  minSequenceNumber: 1,
  addedSnapshotId: 1n,
  partitions,
});

describe('which manifests may hold files', () => {
  test('never turns down the manifest of a file', () => {
    fc.assert(
      fc.property(table, ([columns, spec, rows, habits]) => {
        const schema = modelSchema(columns, 'new');
        const context = { schemas: [schema], currentSchemaId: 1, partitionSpecs: [spec] };
        const files = writeFiles(columns, spec, rows, habits, 'f').map(f => f.file);
        const summaries = new PartitionSummaries(writtenPartitionTypes(columns, spec, 'new'));
        for (const file of files) summaries.add(file.partition);
        const described = manifest(0, 1, summaries.result());
        for (const file of files) {
          const filter = new PartitionFilter(context, [file]);
          expect(filter.mightContain(described)).toBe(true);
          expect(filter.mightContain(manifest(0, 1))).toBe(true);
          expect(filter.mightContain(manifest(1, 1, summaries.result()))).toBe(false);
          expect(filter.mightContain(manifest(0, 2, summaries.result()))).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('turns down manifests of other partitions', () => {
    const schema = {
      schemaId: 0,
      fields: [{ id: 1, name: 'a', required: false, type: { kind: 'double' } as const }],
      identifierFieldIds: [],
    };
    const field = { sourceId: 1, fieldId: 1000, name: 'a', transform: { kind: 'identity' } as const };
    const context = {
      schemas: [schema],
      currentSchemaId: 0,
      partitionSpecs: [{ specId: 1, fields: [field] }],
    };
    const file = (value: Value | null): DataFile => ({
      content: 0,
      filePath: 'mem:/f',
      fileFormat: 'PARQUET',
      specId: 1,
      partition: [value],
      recordCount: 1,
      fileSizeInBytes: 1,
    });
    const summaries = new PartitionSummaries([{ kind: 'double' }]);
    summaries.add([1]);
    summaries.add([3]);
    const described = manifest(0, 1, summaries.result());
    const holds = (...values: (Value | null)[]) =>
      new PartitionFilter(context, values.map(file)).mightContain(described);
    expect([0.5, 1, 2, 3, 3.5, null, Number.NaN].map(v => holds(v))).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(holds(0.5, 2)).toBe(true);
  });
});

test('partition keys tell apart what looks alike', () => {
  const pairs: [(Value | null)[], (Value | null)[]][] = [
    [[0], [-0]],
    [['null'], [null]],
    [
      ['a/b', 'c'],
      ['a', 'b/c'],
    ],
    [['x01'], [Uint8Array.of(1)]],
    [['"'], ['\\"']],
  ];
  for (const [a, b] of pairs) expect(partitionKey(1, a)).not.toBe(partitionKey(1, b));
  expect(partitionKey(1, [Number.NaN])).toBe(partitionKey(1, [Number.NaN]));
});

test('partition keys are equal exactly for equal partitions', () => {
  const value = fc.oneof(
    fc.constantFrom<(Value | null)[]>(null, 0, -0, Number.NaN, true, 'null', 'true', '0', '0/1', '"', 0n),
    fc.string(),
    fc.uint8Array({ maxLength: 2 }),
  ) as fc.Arbitrary<Value | null>;
  const same = (a: Value | null, b: Value | null) => {
    if (a === null || b === null) return a === b;
    if (typeof a === 'number' || typeof b === 'number') return Object.is(a, b);
    return typeof a === typeof b && compareForFilter(a, b) === 0;
  };
  const partition = fc.array(value, { maxLength: 3 });
  fc.assert(
    fc.property(partition, partition, (a, b) => {
      // A spec's values have one type, so 0 and 0n don't meet.
      fc.pre(a.every((v, i) => typeof v !== 'bigint' || typeof b[i] !== 'number'));
      fc.pre(b.every((v, i) => typeof v !== 'bigint' || typeof a[i] !== 'number'));
      const equal = a.length === b.length && a.every((v, i) => same(v, b[i]!));
      expect(partitionKey(1, a) === partitionKey(1, b)).toBe(equal);
      expect(partitionKey(1, a)).not.toBe(partitionKey(2, a));
    }),
    { numRuns: 1000 },
  );
});
