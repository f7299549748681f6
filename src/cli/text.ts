import type { NotebookCell } from '../notebook/lakebook-file.ts';
import type { CellOutput } from '../notebook/protocol.ts';
import { errorText } from '../notebook/render/error.ts';
import { countText, type TextTableOptions, textTable } from '../notebook/render/text-table.ts';
import { visible } from '../notebook/render/text-width.ts';
import type { CellRun } from '../notebook/run.ts';

/** A cell's source, as it is shown before it runs. */
export function cellStart(cell: NotebookCell, number: number, look: TextTableOptions): string {
  const lines = cell.source.trimEnd().split('\n').map(keepTabs);
  if (cell.kind !== 'code') return `${lines.join('\n')}\n\n`;
  const mark = `[${number}] `;
  const indent = ' '.repeat(mark.length);
  const paint = (text: string) => (look.color ? `\x1b[36m${text}\x1b[0m` : text);
  return `${lines.map((line, index) => paint((index === 0 ? mark : indent) + line)).join('\n')}\n`;
}

function keepTabs(line: string): string {
  return line.split('\t').map(visible).join('\t');
}

/** What a cell answered. */
export function cellEnd(run: CellRun, look: TextTableOptions): string {
  if (run.status === 'skipped') return '    (not run)\n\n';
  const parts = run.outputs.map(output => outputText(output, look));
  if (run.error !== undefined)
    parts.push(paintedError(errorText(run.error, run.cell.source, `cell ${run.number}`), look));
  if (parts.length === 0) parts.push(`Done in ${duration(run.elapsedMs)}.`);
  return `${parts.join('\n')}\n\n`;
}

export function outputText(output: CellOutput, look: TextTableOptions): string {
  if (output.kind === 'text') return output.text.split('\n').map(keepTabs).join('\n');
  if (output.kind === 'warning') return `Warning: ${visible(output.text)}`;
  const { columns, preview, rowCount, truncated, text, elapsedMs } = output;
  const notes = [countText(preview.length, rowCount, truncated), duration(elapsedMs)];
  const { scan } = output;
  if (scan !== undefined && scan.dataFiles > 0) {
    notes.push(`${scan.dataFilesScanned} of ${scan.dataFiles} files read`);
  }
  const head = text === undefined || text === '' ? '' : `${text}\n`;
  return `${head}${textTable(columns, preview, look)}\n${notes.join(', ')}`;
}

export function paintedError(text: string, look: TextTableOptions): string {
  const lines = `Error: ${text}`.split('\n').map(keepTabs);
  return (look.color ? [`\x1b[31m${lines[0]}\x1b[0m`, ...lines.slice(1)] : lines).join('\n');
}

/** The last line of a run. */
export function summaryLine(runs: readonly CellRun[]): string {
  const count = (status: CellRun['status']) => runs.filter(run => run.status === status).length;
  const parts = [
    `${count('ok')} of ${runs.length} cells passed`,
    count('error') > 0 ? `${count('error')} failed` : undefined,
    count('interrupted') > 0 ? 'interrupted' : undefined,
    count('skipped') > 0 ? `${count('skipped')} not run` : undefined,
    duration(runs.reduce((sum, run) => sum + run.elapsedMs, 0)),
  ];
  return `${parts.filter(part => part !== undefined).join(', ')}\n`;
}

function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
