import * as vscode from 'vscode';
import { progressText } from '../text.ts';
import { factsText } from './cell-facts.ts';
import type { CellProgress } from './cell-progress.ts';
import type { OutputMetadata } from './convert.ts';

/** A cell's status bar: progress while it runs, then rows, time and what was scanned. */
export class CellStatusProvider implements vscode.NotebookCellStatusBarItemProvider {
  readonly #progress: CellProgress;
  readonly onDidChangeCellStatusBarItems: vscode.Event<void>;

  constructor(progress: CellProgress) {
    this.#progress = progress;
    this.onDidChangeCellStatusBarItems = progress.onDidChange;
  }

  provideCellStatusBarItems(cell: vscode.NotebookCell): vscode.NotebookCellStatusBarItem[] {
    const { Left, Right } = vscode.NotebookCellStatusBarAlignment;
    const progress = this.#progress.get(cell);
    if (progress !== undefined) {
      const item = new vscode.NotebookCellStatusBarItem(`$(loading~spin) ${progressText(progress)}`, Left);
      item.tooltip = vscode.l10n.t('Click to stop the cell');
      item.command = {
        command: 'notebook.cancelExecution',
        title: vscode.l10n.t('Stop'),
      };
      return [item];
    }
    const facts = factsText(
      cell.outputs.map(output => (output.metadata as OutputMetadata | undefined)?.facts),
    );
    if (facts === undefined) return [];
    const item = new vscode.NotebookCellStatusBarItem(facts.text, Right);
    item.tooltip = facts.tooltip;
    return [item];
  }
}
