import type { ResultColumn } from '../../engine/result-set.ts';
import { isNumberType, valueText } from './values.ts';

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Rows as an HTML table without scripts; all texts are escaped. */
export function htmlTable(
  columns: readonly ResultColumn[],
  rows: readonly (readonly unknown[])[],
  note = '',
): string {
  const align = columns.map(column =>
    isNumberType(column.type) ? ' style="text-align:right"' : ' style="text-align:left"',
  );
  const head = columns
    .map((column, i) => `<th${align[i]} title="${escapeHtml(column.type)}">${escapeHtml(column.name)}</th>`)
    .join('');
  const body = rows.map(row => {
    const cells = columns.map((column, i) => {
      const value = row[i];
      if (value === null || value === undefined) return `<td${align[i]}><i style="opacity:.6">NULL</i></td>`;
      return `<td${align[i]}>${escapeHtml(valueText(value, column))}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  const caption = note === '' ? '' : `\n<p>${escapeHtml(note)}</p>`;
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>\n</table>${caption}`;
}
