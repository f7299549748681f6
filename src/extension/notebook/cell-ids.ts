import * as vscode from 'vscode';
import { newCellId } from '../../notebook/lakebook-file.ts';
import type { CellMetadata } from './convert.ts';
import { notebookType } from './serializer.ts';

/**
 * Gives new and pasted cells an id of their own at once, so that saving twice gives the same bytes and the kernel can
 * tell cells apart.
 */
export function keepCellIds(): vscode.Disposable {
  return vscode.workspace.onDidChangeNotebookDocument(event => {
    if (event.notebook.notebookType !== notebookType) return;
    const added = event.contentChanges.flatMap(change => change.addedCells);
    if (added.length > 0) void giveIds(event.notebook, new Set(added));
  });
}

async function giveIds(
  notebook: vscode.NotebookDocument,
  added: ReadonlySet<vscode.NotebookCell>,
): Promise<void> {
  const cells = notebook.getCells();
  const ids = new Set(cells.filter(cell => !added.has(cell)).map(cellId));
  const edits: vscode.NotebookEdit[] = [];
  for (const cell of added) {
    if (cell.index < 0) continue;
    const id = cellId(cell);
    if (id !== undefined && !ids.has(id)) {
      ids.add(id);
      continue;
    }
    edits.push(vscode.NotebookEdit.updateCellMetadata(cell.index, { ...cell.metadata, id: newCellId() }));
  }
  if (edits.length === 0) return;
  const edit = new vscode.WorkspaceEdit();
  edit.set(notebook.uri, edits);
  await vscode.workspace.applyEdit(edit);
}

/** The cell's id in the file; undefined for a cell that was put in this moment. */
export function cellId(cell: vscode.NotebookCell): string | undefined {
  return (cell.metadata as CellMetadata).id;
}
