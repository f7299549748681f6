import { beforeAll, describe, expect, test } from 'vitest';
import { LakebookError } from '../../../src/iceberg/errors.ts';
import { newNamespace, openSpark, Results } from './support.ts';

const spark = openSpark();
let results: Results;
let namespace: string[];
beforeAll(async () => {
  results = await Results.open();
  namespace = [await newNamespace(spark)];
  await results.of(spark, 'CREATE TABLE people (id INT, name STRING) USING iceberg', { namespace });
});

async function failure(sql: string): Promise<LakebookError> {
  const error = await results.of(spark, sql, { namespace }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof LakebookError)) throw new Error(`${sql}: ended in ${error}`);
  return error;
}

describe('an error tells what, and where in the statement', () => {
  test('for text that is no SQL', async () => {
    const error = await failure('SELECT *\n  FORM people');
    expect(error.code).toBe('SYNTAX');
    expect(error.message).toBe(
      "Syntax error at or near 'people': extra input 'people'. [PARSE_SYNTAX_ERROR, SQLSTATE 42601]",
    );
    expect(error.position).toMatchObject({ line: 2, column: 8 });
  });

  test('for a column that is not there', async () => {
    const error = await failure("SELECT '🦆',\n  nmae\nFROM people");
    expect(error.code).toBe('COLUMN_NOT_FOUND');
    expect(error.message).toContain(
      '`nmae` cannot be resolved. Did you mean one of the following? [`id`, `name`]',
    );
    expect(error.message).toContain('[UNRESOLVED_COLUMN.WITH_SUGGESTION, SQLSTATE 42703]');
    expect(error.message).not.toContain('Project');
    expect(error.position).toEqual({ line: 2, column: 3, length: 4 });
  });

  test('after characters beyond the basic plane', async () => {
    const error = await failure("SELECT '🦆🦆', nmae FROM people");
    expect(error.position).toEqual({ line: 1, column: 16, length: 4 });
  });

  test('for a table that is not there', async () => {
    const error = await failure('SELECT 1 FROM\n  poeple');
    expect(error.code).toBe('TABLE_NOT_FOUND');
    expect(error.position).toEqual({ line: 2, column: 3, length: 6 });
    expect(error.hint).toContain('SHOW TABLES');
  });

  test('for a namespace that is not there', async () => {
    expect((await failure('USE nowhere')).code).toBe('NAMESPACE_NOT_FOUND');
  });

  test('for a table that is there already', async () => {
    expect((await failure('CREATE TABLE people (id INT) USING iceberg')).code).toBe('TABLE_EXISTS');
  });

  test('for a value that fails while rows are made', async () => {
    const error = await failure('SELECT id,\n  1 / (id - 3) AS x FROM range(10)');
    expect(error.code).toBe('CONVERSION');
    expect(error.message).toContain('Division by zero');
    expect(error.message).toContain('DIVIDE_BY_ZERO');
    expect(error.position).toEqual({ line: 2, column: 3, length: 12 });
  });

  test('for a cast that fails in a change', async () => {
    const error = await failure("INSERT INTO people SELECT CAST('x' AS INT), 'y'");
    expect(error.code).toBe('CONVERSION');
    expect(error.position).toEqual({ line: 1, column: 27, length: 16 });
  });

  test('for a statement that Spark does not know how to run', async () => {
    const error = await failure('SELECT no_such_function(1)');
    expect(error.code).toBe('BINDING');
    expect(error.position).toEqual({ line: 1, column: 8, length: 19 });
  });

  test('for a fault that Spark raises itself', async () => {
    const error = await failure("SELECT raise_error('mine; own\nwords')");
    expect(error.message).toContain('mine; own\nwords');
  });
});

test('a session goes on after errors', async () => {
  await failure('SELECT nothing');
  expect((await results.of(spark, 'SELECT 1')).rows).toEqual([[1]]);
});

test('an unknown catalog is named', async () => {
  const other = openSpark({ catalog: 'elsewhere' });
  const error = await other.query('SELECT 1').then(
    () => undefined,
    (reason: unknown) => reason as LakebookError,
  );
  expect(error).toMatchObject({ code: 'CATALOG_NOT_FOUND' });
  expect(error!.hint).toContain('spark.sql.catalog.elsewhere');
  await expect(other.check()).rejects.toMatchObject({ code: 'CATALOG_NOT_FOUND' });
});
