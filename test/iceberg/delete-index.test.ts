import { describe, expect, test } from 'vitest';
import type { DataFile, ManifestEntry } from '../../src/iceberg/datafile.ts';
import { DeleteIndex, isDeletionVector } from '../../src/iceberg/delete-index.ts';
import type { PartitionSpec } from '../../src/iceberg/partition.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { Value } from '../../src/iceberg/types.ts';
import { valueToBytes } from '../../src/iceberg/value.ts';
import { column } from './filter-model.ts';

const schema: Schema = {
  schemaId: 0,
  fields: [
    column(1, { kind: 'int' }),
    column(2, { kind: 'double' }),
    column(10, { kind: 'struct', fields: [column(11, { kind: 'int' })] }),
  ],
  identifierFieldIds: [],
};
const specs: PartitionSpec[] = [
  { specId: 0, fields: [] },
  { specId: 1, fields: [{ sourceId: 1, fieldId: 1000, name: 'p', transform: { kind: 'identity' } }] },
  { specId: 2, fields: [{ sourceId: 1, fieldId: 1001, name: 'v', transform: { kind: 'void' } }] },
  { specId: 3, fields: [{ sourceId: 1, fieldId: 1002, name: 'q', transform: { kind: 'identity' } }] },
];
const FILE_PATH_ID = 2147483546;

function entry(filePath: string, sequenceNumber: number, more: Partial<DataFile> = {}): ManifestEntry {
  const dataFile: DataFile = {
    content: 0,
    filePath,
    fileFormat: 'PARQUET',
    specId: 1,
    partition: [7],
    recordCount: 10,
    fileSizeInBytes: 1,
    ...more,
  };
  return { status: 0, snapshotId: 1n, sequenceNumber, fileSequenceNumber: sequenceNumber, dataFile };
}

const data = (sequenceNumber: number, more?: Partial<DataFile>) =>
  entry('mem:/data.parquet', sequenceNumber, more);
const equality = (sequenceNumber: number, more?: Partial<DataFile>) =>
  entry('mem:/eq', sequenceNumber, { content: 2, equalityIds: [1], ...more });
const position = (sequenceNumber: number, more?: Partial<DataFile>) =>
  entry('mem:/pos', sequenceNumber, { content: 1, ...more });
const vector = (sequenceNumber: number, more?: Partial<DataFile>) =>
  entry('mem:/dv.puffin', sequenceNumber, {
    content: 1,
    fileFormat: 'PUFFIN',
    referencedDataFile: 'mem:/data.parquet',
    ...more,
  });

const applied = (of: ManifestEntry, ...deletes: ManifestEntry[]) =>
  new DeleteIndex(deletes, schema, specs).forFile(of).map(file => file.filePath);

describe('which deletes apply (spec: Scan Planning)', () => {
  test('equality deletes to older data only', () => {
    expect(applied(data(5), equality(5))).toEqual([]);
    expect(applied(data(5), equality(4))).toEqual([]);
    expect(applied(data(5), equality(6))).toEqual(['mem:/eq']);
  });

  test('position deletes and vectors also to data of the same commit', () => {
    expect(applied(data(5), position(4))).toEqual([]);
    expect(applied(data(5), position(5))).toEqual(['mem:/pos']);
    expect(applied(data(5), vector(4))).toEqual([]);
    expect(applied(data(5), vector(5))).toEqual(['mem:/dv.puffin']);
  });

  test('only in the same partition of the same spec', () => {
    for (const make of [equality, position, vector]) {
      expect(applied(data(1), make(2))).toHaveLength(1);
      expect(applied(data(1), make(2, { partition: [8] }))).toEqual([]);
      expect(applied(data(1), make(2, { specId: 3 }))).toEqual([]);
    }
  });

  test('equality deletes without a partition everywhere, position deletes not', () => {
    expect(applied(data(1), equality(2, { specId: 0, partition: [] }))).toEqual(['mem:/eq']);
    expect(applied(data(1), equality(2, { specId: 2, partition: [null] }))).toEqual(['mem:/eq']);
    expect(applied(data(1), position(2, { specId: 0, partition: [] }))).toEqual([]);
  });

  test('a vector takes the place of position deletes', () => {
    expect(applied(data(1), position(1), vector(2), equality(2))).toEqual(['mem:/eq', 'mem:/dv.puffin']);
    expect(applied(data(3), position(3), vector(2))).toEqual(['mem:/pos']);
    expect(applied(data(1), vector(1, { referencedDataFile: 'mem:/other.parquet' }))).toEqual([]);
  });

  test('all of the deletes from a number on', () => {
    const many = [4, 2, 9, 3].map(n => equality(n, { filePath: `mem:/eq${n}` }));
    expect(applied(data(2), ...many)).toEqual(['mem:/eq3', 'mem:/eq4', 'mem:/eq9']);
  });

  test('position deletes that can be about the file', () => {
    const paths = (lower: string, upper: string) => ({
      lowerBounds: new Map([[FILE_PATH_ID, Buffer.from(lower)]]),
      upperBounds: new Map([[FILE_PATH_ID, Buffer.from(upper)]]),
    });
    expect(applied(data(1), position(1, paths('mem:/a', 'mem:/z')))).toHaveLength(1);
    expect(applied(data(1), position(1, paths('mem:/e', 'mem:/z')))).toEqual([]);
    expect(applied(data(1), position(1, paths('mem:/a', 'mem:/c')))).toEqual([]);
    expect(applied(data(1), position(1, paths('mem:/data.parquet', 'mem:/data.parquet')))).toHaveLength(1);
    expect(applied(data(1), position(1, paths('mem:/data.parque', 'mem:/data.parque')))).toEqual([]);
    expect(applied(data(1), position(1, { referencedDataFile: 'mem:/data.parquet' }))).toHaveLength(1);
    expect(applied(data(1), position(1, { referencedDataFile: 'mem:/other.parquet' }))).toEqual([]);
  });
});

describe('equality deletes whose bounds share no row with the file', () => {
  const metrics = (id: number, lower: Value, upper: Value, nulls = 0, nans = 0): Partial<DataFile> => {
    const type = id === 2 ? ({ kind: 'double' } as const) : ({ kind: 'int' } as const);
    return {
      equalityIds: [id],
      nullValueCounts: new Map([[id, nulls]]),
      nanValueCounts: new Map([[id, nans]]),
      lowerBounds: new Map([[id, valueToBytes(type, lower)]]),
      upperBounds: new Map([[id, valueToBytes(type, upper)]]),
    };
  };

  test('are left out', () => {
    expect(applied(data(1, metrics(1, 1, 5)), equality(2, metrics(1, 6, 9)))).toEqual([]);
    expect(applied(data(1, metrics(1, 6, 9)), equality(2, metrics(1, 1, 5)))).toEqual([]);
    expect(applied(data(1, metrics(1, 1, 6)), equality(2, metrics(1, 6, 9)))).toHaveLength(1);
  });

  test('unless both may have nulls or NaNs, which are equal here', () => {
    expect(applied(data(1, metrics(1, 1, 5, 1)), equality(2, metrics(1, 6, 9, 0)))).toEqual([]);
    expect(applied(data(1, metrics(1, 1, 5, 1)), equality(2, metrics(1, 6, 9, 1)))).toHaveLength(1);
    expect(applied(data(1, metrics(2, 1, 5, 0, 1)), equality(2, metrics(2, 6, 9, 0, 0)))).toEqual([]);
    expect(applied(data(1, metrics(2, 1, 5, 0, 1)), equality(2, metrics(2, 6, 9, 0, 1)))).toHaveLength(1);
  });

  test('unless a struct may be null, or bounds are damaged or missing', () => {
    expect(applied(data(1, metrics(11, 1, 5)), equality(2, metrics(11, 6, 9)))).toHaveLength(1);
    const damaged = { ...metrics(1, 6, 9), lowerBounds: new Map([[1, Uint8Array.of(1)]]) };
    expect(applied(data(1, metrics(1, 1, 5)), equality(2, damaged))).toHaveLength(1);
    expect(applied(data(1), equality(2, metrics(1, 6, 9)))).toHaveLength(1);
  });
});

test('a deletion vector is a blob of position deletes in a Puffin file', () => {
  expect(isDeletionVector(vector(1).dataFile)).toBe(true);
  expect(isDeletionVector(position(1).dataFile)).toBe(false);
  expect(isDeletionVector(data(1).dataFile)).toBe(false);
});
