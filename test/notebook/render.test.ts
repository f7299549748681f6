import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorText } from '../../src/notebook/render/error.ts';
import { htmlTable } from '../../src/notebook/render/html.ts';
import { markdownToHtml } from '../../src/notebook/render/markdown.ts';
import { countText, textTable } from '../../src/notebook/render/text-table.ts';
import { textWidth, truncateText } from '../../src/notebook/render/text-width.ts';

const columns = [
  { name: 'id', type: 'BIGINT' },
  { name: 'name', type: 'VARCHAR' },
];

describe('text tables', () => {
  test('numbers to the right, NULL told from the text, wide characters counted', () => {
    expect(
      textTable(columns, [
        [1, 'Ann'],
        [22, null],
        ['9007199254740993', 'NULL'],
        [3, '日本'],
        [4, 'a\tb\x1b[31m'],
      ]),
    ).toBe(
      [
        '┌──────────────────┬──────────┐',
        '│               id │ name     │',
        '├──────────────────┼──────────┤',
        '│                1 │ Ann      │',
        '│               22 │ NULL     │',
        "│ 9007199254740993 │ 'NULL'   │",
        '│                3 │ 日本     │',
        '│                4 │ a→b␛[31m │',
        '└──────────────────┴──────────┘',
      ].join('\n'),
    );
  });

  test('long texts are cut, and the table is made to fit', () => {
    const table = textTable(columns, [[1, 'x'.repeat(500)]], { width: 40 });
    for (const line of table.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(40);
    expect(table).toContain('…');
  });

  test('every line is equally wide, whatever the texts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer(), fc.string({ unit: 'grapheme' })), { maxLength: 5 }),
        rows => {
          const widths = textTable(columns, rows).split('\n').map(textWidth);
          expect(new Set(widths).size).toBe(1);
        },
      ),
    );
  });

  test('counts', () => {
    expect(countText(1, 1, false)).toBe('1 row');
    expect(countText(100, 2000, false)).toBe('100 of 2,000 rows');
    expect(countText(100, 2000, true)).toBe('100 of at least 2,000 rows (stopped early)');
  });
});

test('texts are cut by the columns they take', () => {
  expect(truncateText('日本語', 4)).toBe('日…');
  expect(truncateText('abc', 3)).toBe('abc');
  expect(textWidth('👩‍👩‍👧e\u0301')).toBe(3);
});

test('HTML tables and Markdown never let data run as HTML', () => {
  const hostile = '<img src=x onerror=alert(1)>"\'&';
  const table = htmlTable([{ name: hostile, type: hostile }], [[hostile]], hostile);
  expect(table).not.toContain('<img');
  expect(htmlTable(columns, [[1, null]])).toContain('<i style="opacity:.6">NULL</i>');
  const html = markdownToHtml(
    `# ${hostile}\n\n- **b** \`<i>\`\n\n[x](javascript:alert(1)) [y](https://a.b/c)\n\n\`\`\`\n<b>\n\`\`\``,
  );
  expect(html).not.toMatch(/<img|<i>|href="javascript/);
  expect(html).toContain('<a href="https://a.b/c">y</a>');
  expect(html).toContain('<strong>b</strong> <code>&lt;i&gt;</code>');
});

test('errors show the line with a marker', () => {
  const error = {
    name: 'SqlError',
    code: 'TABLE_NOT_FOUND',
    message: 'There is no table salse.',
    hint: 'Did you mean sales?',
    position: { line: 2, column: 6, length: 5 },
  };
  expect(errorText(error, 'SELECT *\nFROM salse', 'cell 3')).toBe(
    [
      'There is no table salse.',
      '  at cell 3, line 2, column 6',
      '  2 | FROM salse',
      '    |      ^^^^^',
      '  Did you mean sales?',
    ].join('\n'),
  );
});
