import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import { CorruptFileError } from '../../src/iceberg/errors.ts';
import { inclusiveMetrics, metricsCoverage, strictMetrics } from '../../src/iceberg/evaluate.ts';
import {
  and,
  compare,
  type Expr,
  fieldIdsOf,
  not,
  or,
  type Predicate,
  unary,
} from '../../src/iceberg/expression.ts';
import type { PartitionSpec } from '../../src/iceberg/partition.ts';
import { PartitionSummaries } from '../../src/iceberg/partition-summaries.ts';
import { Pruning } from '../../src/iceberg/pruning.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import {
  column,
  modelColumns,
  modelFilter,
  modelMetadata,
  modelRow,
  modelSchema,
  modelSpec,
  selects,
  writeFiles,
  writerHabits,
  writtenPartitionTypes,
} from './filter-model.ts';

const scenario = modelColumns.chain(columns =>
  fc.record({
    columns: fc.constant(columns),
    spec: modelSpec(columns, 1),
    rows: fc.array(modelRow(columns), { minLength: 1, maxLength: 12 }),
    filter: modelFilter(columns),
    habits: writerHabits,
  }),
);

function predicatesOf(expr: Expr): Predicate[] {
  if (expr.op === 'and' || expr.op === 'or') return [...predicatesOf(expr.left), ...predicatesOf(expr.right)];
  if (expr.op === 'not') return predicatesOf(expr.child);
  return expr.op === 'true' || expr.op === 'false' ? [] : [expr as Predicate];
}

test('no file with a matching row is pruned, and what is left of a filter selects the same rows', () => {
  fc.assert(
    fc.property(scenario, ({ columns, spec, rows, filter, habits }) => {
      const schemas = [modelSchema(columns, 'old'), modelSchema(columns, 'new')];
      const pruning = new Pruning(modelMetadata(schemas, [spec]), schemas[1]!, filter);
      for (const { file, rows: written } of writeFiles(columns, spec, rows, habits, 'f')) {
        const matching = written.filter(row => selects(filter, row));
        const rest = pruning.residual(file);
        if (matching.length > 0) expect(pruning.fileMightMatch(file)).toBe(true);
        if (!pruning.fileMightMatch(file)) expect(rest.op).toBe('false');
        expect(written.filter(row => selects(rest, row))).toEqual(matching);
        for (const id of fieldIdsOf(rest)) expect(fieldIdsOf(filter)).toContain(id);
      }
    }),
    { numRuns: 1000 },
  );
});

test('metrics alone keep every file with a matching row, and are certain only of what holds for all', () => {
  fc.assert(
    fc.property(scenario, ({ columns, rows, filter, habits }) => {
      const schema = modelSchema(columns, 'new');
      const [{ file, rows: written }] = writeFiles(columns, { specId: 0, fields: [] }, rows, habits, 'f') as [
        { file: DataFile; rows: Parameters<typeof selects>[1][] },
      ];
      const matching = written.filter(row => selects(filter, row)).length;
      if (matching > 0) expect(inclusiveMetrics(filter, schema, file)).toBe(true);
      if (matching < written.length) expect(strictMetrics(filter, schema, file)).toBe(false);
      for (const predicate of predicatesOf(filter)) {
        const coverage = metricsCoverage(predicate, schema, file);
        const count = written.filter(row => selects(predicate, row)).length;
        if (count > 0) expect(coverage).not.toBe('none');
        if (count < written.length) expect(coverage).not.toBe('all');
      }
    }),
    { numRuns: 1000 },
  );
});

test('no manifest with a matching row is pruned by its partition summaries', () => {
  fc.assert(
    fc.property(scenario, ({ columns, spec, rows, filter, habits }) => {
      const schemas = [modelSchema(columns, 'old'), modelSchema(columns, 'new')];
      const pruning = new Pruning(modelMetadata(schemas, [spec]), schemas[1]!, filter);
      // Unknown transforms have types that only a manifest knows.
      const types = writtenPartitionTypes(columns, spec, 'new');
      const files = writeFiles(columns, spec, rows, habits, 'f');
      const summaries = new PartitionSummaries(types);
      for (const { file } of files) summaries.add(file.partition);
      const manifest = manifestOf(spec, summaries.result());
      const matches = files.some(({ rows: written }) => written.some(row => selects(filter, row)));
      if (matches) expect(pruning.manifestMightMatch(manifest)).toBe(true);
    }),
    { numRuns: 700 },
  );
});

function manifestOf(spec: PartitionSpec, partitions: ReturnType<PartitionSummaries['result']> | undefined) {
  return {
    manifestPath: 'mem:/m.avro',
    manifestLength: 1,
    partitionSpecId: spec.specId,
    content: 0 as const,
    sequenceNumber: 1,
    minSequenceNumber: 1,
    addedSnapshotId: 1n,
    partitions,
  };
}

const schema: Schema = {
  schemaId: 0,
  fields: [column(1, { kind: 'long' }), column(2, { kind: 'timestamp' }), column(3, { kind: 'string' })],
  identifierFieldIds: [],
};
const spec: PartitionSpec = {
  specId: 1,
  fields: [
    { sourceId: 1, fieldId: 1000, name: 'id_bucket', transform: { kind: 'bucket', buckets: 16 } },
    { sourceId: 2, fieldId: 1001, name: 'day', transform: { kind: 'day' } },
    { sourceId: 3, fieldId: 1002, name: 'word', transform: { kind: 'identity' } },
  ],
};
const day = 86_400_000_000n;
const file = (partition: DataFile['partition'], more: Partial<DataFile> = {}): DataFile => ({
  content: 0,
  filePath: 'mem:/f.parquet',
  fileFormat: 'PARQUET',
  specId: 1,
  partition,
  recordCount: 10,
  fileSizeInBytes: 100,
  ...more,
});

describe('what can be known is known', () => {
  // hash(34) = 2017239379 (spec: Appendix B), which is 3 modulo 16.
  const some = file([3, 10, 'a']);
  const pruned: [string, Expr][] = [
    ['bucket eq', compare('eq', 1, 35n)],
    ['bucket in', { op: 'in', fieldId: 1, values: [35n, 36n] }],
    ['bucket null', unary('is-null', 1)],
    ['day lt at its first moment', compare('lt', 2, 10n * day)],
    ['day gt at its last moment', compare('gt', 2, 11n * day - 1n)],
    ['day eq', compare('eq', 2, 11n * day)],
    ['identity', compare('not-eq', 3, 'a')],
    ['not', not(compare('starts-with', 3, 'a'))],
    ['and', and(compare('eq', 1, 34n), compare('gt', 3, 'b'))],
    ['or', or(compare('eq', 1, 35n), compare('gt', 3, 'b'))],
  ];
  test.each(pruned)('pruned: %s', (_, filter) => {
    const pruning = new Pruning(modelMetadata([schema], [spec]), schema, filter);
    expect(pruning.partitionMightMatch(some)).toBe(false);
    expect(pruning.fileMightMatch(some)).toBe(false);
    expect(pruning.residual(some)).toEqual({ op: 'false' });
    const summaries = new PartitionSummaries([{ kind: 'int' }, { kind: 'date' }, { kind: 'string' }]);
    summaries.add(some.partition);
    expect(pruning.manifestMightMatch(manifestOf(spec, summaries.result()))).toBe(false);
    expect(pruning.manifestMightMatch(manifestOf(spec, undefined))).toBe(true);
  });

  const decided: [string, Expr][] = [
    ['day lt', compare('lt', 2, 11n * day)],
    ['day lt-eq', compare('lt-eq', 2, 11n * day - 1n)],
    ['day gt-eq', compare('gt-eq', 2, 10n * day)],
    ['day gt', compare('gt', 2, 10n * day - 1n)],
    ['identity', compare('eq', 3, 'a')],
    ['bucket not-eq', compare('not-eq', 1, 35n)],
    ['not null', unary('not-null', 1)],
    ['not', not(compare('gt', 3, 'a'))],
  ];
  test.each(decided)('every row matches: %s', (_, filter) => {
    expect(new Pruning(modelMetadata([schema], [spec]), schema, filter).residual(some)).toEqual({
      op: 'true',
    });
  });

  test('a predicate that the partition decides leaves the others', () => {
    const filter = and(compare('eq', 3, 'a'), compare('eq', 1, 34n));
    const pruning = new Pruning(modelMetadata([schema], [spec]), schema, filter);
    expect(pruning.residual(some)).toEqual(compare('eq', 1, 34n));
    expect(pruning.residual(file([3, 10, null]))).toEqual({ op: 'false' });
  });

  test('a file that is empty has no matching row', () => {
    const pruning = new Pruning(modelMetadata([schema], [spec]), schema, { op: 'true' });
    const empty = file([3, 10, 'a'], { recordCount: 0 });
    expect(pruning.fileMightMatch(empty)).toBe(false);
    expect(pruning.residual(empty)).toEqual({ op: 'false' });
  });
});

test('a column that was dropped, or a spec of another schema, prunes nothing', () => {
  const dropped: Schema = { ...schema, schemaId: 1, fields: [column(1, { kind: 'long' })] };
  const metadata = modelMetadata([schema, dropped], [spec]);
  const pruning = new Pruning(metadata, dropped, compare('eq', 1, 34n));
  expect(pruning.fileMightMatch(file([3, 99, 'zzz']))).toBe(true);
  expect(pruning.fileMightMatch(file([4, 99, 'zzz']))).toBe(false);
});

test('a filter of an older type is not compared with partition values of another kind', () => {
  const old: Schema = { ...schema, fields: [column(2, { kind: 'date' })] };
  const now: Schema = { ...schema, schemaId: 1, fields: [column(2, { kind: 'timestamp' })] };
  const identity: PartitionSpec = {
    specId: 1,
    fields: [{ sourceId: 2, fieldId: 1000, name: 'd', transform: { kind: 'identity' } }],
  };
  const pruning = new Pruning(modelMetadata([old, now], [identity]), old, compare('eq', 2, 5));
  expect(pruning.fileMightMatch(file([5n * day]))).toBe(true);
  expect(pruning.residual(file([5n * day]))).toEqual(compare('eq', 2, 5));
});

test('a partition spec that the metadata lacks is an error that names the file', () => {
  const pruning = new Pruning(modelMetadata([schema], [spec]), schema, { op: 'true' });
  expect(() => pruning.fileMightMatch(file([], { specId: 7 }))).toThrow(CorruptFileError);
  expect(() => pruning.manifestMightMatch({ ...manifestOf(spec, undefined), partitionSpecId: 7 })).toThrow(
    /mem:\/m\.avro.*partition spec 7/,
  );
});
