import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { CommitConflictError } from '../../src/iceberg/errors.ts';
import { ingest } from '../../src/lake/index.ts';
import { TestLake } from './support.ts';

let lake: TestLake;
beforeEach(async () => {
  lake = await TestLake.open();
  await lake.table();
});

const mixed = [
  'id,amount,sold_at,note',
  '1,19.90,2026-01-03,"two',
  'lines"',
  '2,abc,2026-01-33,b',
  '3,1,2026-01-01,c',
  'z,1,2026-01-01,d',
  '4,1.999,2026-01-01,e',
  ',1,2026-01-01,f',
  '',
  '5,2',
  '6,1,2026-01-01,x,y',
  '7,1,2026-01-01,g',
  '',
].join('\n');

const rejected = [
  [4, '2,abc,2026-01-33,b', 'amount'],
  [6, 'z,1,2026-01-01,d', 'id'],
  [7, '4,1.999,2026-01-01,e', 'amount'],
  [8, ',1,2026-01-01,f', 'id'],
  [10, '5,2', 'sold_at'],
  [11, '6,1,2026-01-01,x,y', null],
];

const good = 'SELECT id, amount FROM sales ORDER BY id';
const bad = 'SELECT line, raw, column_name FROM sales_rejected ORDER BY line';

describe('skip', () => {
  it('loads the lines that fit and tells how many do not, and why the first ones', async () => {
    const answer = await lake.csv(mixed, { onError: 'skip' });
    expect(await lake.rows(good)).toEqual([
      [1, '19.90'],
      [3, '1.00'],
      [7, '1.00'],
    ]);
    expect(answer.text).toMatch(/^3 rows from data.csv loaded/);
    expect(answer.warnings).toHaveLength(1);
    expect(answer.warnings![0]).toContain('6 lines that don’t fit were left out of sales');
    expect(answer.warnings![0]).toContain(
      'data.csv, line 4: column "amount": \'abc\' is no decimal(10,2); column "sold_at": \'2026-01-33\' is no date',
    );
    expect(answer.warnings![0]).toContain('And 3 more.');
    await expect(lake.rows('SELECT * FROM sales_rejected')).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
    });
  });

  it('says nothing when everything fits', async () => {
    expect((await lake.csv('id\n1\n', { onError: 'skip' })).warnings).toBeUndefined();
  });
});

describe('quarantine', () => {
  it('keeps each refused line with its file, line, text, column and reason', async () => {
    await lake.csv(mixed, { onError: 'quarantine' });
    expect(await lake.rows(bad)).toEqual(rejected);
    expect(await lake.rows(good)).toHaveLength(3);
    const [[file, reason, recent]] = (await lake.rows(
      `SELECT file, reason, rejected_at > now() - INTERVAL 1 HOUR FROM sales_rejected WHERE line = 10`,
    )) as [[string, string, boolean]];
    expect([file, reason, recent]).toEqual([
      'data.csv',
      'the line has 2 values, the header has 4 columns',
      true,
    ]);
  });

  it('adds to what was refused before, from several files', async () => {
    lake.file('a.csv', 'id\nx\n1\n');
    lake.file('b.csv', 'id,note\ny,1\n2,2\n');
    const source = { kind: 'files', paths: ['a.csv', 'b.csv'] } as const;
    await ingest(lake.session, { table: 'sales', source, onError: 'quarantine' });
    await lake.csv('id\n"z\nz"\n', { onError: 'quarantine' });
    expect(await lake.rows('SELECT file, line, raw FROM sales_rejected ORDER BY file, line')).toEqual([
      ['a.csv', 2, 'x'],
      ['b.csv', 2, 'y,1'],
      ['data.csv', 2, '"z\nz"'],
    ]);
    expect(await lake.rows('SELECT id FROM sales ORDER BY id')).toEqual([[1], [2]]);
  });

  it('keeps lines that end in a delimiter, which the reader takes for no value', async () => {
    await lake.csv('id,note\n4.5,a,\n1,b,\n', { onError: 'quarantine' });
    expect(await lake.rows('SELECT id, note FROM sales')).toEqual([[1, 'b']]);
    expect(await lake.rows('SELECT line, raw FROM sales_rejected')).toEqual([[2, '4.5,a,']]);
  });

  it('keeps bytes that are no UTF-8', async () => {
    await lake.csv(Buffer.from('id,note\n1,ok\n2,caf\u00e9,\n', 'latin1'), { onError: 'quarantine' });
    expect(await lake.rows('SELECT line, raw FROM sales_rejected')).toEqual([[3, '2,caf\u00e9,']]);
  });

  it('keeps lines longer than DuckDB remembers', async () => {
    const long = `x,${'n'.repeat(50_000)}`;
    await lake.csv(`id,note\n${long}\n1,a\n`, { onError: 'quarantine' });
    expect(await lake.rows('SELECT raw FROM sales_rejected')).toEqual([[long]]);
  });

  it('takes the refused lines back when the rows that fit can not be committed', async () => {
    await lake.csv('id\nx\n', { onError: 'quarantine' });
    const { catalog } = lake.lake;
    const commit = catalog.commitTable.bind(catalog);
    catalog.commitTable = async (table, ...change) => {
      if (table.name === 'sales') throw new CommitConflictError('somebody else');
      return commit(table, ...change);
    };
    await lake.session.execute("ALTER TABLE sales_rejected SET TBLPROPERTIES ('a' = 'b')");
    const loadTable = catalog.loadTable.bind(catalog);
    // No retries, so that the test doesn't wait.
    catalog.loadTable = async table => {
      const loaded = await loadTable(table);
      const properties = { ...loaded.metadata.properties, 'commit.retry.num-retries': '0' };
      return { ...loaded, metadata: { ...loaded.metadata, properties } };
    };
    await expect(lake.csv('id\n1\ny\n', { onError: 'quarantine' })).rejects.toMatchObject({
      code: 'COMMIT_CONFLICT',
    });
    expect(await lake.rows('SELECT raw FROM sales_rejected')).toEqual([['x']]);
    expect(await lake.rows('SELECT * FROM sales')).toEqual([]);
  });

  it('makes no table of refused lines that the failure would leave behind', async () => {
    const { catalog } = lake.lake;
    catalog.commitTable = async () => {
      throw new CommitConflictError('somebody else');
    };
    const loadTable = catalog.loadTable.bind(catalog);
    catalog.loadTable = async table => {
      const loaded = await loadTable(table);
      const properties = { ...loaded.metadata.properties, 'commit.retry.num-retries': '0' };
      return { ...loaded, metadata: { ...loaded.metadata, properties } };
    };
    const error = await lake.failure(() => lake.csv(mixed, { onError: 'quarantine' }));
    expect(error.code).toBe('COMMIT_CONFLICT');
    expect(await catalog.tableExists({ namespace: ['default'], name: 'sales_rejected' })).toBe(false);
  });

  it('refuses a table of that name with other columns', async () => {
    await lake.table('sales_rejected', { id: 'long' }, {});
    const error = await lake.failure(() => lake.csv(mixed, { onError: 'quarantine' }));
    expect(error.code).toBe('REJECTED_TABLE');
    expect(await lake.rows('SELECT * FROM sales')).toEqual([]);
  });

  it('puts every line of any file into exactly one of the two tables, with the right line number', async () => {
    const field = fc.constantFrom(
      '1',
      '22',
      '-3',
      'x',
      '4.5',
      '',
      '"7"',
      '"a\nb"',
      '2e3',
      '99999999999999999999',
    );
    const record = fc.array(field, { minLength: 1, maxLength: 3 });
    await lake.table('pairs', { n: 'long', t: 'string' }, {});
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 30 }), async records => {
        await lake.session.execute('DROP TABLE IF EXISTS pairs_rejected');
        const lines = records.map(fields => fields.join(','));
        lake.file('pairs.csv', `n,t\n${lines.join('\n')}\n`);
        const source = { kind: 'files', paths: ['pairs.csv'], options: { delimiter: ',' } } as const;
        await ingest(lake.session, { table: 'pairs', source, mode: 'overwrite', onError: 'quarantine' });
        const fits: (readonly [number | null, string | null])[] = [];
        const refused: (readonly [number, string])[] = [];
        let line = 2;
        for (const [index, fields] of records.entries()) {
          const raw = lines[index]!;
          const [n, t] = fields.map(value => value.replaceAll('"', ''));
          const isWhole = n === '' || (/^-?\d+$/.test(n!) && n!.length < 19) || n === '2e3';
          if (raw !== '') {
            // A comma at the end of the line makes no value.
            const width = fields.length === 3 && fields[2] === '' ? 2 : fields.length;
            if (width === 2 && isWhole) fits.push([n === '' ? null : Number(n), t === '' ? null : t!]);
            else refused.push([line, raw]);
          }
          line += raw.split('\n').length;
        }
        const sorted = (rows: readonly unknown[]) => rows.map(row => JSON.stringify(row)).sort();
        expect(sorted(await lake.rows('SELECT n, t FROM pairs'))).toEqual(sorted(fits));
        const kept =
          refused.length === 0 ? [] : await lake.rows('SELECT line, raw FROM pairs_rejected ORDER BY line');
        expect(kept).toEqual(refused);
      }),
      { numRuns: 25 },
    );
  });
});
