import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BoundColumns, bindQuery } from '../../src/engine/bind/bind-query.ts';
import { StatementTables } from '../../src/engine/resolve.ts';
import { SqlText } from '../../src/engine/sql/sql-text.ts';
import type { ReadRequest } from '../../src/storage/storage.ts';
import { append, createTable, openSession, rowsOf, run, tableName } from './bind-support.ts';
import { schemaOf } from './support.ts';

/*
 * The same tables of the same names, once in the lake (in several files) and once in a DuckDB without a lake: the same
 * text must give the same rows.
 */
const session = await openSession();
const model = await openSession();
const schemas = {
  a: schemaOf({ id: { kind: 'long' }, x: { kind: 'int' }, name: { kind: 'string' } }),
  b: schemaOf({
    id: { kind: 'long' },
    a_id: { kind: 'long' },
    x: { kind: 'int' },
    v: { kind: 'decimal', precision: 6, scale: 1 },
  }),
  c: schemaOf({ year: { kind: 'int' }, 'odd "name': { kind: 'string' }, amount: { kind: 'double' } }),
};
const files: Readonly<Record<keyof typeof schemas, readonly string[]>> = {
  a: [0, 10, 20].map(
    from =>
      `SELECT i AS id, (CASE WHEN i % 4 = 0 THEN NULL ELSE i END)::INTEGER AS x, 'n' || (i // 5)::VARCHAR AS name FROM range(${from}, ${from + 10}) t(i)`,
  ),
  b: [0, 12, 24].map(
    from =>
      `SELECT i AS id, (CASE WHEN i % 5 = 0 THEN NULL ELSE i * 2 END) AS a_id, (i - 5)::INTEGER AS x, (i / 2.0)::DECIMAL(6, 1) AS v FROM range(${from}, ${from + 12}) t(i)`,
  ),
  c: [2024, 2025, 2026].map(
    year =>
      `SELECT ${year}::INTEGER AS year, 'k' || (i % 3)::VARCHAR AS "odd ""name", (i * 1.5)::DOUBLE AS amount FROM range(6) t(i)`,
  ),
};
await model.execute('CREATE SCHEMA IF NOT EXISTS memory.ns').catch(() => undefined);
await model.duckdb.run('CREATE SCHEMA IF NOT EXISTS ns');
for (const name of ['a', 'b', 'c'] as const) {
  await createTable(session.lake, tableName(name, 'ns'), schemas[name]);
  for (const file of files[name]) await append(session, tableName(name, 'ns'), file);
  await model.duckdb.run(`CREATE TABLE ns.${name} AS ${files[name].join(' UNION ALL ')}`);
}
await model.duckdb.run('USE ns');
await session.execute('USE ns');

async function both(sql: string): Promise<[unknown, unknown]> {
  const answer = async (which: typeof session) => {
    try {
      const { rows, columns } = await run(which, sql);
      return { columns, rows: rows.map(row => JSON.stringify(row)).sort() };
    } catch (error) {
      return `fails: ${(error as { code?: string }).code}`;
    }
  };
  return [await answer(session), await answer(model)];
}

async function expectSame(sql: string): Promise<void> {
  const [found, expected] = await both(sql);
  expect(found, sql).toEqual(expected);
  expect(typeof expected, `${sql}: ${expected}`).toBe('object');
}

describe('queries of every shape give the rows that they give on tables of DuckDB', () => {
  test.each([
    'SELECT * FROM a',
    'FROM a',
    'TABLE a',
    'SELECT a.* FROM a',
    'SELECT a FROM a WHERE a.id = 3',
    'SELECT ns.a.id, a.x FROM ns.a WHERE ns.a.id < 5',
    'SELECT ns.a.id FROM a WHERE ns.a.x > 3',
    'SELECT a.id, count(*) FROM ns.a, ns.b WHERE ns.a.id = ns.b.id AND ns.a.id < 4 GROUP BY ns.a.id',
    'SELECT "a"."id" FROM "ns"."a" AS "a"',
    'SELECT A.ID FROM A WHERE A.Id = 4',
    'SELECT k.i, k.name FROM a AS k(i, j) WHERE k.i = 3 AND j = 3',
    'SELECT * FROM a k(id2, id) WHERE id = 21',
    'SELECT count(*) FROM a, b',
    'SELECT * FROM a JOIN b ON a.id = b.a_id WHERE b.v > 3 AND a.x < 20',
    'SELECT * FROM a JOIN b USING (id) WHERE id = 7',
    'SELECT * FROM a LEFT JOIN b USING (id) WHERE id = 7',
    'SELECT * FROM a RIGHT JOIN b USING (id) WHERE id > 28',
    'SELECT * FROM a FULL JOIN b USING (id) WHERE id > 28',
    'SELECT * FROM a NATURAL JOIN b WHERE id < 9',
    'SELECT * FROM a LEFT JOIN b ON a.id = b.a_id WHERE b.id IS NULL',
    'SELECT * FROM a LEFT JOIN b ON a.id = b.a_id AND b.v > 5 AND a.id < 20',
    'SELECT * FROM a LEFT JOIN b ON a.id = b.a_id WHERE b.x IS NULL AND b.id > 20',
    'SELECT * FROM a LEFT JOIN b ON a.id = b.a_id WHERE NOT (b.v IS NOT NULL AND b.v > 2)',
    'SELECT * FROM a RIGHT JOIN b ON a.id = b.a_id WHERE a.x IS NULL',
    'SELECT * FROM a FULL JOIN b ON a.id = b.a_id WHERE a.x = 2 OR b.x > 25',
    'SELECT * FROM (a LEFT JOIN b ON a.id = b.a_id) RIGHT JOIN c ON c.year - 2020 = a.x WHERE a.x = 5',
    'SELECT * FROM a SEMI JOIN b ON a.id = b.a_id AND b.v > 4 AND a.x > 3',
    'SELECT * FROM a ANTI JOIN b ON a.id = b.a_id AND b.v > 4 AND a.x > 3 WHERE a.id > 5',
    'SELECT * FROM a ANTI JOIN b ON a.id = b.a_id AND a.id < 5',
    'SELECT * FROM a SEMI JOIN b USING (id) WHERE id < 5',
    'SELECT * FROM a ASOF JOIN b ON a.id >= b.a_id WHERE b.v < 4',
    'SELECT * FROM a ASOF LEFT JOIN b ON a.id >= b.a_id WHERE a.id < 9',
    'SELECT count(*), sum(a.id - b.id) FROM a POSITIONAL JOIN b WHERE a.id IS NOT NULL',
    'SELECT * FROM a p, a q WHERE p.id = q.id + 1 AND p.id > 15 AND q.x < 22',
    'SELECT (SELECT max(v) FROM b WHERE b.a_id = a.id AND b.x > 0) FROM a WHERE id < 12',
    'SELECT ((SELECT max(v) FROM b)), -(SELECT 1 FROM b LIMIT 1), NOT EXISTS (FROM b), id IS DISTINCT FROM (SELECT 2 FROM b LIMIT 1) FROM a',
    'SELECT coalesce(1, (SELECT 2 FROM b LIMIT 1)), CASE WHEN EXISTS (FROM b) THEN [1, 2][1] END, id IN (SELECT id FROM b), ARRAY (SELECT 1 FROM b LIMIT 1) FROM a WHERE id < 4 UNION ALL SELECT (SELECT 1 FROM b LIMIT 1), 2, true, [1]',
    'FROM a SELECT DISTINCT (SELECT max(id) FROM b) + 1',
    'FROM (SELECT (SELECT max(id) FROM b), id FROM a) t',
    'SELECT * FROM a WHERE EXISTS (FROM b WHERE b.a_id = a.id AND v > 6) AND id > 3',
    'SELECT * FROM a WHERE id IN (SELECT a_id FROM b WHERE v < 5)',
    'SELECT * FROM a WHERE id NOT IN (SELECT a_id FROM b WHERE a_id IS NOT NULL) ',
    'SELECT * FROM a WHERE id > ALL (SELECT id FROM b WHERE id < 8)',
    'SELECT * FROM a, LATERAL (SELECT sum(v) AS s FROM b WHERE b.id < a.id AND b.x > 2) l WHERE a.id BETWEEN 10 AND 12',
    'SELECT id FROM a WHERE id < 4 UNION ALL SELECT id FROM b WHERE id > 30',
    'SELECT id FROM a EXCEPT SELECT id FROM b WHERE x > 0',
    '(SELECT id FROM a LIMIT 100) INTERSECT (TABLE (SELECT id FROM b))'.replace(
      'TABLE (SELECT id FROM b)',
      'SELECT id FROM b',
    ),
    'WITH a AS (SELECT 1 AS id) SELECT * FROM a',
    'WITH a AS (SELECT id + 100 AS id FROM a WHERE id < 3) SELECT * FROM a',
    'WITH t AS (SELECT * FROM a WHERE id < 3), a AS (SELECT 5 AS five) SELECT * FROM t, a',
    'WITH t AS (WITH a AS (SELECT 5 AS id) SELECT * FROM a) SELECT * FROM t, a WHERE a.id < 2',
    'SELECT (WITH a AS (SELECT 77 AS id) SELECT max(id) FROM a), max(id) FROM a',
    'WITH RECURSIVE r AS (SELECT min(id) AS n FROM a UNION ALL SELECT n + 1 FROM r JOIN a ON a.id = r.n WHERE n < 15) FROM r',
    'WITH a AS MATERIALIZED (SELECT 3 AS id) SELECT * FROM ns.a WHERE id = 3',
    'SELECT year, sum(amount) FROM c WHERE year > 2024 GROUP BY ALL',
    'SELECT "odd ""name", count(*) AS n FROM c WHERE "odd ""name" = \'k1\' GROUP BY 1 HAVING n > 1',
    'SELECT id, row_number() OVER (ORDER BY id) AS r FROM a WHERE id > 5 QUALIFY r = 2',
    'SELECT id + 1 AS x1 FROM a WHERE x1 = 5',
    'PIVOT c ON year USING sum(amount) GROUP BY "odd ""name"',
    'PIVOT c ON year IN (2024, 2025) USING sum(amount)',
    'FROM (PIVOT c ON year IN (2024, 2025) USING sum(amount))',
    'SELECT * FROM c PIVOT (sum(amount) FOR year IN (2024, 2026)) WHERE "2024" > 0',
    'UNPIVOT a ON id, x INTO NAME n VALUE val',
    'PIVOT (SELECT * FROM c WHERE year > 2024) ON year USING count(*)',
    'WITH a AS (SELECT * FROM c) PIVOT a ON year USING count(*)',
    "SELECT COLUMNS('i.*') FROM a",
    'SELECT * EXCLUDE (x) FROM a WHERE id = 1',
    'SELECT unnest([id, x]) FROM a WHERE id < 3',
    "SELECT 'é😀' AS t, ns.a.id FROM ns.a /* é */ WHERE 'é' < name AND a.id = 3",
    'SELECT * FROM a -- the end is a comment',
    'SELECT count(*) FROM a JOIN (b JOIN c ON b.id = c.year - 2020) ON a.id = b.id WHERE c.year = 2025',
    'SELECT * FROM a CROSS JOIN (SELECT max(id) AS m FROM b) WHERE id = 3',
    'SELECT list(id ORDER BY id) FROM a WHERE id < 5',
    'SELECT * FROM a WHERE (id, x) IN ((1, 1), (2, 2))',
    'SELECT * FROM a WHERE CASE WHEN id > 3 THEN x < 9 ELSE false END',
    'VALUES ((SELECT count(*) FROM a))',
    'SELECT a.id FROM a ORDER BY (SELECT count(*) FROM b WHERE b.id < a.id) DESC, 1 LIMIT 3',
  ])('%s', async sql => {
    await expectSame(sql);
  });

  const alias = fc.constantFrom('p', 'q', 'r');
  const term = (name: string) =>
    fc.oneof(
      fc
        .tuple(
          fc.constantFrom('id', 'x'),
          fc.constantFrom('<', '>', '=', '<='),
          fc.integer({ min: -1, max: 36 }),
        )
        .map(([column, op, value]) => `${name}.${column} ${op} ${value}`),
      fc
        .tuple(fc.constantFrom('id', 'x'), fc.boolean())
        .map(([column, not]) => `${name}.${column} IS ${not ? 'NOT ' : ''}NULL`),
      fc.tuple(alias, fc.constantFrom('id', 'x')).map(([other, column]) => `${name}.id = ${other}.${column}`),
    );
  const condition = fc
    .array(fc.tuple(alias.chain(term), fc.constantFrom(' AND ', ' OR ', ' AND NOT ')), {
      minLength: 1,
      maxLength: 4,
    })
    .map(parts => parts.map(([text, op], index) => (index === 0 ? text : op + text)).join(''));
  const join = fc.constantFrom('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'SEMI JOIN', 'ANTI JOIN');
  const table = fc.constantFrom('a', 'b', 'ns.a', '(SELECT * FROM b WHERE x > 3)');

  test('joins of every kind, with conditions anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(table, table, table),
        fc.tuple(join, join),
        fc.tuple(condition, condition, condition),
        fc.boolean(),
        async ([one, two, three], [first, second], [on1, on2, where], nested) => {
          const from = nested
            ? `${one} p ${first} (${two} q ${second} ${three} r ON ${on1}) ON ${on2}`
            : `${one} p ${first} ${two} q ON ${on1} ${second} ${three} r ON ${on2}`;
          const sql = `SELECT * FROM ${from} WHERE ${where}`;
          const [found, expected] = await both(sql);
          expect(found, sql).toEqual(expected);
        },
      ),
      { numRuns: 250 },
    );
  });
});

describe('pruning', () => {
  const scanned = async (sql: string) => {
    const { scan } = await run(session, sql);
    return scan?.dataFilesScanned;
  };
  test.each([
    ['FROM a', 3],
    ['FROM a WHERE id < 5', 1],
    ['FROM a p, a q WHERE p.id < 5 AND q.id > 5', 4],
    ['FROM a JOIN b ON a.id = b.a_id AND b.id < 5 WHERE a.id > 25', 2],
    ['FROM a LEFT JOIN b ON a.id = b.a_id AND b.id < 5 AND a.id < 5', 4],
    ['FROM a LEFT JOIN b ON a.id = b.a_id WHERE b.id < 5', 4],
    ['FROM a LEFT JOIN b ON a.id = b.a_id WHERE b.id IS NULL', 6],
    ['FROM a FULL JOIN b ON a.id = b.a_id AND a.id < 5', 6],
    ['FROM a POSITIONAL JOIN b WHERE a.id < 5', 6],
    ['FROM a JOIN b USING (id) WHERE id = 3', 4],
    ['FROM a LEFT JOIN b USING (id) WHERE id = 3', 4],
    ['FROM a RIGHT JOIN b USING (id) WHERE id = 3', 6],
    ['FROM a SEMI JOIN b ON a.id = b.id AND b.id < 5', 4],
    ['FROM a ASOF JOIN b ON a.id >= b.id WHERE b.id < 5', 6],
    ['FROM a TABLESAMPLE 50% WHERE id < 5', 3],
    ['SELECT (SELECT max(id) FROM b WHERE id < 5) FROM a WHERE id > 25', 2],
    ['WITH t AS (FROM a WHERE id < 5) FROM t, b WHERE b.id > 30', 2],
    ['FROM a WHERE id < 5 UNION ALL FROM a WHERE id > 25', 2],
    ['FROM a WHERE id IN (SELECT id FROM b WHERE id < 5)', 4],
    ['FROM a AS k(id2, id) WHERE id < 5', 1],
    ['SELECT 1', undefined],
  ])('%s reads %s files', async (sql, expected) => {
    expect(await scanned(sql)).toBe(expected);
  });

  test.each([
    ['SELECT * FROM plain_view WHERE id < 5', 1],
    ['SELECT v.id FROM outer_view v JOIN b ON v.id = b.a_id WHERE v.id < 5 AND b.id > 30', 2],
    ['SELECT * FROM b LEFT JOIN plain_view v ON v.id = b.id WHERE v.id IS NULL', 6],
    ['SELECT * FROM grouped WHERE id < 5', 3],
    ['SELECT * FROM renamed WHERE k < 5', 3],
    ['SELECT * FROM filtered WHERE id < 5', 1],
  ])('through views: %s reads %i files', async (sql, files) => {
    for (const which of [session, model]) {
      await which.execute(`CREATE OR REPLACE TEMP VIEW plain_view AS SELECT * FROM a;
        CREATE OR REPLACE TEMP VIEW outer_view AS FROM plain_view;
        CREATE OR REPLACE TEMP VIEW grouped AS SELECT id, count(*) AS n FROM a GROUP BY id;
        CREATE OR REPLACE TEMP VIEW renamed (k) AS SELECT * FROM a;
        CREATE OR REPLACE TEMP VIEW filtered AS SELECT * FROM a WHERE id > 5 AND x IN (SELECT 6)`);
    }
    await expectSame(sql);
    expect(await scanned(sql)).toBe(files);
  });

  test('adds up what the tables read', async () => {
    const { scan } = await run(session, 'FROM a, b WHERE a.id < 5 AND b.id < 13');
    expect(scan).toMatchObject({
      dataFiles: 6,
      dataFilesScanned: 3,
      manifests: 6,
      manifestsScanned: 6,
      rows: 34,
    });
  });
});

describe('object storage is asked for the columns that a query names', () => {
  test.each([
    ['SELECT count(*) FROM b', [[]]],
    ['SELECT id FROM b', [[1]]],
    ['SELECT b.id FROM b WHERE b.v > 1 ORDER BY x', [[1, 3, 4]]],
    ['SELECT * FROM b', [undefined]],
    ['SELECT b FROM b', [undefined]],
    ['SELECT #1 FROM b', [undefined]],
    ["SELECT COLUMNS('id') FROM b", [undefined]],
    ['SELECT k.one FROM b k(one)', [undefined]],
    ['SELECT a.name FROM a JOIN b USING (id)', [[1, 3], [1]]],
    ['SELECT name FROM a NATURAL JOIN b', [undefined, undefined]],
    ['SELECT (SELECT max(v) FROM b) FROM a', [[], [4]]],
    ['SELECT id FROM (SELECT * FROM b)', [undefined]],
    ['SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id)', [[1], [1, 2]]],
    ['SELECT id FROM a WHERE NOT EXISTS (SELECT * FROM b WHERE b.a_id = a.id)', [[1], [1, 2]]],
    ['SELECT id FROM a WHERE EXISTS (FROM b)', [[1], [1]]],
    ['SELECT id FROM a WHERE EXISTS (SELECT DISTINCT * FROM b)', [[1], undefined]],
    ['SELECT id FROM a WHERE EXISTS (SELECT * EXCLUDE (v) FROM b)', [[1], undefined]],
    ['SELECT id FROM a WHERE id IN (SELECT * FROM (SELECT a_id FROM b))', [[1], [1, 2]]],
    ['PIVOT c ON year USING sum(amount)', [undefined]],
    ['SELECT plus(id) FROM b', [[1]]],
  ])('%s', async (sql, expected) => {
    const asked: unknown[] = [];
    const { storage } = session.lake;
    const { localPaths, localFiles } = storage;
    const note = ([request]: readonly ReadRequest[]) => {
      asked.push(request!.fieldIds && [...request!.fieldIds].sort());
    };
    storage.localPaths = (requests, signal) => {
      note(requests);
      return localPaths.call(storage, requests, signal);
    };
    storage.localFiles = (requests, signal) => {
      note(requests);
      return localFiles!.call(storage, requests, signal);
    };
    try {
      await session.execute('CREATE OR REPLACE TEMP MACRO plus(n) AS n + 1');
      await run(session, sql);
    } finally {
      Object.assign(storage, { localPaths, localFiles });
    }
    expect(asked.length).toBe(expected.length);
    expect(asked).toEqual(expect.arrayContaining(expected));
  });
});

describe('scans have the columns that a query names', () => {
  test.each([
    ['SELECT id FROM b WHERE v > 1', ['id', 'v']],
    ['SELECT max(x) FROM b', ['x']],
    ['SELECT count(*) FROM b', ['id']],
    ['SELECT b FROM b', ['id', 'a_id', 'x', 'v']],
    ['FROM b', ['id', 'a_id', 'x', 'v']],
  ])('%s', async (sql, expected) => {
    const bound = async (columns: BoundColumns) => {
      const text = SqlText.written(sql);
      return (await bindQuery(session, text, sql, new StatementTables(session), {}, columns)).sql.text;
    };
    const columnsOf = (text: string) => [...text.matchAll(/ AS "(\w+)"(?=,| FROM)/g)].map(([, name]) => name);
    const named = columnsOf(await bound('named'));
    expect(new Set(named)).toEqual(new Set(expected));
    expect(new Set(columnsOf(await bound('all')))).toEqual(new Set(['id', 'a_id', 'x', 'v']));
  });

  test('an error names the columns that were not read, too', async () => {
    await expect(session.execute('SELECT id, nam FROM a')).rejects.toThrow(/"name"/);
    await expect(session.execute('SELECT id FROM b ORDER BY a_idd')).rejects.toThrow(/"a_id"/);
  });
});

test('a macro may hide a function that conditions are read by', async () => {
  await session.execute('CREATE OR REPLACE TEMP MACRO abs(n) AS CASE WHEN random() < 2 THEN -n ELSE n END');
  const { rows, scan } = await run(session, 'SELECT count(*) FROM a WHERE id > abs(5)');
  expect(rows).toEqual([[30]]);
  expect(scan!.dataFilesScanned).toBe(3);
  await session.execute('DROP MACRO abs');
  expect((await run(session, 'SELECT count(*) FROM a WHERE id > abs(-25)')).scan!.dataFilesScanned).toBe(1);
});

test('DuckDB’s own tables, files and named results come first', async () => {
  await session.execute('CREATE TEMP TABLE b AS SELECT 1 AS own');
  expect(await rowsOf(session, 'FROM b')).toEqual([[1]]);
  expect(await rowsOf(session, 'SELECT count(*) FROM ns.b')).toEqual([[36]]);
  await session.execute('DROP TABLE b');
  const [result] = await session.execute('SELECT 42 AS answer');
  session.nameResult('b', (result as never as { result: never }).result);
  expect(await rowsOf(session, 'FROM b')).toEqual([[42]]);
  await (result as never as { result: { close(): Promise<void> } }).result.close();
  expect(await rowsOf(session, 'SELECT count(*) FROM b')).toEqual([[36]]);
  await session.execute("COPY (SELECT 7 AS seven) TO 'a.csv'");
  expect(await rowsOf(session, "FROM 'a.csv'")).toEqual([[7]]);
  expect(await rowsOf(session, 'FROM "a.csv"')).toEqual([[7]]);
  expect((await rowsOf(session, 'SELECT count(*) > 3 FROM information_schema.tables')).length).toBe(1);
  expect((await rowsOf(session, 'SELECT count(*) >= 0 FROM duckdb_tables')).length).toBe(1);
});

describe('errors tell where they are', () => {
  test.each([
    ['SELECT *\nFROM ns.aa', 'TABLE_NOT_FOUND', { line: 2, column: 6, length: 5 }, 'Did you mean "ns.a"?'],
    ['SELECT * FROM sales', 'TABLE_NOT_FOUND', { line: 1, column: 15, length: 5 }, undefined],
    ["SELECT 'é😀', nope FROM a", 'COLUMN_NOT_FOUND', { line: 1, column: 15 }, undefined],
    ['SELECT id FROM a\nWHERE a.nope = 3', 'COLUMN_NOT_FOUND', { line: 2, column: 7 }, undefined],
    [
      'SELECT * FROM a JOIN b ON a.id = b.a_id WHERE nope > 3',
      'COLUMN_NOT_FOUND',
      { line: 1, column: 47 },
      undefined,
    ],
    ['SELECT id FROM a WHERE', 'SYNTAX', undefined, undefined],
    ['SELECT id, FROM a WHERE x = = 3', 'SYNTAX', { line: 1, column: 29 }, undefined],
    ['SELECT id FROM a AT (VERSION => 1) WHERE x = = 3', 'SYNTAX', { line: 1, column: 46 }, undefined],
    [
      "SELECT * FROM a AT (VERSION => 'dev')",
      'REF_NOT_FOUND',
      { line: 1, column: 17, length: 21 },
      undefined,
    ],
    [
      'SELECT * FROM a AT (VERSION => 17)',
      'SNAPSHOT_NOT_FOUND',
      { line: 1, column: 17, length: 18 },
      undefined,
    ],
    ['SELECT * FROM a AT (VERSION => nope)', 'COLUMN_NOT_FOUND', { line: 1, column: 32 }, undefined],
    [
      "SELECT * FROM a AT (TIMESTAMP => '1999-01-01')",
      'SNAPSHOT_NOT_FOUND',
      { line: 1, column: 17, length: 30 },
      undefined,
    ],
    ['WITH t AS (SELECT 1) SELECT * FROM t AT (VERSION => 1)', 'INVALID', { line: 1, column: 38 }, undefined],
    ['SELECT * FROM a$nope', 'METADATA_TABLE_NOT_FOUND', undefined, undefined],
    ["SELECT * FROM query_table('a')", 'UNSUPPORTED', undefined, undefined],
    ['SELECT name::INTEGER FROM a', 'CONVERSION', undefined, undefined],
  ])('%s', async (sql, code, position, hint) => {
    await expect(session.execute(sql)).rejects.toMatchObject({
      code,
      ...(position === undefined ? {} : { position }),
      ...(hint === undefined ? {} : { hint }),
    });
  });
});

test.each([
  'SELECT count(*) FROM a WHERE x < 1e400',
  'WITH q AS (SELECT 1e400 AS inf) SELECT q.inf > a.x, a.id FROM q, a WHERE a.id > 12',
  "SELECT id FROM a WHERE x > -1e999 AND name = 'n1'",
])('numbers beyond a double, which no JSON holds: %s', expectSame);
