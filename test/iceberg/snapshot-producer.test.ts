import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DataFile, ManifestEntry } from '../../src/iceberg/datafile.ts';
import { CommitConflictError, ValidationError } from '../../src/iceberg/errors.ts';
import { readLiveEntries, readManifest } from '../../src/iceberg/manifest.ts';
import { hasLiveFiles, snapshotManifests } from '../../src/iceberg/manifest-list.ts';
import {
  currentSnapshot,
  resolveRef,
  type Snapshot,
  type TableMetadata,
} from '../../src/iceberg/metadata.ts';
import { applyUpdates, checkRequirements } from '../../src/iceberg/metadata-builder.ts';
import { newTableMetadata } from '../../src/iceberg/metadata-json.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import { newSnapshotId, produceSnapshot, type SnapshotRequest } from '../../src/iceberg/snapshot-producer.ts';
import { MemoryIO } from './memory-io.ts';

const schema: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', required: false, type: { kind: 'long' } },
    { id: 2, name: 'p', required: false, type: { kind: 'int' } },
  ],
  identifierFieldIds: [],
};
const spec = {
  specId: 0,
  fields: [{ sourceId: 2, fieldId: 1000, name: 'p', transform: { kind: 'identity' } }],
} as const;

function table(formatVersion: 1 | 2 | 3 = 2, properties: Record<string, string> = {}): TableMetadata {
  return newTableMetadata({ schema, spec, location: 's3://b/t', formatVersion, properties });
}

const dataFile = (n: number, more: Partial<DataFile> = {}): DataFile => ({
  content: 0,
  filePath: `s3://b/t/data/${n}.parquet`,
  fileFormat: 'PARQUET',
  specId: 0,
  partition: [n % 3 === 0 ? null : n % 3],
  recordCount: n + 1,
  fileSizeInBytes: 100 + n,
  ...more,
});

type Change = Partial<Omit<SnapshotRequest, 'metadata' | 'io'>>;

/** Produces a snapshot and commits it. */
async function commit(metadata: TableMetadata, io: MemoryIO, change: Change): Promise<TableMetadata> {
  const produced = await produceSnapshot({
    metadata,
    io,
    operation: 'append',
    added: [],
    removed: [],
    ...change,
  });
  checkRequirements(metadata, produced.requirements);
  return applyUpdates(metadata, produced.updates);
}

async function liveEntries(metadata: TableMetadata, io: MemoryIO, snapshot = currentSnapshot(metadata)) {
  const live: ManifestEntry[] = [];
  if (snapshot === undefined) return live;
  for (const manifest of await snapshotManifests(io, snapshot)) {
    live.push(...(await readLiveEntries(io, manifest, metadata)));
  }
  return live;
}
const paths = async (metadata: TableMetadata, io: MemoryIO, snapshot?: Snapshot) =>
  (await liveEntries(metadata, io, snapshot))
    .map(entry => /(\d+)\.parquet$/.exec(entry.dataFile.filePath)![1])
    .map(Number);

describe('a snapshot', () => {
  test('says what it is and what a commit of it consists of', async () => {
    const io = new MemoryIO();
    const metadata = table();
    const { snapshot, updates, requirements, written } = await produceSnapshot({
      metadata,
      io,
      operation: 'append',
      added: [dataFile(1), dataFile(2)],
      removed: [],
      summary: { 'app-id': 'x' },
    });
    expect(snapshot).toMatchObject({
      sequenceNumber: 1,
      operation: 'append',
      schemaId: 0,
      summary: {
        'engine-name': 'lakebook',
        'app-id': 'x',
        'added-data-files': '2',
        'added-records': '5',
        'total-records': '5',
      },
    });
    expect(snapshot.parentSnapshotId).toBeUndefined();
    expect(snapshot.firstRowId).toBeUndefined();
    expect(updates).toEqual([
      { action: 'add-snapshot', snapshot },
      {
        action: 'set-snapshot-ref',
        refName: 'main',
        ref: { type: 'branch', snapshotId: snapshot.snapshotId },
      },
    ]);
    expect(requirements).toEqual([
      { type: 'assert-table-uuid', uuid: metadata.tableUuid },
      { type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: undefined },
    ]);
    expect(written.toSorted()).toEqual([...io.files.keys()].toSorted());
    expect(written.every(location => location.startsWith('s3://b/t/metadata/'))).toBe(true);
  });

  test('metadata goes where the table says', async () => {
    const io = new MemoryIO();
    await commit(table(2, { 'write.metadata.path': 's3://b/meta/' }), io, { added: [dataFile(1)] });
    expect([...io.files.keys()].every(location => location.startsWith('s3://b/meta/'))).toBe(true);
  });

  test('is later than what is there, whatever the clock says', async () => {
    const io = new MemoryIO();
    const future = Date.now() + 1e9;
    const first = await commit({ ...table(), lastUpdatedMs: future }, io, { added: [dataFile(1)] });
    const second = await commit(first, io, { added: [dataFile(2)] });
    const [a, b] = second.snapshots;
    expect(a!.timestampMs).toBeGreaterThanOrEqual(future);
    expect(b!.timestampMs).toBeGreaterThan(a!.timestampMs);
  });

  test('ids are positive longs that the table does not have', () => {
    const metadata = table();
    for (let i = 0; i < 100; i++) {
      const id = newSnapshotId(metadata);
      expect(id).toBeGreaterThan(0n);
      expect(id).toBeLessThan(2n ** 63n);
    }
  });

  test('an append reads no manifest', async () => {
    const io = new MemoryIO();
    let metadata = table();
    for (let n = 0; n < 5; n++) metadata = await commit(metadata, io, { added: [dataFile(n)] });
    const fresh = new MemoryIO();
    for (const [location, bytes] of io.files) fresh.files.set(location, bytes);
    await commit(metadata, fresh, { added: [dataFile(9)] });
    expect(fresh.reads).toEqual([currentSnapshot(metadata)!.manifestList]);
  });

  test('only manifests whose partitions fit are opened to remove a file', async () => {
    const io = new MemoryIO();
    let metadata = table();
    for (let n = 0; n < 6; n++) metadata = await commit(metadata, io, { added: [dataFile(n)] });
    const fresh = new MemoryIO();
    for (const [location, bytes] of io.files) fresh.files.set(location, bytes);
    metadata = await commit(metadata, fresh, { operation: 'delete', removed: [dataFile(4)] });
    expect(fresh.reads.filter(read => /-m\d+\.avro$/.test(read))).toHaveLength(2);
    expect((await paths(metadata, fresh)).toSorted()).toEqual([0, 1, 2, 3, 5]);
  });
});

describe('removal', () => {
  test('the manifest is rewritten with the file as deleted, and forgotten once nothing in it is live', async () => {
    const io = new MemoryIO();
    const first = await commit(table(), io, { added: [dataFile(1), dataFile(2)] });
    const second = await commit(first, io, { operation: 'delete', removed: [dataFile(1)] });
    const snapshot = currentSnapshot(second)!;
    const [manifest] = await snapshotManifests(io, snapshot);
    expect(manifest).toMatchObject({
      existingFilesCount: 1,
      addedFilesCount: 0,
      deletedFilesCount: 1,
      addedSnapshotId: snapshot.snapshotId,
    });
    const entries = await readManifest(io, manifest!, second);
    const added = first.currentSnapshotId;
    expect(entries.map(e => [e.status, e.snapshotId, e.sequenceNumber, e.fileSequenceNumber])).toEqual([
      [2, snapshot.snapshotId, 1, 1],
      [0, added, 1, 1],
    ]);
    const third = await commit(second, io, { operation: 'delete', removed: [dataFile(2)] });
    const [last] = await snapshotManifests(io, currentSnapshot(third)!);
    expect(last).toMatchObject({ existingFilesCount: 0, deletedFilesCount: 1 });
    expect(hasLiveFiles(last!)).toBe(false);
    const fourth = await commit(third, io, { added: [dataFile(3)] });
    expect(await snapshotManifests(io, currentSnapshot(fourth)!)).toHaveLength(1);
    expect(await paths(first, io)).toEqual([1, 2]);
  });

  test('of a file that is not there (any more) is a conflict', async () => {
    const io = new MemoryIO();
    const metadata = await commit(table(), io, { added: [dataFile(1)] });
    const before = [...io.files.keys()];
    const attempt = commit(metadata, io, {
      removed: [dataFile(1), dataFile(4), dataFile(5)],
      added: [dataFile(7)],
    });
    await expect(attempt).rejects.toThrow(CommitConflictError);
    await expect(attempt).rejects.toThrow(/4\.parquet and 1 more/);
    expect([...io.files.keys()]).toEqual(before);
  });

  test('of a deletion vector tells it from others in the same Puffin file', async () => {
    const io = new MemoryIO();
    const vector = (n: number): DataFile =>
      dataFile(0, {
        content: 1,
        fileFormat: 'PUFFIN',
        filePath: 's3://b/t/data/dv.puffin',
        referencedDataFile: dataFile(n).filePath,
        contentOffset: n * 10,
        contentSizeInBytes: 10,
      });
    let metadata = await commit(table(3), io, { added: [dataFile(1), dataFile(2), vector(1), vector(2)] });
    metadata = await commit(metadata, io, { removed: [vector(1)] });
    const deletes = (await liveEntries(metadata, io)).filter(e => e.dataFile.content === 1);
    expect(deletes.map(e => e.dataFile.contentOffset)).toEqual([20]);
    expect(currentSnapshot(metadata)!.summary).toMatchObject({
      'removed-dvs': '1',
      'total-delete-files': '1',
    });
  });
});

describe('what a table can not have is refused before anything is written', () => {
  const deletes = dataFile(9, { content: 1 });
  const vector = dataFile(9, { content: 1, fileFormat: 'PUFFIN', contentOffset: 0 });
  test.each<[string, TableMetadata, Change, RegExp]>([
    ['deletes in v1', table(1), { added: [deletes] }, /version 1 has no delete files/],
    ['a deletion vector in v2', table(2), { added: [vector] }, /need format version 3/],
    ['position deletes in v3', table(3), { added: [deletes] }, /takes deletion vectors/],
    ['another spec', table(), { added: [dataFile(1, { specId: 5 })] }, /spec 5/],
    ['a file twice', table(), { added: [dataFile(1), dataFile(1)] }, /added twice/],
    [
      'a file added and removed',
      table(),
      { added: [dataFile(1)], removed: [dataFile(1)] },
      /both added and removed/,
    ],
  ])('%s', async (_, metadata, change, message) => {
    const io = new MemoryIO();
    const attempt = commit(metadata, io, change);
    await expect(attempt).rejects.toThrow(ValidationError);
    await expect(attempt).rejects.toThrow(message);
    expect(io.files.size).toBe(0);
  });
});

describe('branches', () => {
  test('a new branch starts at main, or at the snapshot it is based on, and main stays', async () => {
    const io = new MemoryIO();
    const first = await commit(table(), io, { added: [dataFile(1)] });
    const second = await commit(first, io, { added: [dataFile(2)] });
    const dev = await commit(second, io, { branch: 'dev', added: [dataFile(3)] });
    expect(await paths(dev, io, resolveRef(dev, 'dev'))).toEqual([1, 2, 3]);
    expect(await paths(dev, io)).toEqual([1, 2]);
    const old = await commit(dev, io, {
      branch: 'old',
      baseSnapshotId: first.currentSnapshotId!,
      added: [dataFile(4)],
    });
    expect(await paths(old, io, resolveRef(old, 'old'))).toEqual([1, 4]);
    expect(currentSnapshot(old)).toEqual(currentSnapshot(second));
  });

  test('the retention of a branch is kept', async () => {
    const io = new MemoryIO();
    const first = await commit(table(), io, { added: [dataFile(1)] });
    const ref = { snapshotId: first.currentSnapshotId!, type: 'branch', minSnapshotsToKeep: 4 } as const;
    const base = applyUpdates(first, [{ action: 'set-snapshot-ref', refName: 'dev', ref }]);
    const metadata = await commit(base, io, { branch: 'dev', added: [dataFile(2)] });
    expect(metadata.refs.dev).toMatchObject({
      minSnapshotsToKeep: 4,
      snapshotId: metadata.snapshots[1]!.snapshotId,
    });
  });

  test('a head that moved is a conflict, a tag no branch', async () => {
    const io = new MemoryIO();
    const first = await commit(table(), io, { added: [dataFile(1)] });
    const second = await commit(first, io, { added: [dataFile(2)] });
    await expect(commit(second, io, { baseSnapshotId: first.currentSnapshotId! })).rejects.toThrow(
      CommitConflictError,
    );
    const ref = { snapshotId: first.currentSnapshotId!, type: 'tag' } as const;
    const tagged = applyUpdates(second, [{ action: 'set-snapshot-ref', refName: 'v1', ref }]);
    await expect(commit(tagged, io, { branch: 'v1' })).rejects.toThrow(/v1 is a tag/);
    await expect(commit(second, io, { branch: 'x', baseSnapshotId: 5n })).rejects.toMatchObject({
      code: 'SNAPSHOT_NOT_FOUND',
    });
  });
});

describe('manifests are merged', () => {
  const manifestsOf = (metadata: TableMetadata, io: MemoryIO) =>
    snapshotManifests(io, currentSnapshot(metadata)!);

  test('when there are as many as the table says', async () => {
    const io = new MemoryIO();
    let metadata = table(2, { 'commit.manifest.min-count-to-merge': '4' });
    const counts: number[] = [];
    for (let n = 0; n < 6; n++) {
      metadata = await commit(metadata, io, { added: [dataFile(n)] });
      counts.push((await manifestsOf(metadata, io)).length);
    }
    expect(counts).toEqual([1, 2, 3, 1, 2, 3]);
    const entries = await liveEntries(metadata, io);
    expect(entries.map(e => e.sequenceNumber)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(entries.map(e => e.snapshotId)).toEqual(metadata.snapshots.map(s => s.snapshotId));
  });

  test('manifests that are merged at once are never written', async () => {
    const io = new MemoryIO();
    let metadata = table(2, { 'commit.manifest.min-count-to-merge': '2' });
    metadata = await commit(metadata, io, { added: [dataFile(0)] });
    const before = io.files.size;
    await commit(metadata, io, { added: [dataFile(1)] });
    expect(io.files.size).toBe(before + 2);
  });

  test('not when the table says no', async () => {
    const io = new MemoryIO();
    const no = { 'commit.manifest-merge.enabled': 'false', 'commit.manifest.min-count-to-merge': '2' };
    let metadata = table(2, no);
    for (let n = 0; n < 4; n++) metadata = await commit(metadata, io, { added: [dataFile(n)] });
    expect(await manifestsOf(metadata, io)).toHaveLength(4);
  });

  test('not beyond the target size, and split when they are larger', async () => {
    const io = new MemoryIO();
    const properties = {
      'commit.manifest.min-count-to-merge': '2',
      'commit.manifest.target-size-bytes': '8192',
    };
    const name = 'x'.repeat(50);
    // Names that don't compress.
    const random = (n: number) => `${name}${(n * 2654435761).toString(36).repeat(3)}${Math.sin(n)}`;
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) =>
        dataFile(from + i, { filePath: `s3://b/t/${random(from + i)}.parquet` }),
      );
    let metadata = await commit(table(2, properties), io, { added: many(0, 1000) });
    const first = await manifestsOf(metadata, io);
    expect(first.length).toBeGreaterThan(2);
    for (const manifest of first) expect(manifest.manifestLength).toBeLessThan(8192 * 2);
    for (let n = 0; n < 5; n++) metadata = await commit(metadata, io, { added: many(1000 + n * 10, 10) });
    const manifests = await manifestsOf(metadata, io);
    expect(manifests.length).toBeLessThan(first.length + 3);
    // Those that have their size stay as they are.
    const kept = manifests.filter(m => first.some(other => other.manifestPath === m.manifestPath));
    expect(kept.length).toBeGreaterThanOrEqual(first.length - 2);
    expect(await liveEntries(metadata, io)).toHaveLength(1050);
  });

  test('only those of one spec and content', async () => {
    const io = new MemoryIO();
    const merging = table(2, { 'commit.manifest.min-count-to-merge': '2' });
    const unpartitioned = { specId: 1, fields: [] };
    let metadata = applyUpdates(merging, [{ action: 'add-spec', spec: unpartitioned }]);
    const other = (n: number) => dataFile(n, { specId: 1, partition: [] });
    const deletes = (n: number) => dataFile(n, { content: 2, equalityIds: [1] });
    for (let n = 0; n < 9; n += 3) {
      metadata = await commit(metadata, io, { added: [dataFile(n), other(n + 1), deletes(n + 2)] });
    }
    const manifests = await manifestsOf(metadata, io);
    expect(manifests.map(m => [m.partitionSpecId, m.content]).sort()).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
    ]);
    expect(await liveEntries(metadata, io)).toHaveLength(9);
  });
});

describe('format versions', () => {
  test('v1 to v2 to v3: old files keep number 0, counts are filled in, row ids are given to all', async () => {
    const io = new MemoryIO();
    let metadata = await commit(table(1), io, { added: [dataFile(1)] });
    // An old writer: no manifest list, no counts.
    const [manifest] = await snapshotManifests(io, currentSnapshot(metadata)!);
    const { manifestList: _, ...old } = currentSnapshot(metadata)!;
    metadata = { ...metadata, snapshots: [{ ...old, manifests: [manifest!.manifestPath] }] };
    metadata = applyUpdates(metadata, [{ action: 'upgrade-format-version', formatVersion: 2 }]);
    metadata = await commit(metadata, io, { added: [dataFile(2)] });
    const counts = (await snapshotManifests(io, currentSnapshot(metadata)!)).map(m => [
      m.addedFilesCount,
      m.addedRowsCount,
    ]);
    expect(counts).toEqual([
      [1, 2],
      [1, 3],
    ]);
    expect((await liveEntries(metadata, io)).map(e => e.sequenceNumber)).toEqual([0, 1]);
    metadata = applyUpdates(metadata, [{ action: 'upgrade-format-version', formatVersion: 3 }]);
    metadata = await commit(metadata, io, { added: [dataFile(3)] });
    expect((await liveEntries(metadata, io)).map(e => e.dataFile.firstRowId)).toEqual([0, 2, 5]);
    expect(metadata.nextRowId).toBe(9);
    expect(currentSnapshot(metadata)).toMatchObject({ firstRowId: 0, addedRows: 9 });
  });

  test('rows of a rewrite belong to the sequence number they came from', async () => {
    const io = new MemoryIO();
    let metadata = await commit(table(), io, { added: [dataFile(1)] });
    metadata = await commit(metadata, io, { added: [dataFile(2, { content: 2, equalityIds: [1] })] });
    metadata = await commit(metadata, io, {
      operation: 'replace',
      removed: [dataFile(1)],
      added: [dataFile(3)],
      dataSequenceNumber: 1,
    });
    const entry = (await liveEntries(metadata, io)).find(e => e.dataFile.content === 0)!;
    expect([entry.sequenceNumber, entry.fileSequenceNumber]).toEqual([1, 3]);
    const list = await snapshotManifests(io, currentSnapshot(metadata)!);
    expect(list.find(m => m.content === 0 && m.addedFilesCount === 1)).toMatchObject({
      sequenceNumber: 3,
      minSequenceNumber: 1,
    });
  });
});

/** Storage whose calls take their time, and of which some fail. */
class SlowIO extends MemoryIO {
  failAt = Number.POSITIVE_INFINITY;
  creates = 0;

  override async create(location: string, bytes: Uint8Array): Promise<void> {
    const call = this.creates++;
    // The one that fails does so while others are still at work.
    await delay(call === this.failAt ? 1 : 5);
    if (call === this.failAt) throw new Error('disk full');
    await super.create(location, bytes);
  }
}

test('nothing is left behind, whichever file can not be written', async () => {
  const added = [0, 1, 2, 3].flatMap(specId =>
    [0, 2].map(content =>
      dataFile(specId * 10 + content, {
        specId,
        content: content as 0,
        partition: specId === 0 ? [1] : [null],
      }),
    ),
  );
  const specs = [1, 2, 3].map(specId => ({
    action: 'add-spec' as const,
    spec: {
      specId,
      fields: [
        {
          sourceId: 1,
          fieldId: 0,
          name: `b${specId}`,
          transform: { kind: 'bucket' as const, buckets: specId },
        },
      ],
    },
  }));
  const base = applyUpdates(table(), specs);
  const io = new SlowIO();
  await commit(base, io, { added });
  const files = io.creates;
  expect(files).toBe(9);
  for (let failAt = 0; failAt < files; failAt++) {
    const failing = new SlowIO();
    failing.failAt = failAt;
    await expect(commit(base, failing, { added })).rejects.toThrow('disk full');
    await delay(20);
    expect([...failing.files.keys()]).toEqual([]);
  }
});

test('a damaged manifest stops a commit, and nothing is left behind', async () => {
  const io = new MemoryIO();
  const metadata = await commit(table(), io, { added: [dataFile(1)] });
  const [manifest] = await snapshotManifests(io, currentSnapshot(metadata)!);
  const fresh = new MemoryIO();
  for (const [location, bytes] of io.files) {
    fresh.files.set(location, location === manifest!.manifestPath ? bytes.subarray(0, -9) : bytes);
  }
  const before = [...fresh.files.keys()];
  await expect(
    commit(metadata, fresh, { removed: [dataFile(1)], added: [dataFile(2)] }),
  ).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining(manifest!.manifestPath),
  });
  expect([...fresh.files.keys()]).toEqual(before);
});

describe('a table against a plain model', () => {
  interface ModelFile {
    readonly file: DataFile;
    readonly sequenceNumber: number;
    readonly fileSequenceNumber: number;
    readonly snapshotId: bigint;
  }
  type Model = ReadonlyMap<string, ModelFile>;
  type Step =
    | {
        readonly kind: 'change';
        readonly add: number;
        readonly deletes: number;
        readonly remove: readonly number[];
        readonly rewrite: boolean;
      }
    | { readonly kind: 'upgrade' }
    | { readonly kind: 'evolve' };

  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant('change' as const),
        add: fc.nat({ max: 4 }),
        deletes: fc.nat({ max: 2 }),
        remove: fc.array(fc.nat(), { maxLength: 3 }),
        rewrite: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'upgrade' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'evolve' as const }) },
  );

  const key = (file: DataFile) => `${file.filePath}#${file.contentOffset}`;

  function totals(model: Model) {
    const files = [...model.values()].map(({ file }) => file);
    const data = files.filter(file => file.content === 0);
    return {
      'total-data-files': String(data.length),
      'total-delete-files': String(files.length - data.length),
      'total-records': String(data.reduce((sum, file) => sum + file.recordCount, 0)),
    };
  }

  test('files, numbers, row ids and totals stay right through merges, removals, upgrades and new specs', {
    timeout: 60_000,
  }, async () => {
    const any = fc.record({
      version: fc.constantFrom(1 as const, 2 as const, 3 as const),
      minCount: fc.constantFrom('2', '3', '100'),
      steps: fc.array(step, { maxLength: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(any, async ({ version, minCount, steps }) => {
        const io = new MemoryIO();
        let metadata = table(version, { 'commit.manifest.min-count-to-merge': minCount });
        let model: Model = new Map();
        let n = 0;
        const rowIds = new Map<string, number>();
        const history: [Snapshot, Model][] = [];
        for (const step of steps) {
          if (step.kind === 'upgrade') {
            const formatVersion = Math.min(3, metadata.formatVersion + 1) as 2 | 3;
            metadata = applyUpdates(metadata, [{ action: 'upgrade-format-version', formatVersion }]);
            continue;
          }
          if (step.kind === 'evolve') {
            // In v1, fields of a spec before it can't be left out.
            if (metadata.formatVersion === 1) continue;
            const transform = { kind: 'bucket', buckets: metadata.partitionSpecs.length + 1 } as const;
            const fields = [
              ...spec.fields,
              { sourceId: 1, fieldId: 0, name: `b${transform.buckets}`, transform },
            ];
            metadata = applyUpdates(metadata, [
              { action: 'add-spec', spec: { specId: 0, fields } },
              { action: 'set-default-spec', specId: -1 },
            ]);
            continue;
          }
          const specId = metadata.defaultSpecId;
          const newFile = (more: Partial<DataFile>) => {
            const file = dataFile(n++);
            const partition = specId === 0 ? file.partition : [file.partition[0]!, n % 5];
            return { ...file, specId, partition, ...more };
          };
          const added = Array.from({ length: step.add }, () => newFile({}));
          const vectors = metadata.formatVersion === 3;
          if (metadata.formatVersion > 1) {
            for (let i = 0; i < step.deletes; i++) {
              const equality = i % 2 === 0;
              added.push(
                newFile(
                  equality
                    ? { content: 2, equalityIds: [1] }
                    : vectors
                      ? { content: 1, fileFormat: 'PUFFIN', filePath: 's3://b/t/dv.puffin', contentOffset: n }
                      : { content: 1 },
                ),
              );
            }
          }
          const live = [...model.values()];
          const removed = new Map(
            live.length === 0
              ? []
              : step.remove.map(i => live[i % live.length]!.file).map(file => [key(file), file]),
          );
          const rewrites = step.rewrite && metadata.formatVersion > 1 && metadata.lastSequenceNumber > 0;
          const dataSequenceNumber = rewrites ? 1 : undefined;
          metadata = await commit(metadata, io, {
            operation: 'overwrite',
            added,
            removed: [...removed.values()],
            ...(dataSequenceNumber !== undefined && { dataSequenceNumber }),
          });
          const snapshot = currentSnapshot(metadata)!;
          const { snapshotId, sequenceNumber } = snapshot;
          model = new Map([
            ...[...model].filter(([k]) => !removed.has(k)),
            ...added.map((file): [string, ModelFile] => {
              const own = file.content === 0 ? (dataSequenceNumber ?? sequenceNumber) : sequenceNumber;
              return [
                key(file),
                { file, sequenceNumber: own, fileSequenceNumber: sequenceNumber, snapshotId },
              ];
            }),
          ]);
          history.push([snapshot, model]);
          expect(snapshot.summary).toMatchObject(totals(model));
        }
        // Every snapshot still says what it said when it was made.
        for (const [snapshot, expected] of history) {
          const entries = await liveEntries(metadata, io, snapshot);
          const found = entries.map(({ dataFile: { firstRowId: _, ...file }, status: __, ...numbers }) => [
            key(file),
            { file, ...numbers },
          ]);
          expect(found).toHaveLength(expected.size);
          expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
          for (const { dataFile: file } of entries) {
            if (file.firstRowId === undefined) {
              expect(file.content !== 0 || snapshot.firstRowId === undefined).toBe(true);
              continue;
            }
            // Once given, the ids of a file's rows never change.
            expect(rowIds.get(file.filePath) ?? file.firstRowId).toBe(file.firstRowId);
            rowIds.set(file.filePath, file.firstRowId);
          }
          // The manifests' own numbers are what planning skips them by.
          for (const manifest of await snapshotManifests(io, snapshot)) {
            const inside = await readLiveEntries(io, manifest, metadata);
            for (const entry of inside)
              expect(entry.sequenceNumber).toBeGreaterThanOrEqual(manifest.minSequenceNumber);
            expect(hasLiveFiles(manifest)).toBe(inside.length > 0);
          }
        }
        // No two files share a row id, and none is the next one's.
        const ranges = [...rowIds]
          .map(([path, first]) => ({ first, count: Number(/(\d+)\.parquet$/.exec(path)![1]) + 1 }))
          .sort((a, b) => a.first - b.first);
        for (const [i, { first, count }] of ranges.entries()) {
          expect(ranges[i + 1]?.first ?? metadata.nextRowId).toBeGreaterThanOrEqual(first + count);
        }
      }),
      { numRuns: 100 },
    );
  });
});
