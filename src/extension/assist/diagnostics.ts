import * as vscode from 'vscode';
import type { Diagnostic } from '../../notebook/protocol.ts';
import type { Kernels } from '../kernel/kernels.ts';
import { type Log, logError } from '../log.ts';
import { notebookType } from '../notebook/serializer.ts';
import { assistedCell } from './cells.ts';

/** How long nobody may have typed before a cell is looked at, in milliseconds. */
const quietMs = 400;

/** Marks what is wrong in cells before they run, and offers the fix where there is one. */
export class CellDiagnostics implements vscode.CodeActionProvider, vscode.Disposable {
  readonly #kernels: Kernels;
  readonly #log: Log;
  readonly #collection = vscode.languages.createDiagnosticCollection('lakebook');
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #fixes = new WeakMap<vscode.Diagnostic, string>();
  readonly #subscriptions: vscode.Disposable[];

  constructor(kernels: Kernels, log: Log) {
    this.#kernels = kernels;
    this.#log = log;
    this.#subscriptions = [
      vscode.workspace.onDidOpenTextDocument(document => this.#soon(document)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.#soon(document)),
      vscode.workspace.onDidCloseTextDocument(document => this.#forget(document)),
      // A table that came or went changes what is wrong.
      kernels.onDidCommit(() => this.#all()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#all()),
    ];
    this.#all();
  }

  provideCodeActions(
    document: vscode.TextDocument,
    range: vscode.Range,
    { diagnostics }: vscode.CodeActionContext,
  ): vscode.CodeAction[] {
    const known = this.#collection.get(document.uri) ?? [];
    return known
      .filter(each => each.range.intersection(range) !== undefined || diagnostics.includes(each))
      .flatMap(diagnostic => {
        const fix = this.#fixes.get(diagnostic);
        if (fix === undefined) return [];
        const title = vscode.l10n.t('Change to {0}', fix);
        const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
        action.edit = new vscode.WorkspaceEdit();
        action.edit.replace(document.uri, diagnostic.range, fix);
        action.diagnostics = [diagnostic];
        action.isPreferred = true;
        return [action];
      });
  }

  dispose(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#collection.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #all(): void {
    for (const notebook of vscode.workspace.notebookDocuments) {
      if (notebook.notebookType !== notebookType) continue;
      for (const cell of notebook.getCells()) this.#soon(cell.document);
    }
  }

  #soon(document: vscode.TextDocument): void {
    if (document.uri.scheme !== 'vscode-notebook-cell') return;
    const key = document.uri.toString();
    clearTimeout(this.#timers.get(key));
    this.#timers.set(
      key,
      setTimeout(() => {
        this.#timers.delete(key);
        void this.#look(document);
      }, quietMs),
    );
  }

  #forget(document: vscode.TextDocument): void {
    const key = document.uri.toString();
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.#collection.delete(document.uri);
  }

  async #look(document: vscode.TextDocument): Promise<void> {
    if (document.isClosed) return;
    const { version } = document;
    try {
      const cell = assistedCell(document, this.#kernels);
      if (cell === undefined) return this.#collection.delete(document.uri);
      const { kernel, source, language } = cell;
      const found = await kernel.request('diagnose', { source, language });
      if (document.isClosed || document.version !== version) return;
      this.#collection.set(
        document.uri,
        found.map(each => this.#editorDiagnostic(document, each)),
      );
    } catch (error) {
      logError(this.#log, 'diagnose', error);
    }
  }

  #editorDiagnostic(document: vscode.TextDocument, found: Diagnostic): vscode.Diagnostic {
    const range = new vscode.Range(document.positionAt(found.start), document.positionAt(found.end));
    const severities = vscode.DiagnosticSeverity;
    const severity = found.severity === 'error' ? severities.Error : severities.Warning;
    const diagnostic = new vscode.Diagnostic(range, found.message, severity);
    diagnostic.source = 'lakebook';
    diagnostic.code = found.code;
    if (found.fix !== undefined) this.#fixes.set(diagnostic, found.fix);
    return diagnostic;
  }
}
