import type {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBValue,
} from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scanSql } from '../../src/engine/read.ts';
import { writeDataFiles } from '../../src/engine/write.ts';
import { leaves } from '../../src/engine/write-metrics.ts';
import type { DataFile } from '../../src/iceberg/datafile.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { Type, Value } from '../../src/iceberg/types.ts';
import { compareValues, valueFromBytes } from '../../src/iceberg/value.ts';
import { DataFolder, openDuckDb, schemaOf, tableMetadata } from './support.ts';

const duckdb = await openDuckDb();

/** What a DuckDB value is in Iceberg's in-memory form, by a way of its own (no text in between). */
function icebergValue(type: Type, value: DuckDBValue): Value {
  switch (type.kind) {
    case 'date':
      return (value as DuckDBDateValue).days;
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return (value as DuckDBTimeValue | DuckDBTimestampValue).micros;
    case 'timestamp_ns':
      return (value as unknown as { nanos: bigint }).nanos;
    case 'decimal':
      return (value as DuckDBDecimalValue).value;
    case 'uuid':
      return String(value);
    case 'fixed':
    case 'binary':
      return new Uint8Array((value as DuckDBBlobValue).bytes);
    default:
      return value as Value;
  }
}

/** SQL literals of a type's values, with the edges of its range often. */
function literals(type: Type): fc.Arbitrary<string> {
  const cast = (sqlType: string) => (text: string | number | bigint) =>
    `'${String(text).replaceAll("'", "''")}'::${sqlType}`;
  switch (type.kind) {
    case 'boolean':
      return fc.constantFrom('true', 'false');
    case 'int':
      return fc.integer().map(cast('INTEGER'));
    case 'long':
      return fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(cast('BIGINT'));
    case 'float':
      return fc.float().map(value => cast('FLOAT')(Object.is(value, -0) ? '-0.0' : value));
    case 'double':
      return fc.double().map(value => cast('DOUBLE')(Object.is(value, -0) ? '-0.0' : value));
    case 'decimal': {
      const limit = 10n ** BigInt(type.precision) - 1n;
      const sqlType = `DECIMAL(${type.precision},${type.scale})`;
      return fc.bigInt(-limit, limit).map(unscaled => {
        const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(type.scale + 1, '0');
        const point = digits.length - type.scale;
        return cast(sqlType)(`${unscaled < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`);
      });
    }
    case 'date':
      return fc.oneof(
        fc.integer({ min: -1_000_000, max: 3_000_000 }).map(days => `(DATE '1970-01-01' + ${days})`),
        fc.constantFrom(`'0044-03-15 (BC)'::DATE`, `'0001-01-01'::DATE`, `'9999-12-31'::DATE`),
      );
    case 'time':
      return fc.bigInt(0n, 86_399_999_999n).map(micros => `(TIME '00:00:00' + to_microseconds(${micros}))`);
    case 'timestamp':
      return fc.bigInt(-(10n ** 17n), 10n ** 17n).map(micros => `make_timestamp(${micros})`);
    case 'timestamptz':
      return fc.bigInt(-(10n ** 17n), 10n ** 17n).map(micros => `make_timestamptz(${micros})`);
    case 'timestamp_ns':
      return fc.bigInt(-(2n ** 62n), 2n ** 62n).map(nanos => `make_timestamp_ns(${nanos})`);
    case 'uuid':
      return fc.uuid().map(cast('UUID'));
    case 'string':
      return fc
        .oneof(
          fc.string({ unit: 'binary', maxLength: 20 }),
          fc.string({ unit: 'grapheme', maxLength: 400 }),
          fc.constantFrom('', '\u{10ffff}'.repeat(20), '￿'.repeat(17), 'z'.repeat(300)),
        )
        .map(text => `decode(from_hex('${Buffer.from(text).toString('hex')}'))`);
    case 'fixed':
    case 'binary': {
      const length =
        type.kind === 'fixed' ? { minLength: type.length, maxLength: type.length } : { maxLength: 300 };
      return fc
        .oneof(
          fc.uint8Array(length),
          fc.constant(new Uint8Array(type.kind === 'fixed' ? type.length : 40).fill(0xff)),
        )
        .map(bytes => `from_hex('${Buffer.from(bytes).toString('hex')}')`);
    }
    default:
      throw new Error(type.kind);
  }
}

const primitives: Record<string, Type> = {
  boolean: { kind: 'boolean' },
  int: { kind: 'int' },
  long: { kind: 'long' },
  float: { kind: 'float' },
  double: { kind: 'double' },
  'decimal(4,2)': { kind: 'decimal', precision: 4, scale: 2 },
  'decimal(9,0)': { kind: 'decimal', precision: 9, scale: 0 },
  'decimal(18,6)': { kind: 'decimal', precision: 18, scale: 6 },
  'decimal(38,10)': { kind: 'decimal', precision: 38, scale: 10 },
  date: { kind: 'date' },
  time: { kind: 'time' },
  timestamp: { kind: 'timestamp' },
  timestamptz: { kind: 'timestamptz' },
  timestamp_ns: { kind: 'timestamp_ns' },
  string: { kind: 'string' },
  uuid: { kind: 'uuid' },
  binary: { kind: 'binary' },
  'fixed(20)': { kind: 'fixed', length: 20 },
};

async function write(schema: Schema, sourceSql: string, properties: Record<string, string> = {}) {
  const folder = new DataFolder();
  const metadata = tableMetadata({ schema, location: folder.location, properties });
  const files = await writeDataFiles({ duckdb, storage: folder.storage, metadata, sourceSql });
  const scan = await scanSql({
    duckdb,
    storage: folder.storage,
    metadata,
    schema,
    files: files.map(dataFile => ({ dataFile, deletes: [] })),
  });
  return { files, scan: scan.sql };
}

/** Recomputes a column's statistics from its values (null for null) and compares. */
function expectHolds(file: DataFile, id: number, declared: Type, values: readonly (Value | null)[]): void {
  // A cut bound of a fixed column is shorter than its values.
  const type: Type = declared.kind === 'fixed' ? { kind: 'binary' } : declared;
  const present = values.filter(value => value !== null);
  const isNan = (value: Value) => typeof value === 'number' && Number.isNaN(value);
  const numbers = present.filter(value => !isNan(value));
  expect(file.valueCounts?.get(id), 'value count').toBe(values.length);
  expect(file.nullValueCounts?.get(id), 'null count').toBe(values.length - present.length);
  const isFloating = type.kind === 'float' || type.kind === 'double';
  expect(file.nanValueCounts?.get(id), 'NaN count').toBe(
    isFloating ? present.length - numbers.length : undefined,
  );
  const lower = file.lowerBounds?.get(id);
  const upper = file.upperBounds?.get(id);
  if (numbers.length === 0) {
    expect(lower, 'lower bound of nothing').toBeUndefined();
    expect(upper, 'upper bound of nothing').toBeUndefined();
    return;
  }
  const sorted = numbers.toSorted((a, b) => compareValues(type, a, b));
  const [min, max] = [sorted[0]!, sorted.at(-1)!];
  if (lower !== undefined)
    expect(compareValues(type, valueFromBytes(type, lower), min)).toBeLessThanOrEqual(0);
  if (upper !== undefined)
    expect(compareValues(type, valueFromBytes(type, upper), max)).toBeGreaterThanOrEqual(0);
  const cut = type.kind === 'string' || type.kind === 'binary';
  if (cut) return;
  const isZero = (value: Value) => value === 0;
  // Zeros of either sign count as one: their bounds are -0.0 and 0.0.
  if (lower === undefined) expect.fail('no lower bound');
  if (upper === undefined) expect.fail('no upper bound');
  expect(valueFromBytes(type, lower)).toEqual(isZero(min) && isFloating ? -0 : min);
  expect(valueFromBytes(type, upper)).toEqual(isZero(max) && isFloating ? 0 : max);
}

describe('statistics of written files hold against the data', () => {
  for (const [name, type] of Object.entries(primitives)) {
    test(name, async () => {
      const schema = schemaOf({ v: type });
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.option(literals(type), { nil: 'NULL', freq: 5 }), { minLength: 1, maxLength: 12 }),
          async rows => {
            const { files, scan } = await write(
              schema,
              `SELECT * FROM (VALUES ${rows.map(row => `(${row})`).join(', ')})`,
            );
            expect(files).toHaveLength(1);
            const read = await duckdb.rows(scan);
            expect(read).toHaveLength(rows.length);
            const values = read.map(row => (row.v === null ? null : icebergValue(type, row.v!)));
            expect(files[0]!.recordCount).toBe(rows.length);
            expectHolds(files[0]!, 1, type, values);
          },
        ),
        { numRuns: 40 },
      );
    });
  }

  test('many row groups, NaN in some, nested columns', async () => {
    const struct: Type = {
      kind: 'struct',
      fields: [
        { id: 11, name: 'd "x"', required: false, type: { kind: 'double' } },
        {
          id: 12,
          name: 'l',
          required: false,
          type: { kind: 'list', elementId: 13, elementRequired: false, element: { kind: 'int' } },
        },
      ],
    };
    const map: Type = {
      kind: 'map',
      keyId: 14,
      key: { kind: 'string' },
      valueId: 15,
      valueRequired: false,
      value: { kind: 'double' },
    };
    const schema = schemaOf({ id: { kind: 'long' }, s: struct, m: map });
    const { files, scan } = await write(
      schema,
      `SELECT hash(i)::HUGEINT % 100000 - 50000,
         CASE WHEN i % 7 = 0 THEN NULL ELSE {'d "x"': CASE WHEN i % 1000 = 1 THEN 'nan'::DOUBLE ELSE sin(i) END,
           'l': CASE WHEN i % 3 = 0 THEN [] WHEN i % 3 = 1 THEN [i, NULL] END} END,
         CASE WHEN i % 5 = 0 THEN NULL ELSE MAP{'k' || i: i / 2} END
       FROM range(300000) t(i)`,
      { 'write.parquet.row-group-limit': '20480' },
    );
    expect(files).toHaveLength(1);
    const file = files[0]!;
    expect(file.splitOffsets!.length).toBeGreaterThan(5);
    const rows = await duckdb.rows(`SELECT id, s."d ""x""" AS d FROM (${scan})`);
    expectHolds(
      file,
      1,
      { kind: 'long' },
      rows.map(row => row.id as Value),
    );
    expectHolds(
      file,
      11,
      { kind: 'double' },
      rows.map(row => row.d as Value | null),
    );
    // Inside lists and maps Parquet counts an empty or null list as one null; there are no bounds.
    const [counts] = await duckdb.rows(`SELECT
      sum(greatest(coalesce(len(s.l), 0), 1))::BIGINT AS values,
      sum(CASE WHEN coalesce(len(s.l), 0) = 0 THEN 1 ELSE len(s.l) - list_count(s.l) END)::BIGINT AS nulls FROM (${scan})`);
    expect(file.valueCounts!.get(13)).toBe(Number(counts!.values));
    expect(file.nullValueCounts!.get(13)).toBe(Number(counts!.nulls));
    for (const id of [13, 14, 15]) expect(file.lowerBounds!.has(id) || file.upperBounds!.has(id)).toBe(false);
    expect([...file.columnSizes!.keys()].sort()).toEqual(
      leaves(schema)
        .map(leaf => leaf.id)
        .sort(),
    );
    const total = [...file.columnSizes!.values()].reduce((sum, size) => sum + size, 0);
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThan(file.fileSizeInBytes);
  });

  test('metrics modes', async () => {
    const schema = schemaOf({
      a: { kind: 'string' },
      b: { kind: 'string' },
      c: { kind: 'string' },
      d: { kind: 'string' },
    });
    const { files } = await write(
      schema,
      `SELECT repeat('x', 40), repeat('x', 40), repeat('x', 40), repeat('x', 40)`,
      {
        'write.metadata.metrics.default': 'counts',
        'write.metadata.metrics.column.a': 'none',
        'write.metadata.metrics.column.c': 'truncate(4)',
        'write.metadata.metrics.column.d': 'full',
      },
    );
    const file = files[0]!;
    expect([...file.valueCounts!.keys()]).toEqual([2, 3, 4]);
    expect(Buffer.from(file.lowerBounds!.get(3)!).toString()).toBe('xxxx');
    expect(Buffer.from(file.upperBounds!.get(3)!).toString()).toBe('xxxy');
    expect(Buffer.from(file.upperBounds!.get(4)!).toString()).toBe('x'.repeat(40));
    expect([...file.lowerBounds!.keys()]).toEqual([3, 4]);
  });

  test('timestamps with zone do not depend on the session’s zone', async () => {
    await duckdb.run(`SET TimeZone = 'Asia/Kathmandu'`);
    const schema = schemaOf({ v: { kind: 'timestamptz' } });
    const { files } = await write(schema, `SELECT '1960-05-01 01:02:03.000004+00'::TIMESTAMPTZ`);
    await duckdb.run('RESET TimeZone');
    const value = valueFromBytes({ kind: 'timestamptz' }, files[0]!.lowerBounds!.get(1)!);
    expect(value).toBe(BigInt(Date.UTC(1960, 4, 1, 1, 2, 3)) * 1000n + 4n);
  });
});
