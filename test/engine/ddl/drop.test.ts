import { beforeAll, describe, expect, test } from 'vitest';
import { SqlLake } from './support.ts';

let lake: SqlLake;
beforeAll(async () => {
  lake = await SqlLake.open();
});

describe('DROP TABLE', () => {
  test('removes the entry, and with PURGE the files', async () => {
    await lake.run('CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT 1 AS x');
    expect(await lake.text('DROP TABLE a')).toBe('a: dropped.');
    expect((await lake.files()).filter(file => file.includes('/a/'))).not.toEqual([]);
    expect(await lake.text('DROP TABLE b PURGE')).toBe('b: dropped with its files.');
    expect((await lake.files()).filter(file => file.includes('/b/'))).toEqual([]);
    expect(await lake.failure('SELECT * FROM a')).toContain('TABLE_NOT_FOUND');
  });

  test('unknown names are told before anything is dropped', async () => {
    await lake.run('CREATE TABLE keep (x INT)');
    expect(await lake.failure('DROP TABLE keep, kepe')).toMatch(
      /^TABLE_NOT_FOUND 1:18 .*Did you mean "keep"/,
    );
    expect(await lake.text('DROP TABLE IF EXISTS kepe')).toBe('There is no table kepe: nothing to drop.');
    await lake.run('CREATE TEMP TABLE scratch (x INT)');
    expect(await lake.failure('DROP TABLE keep, scratch')).toContain('UNSUPPORTED');
    expect(await lake.rows('SELECT * FROM keep')).toEqual([]);
    expect(await lake.text('DROP TABLE keep, KEEP')).toBe('keep: dropped.');
  });
});

describe('schemas', () => {
  test('are made with properties and dropped when empty', async () => {
    expect(await lake.text("CREATE SCHEMA eu COMMENT 'Europe'")).toBe('The namespace eu was created.');
    // A server may add properties of its own.
    expect(await lake.lake.catalog.namespaceProperties(['eu'])).toMatchObject({ comment: 'Europe' });
    expect(await lake.failure('CREATE SCHEMA eu')).toContain('NAMESPACE_EXISTS');
    expect(await lake.text('CREATE SCHEMA IF NOT EXISTS eu')).toContain('exists already');
    expect(await lake.failure('CREATE OR REPLACE SCHEMA eu')).toContain('UNSUPPORTED');
    await lake.run('CREATE SCHEMA eu.south; CREATE TABLE eu.t (a INT); CREATE TABLE eu.south.t (a INT)');
    expect(await lake.failure('DROP SCHEMA eu')).toMatch(/^NAMESPACE_NOT_EMPTY .*CASCADE/);
    expect(await lake.text('DROP SCHEMA eu CASCADE')).toBe(
      'The namespace eu was dropped with eu.south.t, eu.t.',
    );
    expect(await lake.failure('DROP SCHEMA eu')).toContain('NAMESPACE_NOT_FOUND');
    expect(await lake.text('DROP SCHEMA IF EXISTS eu CASCADE')).toContain('nothing to drop');
  });

  test('the default one stays, with its tables', async () => {
    await lake.run('CREATE TABLE stays (a INT)');
    expect(await lake.failure('DROP SCHEMA "default" CASCADE')).toContain('by default');
    expect(await lake.rows('SELECT * FROM stays')).toEqual([]);
  });

  test("of attached databases are DuckDB's", async () => {
    await lake.run(
      "ATTACH ':memory:' AS side; CREATE SCHEMA side.inner_one; CREATE TABLE side.inner_one.t (a INT)",
    );
    expect(await lake.lake.catalog.listNamespaces()).toEqual([['default']]);
    await lake.run('DROP SCHEMA side.inner_one CASCADE');
    expect(await lake.failure('SELECT * FROM side.inner_one.t')).toMatch(/NOT_FOUND|does not exist/);
  });
});
