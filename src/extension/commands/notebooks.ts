import path from 'node:path';
import * as vscode from 'vscode';
import type { CellLanguage } from '../../notebook/lakebook-file.ts';
import { emptyNotebook } from '../../notebook/lakebook-file.ts';
import { lakeAt } from '../explorer/lakes.ts';
import type { PlainCell } from '../notebook/convert.ts';
import { cellData, notebookData, notebookType } from '../notebook/serializer.ts';
import { activeNotebook } from './kernel-commands.ts';

/** A code cell that a command puts in. */
export function codeCell(source: string, language: CellLanguage = 'sql'): PlainCell {
  return { kind: 'code', language, source, metadata: {}, outputs: [] };
}

/** Opens a notebook that isn't saved yet, for the lake at `root`. */
export async function openNewNotebook(
  cells: readonly PlainCell[],
  root?: string,
): Promise<vscode.NotebookDocument> {
  const { metadata } = emptyNotebook();
  const data = notebookData(cells, metadata);
  if (root !== undefined) data.metadata = { ...data.metadata, lake: root };
  const notebook = await vscode.workspace.openNotebookDocument(notebookType, data);
  await vscode.window.showNotebookDocument(notebook);
  return notebook;
}

/** Runs a cell of a notebook. */
export type RunCell = (notebook: vscode.NotebookDocument, index: number) => Promise<void>;

/**
 * Puts a cell at the end of the notebook in front, if that is on the lake at `root`, else into a new one.
 * @param run given when the cell runs at once
 */
export async function addCell(
  root: string,
  source: string,
  language: CellLanguage,
  run?: RunCell,
): Promise<void> {
  const known = await notebookOfLake(root);
  if (known === undefined) {
    const notebook = await openNewNotebook([codeCell(source, language)], root);
    await run?.(notebook, 0);
    return;
  }
  const editor = await vscode.window.showNotebookDocument(known);
  const { cellCount } = known;
  const last = cellCount > 0 ? known.cellAt(cellCount - 1) : undefined;
  const isBlank = last?.kind === vscode.NotebookCellKind.Code && last.document.getText().trim() === '';
  const index = isBlank ? cellCount - 1 : cellCount;
  const edit = new vscode.WorkspaceEdit();
  const cells = [cellData(codeCell(source, language))];
  edit.set(known.uri, [vscode.NotebookEdit.replaceCells(new vscode.NotebookRange(index, cellCount), cells)]);
  await vscode.workspace.applyEdit(edit);
  const range = new vscode.NotebookRange(index, index + 1);
  editor.selections = [range];
  editor.revealRange(range, vscode.NotebookEditorRevealType.InCenterIfOutsideViewport);
  await run?.(known, index);
}

/** The notebook in front, or else a visible one, that works on a lake. */
async function notebookOfLake(root: string): Promise<vscode.NotebookDocument | undefined> {
  const visible = vscode.window.visibleNotebookEditors
    .map(editor => editor.notebook)
    .filter(notebook => notebook.notebookType === notebookType);
  const active = activeNotebook();
  for (const notebook of active === undefined ? visible : [active, ...visible]) {
    if ((await rootOf(notebook)) === root) return notebook;
  }
  return undefined;
}

async function rootOf(notebook: vscode.NotebookDocument): Promise<string | undefined> {
  const { lake } = notebook.metadata as { lake?: string };
  if (notebook.isUntitled) return lake;
  return (await lakeAt(path.dirname(notebook.uri.fsPath)))?.root;
}
