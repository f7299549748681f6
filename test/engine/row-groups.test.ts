import { mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Leases } from '../../src/storage/leases.ts';
import { RangeCache } from '../../src/storage/s3/cache/range-cache.ts';
import { TestLake, withParts } from './dml/support.ts';
import { localPath, temporaryFolder } from './support.ts';

/*
 * A lake whose data files are read through the range cache, as those in a bucket are, out of a folder that stands for
 * the bucket: of a file only the row groups are there that statistics leave. Whatever is asked, the answer must be that
 * of a table of DuckDB's own, and the engine must not read what isn't there: that fails.
 */
const cacheFolder = temporaryFolder();
mkdirSync(cacheFolder, { recursive: true });
let bytesRead = 0;
const leases = new Leases();
const openCache = () =>
  RangeCache.open({
    server: 'a folder',
    settings: { folder: path.join(temporaryFolder(), 'cache') },
    leases,
    smallFileBytes: 0,
    read: async (location, { range }) => {
      const handle = await open(localPath(location));
      try {
        const { size } = await handle.stat();
        const { start, end } = range!;
        const bytes = new Uint8Array(Math.min(end, size) - start);
        await handle.read(bytes, 0, bytes.length, start);
        bytesRead += bytes.length;
        return { bytes, size, etag: '"1"' };
      } finally {
        await handle.close();
      }
    },
  });
let cache = await openCache();
afterAll(() => cache.close());

const lake = await TestLake.open(undefined, real =>
  withParts(
    real,
    {},
    {
      localPaths: (files, signal) => cache.paths(files, signal),
      localFiles: (files, signal) => cache.files(files, signal),
    },
  ),
);
const { session } = lake;

const groupRows = 2048;
const groups = 10;
const total = groups * groupRows;
/** `id` is in order, `part` goes up and down, `word` has few values in each row group, `noise` is anything. */
const source = (table: string) => `
  SELECT i AS id, (i // ${groupRows} * 3 % ${groups})::INTEGER AS part, 'w' || (i // 500 % 9) AS word,
    CASE WHEN i // ${groupRows} % 4 = 2 THEN NULL ELSE i % 7 END AS few, (hash(i) % 1000)::BIGINT AS noise,
    DATE '2026-01-01' + (i // 100)::INTEGER AS day, (i / 3)::DOUBLE AS ratio
  FROM range(${total}) t(i) WHERE '${table}' <> ''`;

beforeAll(async () => {
  const columns = {
    id: 'long',
    part: 'int',
    word: 'string',
    few: 'long',
    noise: 'long',
    day: 'date',
    ratio: 'double',
  };
  const properties = { 'write.parquet.row-group-limit': String(groupRows) };
  for (const [name, formatVersion] of [
    ['plain', 2],
    ['marked', 2],
    ['vectors', 3],
  ] as const) {
    const more: Record<string, string> = name === 'plain' ? {} : { 'write.delete.mode': 'merge-on-read' };
    await lake.create(name, { columns, formatVersion, properties: { ...properties, ...more } });
    await lake.change(`INSERT INTO ${name} ${source(name)}`);
    await session.duckdb.run(`CREATE TEMP TABLE ${name}_model AS ${source(name)}`);
    if (name === 'plain') continue;
    const gone = 'id % 50 = 3';
    await lake.change(`DELETE FROM ${name} WHERE ${gone}`);
    await session.duckdb.run(`DELETE FROM ${name}_model WHERE ${gone}`);
  }
}, 120_000);

const constant = {
  id: fc.integer({ min: -1, max: total }).map(String),
  part: fc.integer({ min: -1, max: groups }).map(String),
  word: fc.integer({ min: 0, max: 9 }).map(n => `'w${n}'`),
  few: fc.integer({ min: 0, max: 7 }).map(String),
  noise: fc.integer({ min: -1000, max: 1000 }).map(String),
  day: fc.integer({ min: 0, max: Math.floor(total / 100) }).map(n => `DATE '2026-01-01' + ${n}`),
  ratio: fc.integer({ min: 0, max: Math.floor(total / 3) }).map(n => `${n}.5`),
} as const;
const atom = fc.constantFrom(...(Object.keys(constant) as (keyof typeof constant)[])).chain(column =>
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom('=', '<', '<=', '>', '>=', '<>'), constant[column])
        .map(([op, value]) => `t.${column} ${op} ${value}`),
    },
    fc
      .array(constant[column], { minLength: 1, maxLength: 3 })
      .map(values => `t.${column} IN (${values.join(', ')})`),
    fc.constantFrom('IS NULL', 'IS NOT NULL').map(op => `t.${column} ${op}`),
  ),
);
const { condition } = fc.letrec<{ condition: string }>(tie => ({
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 2, arbitrary: atom },
    {
      weight: 3,
      arbitrary: fc
        .tuple(tie('condition'), fc.constantFrom('AND', 'AND', 'OR'), tie('condition'))
        .map(([a, op, b]) => `(${a} ${op} ${b})`),
    },
    tie('condition').map(part => `NOT (${part})`),
  ),
}));
/** Queries of every shape in which the engine looks at files in its own way. */
const shapes: readonly ((table: string, where: string) => string)[] = [
  (table, where) => `SELECT count(*) AS n, sum(id) AS s, min(word) AS w FROM ${table} t WHERE ${where}`,
  (table, where) => `SELECT count(*) AS n FROM ${table} t WHERE ${where}`,
  (table, where) => `SELECT * FROM ${table} t WHERE ${where} ORDER BY noise, id LIMIT 5`,
  (table, where) => `SELECT id, word FROM ${table} t WHERE ${where} ORDER BY id DESC LIMIT 3 OFFSET 2`,
  (table, where) => `SELECT word, count(few) AS n FROM ${table} t WHERE ${where} GROUP BY ALL ORDER BY ALL`,
  (table, where) =>
    `SELECT count(*) AS n, sum(t.noise) AS s FROM ${table} t JOIN (SELECT range * 97 AS k FROM range(60)) u ON t.id = u.k WHERE ${where}`,
  (table, where) =>
    `SELECT count(*) AS n FROM ${table} t JOIN (SELECT 'w3' AS k) u ON t.word = u.k WHERE ${where}`,
  (table, where) =>
    `SELECT count(*) AS n, sum(o.few) AS s FROM ${table} t JOIN ${table} o ON o.id = t.id + 100 WHERE ${where}`,
  (table, where) =>
    `SELECT count(*) AS n FROM ${table} o WHERE o.part IN (SELECT t.part FROM ${table} t WHERE ${where} AND t.id < 50)`,
  (table, where) =>
    `SELECT o.id, t.word FROM ${table} o LEFT JOIN ${table} t ON t.id = o.id AND ${where} WHERE o.noise = 17 ORDER BY ALL`,
  (table, where) =>
    `SELECT id, row_number() OVER (PARTITION BY part ORDER BY id) AS r FROM ${table} t WHERE ${where} QUALIFY r <= 2 ORDER BY ALL`,
];

describe.each(['plain', 'marked', 'vectors'])('%s', table => {
  test('gives the rows of a table of the engine, whatever is asked of it', async () => {
    await fc.assert(
      fc.asyncProperty(condition, fc.constantFrom(...shapes), async (where, shape) => {
        const expected = await session.duckdb.rows(
          `SELECT to_json(q)::VARCHAR AS j FROM (${shape(`${table}_model`, where)}) q`,
        );
        const answer = await lake.rows(shape(table, where));
        expect(answer, shape(table, where)).toEqual(expected.map(({ j }) => JSON.parse(String(j))));
      }),
      { numRuns: 120 },
    );
  });
});

describe('bytes', () => {
  /** Bytes that a query fetches into an empty cache. */
  async function fetched(sql: string): Promise<number> {
    await cache.close();
    cache = await openCache();
    const before = bytesRead;
    await lake.rows(sql);
    return bytesRead - before;
  }

  test('are those of the row groups that the statistics leave', async () => {
    const whole = await fetched('SELECT sum(id), sum(noise) FROM plain WHERE id >= 0');
    const one = await fetched(`SELECT sum(id), sum(noise) FROM plain WHERE id < ${groupRows}`);
    const two = await fetched('SELECT sum(id), sum(noise) FROM plain WHERE part IN (1, 7)');
    const none = await fetched('SELECT sum(id), sum(noise) FROM plain WHERE id < 2048 AND part = 7');
    const nulls = await fetched('SELECT sum(id), sum(noise) FROM plain WHERE few IS NULL');
    const footer = await fetched('SELECT count(*) FROM plain');
    const group = (whole - footer) / groups;
    expect(none).toBeLessThanOrEqual(footer);
    expect(one - footer).toBeLessThan(1.3 * group);
    // `part` is read beside the two.
    expect(two - footer).toBeLessThan(2 * 1.3 * group);
    expect(nulls - footer).toBeLessThan(3 * 1.3 * group);
  });
});

test('many files of many row groups are read in few parts', async () => {
  await lake.create('many', {
    columns: { id: 'long', k: 'long' },
    properties: { 'write.parquet.row-group-limit': String(groupRows) },
  });
  const files = 30;
  const rows = (file: number) =>
    `SELECT i + ${file * 6 * groupRows} AS id, i // ${groupRows} AS k FROM range(${6 * groupRows}) t(i)`;
  for (let file = 0; file < files; file++) await lake.change(`INSERT INTO many ${rows(file)}`);
  // Of each file three row groups, no two of which are neighbours.
  const sql = 'SELECT count(*) AS n, sum(id) AS s FROM many WHERE k % 2 = 0 AND k IN (0, 2, 4)';
  const half = 3 * groupRows * files;
  const [row] = (await lake.rows(sql)) as { n: number; s: number }[];
  expect(row!.n).toBe(half);
});
