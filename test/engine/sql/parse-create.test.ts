import { describe, expect, test } from 'vitest';
import { said } from './support.ts';

const table = {
  kind: 'create-table',
  name: { parts: ['t'] },
  temporary: false,
  orReplace: false,
  ifNotExists: false,
  identifierColumns: [],
  partitionedBy: [],
  sortedBy: [],
  properties: {},
  columns: [{ name: 'a', type: 'INT', required: false }],
};

describe('CREATE TABLE', () => {
  test('with everything', () => {
    const sql = `CREATE TABLE IF NOT EXISTS lake.ns.t (
        id BIGINT NOT NULL COMMENT 'the key',
        "amount €" DECIMAL(10, 2) DEFAULT 1.5 COMMENT 'it''s money',
        at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        PRIMARY KEY (id)
      ) USING iceberg
      PARTITIONED BY (month(at), bucket(16, id) AS shard, truncate("amount €", 10), region)
      SORTED BY (id DESC, day(at) ASC NULLS LAST)
      LOCATION 's3://lake/t' COMMENT 'Orders'
      TBLPROPERTIES ('format-version' = '3', write.target-file-size-bytes = 1000, x = TRUE)`;
    expect(said(sql)).toEqual({
      ...table,
      name: { parts: ['lake', 'ns', 't'] },
      ifNotExists: true,
      identifierColumns: [{ path: ['id'] }],
      columns: [
        { name: 'id', type: 'BIGINT', required: true, comment: 'the key' },
        { name: 'amount €', type: 'DECIMAL(10, 2)', required: false, default: '1.5', comment: "it's money" },
        { name: 'at', type: 'TIMESTAMP WITH TIME ZONE', required: true, default: 'now()' },
      ],
      partitionedBy: [
        { column: { path: ['at'] }, transform: { kind: 'month' } },
        { column: { path: ['id'] }, transform: { kind: 'bucket', buckets: 16 }, name: 'shard' },
        { column: { path: ['amount €'] }, transform: { kind: 'truncate', width: 10 } },
        { column: { path: ['region'] }, transform: { kind: 'identity' } },
      ],
      sortedBy: [
        {
          column: { path: ['id'] },
          transform: { kind: 'identity' },
          direction: 'desc',
          nullOrder: 'nulls-last',
        },
        { column: { path: ['at'] }, transform: { kind: 'day' }, direction: 'asc', nullOrder: 'nulls-last' },
      ],
      location: 's3://lake/t',
      comment: 'Orders',
      properties: { 'format-version': '3', 'write.target-file-size-bytes': '1000', x: 'true' },
    });
  });

  test.each([
    'INT',
    'int[]',
    'INT[3][]',
    'INT ARRAY',
    'double precision',
    'character varying(20)',
    'decimal(10,2)',
    'timestamp(6) without time zone',
    'timestamp with local time zone',
    'fixed[16]',
    'STRUCT(a INT, b STRUCT(c TEXT)[])',
    'struct<a: int, b: string not null>',
    'map<string, list<map<int, int>>>',
    'MAP(VARCHAR, INT[])',
    "geometry('OGC:CRS84')",
    '"my type"',
  ])('the type %s is kept as written', type => {
    const sql = `CREATE TABLE t (a ${type} NOT NULL DEFAULT 1 COMMENT 'c', b ${type})`;
    expect(said(sql).columns).toEqual([
      { name: 'a', type, required: true, default: '1', comment: 'c' },
      { name: 'b', type, required: false },
    ]);
  });

  test.each([
    ['1 NOT NULL', '1', true],
    ['NULL', 'NULL', false],
    ["'a, b'", "'a, b'", false],
    ['f(1, 2) + 3 COMMENT', 'f(1, 2) + 3', false],
    ['1 IS NOT NULL NOT NULL', '1 IS NOT NULL', true],
    ['NOT true', 'NOT true', false],
    ['first([1])', 'first([1])', false],
  ])('DEFAULT %s', (text, value, required) => {
    const comment = text.endsWith('COMMENT') ? { comment: 'x' } : {};
    const sql = `CREATE TABLE t (a INT DEFAULT ${text}${text.endsWith('COMMENT') ? " 'x'" : ''}, b INT)`;
    expect(said(sql).columns).toEqual([
      { name: 'a', type: 'INT', required, default: value, ...comment },
      { name: 'b', type: 'INT', required: false },
    ]);
  });

  test.each<[string, string[], string?]>([
    ['CREATE TABLE t (a INT PRIMARY KEY)', ['a']],
    ['CREATE TABLE t (A INT, PRIMARY KEY (a))', ['a'], 'A'],
    ['CREATE TABLE t (a INT, CONSTRAINT pk PRIMARY KEY (A) NOT ENFORCED)', ['A']],
  ])('%s makes identifier columns, which have a value', (sql, path, name = 'a') => {
    expect(said(sql)).toEqual({
      ...table,
      identifierColumns: [{ path }],
      columns: [{ name, type: 'INT', required: true }],
    });
  });

  test.each([
    ['CREATE OR REPLACE TABLE t (a INT)', { orReplace: true }],
    ['CREATE TEMP TABLE t (a INT)', { temporary: true }],
    ['CREATE OR REPLACE LOCAL TEMPORARY TABLE t (a INT)', { orReplace: true, temporary: true }],
    ['CREATE TABLE t (a INT,)', {}],
    ['CREATE TABLE t (a INT NULL)', {}],
    ['CREATE TABLE t LIKE ns.s', { columns: [], like: { parts: ['ns', 's'] } }],
    ['CREATE TABLE t (LIKE s)', { columns: [], like: { parts: ['s'] } }],
    [
      "CREATE TABLE t LIKE s TBLPROPERTIES ('a' = 'b')",
      { columns: [], like: { parts: ['s'] }, properties: { a: 'b' } },
    ],
    ["CREATE TABLE t (a INT) WITH ('a' = 'b', c = -1)", { properties: { a: 'b', c: '-1' } }],
    [
      'CREATE TABLE t (a INT) WRITE ORDERED BY a',
      {
        sortedBy: [
          {
            column: { path: ['a'] },
            transform: { kind: 'identity' },
            direction: 'asc',
            nullOrder: 'nulls-first',
          },
        ],
      },
    ],
  ])('%s', (sql, expected) => {
    expect(said(sql)).toEqual({ ...table, ...expected });
  });

  test.each([
    ['CREATE TABLE t', 'Expected columns in parentheses, AS or LIKE, the statement ends here.', '1:15+1'],
    ['CREATE TABLE t (a, b)', 'The column "a" has no type.', '1:17+1'],
    ['CREATE TABLE t (a INT', 'Expected "," or ")", the statement ends here.', '1:22+1'],
    ['CREATE TABLE t (a list<int)', 'Expected ">", found ")".', '1:27+1'],
    ['CREATE TABLE t (a INT, UNIQUE (a))', "Lake tables don't have UNIQUE.", '1:24+6'],
    ['CREATE TABLE t (a INT CHECK (a > 1))', "Lake tables don't have CHECK.", '1:23+5'],
    ['CREATE TABLE t (a INT REFERENCES s)', "Lake tables don't have REFERENCES.", '1:23+10'],
    ['CREATE TABLE t (a INT, b INT AS (a))', "Lake tables don't have generated columns.", '1:30+2'],
    ['CREATE TABLE t (a INT) USING parquet', "The lake's tables are Iceberg tables, not parquet.", '1:30+7'],
    ['CREATE TABLE t (a INT PRIMARY KEY, PRIMARY KEY (a))', 'The table has a second primary key.', '1:36+15'],
    [
      'CREATE TABLE t (a INT) AS SELECT 1',
      'CREATE TABLE AS takes names of columns, and their types from the query.',
      '1:16+7',
    ],
    [
      'CREATE TABLE t (a INT) PARTITIONED BY (week(a))',
      'Expected a partition transform, found "week".',
      '1:40+4',
    ],
    [
      'CREATE TABLE t (a INT) PARTITIONED BY (bucket(0, a))',
      'The argument of bucket has to be from 1 to 2147483647.',
      '1:47+1',
    ],
  ])('%s is refused', (sql, message, at) => {
    expect(said(sql)).toMatchObject({
      kind: 'other',
      verb: 'CREATE TABLE',
      target: { parts: ['t'] },
      problem: { message, at },
    });
  });

  test("what DuckDB's temporary tables can have more is left to DuckDB", () => {
    expect(said('CREATE TEMP TABLE t (a INT CHECK (a > 1))')).toEqual({
      kind: 'other',
      verb: 'CREATE TABLE',
    });
  });
});

describe('CREATE TABLE AS', () => {
  const { columns, ...shared } = { ...table, kind: 'create-table-as', withData: true };

  test.each([
    ['CREATE TABLE t AS SELECT 1', { query: 'SELECT 1' }],
    ['CREATE TABLE t AS (FROM s)', { query: '(FROM s)' }],
    ['CREATE TABLE t AS WITH q AS (SELECT 1) FROM q', { query: 'WITH q AS (SELECT 1) FROM q' }],
    [
      'CREATE TABLE t (a, b) AS VALUES (1, 2)',
      { columnNames: [{ name: 'a' }, { name: 'b' }], query: 'VALUES (1, 2)' },
    ],
    ['CREATE TABLE t AS SELECT 1 WITH NO DATA', { query: 'SELECT 1', withData: false }],
    ['CREATE TABLE t AS SELECT 1 WITH DATA', { query: 'SELECT 1' }],
    [
      'CREATE OR REPLACE TABLE t USING ICEBERG PARTITIONED BY (a) WITH (x = 1) AS SELECT 1 AS a',
      {
        orReplace: true,
        partitionedBy: [{ column: { path: ['a'] }, transform: { kind: 'identity' } }],
        properties: { x: '1' },
        query: 'SELECT 1 AS a',
      },
    ],
  ])('%s', (sql, expected) => {
    expect(said(sql)).toEqual({ ...shared, ...expected });
  });
});

describe('CREATE VIEW', () => {
  const view = {
    kind: 'create-view',
    name: { parts: ['v'] },
    temporary: false,
    orReplace: false,
    ifNotExists: false,
  };

  test.each([
    ['CREATE VIEW v AS SELECT 1', { query: 'SELECT 1' }],
    [
      'CREATE OR REPLACE TEMP VIEW v (a, b) AS FROM s',
      { orReplace: true, temporary: true, columns: [{ name: 'a' }, { name: 'b' }], query: 'FROM s' },
    ],
    [
      'CREATE VIEW IF NOT EXISTS ns.v AS VALUES (1)',
      { name: { parts: ['ns', 'v'] }, ifNotExists: true, query: 'VALUES (1)' },
    ],
  ])('%s', (sql, expected) => {
    expect(said(sql)).toEqual({ ...view, ...expected });
  });
});

describe('CREATE SCHEMA', () => {
  const schema = {
    kind: 'create-schema',
    name: { parts: ['x'] },
    ifNotExists: false,
    orReplace: false,
    properties: {},
  };

  test.each([
    ['CREATE SCHEMA x', {}],
    ['CREATE SCHEMA IF NOT EXISTS a.x', { name: { parts: ['a', 'x'] }, ifNotExists: true }],
    ['CREATE OR REPLACE SCHEMA x', { orReplace: true }],
    [
      "CREATE NAMESPACE x COMMENT 'c' LOCATION 's3://x' WITH PROPERTIES ('a' = 'b')",
      { comment: 'c', location: 's3://x', properties: { a: 'b' } },
    ],
    ["CREATE DATABASE x WITH DBPROPERTIES (a = 'b')", { properties: { a: 'b' } }],
  ])('%s', (sql, expected) => {
    expect(said(sql)).toEqual({ ...schema, ...expected });
  });
});
