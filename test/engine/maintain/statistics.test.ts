import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sketchHashSql } from '../../../src/engine/sketch-hash.ts';
import { Murmur3X64 } from '../../../src/iceberg/murmur3-x64.ts';
import { sketchSeed, sketchSize, thetaSketch } from '../../../src/iceberg/theta-sketch.ts';
import { toLocalPath } from '../../../src/storage/paths.ts';
import { TestLake } from '../dml/support.ts';

const t = await TestLake.open();

/** The hash that sketches keep, from the value's bytes. */
function hashOf(bytes: Uint8Array): bigint {
  const hasher = new Murmur3X64(sketchSeed);
  hasher.hash(bytes, 0, bytes.length);
  return ((BigInt(hasher.high >>> 0) << 32n) | BigInt(hasher.low >>> 0)) >> 1n;
}

test('Murmur3 of 128 bits is what its authors say', () => {
  const hasher = new Murmur3X64(0);
  const hex = (text: string) => {
    hasher.hash(Buffer.from(text), 0, text.length);
    return [hasher.high, hasher.low].map(half => (half >>> 0).toString(16).padStart(8, '0')).join('');
  };
  expect(hex('')).toBe('0000000000000000');
  expect(hex('hello')).toBe('cbd8a7b341bd9b02');
  expect(hex('hello, world')).toBe('342fac623a5ebc8e');
  expect(hex('The quick brown fox jumps over the lazy dog')).toBe('e34bbc7bbc071b6c');
});

interface Footer {
  readonly blobs: readonly {
    readonly fields: readonly number[];
    readonly offset: number;
    readonly length: number;
    readonly properties: { readonly ndv: string };
  }[];
}

/** The blobs of a Puffin file, by field id. */
function puffin(location: string) {
  const bytes = readFileSync(toLocalPath(location));
  const length = bytes.readUInt32LE(bytes.length - 12);
  const { blobs } = JSON.parse(bytes.subarray(-12 - length, -12).toString()) as Footer;
  return new Map(
    blobs.map(blob => [
      blob.fields[0],
      { ...blob, bytes: bytes.subarray(blob.offset, blob.offset + blob.length) },
    ]),
  );
}

describe('compute_table_stats', () => {
  test('counts distinct values of every simple type, by the hashes of their binary form', async () => {
    await t.create('s', {
      columns: {
        id: 'long',
        n: 'int',
        flag: 'boolean',
        d: 'double',
        day: 'date',
        at: 'timestamp',
        text: 'string',
        u: 'uuid',
        price: 'decimal(9,2)',
        bin: 'binary',
        nothing: 'string',
        list: 'list<int>',
      },
    });
    await t.change(`INSERT INTO s SELECT i % 500, i % 7, i % 2 = 0, i / 2, DATE '1969-12-30' + (i % 5)::INT,
      TIMESTAMP '1970-01-01' + to_microseconds(i % 3), CASE i % 4 WHEN 0 THEN '' WHEN 1 THEN NULL ELSE 'é' || (i % 4) END,
      md5('' || i % 9)::UUID, (i % 11 - 5) / 4, ('x' || i % 6)::BLOB, NULL, [1] FROM range(1000) r(i)`);
    const [outcome] = await t.session.execute("CALL system.compute_table_stats(table => 's')");
    expect(outcome?.kind).toBe('rows');
    const { metadata } = await t.table('s');
    const [entry] = metadata.statistics;
    const location = String(entry!['statistics-path']);
    const blobs = puffin(location);
    const names = new Map(metadata.schemas[0]!.fields.map(field => [field.id, field.name]));
    expect(
      Object.fromEntries([...blobs].map(([id, { properties }]) => [names.get(id!), Number(properties.ndv)])),
    ).toEqual({
      id: 500,
      n: 7,
      flag: 2,
      d: 1000,
      day: 5,
      at: 3,
      text: 2,
      u: 9,
      price: 11,
      bin: 6,
      nothing: 0,
    });
    const int = (value: number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(value);
      return bytes;
    };
    const kept = (id: number) => {
      const { bytes } = blobs.get(id)!;
      const start = 8 * bytes[0]!;
      return Array.from({ length: (bytes.length - start) / 8 }, (_, i) =>
        bytes.readBigUInt64LE(start + i * 8),
      );
    };
    const hashes = (values: readonly Uint8Array[]) => values.map(hashOf).sort((a, b) => (a < b ? -1 : 1));
    expect(kept(2)).toEqual(hashes([0, 1, 2, 3, 4, 5, 6].map(int)));
    expect(kept(5)).toEqual(hashes([-2, -1, 0, 1, 2].map(int)));
    expect(kept(7)).toEqual(hashes(['é2', 'é3'].map(text => Buffer.from(text))));
    expect(kept(3)).toEqual(hashes([Buffer.from([0]), Buffer.from([1])]));
  });

  test('of many values keeps the smallest hashes, and estimates from them', async () => {
    await t.create('many', { columns: { id: 'long', again: 'long' } });
    await t.change('INSERT INTO many SELECT i, i // 10 FROM range(200000) r(i)');
    await t.session.execute("CALL system.compute_table_stats(table => 'many')");
    const { metadata } = await t.table('many');
    const blobs = puffin(String(metadata.statistics[0]!['statistics-path']));
    for (const [id, values] of [
      [1, 200_000],
      [2, 20_000],
    ] as const) {
      const all = await t.session.duckdb.rows(
        `SELECT ${sketchHashSql({ kind: 'long' }, 'i')} AS hash FROM range(${values}) r(i) ORDER BY hash LIMIT ${sketchSize + 1}`,
      );
      const { bytes, properties } = blobs.get(id)!;
      expect(bytes.equals(thetaSketch(all.map(row => row.hash as bigint)).bytes)).toBe(true);
      expect(Math.abs(Number(properties.ndv) / values - 1)).toBeLessThan(0.1);
    }
  });

  test('takes some columns, or an older snapshot; later ones take the place of earlier ones', async () => {
    await t.create('old', { columns: { id: 'long', v: 'list<int>' } });
    expect(await rows("CALL system.compute_table_stats(table => 'old')")).toEqual([
      { statistics_file: null },
    ]);
    await t.change('INSERT INTO old SELECT i, NULL FROM range(10) r(i)');
    const first = (await t.table('old')).metadata.currentSnapshotId!;
    await t.change('INSERT INTO old SELECT i, NULL FROM range(20, 25) r(i)');
    await t.session.execute("CALL system.compute_table_stats('old')");
    await t.session.execute(
      `CALL system.compute_table_stats(table => 'old', snapshot_id => ${first}, columns => ['ID'])`,
    );
    await t.session.execute("CALL system.compute_table_stats('old')");
    const { metadata } = await t.table('old');
    expect(
      metadata.statistics
        .map(entry => [entry['snapshot-id'], ndvOf(entry)])
        .sort(([, a], [, b]) => Number(a) - Number(b)),
    ).toEqual([
      [first, 10],
      [metadata.currentSnapshotId, 15],
    ]);
    const call = (columns: string) =>
      t.session.execute(`CALL system.compute_table_stats(table => 'old', columns => ${columns})`);
    await expect(call("['idd']")).rejects.toThrow(/no column "idd"/);
    await expect(call("['v']")).rejects.toThrow(/"v" can't be counted/);
  });
});

function ndvOf(entry: Readonly<Record<string, unknown>>): number {
  const [blob] = entry['blob-metadata'] as { properties: { ndv: string } }[];
  return Number(blob!.properties.ndv);
}

async function rows(sql: string): Promise<unknown> {
  const [outcome] = await t.session.execute(sql);
  if (outcome?.kind !== 'rows') throw new Error('no rows');
  const { result } = outcome;
  const found = await result.rows(0, result.rowCount);
  return found.map(([value]) => ({ [result.columns[0]!.name]: value }));
}
