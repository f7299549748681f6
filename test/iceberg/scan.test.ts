import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import { InterruptedError, NotFoundError } from '../../src/iceberg/errors.ts';
import { alwaysTrue, compare, type Expr } from '../../src/iceberg/expression.ts';
import { isPartitioned, type PartitionSpec } from '../../src/iceberg/partition.ts';
import { partitionKey } from '../../src/iceberg/partition-key.ts';
import { planScan } from '../../src/iceberg/scan.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { Value } from '../../src/iceberg/types.ts';
import { compareForFilter } from '../../src/iceberg/value.ts';
import {
  column,
  type ModelColumn,
  modelColumns,
  modelFilter,
  modelMetadata,
  modelRow,
  modelSchema,
  modelSpec,
  promoteRow,
  type Row,
  selects,
  writeFile,
  writeFiles,
  writerHabits,
  writtenPartitionTypes,
} from './filter-model.ts';
import { MemoryIO } from './memory-io.ts';
import { type ModelEntry, type ModelManifest, writeSnapshot } from './table-model.ts';

/** A delete file and what it says. */
interface ModelDeletes {
  readonly entry: ModelEntry;
  readonly rows: readonly Row[];
  readonly positions: readonly { readonly path: string; readonly position: number }[];
}

interface ModelData {
  readonly entry: ModelEntry;
  readonly rows: readonly Row[];
}

const FILE_PATH_ID = 2147483546;

const scenario = modelColumns.chain(columns =>
  fc.tuple(modelSpec(columns, 1), modelSpec(columns, 2)).chain(specs =>
    fc.record({
      columns: fc.constant(columns),
      specs: fc.constant(specs as readonly PartitionSpec[]),
      groups: fc.array(
        fc.record({
          spec: fc.constantFrom(...specs),
          rows: fc.array(modelRow(columns), { minLength: 1, maxLength: 8 }),
          habits: writerHabits,
          sequenceNumber: fc.integer({ min: 1, max: 4 }),
          dead: fc.boolean(),
          withoutSummaries: fc.boolean(),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      deletes: fc.array(
        fc.record({
          /** Of which data file it is modelled after. */
          like: fc.nat(),
          kind: fc.constantFrom('equality', 'global', 'position', 'file', 'vector'),
          columns: fc.shuffledSubarray([1, 2, 11], { minLength: 1 }),
          rows: fc.array(modelRow(columns), { minLength: 1, maxLength: 2 }),
          habits: writerHabits,
          positions: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 7 })), { minLength: 1, maxLength: 3 }),
          sequenceNumber: fc.integer({ min: 1, max: 5 }),
        }),
        { maxLength: 4 },
      ),
      filter: modelFilter(columns),
    }),
  ),
);

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

function modelDeletes(s: Scenario, data: readonly ModelData[]): ModelDeletes[] {
  const vectors = new Set<string>();
  return s.deletes.flatMap((d, i): ModelDeletes[] => {
    const like = data[d.like % data.length]!.entry.dataFile;
    const path = `mem:/deletes-${i}`;
    const { partition } = like;
    if (d.kind === 'equality' || d.kind === 'global') {
      const spec = s.specs.find(x => x.specId === like.specId)!;
      if (d.kind === 'global' && isPartitioned(spec)) return [];
      const columns = s.columns.filter(c => d.columns.includes(c.id));
      const file = writeFile(columns, spec, d.rows, partition, d.habits, `${path}.parquet`);
      const dataFile: DataFile = { ...file, content: 2, equalityIds: d.columns };
      return [{ entry: { dataFile, sequenceNumber: d.sequenceNumber }, rows: d.rows, positions: [] }];
    }
    const single = d.kind !== 'position';
    const positions = d.positions.map(([file, position]) => ({
      path: single ? like.filePath : data[file % data.length]!.entry.dataFile.filePath,
      position,
    }));
    const vector = d.kind === 'vector';
    if (vector && vectors.has(like.filePath)) return [];
    if (vector) vectors.add(like.filePath);
    const paths = positions.map(p => p.path).sort();
    const bound = (text: string, upper: boolean) =>
      d.habits.boundsLength < 16 ? Buffer.from(text.slice(0, 4) + (upper ? '~' : '')) : Buffer.from(text);
    const bounds = d.habits.omit.has('bounds')
      ? {}
      : {
          lowerBounds: new Map([[FILE_PATH_ID, bound(paths[0]!, false)]]),
          upperBounds: new Map([[FILE_PATH_ID, bound(paths.at(-1)!, true)]]),
        };
    const dataFile: DataFile = {
      content: 1,
      filePath: vector ? `${path}.puffin` : `${path}.parquet`,
      fileFormat: vector ? 'PUFFIN' : 'PARQUET',
      specId: like.specId,
      partition,
      recordCount: positions.length,
      fileSizeInBytes: 50,
      ...(vector ? { referencedDataFile: like.filePath, contentOffset: 4, contentSizeInBytes: 40 } : bounds),
    };
    return [{ entry: { dataFile, sequenceNumber: d.sequenceNumber }, rows: [], positions }];
  });
}

const keyOf = (file: DataFile) => partitionKey(file.specId, file.partition);

/** Positions of a data file's rows that are deleted (spec: "Scan Planning"), by the given delete files. */
function deletedPositions(
  data: ModelData,
  deletes: readonly ModelDeletes[],
  specs: readonly PartitionSpec[],
  columns: readonly ModelColumn[],
): number[] {
  const { dataFile, sequenceNumber } = data.entry;
  const applies = deletes.filter(({ entry }) => {
    const global =
      entry.dataFile.content === 2 && !isPartitioned(specs.find(s => s.specId === entry.dataFile.specId)!);
    const least = entry.dataFile.content === 2 ? sequenceNumber + 1 : sequenceNumber;
    return entry.sequenceNumber >= least && (global || keyOf(entry.dataFile) === keyOf(dataFile));
  });
  const vector = applies.find(
    d => d.entry.dataFile.fileFormat === 'PUFFIN' && d.positions[0]!.path === dataFile.filePath,
  );
  const positional = vector === undefined ? applies : [vector];
  const positions = new Set(
    positional.flatMap(d => d.positions.filter(p => p.path === dataFile.filePath)).map(p => p.position),
  );
  return data.rows.flatMap((row, position) => {
    const equal = applies.some(
      d =>
        d.entry.dataFile.content === 2 &&
        d.rows.some(deleted => {
          const other = promoteRow(columns, deleted);
          return d.entry.dataFile.equalityIds!.every(id => sameValue(row.get(id)!, other.get(id)!));
        }),
    );
    return equal || positions.has(position) ? [position] : [];
  });
}

function sameValue(a: Value | null, b: Value | null): boolean {
  return a === null || b === null ? a === b : compareForFilter(a, b) === 0;
}

test('a plan has every file with matching rows, all of its deletes, and a residual that selects the same rows', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async s => {
      const { columns, specs, filter } = s;
      const schemas = [modelSchema(columns, 'old'), modelSchema(columns, 'new')];
      const schemaOf = (age: 'old' | 'new') => schemas[age === 'old' ? 0 : 1]!;
      const io = new MemoryIO();
      const data: ModelData[] = [];
      const manifests: ModelManifest[] = [];
      for (const [i, group] of s.groups.entries()) {
        const { spec, habits, sequenceNumber, withoutSummaries } = group;
        const files = writeFiles(columns, spec, group.rows, habits, `mem:/table/data/${i}`);
        const live = files.map(({ file, rows }) => ({ entry: { dataFile: file, sequenceNumber }, rows }));
        data.push(...live);
        const entries: ModelEntry[] = live.map(d => d.entry);
        if (group.dead) {
          const dataFile = { ...files[0]!.file, filePath: `mem:/table/data/${i}-dead` };
          entries.unshift({ dataFile, sequenceNumber, status: 2 });
        }
        const partitionTypes = writtenPartitionTypes(columns, spec, habits.age).map((type, f) =>
          type.kind === 'unknown' || spec.fields[f]!.transform.kind === 'other'
            ? ({ kind: 'string' } as const)
            : type,
        );
        manifests.push({
          entries: entries.map(e => ({ ...e, dataFile: demote(e.dataFile, columns, spec, habits.age) })),
          spec,
          schema: schemaOf(habits.age),
          partitionTypes,
          withoutSummaries,
        });
      }
      const deletes = modelDeletes(s, data);
      for (const { entry } of deletes) {
        const spec = specs.find(x => x.specId === entry.dataFile.specId)!;
        manifests.push({
          entries: [entry],
          spec,
          schema: schemaOf('new'),
          partitionTypes: writtenPartitionTypes(columns, spec, 'new'),
          content: 1,
        });
      }
      const { snapshot } = await writeSnapshot(
        io,
        { snapshotId: 1n, sequenceNumber: 5, operation: 'overwrite' },
        manifests,
      );
      const metadata = modelMetadata(schemas, specs, { snapshots: [snapshot], currentSnapshotId: 1n });
      const plan = await planScan({ metadata, io, filter });

      const paths = plan.tasks.map(task => task.dataFile.filePath);
      const all = data.map(d => d.entry.dataFile.filePath);
      expect(paths).toEqual(all.filter(path => paths.includes(path)));
      for (const d of data) {
        const matching = d.rows.filter(row => selects(filter, row));
        const task = plan.tasks.find(t => t.dataFile.filePath === d.entry.dataFile.filePath);
        if (task === undefined) {
          expect(matching).toEqual([]);
          continue;
        }
        expect(task.residual.op).not.toBe('false');
        expect(d.rows.filter(row => selects(task.residual, row))).toEqual(matching);
        const used = deletes.filter(x =>
          task.deletes.some(file => file.filePath === x.entry.dataFile.filePath),
        );
        expect(used.length).toBe(task.deletes.length);
        expect(deletedPositions(d, used, specs, columns)).toEqual(
          deletedPositions(d, deletes, specs, columns),
        );
        for (const { entry } of used) {
          expect(entry.sequenceNumber).toBeGreaterThanOrEqual(d.entry.sequenceNumber);
        }
      }
      const { stats } = plan;
      expect(stats.dataFilesScanned).toBe(plan.tasks.length);
      expect(stats.dataFiles).toBe(data.length);
      expect(stats.rows).toBe(plan.tasks.reduce((sum, t) => sum + t.dataFile.recordCount, 0));
      expect(stats.deleteFiles).toBe(new Set(plan.tasks.flatMap(t => t.deletes.map(f => f.filePath))).size);
    }),
    { numRuns: 200 },
  );
});

/** Partition values in the form that a writer of the old schema encodes. */
function demote(
  file: DataFile,
  columns: readonly ModelColumn[],
  spec: PartitionSpec,
  age: 'old' | 'new',
): DataFile {
  if (age === 'new') return file;
  const partition = file.partition.map((value, i) => {
    const { sourceId, transform } = spec.fields[i]!;
    const c = columns.find(m => m.id === sourceId)!;
    if (value === null || (transform.kind !== 'identity' && transform.kind !== 'truncate')) return value;
    if (c.oldType.kind === 'int') return Number(value);
    return c.oldType.kind === 'date' && c.type.kind === 'timestamp'
      ? Number((value as bigint) / 86_400_000_000n)
      : value;
  });
  return { ...file, partition };
}

const schema: Schema = {
  schemaId: 0,
  fields: [column(1, { kind: 'long' }), column(2, { kind: 'string' })],
  identifierFieldIds: [],
};
const byWord: PartitionSpec = {
  specId: 1,
  fields: [{ sourceId: 2, fieldId: 1000, name: 'word', transform: { kind: 'identity' } }],
};

function longFile(path: string, partition: string, from: bigint, to: bigint): DataFile {
  const bound = (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  };
  return {
    content: 0,
    filePath: path,
    fileFormat: 'PARQUET',
    specId: 1,
    partition: [partition],
    recordCount: 10,
    fileSizeInBytes: 1000,
    nullValueCounts: new Map([[1, 0]]),
    lowerBounds: new Map([[1, bound(from)]]),
    upperBounds: new Map([[1, bound(to)]]),
  };
}

/** Partitions a to e, each a manifest with files of ids 0..9, 10..19, ... 90..99. */
async function fixedTable(more: readonly ModelManifest[] = []) {
  const io = new MemoryIO();
  const manifests = ['a', 'b', 'c', 'd', 'e'].map(
    (word): ModelManifest => ({
      entries: Array.from({ length: 10 }, (_, i) => ({
        dataFile: longFile(`mem:/${word}${i}`, word, BigInt(i * 10), BigInt(i * 10 + 9)),
        sequenceNumber: 1,
      })),
      spec: byWord,
      schema,
    }),
  );
  const { snapshot } = await writeSnapshot(
    io,
    {
      snapshotId: 1n,
      sequenceNumber: 2,
      operation: 'append',
      schemaId: 0,
      summary: { 'total-files-size': '50000' },
    },
    [...manifests, ...more],
  );
  io.reads.length = 0;
  const metadata = modelMetadata([schema], [byWord], { snapshots: [snapshot], currentSnapshotId: 1n });
  return { io, metadata };
}

describe('what a plan leaves out', () => {
  const planned = async (filter: Expr, more?: readonly ModelManifest[]) => {
    const { io, metadata } = await fixedTable(more);
    const plan = await planScan({ metadata, io, filter });
    return { plan, reads: io.reads.length, paths: plan.tasks.map(t => t.dataFile.filePath) };
  };

  test('manifests of other partitions are not read', async () => {
    const { plan, reads, paths } = await planned(compare('eq', 2, 'c'));
    expect(reads).toBe(2);
    expect(paths).toHaveLength(10);
    expect(plan.tasks.every(t => t.residual.op === 'true')).toBe(true);
    expect(plan.stats).toEqual({
      manifests: 5,
      manifestsScanned: 1,
      dataFiles: 50,
      dataFilesScanned: 10,
      deleteFiles: 0,
      bytes: 50000,
      bytesScanned: 10000,
      rows: 100,
    });
  });

  test('files whose bounds exclude the filter, and what is left for the others', async () => {
    const { plan, paths } = await planned({
      op: 'and',
      left: compare('eq', 2, 'c'),
      right: compare('gt-eq', 1, 85n),
    });
    expect(paths).toEqual(['mem:/c8', 'mem:/c9']);
    expect(plan.tasks.map(t => t.residual)).toEqual([compare('gt-eq', 1, 85n), alwaysTrue]);
  });

  test('everything, for a filter that nothing matches', async () => {
    const { reads, paths } = await planned(compare('eq', 2, 'z'));
    expect(paths).toEqual([]);
    expect(reads).toBe(1);
  });

  test('delete manifests when no data file is left', async () => {
    const deletes: DataFile = { ...longFile('mem:/d', 'z', 0n, 9n), content: 2, equalityIds: [1] };
    const manifest: ModelManifest = {
      entries: [{ dataFile: deletes, sequenceNumber: 2 }],
      spec: byWord,
      schema,
      content: 1,
    };
    expect((await planned(compare('eq', 2, 'z'), [manifest])).reads).toBe(1);
  });

  // Who rewrites a file must not bring back a row that the filter doesn't select.
  test('not the deletes of rows that the filter does not select', async () => {
    const deletes: DataFile = { ...longFile('mem:/d', 'c', 80n, 80n), content: 2, equalityIds: [1] };
    const manifest: ModelManifest = {
      entries: [{ dataFile: deletes, sequenceNumber: 2 }],
      spec: byWord,
      schema,
      content: 1,
    };
    const { plan } = await planned({ op: 'and', left: compare('eq', 2, 'c'), right: compare('eq', 1, 85n) }, [
      manifest,
    ]);
    expect(plan.tasks.map(t => t.deletes.map(f => f.filePath))).toEqual([['mem:/d']]);
  });
});

test('a table without snapshots has no rows', async () => {
  const metadata = modelMetadata([schema], [byWord]);
  const plan = await planScan({ metadata, io: new MemoryIO(), filter: alwaysTrue });
  expect(plan).toMatchObject({ tasks: [], schema });
  expect(plan.snapshotId).toBeUndefined();
});

test('a snapshot that was asked for is read with its own schema', async () => {
  const { io, metadata } = await fixedTable();
  const later: Schema = { ...schema, schemaId: 1, fields: [...schema.fields, column(3, { kind: 'int' })] };
  const evolved = { ...metadata, schemas: [schema, later], currentSchemaId: 1 };
  expect((await planScan({ metadata: evolved, io, filter: alwaysTrue })).schema).toBe(later);
  expect((await planScan({ metadata: evolved, io, filter: alwaysTrue, snapshotId: 1n })).schema).toBe(schema);
  await expect(planScan({ metadata: evolved, io, filter: alwaysTrue, snapshotId: 9n })).rejects.toThrow(
    NotFoundError,
  );
});

test('an aborted plan ends', async () => {
  const { io, metadata } = await fixedTable();
  const signal = AbortSignal.abort();
  await expect(planScan({ metadata, io, filter: alwaysTrue, signal })).rejects.toThrow(InterruptedError);
});

test('planning again reads nothing', async () => {
  const { io, metadata } = await fixedTable();
  await planScan({ metadata, io, filter: alwaysTrue });
  const before = io.reads.length;
  await planScan({ metadata, io, filter: compare('eq', 2, 'c') });
  expect(io.reads.length).toBe(before);
});
