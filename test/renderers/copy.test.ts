import { describe, expect, it } from 'vitest';
import { rowsAsText } from '../../renderers/copy.ts';
import type { CellText } from '../../renderers/format.ts';

const text = (value: string): CellText => ({ text: value, kind: 'text' });
const NULL: CellText = { text: 'NULL', kind: 'null' };

describe('copying rows', () => {
  it('CSV quotes what needs it and leaves NULL empty', () => {
    expect(
      rowsAsText(
        'csv',
        ['a', 'b,c'],
        [
          [text('x"y'), NULL],
          [text('line\nbreak'), text('NULL')],
        ],
      ),
    ).toBe('a,"b,c"\n"x""y",\n"line\nbreak",NULL\n');
  });
  it('TSV quotes tabs', () => {
    expect(rowsAsText('tsv', ['a'], [[text('1\t2')], [text('1,2')]])).toBe('a\n"1\t2"\n1,2\n');
  });
  it('Markdown escapes bars and aligns numbers right', () => {
    expect(rowsAsText('markdown', ['a', 'n'], [[text('x|y'), { text: '1', kind: 'number' }]])).toBe(
      '| a | n |\n| --- | ---: |\n| x\\|y | 1 |\n',
    );
  });
});
