import { expect, test } from 'vitest';
import { scan } from '../../src/engine/sql/tokenizer.ts';
import { tableMentions, withoutAtClauses } from '../../src/notebook/assist-context.ts';
import { parseCell } from '../../src/notebook/cell.ts';
import { parseLake } from '../../src/notebook/lake-language/parser.ts';
import { parseNotebook, serializeNotebook } from '../../src/notebook/lakebook-file.ts';

/*
 * Cells as long as no one writes them by hand. Work or memory that grew with the square of their length would run
 * into the time limit or the end of the heap; a call stack as deep as a list is long would overflow.
 */

test('a cell of ten thousand statements', () => {
  const { parts } = parseCell('SELECT 1;\n'.repeat(10_000), 'sql');
  expect(parts).toHaveLength(10_000);
  const last = parts.at(-1)!;
  expect(last.kind === 'sql' && last.sql.trim()).toBe('SELECT 1');
  expect(parseLake('tables\n'.repeat(3000))).toHaveLength(3000);
});

test('a table of five thousand columns is made and changed in one line', () => {
  const columns = Array.from({ length: 5000 }, (_, i) => `c${i} long not null comment 'x'`);
  const [made] = parseLake(`create wide (${columns.join(', ')}) key (c1)`);
  expect((made!.call.request as { columns: unknown[] }).columns).toHaveLength(5000);
  const changes = Array.from({ length: 5000 }, (_, i) => `add d${i} struct<a: int, b: int> after c${i}`);
  const [changed] = parseLake(`evolve wide ${changes.join(' | ')}`);
  expect((changed!.call.request as { changes: unknown[] }).changes).toHaveLength(5000);
});

test("a comma goes on with a change's own list where it can, and begins another change where it must", () => {
  const changes = (text: string) =>
    (parseLake(`evolve t ${text}`)[0]!.call.request as { changes: unknown[] }).changes;
  expect(changes('key a, b, drop x')).toEqual([
    { kind: 'key', columns: ['a', 'b'] },
    { kind: 'drop', column: 'x' },
  ]);
  expect(changes('key a, b, drop')).toEqual([{ kind: 'key', columns: ['a', 'b', 'drop'] }]);
  expect(changes('unset a, b | key c, optional c, rename d to e')).toEqual([
    { kind: 'unset', keys: ['a', 'b'] },
    { kind: 'key', columns: ['c'] },
    { kind: 'optional', column: 'c' },
    { kind: 'rename', column: 'd', to: 'e' },
  ]);
});

test('AT clauses inside of each other are blanked out once', () => {
  const sql = `SELECT * FROM t ${'AT ('.repeat(20_000)}`;
  expect(withoutAtClauses(sql, scan(sql).tokens).trim()).toBe('SELECT * FROM t');
  const several = "FROM a AT (VERSION => 1) x, b AT (TIMESTAMP =>\n '2026') WHERE at (1) = 2";
  expect(withoutAtClauses(several, scan(several).tokens)).toBe(
    'FROM a                   x, b                 \n         WHERE        = 2',
  );
});

test('tables are found behind thousands of words that could name one', () => {
  const names = (sql: string) => tableMentions(scan(sql).tokens).map(({ name }) => name);
  expect(names(`SELECT * ${'FROM '.repeat(50_000)} t`).at(-1)).toBe('t');
  expect(names('SELECT extract(year FROM d), (a IS DISTINCT FROM b) FROM t, (SELECT 1 FROM u)')).toEqual([
    't',
    'u',
  ]);
});

test('a notebook that is nested beyond all measure is refused, and one that is deep is written back', () => {
  const notebook = (depth: number) =>
    `{"cells": [], "metadata": {"x": ${'['.repeat(depth)}${']'.repeat(depth)}}, "nbformat": 4, "nbformat_minor": 5}`;
  expect(() => parseNotebook(notebook(5000), 'x.lakebook')).toThrow(/nested more than 1000 levels/);
  const text = serializeNotebook(parseNotebook(notebook(900)));
  expect(serializeNotebook(parseNotebook(text))).toBe(text);
});

test('a broken notebook of megabytes tells its place without looking for the place of everything in it', () => {
  const outputs = Array.from({ length: 60_000 }, (_, i) => ({
    output_type: 'stream',
    name: 'stdout',
    text: `${i}`,
  }));
  const cell = { cell_type: 'code', id: 'a', metadata: {}, source: 5, outputs, execution_count: null };
  const text = JSON.stringify({ cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 }, undefined, 1);
  const line = text.slice(0, text.indexOf('"source"')).split('\n').length;
  expect(text.length).toBeGreaterThan(4_000_000);
  expect(() => parseNotebook(text, 'x.lakebook')).toThrow(
    expect.objectContaining({ code: 'NOTEBOOK_INVALID', position: expect.objectContaining({ line }) }),
  );
  const keys = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`key${i}`, i]));
  const many = JSON.stringify({ cells: [], metadata: keys, nbformat: 3 });
  expect(() => parseNotebook(many, 'x.lakebook')).toThrow(/nbformat 3/);
});
