import { expect, test } from 'vitest';
import { operationOf } from '../../../../src/engine/remote/spark/statement-kind.ts';

test.each([
  ['SELECT 1', undefined],
  ['with a as (select 1) select * from a', undefined],
  ['(SELECT 1)', undefined],
  ['-- use\n/* insert */ SELECT 1', undefined],
  ['', undefined],
  ['insert into t values (1)', 'INSERT'],
  ['INSERT OVERWRITE t SELECT 1', 'INSERT'],
  ['/* a */ MERGE INTO t', 'MERGE'],
  ['create or replace temporary view v as select 1', 'CREATE VIEW'],
  ['CREATE TABLE t (a int)', 'CREATE TABLE'],
  ['DROP TABLE IF EXISTS t', 'DROP TABLE'],
  ['TRUNCATE TABLE t', 'TRUNCATE TABLE'],
  ['use lake.b', 'USE'],
  ['SET a = 1', 'SET'],
  ['SHOW TABLES', 'SHOW TABLES'],
  ['CALL lake.system.rollback_to_snapshot()', 'CALL'],
])('%s is %s', (sql, operation) => {
  expect(operationOf(sql)).toBe(operation);
});
