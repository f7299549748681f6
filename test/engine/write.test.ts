import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { scanSql } from '../../src/engine/read.ts';
import { writeDataFiles } from '../../src/engine/write.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { Transform } from '../../src/iceberg/transform.ts';
import { applyTransform, canTransform } from '../../src/iceberg/transform.ts';
import type { Type } from '../../src/iceberg/types.ts';
import { DataFolder, openDuckDb, schemaOf, type TestTable, tableMetadata } from './support.ts';

const duckdb = await openDuckDb();

function setUp(table: Omit<TestTable, 'location'>) {
  const folder = new DataFolder();
  const metadata = tableMetadata({ ...table, location: folder.location });
  const write = (sourceSql: string, options = {}) =>
    writeDataFiles({ duckdb, storage: folder.storage, metadata, sourceSql, ...options });
  const read = async (files: Awaited<ReturnType<typeof write>>, query: (table: string) => string) => {
    const { sql } = await scanSql({
      duckdb,
      storage: folder.storage,
      metadata,
      schema: table.schema,
      files: files.map(dataFile => ({ dataFile, deletes: [] })),
    });
    return duckdb.rows(query(`(${sql})`));
  };
  return { folder, metadata, write, read };
}

function partitioned(schema: Schema, ...transforms: [number, Transform][]) {
  return {
    schema,
    spec: {
      specId: 3,
      fields: transforms.map(([sourceId, transform], index) => ({
        sourceId,
        fieldId: 1000 + index,
        name: `p${index}`,
        transform,
      })),
    },
  };
}

const plain = schemaOf({ id: { kind: 'long' }, name: { kind: 'string' } }, ['id']);

describe('writeDataFiles', () => {
  test('writes a file that reads back, under the table', async () => {
    const { folder, write, read } = setUp({ schema: plain });
    const files = await write(`SELECT i, 'n' || i FROM range(10) t(i)`);
    expect(files).toHaveLength(1);
    expect(files[0]).toMatchObject({
      content: 0,
      fileFormat: 'PARQUET',
      specId: 0,
      partition: [],
      recordCount: 10,
    });
    expect(files[0]!.filePath).toMatch(new RegExp(`^${folder.location}/data/[0-9a-f-]{36}\\.parquet$`));
    expect(files[0]!.splitOffsets).toEqual([4]);
    const [row] = await read(files, table => `SELECT sum(id)::BIGINT AS s, max(name) AS m FROM ${table}`);
    expect(row).toEqual({ s: 45n, m: 'n9' });
  });

  test('leaves no staging folder and writes no file for no rows', async () => {
    const { folder, write } = setUp({ schema: plain });
    expect(await write(`SELECT 1, 'x' WHERE false`)).toEqual([]);
    expect(readdirSync(folder.root)).toEqual([]);
  });

  test('casts to the table and names column, row and value of what does not fit', async () => {
    const { folder, write } = setUp({ schema: plain });
    await expect(write(`SELECT * FROM (VALUES ('1', 'a'), ('x2', 'b')) t(id, name)`)).rejects.toMatchObject({
      code: 'CONVERSION',
      message: `The value 'x2' in row 2 doesn't fit the column "id" (BIGINT).`,
    });
    expect(folder.published).toBe(0);
  });

  test('names the column whose type has no cast', async () => {
    const { write } = setUp({ schema: plain });
    await expect(write(`SELECT true, DATE '2020-01-01'`)).resolves.toHaveLength(1);
    await expect(write(`SELECT DATE '2020-01-01' AS d, 'x'`)).rejects.toMatchObject({
      message: expect.stringContaining('"id"'),
    });
  });

  test('matches columns by name: missing ones are null, unknown ones are refused', async () => {
    const { write, read } = setUp({ schema: plain });
    const files = await write(`SELECT 5 AS ID`, { matchBy: 'name' });
    expect(await read(files, table => `SELECT * FROM ${table}`)).toEqual([{ id: 5n, name: null }]);
    await expect(write(`SELECT 5 AS id, 1 AS nmae`, { matchBy: 'name' })).rejects.toMatchObject({
      code: 'COLUMN_NOT_FOUND',
    });
  });

  test('refuses a wrong number of columns', async () => {
    const { write } = setUp({ schema: plain });
    await expect(write('SELECT 1')).rejects.toMatchObject({ code: 'COLUMN_COUNT' });
  });

  test('takes columns with the same name in order', async () => {
    const { write, read } = setUp({ schema: plain });
    const files = await write(`SELECT 7 AS x, 'y' AS x`);
    expect(await read(files, table => `SELECT * FROM ${table}`)).toEqual([{ id: 7n, name: 'y' }]);
  });

  test('refuses NULL in required columns, nested ones too, and writes nothing', async () => {
    const { folder, write } = setUp({ schema: plain });
    await expect(write(`SELECT * FROM (VALUES (1, 'a'), (NULL, 'b'))`)).rejects.toMatchObject({
      code: 'NULL_IN_REQUIRED_COLUMN',
      message: expect.stringContaining('"id"'),
    });
    expect(readdirSync(folder.root)).toEqual([]);

    const inner: Type = {
      kind: 'struct',
      fields: [{ id: 5, name: 'x', required: true, type: { kind: 'int' } }],
    };
    const list: Type = { kind: 'list', elementId: 6, elementRequired: true, element: { kind: 'int' } };
    const nested = setUp({ schema: schemaOf({ s: inner, l: list }) });
    await expect(
      nested.write(`SELECT {'x': 1}, [1]  UNION ALL SELECT NULL, NULL UNION ALL SELECT NULL, []`),
    ).resolves.toHaveLength(1);
    await expect(nested.write(`SELECT {'x': NULL::INT}, [1]`)).rejects.toMatchObject({
      code: 'NULL_IN_REQUIRED_COLUMN',
    });
    await expect(nested.write(`SELECT {'x': 1}, [1, NULL]`)).rejects.toMatchObject({
      code: 'NULL_IN_REQUIRED_COLUMN',
    });
  });

  test('refuses values that Iceberg can not hold', async () => {
    const { write } = setUp({ schema: schemaOf({ d: { kind: 'date' }, t: { kind: 'time' } }) });
    await expect(write(`SELECT 'infinity'::DATE, NULL`)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(write(`SELECT NULL, '24:00:00'::TIME`)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
  });

  test('checks the length of fixed values', async () => {
    const { write } = setUp({ schema: schemaOf({ f: { kind: 'fixed', length: 2 } }) });
    await expect(write(`SELECT '\\x01\\x02\\x03'::BLOB`)).rejects.toThrow(/2 bytes/);
  });

  test('takes back what was published when publishing fails', async () => {
    const { folder, write } = setUp(partitioned(plain, [1, { kind: 'identity' }]));
    folder.failAfter = 3;
    await expect(write(`SELECT i, 'x' FROM range(20) t(i)`)).rejects.toThrow('disk full');
    const left = readdirSync(folder.root, { recursive: true }).filter(name =>
      String(name).endsWith('.parquet'),
    );
    expect(left).toEqual([]);
  });

  test('starts new files at the target size', async () => {
    const { write } = setUp({ schema: plain, properties: { 'write.target-file-size-bytes': '500000' } });
    const files = await write(`SELECT (random() * 1e15)::BIGINT, 'n' FROM range(1000000)`);
    expect(files.length).toBeGreaterThan(4);
    expect(files.reduce((sum, file) => sum + file.recordCount, 0)).toBe(1_000_000);
  });

  test('sorts by the sort order and says so', async () => {
    const sortOrder = {
      orderId: 1,
      fields: [
        { sourceId: 2, transform: { kind: 'identity' }, direction: 'desc', nullOrder: 'nulls-last' },
        { sourceId: 1, transform: { kind: 'identity' }, direction: 'asc', nullOrder: 'nulls-first' },
      ],
    } as const;
    const { write, read } = setUp({
      schema: plain,
      sortOrder,
      properties: { 'write.target-file-size-bytes': '300000' },
    });
    const files = await write(`SELECT hash(i) % 1000000, nullif('g' || i % 3, 'g1') FROM range(400000) t(i)`);
    expect(files.map(file => file.sortOrderId)).toEqual(files.map(() => 1));
    for (const file of files) {
      const [row] = await read(
        [file],
        table => `SELECT count(*) FILTER (NOT ordered) AS bad FROM (
        SELECT (lag(name, 1, 'g9') OVER rows, -lag(id, 1, -1) OVER rows) >= (name, -id)
          OR (name IS NULL AND (lag(name) OVER rows IS NOT NULL OR lag(id) OVER rows <= id)) AS ordered
        FROM (SELECT *, row_number() OVER () AS n FROM ${table}) WINDOW rows AS (ORDER BY n))`,
      );
      expect(row).toEqual({ bad: 0n });
    }
  });

  test('uses the codec property and knows when it is wrong', async () => {
    const { write } = setUp({ schema: plain, properties: { 'write.parquet.compression-codec': 'snappy' } });
    await expect(write(`SELECT 1, 'x'`)).resolves.toHaveLength(1);
    const wrong = setUp({ schema: plain, properties: { 'write.parquet.compression-codec': 'lzma' } });
    await expect(wrong.write(`SELECT 1, 'x'`)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  test('stops at once when aborted', async () => {
    const { folder, write } = setUp({ schema: plain });
    const controller = new AbortController();
    const writing = write(`SELECT i * j % 7, 'x' FROM range(1000000) a(i), range(100000) b(j)`, {
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(), 200);
    await expect(writing).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(readdirSync(folder.root)).toEqual([]);
  });
});

describe('partitioned writes', () => {
  test('keep null, empty, long and strange partition values exactly', async () => {
    const { write, read } = setUp(partitioned(plain, [2, { kind: 'identity' }]));
    const strange = [
      '',
      'a/b=c',
      '../..',
      '__HIVE_DEFAULT_PARTITION__',
      'ü😀',
      `quo'te"`,
      'x'.repeat(300),
      `${'é'.repeat(200)}!`,
    ];
    const values = strange.map(text => `(1, '${text.replaceAll("'", "''")}')`).join(', ');
    const files = await write(`SELECT * FROM (VALUES ${values}, (2, NULL))`);
    expect(files.map(file => file.partition[0]).sort()).toEqual([...strange, null].sort());
    for (const file of files) {
      const rows = await read([file], table => `SELECT name FROM ${table}`);
      expect(rows).toEqual([{ name: file.partition[0] }]);
      expect(file.specId).toBe(3);
    }
  });

  test('write many partitions in bounded memory', async () => {
    const small = await openDuckDb({ memoryLimit: '300MB' });
    const folder = new DataFolder();
    const { schema, spec } = partitioned(plain, [1, { kind: 'bucket', buckets: 3000 }]);
    const metadata = tableMetadata({ schema, spec, location: folder.location });
    const files = await writeDataFiles({
      duckdb: small,
      storage: folder.storage,
      metadata,
      sourceSql: `SELECT i, 'name ' || i FROM range(1000000) t(i)`,
    });
    expect(new Set(files.map(file => file.partition[0])).size).toBe(3000);
    expect(files.length).toBeLessThan(3300);
    expect(files.reduce((sum, file) => sum + file.recordCount, 0)).toBe(1_000_000);
  }, 60_000);

  const types: [string, Type, string[]][] = [
    ['int', { kind: 'int' }, ['-2147483648', '-1', '0', '34', '2147483647']],
    ['long', { kind: 'long' }, ['-9223372036854775807', '-101', '34', '9223372036854775807']],
    ['decimal', { kind: 'decimal', precision: 9, scale: 2 }, ['14.20', '-0.05', '-10.65', '0', '1234567.89']],
    [
      'wide decimal',
      { kind: 'decimal', precision: 38, scale: 4 },
      ['-12345678901234567890.1234', '128', '-129', '99999999999999999999999.9999'],
    ],
    ['date', { kind: 'date' }, [`'2017-11-16'`, `'1969-12-31'`, `'1582-01-01'`, `'0044-03-15 (BC)'`]],
    ['time', { kind: 'time' }, [`'22:31:08'`, `'00:00:00.000001'`]],
    [
      'timestamp',
      { kind: 'timestamp' },
      [`'2017-11-16 22:31:08'`, `'1969-12-31 23:59:59.999999'`, `'0001-01-01 00:00:00.5'`],
    ],
    [
      'timestamptz',
      { kind: 'timestamptz' },
      [`'2017-11-16 14:31:08-08:00'`, `'1969-12-31 23:59:59.999999+00'`],
    ],
    [
      'timestamp_ns',
      { kind: 'timestamp_ns' },
      [`'2017-11-16 22:31:08.000001001'`, `'1969-12-31 23:59:59.999999999'`],
    ],
    ['string', { kind: 'string' }, [`'iceberg'`, `''`, `'ü😀abc'`, `'a/b'`]],
    ['uuid', { kind: 'uuid' }, [`'f79c3e09-677c-4bbd-a479-3f349cb785e7'`]],
    [
      'binary',
      { kind: 'binary' },
      [`'\\x00\\x01\\x02\\x03'::BLOB`, `''::BLOB`, `'\\xFF\\x00\\x00\\x00\\xAA'::BLOB`],
    ],
    ['boolean', { kind: 'boolean' }, ['true', 'false']],
    ['double', { kind: 'double' }, [`'1e300'`, `'-0.25'`, `'nan'`, `'inf'`]],
  ];
  const transforms: Transform[] = [
    { kind: 'identity' },
    { kind: 'bucket', buckets: 100 },
    { kind: 'truncate', width: 10 },
    { kind: 'year' },
    { kind: 'month' },
    { kind: 'day' },
    { kind: 'hour' },
    { kind: 'void' },
  ];
  for (const [name, type, values] of types) {
    for (const transform of transforms.filter(candidate => canTransform(candidate, type))) {
      test(`${transform.kind} of ${name} is what the transform says`, async () => {
        await duckdb.run(`SET TimeZone = 'America/New_York'`);
        const { write } = setUp(partitioned(schemaOf({ v: type }), [1, transform]));
        for (const value of [...values, 'NULL']) {
          const [file] = await write(`SELECT ${value}`);
          const identity = setUp(partitioned(schemaOf({ v: type }), [1, { kind: 'identity' }]));
          const [same] = await identity.write(`SELECT ${value}`);
          expect(file!.partition[0], value).toEqual(applyTransform(transform, type, same!.partition[0]!));
        }
        await duckdb.run(`RESET TimeZone`);
      });
    }
  }
});
