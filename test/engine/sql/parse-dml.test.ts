import { describe, expect, test } from 'vitest';
import { said } from './support.ts';

const t = { parts: ['t'] };
const a = { path: ['a'] };

describe('INSERT', () => {
  const insert = { kind: 'insert', target: t, byName: false, overwrite: false };
  const query = (text: string) => ({ kind: 'query', query: text });

  test.each([
    ['INSERT INTO t SELECT 1', { ...insert, source: query('SELECT 1') }],
    ['insert into t from s', { ...insert, source: query('from s') }],
    ['INSERT INTO t (SELECT 1)', { ...insert, source: query('(SELECT 1)') }],
    ['INSERT INTO t TABLE s', { ...insert, source: query('TABLE s') }],
    [
      'INSERT INTO t (a, "b c") SELECT 1, 2',
      { ...insert, columns: [{ name: 'a' }, { name: 'b c' }], source: query('SELECT 1, 2') },
    ],
    ['INSERT INTO t BY NAME SELECT 1 AS a', { ...insert, byName: true, source: query('SELECT 1 AS a') }],
    ['INSERT INTO t BY POSITION SELECT 1', { ...insert, source: query('SELECT 1') }],
    ['INSERT OVERWRITE t SELECT 1', { ...insert, overwrite: true, source: query('SELECT 1') }],
    ['INSERT OVERWRITE TABLE t SELECT 1', { ...insert, overwrite: true, source: query('SELECT 1') }],
    ['INSERT INTO t AS x SELECT 1', { ...insert, target: { ...t, alias: 'x' }, source: query('SELECT 1') }],
    ['INSERT INTO t DEFAULT VALUES', { ...insert, source: { kind: 'default-values' } }],
    [
      'INSERT INTO lake.ns."T t" AT (VERSION => \'dev\') SELECT 1',
      {
        ...insert,
        target: { parts: ['lake', 'ns', 'T t'], at: { unit: 'version', expression: "'dev'" } },
        source: query('SELECT 1'),
      },
    ],
    [
      "INSERT INTO t VALUES (1, DEFAULT), (f(2, 3), 'a,b)')",
      {
        ...insert,
        source: {
          kind: 'values',
          rows: [
            ['1', undefined],
            ['f(2, 3)', "'a,b)'"],
          ],
          query: "VALUES (1, DEFAULT), (f(2, 3), 'a,b)')",
        },
      },
    ],
    [
      'INSERT INTO t VALUES (1), (2),',
      { ...insert, source: { kind: 'values', rows: [['1'], ['2']], query: 'VALUES (1), (2),' } },
    ],
    [
      'INSERT INTO t VALUES (1) UNION ALL SELECT 2',
      { ...insert, source: query('VALUES (1) UNION ALL SELECT 2') },
    ],
    [
      'INSERT INTO t SELECT * FROM a JOIN b ON a.x = b.x',
      { ...insert, source: query('SELECT * FROM a JOIN b ON a.x = b.x') },
    ],
    [
      'WITH q AS (SELECT 1), r(x) AS MATERIALIZED (FROM q) INSERT INTO t FROM r',
      {
        ...insert,
        with: 'WITH q AS (SELECT 1), r(x) AS MATERIALIZED (FROM q)',
        source: query('WITH q AS (SELECT 1), r(x) AS MATERIALIZED (FROM q) FROM r'),
      },
    ],
    [
      'WITH q AS (SELECT 1) INSERT INTO t WITH r AS (FROM q) FROM r',
      {
        ...insert,
        with: 'WITH q AS (SELECT 1)',
        source: query('WITH q AS (SELECT 1) FROM (WITH r AS (FROM q) FROM r)'),
      },
    ],
  ])('%s', (sql, expected) => {
    expect(said(sql)).toEqual(expected);
  });

  test.each([
    ['INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING', 'ON CONFLICT', '1:26+2'],
    ['INSERT INTO t SELECT 1 RETURNING *', 'RETURNING', '1:24+9'],
    ['INSERT OR REPLACE INTO t SELECT 1 RETURNING a', 'INSERT OR REPLACE', '1:1+17'],
  ])('%s is for the tables of DuckDB', (sql, clause, at) => {
    expect(said(sql)).toMatchObject({
      kind: 'insert',
      unsupported: { code: 'UNSUPPORTED', message: `Lake tables don't have ${clause}.`, at },
    });
  });
});

describe('UPDATE', () => {
  const value = (column: string, text: string | undefined) => ({
    kind: 'value',
    column: { path: [column] },
    ...(text === undefined ? {} : { value: text }),
  });

  test.each([
    ['UPDATE t SET a = 1', { assignments: [value('a', '1')] }],
    [
      'UPDATE t AS x SET a = x.a + 1, b = DEFAULT, s.f = f(1, 2) WHERE a IS DISTINCT FROM 3 AND b',
      {
        target: { ...t, alias: 'x' },
        assignments: [
          value('a', 'x.a + 1'),
          value('b', undefined),
          { kind: 'value', column: { path: ['s', 'f'] }, value: 'f(1, 2)' },
        ],
        where: 'a IS DISTINCT FROM 3 AND b',
      },
    ],
    [
      'UPDATE t SET a = s.a FROM s, (SELECT 1 WHERE true) q WHERE t.id = s.id',
      { assignments: [value('a', 's.a')], from: 's, (SELECT 1 WHERE true) q', where: 't.id = s.id' },
    ],
    [
      'UPDATE t SET a = CASE WHEN b THEN 1 ELSE 2 END WHERE c',
      { assignments: [value('a', 'CASE WHEN b THEN 1 ELSE 2 END')], where: 'c' },
    ],
    [
      'UPDATE t SET a = b IS NOT DISTINCT FROM s.from FROM s',
      { assignments: [value('a', 'b IS NOT DISTINCT FROM s.from')], from: 's' },
    ],
    ['UPDATE t SET (a, b) = (1, DEFAULT)', { assignments: [value('a', '1'), value('b', undefined)] }],
    [
      'UPDATE t SET (a, b) = (SELECT x, y FROM s)',
      { assignments: [{ kind: 'row-query', columns: [a, { path: ['b'] }], query: 'SELECT x, y FROM s' }] },
    ],
    [
      'UPDATE t SET a = extract(year FROM d), b = 1,',
      { assignments: [value('a', 'extract(year FROM d)'), value('b', '1')] },
    ],
    [
      'WITH q AS (SELECT 1 AS x) UPDATE t SET a = x FROM q',
      { with: 'WITH q AS (SELECT 1 AS x)', assignments: [value('a', 'x')], from: 'q' },
    ],
  ])('%s', (sql, expected) => {
    expect(said(sql)).toEqual({ kind: 'update', target: t, ...expected });
  });
});

describe('DELETE', () => {
  test.each([
    ['DELETE FROM t', {}],
    ['DELETE FROM t x WHERE x.a = 1', { target: { ...t, alias: 'x' }, where: 'x.a = 1' }],
    ['DELETE FROM t USING s, r WHERE t.a = s.a', { using: 's, r', where: 't.a = s.a' }],
    [
      "DELETE FROM t AT (VERSION => 'dev') AS x WHERE true",
      { target: { ...t, alias: 'x', at: { unit: 'version', expression: "'dev'" } }, where: 'true' },
    ],
    [
      'DELETE FROM t x AT (TIMESTAMP => now() - INTERVAL 1 DAY)',
      { target: { ...t, alias: 'x', at: { unit: 'timestamp', expression: 'now() - INTERVAL 1 DAY' } } },
    ],
    [
      'WITH q AS (SELECT 1) DELETE FROM t WHERE a IN (FROM q)',
      { with: 'WITH q AS (SELECT 1)', where: 'a IN (FROM q)' },
    ],
  ])('%s', (sql, expected) => {
    expect(said(sql)).toEqual({ kind: 'delete', target: t, ...expected });
  });
});

describe('MERGE', () => {
  const condition = { kind: 'condition', condition: 't.a = s.a' };

  test('all clauses, in their order', () => {
    const sql = `MERGE INTO t USING s ON t.a = s.a
      WHEN MATCHED AND s.gone THEN DELETE
      WHEN MATCHED AND CASE WHEN s.x THEN true END THEN UPDATE SET b = s.b, c = DEFAULT
      WHEN MATCHED THEN DO NOTHING
      WHEN NOT MATCHED AND s.a > 1 THEN INSERT (a, b) VALUES (s.a, DEFAULT)
      WHEN NOT MATCHED BY TARGET THEN INSERT VALUES (1, 2)
      WHEN NOT MATCHED BY SOURCE THEN ERROR 'left over'`;
    expect(said(sql)).toEqual({
      kind: 'merge',
      target: t,
      source: 's',
      on: condition,
      clauses: [
        { when: 'matched', condition: 's.gone', action: { kind: 'delete' } },
        {
          when: 'matched',
          condition: 'CASE WHEN s.x THEN true END',
          action: {
            kind: 'update',
            assignments: [
              { kind: 'value', column: { path: ['b'] }, value: 's.b' },
              { kind: 'value', column: { path: ['c'] } },
            ],
          },
        },
        { when: 'matched', action: { kind: 'do-nothing' } },
        {
          when: 'not-matched',
          condition: 's.a > 1',
          action: { kind: 'insert', columns: [{ name: 'a' }, { name: 'b' }], values: ['s.a', undefined] },
        },
        { when: 'not-matched', action: { kind: 'insert', values: ['1', '2'] } },
        { when: 'not-matched-by-source', action: { kind: 'error', message: "'left over'" } },
      ],
    });
  });

  test.each([
    ['MATCHED THEN UPDATE', { kind: 'update-all', by: 'position' }],
    ['MATCHED THEN UPDATE BY NAME', { kind: 'update-all', by: 'name' }],
    ['MATCHED THEN UPDATE SET *', { kind: 'update-all', by: 'name' }],
    ['NOT MATCHED THEN INSERT *', { kind: 'insert-all', by: 'name' }],
    ['NOT MATCHED THEN INSERT BY NAME', { kind: 'insert-all', by: 'name' }],
    ['NOT MATCHED THEN INSERT', { kind: 'insert-all', by: 'position' }],
    ['NOT MATCHED THEN INSERT DEFAULT VALUES', { kind: 'insert-defaults' }],
    ['MATCHED THEN ERROR', { kind: 'error' }],
  ])('WHEN %s', (clause, action) => {
    const statement = said(`MERGE INTO t USING s ON t.a = s.a WHEN ${clause}`);
    expect(statement).toMatchObject({ clauses: [{ action }] });
  });

  test.each([
    ['s AS x', { source: 's', sourceAlias: 'x' }],
    ['ns.s x', { source: 'ns.s', sourceAlias: 'x' }],
    ["s AT (VERSION => 'dev') x", { source: "s AT (VERSION => 'dev')", sourceAlias: 'x' }],
    ['s x AT (VERSION => 1)', { source: 's AT (VERSION => 1)', sourceAlias: 'x' }],
    [
      '(VALUES (1, 2)) AS x(a, b)',
      { source: '(VALUES (1, 2))', sourceAlias: 'x', sourceColumnAliases: ['a', 'b'] },
    ],
    ["read_csv('x', header = true) x", { source: "read_csv('x', header = true)", sourceAlias: 'x' }],
    ["'x.parquet'", { source: "'x.parquet'" }],
  ])('USING %s', (source, expected) => {
    const { kind, target, on, clauses, ...rest } = said(
      `MERGE INTO t USING ${source} USING (a) WHEN MATCHED THEN DELETE`,
    );
    expect(on).toEqual({ kind: 'using', columns: [{ name: 'a' }] });
    expect(rest).toEqual(expected);
  });

  test.each([
    [
      'WHEN NOT MATCHED THEN DELETE',
      "WHEN NOT MATCHED can't change a row, there is none in the target.",
      '1:57+6',
    ],
    ['WHEN MATCHED THEN INSERT *', "WHEN MATCHED can't insert, the row is there.", '1:53+8'],
    [
      'WHEN NOT MATCHED BY SOURCE THEN UPDATE SET *',
      'WHEN NOT MATCHED BY SOURCE has no source row to take values from.',
      '1:67+12',
    ],
    ['WHEN NOT MATCHED THEN INSERT (a, b) VALUES (1)', "2 columns can't take 1 value.", '1:78+3'],
  ])('%s is refused', (clause, message, at) => {
    expect(said(`MERGE INTO t USING s ON t.a = s.a ${clause}`)).toMatchObject({
      kind: 'other',
      verb: 'MERGE',
      target: t,
      problem: { message, at },
    });
  });
});
