import { describe, expect, test } from 'vitest';
import { conflictingAdditions, snapshotsSince } from '../../src/iceberg/conflict.ts';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import { CommitConflictError } from '../../src/iceberg/errors.ts';
import { alwaysFalse, alwaysTrue, compare, type Expr } from '../../src/iceberg/expression.ts';
import type { ManifestFile } from '../../src/iceberg/manifest-list.ts';
import type { Snapshot, TableMetadata } from '../../src/iceberg/metadata.ts';
import type { PartitionSpec } from '../../src/iceberg/partition.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import { valueToBytes } from '../../src/iceberg/value.ts';
import { column, modelMetadata } from './filter-model.ts';
import { MemoryIO } from './memory-io.ts';
import { writeSnapshot } from './table-model.ts';

const schema: Schema = {
  schemaId: 0,
  fields: [column(1, { kind: 'long' }), column(2, { kind: 'string' })],
  identifierFieldIds: [],
};
const spec: PartitionSpec = {
  specId: 1,
  fields: [{ sourceId: 2, fieldId: 1000, name: 'word', transform: { kind: 'identity' } }],
};

function file(filePath: string, word: string, id: bigint, content: 0 | 1 | 2 = 0): DataFile {
  const bound = new Map([[1, valueToBytes({ kind: 'long' }, id)]]);
  return {
    content,
    filePath,
    fileFormat: 'PARQUET',
    specId: 1,
    partition: [word],
    recordCount: 1,
    fileSizeInBytes: 1,
    ...(content === 2 && { equalityIds: [1] }),
    ...(content === 1 ? {} : { nullValueCounts: new Map([[1, 0]]), lowerBounds: bound, upperBounds: bound }),
  };
}

/** 1 append a; 2 append b; 3 replace (compacts a and b); 4 overwrite with deletes; 5 append c. All on main. */
async function history(): Promise<{ io: MemoryIO; metadata: TableMetadata }> {
  const io = new MemoryIO();
  const snapshots: Snapshot[] = [];
  let carried: ManifestFile[] = [];
  const commit = async (operation: Snapshot['operation'], files: readonly DataFile[], keep = true) => {
    const snapshotId = BigInt(snapshots.length + 1);
    const sequenceNumber = snapshots.length + 1;
    const parent = snapshots.at(-1)?.snapshotId;
    const groups = [0, 1].map(content => files.filter(f => Math.min(f.content, 1) === content));
    const written = await writeSnapshot(
      io,
      { snapshotId, sequenceNumber, operation, ...(parent !== undefined && { parentSnapshotId: parent }) },
      groups
        .map((group, content) => ({
          // Each also deletes a file, which adds no rows.
          entries: group.flatMap(dataFile => [
            { dataFile, sequenceNumber, status: 1 as const },
            {
              dataFile: { ...dataFile, filePath: `${dataFile.filePath}-gone` },
              sequenceNumber,
              status: 2 as const,
            },
          ]),
          spec,
          schema,
          content: content as 0 | 1,
        }))
        .filter(manifest => manifest.entries.length > 0),
      keep ? carried : [],
    );
    carried = written.manifests;
    snapshots.push(written.snapshot);
  };
  await commit('append', [file('mem:/1', 'a', 1n)]);
  await commit('append', [file('mem:/2', 'b', 2n)]);
  await commit('replace', [file('mem:/3', 'a', 1n)], false);
  await commit('overwrite', [
    file('mem:/4', 'a', 4n),
    file('mem:/4pos', 'a', 0n, 1),
    file('mem:/4eq', 'b', 2n, 2),
  ]);
  await commit('append', [file('mem:/5', 'c', 5n)]);
  const metadata = modelMetadata([schema], [spec], {
    snapshots,
    currentSnapshotId: 5n,
    refs: { main: { snapshotId: 5n, type: 'branch' }, dev: { snapshotId: 2n, type: 'branch' } },
  });
  return { io, metadata };
}

describe('files added since a snapshot', () => {
  const added = async (since: bigint | undefined, filter: Expr, branch?: string) => {
    const { io, metadata } = await history();
    const conflicts = await conflictingAdditions(metadata, io, since, filter, branch);
    return conflicts.map(f => f.filePath);
  };

  test('in commit order, without those of a reorganisation', async () => {
    expect(await added(undefined, alwaysTrue)).toEqual([
      'mem:/1',
      'mem:/2',
      'mem:/4',
      'mem:/4pos',
      'mem:/4eq',
      'mem:/5',
    ]);
    expect(await added(2n, alwaysTrue)).toEqual(['mem:/4', 'mem:/4pos', 'mem:/4eq', 'mem:/5']);
    expect(await added(4n, alwaysTrue)).toEqual(['mem:/5']);
    expect(await added(5n, alwaysTrue)).toEqual([]);
  });

  test('only those that may match the filter, by partition and by metrics', async () => {
    expect(await added(1n, compare('eq', 2, 'a'))).toEqual(['mem:/4', 'mem:/4pos']);
    expect(await added(1n, compare('eq', 2, 'b'))).toEqual(['mem:/2', 'mem:/4eq']);
    // Position deletes don't tell whose rows they delete.
    expect(await added(1n, compare('gt', 1, 4n))).toEqual(['mem:/4pos', 'mem:/5']);
    expect(await added(1n, alwaysFalse)).toEqual([]);
  });

  test('of the branch', async () => {
    expect(await added(1n, alwaysTrue, 'dev')).toEqual(['mem:/2']);
    expect(await added(2n, alwaysTrue, 'dev')).toEqual([]);
  });

  test('values of a column that has another type by now are not compared', async () => {
    const { io, metadata } = await history();
    const before: Schema = { ...schema, fields: [column(1, { kind: 'date' })] };
    const now: Schema = { ...schema, schemaId: 1, fields: [column(1, { kind: 'timestamp' })] };
    const evolved = { ...metadata, schemas: [before, now], currentSchemaId: 1 };
    const filter = compare('gt', 1, 100);
    const conflicts = await conflictingAdditions(evolved, io, 4n, filter, 'main', before);
    expect(conflicts.map(f => f.filePath)).toEqual(['mem:/5']);
  });

  test('manifests that cannot match are not read', async () => {
    const { io, metadata } = await history();
    io.reads.length = 0;
    await conflictingAdditions(metadata, io, 4n, compare('eq', 2, 'a'));
    expect(io.reads).toEqual([metadata.snapshots[4]!.manifestList]);
  });

  test('a history that does not lead back is a conflict', async () => {
    const { io, metadata } = await history();
    await expect(conflictingAdditions(metadata, io, 3n, alwaysTrue, 'dev')).rejects.toThrow(
      CommitConflictError,
    );
    await expect(conflictingAdditions(metadata, io, 99n, alwaysTrue)).rejects.toThrow(
      /no longer builds on snapshot 99/,
    );
    const expired = { ...metadata, snapshots: metadata.snapshots.slice(3) };
    expect(() => snapshotsSince(expired, 1n)).toThrow(CommitConflictError);
    expect(snapshotsSince(expired, 3n).map(s => s.snapshotId)).toEqual([4n, 5n]);
  });

  test('a branch that was made meanwhile counts from its beginning', async () => {
    const { metadata } = await history();
    expect(snapshotsSince(metadata, undefined, 'dev').map(s => s.snapshotId)).toEqual([1n, 2n]);
    expect(snapshotsSince(metadata, undefined, 'absent')).toEqual([]);
  });
});
