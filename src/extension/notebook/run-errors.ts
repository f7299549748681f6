import * as vscode from 'vscode';
import type { ErrorInfo } from '../../notebook/protocol.ts';
import { notebookType } from './serializer.ts';

/** The places of errors that cells ended with, marked in the cell until it is edited or run again. */
export class RunErrors implements vscode.Disposable {
  readonly #collection = vscode.languages.createDiagnosticCollection('lakebook-run');
  readonly #subscriptions = [
    vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      if (contentChanges.length > 0) this.#collection.delete(document.uri);
    }),
    vscode.workspace.onDidCloseNotebookDocument(notebook => {
      if (notebook.notebookType === notebookType) for (const cell of notebook.getCells()) this.clear(cell);
    }),
  ];

  clear(cell: vscode.NotebookCell): void {
    this.#collection.delete(cell.document.uri);
  }

  /** Marks the error's place; nothing when it has none in this cell, or the cell isn't the text that ran any more. */
  set(cell: vscode.NotebookCell, error: ErrorInfo, source: string): void {
    const { position, file, message, hint, code } = error;
    if (position === undefined || file !== undefined || cell.document.getText() !== source) return;
    const start = new vscode.Position(position.line - 1, position.column - 1);
    const range = new vscode.Range(start, start.translate(0, Math.max(1, position.length ?? 1)));
    const text = hint === undefined ? message : `${message}\n${hint}`;
    const diagnostic = new vscode.Diagnostic(range, text, vscode.DiagnosticSeverity.Error);
    diagnostic.source = 'lakebook';
    diagnostic.code = code;
    this.#collection.set(cell.document.uri, [diagnostic]);
  }

  dispose(): void {
    this.#collection.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}
