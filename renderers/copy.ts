import type { CellText } from './format.ts';

export type CopyFormat = 'tsv' | 'csv' | 'markdown';

/** Rows as text for the clipboard. NULL is empty in TSV and CSV, as spreadsheets expect. */
export function rowsAsText(
  format: CopyFormat,
  header: readonly string[],
  rows: readonly (readonly CellText[])[],
): string {
  if (format === 'markdown') {
    const escaped = (text: string) =>
      text.replace(/\\/g, '\\\\').replace(/\|/g, '\\|').replace(/\r?\n/g, '<br>');
    const align = header.map((_, i) => (rows.some(row => row[i]?.kind === 'number') ? '---:' : '---'));
    const lines = rows.map(row => `| ${row.map(cell => escaped(cell.text)).join(' | ')} |`);
    return [`| ${header.map(escaped).join(' | ')} |`, `| ${align.join(' | ')} |`, ...lines, ''].join('\n');
  }
  const separator = format === 'tsv' ? '\t' : ',';
  const quote = (text: string) =>
    text.includes(separator) || /["\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  const line = (cells: readonly string[]) => cells.map(quote).join(separator);
  return [
    line(header),
    ...rows.map(row => line(row.map(cell => (cell.kind === 'null' ? '' : cell.text)))),
    '',
  ].join('\n');
}
