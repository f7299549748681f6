import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { annotate } from '../../src/engine/parquet-annotations.ts';
import { scanSql } from '../../src/engine/read.ts';
import { parseTypeString, type Schema } from '../../src/iceberg/schema.ts';
import { DataFolder, foreignFile, openDuckDb, tableMetadata, temporaryFolder } from './support.ts';

const duckdb = await openDuckDb();
const folder = new DataFolder();
const scratch = temporaryFolder();
const fixtures = path.join(import.meta.dirname, 'fixtures', 'iceberg-go');

async function scan(file: string, columns: Record<string, string>): Promise<string> {
  const fields = Object.entries(columns).map(([name, type], index) => {
    return { id: index + 1, name, required: false, type: parseTypeString(type) };
  });
  const schema: Schema = { schemaId: 0, fields, identifierFieldIds: [] };
  const metadata = tableMetadata({ schema, location: folder.location });
  const files = [{ dataFile: await foreignFile(file), deletes: [] }];
  const { sql } = await scanSql({ duckdb, storage: folder.storage, metadata, schema, files });
  return sql;
}

/** Variants of a file as JSON, by `id`. */
async function variants(file: string): Promise<Map<number, unknown>> {
  const sql = await scan(file, { id: 'int', var: 'variant' });
  const rows = await duckdb.rows(`SELECT id, var::VARCHAR AS var FROM (${sql}) ORDER BY id`);
  return new Map(rows.map(row => [Number(row.id), row.var === null ? null : JSON.parse(String(row.var))]));
}

/** A variant's two byte strings, which stand one behind the other (Parquet's VariantEncoding.md). */
function parts(bytes: Buffer): [metadata: string, value: string] {
  const offsetSize = ((bytes[0]! >> 6) & 3) + 1;
  const size = bytes.readUIntLE(1, offsetSize);
  const offsets = 1 + offsetSize;
  const end = offsets + (size + 1) * offsetSize + bytes.readUIntLE(offsets + size * offsetSize, offsetSize);
  return [bytes.subarray(0, end).toString('hex'), bytes.subarray(end).toString('hex')];
}

/** The variants that are expected of a case, in a file of their own that isn't spread over columns. */
async function expected(name: string, rows: number): Promise<Map<number, unknown>> {
  const values = Array.from({ length: rows }, (_, row) => {
    const file = path.join(fixtures, 'shredded_variant', `${name}_row-${row}.variant.bin`);
    if (!existsSync(file)) return `(${row}, NULL)`;
    const [metadata, value] = parts(readFileSync(file));
    return `(${row}, {metadata: from_hex('${metadata}'), value: from_hex('${value}')})`;
  });
  const target = path.join(scratch, `${name}.parquet`);
  await duckdb.run(
    `COPY (SELECT * FROM (VALUES ${values.join(', ')}) v(id, var)) TO '${target}' (FORMAT parquet, FIELD_IDS {id: 1, var: 2})`,
  );
  await annotate(target, { adjustedToUtc: new Set(), variants: new Set([2]) });
  return variants(target);
}

describe("shredded variants of Iceberg's Java library", () => {
  test.each(['001', '002', '013', '083', '089', '133', '135', '136'])(
    'case %s is read as expected',
    async number => {
      const name = `case-${number}`;
      const found = await variants(path.join(fixtures, 'shredded_variant', `${name}.parquet`));
      const wanted = await expected(name, found.size);
      expect(found.size).toBeGreaterThan(0);
      expect([...found.values()]).toEqual([...wanted.values()]);
    },
  );
});

test('a variant without a column for its value, which breaks the engine down, is refused where it is used', async () => {
  const file = path.join(fixtures, 'shredded_variant', 'case-138.parquet');
  await expect(variants(file)).rejects.toThrow(/"var" are stored in a form/);
  const sql = await scan(file, { id: 'int', var: 'variant' });
  expect(await duckdb.rows(`SELECT id FROM (${sql})`)).toEqual([{ id: 1 }]);
  expect(await duckdb.rows(`SELECT count(*) AS n FROM (${sql})`)).toEqual([{ n: 1n }]);
});

describe('geometries and geographies', () => {
  test.each([
    ['crs-default', 'geometry'],
    ['crs-geography', 'geography'],
    ['geospatial', 'geometry'],
  ])('of %s are the well-known binary of what stands beside them', async (name, type) => {
    const columns: Record<string, string> =
      name === 'geospatial' ? { group: 'string', wkt: 'string', g: type } : { wkt: 'string', g: type };
    const sql = await scan(path.join(fixtures, 'geo', `${name}.parquet`), columns);
    const rows = await duckdb.rows(
      `SELECT wkt, st_geomfromwkb(g)::VARCHAR AS found, typeof(g) AS type FROM (${sql}) WHERE wkt IS NOT NULL`,
    );
    expect(rows.length).toBeGreaterThan(0);
    // Points of a MULTIPOINT may stand in parentheses of their own.
    const plain = (text: unknown) =>
      String(text)
        .toUpperCase()
        .replaceAll(/[()\s]+/g, ' ')
        .replaceAll('.0', '')
        .replaceAll(/ ?, ?/g, ',')
        .trim();
    for (const { wkt, found, type: seen } of rows) {
      expect(seen).toBe('BLOB');
      expect(plain(found)).toBe(plain(wkt));
    }
  });
});
