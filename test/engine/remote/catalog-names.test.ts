import { expect, test } from 'vitest';
import { withEngineCatalog } from '../../../src/engine/remote/catalog-names.ts';
import { SqlText } from '../../../src/engine/sql/sql-text.ts';

const onTrino = { kind: 'trino', catalog: 'ice' } as const;
const named = (sql: string, engine: Parameters<typeof withEngineCatalog>[2] = onTrino, lake = 'lake') =>
  withEngineCatalog(SqlText.written(sql), lake, engine);

test.each([
  ['SELECT * FROM lake.a.t', 'SELECT * FROM "ice".a.t'],
  ['SELECT LAKE.a.t.x FROM "lake"."a"."t"', 'SELECT "ice".a.t.x FROM "ice"."a"."t"'],
  ['INSERT INTO lake.a.t SELECT 1', 'INSERT INTO "ice".a.t SELECT 1'],
  ['USE lake.a', 'USE "ice".a'],
  ['CREATE SCHEMA IF NOT EXISTS lake.a', 'CREATE SCHEMA IF NOT EXISTS "ice".a'],
  ['SHOW TABLES FROM lake.a', 'SHOW TABLES FROM "ice".a'],
  ['SHOW SCHEMAS IN lake', 'SHOW SCHEMAS IN "ice"'],
])('%s', (sql, expected) => {
  expect(named(sql).text).toBe(expected);
});

test.each([
  // A table or alias of the name: which of them is meant isn't told by the text.
  'SELECT lake.a.b FROM t AS lake',
  'SELECT lake.a.b FROM lake',
  // A namespace of the name.
  'SELECT * FROM lake.t',
  'SELECT other.lake.t.x FROM other.lake.t',
  "SELECT 'lake.a.t', x -- lake.a.t",
  'USE lake',
])('%s stays as it is', sql => {
  expect(named(sql).text).toBe(sql);
});

test('the engine’s own quotes, and nothing when both call it the same', () => {
  expect(named('SELECT * FROM lake.a.t', { kind: 'spark', catalog: 'i`ce' }).text).toBe(
    'SELECT * FROM `i``ce`.a.t',
  );
  expect(named('SELECT * FROM lake.a.t', { kind: 'trino', catalog: 'lake' }).text).toBe(
    'SELECT * FROM lake.a.t',
  );
});

test('places stay those of the text that was written', () => {
  const sql = named('SELECT x FROM lake.a.t WHERE y');
  expect(sql.sourceOffset(sql.text.indexOf('y'))).toBe(29);
});
