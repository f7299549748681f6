import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ingest } from '../../src/lake/index.ts';
import { TestLake } from './support.ts';

let lake: TestLake;
beforeEach(async () => {
  lake = await TestLake.open();
  await lake.table();
});

const good = 'id,amount,sold_at,note\n1,19.90,2026-01-03,a\n2,5.25,2026-01-04,b\n';
const all = 'SELECT * FROM sales ORDER BY id';

describe('what is read', () => {
  it('takes types from the table and matches columns by name in any case and order', async () => {
    const answer = await lake.csv('Note,ID,AMOUNT,Sold_At\n007,1,19.9,2026-01-03\n');
    expect(await lake.rows(all)).toEqual([[1, '19.90', '2026-01-03', '007']]);
    expect(answer.text).toBe('1 row from data.csv loaded into sales in 1 new file.');
    expect(answer.snapshotId).toBeTypeOf('bigint');
  });

  it('says which columns are NULL because the file has none of the name', async () => {
    const { text } = await lake.csv('id\n1\n');
    expect(text).toContain('amount, sold_at and note are NULL');
    expect(await lake.rows(all)).toEqual([[1, null, null, null]]);
  });

  it('reads quotes, line breaks in quotes, CR LF, a byte order mark and empty lines', async () => {
    await lake.csv('\ufeffid,note\r\n1,"a ""b"", c"\r\n\r\n2,"two\r\nlines"\r\n');
    expect(await lake.rows('SELECT id, note FROM sales ORDER BY id')).toEqual([
      [1, 'a "b", c'],
      [2, 'two\r\nlines'],
    ]);
  });

  it('skips empty lines before the header', async () => {
    await lake.csv(`\n\n${good}`);
    expect(await lake.rows('SELECT count(*)::int FROM sales')).toEqual([[2]]);
  });

  it('reads a file whose line breaks are mixed', async () => {
    await lake.csv('id,note\n1,a\r\n2,b\n');
    expect(await lake.rows('SELECT id, note FROM sales ORDER BY id')).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
  });

  it.each([
    [';', 'a.csv'],
    ['\t', 'a.tsv'],
    ['|', 'a.txt'],
    ['\t', 'a.csv'],
  ])('finds out that %j delimits %s', async (delimiter, file) => {
    await lake.csv(good.replaceAll(',', delimiter), { file });
    expect(await lake.rows('SELECT count(*)::int FROM sales')).toEqual([[2]]);
  });

  it('reads gzip and zstd', async () => {
    await lake.csv(gzipSync(good), { file: 'a.csv.gz' });
    await lake.csv(zstdCompressSync(Buffer.from(good)), { file: 'a.csv.zst' });
    expect(await lake.rows('SELECT count(*)::int FROM sales')).toEqual([[4]]);
  });

  it('reads UTF-16 by its mark, and Latin-1 when told', async () => {
    await lake.csv(Buffer.from('\ufeffid,note\n1,é\n', 'utf16le'));
    await lake.csv(Buffer.from('id,note\n2,é\n', 'latin1'), {
      source: { kind: 'files', paths: ['data.csv'], options: { encoding: 'latin-1' } },
    });
    expect(await lake.rows('SELECT note FROM sales ORDER BY id')).toEqual([['é'], ['é']]);
  });

  it('takes the formats that it is told', async () => {
    lake.file('eu.csv', 'id;amount;sold_at;note\n1;1,50;03/01/2026;NA\n');
    await ingest(lake.session, {
      table: 'sales',
      source: {
        kind: 'files',
        paths: ['eu.csv'],
        options: { decimalSeparator: ',', dateFormat: '%d/%m/%Y', nullText: 'NA' },
      },
    });
    expect(await lake.rows(all)).toEqual([[1, '1.50', '2026-01-03', null]]);
  });

  it('reads a file without a header by position', async () => {
    lake.file('bare.csv', '1,2.50,2026-01-03,x\n');
    const source = { kind: 'files', paths: ['bare.csv'], options: { header: false } } as const;
    await ingest(lake.session, { table: 'sales', source });
    expect(await lake.rows(all)).toEqual([[1, '2.50', '2026-01-03', 'x']]);
  });

  it('reads all files of a pattern in one commit, also with other columns and orders', async () => {
    lake.file('in/1.csv', 'id,note\n1,a\n');
    lake.file('in/2.csv', 'note,amount,id\nb,2.5,2\n');
    await ingest(lake.session, { table: 'sales', source: { kind: 'files', paths: ['in/*.csv'] } });
    expect(await lake.rows(all)).toEqual([
      [1, null, null, 'a'],
      [2, '2.50', null, 'b'],
    ]);
    expect(await lake.rows('SELECT count(*)::int FROM sales$snapshots')).toEqual([[1]]);
  });

  it('reads back any text, line by line and quote by quote', async () => {
    await lake.table('texts', { id: 'long', a: 'string', b: 'string' }, { key: ['id'] });
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', 'é', ';', "'") });
    const field = text.filter(value => value !== '');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 20 }), async values => {
        const quoted = (value: string) => `"${value.replaceAll('"', '""')}"`;
        const lines = values.map(([a, b], id) => `${id},${quoted(a)},${quoted(b)}`);
        lake.file('texts.csv', `id,a,b\n${lines.join('\n')}\n`);
        const source = { kind: 'files', paths: ['texts.csv'], options: { delimiter: ',' } } as const;
        await ingest(lake.session, { table: 'texts', source, mode: 'overwrite' });
        expect(await lake.rows('SELECT id, a, b FROM texts ORDER BY id')).toEqual(
          values.map(([a, b], id) => [id, a, b]),
        );
      }),
      { numRuns: 20 },
    );
  });

  it('works in bounded memory on a file four times larger than the memory limit', async () => {
    const small = await TestLake.open({ memoryLimit: '48MB', threads: 1 });
    await small.table();
    await small.session.duckdb.run(
      `COPY (SELECT i AS id, (i % 1000)::DECIMAL(10,2) AS amount, DATE '2026-01-01' AS sold_at,
         repeat('x', 90) || i AS note FROM range(1700000) r(i)) TO '${small.folder}/large.csv' (HEADER)`,
    );
    const { size } = await import('node:fs').then(fs => fs.statSync(`${small.folder}/large.csv`));
    expect(size).toBeGreaterThan(4 * 48_000_000);
    await ingest(small.session, { table: 'sales', source: { kind: 'files', paths: ['large.csv'] } });
    expect(await small.rows('SELECT count(*)::int, sum(id)::varchar FROM sales')).toEqual([
      [1_700_000, String((1_700_000n * 1_699_999n) / 2n)],
    ]);
  }, 120_000);
});

describe('what is refused', () => {
  const failure = (text: string | Uint8Array, more = {}) => lake.failure(() => lake.csv(text, more));

  it('a missing file, with the one that may be meant', async () => {
    lake.file('data/sales.csv', good);
    const error = await lake.failure(() =>
      ingest(lake.session, { table: 'sales', source: { kind: 'files', paths: ['data/sale.csv'] } }),
    );
    expect(error.code).toBe('FILE_NOT_FOUND');
    expect(error.message).toBe('There is no file data/sale.csv.');
    expect(error.hint).toBe("Did you mean 'data/sales.csv'?");
  });

  it('a missing folder, a folder, a pattern that fits nothing, and files elsewhere', async () => {
    lake.file('data/sales.csv', good);
    const attempt = (path: string) =>
      lake.failure(() => ingest(lake.session, { table: 'sales', source: { kind: 'files', paths: [path] } }));
    expect((await attempt('date/sales.csv')).hint).toContain('no folder date');
    expect((await attempt('data')).hint).toContain("'data/*.csv'");
    expect((await attempt('data/*.parquet')).message).toBe('No file fits the pattern data/*.parquet.');
    expect((await attempt('data/*.parquet')).hint).toContain('sales.csv');
    expect((await attempt('gs://bucket/a.csv')).code).toBe('UNSUPPORTED');
    lake.file('a.xlsx', 'x');
    expect((await attempt('a.xlsx')).hint).toContain('CSV');
  });

  it('an empty file; a file with only a header has no rows', async () => {
    expect((await failure('')).code).toBe('SOURCE_EMPTY');
    expect((await failure(' \n\n')).code).toBe('SOURCE_EMPTY');
    const answer = await lake.csv('id,note\n');
    expect(answer.text).toMatch(/^0 rows/);
    expect(answer.warnings).toEqual(['data.csv has no rows.']);
    expect(answer.snapshotId).toBeUndefined();
  });

  it('ragged lines, with the line of the file', async () => {
    const error = await failure('id,amount\n1,"2\n"\n3\n4,5,6\n');
    expect(error.code).toBe('BAD_ROWS');
    // "2\n" is a quoted field of two lines, so the faulty record is on line 4.
    expect(error.message).toContain('data.csv, line 4: the line has 1 value, the header has 2 columns');
    expect(error.message).toContain('data.csv, line 5: the line has 3 values');
    expect(error.position).toMatchObject({ line: 4 });
    expect(error.file).toBe('data.csv');
    expect(error.hint).toContain('on error quarantine');
  });

  it.each([
    ['amount', 'abc', "'abc' is no decimal(10,2)"],
    ['amount', '123456789012.00', "'123456789012.00' is no decimal(10,2)"],
    ['amount', '1.999', "'1.999' has more than 2 decimals"],
    ['amount', '1.5e-3', "'1.5e-3' has more than 2 decimals"],
    ['id', '3.7', "'3.7' is no whole number"],
    ['id', '9223372036854775808', "'9223372036854775808' is no long"],
    ['sold_at', '2026-02-30', "'2026-02-30' is no date"],
    ['sold_at', '2026-02-03 10:00:00', "'2026-02-03 10:00:00' is no date without a time"],
    ['sold_at', 'infinity', "'infinity' is no date without a time"],
  ])('%s %s', async (column, value, why) => {
    const row: Record<string, string> = { id: '2', amount: '1', sold_at: '2026-01-01', [column]: value };
    const error = await failure(
      `id,amount,sold_at\n1,1,2026-01-01\n${row.id},${row.amount},${row.sold_at}\n`,
    );
    expect(error.message).toContain(`data.csv, line 3: column "${column}": ${why}`);
  });

  it.each([
    ['1.0', '1.50', '2026-01-03 00:00:00'],
    ['1', '1.5000', '2026-01-03'],
  ])('but not %s, %s and %s, which lose nothing', async (id, amount, date) => {
    await lake.csv(`id,amount,sold_at\n${id},${amount},${date}\n`);
    expect(await lake.rows('SELECT id, amount, sold_at FROM sales')).toEqual([[1, '1.50', '2026-01-03']]);
  });

  it('moments with a zone for a column without one', async () => {
    await lake.table('moments', { at: 'timestamp', zoned: 'timestamptz' }, {});
    const load = (at: string) => lake.csv(`at,zoned\n${at},2026-01-01 10:00:00+02\n`, { table: 'moments' });
    expect((await lake.failure(() => load('2026-01-01 10:00:00+02'))).message).toContain('time zone');
    expect((await lake.failure(() => load('2026-01-01 10:00:00.1234567'))).message).toContain('6 decimals');
    await load('2026-01-01T10:00:00Z');
    expect(await lake.rows('SELECT * FROM moments')).toEqual([
      ['2026-01-01T10:00:00', '2026-01-01T08:00:00Z'],
    ]);
  });

  it('NULL into a required column', async () => {
    await lake.table('named', { id: 'long', name: 'string' }, { key: ['id', 'name'] });
    const error = await lake.failure(() => lake.csv('id,name\n1,a\n2,\n,c\n', { table: 'named' }));
    expect(error.message).toContain('data.csv, line 3: column "name" is empty, but required');
    expect(error.message).toContain('data.csv, line 4: column "id" is empty, but required');
    const missing = await lake.failure(() => lake.csv('name\na\n', { table: 'named' }));
    expect(missing.message).toContain('the column "id" that named needs is missing');
  });

  it('a header that does not match: both lists, what was meant, and how to add columns', async () => {
    const error = await failure('id,amuont,discount\n1,2,0.25\n');
    expect(error.code).toBe('COLUMNS_MISMATCH');
    expect(error.message).toBe(
      'data.csv, line 1: sales has no column "amuont", "discount". It has id, amuont, discount; sales has id, amount, sold_at, note.',
    );
    expect(error.hint).toBe(
      'Did you mean "amount" for "amuont"? `%lake evolve sales add discount decimal(18,2)` adds "discount".',
    );
    expect((await failure('1,19.90,2026-01-03,x\n2,1,2026-01-03,y\n')).hint).toContain('no header');
    expect((await failure('id,,note\n1,2,3\n')).message).toContain('column 2 of the header has no name');
    expect((await failure('id,note,ID\n1,2,3\n')).message).toContain('names the column "ID" twice');
  });

  it('text behind a closing quote: DuckDB would lose the next line', async () => {
    const text = 'id,note\n1,a\n2,"b"c\n3,d\n';
    for (const onError of ['abort', 'skip', 'quarantine']) {
      const error = await failure(text, { onError });
      expect(error.code).toBe('CSV_QUOTE');
      expect(error.message).toContain('data.csv, line 3: there is text behind a closing quote');
    }
  });

  it('a quote that is never closed, also with on error skip', async () => {
    const text = 'id,note\n1,a\n2,"open\n3,c\n4,d\n';
    for (const onError of ['abort', 'skip', 'quarantine']) {
      const error = await failure(text, { onError });
      expect(error.code).toBe('CSV_QUOTE');
      expect(error.message).toContain('data.csv, line 3');
    }
  });

  it('text that is no UTF-8, and binary data', async () => {
    const latin = Buffer.from('id,note\n1,ok\n2,caf\u00e9\n', 'latin1');
    const error = await failure(latin);
    expect(error.message).toContain('data.csv, line 3: the line is no UTF-8 text');
    expect(error.message).toContain("encoding 'latin-1'");
    expect((await failure(Buffer.from('caf\u00e9,b\n1,2\n', 'latin1'))).code).toBe('CSV_ENCODING');
    expect((await failure(Buffer.from([0, 1, 2, 0, 0]))).code).toBe('FILE_NOT_TEXT');
  });

  it('a date format that is none', async () => {
    for (const onError of ['abort', 'skip'] as const) {
      const source = { ...lake.file('d.csv', good), options: { dateFormat: '%Q' } };
      const error = await lake.failure(() => ingest(lake.session, { table: 'sales', source, onError }));
      expect(error.message).toContain("The date format can't be understood");
    }
  });

  it('an unknown table', async () => {
    const error = await failure(good, { table: 'sale' });
    expect(error.code).toBe('TABLE_NOT_FOUND');
    expect(error.hint).toBe('Did you mean "sales"?');
  });

  it('and leaves what was there as it was', async () => {
    await lake.csv(good);
    const before = await lake.rows(all);
    await failure('id,note\nx,y\n', { mode: 'overwrite' });
    expect(await lake.rows(all)).toEqual(before);
    expect(await lake.rows('SELECT count(*)::int FROM sales$snapshots')).toEqual([[1]]);
  });
});
