import { linkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { scanSql } from '../../src/engine/read.ts';
import type { ScanFile } from '../../src/engine/scan-request.ts';
import { writeDataFiles } from '../../src/engine/write.ts';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import { encodeDeletionVectors } from '../../src/iceberg/deletion-vector.ts';
import { PositionSet } from '../../src/iceberg/roaring.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { NestedField, Type } from '../../src/iceberg/types.ts';
import {
  DataFolder,
  foreignFile,
  localPath,
  openDuckDb,
  schemaOf,
  type TestTable,
  tableMetadata,
  temporaryFolder,
} from './support.ts';

const duckdb = await openDuckDb();
const folder = new DataFolder();
const scratch = temporaryFolder();
let scratchFiles = 0;

const int: Type = { kind: 'int' };
const long: Type = { kind: 'long' };
const string: Type = { kind: 'string' };

function field(id: number, name: string, type: Type): NestedField {
  return { id, name, required: false, type };
}

function schema(...fields: NestedField[]): Schema {
  return { schemaId: 0, fields, identifierFieldIds: [] };
}

/** Writes a file as the engine would for a table of this schema. */
async function written(as: Schema, sourceSql: string): Promise<DataFile> {
  const metadata = tableMetadata({ schema: as, location: folder.location });
  const [file] = await writeDataFiles({ duckdb, storage: folder.storage, metadata, sourceSql });
  return file!;
}

/** Writes a file as some other tool would. */
async function foreign(query: string, options = '', extra: Partial<DataFile> = {}): Promise<DataFile> {
  const file = path.join(scratch, `f${scratchFiles++}.parquet`);
  await duckdb.run(`COPY (${query}) TO '${file}' (FORMAT parquet${options})`);
  return foreignFile(file, extra);
}

function asScanFile(file: DataFile | ScanFile): ScanFile {
  return 'dataFile' in file ? file : { dataFile: file, deletes: [] };
}

async function scan(as: Schema, files: readonly (DataFile | ScanFile)[], table: Partial<TestTable> = {}) {
  const metadata = tableMetadata({ schema: as, location: folder.location, ...table });
  return scanSql({ duckdb, storage: folder.storage, metadata, schema: as, files: files.map(asScanFile) });
}

async function rows(as: Schema, files: readonly (DataFile | ScanFile)[], table: Partial<TestTable> = {}) {
  const { sql } = await scan(as, files, table);
  const result = await duckdb.rows(`SELECT to_json(t)::VARCHAR AS j FROM (${sql}) t`);
  return result.map(row => JSON.parse(String(row.j)));
}

describe('schema evolution', () => {
  test('columns are found by id: renamed, reordered, added, dropped, added again, widened', async () => {
    const old = schema(
      field(1, 'a', int),
      field(2, 'b', { kind: 'float' }),
      field(3, 'c', string),
      field(4, 'd', { kind: 'decimal', precision: 4, scale: 1 }),
    );
    const file = await written(old, `SELECT 1, 2.5, 'x', 3.5`);
    const now = schema(
      field(2, 'bee', { kind: 'double' }),
      field(4, 'd', { kind: 'decimal', precision: 20, scale: 1 }),
      field(1, 'c', long),
      field(9, 'a', string),
    );
    expect(await rows(now, [file])).toEqual([{ bee: 2.5, d: 3.5, c: 1, a: null }]);
    const [types] = await duckdb.rows(
      `SELECT typeof(bee) b, typeof(d) d, typeof(c) c FROM (${(await scan(now, [file])).sql})`,
    );
    expect(types).toEqual({ b: 'DOUBLE', d: 'DECIMAL(20,1)', c: 'BIGINT' });
  });

  const person = (...fields: NestedField[]): Type => ({ kind: 'struct', fields });
  const listOf = (element: Type): Type => ({ kind: 'list', elementId: 50, elementRequired: false, element });
  const mapTo = (value: Type): Type => ({
    kind: 'map',
    keyId: 60,
    key: string,
    valueId: 61,
    valueRequired: false,
    value,
  });

  test.each([
    ['struct', (type: Type) => type, `{'x': 1, 'y': 'p'}`, (value: unknown) => value],
    ['list', listOf, `[{'x': 1, 'y': 'p'}, NULL]`, (value: unknown) => [value, null]],
    ['map', mapTo, `MAP{'k': {'x': 1, 'y': 'p'}}`, (value: unknown) => ({ k: value })],
    [
      'list in struct in map',
      (type: Type) => mapTo(person(field(70, 'l', listOf(type)))),
      `MAP{'k': {'l': [{'x': 1, 'y': 'p'}]}}`,
      (value: unknown) => ({ k: { l: [value] } }),
    ],
  ] as const)('nested fields are found by id in a %s', async (_, wrap, literal, expected) => {
    const old = schema(field(1, 'v', wrap(person(field(10, 'x', int), field(11, 'y', string)))));
    const file = await written(old, `SELECT ${literal} UNION ALL SELECT NULL`);
    const check = async (now: Type, value: unknown) =>
      expect(await rows(schema(field(1, 'w', wrap(now))), [file])).toEqual([
        { w: expected(value) },
        { w: null },
      ]);
    await check(person(field(11, 'y', string), field(10, 'x', long)), { y: 'p', x: 1 });
    await check(person(field(10, 'x', long), field(12, 'z', int)), { x: 1, z: null });
    await check(person(field(10, 'renamed', long)), { renamed: 1 });
    // Dropped and added again under the same name: another field.
    await check(person(field(10, 'x', int), field(13, 'y', string)), { x: 1, y: null });
    // Names swapped.
    await check(person(field(11, 'x', string), field(10, 'y', int)), { x: 'p', y: 1 });
    // Nothing left of what the file has.
    await check(person(field(14, 'new', int)), { new: null });
  });

  test('files of different layouts are read together', async () => {
    const struct = (...fields: NestedField[]) => schema(field(1, 's', person(...fields)));
    const files = [
      await written(struct(field(10, 'a', int)), `SELECT {'a': 1}`),
      await written(struct(field(10, 'b', int)), `SELECT {'b': 2}`),
      await written(struct(field(11, 'b', int)), `SELECT {'b': 3}`),
    ];
    const result = await rows(struct(field(10, 'b', long), field(11, 'c', long)), files);
    expect(result).toEqual(
      [{ s: { b: 1, c: null } }, { s: { b: 2, c: null } }, { s: { b: null, c: 3 } }].sort(),
    );
  });

  test('the first column is left alone when it is not asked for, also where DuckDB picks it for count(*)', async () => {
    const as = schema(field(1, 'id', long), field(2, 'x', int));
    const files = [await written(as, 'SELECT 1, 2'), await foreign('SELECT 3::BIGINT AS id, 4::INT AS x')];
    const metadata = tableMetadata({ schema: as, location: folder.location });
    const request = { duckdb, storage: folder.storage, metadata, schema: as, files: files.map(asScanFile) };
    const { sql } = await scanSql({ ...request, fieldIds: [2] });
    expect(sql.split('CAST(NULL AS BIGINT) AS "id"')).toHaveLength(3);
    const [row] = await duckdb.rows(`SELECT count(*) AS n, sum(x)::INT AS s FROM (${sql})`);
    expect(row).toEqual({ n: 2n, s: 6 });
    expect((await scanSql({ ...request, fieldIds: [1] })).sql).not.toContain('NULL AS BIGINT');
    expect((await scanSql(request)).sql).not.toContain('NULL AS BIGINT');
  });

  test('initial defaults fill columns that older files lack', async () => {
    const file = await written(schema(field(1, 'a', int)), 'SELECT 1');
    const now = schema(
      field(1, 'a', int),
      { ...field(2, 'n', long), initialDefault: 7 },
      { ...field(3, 'd', { kind: 'date' }), initialDefault: '2020-02-29' },
      { ...field(4, 's', string), initialDefault: "it's" },
    );
    expect(await rows(now, [file])).toEqual([{ a: 1, n: 7, d: '2020-02-29', s: "it's" }]);
  });

  test('initial defaults fill fields that older structs lack, at any depth, and leave null structs null', async () => {
    const old = schema(
      field(1, 's', person(field(10, 'x', int))),
      field(2, 'l', listOf(person(field(20, 'y', int)))),
    );
    const file = await written(old, `SELECT {'x': 1}, [{'y': 2}, NULL] UNION ALL SELECT NULL, NULL`);
    const n = { ...field(11, 'n', long), initialDefault: 7 };
    const d = { ...field(21, 'd', { kind: 'date' as const }), initialDefault: '2020-02-29' };
    const now = schema(
      field(1, 's', person(field(10, 'x', int), n)),
      field(2, 'l', listOf(person(field(20, 'y', int), d))),
    );
    expect(await rows(now, [file])).toEqual([
      { s: { x: 1, n: 7 }, l: [{ y: 2, d: '2020-02-29' }, null] },
      { s: null, l: null },
    ]);
  });
});

describe('types as other tools store them', () => {
  test('uuid as plain FIXED[16] bytes, decimals as integers, v1-style types', async () => {
    const file = await foreign(
      `SELECT '\\x00\\x11\\x22\\x33\\x44\\x55\\x66\\x77\\x88\\x99\\xAA\\xBB\\xCC\\xDD\\xEE\\xFF'::BLOB AS u, 12.34::DECIMAL(6,2) AS d`,
      ', FIELD_IDS {u: 1, d: 2}',
    );
    const as = schema(
      field(1, 'u', { kind: 'uuid' }),
      field(2, 'd', { kind: 'decimal', precision: 38, scale: 2 }),
    );
    expect(await rows(as, [file])).toEqual([{ u: '00112233-4455-6677-8899-aabbccddeeff', d: 12.34 }]);
  });

  test('timestamps with and without zone come in the table’s type', async () => {
    const file = await foreign(
      `SELECT '2020-01-01 00:00:00'::TIMESTAMP AS a, '2020-01-01 00:00:00+00'::TIMESTAMPTZ AS b`,
      ', FIELD_IDS {a: 1, b: 2}',
    );
    const as = schema(field(1, 'a', { kind: 'timestamp' }), field(2, 'b', { kind: 'timestamptz' }));
    const { sql } = await scan(as, [file]);
    const [row] = await duckdb.rows(
      `SELECT epoch_us(a) AS a, epoch_us(b) AS b, typeof(b) AS t FROM (${sql})`,
    );
    expect(row).toEqual({ a: 1577836800000000n, b: 1577836800000000n, t: 'TIMESTAMP WITH TIME ZONE' });
  });

  test('timestamps stored the other way, with or without zone, count in UTC', async () => {
    const file = await foreign(
      `SELECT '2020-01-01 00:00:00'::TIMESTAMP AS a, '2020-01-01 00:00:00+00'::TIMESTAMPTZ AS b`,
      ', FIELD_IDS {a: 1, b: 2}',
    );
    const other = await foreign(`SELECT NULL::TIMESTAMP AS a`, ', FIELD_IDS {a: 1}');
    const as = schema(field(1, 'a', { kind: 'timestamptz' }), field(2, 'b', { kind: 'timestamp' }));
    await duckdb.run(`SET TimeZone = 'Asia/Tokyo'`);
    for (const files of [[file], [file, other]]) {
      const { sql } = await scan(as, files);
      const [row] = await duckdb.rows(`SELECT epoch_us(a) AS a, epoch_us(b) AS b FROM (${sql}) ORDER BY a`);
      expect(row).toEqual({ a: 1577836800000000n, b: 1577836800000000n });
    }
    await duckdb.run('RESET TimeZone');
  });
});

describe('files without field ids', () => {
  const as = schema(
    field(3, 'id', long),
    field(4, 's', { kind: 'struct', fields: [field(5, 'x', int), field(6, 'y', int)] }),
  );

  test('are read by the name mapping, at any depth', async () => {
    const mapping = [
      { 'field-id': 3, names: ['ident', 'id'] },
      { 'field-id': 4, names: ['st'], fields: [{ 'field-id': 5, names: ['ex'] }] },
    ];
    const file = await foreign(`SELECT {'ex': 1, 'y': 2} AS st, 9 AS ident`);
    const properties = { 'schema.name-mapping.default': JSON.stringify(mapping) };
    expect(await rows(as, [file], { properties })).toEqual([{ id: 9, s: { x: 1, y: null } }]);
  });

  test('and without a mapping by position', async () => {
    const file = await foreign(`SELECT 'first' AS whatever, 'second' AS id`);
    const two = schema(field(2, 'b', string), field(1, 'a', string));
    expect(await rows(two, [file])).toEqual([{ b: 'second', a: 'first' }]);
  });
});

describe('partition values', () => {
  test('stand in for identity columns that the file does not have', async () => {
    const spec = {
      specId: 1,
      fields: [{ sourceId: 2, fieldId: 1000, name: 'region', transform: { kind: 'identity' } }],
    } as const;
    const as = schema(field(1, 'id', int), field(2, 'region', string));
    const files = await Promise.all(
      ["e'u", 'us', null].map((region, index) =>
        foreign(`SELECT ${index} AS id`, ', FIELD_IDS {id: 1}', { specId: 1, partition: [region] }),
      ),
    );
    const result = await rows(as, files, { spec });
    expect(result).toEqual([
      { id: 0, region: "e'u" },
      { id: 1, region: 'us' },
      { id: 2, region: null },
    ]);
  });

  test('in folder names mean nothing', async () => {
    const file = path.join(scratch, 'region=zz');
    await duckdb.run(
      `COPY (SELECT 1 AS id, 'aa' AS region, 'zz' AS p) TO '${file}' (FORMAT parquet, PARTITION_BY (p), FIELD_IDS {id: 1, region: 2}, OVERWRITE)`,
    );
    const [found] = await duckdb.rows(`SELECT file FROM glob('${file}/*/*.parquet')`);
    const dataFile = await foreignFile(String(found!.file));
    expect(await rows(schema(field(1, 'id', int), field(2, 'region', string)), [dataFile])).toEqual([
      { id: 1, region: 'aa' },
    ]);
  });
});

describe('deletes', () => {
  const as = schema(field(1, 'id', long), field(2, 'name', string));

  test('by position leave out exactly those rows', async () => {
    const one = await written(as, `SELECT i, 'a' FROM range(10) t(i)`);
    const two = await written(as, `SELECT i + 100, 'b' FROM range(10) t(i)`);
    const deletes = await foreign(
      `SELECT '${one.filePath}' AS file_path, unnest([0, 3, 9])::BIGINT AS pos UNION ALL SELECT '${two.filePath}', 5`,
      ', FIELD_IDS {file_path: 2147483546, pos: 2147483545}',
      { content: 1 },
    );
    const files = [one, two].map(dataFile => ({ dataFile, deletes: [deletes] }));
    const left = (await rows(as, files)).map(row => row.id).sort((a, b) => a - b);
    expect(left).toEqual([1, 2, 4, 5, 6, 7, 8, 100, 101, 102, 103, 104, 106, 107, 108, 109]);
    // A file that the planner gives no deletes for keeps its rows.
    expect(await rows(as, [files[0]!, two])).toHaveLength(17);
  });

  test('by equality compare nulls as equal, only for the files they apply to', async () => {
    const one = await written(as, `SELECT * FROM (VALUES (1, 'x'), (2, NULL), (3, 'y'))`);
    const two = await written(as, `SELECT * FROM (VALUES (1, 'x'), (2, NULL))`);
    const byName = await foreign(`SELECT unnest(['x', NULL]) AS name`, ', FIELD_IDS {name: 2}', {
      content: 2,
      equalityIds: [2],
    });
    const byBoth = await foreign(`SELECT 3 AS id, 'y' AS name`, ', FIELD_IDS {id: 1, name: 2}', {
      content: 2,
      equalityIds: [1, 2],
    });
    expect(await rows(as, [{ dataFile: one, deletes: [byName] }, two])).toHaveLength(3);
    expect(await rows(as, [{ dataFile: one, deletes: [byName, byBoth] }])).toEqual([]);
  });

  test('by equality of fields inside of structs, also after they were renamed', async () => {
    const person = (...fields: NestedField[]): Type => ({ kind: 'struct', fields });
    const before = schema(
      field(1, 'id', long),
      field(2, 'p', person(field(3, 'name', string), field(4, 'q', person(field(5, 'n', int))))),
    );
    const now = {
      ...schema(
        field(1, 'id', long),
        field(2, 'who', person(field(4, 'q', person(field(5, 'number', long))), field(3, 'called', string))),
      ),
      schemaId: 1,
    };
    const dataFile = await written(
      before,
      `SELECT * FROM (VALUES (1, {name: 'x', q: {n: 1}}), (2, {name: 'y', q: {n: 2}}), (3, NULL), (4, {name: 'x', q: NULL}))`,
    );
    const byNumber = await foreign(
      `SELECT {q: {n: unnest([2, 7])}} AS p`,
      ', FIELD_IDS {p: {__duckdb_field_id: 2, q: {__duckdb_field_id: 4, n: 5}}}',
      { content: 2, equalityIds: [5] },
    );
    const byName = await foreign(
      `SELECT 1::BIGINT AS id, {name: 'x'} AS p UNION ALL SELECT 3, NULL`,
      ', FIELD_IDS {id: 1, p: {__duckdb_field_id: 2, name: 3}}',
      { content: 2, equalityIds: [3, 1] },
    );
    const left = async (as: Schema, ...deletes: DataFile[]) =>
      (await rows(as, [{ dataFile, deletes }], { schemas: [before, now] })).map(
        row => (row as { id: number }).id,
      );
    for (const as of [before, now, schema(field(1, 'id', long))]) {
      expect(await left(as, byNumber)).toEqual([1, 3, 4]);
      expect(await left(as, byName)).toEqual([2, 4]);
      expect(await left(as, byName, byNumber)).toEqual([4]);
    }
  });

  test('by deletion vector, in one scan with files that have none', async () => {
    const rowsOf = (from: number) => `SELECT i::BIGINT, 'r' FROM range(${from}, ${from + 5000}) t(i)`;
    const [one, two] = [await written(as, rowsOf(0)), await written(as, rowsOf(5000))];
    const positions = new PositionSet();
    for (const at of [0, 7, 2047, 2048, 4999]) positions.add(at);
    const location = `file://${path.join(scratch, 'dv.puffin')}`;
    const { bytes, files } = encodeDeletionVectors(location, [{ dataFile: two, positions }]);
    writeFileSync(localPath(location), bytes);
    const read = await rows(as, [one, { dataFile: two, deletes: files }]);
    const ids = new Set(read.map(row => Number((row as { id: unknown }).id)));
    expect(read).toHaveLength(9995);
    for (const at of [0, 7, 2047, 2048, 4999]) {
      expect(ids.has(at)).toBe(true);
      expect(ids.has(5000 + at)).toBe(false);
    }
  });

  test('by a column that was dropped, and whose name another has today', async () => {
    const before = schema(field(1, 'id', long), field(2, 'name', string));
    const now = { ...schema(field(1, 'id', long), field(3, 'name', string)), schemaId: 1 };
    const dataFile = await written(before, `SELECT unnest([1, 2, 3]), unnest(['x', 'y', NULL])`);
    const byName = await foreign(`SELECT unnest(['x', NULL]) AS name`, ', FIELD_IDS {name: 2}', {
      content: 2,
      equalityIds: [2],
    });
    const later = await written(now, `SELECT 4, 'x'`);
    const left = await rows(now, [{ dataFile, deletes: [byName] }, later], { schemas: [before, now] });
    expect(left).toEqual([
      { id: 2, name: null },
      { id: 4, name: 'x' },
    ]);
    // Files of one layout are read in another way than those of several.
    const alone = await rows(now, [{ dataFile, deletes: [byName] }], { schemas: [before, now] });
    expect(alone).toEqual([{ id: 2, name: null }]);
  });
});

test('encrypted files are refused by name', async () => {
  const as = schemaOf({ id: long });
  const dataFile = await written(as, 'SELECT 1');
  const keyMetadata = new Uint8Array([1]);
  const message = expect.stringMatching(/The file .* is encrypted/);
  await expect(scan(as, [{ ...dataFile, keyMetadata }])).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message,
  });
  const deletes = [{ ...dataFile, content: 1, keyMetadata } as const];
  await expect(scan(as, [{ dataFile, deletes }])).rejects.toMatchObject({ code: 'UNSUPPORTED', message });
});

describe('the scan', () => {
  test('reads only the columns and row groups that a query needs', async () => {
    const as = schemaOf({ a: long, b: string, c: { kind: 'double' } });
    const file = await written(as, `SELECT i, 'b' || i, i / 3 FROM range(1000) t(i)`);
    const { sql } = await scan(as, [file]);
    const [plan] = await duckdb.rows(`EXPLAIN SELECT a FROM (${sql}) WHERE a > 990`);
    const text = String(plan!.explain_value);
    expect(text).toMatch(/Projections:\s+a/);
    expect(text).toMatch(/Filters:\s+a>990/);
    expect(text).not.toMatch(/FILTER │|PROJECTION/);
  });

  test('tells where rows are stored', async () => {
    const as = schemaOf({ filename: long, file_row_number: string });
    const file = await written(as, `SELECT i, 'r' || i FROM range(3) t(i)`);
    const metadata = tableMetadata({ schema: as, location: folder.location });
    const request = {
      duckdb,
      storage: folder.storage,
      metadata,
      schema: as,
      rowLocation: { file: 'at file', position: 'at row' },
    };
    const { sql, localPaths } = await scanSql({ ...request, files: [{ dataFile: file, deletes: [] }] });
    expect(await duckdb.rows(`SELECT * FROM (${sql}) WHERE filename = 2`)).toEqual([
      { filename: 2n, file_row_number: 'r2', 'at file': localPaths[0], 'at row': 2n },
    ]);
    const empty = await scanSql({ ...request, files: [] });
    expect((await duckdb.describe(empty.sql)).map(column => column.name)).toEqual([
      'filename',
      'file_row_number',
      'at file',
      'at row',
    ]);
  });

  test('of nothing is an empty relation of the right types', async () => {
    const as = schemaOf({
      a: { kind: 'decimal', precision: 9, scale: 2 },
      b: { kind: 'list', elementId: 9, elementRequired: false, element: int },
    });
    const { sql } = await scan(as, []);
    expect((await duckdb.describe(sql)).map(column => String(column.type))).toEqual([
      'DECIMAL(9,2)',
      'INTEGER[]',
    ]);
    expect(await duckdb.rows(sql)).toEqual([]);
  });

  test('of 10,000 files binds and runs', async () => {
    const as = schemaOf({ id: long });
    const file = await written(as, 'SELECT 1');
    const files = Array.from({ length: 10_000 }, (_, index) => {
      const copy = path.join(scratch, `many-${index}.parquet`);
      linkSync(localPath(file.filePath), copy);
      return { ...file, filePath: `file://${copy}` };
    });
    const { sql } = await scan(as, files);
    await duckdb.run(`CREATE OR REPLACE TEMP VIEW many AS ${sql}`);
    expect(await duckdb.rows(`SELECT count(*) AS n FROM many`)).toEqual([{ n: 10_000n }]);
  }, 60_000);

  test('names a corrupt or truncated file', async () => {
    const as = schemaOf({ id: long });
    const file = await written(as, 'SELECT i FROM range(1000) t(i)');
    const bytes = await readFile(localPath(file.filePath));
    const broken = path.join(scratch, 'broken.parquet');
    writeFileSync(broken, bytes.subarray(0, bytes.length - 5));
    await expect(scan(as, [await foreignFile(broken)])).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining('broken.parquet'),
    });
  });

  test('refuses other formats and names that differ only in case', async () => {
    const as = schemaOf({ id: long });
    const file = await written(as, 'SELECT 1');
    await expect(scan(as, [{ ...file, fileFormat: 'ORC' }])).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(scan(schemaOf({ id: long, ID: long }), [file])).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});
