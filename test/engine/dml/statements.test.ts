import { beforeEach, describe, expect, test } from 'vitest';
import type { LakebookError } from '../../../src/iceberg/errors.ts';
import { TestLake } from './support.ts';

const lake = await TestLake.open();
const columns = { id: 'long', name: 'string', day: 'date' };
let tables = 0;
let t: string;
beforeEach(async () => {
  t = `t${tables++}`;
  await lake.create(t, { columns });
});

/** The error of a statement; `marked` is the part of its text that the position marks. */
async function errorOf(sql: string, options = {}): Promise<LakebookError & { marked?: string }> {
  try {
    await lake.session.execute(sql, options);
  } catch (error) {
    const { position } = error as LakebookError;
    const lines = sql.split('\n');
    const line = position === undefined ? '' : lines[position.line - 1]!;
    const marked = position && line.slice(position.column - 1, position.column - 1 + (position.length ?? 1));
    return Object.assign(error as LakebookError, { marked });
  }
  throw new Error(`no error: ${sql}`);
}

const all = () => lake.rows(`SELECT * FROM ${t} ORDER BY ALL`);

describe('INSERT', () => {
  test('takes VALUES, queries, column lists, names and WITH', async () => {
    await lake.change(`INSERT INTO ${t} VALUES (1, 'a', '2024-01-01')`);
    await lake.change(`INSERT INTO ${t} (day, id) SELECT DATE '2024-01-02', 2`);
    await lake.change(`INSERT INTO ${t} BY NAME SELECT 'c' AS NAME, 3 AS id`);
    await lake.change(`WITH x AS (SELECT max(id) AS m FROM ${t}) INSERT INTO ${t} (id) SELECT m + 1 FROM x`);
    const result = await lake.change(`INSERT INTO ${t} SELECT id + 10, name, day FROM ${t} WHERE id < 3`);
    expect(result).toMatchObject({
      operation: 'insert',
      table: t,
      rowsInserted: 2,
      filesAdded: 1,
      filesRemoved: 0,
    });
    expect(result.text).toBe('2 rows inserted in 1 new file.');
    expect(await all()).toEqual([
      { id: 1, name: 'a', day: '2024-01-01' },
      { id: 2, name: null, day: '2024-01-02' },
      { id: 3, name: 'c', day: null },
      { id: 4, name: null, day: null },
      { id: 11, name: 'a', day: '2024-01-01' },
      { id: 12, name: null, day: '2024-01-02' },
    ]);
  });

  test('fills in write defaults where no value is given, and for DEFAULT', async () => {
    await lake.create(`${t}d`, {
      columns: { a: 'long', b: 'string' },
      formatVersion: 3,
      defaults: { b: "it's" },
    });
    await lake.change(`INSERT INTO ${t}d (a) VALUES (1)`);
    await lake.change(`INSERT INTO ${t}d VALUES (2, DEFAULT), (DEFAULT, 'x')`);
    await lake.change(`INSERT INTO ${t}d DEFAULT VALUES`);
    await lake.change(`INSERT INTO ${t}d BY NAME SELECT 5 AS a`);
    expect(await lake.rows(`SELECT * FROM ${t}d ORDER BY ALL`)).toEqual([
      { a: 1, b: "it's" },
      { a: 2, b: "it's" },
      { a: 5, b: "it's" },
      { a: null, b: "it's" },
      { a: null, b: 'x' },
    ]);
  });

  test('no rows make no snapshot', async () => {
    const result = await lake.change(`INSERT INTO ${t} SELECT * FROM ${t}`);
    expect(result.snapshotId).toBeUndefined();
    expect(result.text).toBe(`Nothing changed in ${t}: there were no rows to insert.`);
    expect((await lake.table(t)).metadata.snapshots).toEqual([]);
  });

  test('takes parameters', async () => {
    const parameters = { id: 7, name: "o'k $id", none: null };
    await lake.session.execute(`INSERT INTO ${t} VALUES ($id, $name, $none), ($id + 1, '$id', NULL)`, {
      parameters,
    });
    await lake.session.execute(`UPDATE ${t} SET name = $name || '!' WHERE id = $id`, { parameters });
    expect(await all()).toEqual([
      { id: 7, name: "o'k $id!", day: null },
      { id: 8, name: '$id', day: null },
    ]);
  });

  test.each([
    [`INSERT INTO {t} VALUES (1, 'a')`, 'COLUMN_COUNT', `VALUES (1, 'a')`],
    [`INSERT INTO {t} (id) SELECT 1, 2`, 'COLUMN_COUNT', 'SELECT 1, 2'],
    [`INSERT INTO {t} (id, nmae) SELECT 1, 2`, 'COLUMN_NOT_FOUND', 'nmae'],
    [`INSERT INTO {t} (id, ID) SELECT 1, 2`, 'DUPLICATE_COLUMN', 'ID'],
    [`INSERT INTO {t} BY NAME SELECT 1 AS idd`, 'COLUMN_NOT_FOUND', 'SELECT 1 AS idd'],
    [`INSERT INTO {t} SELECT 1, 'ä',\n  nothing`, 'COLUMN_NOT_FOUND', 'nothing'],
    [`INSERT INTO {t} SELECT 'ä' || CAST('x' || range AS INT), 'a', NULL FROM range(3)`, 'CONVERSION', 'C'],
    [`INSERT INTO {t} SELECT id, name, day FROM nowhere`, 'TABLE_NOT_FOUND', 'nowhere'],
    [`INSERT INTO {t}x VALUES (1)`, 'TABLE_NOT_FOUND', '{t}x'],
    [`INSERT INTO {t} VALUES (1, 'a', NULL) RETURNING id`, 'UNSUPPORTED', 'RETURNING'],
  ])('%s is told where', async (text, code, marked) => {
    const error = await errorOf(text.replaceAll('{t}', t));
    expect({ code: error.code, marked: error.marked }).toEqual({ code, marked: marked.replaceAll('{t}', t) });
    expect(await lake.files(t)).toEqual([]);
  });

  test('names the column and value that do not fit, and nulls in required columns', async () => {
    const error = await errorOf(`INSERT INTO ${t} VALUES (1, 'a', NULL), (2, 'b', 'no date')`);
    expect(error.message).toBe(`The value 'no date' in row 2 doesn't fit the column "day" (DATE).`);
    await lake.create(`${t}r`, { columns: { id: 'long!' } });
    expect((await errorOf(`INSERT INTO ${t}r VALUES (1), (NULL)`)).code).toBe('NULL_IN_REQUIRED_COLUMN');
    expect((await lake.stored()).filter(file => file.includes('.parquet') && file.includes(`/${t}`))).toEqual(
      [],
    );
  });
});

describe('INSERT OVERWRITE', () => {
  test('replaces the partitions that the rows are in', async () => {
    await lake.create(`${t}p`, { columns, partitionedBy: ['month(day)'] });
    await lake.change(
      `INSERT INTO ${t}p VALUES (1, 'a', '2024-01-01'), (2, 'b', '2024-02-01'), (3, 'c', NULL)`,
    );
    const before = await lake.files(`${t}p`);
    const result = await lake.change(`INSERT OVERWRITE ${t}p VALUES (9, 'x', '2024-02-28'), (8, 'y', NULL)`);
    expect(result).toMatchObject({ rowsInserted: 2, rowsDeleted: 2, filesAdded: 2, filesRemoved: 2 });
    expect(await lake.rows(`SELECT id FROM ${t}p ORDER BY id`)).toEqual([{ id: 1 }, { id: 8 }, { id: 9 }]);
    expect((await lake.files(`${t}p`)).filter(file => before.includes(file))).toHaveLength(1);
    const { metadata } = await lake.table(`${t}p`);
    expect(metadata.snapshots.at(-1)).toMatchObject({
      operation: 'overwrite',
      summary: { 'replace-partitions': 'true' },
    });
  });

  test('replaces everything of an unpartitioned table, with no rows too', async () => {
    await lake.change(`INSERT INTO ${t} VALUES (1, 'a', NULL)`);
    await lake.change(`INSERT OVERWRITE ${t} SELECT id + 1, name, day FROM ${t}`);
    expect(await lake.rows(`SELECT id FROM ${t}`)).toEqual([{ id: 2 }]);
    await lake.change(`INSERT OVERWRITE ${t} SELECT * FROM ${t} WHERE false`);
    expect(await all()).toEqual([]);
  });
});

describe('UPDATE', () => {
  test('reads all new values from the row as it was', async () => {
    await lake.create(`${t}s`, { columns: { a: 'int', b: 'int' } });
    await lake.change(`INSERT INTO ${t}s VALUES (1, 2)`);
    await lake.change(`UPDATE ${t}s AS x SET a = x.b, b = a`);
    expect(await lake.rows(`SELECT * FROM ${t}s`)).toEqual([{ a: 2, b: 1 }]);
  });

  test('sets parts of structs and keeps the others', async () => {
    await lake.create(`${t}s`, { columns: { id: 'int', s: 'struct<a: int, b: struct<c: string, d: int>>' } });
    await lake.change(`INSERT INTO ${t}s VALUES (1, {'a': 1, 'b': {'c': 'x', 'd': 2}}), (2, NULL)`);
    await lake.change(`UPDATE ${t}s SET s.b.c = 'y' || s.a, s.a = 5`);
    expect(await lake.rows(`SELECT s FROM ${t}s ORDER BY id`)).toEqual([
      { s: { a: 5, b: { c: 'y1', d: 2 } } },
      { s: { a: 5, b: { c: null, d: null } } },
    ]);
    expect((await errorOf(`UPDATE ${t}s SET s.b.e = 1`)).message).toContain('no column "e"');
    expect((await errorOf(`UPDATE ${t}s SET id.x = 1`)).code).toBe('COLUMN_NOT_FOUND');
    expect((await errorOf(`UPDATE ${t}s SET s = NULL, s.a = 1`)).code).toBe('DUPLICATE_COLUMN');
  });

  test.each([
    [`UPDATE {t} SET nmae = 'x'`, 'COLUMN_NOT_FOUND', 'nmae'],
    [`UPDATE {t} SET name = 'x', id = 1, name = 'y'`, 'DUPLICATE_COLUMN', 'name'],
    [`UPDATE {t} SET name = 'ä' WHERE idd = 1`, 'COLUMN_NOT_FOUND', 'idd'],
    [`UPDATE {t} SET id = name || '!' WHERE id = 1`, 'CONVERSION', `name || '!'`],
    [
      `UPDATE {t} SET name = s.x FROM (VALUES (1, 'a'), (1, 'b')) AS s(i, x) WHERE id = s.i`,
      'CARDINALITY',
      undefined,
    ],
    [`UPDATE {t} SET name = 'x' FROM nowhere WHERE id = 1`, 'TABLE_NOT_FOUND', 'nowhere'],
  ])('%s is told where', async (text, code, marked) => {
    await lake.change(`INSERT INTO ${t} VALUES (1, 'a', NULL), (2, 'b', NULL)`);
    const before = await lake.files(t);
    const error = await errorOf(text.replaceAll('{t}', t));
    expect(error.code).toBe(code);
    if (marked !== undefined) expect(error.marked).toBe(marked);
    expect(await lake.files(t)).toEqual(before);
  });

  test('names the row that several rows of the source match', async () => {
    await lake.change(`INSERT INTO ${t} VALUES (1, 'a', NULL), (2, 'b', NULL)`);
    const source = `(VALUES (2, 'x'), (2, 'y')) AS s(i, x)`;
    const error = await errorOf(`UPDATE ${t} SET name = s.x FROM ${source} WHERE id = s.i`);
    expect(error.message).toContain(
      `the row of ${t} with id = 2, name = 'b', day = NULL is matched by 2 rows`,
    );
    expect(
      (await errorOf(`MERGE INTO ${t} USING ${source} ON ${t}.id = s.i WHEN MATCHED THEN DELETE`)).message,
    ).toBe(
      `MERGE: the row of ${t} with id = 2 is matched by 2 rows of the source, so which one changes it isn't defined.`,
    );
    // A pair of rows that no clause acts on doesn't count.
    const one = await lake.change(
      `MERGE INTO ${t} USING ${source} ON ${t}.id = s.i WHEN MATCHED AND s.x = 'y' THEN UPDATE SET name = s.x`,
    );
    expect(one.rowsUpdated).toBe(1);
  });
});

test('columns may be named with the whole name of the table', async () => {
  const [namespace] = lake.lake.defaultNamespace;
  await lake.change(`INSERT INTO ${namespace}.${t} VALUES (1, 'a', NULL), (2, 'b', NULL)`);
  await lake.change(
    `UPDATE ${namespace}.${t} SET name = ${namespace}.${t}.name || ${t}.id WHERE ${namespace}.${t}.id = 1`,
  );
  await lake.change(
    `DELETE FROM ${namespace}.${t} WHERE ${namespace}.${t}.id = (SELECT max(id) FROM ${namespace}.${t})`,
  );
  expect(await all()).toEqual([{ id: 1, name: 'a1', day: null }]);
});

describe('MERGE', () => {
  const source = `(SELECT * FROM (VALUES (1, 'x', 'u'), (2, 'y', 'd'), (3, 'z', 'i'), (NULL, 'n', 'i')) AS v(id, name, op))`;

  test('the first clause that fits acts; keys that are NULL match nothing', async () => {
    await lake.change(
      `INSERT INTO ${t} VALUES (1, 'a', NULL), (2, 'b', NULL), (NULL, 'c', NULL), (9, 'd', NULL)`,
    );
    const result = await lake.change(
      `MERGE INTO ${t} AS old USING ${source} AS new ON old.id = new.id
       WHEN MATCHED AND new.op = 'd' THEN DELETE
       WHEN MATCHED THEN UPDATE SET *
       WHEN NOT MATCHED AND new.id IS NULL THEN DO NOTHING
       WHEN NOT MATCHED THEN INSERT *
       WHEN NOT MATCHED BY SOURCE AND old.id = 9 THEN UPDATE SET name = old.name || '!'`,
    );
    expect(result).toMatchObject({ operation: 'merge', rowsInserted: 1, rowsUpdated: 2, rowsDeleted: 1 });
    expect(await all()).toEqual([
      { id: 1, name: 'x', day: null },
      { id: 3, name: 'z', day: null },
      { id: 9, name: 'd!', day: null },
      { id: null, name: 'c', day: null },
    ]);
  });

  test.each([
    [`WHEN NOT MATCHED THEN ERROR`, 'MERGE_ERROR', 'MERGE met a row that is NOT MATCHED.'],
    [`WHEN NOT MATCHED THEN ERROR 'no ' || s.name`, 'MERGE_ERROR', /^no [xyzn]$/],
    [`WHEN MATCHED THEN UPDATE SET nam = 1`, 'COLUMN_NOT_FOUND', /no column "nam"/],
    [`WHEN NOT MATCHED THEN INSERT (id, nam) VALUES (1, 2)`, 'COLUMN_NOT_FOUND', /no column "nam"/],
    [`WHEN NOT MATCHED THEN INSERT VALUES (1, 2)`, 'COLUMN_COUNT', /3 columns/],
    [
      `WHEN NOT MATCHED THEN INSERT VALUES (s.name, s.name, NULL)`,
      'CONVERSION',
      /doesn't fit the column "id"/,
    ],
    [`WHEN NOT MATCHED THEN INSERT (id) VALUES (s.idd)`, 'COLUMN_NOT_FOUND', /"idd"/],
    [`WHEN MATCHED THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'x'`, 'SYNTAX', /can never act/],
  ])('%s fails and changes nothing', async (clauses, code, message) => {
    const error = await errorOf(`MERGE INTO ${t} USING ${source} AS s ON ${t}.id = s.id ${clauses}`);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect((await lake.table(t)).metadata.snapshots).toEqual([]);
  });

  test('a condition may not decide anew each time it is asked', async () => {
    await lake.change(`INSERT INTO ${t} VALUES (1, 'a', NULL)`);
    const error = await errorOf(
      `MERGE INTO ${t} USING ${source} AS s ON ${t}.id = s.id WHEN MATCHED AND random() < 0.5 THEN UPDATE SET name = 'x'`,
    );
    expect({ code: error.code, marked: error.marked }).toEqual({
      code: 'UNSUPPORTED',
      marked: 'random() < 0.5',
    });
  });

  test('ON may be any condition', async () => {
    await lake.change(`INSERT INTO ${t} VALUES (1, 'a', NULL), (2, 'b', NULL), (7, 'c', NULL)`);
    const result = await lake.change(
      `MERGE INTO ${t} AS x USING (VALUES (0, 3, 'low'), (20, 30, 'none')) AS s(low, high, name)
       ON x.id BETWEEN s.low AND s.high AND x.id IN (SELECT max(id) - 5 FROM ${t})
       WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (low, s.name)`,
    );
    expect(result).toMatchObject({ rowsUpdated: 1, rowsInserted: 1 });
    expect(await lake.rows(`SELECT id, name FROM ${t} ORDER BY id`)).toEqual([
      { id: 1, name: 'a' },
      { id: 2, name: 'low' },
      { id: 7, name: 'c' },
      { id: 20, name: 'none' },
    ]);
  });

  test('a lake table is a source, also the target itself', async () => {
    await lake.change(`INSERT INTO ${t} VALUES (1, 'a', NULL), (2, 'b', NULL)`);
    await lake.change(
      `MERGE INTO ${t} USING (SELECT id + 1 AS id, name FROM ${t}) AS s USING (id)
       WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)`,
    );
    expect(await lake.rows(`SELECT id, name FROM ${t} ORDER BY id`)).toEqual([
      { id: 1, name: 'a' },
      { id: 2, name: 'a' },
      { id: 3, name: 'b' },
    ]);
  });
});

describe('branches', () => {
  test('changes go to the branch, and read it where it is named', async () => {
    await lake.change(`INSERT INTO ${t} VALUES (1, 'a', NULL), (2, 'b', NULL)`);
    const { metadata, identifier } = await lake.table(t);
    await lake.lake.catalog.commitTable(
      identifier,
      [],
      [
        {
          action: 'set-snapshot-ref',
          refName: 'dev',
          ref: { type: 'branch', snapshotId: metadata.currentSnapshotId! },
        },
        {
          action: 'set-snapshot-ref',
          refName: 'q1',
          ref: { type: 'tag', snapshotId: metadata.currentSnapshotId! },
        },
      ],
    );
    await lake.change(`INSERT INTO ${t}.branch_dev VALUES (3, 'c', NULL)`);
    await lake.change(`DELETE FROM ${t} AT (VERSION => 'dev') WHERE id = 1`);
    await lake.change(`UPDATE ${t}.branch_dev SET name = name || id`);
    await lake.change(`DELETE FROM ${t} WHERE id = 2`);
    expect(await lake.rows(`SELECT id, name FROM ${t} AT (VERSION => 'dev') ORDER BY id`)).toEqual([
      { id: 2, name: 'b2' },
      { id: 3, name: 'c3' },
    ]);
    expect(await lake.rows(`SELECT id, name FROM ${t}`)).toEqual([{ id: 1, name: 'a' }]);
    expect((await errorOf(`DELETE FROM ${t}.tag_q1`)).marked).toBe(`${t}.tag_q1`);
  });
});

describe("tables of DuckDB's own", () => {
  test('are changed by DuckDB, with lake tables as sources', async () => {
    await lake.change(`INSERT INTO ${t} VALUES (1, 'a', NULL), (2, 'b', NULL)`);
    await lake.session.execute(`CREATE OR REPLACE TEMP TABLE own (id BIGINT, name VARCHAR)`);
    await lake.session.execute(`INSERT INTO own SELECT id, name FROM ${t}`);
    await lake.session.execute(
      `UPDATE own SET name = s.name || '!' FROM ${t} AS s WHERE own.id = s.id AND s.id = 1`,
    );
    await lake.session.execute(`DELETE FROM own WHERE id = (SELECT max(id) FROM ${t})`);
    await lake.session.execute(
      `MERGE INTO own USING ${t} AS s ON own.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'new')`,
    );
    expect(await lake.rows('SELECT * FROM own ORDER BY id')).toEqual([
      { id: 1, name: 'a!' },
      { id: 2, name: 'new' },
    ]);
    const error = await errorOf(`UPDATE own SET name = 'x' WHERE nothing = 1`);
    expect(error.marked).toBe('nothing');
  });
});

test('a transaction of DuckDB is no place for changes of lake tables', async () => {
  await lake.session.execute('BEGIN');
  expect((await errorOf(`INSERT INTO ${t} VALUES (1, 'a', NULL)`)).code).toBe('UNSUPPORTED');
  await lake.session.execute('ROLLBACK');
  expect((await lake.change(`INSERT INTO ${t} VALUES (1, 'a', NULL)`)).rowsInserted).toBe(1);
});

test('temporary tables and views go away, after errors too', async () => {
  await lake.change(`INSERT INTO ${t} VALUES (1, 'a', NULL)`);
  await lake.change(`UPDATE ${t} SET name = 'b'`);
  await errorOf(`UPDATE ${t} SET id = name`);
  const left = await lake.session.duckdb.rows(
    `SELECT table_name AS n FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal`,
  );
  expect(left.filter(row => String(row.n).startsWith('lakebook_change'))).toEqual([]);
});
