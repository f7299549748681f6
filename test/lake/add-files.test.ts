import { existsSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { addFiles, evolve } from '../../src/lake/index.ts';
import { TestLake } from './support.ts';

let lake: TestLake;
beforeEach(async () => {
  lake = await TestLake.open();
});

/** A Parquet file without field ids, as other tools write them. */
async function parquet(name: string, select: string): Promise<string> {
  await lake.session.execute(
    `COPY (${select}) TO '${path.join(lake.folder, name)}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
  );
  return name;
}

const add = (...paths: string[]) =>
  addFiles(lake.session, { table: 'sales', source: { kind: 'files', paths } });

const rows = (from: number, to: number) =>
  `SELECT i AS id, (i / 4)::DECIMAL(10,2) AS amount, DATE '2026-01-01' + i::INT AS sold_at, 'n' || i AS note FROM range(${from}, ${to}) r(i)`;

describe('files become part of a table where they are', () => {
  beforeEach(() => lake.table());

  it('with all their rows, in one commit, and no file is copied', async () => {
    await parquet('a.parquet', rows(0, 10));
    await parquet('b.parquet', rows(10, 30));
    const { text, changed } = await add('*.parquet');
    expect(text).toMatch(/^sales: 2 files \(.+\) with 30 rows added where they are\.$/);
    expect(changed).toEqual({ inserted: 30, updated: 0, deleted: 0 });
    expect(await lake.rows('SELECT count(*)::INT, sum(id)::INT, max(note) FROM sales')).toEqual([
      [30, 435, 'n9'],
    ]);
    expect(
      await lake.rows(`SELECT count(*)::INT FROM sales$files WHERE file_path LIKE 'file:%/a.parquet'`),
    ).toEqual([[1]]);
    expect(await lake.rows('SELECT count(*)::INT FROM sales$snapshots')).toEqual([[1]]);
  });

  it('which are left out of queries by the statistics of their footers', async () => {
    await parquet('a.parquet', rows(0, 10_000));
    await parquet('b.parquet', rows(10_000, 20_000));
    await add('a.parquet', 'b.parquet');
    const [outcome] = await lake.session.execute('SELECT note FROM sales WHERE id = 12345');
    expect(outcome).toMatchObject({ kind: 'rows', scan: { dataFilesScanned: 1 } });
    expect(
      await lake.rows(
        `SELECT null_value_counts[1]::INT, value_counts[1]::INT FROM sales$files ORDER BY file_path`,
      ),
    ).toEqual([
      [0, 10_000],
      [0, 10_000],
    ]);
  });

  it('and go on being read right when columns are renamed, added and dropped', async () => {
    await parquet('a.parquet', rows(0, 3));
    await add('a.parquet');
    await evolve(lake.session, {
      table: 'sales',
      changes: [
        { kind: 'rename', column: 'note', to: 'remark' },
        { kind: 'add', column: 'more', type: 'string' },
        { kind: 'drop', column: 'amount' },
      ],
    });
    expect(await lake.rows('SELECT id, remark, more FROM sales ORDER BY id LIMIT 1')).toEqual([
      [0, 'n0', null],
    ]);
  });

  it('also with fewer columns, in another order, of narrower types', async () => {
    await parquet('a.parquet', "SELECT 'x' AS note, 7::INTEGER AS id, 1.5::DECIMAL(4,2) AS amount");
    await add('a.parquet');
    expect(await lake.rows('SELECT id, amount, sold_at, note FROM sales')).toEqual([[7, '1.50', null, 'x']]);
  });

  it('are updated and deleted as other files are, which leaves the added file alone', async () => {
    await parquet('a.parquet', rows(0, 10));
    await add('a.parquet');
    await lake.session.execute("DELETE FROM sales WHERE id < 3; UPDATE sales SET note = 'u' WHERE id = 5");
    expect(await lake.rows(`SELECT count(*)::INT, count(*) FILTER (note = 'u')::INT FROM sales`)).toEqual([
      [7, 1],
    ]);
    expect(existsSync(path.join(lake.folder, 'a.parquet'))).toBe(true);
  });

  it('whatever their rows: queries answer as on the rows themselves', async () => {
    const row = fc.record({
      id: fc.integer({ min: 0, max: 30 }),
      note: fc.option(fc.constantFrom('', 'a', 'é', 'zz', "q'"), { nil: null }),
    });
    let n = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(row, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 0, max: 30 }),
        async (files, key) => {
          const own = await TestLake.open();
          await own.table();
          const names: string[] = [];
          for (const file of files) {
            const values = file.map(
              ({ id, note }) =>
                `(${id}::BIGINT, ${note === null ? 'NULL' : `'${note.replace("'", "''")}'`}::VARCHAR)`,
            );
            const name = path.join(own.folder, `${n++}.parquet`);
            await own.session.execute(
              `COPY (SELECT * FROM (VALUES ${values.join(', ')}) t(id, note)) TO '${name}' (FORMAT parquet)`,
            );
            names.push(name);
          }
          await addFiles(own.session, { table: 'sales', source: { kind: 'files', paths: names } });
          const all = files.flat();
          const count = (test: (each: (typeof all)[number]) => boolean) => all.filter(test).length;
          expect(
            await own.rows(`SELECT (SELECT count(*)::INT FROM sales WHERE id = ${key}), (SELECT count(*)::INT FROM sales WHERE note IS NULL),
            (SELECT count(*)::INT FROM sales WHERE note >= 'b'), (SELECT count(*)::INT FROM sales WHERE id > ${key} AND note = '')`),
          ).toEqual([
            [
              count(each => each.id === key),
              count(each => each.note === null),
              count(each => each.note !== null && Buffer.from(each.note).compare(Buffer.from('b')) >= 0),
              count(each => each.id > key && each.note === ''),
            ],
          ]);
        },
      ),
      { numRuns: 8 },
    );
  });
});

describe('partitioned tables', () => {
  it('take files whose rows are in one partition', async () => {
    await lake.table(
      'sales',
      { id: 'long', sold_at: 'date', note: 'string' },
      { partitionedBy: ['month(sold_at)', 'note'] },
    );
    await parquet(
      'jan.parquet',
      `SELECT 1::BIGINT AS id, DATE '2026-01-05' AS sold_at, 'a' AS note UNION ALL SELECT 2, DATE '2026-01-31', 'a'`,
    );
    await parquet('feb.parquet', `SELECT 3::BIGINT AS id, DATE '2026-02-05' AS sold_at, 'b' AS note`);
    await add('jan.parquet', 'feb.parquet');
    const [outcome] = await lake.session.execute("SELECT id FROM sales WHERE sold_at = DATE '2026-02-05'");
    expect(outcome).toMatchObject({ scan: { dataFilesScanned: 1 } });
    expect(await lake.rows(`SELECT partition.note FROM sales$partitions ORDER BY 1`)).toEqual([['a'], ['b']]);
  });

  it('refuse those with rows of several, and say what to do', async () => {
    await lake.table('sales', { id: 'long', sold_at: 'date' }, { partitionedBy: ['month(sold_at)'] });
    await parquet(
      'both.parquet',
      `SELECT 1::BIGINT AS id, DATE '2026-01-05' AS sold_at UNION ALL SELECT 2, DATE '2026-02-01'`,
    );
    await expect(add('both.parquet')).rejects.toMatchObject({
      message: 'both.parquet has rows of several partitions of the table.',
      hint: expect.stringContaining('ingest'),
    });
  });
});

describe('files that do not fit are refused, and nothing is added', () => {
  const refused = async (select: string, message: RegExp) => {
    await parquet('good.parquet', rows(0, 2));
    await parquet('x.parquet', select);
    await expect(add('good.parquet', 'x.parquet')).rejects.toThrow(message);
    expect(await lake.rows('SELECT count(*)::INT FROM sales')).toEqual([[0]]);
  };
  beforeEach(() => lake.table());

  it.each([
    [
      'text for a number',
      "SELECT 'a' AS id",
      /^x\.parquet has VARCHAR in the column "id", which is long in the table\.$/,
    ],
    [
      'a wider type',
      'SELECT 1::BIGINT AS id, 1.5::DECIMAL(12,2) AS amount',
      /has DECIMAL\(12,2\) in the column "amount"/,
    ],
    [
      'another scale',
      'SELECT 1::BIGINT AS id, 1.5::DECIMAL(4,1) AS amount',
      /has DECIMAL\(4,1\) in the column "amount"/,
    ],
    ['a column more', 'SELECT 1::BIGINT AS id, 2 AS other', /has a column "other" that the table hasn't/],
    ['a struct', "SELECT 1::BIGINT AS id, {'a': 1} AS note", /in the column "note"/],
    [
      'a required column that is missing',
      "SELECT 'a' AS note",
      /has no column "id", which the table requires/,
    ],
    ['nulls in a required column', 'SELECT NULL::BIGINT AS id', /has rows without a value in "id"/],
  ])('%s', (_, select, message) => refused(select, message));

  it('a file that another table wrote', async () => {
    await lake.session.execute('CREATE TABLE other AS SELECT 1::BIGINT AS id');
    await lake.session.execute(
      `COPY (SELECT 1::BIGINT AS id) TO '${lake.folder}/ids.parquet' (FORMAT parquet, FIELD_IDS {id: 1})`,
    );
    await expect(add('ids.parquet')).rejects.toThrow(/has field ids/);
  });

  it('a file that is there already', async () => {
    await parquet('a.parquet', rows(0, 2));
    await add('a.parquet');
    await expect(add('a.parquet')).rejects.toThrow(/a\.parquet is a file of the table already/);
    expect(await lake.rows('SELECT count(*)::INT FROM sales')).toEqual([[2]]);
  });

  it('files of object storage', async () => {
    await expect(add('s3://bucket/a.parquet')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      hint: expect.stringContaining('ingest sales'),
    });
  });

  it('CSV, and queries', async () => {
    lake.file('a.csv', 'id\n1\n');
    await expect(add('a.csv')).rejects.toThrow(/only Parquet files/);
    await expect(
      addFiles(lake.session, { table: 'sales', source: { kind: 'query', sql: 'SELECT 1' } }),
    ).rejects.toThrow(/no file/);
  });
});
