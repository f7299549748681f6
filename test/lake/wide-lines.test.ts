import { expect, it } from 'vitest';
import { TestLake } from './support.ts';

/*
 * DuckDB tells a fault for every value of a line that has too many. The line's text is 25 KB here: kept for each of
 * them, and looked for in the file each time, one such line takes a gigabyte and a minute.
 */

const faultsTable = (sql: string) => /INSERT INTO "lakebook_rejects/.test(sql);

it('a line of thousands of values too many is one refused line, and is kept once', async () => {
  const lake = await TestLake.open({ memoryLimit: '1GB' });
  await lake.table('sales', { id: 'long', note: 'string' }, {});
  const inserts: number[] = [];
  const run = lake.session.duckdb.run.bind(lake.session.duckdb);
  lake.session.duckdb.run = (sql, options) => {
    if (faultsTable(sql)) inserts.push(sql.length);
    return run(sql, options);
  };
  const long = `2,${'true,'.repeat(5000)}`;
  await lake.csv(`id,note\n1,a\n${long}\n3,b\n`, { onError: 'quarantine' });
  expect(await lake.rows('SELECT id FROM sales ORDER BY id')).toEqual([[1], [3]]);
  const [row, ...others] = await lake.rows('SELECT line, length(raw), reason FROM sales_rejected');
  expect(others).toEqual([]);
  expect(row).toEqual([3, long.length, 'the line has 5002 values, the header has 2 columns']);
  expect(inserts.reduce((sum, length) => sum + length, 0)).toBeLessThan(2 * long.length);
});

it('a line with a fault in each of hundreds of columns is kept once', async () => {
  const lake = await TestLake.open({ memoryLimit: '1GB' });
  const names = Array.from({ length: 400 }, (_, i) => `c${i}`);
  await lake.table('sales', Object.fromEntries(names.map(name => [name, 'long'])), {});
  const inserts: number[] = [];
  const run = lake.session.duckdb.run.bind(lake.session.duckdb);
  lake.session.duckdb.run = (sql, options) => {
    if (faultsTable(sql)) inserts.push(sql.length);
    return run(sql, options);
  };
  const bad = names.map(() => 'x'.repeat(50)).join(',');
  await lake.csv(`${names.join(',')}\n${bad}\n`, { onError: 'skip' });
  expect(inserts.reduce((sum, length) => sum + length, 0)).toBeLessThan(12 * bad.length);
});
