import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { DuckDb } from '../../../../src/engine/duckdb.ts';
import { readFooter } from '../../../../src/storage/s3/cache/footer.ts';
import { openDuckDb } from '../../../engine/support.ts';
import { Objects, openCache, temporaryFolder } from './support.ts';

const folder = temporaryFolder();
const file = path.join(folder, 'full.parquet');
const location = 's3://b/full.parquet';
const objects = new Objects();
let duckdb: DuckDb;
let fileSize: number;

/** Columns with their field ids; `few` and `word` have dictionaries and Bloom filters. */
const columns = {
  id: [1],
  few: [2],
  word: [3],
  noise: [4],
  s: [5, 6, 7],
  list: [8, 9],
  map: [10, 11, 12],
} as const;
type Column = keyof typeof columns;

beforeAll(async () => {
  duckdb = await openDuckDb();
  await duckdb.run(`COPY (
      SELECT range AS id, (range * 7) % 1000 AS few, 'w' || (range % 3000) AS word, hash(range) AS noise,
        {a: range % 10, b: 'b' || range} AS s, [range, range + 1] AS list, MAP {range: 'm'} AS map
      FROM range(300000))
    TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 60000, FIELD_IDS {id: 1, few: 2, word: 3, noise: 4,
      s: {__duckdb_field_id: 5, a: 6, b: 7}, list: {__duckdb_field_id: 8, element: 9},
      map: {__duckdb_field_id: 10, key: 11, value: 12}})`);
  fileSize = objects.putFile(location, file);
});

/** A fingerprint of a column: it must be read whole. */
const fingerprint = async (column: string, of: string) => {
  const [row] = await duckdb.rows(
    `SELECT bit_xor(hash(${column}))::VARCHAR AS h, count(*) AS n FROM '${of}'`,
  );
  return [String(row!.h), Number(row!.n)];
};

/** Bytes of the column chunks in which these columns are. */
async function chunkBytes(wanted: readonly string[]): Promise<number> {
  const names = ['', ...wanted].map(name => `'${name}'`).join(', ');
  const [row] = await duckdb.rows(
    `SELECT sum(total_compressed_size + coalesce(bloom_filter_length, 0)) AS n FROM parquet_metadata('${file}')
     WHERE split_part(path_in_schema, ',', 1) IN (${names})`,
  );
  return Number(row!.n ?? 0);
}

describe('only the column chunks that are asked for', () => {
  test('are fetched, whatever is asked in which order, with little beside them', async () => {
    const subset = fc.subarray(Object.keys(columns) as Column[]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(subset, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (queries, byLeaf) => {
          const { cache } = await openCache(objects, { folder: temporaryFolder() });
          const before = objects.bytesRead;
          for (const wanted of queries) {
            // A column counts as a whole, whichever of its fields is named.
            const fieldIds = wanted.map(name => columns[name].at(byLeaf ? -1 : 0)!);
            const [local] = await cache.paths([{ location, fileSize, fieldIds }]);
            for (const name of wanted)
              expect(await fingerprint(name, local!)).toEqual(await fingerprint(name, file));
          }
          const needed = await chunkBytes([...new Set(queries.flat())]);
          const footer = 64 * 1024;
          expect(objects.bytesRead - before).toBeLessThanOrEqual(needed * 1.05 + footer);
        },
      ),
      { numRuns: 12 },
    );
  });

  test('with the Bloom filters by which the engine leaves out row groups', async () => {
    const { cache } = await openCache(objects, { folder: temporaryFolder() });
    // Not with the footer: they lie right before it.
    const tailBytes = readFileSync(file).readUInt32LE(fileSize - 8) + 8;
    const [local] = await cache.paths([{ location, fileSize, fieldIds: [2, 3], tailBytes }]);
    const [row] = await duckdb.rows(`SELECT count(*) AS n FROM '${local}' WHERE word = 'w77' AND few = 539`);
    expect(Number(row!.n)).toBe(100);
    const metadata = await duckdb.rows(
      `SELECT * FROM parquet_metadata('${file}') WHERE path_in_schema = 'word' AND bloom_filter_length > 0`,
    );
    expect(metadata.length).toBeGreaterThan(0);
  });

  test('no column at all needs the footer only', async () => {
    const { cache } = await openCache(objects, { folder: temporaryFolder() });
    const before = objects.bytesRead;
    const [local] = await cache.paths([{ location, fileSize, fieldIds: [] }]);
    const [row] = await duckdb.rows(`SELECT count(*) AS n FROM '${local}'`);
    expect(Number(row!.n)).toBe(300_000);
    expect(objects.bytesRead - before).toBe(64 * 1024);
  });

  test('a known length of the footer saves bytes, and a wrong one only costs a request', async () => {
    const footer = readFileSync(file).readUInt32LE(fileSize - 8) + 8;
    for (const tailBytes of [footer, 8, 100, footer - 1, 10_000_000]) {
      const { cache } = await openCache(objects, { folder: temporaryFolder() });
      const [bytes, count] = [objects.bytesRead, objects.requests.length];
      const [local] = await cache.paths([{ location, fileSize, fieldIds: [], tailBytes }]);
      const [row] = await duckdb.rows(`SELECT count(*) AS n FROM '${local}'`);
      expect(Number(row!.n)).toBe(300_000);
      const isTooLong = tailBytes > fileSize;
      expect(objects.bytesRead - bytes).toBe(isTooLong ? 64 * 1024 : footer);
      expect(objects.requests.length - count).toBe(tailBytes < footer ? 2 : 1);
    }
  });

  test('a column that is read later is not seen as the hole it was', async () => {
    const { cache } = await openCache(objects, { folder: temporaryFolder() });
    for (const name of Object.keys(columns) as Column[]) {
      const [local] = await cache.paths([{ location, fileSize, fieldIds: [columns[name][0]] }]);
      expect(await fingerprint(name, local!)).toEqual(await fingerprint(name, file));
    }
  });
});

describe('the whole file is fetched', () => {
  test('when it has no field ids', async () => {
    const plain = path.join(folder, 'plain.parquet');
    await duckdb.run(
      `COPY (SELECT range AS a, hash(range) AS b FROM range(100000)) TO '${plain}' (FORMAT parquet)`,
    );
    const size = objects.putFile('s3://b/plain.parquet', plain);
    const { cache } = await openCache(objects, { folder: temporaryFolder() });
    const [local] = await cache.paths([{ location: 's3://b/plain.parquet', fileSize: size, fieldIds: [1] }]);
    expect(readFileSync(local!).equals(readFileSync(plain))).toBe(true);
  });

  test('when its footer can not be read, so that the engine tells what is wrong', async () => {
    const broken = readFileSync(file);
    broken.fill(0xff, broken.length - 2000, broken.length - 8);
    objects.put('s3://b/broken.parquet', broken);
    const noParquet = Buffer.alloc(200_000, 'x');
    objects.put('s3://b/none.parquet', noParquet);
    const { cache } = await openCache(objects, { folder: temporaryFolder() });
    const paths = await cache.paths([
      { location: 's3://b/broken.parquet', fileSize: broken.length, fieldIds: [1] },
      { location: 's3://b/none.parquet', fileSize: noParquet.length, fieldIds: [1] },
    ]);
    expect(readFileSync(paths[0]!).equals(broken)).toBe(true);
    expect(readFileSync(paths[1]!).equals(noParquet)).toBe(true);
  });

  test('when it is small', async () => {
    const small = path.join(folder, 'small.parquet');
    await duckdb.run(`COPY (SELECT 1 AS a) TO '${small}' (FORMAT parquet, FIELD_IDS {a: 1})`);
    const size = objects.putFile('s3://b/small.parquet', small);
    const { cache } = await openCache(objects, { folder: temporaryFolder() });
    const [local] = await cache.paths([{ location: 's3://b/small.parquet', fileSize: size, fieldIds: [] }]);
    expect(readFileSync(local!).equals(readFileSync(small))).toBe(true);
  });
});

test('a footer that is longer than what is read at first', async () => {
  const wide = path.join(folder, 'wide.parquet');
  const names = Array.from({ length: 600 }, (_, i) => `column_with_a_long_name_${i}`);
  const select = names.map((name, i) => `range + ${i} AS ${name}`).join(', ');
  const ids = names.map((name, i) => `${name}: ${i + 1}`).join(', ');
  await duckdb.run(`COPY (SELECT ${select} FROM range(5000)) TO '${wide}'
    (FORMAT parquet, ROW_GROUP_SIZE 2048, FIELD_IDS {${ids}})`);
  const size = objects.putFile('s3://b/wide.parquet', wide);
  expect(readFooter(readFileSync(wide), size)!.columns).toHaveLength(600);
  const { cache } = await openCache(objects, { folder: temporaryFolder() });
  const [local] = await cache.paths([{ location: 's3://b/wide.parquet', fileSize: size, fieldIds: [300] }]);
  expect(await fingerprint(names[299]!, local!)).toEqual(await fingerprint(names[299]!, wide));
});
