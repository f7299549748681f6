import * as vscode from 'vscode';
import type { Kernels } from '../kernel/kernels.ts';
import type { Log } from '../log.ts';
import { cellSelector } from './cells.ts';
import { CellCompletion, completionTriggers } from './completion.ts';
import { CellDiagnostics } from './diagnostics.ts';
import { CellHover } from './hover.ts';

/** Completion, hover, diagnostics and quick fixes in cells. */
export function registerAssist(kernels: Kernels, log: Log): vscode.Disposable {
  const diagnostics = new CellDiagnostics(kernels, log);
  const quickFix = { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] };
  return vscode.Disposable.from(
    diagnostics,
    vscode.languages.registerCompletionItemProvider(
      cellSelector,
      new CellCompletion(kernels, log),
      ...completionTriggers,
    ),
    vscode.languages.registerHoverProvider(cellSelector, new CellHover(kernels, log)),
    vscode.languages.registerCodeActionsProvider(cellSelector, diagnostics, quickFix),
  );
}
