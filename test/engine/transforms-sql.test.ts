import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { registerBucketHash } from '../../src/engine/bucket-hash.ts';
import { literal } from '../../src/engine/literals.ts';
import { partitionKey, transformSql } from '../../src/engine/transforms-sql.ts';
import { applyTransform, canTransform, type Transform } from '../../src/iceberg/transform.ts';
import type { Type, Value } from '../../src/iceberg/types.ts';
import { openDuckDb } from './support.ts';

const duckdb = await openDuckDb();
registerBucketHash(duckdb);

const decimal = (precision: number, scale: number): Type => ({ kind: 'decimal', precision, scale });
const unscaled = (precision: number) =>
  fc.bigInt(-(10n ** BigInt(precision)) + 1n, 10n ** BigInt(precision) - 1n);
/** Hours since the epoch fit into an int for 245,000 years. */
const micros = fc.bigInt(-(77n * 10n ** 17n), 77n * 10n ** 17n);

const types: [Type, fc.Arbitrary<Value>][] = [
  [{ kind: 'int' }, fc.integer()],
  [{ kind: 'long' }, fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)],
  [decimal(4, 2), unscaled(4)],
  [decimal(18, 0), unscaled(18)],
  [decimal(36, 10), unscaled(36)],
  [{ kind: 'date' }, fc.integer({ min: -2_000_000_000, max: 2_000_000_000 })],
  [{ kind: 'time' }, fc.bigInt(0n, 86_399_999_999n)],
  [{ kind: 'timestamp' }, micros],
  [{ kind: 'timestamptz' }, micros],
  [{ kind: 'timestamp_ns' }, fc.bigInt(-(9n * 10n ** 18n), 9n * 10n ** 18n)],
  [{ kind: 'string' }, fc.string({ unit: 'binary', maxLength: 60 })],
  [{ kind: 'uuid' }, fc.uuid()],
  [{ kind: 'binary' }, fc.uint8Array({ maxLength: 40 })],
  [{ kind: 'fixed', length: 7 }, fc.uint8Array({ minLength: 7, maxLength: 7 })],
];

const transforms: fc.Arbitrary<Transform> = fc.oneof(
  fc.integer({ min: 1, max: 2 ** 31 - 1 }).map(buckets => ({ kind: 'bucket' as const, buckets })),
  fc.integer({ min: 1, max: 1000 }).map(width => ({ kind: 'truncate' as const, width })),
  fc.constantFrom(
    { kind: 'identity' as const },
    { kind: 'year' as const },
    { kind: 'month' as const },
    { kind: 'day' as const },
    { kind: 'hour' as const },
  ),
);

/** A value as SQL that doesn't go through the code under test. */
function sqlOf(type: Type, value: Value): string {
  if (type.kind === 'string') return `decode(from_hex('${Buffer.from(value as string).toString('hex')}'))`;
  return literal(type, value);
}

describe('transforms in SQL equal the transforms', () => {
  for (const [type, values] of types) {
    const name = 'precision' in type ? `decimal(${type.precision},${type.scale})` : type.kind;
    test(`of ${name}, and their keys give the value back`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.option(values, { freq: 20 }), { minLength: 1, maxLength: 200 }),
          transforms.filter(transform => canTransform(transform, type)),
          fc.constantFrom('UTC', 'America/St_Johns'),
          async (column, transform, zone) => {
            await duckdb.run(`SET TimeZone = '${zone}'`);
            const rows = column.map(
              (value, i) => `(${i}, ${value === null ? literal(type, null) : sqlOf(type, value)})`,
            );
            const sql = transformSql(transform, type, 'v');
            const key = partitionKey(transform, type, sql);
            const result = await duckdb.rows(
              `SELECT CAST(${key.sql} AS VARCHAR) AS key FROM (VALUES ${rows.join(', ')}) t(i, v) ORDER BY i`,
            );
            for (const [index, value] of column.entries()) {
              const text = result[index]!.key;
              const decoded = key.decode(text === null ? null : String(text));
              const expected = applyTransform(transform, type, value);
              // Keys of long values are digests: the value is looked up in the file.
              if (decoded === undefined) expect(Buffer.byteLength(expected as string)).toBeGreaterThan(90);
              else expect(decoded).toEqual(expected);
            }
          },
        ),
        { numRuns: 30 },
      );
      await duckdb.run('RESET TimeZone');
    });
  }

  test('hashes are those of the specification (Appendix B)', async () => {
    const hash = async (type: Type, value: string) => {
      const [row] = await duckdb.rows(
        `SELECT ${transformSql({ kind: 'bucket', buckets: 2 ** 31 - 1 }, type, `(${value})`)} AS h`,
      );
      return row!.h;
    };
    expect(await hash({ kind: 'int' }, '34')).toBe(2017239379);
    expect(await hash({ kind: 'long' }, '34::BIGINT')).toBe(2017239379);
    expect(await hash(decimal(9, 2), '14.20::DECIMAL(9,2)')).toBe(-500754589 & 0x7fffffff);
    expect(await hash({ kind: 'date' }, `DATE '2017-11-16'`)).toBe(-653330422 & 0x7fffffff);
    expect(await hash({ kind: 'time' }, `TIME '22:31:08'`)).toBe(-662762989 & 0x7fffffff);
    expect(await hash({ kind: 'timestamp' }, `TIMESTAMP '2017-11-16 22:31:08.000001'`)).toBe(
      -1207196810 & 0x7fffffff,
    );
    expect(await hash({ kind: 'string' }, `'iceberg'`)).toBe(1210000089);
    expect(await hash({ kind: 'uuid' }, `'f79c3e09-677c-4bbd-a479-3f349cb785e7'::UUID`)).toBe(1488055340);
    expect(await hash({ kind: 'binary' }, `'\\x00\\x01\\x02\\x03'::BLOB`)).toBe(-188683207 & 0x7fffffff);
  });
});
