import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { DuckDb } from '../../../../src/engine/duckdb.ts';
import {
  and,
  compare,
  type Expr,
  evaluateRow,
  inSet,
  not,
  or,
  unary,
} from '../../../../src/iceberg/expression.ts';
import type { Schema } from '../../../../src/iceberg/schema.ts';
import type { Type, Value } from '../../../../src/iceberg/types.ts';
import { type FooterMap, readFooter } from '../../../../src/storage/s3/cache/footer.ts';
import { selectRowGroups } from '../../../../src/storage/s3/cache/row-groups.ts';
import { openDuckDb } from '../../../engine/support.ts';
import { Objects, openCache, temporaryFolder } from './support.ts';

/** DuckDB's smallest. */
const groupRows = 2048;
const groups = 12;
const folder = temporaryFolder();
const file = path.join(folder, 'groups.parquet');
const location = 's3://b/groups.parquet';
const objects = new Objects();
let duckdb: DuckDb;
let footer: FooterMap;
let fileSize: number;

/**
 * A column: its type in the table, and SQL for its values by `g`, the row group (0 to 11), and `i`, the row in it. Each
 * has values of its own in a row group, or none, or is null everywhere.
 */
interface Column {
  readonly type: Type;
  readonly sql: string;
  /** The values of row group `g` as filters name them. */
  readonly value: (g: number) => Value;
}
const day = 86_400_000_000n;
const columns: Readonly<Record<string, Column>> = {
  widened: { type: { kind: 'long' }, sql: 'g::INTEGER', value: g => BigInt(g) },
  long: { type: { kind: 'long' }, sql: 'g - 5', value: g => BigInt(g - 5) },
  double: { type: { kind: 'double' }, sql: '(g / 2.0)::FLOAT', value: g => g / 2 },
  nan: { type: { kind: 'double' }, sql: "CASE WHEN i = 7 THEN 'NaN'::DOUBLE ELSE g END", value: g => g },
  small: {
    type: { kind: 'decimal', precision: 18, scale: 2 },
    sql: '(g - 5)::DECIMAL(9, 2)',
    value: g => BigInt(g - 5) * 100n,
  },
  large: {
    type: { kind: 'decimal', precision: 38, scale: 3 },
    sql: '(g - 5)::DECIMAL(38, 3)',
    value: g => BigInt(g - 5) * 1000n,
  },
  date: { type: { kind: 'date' }, sql: "DATE '1970-01-01' + (g - 5)::INTEGER", value: g => g - 5 },
  time: {
    type: { kind: 'time' },
    sql: "TIME '00:00:00' + to_hours(g)",
    value: g => BigInt(g) * 3_600_000_000n,
  },
  timestamp: {
    type: { kind: 'timestamp' },
    sql: "TIMESTAMP '1970-01-01' + to_days(g::INTEGER - 5)",
    value: g => BigInt(g - 5) * day,
  },
  fromDate: {
    type: { kind: 'timestamp' },
    sql: "DATE '1970-01-01' + g::INTEGER",
    value: g => BigInt(g) * day,
  },
  zoned: {
    type: { kind: 'timestamptz' },
    sql: "TIMESTAMPTZ '1970-01-01 00:00:00+00' + to_days(g::INTEGER)",
    value: g => BigInt(g) * day,
  },
  nanos: {
    type: { kind: 'timestamp_ns' },
    sql: "(TIMESTAMP '1970-01-01' + to_days(g::INTEGER))::TIMESTAMP_NS",
    value: g => BigInt(g) * day * 1000n,
  },
  text: {
    type: { kind: 'string' },
    sql: "chr((97 + g)::INTEGER) || 'ö'",
    value: g => `${String.fromCharCode(97 + g)}ö`,
  },
  flag: { type: { kind: 'boolean' }, sql: 'g % 2 = 0', value: g => g % 2 === 0 },
};
const names = Object.keys(columns);
/** Of a row group all or some values of a column are null. */
const isNull = (column: number) => `(g + ${column}) % 5 = 4 OR ((g + ${column}) % 3 = 1 AND i % 2 = 0)`;
const schema: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: names.map((name, index) => ({ id: index + 1, name, required: false, type: columns[name]!.type })),
};

beforeAll(async () => {
  duckdb = await openDuckDb();
  const select = names.map(
    (name, index) => `CASE WHEN ${isNull(index)} THEN NULL ELSE ${columns[name]!.sql} END AS "${name}"`,
  );
  await duckdb.run(`COPY (
      SELECT ${select.join(', ')}, hash(range) AS noise
      FROM (SELECT range, range // ${groupRows} AS g, range % ${groupRows} AS i FROM range(${groups * groupRows})))
    TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE ${groupRows},
      FIELD_IDS {${names.map((name, index) => `"${name}": ${index + 1}`).join(', ')}, noise: 100})`);
  fileSize = objects.putFile(location, file);
  footer = readFooter(readFileSync(file), fileSize)!;
  expect(footer.rowGroups.map(({ rows }) => rows)).toEqual(Array(groups).fill(groupRows));
});

const ids = (name: string) => names.indexOf(name) + 1;
const filterValue = (name: string) => fc.integer({ min: -1, max: groups }).map(columns[name]!.value);
const predicate: fc.Arbitrary<Expr> = fc.constantFrom(...names).chain(name =>
  fc.oneof(
    fc
      .tuple(fc.constantFrom('eq', 'not-eq', 'lt', 'lt-eq', 'gt', 'gt-eq'), filterValue(name))
      .map(([op, value]) => compare(op as 'eq', ids(name), value)),
    fc
      .tuple(fc.constantFrom('in', 'not-in'), fc.array(filterValue(name), { minLength: 1, maxLength: 3 }))
      .map(([op, values]) => inSet(op as 'in', ids(name), values)),
    fc.constantFrom('is-null', 'not-null').map(op => unary(op as 'is-null', ids(name))),
  ),
);
const { filter } = fc.letrec<{ filter: Expr }>(tie => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: predicate },
    fc.tuple(tie('filter'), tie('filter')).map(parts => and(...parts)),
    fc.tuple(tie('filter'), tie('filter')).map(parts => or(...parts)),
    tie('filter').map(not),
  ),
}));

/** Rows that stand for all of a row group: an even one, an odd one, and the one with NaN. */
const kindsOfRows = [0, 1, 7];

function rowValue(column: number, g: number, i: number): Value | null {
  if ((g + column) % 5 === 4 || ((g + column) % 3 === 1 && i % 2 === 0)) return null;
  const name = names[column]!;
  return name === 'nan' && i === 7 ? Number.NaN : columns[name]!.value(g);
}

const hasMatch = (expr: Expr, g: number) =>
  kindsOfRows.some(i => evaluateRow(expr, fieldId => rowValue(fieldId - 1, g, i)) === true);
const allGroups = Array.from({ length: groups }, (_, g) => g);
const select = (expr: Expr, mostRanges = groups, withoutNan = [ids('double')]) =>
  selectRowGroups(footer, { expr, schema, withoutNan, mostRanges });

describe('the row groups that a filter needs', () => {
  test('are all that have a row which it selects', () => {
    fc.assert(
      fc.property(filter, fc.integer({ min: 1, max: 4 }), (expr, mostRanges) => {
        const selection = select(expr, mostRanges);
        const left = allGroups.filter(g => selection?.needed[g] === false);
        expect(left.filter(g => hasMatch(expr, g))).toEqual([]);
        if (selection === undefined) return;
        const { rows, needed } = selection;
        expect(rows.length).toBeLessThanOrEqual(mostRanges);
        const inRows = allGroups.filter(g =>
          rows.some(({ start, end }) => start <= g * groupRows && (g + 1) * groupRows <= end),
        );
        expect(inRows).toEqual(allGroups.filter(g => needed[g]));
      }),
      { numRuns: 2000 },
    );
  });

  test.each(names.filter(name => name !== 'flag' && name !== 'nan'))('are just those for %s', name => {
    for (const g of allGroups) {
      for (const op of ['eq', 'lt', 'lt-eq', 'gt', 'gt-eq'] as const) {
        const expr = compare(op, ids(name), columns[name]!.value(g));
        const needed = select(expr)?.needed ?? allGroups.map(() => true);
        expect(
          allGroups.filter(other => needed[other]),
          `${op} ${g}`,
        ).toEqual(allGroups.filter(other => hasMatch(expr, other)));
      }
    }
    const nulls = allGroups.filter(g => hasMatch(unary('is-null', ids(name)), g));
    expect(allGroups.filter(g => select(unary('is-null', ids(name)))?.needed[g])).toEqual(nulls);
  });

  test('are those that may have NaN, which is larger than every number', () => {
    const expr = compare('gt', ids('double'), 100);
    expect(select(expr)?.rows).toEqual([]);
    expect(select(expr, groups, [])).toBeUndefined();
  });

  test('are those whose gaps are smallest where there would be too many ranges', () => {
    const expr = inSet('in', ids('long'), [0, 1, 5, 9].map(columns.long!.value));
    const found = allGroups.filter(g => select(expr)?.needed[g]);
    expect(found).toEqual([0, 1, 5, 9]);
    const ranges = (most: number) =>
      select(expr, most)?.rows.map(({ start, end }) => [start / groupRows, end / groupRows]);
    expect(ranges(9)).toEqual([
      [0, 2],
      [5, 6],
      [9, 10],
    ]);
    expect(ranges(2)).toEqual([
      [0, 6],
      [9, 10],
    ]);
    expect(ranges(1)).toEqual([[0, 10]]);
  });

  test('are all where the statistics are of another type, or have no order', () => {
    const asLong: Schema = {
      ...schema,
      fields: schema.fields.map(field => ({ ...field, type: { kind: 'long' } })),
    };
    for (const name of ['double', 'small', 'timestamp', 'text']) {
      const expr = compare('lt', ids(name), -100n);
      const needed = selectRowGroups(footer, { expr, schema: asLong, mostRanges: groups })?.needed;
      // A comparison selects no null, of whatever type it is.
      const withValues = allGroups.filter(g => hasMatch(unary('not-null', ids(name)), g));
      expect(allGroups.filter(g => needed?.[g])).toEqual(withValues);
    }
    const unordered = { ...footer, leaves: footer.leaves.map(({ fieldId }) => ({ fieldId: fieldId! })) };
    const expr = or(compare('lt', ids('long'), -100n), unary('is-null', ids('long')));
    expect(select(expr, 1)).toBeDefined();
    expect(selectRowGroups(unordered, { expr, schema, mostRanges: 1 })).toBeUndefined();
  });
});

describe('of a filtered file', () => {
  test('only the needed chunks are fetched, whichever filters come one after the other', async () => {
    const queries = fc.array(fc.tuple(filter, fc.subarray(names)), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(queries, async asked => {
        const { cache } = await openCache(objects, { folder: temporaryFolder() }, { smallFileBytes: 0 });
        const before = objects.bytesRead;
        const chunks = new Set<string>();
        for (const [expr, wanted] of asked) {
          const fieldIds = wanted.map(ids);
          const [found] = await cache.files([
            { location, fileSize, fieldIds, tailBytes: 64, filter: { expr, schema, mostRanges: 3 } },
          ]);
          const { rows = [{ start: 0, end: groups * groupRows }] } = found!;
          for (const g of allGroups) {
            if (!rows.some(({ start, end }) => start <= g * groupRows && g * groupRows < end)) continue;
            for (const name of wanted) chunks.add(`${g} ${name}`);
          }
          for (const { start, end } of rows) {
            const hashes = wanted.map(name => `bit_xor(hash("${name}"))`).join(', ');
            const of = (local: string) =>
              duckdb.rows(`SELECT count(*) ${hashes && `, ${hashes}`}
                FROM '${local}' WHERE file_row_number BETWEEN ${start} AND ${end - 1}`);
            expect(await of(found!.path)).toEqual(await of(file));
          }
        }
        const needed = await chunkBytes([...chunks]);
        expect(objects.bytesRead - before).toBeLessThanOrEqual(needed * 1.05 + footerBytes());
      }),
      { numRuns: 25 },
    );
  });

  test('the Bloom filters of the others are there, at which the engine looks before it leaves them out', async () => {
    const { cache } = await openCache(objects, { folder: temporaryFolder() }, { smallFileBytes: 0 });
    const expr = compare('eq', ids('long'), columns.long!.value(6));
    const fieldIds = [ids('text'), ids('long')];
    const [found] = await cache.files([
      { location, fileSize, fieldIds, tailBytes: 64, filter: { expr, schema, mostRanges: 3 } },
    ]);
    const [range] = found!.rows!;
    for (const g of allGroups) {
      const counted = await duckdb.rows(`SELECT count(*) AS n FROM '${found!.path}'
        WHERE text = '${columns.text!.value(g)}' AND file_row_number BETWEEN ${range!.start} AND ${range!.end - 1}`);
      expect(Number(counted[0]!.n)).toBe(g === 6 ? groupRows : 0);
    }
    const filters = await duckdb.rows(
      `SELECT 1 FROM parquet_metadata('${file}') WHERE path_in_schema = 'text' AND bloom_filter_length > 0`,
    );
    expect(filters.length).toBeGreaterThan(groups / 2);
  });

  test('all columns of the needed row groups are there when none are named', async () => {
    const { cache } = await openCache(objects, { folder: temporaryFolder() }, { smallFileBytes: 0 });
    const expr = compare('eq', ids('long'), columns.long!.value(6));
    const [found] = await cache.files([
      { location, fileSize, tailBytes: 64, filter: { expr, schema, mostRanges: 3 } },
    ]);
    expect(found!.rows).toEqual([{ start: 6 * groupRows, end: 7 * groupRows }]);
    const of = (local: string) =>
      duckdb.rows(`SELECT bit_xor(hash(t)) AS h FROM '${local}' t
        WHERE file_row_number BETWEEN ${6 * groupRows} AND ${7 * groupRows - 1}`);
    expect(await of(found!.path)).toEqual(await of(file));
    // Whoever doesn't ask for rows gets all of them.
    const [whole] = await cache.paths([{ location, fileSize, fieldIds: [ids('long')] }]);
    const sum = (local: string) => duckdb.rows(`SELECT sum(long) AS n FROM '${local}'`);
    expect(await sum(whole!)).toEqual(await sum(file));
  });
});

const footerBytes = () => readFileSync(file).readUInt32LE(fileSize - 8) + 8 + 64;

/** Bytes of column chunks, named by row group and column, and of all their columns' Bloom filters. */
async function chunkBytes(chunks: readonly string[]): Promise<number> {
  const quoted = chunks.map(chunk => `'${chunk}'`).join(', ');
  const [row] = await duckdb.rows(
    `WITH chunks AS (SELECT *, row_group_id || ' ' || path_in_schema IN ('', ${quoted || "''"}) AS needed
       FROM parquet_metadata('${file}'))
     SELECT sum(total_compressed_size) FILTER (WHERE needed) + sum(bloom_filter_length)
       FILTER (WHERE path_in_schema IN (SELECT path_in_schema FROM chunks WHERE needed)) AS n FROM chunks`,
  );
  return Number(row!.n ?? 0);
}
