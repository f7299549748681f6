import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { Tests } from './index.ts';
import { fileOf, textOf } from './support.ts';

const type = 'lakebook';

export const tests: Tests = {
  'saves a notebook that was changed and changed back as the same bytes': async () => {
    const file = fileOf('tour.lakebook');
    const before = await textOf(file);
    const notebook = await vscode.workspace.openNotebookDocument(file);
    const cell = new vscode.NotebookCellData(vscode.NotebookCellKind.Code, 'SELECT 1', 'sql');
    const { cellCount } = notebook;
    const add = new vscode.WorkspaceEdit();
    add.set(file, [vscode.NotebookEdit.insertCells(cellCount, [cell])]);
    assert.ok(await vscode.workspace.applyEdit(add));
    assert.ok(await notebook.save());
    assert.notEqual(await textOf(file), before);
    const remove = new vscode.WorkspaceEdit();
    const range = new vscode.NotebookRange(cellCount, cellCount + 1);
    remove.set(file, [vscode.NotebookEdit.deleteCells(range)]);
    assert.ok(await vscode.workspace.applyEdit(remove));
    assert.ok(await notebook.save());
    assert.equal(await textOf(file), before);
  },

  'keeps sources, languages and kinds of cells': async () => {
    const { Code, Markup } = vscode.NotebookCellKind;
    const cells = [
      new vscode.NotebookCellData(Markup, '# Title\n\ntext', 'markdown'),
      new vscode.NotebookCellData(Code, "SELECT '\u{1F40B}' AS whale,\n  1 AS one", 'sql'),
      new vscode.NotebookCellData(Code, 'tables', 'lake'),
    ];
    const file = fileOf('kept.lakebook');
    const empty = { cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 };
    await vscode.workspace.fs.writeFile(file, Buffer.from(JSON.stringify(empty)));
    const notebook = await vscode.workspace.openNotebookDocument(file);
    const edit = new vscode.WorkspaceEdit();
    edit.set(file, [vscode.NotebookEdit.insertCells(0, cells)]);
    assert.ok(await vscode.workspace.applyEdit(edit));
    assert.ok(await notebook.save());
    const saved = JSON.parse(await textOf(file)) as { cells: { cell_type: string; source: string[] }[] };
    assert.deepEqual(
      saved.cells.map(each => [each.cell_type, each.source.join('')]),
      [
        ['markdown', '# Title\n\ntext'],
        ['code', "SELECT '\u{1F40B}' AS whale,\n  1 AS one"],
        ['code', 'tables'],
      ],
    );
    assert.equal(notebook.notebookType, type);
    assert.deepEqual(
      notebook.getCells().map(cell => cell.document.languageId),
      ['markdown', 'sql', 'lake'],
    );
  },
};
