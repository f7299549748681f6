import { describe, expect, test } from 'vitest';
import { scanSql } from '../../src/engine/read.ts';
import { ThriftReader, thriftBytes } from '../../src/engine/thrift-compact.ts';
import { writeDataFiles } from '../../src/engine/write.ts';
import type { Type } from '../../src/iceberg/types.ts';
import { DataFolder, localPath, openDuckDb, schemaOf, tableMetadata } from './support.ts';

const duckdb = await openDuckDb();

describe('fixed columns', () => {
  const fixed = (length: number): Type => ({ kind: 'fixed', length });
  const schema = schemaOf({
    id: { kind: 'long' },
    few: fixed(3),
    many: fixed(16),
    nested: {
      kind: 'struct',
      fields: [
        { id: 20, name: 'f', required: false, type: fixed(5) },
        { id: 21, name: 'n', required: false, type: { kind: 'int' } },
      ],
    },
    list: { kind: 'list', elementId: 30, elementRequired: false, element: fixed(4) },
    text: { kind: 'string' },
  });
  const source = `SELECT i, CASE WHEN i % 3 > 0 THEN ('\\x00\\x01'::BLOB || from_hex(printf('%02x', i % 10))) END,
      from_hex(md5(i::VARCHAR)), CASE WHEN i % 4 > 0 THEN {'f': from_hex(left(md5(i::VARCHAR), 10)), 'n': i} END,
      CASE WHEN i % 5 > 0 THEN [from_hex(left(md5(i::VARCHAR), 8)), NULL][:(i % 3)] END, 'text ' || i
    FROM range(50000) t(i)`;

  test.each(['zstd', 'gzip', 'brotli', 'uncompressed', 'snappy'])(
    'are of fixed length in the file (%s)',
    async codec => {
      const folder = new DataFolder();
      const properties = {
        'write.parquet.compression-codec': codec,
        'write.parquet.row-group-limit': '20480',
      };
      const metadata = tableMetadata({ schema, location: folder.location, properties });
      const [file] = await writeDataFiles({ duckdb, storage: folder.storage, metadata, sourceSql: source });
      const path = localPath(file!.filePath);
      const types = await duckdb.rows(
        `SELECT field_id, type, type_length FROM parquet_schema('${path}') WHERE type_length IS NOT NULL ORDER BY 1`,
      );
      expect(types.map(row => [Number(row.field_id), row.type, Number(row.type_length)])).toEqual([
        [2, 'FIXED_LEN_BYTE_ARRAY', 3],
        [3, 'FIXED_LEN_BYTE_ARRAY', 16],
        [20, 'FIXED_LEN_BYTE_ARRAY', 5],
        [30, 'FIXED_LEN_BYTE_ARRAY', 4],
      ]);
      const { sql } = await scanSql({
        duckdb,
        storage: folder.storage,
        metadata,
        schema,
        files: [{ dataFile: file!, deletes: [] }],
      });
      const wrong = await duckdb.rows(`SELECT count(*) AS n FROM ((${sql}) EXCEPT (${source}))`);
      expect(wrong).toEqual([{ n: 0n }]);
      expect(
        await duckdb.rows(`SELECT count(*) AS n FROM (${sql}) WHERE many = from_hex(md5('777'))`),
      ).toEqual([{ n: 1n }]);
      // What the manifest says is what the file has.
      const sizes = await duckdb.rows(
        `SELECT path_in_schema AS p, sum(total_compressed_size)::BIGINT AS s FROM parquet_metadata('${path}') GROUP BY 1`,
      );
      const sizeOf = (column: string) => Number(sizes.find(row => row.p === column)!.s);
      expect(file!.columnSizes!.get(3)).toBe(sizeOf('many'));
      expect(file!.columnSizes!.get(20)).toBe(sizeOf('nested, f'));
      const [{ size }] = (await duckdb.rows(`SELECT size FROM read_blob('${path}')`)) as [{ size: bigint }];
      expect(file!.fileSizeInBytes).toBe(Number(size));
      expect(file!.splitOffsets!.length).toBe(3);
    },
  );
});

test('Thrift structures come out as they went in', () => {
  const bytes = Uint8Array.from(
    // {1: i32 -3, 2: true, 3: false, 20: binary "ab", 21: list<i64>[1, 300], 22: {1: byte 7}, 23: list<struct> x 20}
    [
      0x15,
      0x05,
      0x11,
      0x12,
      0x08,
      0x28,
      0x02,
      0x61,
      0x62,
      0x19,
      0x26,
      0x02,
      0xd8,
      0x04,
      0x1c,
      0x13,
      0x07,
      0x00,
      0x19,
      0xfc,
      0x14,
      ...Array(20).fill(0),
      0x00,
    ],
  );
  const reader = new ThriftReader(bytes);
  const fields = reader.struct();
  expect(reader.at).toBe(bytes.length);
  expect([fields.get(1)!.value, fields.get(2)!.value, fields.get(3)!.value]).toEqual([-3n, true, false]);
  expect(thriftBytes(fields)).toEqual(bytes);
});
