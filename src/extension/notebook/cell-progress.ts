import * as vscode from 'vscode';
import type { Progress } from '../../engine/progress.ts';

/** How far the running cells are. */
export class CellProgress implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #byCell = new Map<vscode.NotebookCell, Progress>();
  readonly onDidChange = this.#changed.event;

  get(cell: vscode.NotebookCell): Progress | undefined {
    return this.#byCell.get(cell);
  }

  set(cell: vscode.NotebookCell, progress: Progress): void {
    this.#byCell.set(cell, progress);
    this.#changed.fire();
  }

  clear(cell: vscode.NotebookCell): void {
    this.#byCell.delete(cell);
    this.#changed.fire();
  }

  dispose(): void {
    this.#changed.dispose();
  }
}
