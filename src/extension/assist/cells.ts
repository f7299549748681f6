import * as vscode from 'vscode';
import type { CellLanguage } from '../../notebook/lakebook-file.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Kernels } from '../kernel/kernels.ts';
import { cellLanguages } from '../notebook/controller.ts';
import { notebookType } from '../notebook/serializer.ts';

/** Cells of Lakebook notebooks, for language features. */
export const cellSelector: vscode.DocumentFilter[] = cellLanguages.map(language => ({
  notebookType,
  language,
}));

/** What a language feature asks the kernel about. */
export interface AssistedCell {
  readonly kernel: Kernel;
  readonly source: string;
  readonly language: CellLanguage;
}

/**
 * The cell that a document is, with its notebook's kernel; undefined for other documents and while nothing may run.
 * The kernel is started for it: that is what a person who types in a notebook needs next.
 */
export function assistedCell(document: vscode.TextDocument, kernels: Kernels): AssistedCell | undefined {
  if (!vscode.workspace.isTrusted) return undefined;
  const notebook = vscode.workspace.notebookDocuments.find(
    each => each.notebookType === notebookType && each.getCells().some(cell => cell.document === document),
  );
  const language = cellLanguages.find(each => each === document.languageId);
  if (notebook === undefined || language === undefined) return undefined;
  // Only a virtual workspace has no folder for a kernel.
  if (notebook.uri.scheme !== 'file' && notebook.uri.scheme !== 'untitled') return undefined;
  return { kernel: kernels.ofNotebook(notebook), source: document.getText(), language };
}
