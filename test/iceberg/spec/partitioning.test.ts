import { describe, expect, test } from 'vitest';
import { alwaysTrue, compare } from '../../../src/iceberg/expression.ts';
import { encodeManifest, readManifest } from '../../../src/iceberg/manifest.ts';
import type { ManifestFile } from '../../../src/iceberg/manifest-list.ts';
import { type PartitionSpec, parseSpec, specToJson } from '../../../src/iceberg/partition.ts';
import { PartitionSummaries } from '../../../src/iceberg/partition-summaries.ts';
import { projectInclusive } from '../../../src/iceberg/project.ts';
import type { Schema } from '../../../src/iceberg/schema.ts';
import { parseSortOrder, sortOrderToJson } from '../../../src/iceberg/sort.ts';
import { applyTransform, canTransform, parseTransform } from '../../../src/iceberg/transform.ts';
import { valueFromBytes } from '../../../src/iceberg/value.ts';
import { valueTypes } from '../arbitraries.ts';
import { MemoryIO } from '../memory-io.ts';

/* Requirements of the table specification on partitioning and sorting; see docs/spec-coverage.md. */

const transforms = ['identity', 'bucket[7]', 'truncate[3]', 'year', 'month', 'day', 'hour', 'void'];

test('every transform of null is null', () => {
  for (const text of transforms) {
    const transform = parseTransform(text);
    for (const type of valueTypes) {
      if (canTransform(transform, type)) expect(applyTransform(transform, type, null)).toBeNull();
    }
  }
});

describe('transforms of several columns', () => {
  const many = { 'source-ids': [1, 2], 'field-id': 1000, name: 'p', transform: 'zorder' };
  const one = { 'source-id': 1, 'field-id': 1001, name: 'q', transform: 'bucket[4]' };

  test('are written with `source-ids`, those of one with `source-id`, in specs and in sort orders', () => {
    const json = { 'spec-id': 0, fields: [many, one] };
    expect(specToJson(parseSpec(json))).toEqual(json);
    const sort = { direction: 'asc', 'null-order': 'nulls-first' };
    const order = {
      'order-id': 1,
      fields: [
        { transform: 'zorder', 'source-ids': [1, 2], ...sort },
        { transform: 'identity', 'source-id': 1, ...sort },
      ],
    };
    expect(sortOrderToJson(parseSortOrder(order))).toEqual(order);
    // One source in the list is that source.
    expect(
      specToJson(
        parseSpec({ 'spec-id': 0, fields: [{ ...one, 'source-id': undefined, 'source-ids': [1] }] }),
      ),
    ).toEqual({
      'spec-id': 0,
      fields: [one],
    });
  });
});

const schema: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', required: false, type: { kind: 'long' } },
    { id: 2, name: 'at', required: false, type: { kind: 'timestamp' } },
  ],
  identifierFieldIds: [],
};

test('a transform that is not known here is ignored when files are left out, and others are not', () => {
  const filter = compare('eq', 1, 5n);
  const unknown: PartitionSpec = parseSpec([
    { 'source-id': 1, 'field-id': 1000, name: 'z', transform: 'zorder' },
  ]);
  const both: PartitionSpec = parseSpec([
    { 'source-id': 1, 'field-id': 1000, name: 'z', transform: 'zorder' },
    { 'source-id': 1, 'field-id': 1001, name: 'id', transform: 'identity' },
  ]);
  expect(projectInclusive(filter, unknown, schema)).toEqual(alwaysTrue);
  expect(JSON.stringify(projectInclusive(filter, both, schema), text)).toContain('1001');
});

const text = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

test('partition values of `day` are read as dates, also where they were written as plain integers', async () => {
  const io = new MemoryIO();
  const byDay = (transform: string): PartitionSpec =>
    parseSpec([{ 'source-id': transform === 'day' ? 2 : 1, 'field-id': 1000, name: 'd', transform }]);
  const dataFile = {
    content: 0,
    filePath: 'mem:/f.parquet',
    fileFormat: 'PARQUET',
    specId: 0,
    partition: [20_000],
    recordCount: 1,
    fileSizeInBytes: 1,
  } as const;
  // A bucket number is an Avro int without a logical type, as some writers store days.
  const { bytes } = encodeManifest('m', {
    entries: [{ status: 1, snapshotId: 1n, dataFile }],
    spec: byDay('bucket[30000]'),
    schema,
    formatVersion: 2,
    content: 0,
    snapshotId: 1n,
  });
  io.files.set('m', bytes);
  const manifest: ManifestFile = {
    manifestPath: 'm',
    manifestLength: bytes.length,
    partitionSpecId: 0,
    content: 0,
    sequenceNumber: 1,
    minSequenceNumber: 1,
    addedSnapshotId: 1n,
  };
  const metadata = { schemas: [schema], currentSchemaId: 0, partitionSpecs: [byDay('day')] };
  const [entry] = await readManifest(io, manifest, metadata);
  expect(entry!.dataFile.partition).toEqual([20_000]);
});

test('bounds of partitions tell zeros apart: -0.0 is below +0.0', () => {
  const type = { kind: 'double' } as const;
  const bounds = (values: readonly number[]) => {
    const summaries = new PartitionSummaries([type]);
    for (const value of values) summaries.add([value]);
    const [summary] = summaries.result();
    return [valueFromBytes(type, summary!.lowerBound!), valueFromBytes(type, summary!.upperBound!)];
  };
  for (const zeros of [
    [-0, 0],
    [0, -0],
  ]) {
    const [lower, upper] = bounds(zeros);
    expect([Object.is(lower, -0), Object.is(upper, 0)]).toEqual([true, true]);
  }
});
