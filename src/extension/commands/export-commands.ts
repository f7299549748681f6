import path from 'node:path';
import * as vscode from 'vscode';
import { ValidationError } from '../../iceberg/errors.ts';
import { notebookToHtml, notebookToSql } from '../../notebook/export.ts';
import { parseNotebook, serializeNotebook } from '../../notebook/lakebook-file.ts';
import { notebookFolder } from '../kernel/kernels.ts';
import { LakebookSerializer, notebookType } from '../notebook/serializer.ts';
import { activeNotebook } from './kernel-commands.ts';
import { pickOne } from './pick.ts';
import type { Register } from './register.ts';

/** Writes the notebook in front, with its outputs, as something else. */
export function registerExportCommands(register: Register): void {
  register('lakebook.exportNotebook', async () => {
    const title = vscode.l10n.t('Export Notebook');
    const document = activeNotebook();
    if (document === undefined) throw new ValidationError(vscode.l10n.t('Open a notebook first.'));
    const formats = [
      { label: 'HTML', detail: vscode.l10n.t('One page to read, with all outputs'), extension: 'html' },
      { label: 'Jupyter', detail: vscode.l10n.t('An .ipynb that Jupyter tools open'), extension: 'ipynb' },
      {
        label: 'SQL',
        detail: vscode.l10n.t('A script of the SQL cells, the text as comments'),
        extension: 'sql',
      },
    ] as const;
    const { extension, label } = await pickOne(formats, { title }, vscode.l10n.t('As what?'));
    const name = path.basename(document.uri.path).replace(/\.lakebook$/, '');
    const target = await vscode.window.showSaveDialog({
      title,
      defaultUri: vscode.Uri.file(path.join(notebookFolder(document), `${name}.${extension}`)),
      filters: { [label]: [extension] },
    });
    if (target === undefined) return;
    const text = exported(document, extension, name);
    await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(text));
    const open = vscode.l10n.t('Open');
    const chosen = await vscode.window.showInformationMessage(
      vscode.l10n.t('Exported to {0}', target.fsPath),
      open,
    );
    if (chosen === open) await vscode.commands.executeCommand('vscode.open', target);
  });
}

function exported(document: vscode.NotebookDocument, format: 'html' | 'ipynb' | 'sql', name: string): string {
  const notebook = parseNotebook(new TextDecoder().decode(fileBytes(document)));
  switch (format) {
    case 'html':
      return notebookToHtml(notebook, name);
    case 'ipynb':
      return serializeNotebook(notebook);
    case 'sql':
      return notebookToSql(notebook);
  }
}

/** What saving the notebook now would write. */
function fileBytes(document: vscode.NotebookDocument): Uint8Array {
  if (document.notebookType !== notebookType) throw new ValidationError('This is no Lakebook notebook.');
  const cells = document.getCells().map(cell => {
    const data = new vscode.NotebookCellData(cell.kind, cell.document.getText(), cell.document.languageId);
    data.metadata = cell.metadata;
    data.outputs = [...cell.outputs];
    if (cell.executionSummary !== undefined) data.executionSummary = cell.executionSummary;
    return data;
  });
  const data = new vscode.NotebookData(cells);
  data.metadata = document.metadata;
  return new LakebookSerializer().serializeNotebook(data);
}
