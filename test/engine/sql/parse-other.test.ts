import { describe, expect, test } from 'vitest';
import { parseStatements } from '../../../src/engine/sql/parse.ts';
import { said } from './support.ts';

const t = { parts: ['t'] };

describe('queries', () => {
  test.each([
    'SELECT 1',
    '(SELECT 1) UNION ALL (SELECT 2)',
    'FROM t SELECT a',
    'VALUES (1), (2)',
    'TABLE t',
    'PIVOT t ON a USING sum(b)',
    'UNPIVOT t ON a, b',
    'WITH q AS (SELECT 1) FROM q',
    'WITH RECURSIVE q(n) USING KEY (n) AS (SELECT 1 UNION SELECT n + 1 FROM q), r AS NOT MATERIALIZED (FROM q) FROM r',
    "SELECT * FROM t AT (VERSION => 1) JOIN t AT (TIMESTAMP => '2026-01-01') USING (id)",
    'SELECT $a, ?, ?2, $$;$$',
    // DuckDB says what is wrong with a query.
    'SELECT',
    'WITH q AS (SELECT 1',
  ])('%s', sql => {
    expect(said(sql)).toEqual({ kind: 'query' });
  });
});

describe('EXPLAIN', () => {
  const explain = { kind: 'explain', analyze: false, prefix: 'EXPLAIN' };

  test.each([
    ['EXPLAIN SELECT 1', { query: 'SELECT 1' }],
    ['EXPLAIN ANALYZE FROM t', { analyze: true, prefix: 'EXPLAIN ANALYZE', query: 'FROM t' }],
    ['EXPLAIN (FORMAT json) SELECT 1', { prefix: 'EXPLAIN (FORMAT json)', query: 'SELECT 1' }],
    [
      'EXPLAIN (ANALYZE, FORMAT json) SELECT 1',
      { analyze: true, prefix: 'EXPLAIN (ANALYZE, FORMAT json)', query: 'SELECT 1' },
    ],
    ['EXPLAIN (SELECT 1)', { query: '(SELECT 1)' }],
  ])('%s', (sql, expected) => {
    expect(said(sql)).toEqual({ ...explain, ...expected });
  });

  test('of a change is an error unless DuckDB has the table', () => {
    expect(said('EXPLAIN INSERT INTO t SELECT 1')).toMatchObject({
      kind: 'other',
      verb: 'EXPLAIN',
      target: { parts: ['t'] },
      problem: { code: 'UNSUPPORTED', at: '1:9+22' },
    });
  });

  test('of a setting, or of EXPLAIN itself, is for DuckDB', () => {
    expect(said('EXPLAIN SET a = 1')).toEqual({ kind: 'other', verb: 'EXPLAIN' });
    expect(said(`${'EXPLAIN '.repeat(50_000)}SELECT 1`)).toEqual({ kind: 'other', verb: 'EXPLAIN' });
  });
});

describe('DESCRIBE, SUMMARIZE and SHOW', () => {
  const describes = { kind: 'describe', verb: 'describe' };

  test.each([
    ['DESCRIBE ns.t', { ...describes, table: { parts: ['ns', 't'] } }],
    ['DESC t', { ...describes, table: t }],
    ['DESCRIBE TABLE t', { ...describes, table: t }],
    [
      'DESCRIBE t AT (VERSION => 1)',
      { ...describes, table: { ...t, at: { unit: 'version', expression: '1' } } },
    ],
    ['DESCRIBE SELECT 1', { ...describes, query: 'SELECT 1' }],
    ['DESCRIBE (SELECT 1)', { ...describes, query: '(SELECT 1)' }],
    ["DESCRIBE 'a.csv'", { ...describes, query: "FROM 'a.csv'" }],
    ['SUMMARIZE t', { ...describes, verb: 'summarize', table: t }],
    ['SUMMARIZE FROM t', { ...describes, verb: 'summarize', query: 'FROM t' }],
    ['DESCRIBE', { kind: 'show', what: 'tables' }],
    ['SHOW t', { ...describes, table: t }],
    ['SHOW TABLES', { kind: 'show', what: 'tables' }],
    ['SHOW TABLES FROM a.b', { kind: 'show', what: 'tables', name: { parts: ['a', 'b'] } }],
    ['SHOW TABLES IN a', { kind: 'show', what: 'tables', name: { parts: ['a'] } }],
    ['SHOW ALL TABLES', { kind: 'show', what: 'all-tables' }],
    ['SHOW SCHEMAS', { kind: 'show', what: 'schemas' }],
    ['SHOW NAMESPACES', { kind: 'show', what: 'schemas' }],
    ['SHOW DATABASES', { kind: 'show', what: 'databases' }],
    ['SHOW CREATE TABLE ns.t', { kind: 'show', what: 'create-table', name: { parts: ['ns', 't'] } }],
    ['SHOW', { kind: 'other', verb: 'SHOW' }],
    ['SHOW TABLES LIKE 1', { kind: 'other', verb: 'SHOW' }],
  ])('%s', (sql, expected) => {
    expect(said(sql)).toEqual(expected);
  });
});

describe('USE, COPY, DROP, TRUNCATE and CALL', () => {
  const copy = { kind: 'copy', direction: 'to' };

  test.each([
    ['USE a.b', { kind: 'use', name: { parts: ['a', 'b'] } }],
    ['USE NAMESPACE a', { kind: 'use', name: { parts: ['a'] } }],
    ['USE schema', { kind: 'use', name: { parts: ['schema'] } }],
    ["COPY (SELECT ')') TO 'x' (FORMAT csv)", { ...copy, query: "SELECT ')'", rest: "TO 'x' (FORMAT csv)" }],
    ["COPY t TO 'x'", { ...copy, table: t, rest: "TO 'x'" }],
    [
      "COPY ns.t AT (VERSION => 1) (a, b) TO 'x'",
      {
        ...copy,
        table: { parts: ['ns', 't'], at: { unit: 'version', expression: '1' } },
        columns: [{ name: 'a' }, { name: 'b' }],
        rest: "TO 'x'",
      },
    ],
    [
      "COPY t (a) FROM 'x' (HEADER)",
      { kind: 'copy', direction: 'from', table: t, columns: [{ name: 'a' }], rest: "FROM 'x' (HEADER)" },
    ],
    ["COPY (SELECT 1) TOO 'x'", { kind: 'other', verb: 'COPY' }],
    ['COPY FROM DATABASE a TO b', { kind: 'other', verb: 'COPY' }],
    ['DROP TABLE t', { kind: 'drop-table', names: [t], ifExists: false, purge: false }],
    [
      'DROP TABLE IF EXISTS t, ns.u PURGE',
      { kind: 'drop-table', names: [t, { parts: ['ns', 'u'] }], ifExists: true, purge: true },
    ],
    ['DROP TABLE t CASCADE', { kind: 'drop-table', names: [t], ifExists: false, purge: false }],
    ['DROP SCHEMA a', { kind: 'drop-schema', name: { parts: ['a'] }, ifExists: false, cascade: false }],
    [
      'DROP NAMESPACE IF EXISTS a.b CASCADE',
      { kind: 'drop-schema', name: { parts: ['a', 'b'] }, ifExists: true, cascade: true },
    ],
    ['TRUNCATE t', { kind: 'truncate', target: t }],
    ['TRUNCATE TABLE ns.t', { kind: 'truncate', target: { parts: ['ns', 't'] } }],
    [
      "TRUNCATE t AT (VERSION => 'dev')",
      { kind: 'truncate', target: { ...t, at: { unit: 'version', expression: "'dev'" } } },
    ],
    ['CALL f()', { kind: 'call', procedure: { parts: ['f'] }, arguments: [] }],
    [
      "CALL lake.system.rollback_to_snapshot(table => 'ns.t', ids := [1, 2], f(3, 4))",
      {
        kind: 'call',
        procedure: { parts: ['lake', 'system', 'rollback_to_snapshot'] },
        arguments: [
          { name: 'table', value: "'ns.t'" },
          { name: 'ids', value: '[1, 2]' },
          { value: 'f(3, 4)' },
        ],
      },
    ],
  ])('%s', (sql, expected) => {
    expect(said(sql)).toEqual(expected);
  });
});

describe('what is for DuckDB', () => {
  test.each([
    ['SET x = 1', 'SET'],
    ['begin transaction', 'BEGIN'],
    ["ATTACH 'x.db' AS x", 'ATTACH'],
    ['PRAGMA version', 'PRAGMA'],
    ['DROP VIEW v', 'DROP VIEW'],
    ['ALTER VIEW v RENAME TO w', 'ALTER VIEW'],
    ['CREATE OR REPLACE TEMP MACRO f(x) AS x + 1', 'CREATE MACRO'],
    ['CREATE UNIQUE INDEX i ON t (a)', 'CREATE INDEX'],
    ['CREATE PERSISTENT SECRET s (TYPE s3)', 'CREATE SECRET'],
    ['UPDATE EXTENSIONS', 'UPDATE'],
    ['PREPARE p AS INSERT INTO t VALUES (?)', 'PREPARE'],
    ['PROMPT something of an extension', 'PROMPT'],
    ['+ 1', '+'],
  ])('%s', (sql, verb) => {
    expect(said(sql)).toEqual({ kind: 'other', verb });
  });
});

describe('slips', () => {
  test.each([
    ['SELCT 1', 'SELCT begins no SQL statement.', 'Did you mean SELECT?', '1:1+5', undefined],
    [
      'create tabel t (a int)',
      'create tabel begins no CREATE statement.',
      'Did you mean TABLE?',
      '1:8+5',
      undefined,
    ],
    ['DELETE FROM t WEHRE a = 1', /found "a"/, 'Did you mean WHERE instead of WEHRE?', '1:21+1', ['t']],
    ['INSERT INOT t SELECT 1', /found "INOT"/, 'Did you mean INTO instead of INOT?', '1:8+4', ['INOT']],
    ['UPDATE ns.t SET a', 'Expected =, the statement ends here.', undefined, '1:18+1', ['ns', 't']],
    [
      'INSERT INTO t SELECT 1) RETURNING a',
      /^Expected the end of the statement, found "\)"/,
      undefined,
      '1:23+1',
      ['t'],
    ],
    [
      'DROP TABLE `t`',
      'Expected a table name, found "`".',
      'Names are quoted with double quotes, not with backticks.',
      '1:12+1',
      undefined,
    ],
    [
      'REPLACE TABLE t AS SELECT 1',
      'Expected a statement, found "REPLACE".',
      'To replace a table write CREATE OR REPLACE TABLE.',
      '1:1+7',
      ['t'],
    ],
    ['DROP TABLE t PRUGE', /found "PRUGE"/, 'Did you mean PURGE instead of PRUGE?', '1:14+5', ['t']],
    [
      "INSERT INTO 't' SELECT 1",
      "Expected a table name, found 't'.",
      'Names are quoted with double quotes: "t"',
      '1:13+3',
      undefined,
    ],
    ['WITH q AS (SELECT 1) DELETE t', /^Expected FROM/, undefined, '1:29+1', ['t']],
    ['CALL f(a => )', 'Expected a value, found ")".', undefined, '1:13+1', undefined],
    [
      'TRUNCATE t AT (BRANCH => 1)',
      'Expected VERSION or TIMESTAMP, found "BRANCH".',
      undefined,
      '1:16+6',
      ['t'],
    ],
  ])('%s', (sql, message, hint, at, parts) => {
    const statement = said(sql) as {
      kind: string;
      target?: object;
      problem: { message: string; hint?: string; at: string };
    };
    expect(statement.kind).toBe('other');
    expect(statement.problem.message).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    );
    expect(statement.problem.hint).toBe(hint);
    expect(statement.problem.at).toBe(at);
    expect(statement.target).toEqual(parts === undefined ? undefined : { parts });
  });

  test('are told at their line and column in the whole text', () => {
    const [, second] = parseStatements('SELECT 1;\n-- name: x\n\tDELETE FROM t\n  WEHRE a = 1');
    expect(second).toMatchObject({ kind: 'other', problem: { position: { line: 4, column: 9, length: 1 } } });
  });

  test('without an end stop the whole text', () => {
    expect(() => parseStatements("SELECT 1; SELECT 'x")).toThrow('The string that begins here has no end.');
  });
});
