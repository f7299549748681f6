import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeAvroMetadata, encodeAvroFile } from '../../src/iceberg/avro.ts';
import type { DataFile, ManifestEntry } from '../../src/iceberg/datafile.ts';
import { CorruptFileError, LakebookError } from '../../src/iceberg/errors.ts';
import {
  encodeManifest,
  manifestPartitionTypes,
  readLiveEntries,
  readManifest,
  writeManifest,
} from '../../src/iceberg/manifest.ts';
import {
  type ManifestFile,
  readManifestList,
  snapshotManifests,
  UNASSIGNED,
  writeManifestList,
} from '../../src/iceberg/manifest-list.ts';
import {
  type FormatVersion,
  manifestEntryCodec,
  manifestFileCodec,
  type WritableEntry,
} from '../../src/iceberg/manifest-schema.ts';
import type { Snapshot } from '../../src/iceberg/metadata.ts';
import type { PartitionSpec } from '../../src/iceberg/partition.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { Type, Value } from '../../src/iceberg/types.ts';
import { valueToBytes } from '../../src/iceberg/value.ts';
import { anyValue, valueTypes } from './arbitraries.ts';
import { MemoryIO } from './memory-io.ts';

const location = 's3://b/t/m.avro';
const versions = [1, 2, 3] as const;

/** A table partitioned by the identity of columns of the given types. */
function context(types: readonly Type[]) {
  const schema: Schema = {
    schemaId: 0,
    fields: types.map((type, i) => ({ id: i + 1, name: `c${i}`, required: false, type })),
    identifierFieldIds: [],
  };
  const spec: PartitionSpec = {
    specId: 3,
    fields: types.map((_, i) => ({
      sourceId: i + 1,
      fieldId: 1000 + i,
      // Names that Avro doesn't allow, or that become the same in it.
      name: ['a b', 'a_x20b', '1'][i] ?? `p${i}`,
      transform: { kind: 'identity' },
    })),
  };
  return { schema, spec, metadata: { schemas: [schema], currentSchemaId: 0, partitionSpecs: [spec] } };
}

const long = context([{ kind: 'long' }]);

const dataFile = (n: number, more: Partial<DataFile> = {}): DataFile => ({
  content: 0,
  filePath: `s3://b/t/data/${n}.parquet`,
  fileFormat: 'PARQUET',
  specId: 3,
  partition: [BigInt(n)],
  recordCount: n,
  fileSizeInBytes: 100 + n,
  ...more,
});
const entry = (status: 0 | 1 | 2, n: number, more: Partial<WritableEntry> = {}): WritableEntry => ({
  status,
  snapshotId: 11n,
  dataFile: dataFile(n),
  ...(status !== 1 && { sequenceNumber: 4, fileSequenceNumber: 5 }),
  ...more,
});

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const mapOf = <T>(value: fc.Arbitrary<T>) =>
  maybe(
    fc.uniqueArray(fc.tuple(fc.nat(), value), { selector: ([id]) => id, maxLength: 3 }).map(e => new Map(e)),
  );

/** Any file that a table of the version may have, of the content that the manifest has. */
function anyFile(version: FormatVersion, content: 0 | 1, types: readonly Type[]): fc.Arbitrary<DataFile> {
  const since = <T>(least: FormatVersion, value: fc.Arbitrary<T>) =>
    version >= least ? maybe(value) : fc.constant(undefined);
  return fc.record({
    content: content === 0 ? fc.constant(0 as const) : fc.constantFrom(1 as const, 2 as const),
    filePath: fc.string(),
    fileFormat: fc.constantFrom('PARQUET', 'AVRO', 'ORC', 'PUFFIN'),
    specId: fc.constant(3),
    partition: fc.tuple(...types.map(type => fc.option(anyValue(type)))),
    recordCount: count,
    fileSizeInBytes: count,
    columnSizes: mapOf(count),
    valueCounts: mapOf(count),
    nullValueCounts: mapOf(count),
    nanValueCounts: mapOf(count),
    lowerBounds: mapOf(fc.uint8Array()),
    upperBounds: mapOf(fc.uint8Array()),
    keyMetadata: maybe(fc.uint8Array()),
    splitOffsets: maybe(fc.array(count)),
    equalityIds: since(2, fc.array(fc.nat())),
    sortOrderId: maybe(fc.nat()),
    referencedDataFile: since(2, fc.string()),
    contentOffset: since(3, count),
    contentSizeInBytes: since(3, count),
    firstRowId: content === 0 ? since(3, count) : fc.constant(undefined),
  });
}

/** Metrics as plain maps, bytes as plain arrays, so that they can be compared. */
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? [...value]
    : Array.isArray(value)
      ? value.map(plain)
      : typeof value === 'object' && value !== null
        ? Symbol.iterator in value
          ? new Map(Array.from(value as Map<number, unknown>, ([k, v]) => [k, plain(v)]))
          : Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
        : // NaN has several bit patterns, and 0 two: what counts is the value.
          value;

describe('whatever is written is read back equal', () => {
  const anyTypes = fc.array(fc.constantFrom(...valueTypes), { maxLength: 3 });
  const anyEntries = fc
    .record({ version: fc.constantFrom(...versions), deletes: fc.boolean(), types: anyTypes })
    .chain(({ version, deletes, types }) => {
      const content = deletes && version > 1 ? 1 : 0;
      const item = fc.record({
        status: fc.constantFrom(0 as const, 2 as const),
        snapshotId: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        sequenceNumber: version === 1 ? fc.constant(0) : count,
        fileSequenceNumber: version === 1 ? fc.constant(0) : count,
        dataFile: anyFile(version, content, types),
      });
      return fc.record({
        version: fc.constant(version),
        content: fc.constant(content as 0 | 1),
        types: fc.constant(types),
        entries: fc.array(item, { maxLength: 4 }),
      });
    });

  test('manifests, in every format version, with partitions of every type', async () => {
    await fc.assert(
      fc.asyncProperty(anyEntries, async ({ version, content, types, entries }) => {
        const { schema, spec, metadata } = context(types);
        const io = new MemoryIO();
        const request = { entries, spec, schema, formatVersion: version, content, snapshotId: 1n };
        const manifest = await writeManifest(io, location, request);
        expect(manifest.manifestLength).toBe(io.files.get(location)!.length);
        const read = await readManifest(io, manifest, metadata);
        expect(plain(read)).toEqual(plain(entries));
      }),
    );
  });

  const anySummary = fc.record({
    containsNull: fc.boolean(),
    containsNan: maybe(fc.boolean()),
    lowerBound: maybe(fc.uint8Array()),
    upperBound: maybe(fc.uint8Array()),
  });
  const int = fc.nat();
  const anyManifest = (version: FormatVersion): fc.Arbitrary<ManifestFile> => {
    const maybeInV1 = <T>(value: fc.Arbitrary<T>) => (version === 1 ? maybe(value) : value);
    return fc.record({
      manifestPath: fc.string(),
      manifestLength: count,
      partitionSpecId: int,
      content: version === 1 ? fc.constant(0 as const) : fc.constantFrom(0 as const, 1 as const),
      sequenceNumber: version === 1 ? fc.constant(0) : count,
      minSequenceNumber: version === 1 ? fc.constant(0) : count,
      addedSnapshotId: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      addedFilesCount: maybeInV1(int),
      existingFilesCount: maybeInV1(int),
      deletedFilesCount: maybeInV1(int),
      addedRowsCount: maybeInV1(count),
      existingRowsCount: maybeInV1(count),
      deletedRowsCount: maybeInV1(count),
      partitions: maybe(fc.array(anySummary, { maxLength: 2 })),
      keyMetadata: maybe(fc.uint8Array()),
      firstRowId: version === 3 ? count : fc.constant(undefined),
    });
  };

  test('manifest lists, in every format version', async () => {
    const any = fc
      .constantFrom(...versions)
      .chain(version => fc.tuple(fc.constant(version), fc.array(anyManifest(version), { maxLength: 4 })));
    await fc.assert(
      fc.asyncProperty(any, async ([formatVersion, manifests]) => {
        const io = new MemoryIO();
        const request = {
          formatVersion,
          snapshotId: 1n,
          parentSnapshotId: undefined,
          sequenceNumber: 9,
          manifests,
        };
        expect(await writeManifestList(io, location, request)).toEqual({ addedRows: 0 });
        expect(plain(await readManifestList(io, location))).toEqual(plain(manifests));
      }),
    );
  });
});

describe('what a manifest says about itself', () => {
  test('counts, rows and the least sequence number', () => {
    const entries = [entry(0, 1), entry(1, 2), entry(1, 4), entry(2, 8, { sequenceNumber: 1 })];
    const { manifest } = encodeManifest(location, {
      ...long,
      entries,
      formatVersion: 2,
      content: 0,
      snapshotId: 12n,
    });
    expect(manifest).toMatchObject({
      manifestPath: location,
      partitionSpecId: 3,
      content: 0,
      addedSnapshotId: 12n,
      sequenceNumber: UNASSIGNED,
      minSequenceNumber: 4,
      existingFilesCount: 1,
      addedFilesCount: 2,
      deletedFilesCount: 1,
      existingRowsCount: 1,
      addedRowsCount: 6,
      deletedRowsCount: 8,
    });
  });

  test('partition bounds without null and NaN', () => {
    const { schema, spec } = context([{ kind: 'double' }, { kind: 'string' }]);
    const file = (n: number, partition: (Value | null)[]) =>
      entry(1, n, { dataFile: dataFile(n, { partition }) });
    const entries = [file(1, [2, 'b']), file(2, [Number.NaN, 'a']), file(3, [-1, null])];
    const { manifest } = encodeManifest(location, {
      entries,
      spec,
      schema,
      formatVersion: 2,
      content: 0,
      snapshotId: 1n,
    });
    const bytes = (type: Type, value: Value) => valueToBytes(type as { kind: 'double' }, value);
    expect(manifest.partitions).toEqual([
      {
        containsNull: false,
        containsNan: true,
        lowerBound: bytes({ kind: 'double' }, -1),
        upperBound: bytes({ kind: 'double' }, 2),
      },
      {
        containsNull: true,
        containsNan: false,
        lowerBound: bytes({ kind: 'string' }, 'a'),
        upperBound: bytes({ kind: 'string' }, 'b'),
      },
    ]);
  });

  test('the header that other readers need', () => {
    const header = (formatVersion: FormatVersion, content: 0 | 1) => {
      const request = { ...long, entries: [], formatVersion, content, snapshotId: 1n };
      return Object.fromEntries(decodeAvroMetadata(location, encodeManifest(location, request).bytes));
    };
    expect(header(2, 1)).toMatchObject({
      'schema-id': '0',
      'partition-spec-id': '3',
      'format-version': '2',
      content: 'deletes',
    });
    expect(JSON.parse(String(header(3, 0)['partition-spec']))).toEqual([
      { 'source-id': 1, 'field-id': 1000, name: 'a b', transform: 'identity' },
    ]);
    expect(JSON.parse(String(header(3, 0).schema))).toMatchObject({ type: 'struct', 'schema-id': 0 });
    expect(header(1, 0)).not.toHaveProperty('content');
    expect(() => header(1, 1)).toThrow(/version 1 has no delete files/);
  });
});

describe('inheritance', () => {
  async function write(formatVersion: FormatVersion, entries: readonly WritableEntry[], content: 0 | 1 = 0) {
    const io = new MemoryIO();
    const request = { ...long, entries, formatVersion, content, snapshotId: 12n };
    return { io, manifest: await writeManifest(io, location, request) };
  }
  const committed = { sequenceNumber: 7, minSequenceNumber: 7 };

  test('an added file gets the sequence numbers of the manifest, others have their own', async () => {
    const { io, manifest } = await write(2, [
      entry(1, 1),
      entry(0, 2),
      entry(2, 3),
      entry(1, 4, { sequenceNumber: 3 }),
    ]);
    const entries = await readManifest(io, { ...manifest, ...committed }, long.metadata);
    expect(entries.map(e => [e.status, e.snapshotId, e.sequenceNumber, e.fileSequenceNumber])).toEqual([
      [1, 11n, 7, 7],
      [0, 11n, 4, 5],
      [2, 11n, 4, 5],
      // Data of a rewrite belongs to an older number; the file itself is new.
      [1, 11n, 3, 7],
    ]);
    expect(await readLiveEntries(io, { ...manifest, ...committed }, long.metadata)).toHaveLength(3);
  });

  test('an entry without a snapshot id gets that of the manifest', async () => {
    const codec = manifestEntryCodec(2, long.spec, [{ kind: 'long' }]);
    const record = { ...entry(1, 1), snapshotId: undefined as unknown as bigint };
    const bytes = encodeAvroFile({
      schema: codec.schema,
      metadata: { 'format-version': '2' },
      records: [record],
      encode: codec.encode,
    });
    const io = new MemoryIO();
    await io.create(location, bytes);
    const { manifest } = encodeManifest(location, {
      ...long,
      entries: [],
      formatVersion: 2,
      content: 0,
      snapshotId: 12n,
    });
    const read = await readManifest(
      io,
      { ...manifest, ...committed, manifestLength: bytes.length },
      long.metadata,
    );
    expect(read[0]!.snapshotId).toBe(12n);
  });

  test('an existing file without a sequence number is a fault', async () => {
    const { io, manifest } = await write(2, [
      entry(0, 1, { sequenceNumber: undefined, fileSequenceNumber: undefined }),
    ]);
    await expect(readManifest(io, { ...manifest, ...committed }, long.metadata)).rejects.toThrow(
      /status 0 has no sequence number/,
    );
  });

  test('v1 files have the number 0', async () => {
    const { io, manifest } = await write(1, [entry(1, 1), entry(0, 2), entry(2, 3)]);
    const entries = await readManifest(io, { ...manifest, sequenceNumber: 0 }, long.metadata);
    expect(entries.map(e => [e.sequenceNumber, e.fileSequenceNumber])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });

  test('row ids count on from those of the manifest, past files that have their own', async () => {
    const own = dataFile(5, { firstRowId: 1000 });
    const { io, manifest } = await write(3, [
      entry(1, 10),
      entry(0, 5, { dataFile: own }),
      entry(2, 7),
      entry(0, 3),
      entry(1, 1),
    ]);
    const entries = await readManifest(io, { ...manifest, ...committed, firstRowId: 100 }, long.metadata);
    expect(entries.map(e => e.dataFile.firstRowId)).toEqual([100, 1000, undefined, 110, 113]);
    const without = await readManifest(io, { ...manifest, ...committed }, long.metadata);
    expect(without.map(e => e.dataFile.firstRowId)).toEqual([
      undefined,
      1000,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('delete files have no row ids', async () => {
    const file = dataFile(1, { content: 1, firstRowId: 4 });
    const { io, manifest } = await write(3, [entry(1, 1, { dataFile: file })], 1);
    const [read] = await readManifest(io, { ...manifest, ...committed, firstRowId: 100 }, long.metadata);
    expect(read!.dataFile.firstRowId).toBeUndefined();
  });

  test('the row id of an added file is for the commit to give', async () => {
    const { io, manifest } = await write(3, [entry(1, 1, { dataFile: dataFile(1, { firstRowId: 4 }) })]);
    const [read] = await readManifest(io, { ...manifest, ...committed, firstRowId: 100 }, long.metadata);
    expect(read!.dataFile.firstRowId).toBe(100);
  });
});

describe('manifest lists', () => {
  const manifest = (more: Partial<ManifestFile> = {}): ManifestFile => ({
    ...encodeManifest('m', {
      ...long,
      entries: [entry(1, 5), entry(0, 2)],
      formatVersion: 2,
      content: 0,
      snapshotId: 1n,
    }).manifest,
    ...more,
  });
  async function written(formatVersion: FormatVersion, manifests: ManifestFile[], firstRowId?: number) {
    const io = new MemoryIO();
    const request = {
      formatVersion,
      snapshotId: 8n,
      parentSnapshotId: 7n,
      sequenceNumber: 9,
      firstRowId,
      manifests,
    };
    const { addedRows } = await writeManifestList(io, location, request);
    return { io, addedRows, read: await readManifestList(io, location) };
  }

  test('numbers that the commit decides are filled in', async () => {
    const old = manifest({ sequenceNumber: 3, minSequenceNumber: 2 });
    const { read } = await written(2, [old, manifest(), manifest({ minSequenceNumber: UNASSIGNED })]);
    expect(read.map(m => [m.sequenceNumber, m.minSequenceNumber])).toEqual([
      [3, 2],
      [9, 4],
      [9, 9],
    ]);
  });

  test('v3: data manifests without row ids get them in order', async () => {
    const manifests = [manifest({ firstRowId: 5 }), manifest(), manifest({ content: 1 }), manifest()];
    const { read, addedRows } = await written(3, manifests, 100);
    expect(read.map(m => m.firstRowId)).toEqual([5, 100, undefined, 107]);
    expect(addedRows).toBe(14);
    expect((await written(2, manifests, 100)).addedRows).toBe(0);
  });

  test('the header', async () => {
    const { io } = await written(3, [], 100);
    expect(Object.fromEntries(decodeAvroMetadata(location, io.files.get(location)!))).toMatchObject({
      'snapshot-id': '8',
      'parent-snapshot-id': '7',
      'sequence-number': '9',
      'first-row-id': '100',
      'format-version': '3',
    });
  });

  test('are read once', async () => {
    const { io } = await written(2, [manifest()]);
    await readManifestList(io, location);
    await readManifestList(io, location);
    expect(io.reads.filter(read => read === location)).toHaveLength(1);
  });

  test('old v1 snapshots name their manifests themselves', async () => {
    const io = new MemoryIO();
    const request = {
      ...long,
      entries: [entry(1, 1), entry(2, 2)],
      formatVersion: 1,
      content: 0,
      snapshotId: 1n,
    } as const;
    await writeManifest(io, location, request);
    const snapshot: Snapshot = {
      snapshotId: 5n,
      sequenceNumber: 0,
      timestampMs: 1,
      manifests: [location],
      operation: 'append',
      summary: {},
    };
    const [found] = await snapshotManifests(io, snapshot);
    expect(found).toMatchObject({
      manifestPath: location,
      partitionSpecId: 3,
      content: 0,
      addedSnapshotId: 5n,
    });
    expect(await readLiveEntries(io, found!, long.metadata)).toMatchObject([
      {
        snapshotId: 11n,
        sequenceNumber: 0,
        dataFile: { filePath: 's3://b/t/data/1.parquet', partition: [1n] },
      },
    ]);
  });
});

describe('partition types', () => {
  const types = [{ kind: 'int' }] as const;

  test('a promoted column: old values are read as what they are now', async () => {
    const io = new MemoryIO();
    const old = context(types);
    const file = dataFile(1, { partition: [-5] });
    const entries = [entry(1, 1, { dataFile: file })];
    const manifest = await writeManifest(io, location, {
      ...old,
      entries,
      formatVersion: 2,
      content: 0,
      snapshotId: 1n,
    });
    const now = context([{ kind: 'long' }]);
    const committed = { ...manifest, sequenceNumber: 1, minSequenceNumber: 1 };
    expect((await readManifest(io, committed, now.metadata))[0]!.dataFile.partition).toEqual([-5n]);
  });

  test("where no schema has the column any more, the manifest's own Avro type counts", async () => {
    const io = new MemoryIO();
    const old = context([{ kind: 'decimal', precision: 9, scale: 2 }, { kind: 'date' }, { kind: 'uuid' }]);
    const partition = [-12345n, 19000, '12345678-1234-4234-8234-123456789abc'];
    const entries = [entry(1, 1, { dataFile: dataFile(1, { partition }) })];
    const manifest = await writeManifest(io, location, {
      ...old,
      entries,
      formatVersion: 2,
      content: 0,
      snapshotId: 1n,
    });
    const gone = { ...old.metadata, schemas: [{ schemaId: 0, fields: [], identifierFieldIds: [] }] };
    const committed = { ...manifest, sequenceNumber: 1, minSequenceNumber: 1 };
    expect(await manifestPartitionTypes(io, committed, old.spec, gone)).toEqual([
      { kind: 'decimal', precision: 9, scale: 2 },
      { kind: 'date' },
      { kind: 'uuid' },
    ]);
    expect((await readManifest(io, committed, gone))[0]!.dataFile.partition).toEqual(partition);
  });
});

describe('damaged files', () => {
  const entries = Array.from({ length: 20 }, (_, n) => entry(1, n));
  const request = { ...long, entries, formatVersion: 2, content: 0, snapshotId: 1n } as const;
  const { bytes, manifest: pending } = encodeManifest(location, request);
  const manifest = { ...pending, sequenceNumber: 1, minSequenceNumber: 1 };
  const read = async (
    content: Uint8Array,
    more: Partial<ManifestFile> = {},
  ): Promise<readonly ManifestEntry[]> => {
    const io = new MemoryIO();
    await io.create(location, content);
    return await readManifest(io, { ...manifest, ...more }, long.metadata);
  };

  test('a manifest that ends too early', async () => {
    for (let end = 0; end < bytes.length; end += 13) {
      await expect(read(bytes.subarray(0, end))).rejects.toThrow(/truncated/);
      // Without the length (as v1 snapshots that list their manifests) a file without blocks is a whole one.
      const unmeasured = await read(bytes.subarray(0, end), { manifestLength: 0 }).catch(
        (error: unknown) => error,
      );
      if (!Array.isArray(unmeasured)) expect(unmeasured).toBeInstanceOf(CorruptFileError);
      else expect(unmeasured).toEqual([]);
    }
  });

  test('any byte that is another: it is read, or refused with the name of the file', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, mask) => {
          const damaged = Uint8Array.from(bytes);
          damaged[at]! ^= mask;
          try {
            await read(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(LakebookError);
            expect((error as LakebookError).message).toContain(location);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('another spec, an unknown status, an unknown content', async () => {
    await expect(read(bytes, { partitionSpecId: 9 })).rejects.toThrow(/partition spec 9/);
    const odd = (change: Partial<WritableEntry>) => {
      const codec = manifestEntryCodec(2, long.spec, [{ kind: 'long' }]);
      const records = [{ ...entry(1, 1), ...change }];
      const metadata = { 'format-version': '2' };
      return encodeAvroFile({ schema: codec.schema, metadata, records, encode: codec.encode });
    };
    await expect(read(odd({ status: 3 as 2 }), { manifestLength: 0 })).rejects.toThrow(/unknown status 3/);
    const strange = dataFile(1, { content: 7 as 2 });
    await expect(read(odd({ dataFile: strange }), { manifestLength: 0 })).rejects.toThrow(
      /unknown content 7/,
    );
  });

  test('a manifest list with an unknown content, or cut off', async () => {
    const codec = manifestFileCodec(2);
    const list = (records: ManifestFile[]) =>
      encodeAvroFile({
        schema: codec.schema,
        metadata: { 'format-version': '2' },
        records,
        encode: codec.encode,
      });
    const io = new MemoryIO();
    await io.create('odd', list([{ ...manifest, content: 2 as 1 }]));
    await expect(readManifestList(io, 'odd')).rejects.toThrow(/odd: .*unknown content 2/);
    await io.create('cut', list([manifest]).subarray(0, -30));
    await expect(readManifestList(io, 'cut')).rejects.toThrow(CorruptFileError);
    await expect(readManifestList(io, 'none')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    // A failure isn't remembered.
    io.files.set('cut', list([manifest]));
    expect(await readManifestList(io, 'cut')).toHaveLength(1);
  });
});
