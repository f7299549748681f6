import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { Tests } from './index.ts';
import { until } from './support.ts';

const resultMime = 'application/vnd.lakebook.result+arrow';

/** A notebook that isn't saved, with these cells, in front. */
async function show(...sources: readonly string[]): Promise<vscode.NotebookDocument> {
  const cells = sources.map(
    source => new vscode.NotebookCellData(vscode.NotebookCellKind.Code, source, 'sql'),
  );
  const data = new vscode.NotebookData(cells);
  const notebook = await vscode.workspace.openNotebookDocument('lakebook', data);
  await vscode.window.showNotebookDocument(notebook);
  return notebook;
}

/** Runs a cell as the editor's run button does, and waits for its end. */
async function run(notebook: vscode.NotebookDocument, index: number): Promise<vscode.NotebookCell> {
  const cell = notebook.cellAt(index);
  const ranges = [{ start: index, end: index + 1 }];
  const ask = () =>
    void vscode.commands.executeCommand('notebook.cell.execute', { ranges, document: notebook.uri });
  // The editor takes a while until the kernel of a new notebook is chosen, and says nothing before.
  let asked = 0;
  await until(`cell ${index} ends`, () => {
    if (cell.executionSummary?.success !== undefined) return true;
    if (cell.executionSummary?.executionOrder === undefined && asked++ % 40 === 0) ask();
    return false;
  });
  return cell;
}

export const tests: Tests = {
  'a cell is run through the notebook API and has a result': async () => {
    const notebook = await show('SELECT 42 AS answer', 'SELECT answer + 1 AS next FROM _');
    const first = await run(notebook, 0);
    assert.equal(first.executionSummary?.success, true);
    const items = first.outputs.flatMap(output => output.items);
    assert.ok(items.some(item => item.mime === resultMime));
    const text = items.find(item => item.mime === 'text/plain');
    assert.match(Buffer.from(text!.data).toString('utf8'), /answer[\s\S]*42/);
    const second = await run(notebook, 1);
    assert.equal(second.executionSummary?.success, true);
  },

  'an error is the output of its cell and marked at its place': async () => {
    const notebook = await show('SELECT 1 AS one,\n  nothing_here FROM range(3)');
    const cell = await run(notebook, 0);
    assert.equal(cell.executionSummary?.success, false);
    const errors = cell.outputs
      .flatMap(output => output.items)
      .map(item => Buffer.from(item.data).toString('utf8'));
    assert.match(errors.join('\n'), /nothing_here/);
    const [mark] = await until('the mark', () => {
      const all = vscode.languages.getDiagnostics(cell.document.uri);
      return all.length > 0 && all;
    });
    assert.deepEqual([mark?.range.start.line, mark?.range.start.character], [1, 2]);
  },
};
