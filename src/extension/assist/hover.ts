import * as vscode from 'vscode';
import type { Kernels } from '../kernel/kernels.ts';
import { type Log, logError } from '../log.ts';
import { assistedCell } from './cells.ts';

/** A table's schema and last snapshot, a column's type, a verb's or function's usage. */
export class CellHover implements vscode.HoverProvider {
  readonly #kernels: Kernels;
  readonly #log: Log;

  constructor(kernels: Kernels, log: Log) {
    this.#kernels = kernels;
    this.#log = log;
  }

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
  ): Promise<vscode.Hover | undefined> {
    const cell = assistedCell(document, this.#kernels);
    if (cell === undefined) return undefined;
    const { kernel, source, language } = cell;
    try {
      const reply = await kernel.request('inspect', {
        source,
        language,
        offset: document.offsetAt(position),
      });
      if (reply === null) return undefined;
      const range = new vscode.Range(document.positionAt(reply.start), document.positionAt(reply.end));
      return new vscode.Hover(new vscode.MarkdownString(reply.markdown), range);
    } catch (error) {
      logError(this.#log, 'hover', error);
      return undefined;
    }
  }
}
