import { describe, expect, test } from 'vitest';
import { isPlainTable, notebookToHtml, notebookToSql } from '../../src/notebook/export.ts';
import { parseNotebook } from '../../src/notebook/lakebook-file.ts';
import { htmlTable } from '../../src/notebook/render/html.ts';

const cell = (source: string, more: object = {}) => ({
  cell_type: 'code',
  id: undefined,
  metadata: {},
  outputs: [],
  source,
  ...more,
});
const notebook = (...cells: object[]) =>
  parseNotebook(JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
const output = (data: object) => ({ outputs: [{ output_type: 'execute_result', data, metadata: {} }] });

describe('as a SQL script', () => {
  test('SQL stays, everything else is a comment', () => {
    const lake = { metadata: { vscode: { languageId: 'lake' } } };
    const text = notebookToSql(
      notebook(
        { cell_type: 'markdown', metadata: {}, source: '# Title\n\ntext' },
        cell('SELECT 1'),
        cell('SELECT 2;\n'),
        cell('SELECT 3 -- last'),
        cell('create t (a int)', lake),
        cell('%lake tables'),
      ),
    );
    expect(text).toBe(
      '-- # Title\n--\n-- text\n\nSELECT 1;\n\nSELECT 2;\n\nSELECT 3 -- last\n;\n\n-- create t (a int)\n\n-- %lake tables\n',
    );
  });
});

describe('as HTML', () => {
  test('tables as Lakebook writes them stay tables', () => {
    const table = htmlTable([{ name: '<a>', type: 'BIGINT' }], [[1], [null], ['"x" & <script>']], '3 rows');
    expect(isPlainTable(table)).toBe(true);
    expect(notebookToHtml(notebook(cell('SELECT 1', output({ 'text/html': table }))), 't')).toContain(table);
  });

  test.each([
    '<script>alert(1)</script>',
    '<table onclick="x()"></table>',
    '<td style="background:url(x)">',
    '<meta http-equiv="refresh" content="0;url=//x">',
    '<table><img src=x></table>',
    '<td title="a" onmouseover="x">',
  ])('other HTML of a file is left out: %s', html => {
    expect(isPlainTable(html)).toBe(false);
    const page = notebookToHtml(
      notebook(cell('SELECT 1', output({ 'text/html': html, 'text/plain': '<b>' }))),
      't',
    );
    expect(page).not.toContain(html);
    expect(page).toContain('&lt;b&gt;');
  });

  test('texts and errors are escaped', () => {
    const outputs = [
      { output_type: 'stream', name: 'stderr', text: '<i>' },
      { output_type: 'error', ename: 'E', evalue: 'v', traceback: ['<u>'] },
    ];
    const page = notebookToHtml(notebook(cell('SELECT "<a>"', { outputs })), '<title>');
    for (const raw of ['<i>', '<u>', '"<a>"', '<title><title>']) expect(page).not.toContain(raw);
  });
});
