import { expect, test } from 'vitest';
import { sparkToDuckDb } from '../../src/engine/bind/spark-text.ts';

test.each([
  ['SELECT `a` FROM `n s`.`t`', 'SELECT "a" FROM "n s"."t"'],
  ['SELECT `a``b"c`', 'SELECT "a`b""c"'],
  [`SELECT "text", 'it''s'`, `SELECT 'text', 'it''s'`],
  [`SELECT "it's ""so"""`, `SELECT 'it''s "so"'`],
  [String.raw`SELECT 'a\'b\n'`, String.raw`SELECT E'a\'b\n'`],
  ['-- `no` \'x\nSELECT 1 /* `no` " */', '-- `no` \'x\nSELECT 1 /* `no` " */'],
  ['SELECT a FROM t', 'SELECT a FROM t'],
])('%s', (spark, duckdb) => {
  expect(sparkToDuckDb(spark)).toBe(duckdb);
});
