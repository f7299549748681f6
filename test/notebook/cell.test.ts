import { describe, expect, test } from 'vitest';
import { type CellPart, parseCell } from '../../src/notebook/cell.ts';
import type { CellLanguage } from '../../src/notebook/lakebook-file.ts';
import { parameterFromText, parseParametersCell } from '../../src/notebook/parameters.ts';

function parts(source: string, language: CellLanguage = 'sql') {
  return parseCell(source, language).parts.map((part: CellPart) => [
    part.kind,
    source.slice(part.span.start, part.span.end),
  ]);
}

describe('statements of a cell', () => {
  test('SQL is split at semicolons outside of strings and comments', () => {
    expect(parts("select ';' as a; -- b;\n/* ; */ select 2;\n\n;")).toEqual([
      ['sql', "select ';' as a"],
      ['sql', 'select 2'],
    ]);
  });

  test("a statement's text keeps every place of the cell", () => {
    const source = '-- first\nselect 1;\n  select foo';
    const [, second] = parseCell(source, 'sql').parts;
    expect(second).toMatchObject({ kind: 'sql' });
    const { sql } = second as Extract<CellPart, { kind: 'sql' }>;
    expect(sql.indexOf('foo')).toBe(source.indexOf('foo'));
    expect(sql.split('\n')).toHaveLength(3);
    expect(sql.trim()).toBe('select foo');
  });

  test('%lake lines and SQL in one cell', () => {
    expect(parts('%lake history sales\nselect * from x;\n%lake tables\ndescribe sales')).toEqual([
      ['lake', 'history sales'],
      ['sql', 'select * from x'],
      ['lake', 'tables'],
      ['lake', 'describe sales'],
    ]);
    expect(parts("%lake ingest sales\n  from 'x.csv'\nfrom sales")).toEqual([
      ['lake', "ingest sales\n  from 'x.csv'"],
      ['sql', 'from sales'],
    ]);
  });

  test('%%lake and lake cells are lake language throughout', () => {
    expect(parts('%%lake\ndrop sales\ndelete sales where a = 1')).toEqual([
      ['lake', 'drop sales'],
      ['lake', 'delete sales where a = 1'],
    ]);
    expect(parts('tables\n%lake history s', 'lake')).toEqual([
      ['lake', 'tables'],
      ['lake', 'history s'],
    ]);
  });
});

describe('directives', () => {
  test('a name for the result', () => {
    expect(parseCell('-- name: by_month\nselect 1', 'sql').name).toBe('by_month');
    expect(parseCell('select 1 -- name: x', 'sql').name).toBeUndefined();
    expect(() => parseCell('\n-- name: 1 x\nselect 1', 'sql')).toThrow(
      expect.objectContaining({ position: { line: 2, column: 1, length: 12 } }),
    );
  });

  test.each(['duckdb', 'trino', 'spark'])('the engine %s', engine => {
    const cell = parseCell(`-- name: x\n-- Engine: ${engine.toUpperCase()}\nselect 1`, 'sql');
    expect(cell).toMatchObject({ name: 'x', engine });
    expect(cell.parts).toHaveLength(1);
  });

  test('an engine that is not there', () => {
    expect(() => parseCell('-- engine: trinoo\nselect 1', 'sql')).toThrow(
      expect.objectContaining({
        code: 'ENGINE_NOT_FOUND',
        position: { line: 1, column: 12, length: 6 },
        hint: 'Did you mean trino?',
      }),
    );
  });
});

describe('parameters', () => {
  test('by tag or by first line', () => {
    expect(parseCell('a = 1', 'sql', { tags: ['parameters'] }).isParameters).toBe(true);
    expect(parseCell('-- parameters\na = 1', 'sql').isParameters).toBe(true);
    expect(parseCell('select 1', 'sql').isParameters).toBe(false);
  });

  test('values', () => {
    const cell =
      "-- parameters\na = 1\nSET b = 'it''s';\nc=-2.5 -- note\nd = TRUE\ne = null\nbig = 9007199254740993\n";
    expect(parseParametersCell(cell)).toEqual({
      a: 1,
      b: "it's",
      c: -2.5,
      d: true,
      e: null,
      big: 9007199254740993n,
    });
  });

  test("values in Python's words, as papermill writes them", () => {
    const cell =
      '# Parameters\na = "it\'s \\"x\\" \\\\ \\n \\xe4\\u20ac\\U0001f600"\nb = None\nc = True\nd = "" # e = 1';
    expect(parseParametersCell(cell)).toEqual({ a: 'it\'s "x" \\ \n ä€😀', b: null, c: true, d: '' });
  });

  test.each([
    ['a = "x" y', { line: 1, column: 5 }],
    ['a = [1, 2]', { line: 1, column: 5 }],
    ['a = 1\nselect 2', { line: 2, column: 1 }],
    ['a = now()', { line: 1, column: 5 }],
    ['  a =', { line: 1, column: 6 }],
  ])('%s', (cell, position) => {
    expect(() => parseParametersCell(cell)).toThrow(
      expect.objectContaining({ code: 'SYNTAX', position: expect.objectContaining(position) }),
    );
  });

  test('given as text they take the declared type', () => {
    expect(parameterFromText('p', '007', '')).toBe('007');
    expect(parameterFromText('p', '007', 1)).toBe(7);
    expect(parameterFromText('p', 'true', false)).toBe(true);
    expect(parameterFromText('p', '12')).toBe(12);
    expect(parameterFromText('p', '9007199254740993')).toBe(9007199254740993n);
    expect(parameterFromText('p', 'EU')).toBe('EU');
    expect(() => parameterFromText('p', 'x', 1)).toThrow(expect.objectContaining({ code: 'PARAMETER_TYPE' }));
  });
});
