import type { Notebook, NotebookCell } from '../notebook/lakebook-file.ts';
import type { CellOutput } from '../notebook/protocol.ts';
import { errorText } from '../notebook/render/error.ts';
import { escapeHtml, htmlTable } from '../notebook/render/html.ts';
import { markdownToHtml } from '../notebook/render/markdown.ts';
import { htmlPage } from '../notebook/render/page.ts';
import { countText } from '../notebook/render/text-table.ts';
import type { CellRun } from '../notebook/run.ts';

/** A run notebook as one HTML page without scripts or links to anything else. */
export function notebookHtml(notebook: Notebook, runs: readonly CellRun[], title: string): string {
  const byCell = new Map<NotebookCell, CellRun>(runs.map(run => [run.cell, run]));
  const cells = notebook.cells.map(cell => cellHtml(cell, byCell.get(cell)));
  return htmlPage(title, cells);
}

function cellHtml(cell: NotebookCell, run: CellRun | undefined): string {
  if (cell.kind === 'markdown') return `<section>\n${markdownToHtml(cell.source)}\n</section>`;
  const source = `<pre><code>${escapeHtml(cell.source)}</code></pre>`;
  if (run === undefined) return `<section>${source}</section>`;
  const outputs = run.outputs.map(outputHtml);
  if (run.error !== undefined)
    outputs.push(`<pre class="error">${escapeHtml(errorText(run.error, cell.source))}</pre>`);
  if (run.status === 'skipped') outputs.push('<p class="skipped">Not run.</p>');
  return `<section>\n${[source, ...outputs].join('\n')}\n</section>`;
}

function outputHtml(output: CellOutput): string {
  if (output.kind === 'text') return `<pre>${escapeHtml(output.text)}</pre>`;
  if (output.kind === 'warning') return `<p class="warning">${escapeHtml(output.text)}</p>`;
  const { columns, preview, rowCount, truncated, text } = output;
  const head = text === undefined || text === '' ? '' : `<p>${escapeHtml(text)}</p>\n`;
  return head + htmlTable(columns, preview, countText(preview.length, rowCount, truncated));
}
