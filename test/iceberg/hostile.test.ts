import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { encodeAvroFile } from '../../src/iceberg/avro.ts';
import { AvroWriter } from '../../src/iceberg/avro-binary.ts';
import { CorruptFileError, ValidationError } from '../../src/iceberg/errors.ts';
import { parseJson, stringifyJson } from '../../src/iceberg/json.ts';
import { readManifest } from '../../src/iceberg/manifest.ts';
import { readManifestList } from '../../src/iceberg/manifest-list.ts';
import { parseTableMetadata } from '../../src/iceberg/metadata-json.ts';
import { parseNameMapping } from '../../src/iceberg/name-mapping.ts';
import { parseType } from '../../src/iceberg/schema.ts';
import { valueFromBytes, valueFromJson, valueToJson } from '../../src/iceberg/value.ts';
import { MemoryIO } from './memory-io.ts';

/* What fuzzing (test/faults/fuzz) found, and what it could only find by luck: files that claim more than they hold. */

function corrupt(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(CorruptFileError);
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CorruptFileError);
  return (error as Error).message;
}

describe('JSON', () => {
  test('nested beyond all measure is refused, with brackets in strings not counted', () => {
    const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(() => parseJson(deep(1001))).toThrow(ValidationError);
    expect(() => parseJson(`{"a":${deep(200_000)}}`)).toThrow(/nested more than 1000 levels/);
    expect(parseJson(deep(1000))).toBeDefined();
    const brackets = ['[{'.repeat(2000), '\\', '\\"[', '"'].map(text => [text, text]);
    expect(parseJson(JSON.stringify(brackets))).toEqual(brackets);
    const metadata = `{"format-version": 2, "x": ${deep(5000)}}`;
    expect(corrupt(() => parseTableMetadata(Buffer.from(metadata), 'm'))).toContain('nested');
    expect(() => parseNameMapping(deep(5000))).toThrow(ValidationError);
  });

  test('-0 is 0 where an integer is asked for, and stays -0 as a number', () => {
    expect(Object.is((parseNameMapping('[{"field-id": -0}]')[0] as { fieldId: number }).fieldId, 0)).toBe(
      true,
    );
    expect(Object.is(valueFromJson({ kind: 'int' }, parseJson('-0')), 0)).toBe(true);
    const text = stringifyJson(valueToJson({ kind: 'double' }, -0));
    expect(Object.is(valueFromJson({ kind: 'double' }, parseJson(text)), -0)).toBe(true);
  });

  test('messages show what was there, also when nothing was, or a number that JSON has not', () => {
    expect(() => parseType({}, 'Column "a"')).toThrow(
      'Column "a" has a type that isn\'t known here: missing.',
    );
    const list = {
      kind: 'map',
      keyId: 1,
      valueId: 2,
      key: { kind: 'long' },
      value: { kind: 'long' },
      valueRequired: false,
    } as const;
    const uneven = { keys: [1, 9007199254740993n], values: [] };
    expect(() => valueFromJson(list, uneven)).toThrow('9007199254740993');
  });
});

test('a date beyond what its promoted type holds is refused, as the specification asks', () => {
  const days = Uint8Array.from([0xff, 0xff, 0xff, 0x7f]);
  expect(() => valueFromBytes({ kind: 'timestamp_ns' }, days)).toThrow(/beyond the range of timestamp_ns/);
  expect(() => valueFromBytes({ kind: 'timestamp' }, days)).toThrow(/beyond the range of timestamp/);
});

describe('files that grow', () => {
  test('compressed metadata is unpacked to a multiple of its size, and no further', () => {
    const bomb = gzipSync(Buffer.alloc(160 * 1024 * 1024, ' '));
    expect(bomb.length).toBeLessThan(200_000);
    const before = process.memoryUsage().rss;
    expect(corrupt(() => parseTableMetadata(bomb, 'v1.gz.metadata.json'))).toContain("can't be decoded");
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024);
  });

  test('compressed blocks of a manifest list are unpacked to a multiple of its size, and no further', async () => {
    const io = new MemoryIO();
    const schema = { type: 'record', name: 'manifest_file', fields: [{ name: 'x', type: 'bytes' }] };
    const bytes = encodeAvroFile({
      schema,
      metadata: {},
      records: [Buffer.alloc(100 * 1024 * 1024)],
      encode: (writer, record) => writer.writeBytes(record),
    });
    expect(bytes.length).toBeLessThan(200_000);
    io.files.set('bomb', bytes);
    // The schema lacks what a manifest list needs; the block must not be looked at for that.
    expect(await failure(readManifestList(io, 'bomb'))).toContain('not a readable Avro file');
  });
});

describe('a manifest of a megabyte that claims 2^60 entries', () => {
  const schema = { schemaId: 0, fields: [], identifierFieldIds: [] };
  const spec = { specId: 0, fields: [] };
  const metadata = { schemas: [schema], currentSchemaId: 0, partitionSpecs: [spec] };
  const manifest = {
    manifestPath: 'm',
    manifestLength: 0,
    partitionSpecId: 0,
    content: 0,
    sequenceNumber: 1,
    minSequenceNumber: 1,
    addedSnapshotId: 1n,
  } as const;
  const entrySchema = (metrics: object) => ({
    type: 'record',
    name: 'manifest_entry',
    fields: [
      { name: 'status', type: 'int', 'field-id': 0 },
      {
        name: 'data_file',
        'field-id': 2,
        type: {
          type: 'record',
          name: 'r2',
          fields: [
            { name: 'file_path', type: 'string', 'field-id': 100 },
            { name: 'file_format', type: 'string', 'field-id': 101 },
            { name: 'record_count', type: 'long', 'field-id': 103 },
            { name: 'file_size_in_bytes', type: 'long', 'field-id': 104 },
            metrics,
          ],
        },
      },
    ],
  });
  const padding = Buffer.alloc(1_000_000, 1);

  /** A container file of one block with any count, codec `null`. */
  function container(fileSchema: object, count: bigint | number, block: Uint8Array): Buffer {
    const writer = new AvroWriter();
    writer.writeFixed(Buffer.from('Obj\x01', 'latin1'));
    writer.writeLong(1);
    writer.writeString('avro.schema');
    writer.writeString(JSON.stringify(fileSchema));
    writer.writeLong(0);
    const sync = Buffer.alloc(16, 9);
    writer.writeFixed(sync);
    writer.writeLong(count);
    writer.writeBytes(block);
    writer.writeFixed(sync);
    return Buffer.from(writer.view());
  }

  /** An entry whose last field, a list or map, claims to be of any length. */
  function claiming(count: bigint): Buffer {
    const writer = new AvroWriter();
    writer.writeLong(1);
    writer.writeString('f.parquet');
    writer.writeString('PARQUET');
    writer.writeLong(1);
    writer.writeLong(1);
    writer.writeLong(count);
    writer.writeFixed(padding);
    return Buffer.from(writer.view());
  }

  test.each([
    ['records in a block', entrySchema({ name: 'x', type: 'long' }), 2n ** 60n, padding],
    [
      'records that take no bytes',
      { type: 'record', name: 'e', fields: [{ name: 'x', type: 'null' }] },
      2n ** 60n,
      padding,
    ],
    [
      'column sizes',
      entrySchema({
        name: 'column_sizes',
        'field-id': 108,
        type: {
          type: 'array',
          items: {
            type: 'record',
            name: 'k117_v118',
            fields: [
              { name: 'key', type: 'int', 'field-id': 117 },
              { name: 'value', type: 'long', 'field-id': 118 },
            ],
          },
        },
      }),
      1,
      claiming(2n ** 60n),
    ],
    [
      'split offsets',
      entrySchema({ name: 'split_offsets', 'field-id': 132, type: { type: 'array', items: 'long' } }),
      1,
      claiming(2n ** 60n),
    ],
    [
      'items that take no bytes',
      entrySchema({ name: 'y', type: { type: 'array', items: 'null' } }),
      1,
      claiming(2n ** 60n),
    ],
  ])('%s', async (_, fileSchema, count, block) => {
    const io = new MemoryIO();
    io.files.set('m', container(fileSchema, count, block));
    const before = process.memoryUsage().rss;
    expect(await failure(readManifest(io, manifest, metadata))).toContain('not a readable Avro file');
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  test('an entry of a partitioned table without partition values is refused', async () => {
    const io = new MemoryIO();
    const writer = new AvroWriter();
    for (const value of [1, 'f.parquet', 'PARQUET', 1, 1, 0] as const) {
      if (typeof value === 'string') writer.writeString(value);
      else writer.writeLong(value);
    }
    io.files.set('m', container(entrySchema({ name: 'x', type: 'long' }), 1, Buffer.from(writer.view())));
    expect(await readManifest(io, manifest, metadata)).toHaveLength(1);
    const byDay = {
      specId: 0,
      fields: [{ sourceId: 1, fieldId: 1000, name: 'd', transform: { kind: 'day' } }],
    } as const;
    const other = new MemoryIO();
    other.files.set('m', io.files.get('m')!);
    const partitioned = { ...metadata, partitionSpecs: [byDay] };
    expect(await failure(readManifest(other, manifest, partitioned))).toContain(
      'the required field partition',
    );
  });
});
