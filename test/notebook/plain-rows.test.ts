import { afterAll, beforeAll, expect, test } from 'vitest';
import { DuckDb } from '../../src/engine/duckdb.ts';
import { ResultSet } from '../../src/engine/result-set.ts';
import { ResultStore } from '../../src/engine/result-store.ts';
import type { EngineSession } from '../../src/engine/session.ts';
import type { SqlText } from '../../src/engine/sql/sql-text.ts';
import { plainRows } from '../../src/notebook/results/plain-rows.ts';
import { temporaryFolder } from './support.ts';

let duckdb: DuckDb;
let session: EngineSession;
beforeAll(async () => {
  duckdb = await DuckDb.open({ tempDirectory: `${temporaryFolder()}/tmp`, threads: 1 });
  const store = await ResultStore.open(duckdb);
  session = {
    query: async (sql: SqlText) => ResultSet.open(await duckdb.stream(sql.text), store),
  } as unknown as EngineSession;
});
afterAll(() => duckdb.close());

test('every kind of value arrives with the type of its column', async () => {
  const columns = [
    { name: 'big', type: 'BIGINT' },
    { name: 'amount', type: 'DECIMAL(10,2)' },
    { name: 'odd "name"', type: 'VARCHAR' },
    { name: 'flag', type: 'BOOLEAN' },
    { name: 'at', type: 'TIMESTAMP WITH TIME ZONE' },
    { name: 'bytes', type: 'BLOB' },
    { name: 'list', type: 'INTEGER[]' },
    { name: 'map', type: 'MAP(VARCHAR, VARCHAR)' },
    { name: 'row', type: 'STRUCT("a" BIGINT, "b" VARCHAR)' },
  ];
  const rows = [
    [
      9007199254740993n,
      '1.10',
      "it's",
      true,
      new Date(0),
      new Uint8Array([0, 255]),
      [1, 2],
      { k: 'v' },
      { a: 9007199254740993n, b: 'x,{}"' },
    ],
    columns.map(() => null),
  ];
  const result = await plainRows(session, columns, rows);
  expect(result.columns).toEqual(columns);
  expect(await result.rows(0, 10)).toEqual([
    [
      '9007199254740993',
      '1.10',
      "it's",
      true,
      '1970-01-01T00:00:00Z',
      '00ff',
      [1, 2],
      { k: 'v' },
      { a: '9007199254740993', b: 'x,{}"' },
    ],
    columns.map(() => null),
  ]);
});

test('no rows keep their columns', async () => {
  const result = await plainRows(session, [{ name: 'a', type: 'DATE' }], []);
  expect([result.columns, result.rowCount]).toEqual([[{ name: 'a', type: 'DATE' }], 0]);
});
