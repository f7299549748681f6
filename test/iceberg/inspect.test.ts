import { beforeAll, describe, expect, test } from 'vitest';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import { type InspectResult, inspectTable, metadataTableNames } from '../../src/iceberg/inspect.ts';
import { currentSnapshot, type TableMetadata } from '../../src/iceberg/metadata.ts';
import { applyUpdates } from '../../src/iceberg/metadata-builder.ts';
import { newTableMetadata } from '../../src/iceberg/metadata-json.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import { produceSnapshot } from '../../src/iceberg/snapshot-producer.ts';
import type { PrimitiveType, Value } from '../../src/iceberg/types.ts';
import type { TableUpdate } from '../../src/iceberg/updates.ts';
import { valueToBytes } from '../../src/iceberg/value.ts';
import { MemoryIO } from './memory-io.ts';

const schema: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', required: false, type: { kind: 'long' } },
    { id: 2, name: 'day', required: false, type: { kind: 'date' } },
    {
      id: 3,
      name: 's',
      required: false,
      type: {
        kind: 'struct',
        fields: [
          { id: 4, name: 'x "y"', required: false, type: { kind: 'decimal', precision: 9, scale: 2 } },
        ],
      },
    },
  ],
  identifierFieldIds: [],
};
const byDay = {
  specId: 0,
  fields: [{ sourceId: 2, fieldId: 1000, name: 'd', transform: { kind: 'month' } }],
} as const;
const metadataLocation = 's3://b/t/metadata/now.json';

const dataFile = (n: number, more: Partial<DataFile> = {}): DataFile => ({
  content: 0,
  filePath: `s3://b/t/data/${n}`,
  fileFormat: 'PARQUET',
  specId: 0,
  partition: [600],
  recordCount: n,
  fileSizeInBytes: n * 10,
  ...more,
});
const bytes = (type: PrimitiveType, value: Value) => new Uint8Array(valueToBytes(type, value));

let io: MemoryIO;
let table: TableMetadata;
let clock = 1000;

async function commit(added: DataFile[], removed: DataFile[] = [], branch = 'main'): Promise<void> {
  const { updates } = await produceSnapshot({
    metadata: table,
    io,
    operation: removed.length > 0 ? 'overwrite' : 'append',
    added,
    removed,
    branch,
  });
  const timed = updates.map(update =>
    update.action === 'add-snapshot'
      ? { ...update, snapshot: { ...update.snapshot, timestampMs: clock } }
      : update,
  );
  apply(...timed);
}
function apply(...updates: TableUpdate[]): void {
  const previousMetadataLocation = `s3://b/t/metadata/${clock}.json`;
  table = applyUpdates(table, updates, { previousMetadataLocation, nowMs: clock });
  clock += 1000;
}
/** The rows as objects by column name. */
const objects = ({ columns, rows }: InspectResult) =>
  rows.map(row => Object.fromEntries(columns.map((column, i) => [column.name, row[i]])));
const inspect = async (name: string, snapshotId?: bigint) =>
  objects(
    await inspectTable(name, { metadata: table, metadataLocation, io, ...(snapshotId && { snapshotId }) }),
  );
const snapshotIds = () => table.snapshots.map(snapshot => snapshot.snapshotId);

const metrics: Partial<DataFile> = {
  columnSizes: new Map([[1, 50]]),
  valueCounts: new Map([
    [1, 2],
    [4, 2],
  ]),
  nullValueCounts: new Map([[1, 0]]),
  nanValueCounts: new Map([[1, 0]]),
  lowerBounds: new Map([
    [1, bytes({ kind: 'long' }, -5n)],
    [4, bytes({ kind: 'decimal', precision: 9, scale: 2 }, 150n)],
  ]),
  upperBounds: new Map([[1, bytes({ kind: 'long' }, 7n)]]),
  splitOffsets: [4],
  sortOrderId: 0,
};
const equality = dataFile(4, { content: 2, equalityIds: [1], partition: [601] });

/** 1, 2: month 600 | 3: month 601, deletes 4 | without 1 | spec 1, branch dev: 5 */
beforeAll(async () => {
  io = new MemoryIO();
  table = {
    ...newTableMetadata({ schema, spec: byDay, location: 's3://b/t' }),
    lastUpdatedMs: 500,
  };
  await commit([dataFile(1), dataFile(2, metrics)]);
  await commit([dataFile(3, { partition: [601] }), equality]);
  await commit([], [dataFile(1)]);
  apply(
    {
      action: 'add-spec',
      spec: {
        specId: 0,
        fields: [
          ...byDay.fields,
          { sourceId: 1, fieldId: 0, name: 'D', transform: { kind: 'bucket', buckets: 4 } },
        ],
      },
    },
    { action: 'set-default-spec', specId: -1 },
  );
  await commit([dataFile(5, { specId: 1, partition: [602, 3] })], [], 'dev');
});

test('names, in any case and with or without $', async () => {
  expect(metadataTableNames).toHaveLength(15);
  for (const name of metadataTableNames) {
    const result = await inspectTable(`$${name.toUpperCase()}`, { metadata: table, metadataLocation, io });
    expect(result.rows.length).toBeGreaterThan(0);
    for (const row of result.rows) expect(row).toHaveLength(result.columns.length);
    for (const row of result.rows) expect(row).not.toContain(undefined);
    expect(new Set(result.columns.map(column => column.name)).size).toBe(result.columns.length);
  }
  for (const name of ['fliles', 'constructor', '']) {
    await expect(inspect(name)).rejects.toMatchObject({
      code: 'METADATA_TABLE_NOT_FOUND',
      hint: expect.stringContaining('$snapshots'),
    });
  }
  await expect(inspect('files', 5n)).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
});

test('a table without snapshots has empty ones', async () => {
  const empty = newTableMetadata({ schema, location: 's3://b/t' });
  for (const name of metadataTableNames) {
    const { columns, rows } = await inspectTable(name, { metadata: empty, metadataLocation, io });
    expect(columns.length).toBeGreaterThan(0);
    expect(rows).toHaveLength(name === 'metadata_log_entries' ? 1 : 0);
  }
});

describe('snapshots, history, refs and the metadata log', () => {
  test('snapshots', async () => {
    const [first, second, , dev] = await inspect('snapshots');
    const [firstId, secondId, thirdId, devId] = snapshotIds();
    expect(first).toMatchObject({
      committed_at: 1_000_000n,
      snapshot_id: firstId,
      parent_id: null,
      operation: 'append',
    });
    expect(second).toMatchObject({ snapshot_id: secondId, parent_id: firstId });
    expect(dev).toMatchObject({
      snapshot_id: devId,
      parent_id: thirdId,
      manifest_list: table.snapshots[3]!.manifestList,
    });
    expect((first!.summary as Map<string, string>).get('added-data-files')).toBe('2');
  });

  test('history, also of what was rolled back', async () => {
    const before = table;
    const [first, second, third] = snapshotIds();
    apply({ action: 'set-snapshot-ref', refName: 'main', ref: { snapshotId: second!, type: 'branch' } });
    const rows = await inspect('history');
    const now = table.lastUpdatedMs;
    table = before;
    expect(rows).toEqual([
      { made_current_at: 1_000_000n, snapshot_id: first, parent_id: null, is_current_ancestor: true },
      { made_current_at: 2_000_000n, snapshot_id: second, parent_id: first, is_current_ancestor: true },
      { made_current_at: 3_000_000n, snapshot_id: third, parent_id: second, is_current_ancestor: false },
      {
        made_current_at: BigInt(now) * 1000n,
        snapshot_id: second,
        parent_id: first,
        is_current_ancestor: true,
      },
    ]);
  });

  test('refs', async () => {
    const before = table;
    const [first, , third, dev] = snapshotIds();
    apply({
      action: 'set-snapshot-ref',
      refName: 'v1',
      ref: { snapshotId: first!, type: 'tag', maxRefAgeMs: 7 },
    });
    const rows = await inspect('refs');
    table = before;
    const none = { max_reference_age_in_ms: null, min_snapshots_to_keep: null, max_snapshot_age_in_ms: null };
    expect(rows).toEqual([
      { name: 'main', type: 'BRANCH', snapshot_id: third, ...none },
      { name: 'dev', type: 'BRANCH', snapshot_id: dev, ...none },
      { name: 'v1', type: 'TAG', snapshot_id: first, ...none, max_reference_age_in_ms: 7n },
    ]);
  });

  test('metadata_log_entries: the file that is current now comes last', async () => {
    const rows = await inspect('metadata_log_entries');
    const [first, , third] = snapshotIds();
    expect(rows).toHaveLength(6);
    expect(rows[0]).toEqual({
      timestamp: 500_000n,
      file: 's3://b/t/metadata/1000.json',
      latest_snapshot_id: null,
      latest_schema_id: null,
      latest_sequence_number: null,
    });
    expect(rows[1]).toMatchObject({
      latest_snapshot_id: first,
      latest_schema_id: 0,
      latest_sequence_number: 1n,
    });
    expect(rows[5]).toMatchObject({ file: metadataLocation, latest_snapshot_id: third });
  });
});

describe('files and entries', () => {
  test('files are the live ones of the current snapshot, or of another', async () => {
    const names = async (table: string, snapshotId?: bigint) =>
      (await inspect(table, snapshotId)).map(row => String(row.file_path).at(-1)).sort();
    const [first, second, , dev] = snapshotIds();
    expect(await names('files')).toEqual(['2', '3', '4']);
    expect(await names('data_files')).toEqual(['2', '3']);
    expect(await names('delete_files')).toEqual(['4']);
    expect(await names('files', first)).toEqual(['1', '2']);
    expect(await names('files', second)).toEqual(['1', '2', '3', '4']);
    expect(await names('files', dev)).toEqual(['2', '3', '4', '5']);
    // A file comes once for each manifest it is live in.
    expect(await names('all_data_files')).toEqual(['1', '2', '2', '3', '5']);
    expect(await names('all_delete_files')).toEqual(['4']);
    expect(await names('all_files')).toEqual(['1', '2', '2', '3', '4', '5']);
  });

  test('what is known of a file', async () => {
    const rows = await inspect('files');
    const file = rows.find(row => row.file_path === 's3://b/t/data/2');
    expect(file).toEqual({
      content: 0,
      file_path: 's3://b/t/data/2',
      file_format: 'PARQUET',
      spec_id: 0,
      partition: { d: 600, D_1001: null },
      record_count: 2n,
      file_size_in_bytes: 20n,
      column_sizes: new Map([[1, 50n]]),
      value_counts: new Map([
        [1, 2n],
        [4, 2n],
      ]),
      null_value_counts: new Map([[1, 0n]]),
      nan_value_counts: new Map([[1, 0n]]),
      lower_bounds: metrics.lowerBounds,
      upper_bounds: metrics.upperBounds,
      key_metadata: null,
      split_offsets: [4n],
      equality_ids: null,
      sort_order_id: 0,
      first_row_id: null,
      referenced_data_file: null,
      content_offset: null,
      content_size_in_bytes: null,
      readable_metrics: {
        id: {
          column_size: 50n,
          value_count: 2n,
          null_value_count: 0n,
          nan_value_count: 0n,
          lower_bound: -5n,
          upper_bound: 7n,
        },
        day: expect.objectContaining({ lower_bound: null, value_count: null }),
        's.x "y"': expect.objectContaining({ lower_bound: 150n, upper_bound: null, value_count: 2n }),
      },
    });
    expect(rows.find(row => row.content === 2)).toMatchObject({ equality_ids: [1], column_sizes: null });
  });

  test('types are those of the values', async () => {
    const { columns } = await inspectTable('files', { metadata: table, metadataLocation, io });
    const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]));
    expect(types.partition).toBe('STRUCT("d" INTEGER, "D_1001" INTEGER)');
    expect(types.readable_metrics).toContain('"s.x ""y""" STRUCT(');
    expect(types.readable_metrics).toContain('"lower_bound" DECIMAL(9,2)');
    expect(types.lower_bounds).toBe('MAP(INTEGER, BLOB)');
  });

  test('a table that is not partitioned has no partition column', async () => {
    const plain = newTableMetadata({ schema, location: 's3://b/t' });
    for (const name of ['files', 'partitions']) {
      const { columns } = await inspectTable(name, { metadata: plain, metadataLocation, io });
      expect(columns.map(column => column.name)).not.toContain('partition');
    }
  });

  test('entries, also of files that were deleted', async () => {
    const [first, second, third] = snapshotIds();
    const rows = await inspect('entries');
    expect(
      rows.map(row => [
        (row.data_file as { file_path: string }).file_path.at(-1),
        row.status,
        row.snapshot_id,
        row.sequence_number,
      ]),
    ).toEqual([
      ['1', 2, third, 1n],
      ['2', 0, first, 1n],
      ['3', 1, second, 2n],
      ['4', 1, second, 2n],
    ]);
    expect(rows[1]).toMatchObject({ readable_metrics: { id: { upper_bound: 7n } } });
    expect(await inspect('all_entries')).toHaveLength(7);
  });
});

describe('manifests', () => {
  test('with their counts, for data and for deletes, and their partitions', async () => {
    const rows = await inspect('manifests');
    const [, second, third] = snapshotIds();
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatchObject({
      content: 0,
      partition_spec_id: 0,
      added_snapshot_id: third,
      added_data_files_count: 0,
      existing_data_files_count: 1,
      deleted_data_files_count: 1,
      added_delete_files_count: 0,
      partition_summaries: [
        { contains_null: false, contains_nan: false, lower_bound: '2020-01', upper_bound: '2020-01' },
      ],
    });
    expect(rows[2]).toMatchObject({
      content: 1,
      added_snapshot_id: second,
      added_data_files_count: 0,
      added_delete_files_count: 1,
    });
    expect(rows[0]!.length).toBe(BigInt(io.files.get(String(rows[0]!.path))!.length));
  });

  test('all of them, once for each snapshot that has them', async () => {
    const rows = await inspect('all_manifests');
    const bySnapshot = snapshotIds().map(id => rows.filter(row => row.reference_snapshot_id === id).length);
    expect(bySnapshot).toEqual([1, 3, 3, 4]);
  });
});

test('partitions: totals of the live files, and who changed them last', async () => {
  const [first, second, , dev] = snapshotIds();
  const none = {
    position_delete_record_count: 0n,
    position_delete_file_count: 0,
    equality_delete_record_count: 0n,
    equality_delete_file_count: 0,
  };
  expect(await inspect('partitions', dev)).toEqual([
    {
      partition: { d: 600, D_1001: null },
      spec_id: 0,
      record_count: 2n,
      file_count: 1,
      total_data_file_size_in_bytes: 20n,
      ...none,
      last_updated_at: 1_000_000n,
      last_updated_snapshot_id: first,
    },
    {
      partition: { d: 601, D_1001: null },
      spec_id: 0,
      record_count: 3n,
      file_count: 1,
      total_data_file_size_in_bytes: 30n,
      ...none,
      equality_delete_record_count: 4n,
      equality_delete_file_count: 1,
      last_updated_at: 2_000_000n,
      last_updated_snapshot_id: second,
    },
    {
      partition: { d: 602, D_1001: 3 },
      spec_id: 1,
      record_count: 5n,
      file_count: 1,
      total_data_file_size_in_bytes: 50n,
      ...none,
      last_updated_at: 5_000_000n,
      last_updated_snapshot_id: dev,
    },
  ]);
});

test('a dropped partition column: the values are still there', async () => {
  const without: Schema = { ...schema, fields: schema.fields.filter(field => field.name !== 'day') };
  const before = table;
  apply(
    { action: 'add-spec', spec: { specId: 0, fields: [] } },
    { action: 'set-default-spec', specId: -1 },
    { action: 'add-schema', schema: without, lastColumnId: table.lastColumnId },
    { action: 'set-current-schema', schemaId: -1 },
  );
  const rows = await inspect('files');
  const manifests = await inspect('manifests');
  table = before;
  expect(rows[0]).toMatchObject({ partition: { d: 600 } });
  expect(rows[0]!.readable_metrics).not.toHaveProperty('day');
  expect(manifests[0]).toMatchObject({ partition_summaries: [{ lower_bound: '2020-01' }] });
});

test('a partition field that v1 made void keeps the type of its values', async () => {
  const v1 = newTableMetadata({ schema, spec: byDay, location: 's3://b/t', formatVersion: 1 });
  const replaced = applyUpdates(v1, [
    {
      action: 'add-spec',
      spec: { specId: 0, fields: [{ ...byDay.fields[0], fieldId: 1000, transform: { kind: 'void' } }] },
    },
    { action: 'set-default-spec', specId: -1 },
  ]);
  const { columns } = await inspectTable('files', { metadata: replaced, metadataLocation, io });
  expect(columns.find(column => column.name === 'partition')).toMatchObject({ type: 'STRUCT("d" INTEGER)' });
});

test('damaged metadata is told with its file', async () => {
  const damaged = new MemoryIO();
  const list = currentSnapshot(table)!.manifestList!;
  for (const [location, content] of io.files) {
    damaged.files.set(location, location === list ? content.subarray(0, 50) : content);
  }
  for (const name of ['files', 'manifests', 'partitions', 'entries', 'all_files', 'all_manifests']) {
    await expect(
      inspectTable(name, { metadata: table, metadataLocation, io: damaged }),
    ).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining(list),
    });
  }
});
