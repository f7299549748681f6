import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import avsc from 'avsc';
import { expect, test } from 'vitest';
import { scanSql } from '../../src/engine/read.ts';
import type { ScanFile } from '../../src/engine/scan-request.ts';
import { encodeAvroFile } from '../../src/iceberg/avro.ts';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import { parseTypeString, type Schema } from '../../src/iceberg/schema.ts';
import type { NestedField } from '../../src/iceberg/types.ts';
import { DataFolder, openDuckDb, tableMetadata, temporaryFolder } from './support.ts';

const duckdb = await openDuckDb();
const folder = new DataFolder();
const scratch = temporaryFolder();
let files = 0;

interface AvroColumn {
  readonly name: string;
  readonly 'field-id'?: number;
  readonly type: unknown;
}

/** A data file as Iceberg's Java library writes it; avsc encodes the rows. */
function avroFile(
  fields: readonly AvroColumn[],
  rows: readonly object[],
  extra: Partial<DataFile> = {},
): DataFile {
  const schema = { type: 'record', name: 'table', fields };
  const type = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: false });
  const file = path.join(scratch, `f${files++}.avro`);
  const encode = { schema, metadata: {}, records: rows };
  writeFileSync(
    file,
    encodeAvroFile({ ...encode, encode: (writer, row) => writer.writeFixed(type.toBuffer(row)) }),
  );
  const fileSizeInBytes = statSync(file).size;
  const data = {
    content: 0,
    filePath: `file://${file}`,
    fileFormat: 'AVRO',
    specId: 0,
    partition: [],
  } as const;
  return { ...data, recordCount: rows.length, fileSizeInBytes, ...extra };
}

const optional = (type: unknown) => ['null', type];

function schemaOf(...columns: readonly [id: number, name: string, type: string][]): Schema {
  let nested = 100;
  const fields = columns.map(
    ([id, name, type]): NestedField => ({
      id,
      name,
      required: false,
      type: parseTypeString(type, () => nested++),
    }),
  );
  return { schemaId: 0, fields, identifierFieldIds: [] };
}

async function rows(schema: Schema, scanned: readonly ScanFile[], properties = {}): Promise<unknown[]> {
  const metadata = tableMetadata({ schema, location: folder.location, properties });
  const { sql } = await scanSql({ duckdb, storage: folder.storage, metadata, schema, files: scanned });
  const found = await duckdb.rows(`SELECT to_json(t)::VARCHAR AS j FROM (${sql}) t`);
  return found.map(row => JSON.parse(String(row.j)));
}

const file = (dataFile: DataFile, ...deletes: DataFile[]): ScanFile => ({ dataFile, deletes });
const long = (name: string, id?: number): AvroColumn => ({
  name,
  ...(id === undefined ? {} : { 'field-id': id }),
  type: optional('long'),
});

test('values of every type are what they stand for', async () => {
  const logical = (type: string, logicalType: string, more = {}) => ({ type, logicalType, ...more });
  const types: [string, unknown, string, unknown, unknown][] = [
    ['flag', 'boolean', 'boolean', true, true],
    ['n', 'int', 'int', -7, -7],
    ['l', 'long', 'long', 2 ** 52 + 1, 2 ** 52 + 1],
    ['f', 'float', 'float', 0.10000000149011612, 0.1],
    ['d', 'double', 'double', -1.5e300, -1.5e300],
    ['nan', 'double', 'double', Number.NaN, 'nan'],
    ['inf', 'double', 'double', Number.NEGATIVE_INFINITY, '-inf'],
    ['text', 'string', 'string', 'a "ü"\n🦆', 'a "ü"\n🦆'],
    ['bin', 'bytes', 'binary', Buffer.from([0, 255]), '\\x00\\xFF'],
    ['fix', { type: 'fixed', size: 2, name: 'fixed_2' }, 'fixed(2)', Buffer.from([1, 254]), '\\x01\\xFE'],
    ['day', logical('int', 'date'), 'date', -1, '1969-12-31'],
    ['time', logical('long', 'time-micros'), 'time', 3_600_000_001, '01:00:00.000001'],
    [
      'ts',
      logical('long', 'timestamp-micros', { 'adjust-to-utc': false }),
      'timestamp',
      -1,
      '1969-12-31 23:59:59.999999',
    ],
    [
      'tz',
      logical('long', 'timestamp-micros', { 'adjust-to-utc': true }),
      'timestamptz',
      1,
      '1970-01-01 00:00:00.000001+00',
    ],
    [
      'ns',
      logical('long', 'timestamp-nanos', { 'adjust-to-utc': false }),
      'timestamp_ns',
      1001,
      '1970-01-01 00:00:00.000001001',
    ],
    [
      'tzns',
      logical('long', 'timestamp-nanos', { 'adjust-to-utc': true }),
      'timestamptz_ns',
      -1,
      '1969-12-31 23:59:59.999999+00',
    ],
    [
      'id',
      { type: 'fixed', size: 16, name: 'uuid', logicalType: 'uuid' },
      'uuid',
      Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
      '00112233-4455-6677-8899-aabbccddeeff',
    ],
    [
      'dec',
      { type: 'fixed', size: 4, name: 'dec', logicalType: 'decimal', precision: 9, scale: 2 },
      'decimal(9,2)',
      Buffer.from('ffffff85', 'hex'),
      '-1.23',
    ],
  ];
  const fields = types.map(([name, type], i) => ({ name, 'field-id': i + 1, type: optional(type) }));
  const nulls = Object.fromEntries(types.map(([name]) => [name, null]));
  const written = avroFile(fields, [
    Object.fromEntries(types.map(([name, , , value]) => [name, value])),
    nulls,
  ]);
  const schema = schemaOf(
    ...types.map(([name, , type], i) => [i + 1, name, type] as [number, string, string]),
  );
  await duckdb.run("SET TimeZone = 'UTC'");
  const texts = schema.fields.map(({ name, type }) =>
    ['boolean', 'int', 'long', 'float'].includes(type.kind) || name === 'd'
      ? name
      : `"${name}"::VARCHAR AS "${name}"`,
  );
  const metadata = tableMetadata({ schema, location: folder.location });
  const { sql } = await scanSql({
    duckdb,
    storage: folder.storage,
    metadata,
    schema,
    files: [file(written)],
  });
  const [row, empty] = await duckdb.rows(`SELECT ${texts.join(', ')} FROM (${sql})`);
  expect({ ...row, l: Number(row!.l), f: Math.round(Number(row!.f) * 1e6) / 1e6 }).toEqual(
    Object.fromEntries(types.map(([name, , , , value]) => [name, value])),
  );
  expect(empty).toEqual(nulls);
});

test('nested columns, maps of both kinds, and columns found by id', async () => {
  const entry = {
    type: 'record',
    name: 'entry',
    fields: [
      { name: 'key', 'field-id': 21, type: 'int' },
      { name: 'value', 'field-id': 22, type: optional({ type: 'array', items: 'bytes', 'element-id': 23 }) },
    ],
  };
  const fields = [
    {
      name: 's',
      'field-id': 1,
      type: optional({
        type: 'record',
        name: 'r1',
        fields: [
          { name: 'old_name', 'field-id': 100, type: 'int' },
          { name: 'b', 'field-id': 101, type: optional('string') },
        ],
      }),
    },
    { name: 'l', 'field-id': 2, type: optional({ type: 'array', items: optional('int'), 'element-id': 11 }) },
    { name: 'm', 'field-id': 3, type: { type: 'map', values: 'int', 'key-id': 12, 'value-id': 13 } },
    { name: 'e', 'field-id': 4, type: { type: 'array', items: entry, logicalType: 'map' } },
    long('dropped', 5),
  ];
  const written = avroFile(fields, [
    {
      s: { old_name: 1, b: 'x' },
      l: [1, null],
      m: { a: 1 },
      e: [{ key: 7, value: [Buffer.from('é')] }],
      dropped: 5,
    },
    { s: null, l: null, m: {}, e: [], dropped: null },
  ]);
  const schema = schemaOf(
    [1, 's', 'struct<new_name: long, b: string>'],
    [4, 'entries', 'map<int, list<binary>>'],
    [2, 'l', 'list<long>'],
    [3, 'm', 'map<string, int>'],
    [6, 'added', 'int'],
  );
  expect(await rows(schema, [file(written)])).toEqual([
    { s: { new_name: 1, b: 'x' }, entries: { 7: ['\\xC3\\xA9'] }, l: [1, null], m: { a: 1 }, added: null },
    { s: null, entries: {}, l: null, m: {}, added: null },
  ]);
});

test('many rows keep their order: deletes and row ids count them', async () => {
  const all = Array.from({ length: 50_000 }, (_, id) => ({ id }));
  const data = avroFile([long('id', 1)], all, { firstRowId: 1000 });
  const positions = avroFile(
    [
      { name: 'file_path', 'field-id': 2147483546, type: 'string' },
      { name: 'pos', 'field-id': 2147483545, type: 'long' },
    ],
    [0, 3, 4096, 49_999].map(pos => ({ file_path: data.filePath, pos })),
    { content: 1 },
  );
  const keys = avroFile([long('id', 1)], [{ id: 5 }, { id: 49_998 }], { content: 2, equalityIds: [1] });
  const schema = schemaOf([1, 'id', 'long'], [2147483540, '_row_id', 'long']);
  const found = (await rows(schema, [file(data, positions, keys)])) as { id: number; _row_id: number }[];
  const gone = new Set([0, 3, 4096, 49_999, 5, 49_998]);
  expect(found.map(({ id }) => id)).toEqual(all.map(({ id }) => id).filter(id => !gone.has(id)));
  expect(found.every(row => row._row_id === row.id + 1000)).toBe(true);
});

test('files without ids are read by the name mapping', async () => {
  const written = avroFile([long('ident'), long('other')], [{ ident: 1, other: 2 }]);
  const mapping = JSON.stringify([{ 'field-id': 9, names: ['ident'] }]);
  const schema = schemaOf([9, 'id', 'long'], [10, 'other', 'long']);
  expect(await rows(schema, [file(written)], { 'schema.name-mapping.default': mapping })).toEqual([
    { id: 1, other: null },
  ]);
});

test('damaged files and variants are told by name', async () => {
  const written = avroFile([long('id', 1)], [{ id: 1 }]);
  writeFileSync(written.filePath.replace('file://', ''), 'Obj\x01damaged');
  const schema = schemaOf([1, 'id', 'long']);
  await expect(rows(schema, [file(written)])).rejects.toThrow(
    new RegExp(`${path.basename(written.filePath)}.*not a readable Avro file`),
  );
  const parts = ['metadata', 'value'].map(name => ({ name, type: 'bytes' }));
  const variant = { type: 'record', name: 'v', fields: parts, logicalType: 'variant' };
  const variants = avroFile([{ name: 'v', 'field-id': 1, type: optional(variant) }], [{ v: null }]);
  await expect(rows(schemaOf([1, 'v', 'variant']), [file(variants)])).rejects.toThrow(/variants/);
});
