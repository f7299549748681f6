import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { deleteRows, insertRows, type UpsertRowsRequest, upsertRows } from '../../../src/engine/dml/index.ts';
import { SqlText, sql } from '../../../src/engine/sql/sql-text.ts';
import { TestLake } from './support.ts';

/* What the lake's verbs use: rows of bound queries put into tables. */

const lake = await TestLake.open();
const columns = { id: 'long', g: 'string', n: 'int' };
let tables = 0;
let t: string;
beforeEach(async () => {
  t = `t${tables++}`;
  await lake.create(t, { columns, partitionedBy: ['bucket[3](id)'] });
  await lake.change(`INSERT INTO ${t} VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (NULL, 'z', 0)`);
});

const rows = () => lake.rows(`SELECT * FROM ${t} ORDER BY ALL`);
async function upsert(sourceSql: string | SqlText, more: Partial<UpsertRowsRequest> = {}) {
  return upsertRows(lake.session, { table: await lake.table(t), sourceSql, on: ['id'], ...more }, {});
}

describe('upsertRows', () => {
  test('updates rows with the same key and adds the others', async () => {
    const result = await upsert(`SELECT '2' AS ID, 'B' AS g, 20 AS n UNION ALL SELECT '4', 'D', 40`);
    expect(result).toMatchObject({ operation: 'upsert', rowsInserted: 1, rowsUpdated: 1, rowsDeleted: 0 });
    expect(await rows()).toEqual([
      { id: 1, g: 'a', n: 1 },
      { id: 2, g: 'B', n: 20 },
      { id: 3, g: 'c', n: 3 },
      { id: 4, g: 'D', n: 40 },
      { id: null, g: 'z', n: 0 },
    ]);
    const { metadata } = await lake.table(t);
    expect(metadata.snapshots).toHaveLength(2);
  });

  test('columns the source has not are kept, and null in new rows', async () => {
    await upsert('SELECT unnest([3, 5]) AS id, 7 AS n');
    expect(await lake.rows(`SELECT * FROM ${t} WHERE n = 7 ORDER BY id`)).toEqual([
      { id: 3, g: 'c', n: 7 },
      { id: 5, g: null, n: 7 },
    ]);
  });

  test('deletes where a condition on both sides says so', async () => {
    const result = await upsert(
      `SELECT * FROM (VALUES (1, 'x', 'D'), (2, 'y', 'D'), (3, 'w', 'U'), (9, 'v', 'U')) AS v(id, g, op)`,
      { deleteWhen: `source.op = 'D' AND target.n < 2` },
    );
    expect(result).toMatchObject({ rowsInserted: 1, rowsUpdated: 2, rowsDeleted: 1 });
    expect((await rows()).map(row => (row as { g: string }).g)).toEqual(['y', 'w', 'v', 'z']);
  });

  test.each([
    [
      'SELECT unnest([1, 2, 1]) AS id',
      'DUPLICATE_KEY',
      'The source has 2 rows with the key id = 1. Nothing was changed.',
    ],
    [
      'SELECT unnest([1, 1, 2, 2, 2]) AS id',
      'DUPLICATE_KEY',
      /2 rows with the key id = 1 \(and 1 more keys\)/,
    ],
    ['SELECT unnest([1, NULL]) AS id', 'NULL_KEY', /a row without a key: id = NULL/],
    [`SELECT 1 AS id, 'x' AS nn`, 'COLUMN_NOT_FOUND', /no column "nn"/],
    [`SELECT 'x' AS g`, 'COLUMN_NOT_FOUND', 'The source has no column "id", which is part of the key.'],
    [`SELECT 1 AS id, 'many' AS n`, 'CONVERSION', `The value 'many' doesn't fit the column "n" (INTEGER).`],
  ])('%s is refused', async (source, code, message) => {
    await expect(upsert(source)).rejects.toMatchObject({
      code,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });
    expect((await lake.table(t)).metadata.snapshots).toHaveLength(1);
  });

  test('of no rows changes nothing', async () => {
    const result = await upsert('SELECT 1 AS id WHERE false');
    expect(result.snapshotId).toBeUndefined();
    expect(result.text).toBe(`Nothing changed in ${t}: no row had to be inserted, updated or deleted.`);
  });

  test('gives the rows that a map from keys to rows would have', async () => {
    const key = fc.tuple(fc.integer({ min: -5, max: 60 }), fc.constantFrom('a', 'b', 'ü'));
    const batch = fc.uniqueArray(fc.tuple(key, fc.option(fc.integer({ min: -9, max: 9 }))), {
      selector: ([[id, g]]) => `${id} ${g}`,
      minLength: 1,
      maxLength: 25,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 4 }), async batches => {
        const name = `t${tables++}`;
        await lake.create(name, { columns, partitionedBy: ['truncate[10](id)'] });
        const model = new Map<string, unknown>();
        for (const list of batches) {
          const values = list.map(([[id, g], n]) => `(${id}, '${g}', ${n ?? 'NULL'})`).join(', ');
          const result = await upsertRows(
            lake.session,
            {
              table: await lake.table(name),
              sourceSql: `SELECT * FROM (VALUES ${values}) AS v(id, g, n)`,
              on: ['id', 'g'],
            },
            {},
          );
          const known = list.filter(([[id, g]]) => model.has(`${id} ${g}`)).length;
          expect(result).toMatchObject({ rowsUpdated: known, rowsInserted: list.length - known });
          for (const [[id, g], n] of list) model.set(`${id} ${g}`, { id, g, n });
          const found = await lake.rows(`SELECT * FROM ${name}`);
          const byKey = (row: unknown) => JSON.stringify(row);
          expect(found.map(byKey).sort()).toEqual([...model.values()].map(byKey).sort());
        }
      }),
      { numRuns: 12 },
    );
  });
});

describe('insertRows', () => {
  test('matches columns by name, replaces all rows, and adds to the summary', async () => {
    const table = await lake.table(t);
    const result = await insertRows(
      lake.session,
      {
        table,
        sourceSql: SqlText.generated('SELECT 5 AS n, 50 AS id'),
        matchBy: 'name',
        overwrite: 'all',
        summary: { 'lakebook.source': 'a.csv' },
        operation: 'ingest',
      },
      {},
    );
    expect(result).toMatchObject({ operation: 'ingest', rowsInserted: 1, rowsDeleted: 4 });
    expect(await rows()).toEqual([{ id: 50, g: null, n: 5 }]);
    expect((await lake.table(t)).metadata.snapshots.at(-1)!.summary).toMatchObject({
      'lakebook.source': 'a.csv',
    });
  });
});

describe('overwriting partitions', () => {
  test('replaces their rows in files of older partitionings too', async () => {
    const name = `t${tables++}`;
    await lake.create(name, { columns });
    await lake.change(`INSERT INTO ${name} SELECT range, 'g' || range % 3, 0 FROM range(12)`);
    await lake.change(`INSERT INTO ${name} VALUES (50, 'g2', 0), (51, NULL, 0)`);
    const { identifier } = await lake.table(name);
    const fields = [
      { sourceId: 2, fieldId: 1000, name: 'g', transform: { kind: 'identity' } as const },
      { sourceId: 1, fieldId: 1001, name: 'id_ten', transform: { kind: 'truncate', width: 10 } as const },
    ];
    await lake.lake.catalog.commitTable(
      identifier,
      [],
      [
        { action: 'add-spec', spec: { specId: 1, fields } },
        { action: 'set-default-spec', specId: -1 },
      ],
    );
    await lake.change(`INSERT INTO ${name} VALUES (3, 'g0', 5), (11, 'g2', 5)`);
    // Partitions (g0, 0) and (NULL, 50); not (g0, 10), (g2, 10).
    const result = await lake.change(`INSERT OVERWRITE ${name} VALUES (1, 'g0', 9), (59, NULL, 9)`);
    expect(result).toMatchObject({ rowsInserted: 2, rowsDeleted: 6 });
    const left = await lake.rows(`SELECT id, g, n FROM ${name} ORDER BY id, n`);
    const kept = Array.from({ length: 12 }, (_, id) => ({ id, g: `g${id % 3}`, n: 0 }));
    expect(left).toEqual(
      [
        ...kept.filter(row => row.g !== 'g0' || row.id >= 10),
        { id: 11, g: 'g2', n: 5 },
        { id: 50, g: 'g2', n: 0 },
        { id: 1, g: 'g0', n: 9 },
        { id: 59, g: null, n: 9 },
      ].sort((a, b) => a.id - b.id || a.n - b.n),
    );
  });
});

describe('deleteRows', () => {
  test('deletes by a condition, or everything', async () => {
    const source = `delete ${t} where n > 1 and idd = 2`;
    const start = source.indexOf('n > 1');
    const written = (end: number) => SqlText.written(source, { start, end });
    await expect(
      deleteRows(lake.session, { table: await lake.table(t), where: written(source.length), source }, {}),
    ).rejects.toMatchObject({
      code: 'COLUMN_NOT_FOUND',
      position: { line: 1, column: source.indexOf('idd') + 1 },
    });
    const where = sql`${written(start + 5)} AND id IN (SELECT max(id) FROM ${t})`;
    expect(
      (await deleteRows(lake.session, { table: await lake.table(t), where, source }, {})).rowsDeleted,
    ).toBe(1);
    expect((await deleteRows(lake.session, { table: await lake.table(t) }, {})).rowsDeleted).toBe(3);
  });
});

test('a collation decides which texts are equal, not the bounds of files', async () => {
  const name = `t${tables++}`;
  await lake.create(name, { columns, partitionedBy: ['g'] });
  await lake.change(`INSERT INTO ${name} VALUES (1, 'a', 1), (2, 'B', 2)`);
  await lake.session.execute(`SET default_collation = 'nocase'`);
  try {
    expect((await lake.change(`DELETE FROM ${name} WHERE g <> 'A'`)).rowsDeleted).toBe(1);
    expect((await lake.change(`UPDATE ${name} SET n = 5 WHERE g = 'A'`)).rowsUpdated).toBe(1);
  } finally {
    await lake.session.execute('RESET default_collation');
  }
  expect(await lake.rows(`SELECT id, n FROM ${name}`)).toEqual([{ id: 1, n: 5 }]);
});
