import type { ResultColumn } from '../../engine/result-set.ts';
import { textWidth, truncateText, visible } from './text-width.ts';
import { isNumberType, valueText } from './values.ts';

export interface TextTableOptions {
  /** Columns of the terminal; no limit when absent. */
  readonly width?: number;
  /** Terminal colours: NULL and the frame are dimmed. */
  readonly color?: boolean;
}

const maxColumnWidth = 60;
const minColumnWidth = 6;

/** Rows as a table of box-drawing characters: numbers to the right, long texts cut, NULL told from the text NULL. */
export function textTable(
  columns: readonly ResultColumn[],
  rows: readonly (readonly unknown[])[],
  options: TextTableOptions = {},
): string {
  const dim = (text: string) => (options.color ? `\x1b[2m${text}\x1b[0m` : text);
  const cells = rows.map(row => columns.map((column, index) => cellText(row[index], column)));
  const headers = columns.map(column => visible(column.name));
  const natural = columns.map((_, index) =>
    Math.min(maxColumnWidth, Math.max(1, textWidth(headers[index]!), ...widest(cells, index))),
  );
  const widths = fitWidths(natural, options.width);
  const pad = (text: string, index: number, right: boolean) => {
    const cut = truncateText(text, widths[index]!);
    const space = ' '.repeat(Math.max(0, widths[index]! - textWidth(cut)));
    return right ? space + cut : cut + space;
  };
  const bar = dim('│');
  const line = (parts: readonly string[]) => `${bar} ${parts.join(` ${bar} `)} ${bar}`;
  const rule = (left: string, middle: string, right: string) =>
    dim(left + widths.map(width => '─'.repeat(width + 2)).join(middle) + right);
  const body = cells.map((row, at) =>
    line(
      row.map((text, index) => {
        const padded = pad(text, index, isNumberType(columns[index]!.type));
        return rows[at]![index] === null ? dim(padded) : padded;
      }),
    ),
  );
  return [
    rule('┌', '┬', '┐'),
    line(headers.map((header, index) => pad(header, index, isNumberType(columns[index]!.type)))),
    rule('├', '┼', '┤'),
    ...body,
    rule('└', '┴', '┘'),
  ].join('\n');
}

function cellText(value: unknown, column: ResultColumn): string {
  if (value === null || value === undefined) return 'NULL';
  const text = visible(valueText(value, column));
  return typeof value === 'string' && text === 'NULL' ? "'NULL'" : text;
}

function* widest(cells: readonly (readonly string[])[], index: number): Generator<number> {
  for (const row of cells) {
    const text = row[index]!;
    yield text.length > maxColumnWidth * 4 ? maxColumnWidth : textWidth(text);
  }
}

/** Makes the widest columns narrower until the table fits, as far as that leaves something to read. */
function fitWidths(natural: readonly number[], total: number | undefined): number[] {
  const widths = [...natural];
  if (total === undefined) return widths;
  const available = total - (widths.length * 3 + 1);
  let excess = widths.reduce((sum, width) => sum + width, 0) - available;
  while (excess > 0) {
    const most = Math.max(...widths);
    if (most <= minColumnWidth) break;
    widths[widths.indexOf(most)]!--;
    excess--;
  }
  return widths;
}

/** `3 rows`, `100 of 2,000 rows`, `at least 1,000 rows (stopped)`. */
export function countText(shown: number, rowCount: number, truncated: boolean): string {
  const all = `${rowCount.toLocaleString('en')} ${rowCount === 1 ? 'row' : 'rows'}`;
  if (truncated)
    return `${shown < rowCount ? `${shown.toLocaleString('en')} of ` : ''}at least ${all} (stopped early)`;
  return shown < rowCount ? `${shown.toLocaleString('en')} of ${all}` : all;
}
