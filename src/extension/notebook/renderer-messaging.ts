import path from 'node:path';
import * as vscode from 'vscode';
import type { RendererRequest, SaveFormat, ToExtension, ToRenderer } from '../../../renderers/messages.ts';
import { bytesToWire, wireToBytes } from '../../../renderers/wire.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { type Kernels, notebookFolder } from '../kernel/kernels.ts';
import { type Log, logError } from '../log.ts';
import { withErrorPlace } from '../text.ts';
import { notebookType } from './serializer.ts';

/** Answers what the grids in the notebook's webview ask for. */
export function answerRenderers(kernels: Kernels, log: Log): vscode.Disposable {
  const messaging = vscode.notebooks.createRendererMessaging('lakebook-result');
  return messaging.onDidReceiveMessage(async ({ editor, message }) => {
    const { request, body } = wireToBytes(message) as ToExtension;
    let answer: ToRenderer;
    try {
      answer = { request, ok: await answerRequest(body, editor.notebook, kernels) };
    } catch (error) {
      logError(log, `result ${body?.type}`, error);
      answer = { request, error: withErrorPlace(error) };
    }
    await messaging.postMessage(bytesToWire(answer), editor);
  });
}

async function answerRequest(
  body: RendererRequest,
  notebook: vscode.NotebookDocument,
  kernels: Kernels,
): Promise<unknown> {
  if (notebook.notebookType !== notebookType) throw new Error(vscode.l10n.t('This is no Lakebook notebook.'));
  const kernel = () => running(notebook, kernels);
  switch (body.type) {
    case 'window': {
      const { resultId, view, offset, limit } = body;
      return kernel().request('fetchWindow', { resultId, view, offset, limit });
    }
    case 'summary':
      return kernel().request('columnSummary', { resultId: body.resultId, column: body.column });
    case 'chart': {
      const { resultId, view, chart } = body;
      return kernel().request('chart', { resultId, view, chart });
    }
    case 'save':
      return save(body, notebook, kernel());
    case 'save-image':
      return saveImage(body, notebook);
    case 'copy':
      await vscode.env.clipboard.writeText(body.text);
      return {};
  }
}

/** A result lives in the process that made it: one that has ended isn't started for it. */
function running(notebook: vscode.NotebookDocument, kernels: Kernels): Kernel {
  const kernel = kernels.existing(notebook);
  if (kernel !== undefined && kernel.state !== 'stopped') return kernel;
  throw new Error(vscode.l10n.t('The kernel that held this result has ended. Run the cell again.'));
}

const fileKinds: Readonly<Record<SaveFormat, { label: string; extensions: string[] }>> = {
  csv: { label: 'CSV', extensions: ['csv'] },
  parquet: { label: 'Parquet', extensions: ['parquet'] },
  arrow: { label: 'Arrow', extensions: ['arrow', 'feather'] },
  json: { label: 'JSON', extensions: ['json'] },
};

async function save(
  body: Extract<RendererRequest, { type: 'save' }>,
  notebook: vscode.NotebookDocument,
  kernel: Kernel,
): Promise<{ path?: string }> {
  const { resultId, view, format } = body;
  const target = await askForFile(notebook, 'result', fileKinds[format]);
  if (target === undefined) return {};
  if (target.scheme !== 'file') throw new Error(vscode.l10n.t('Choose a file on this machine.'));
  await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t('Saving {0}', path.basename(target.fsPath)),
    },
    () => kernel.request('exportResult', { resultId, view, format, path: target.fsPath }),
  );
  return { path: target.fsPath };
}

async function saveImage(
  body: Extract<RendererRequest, { type: 'save-image' }>,
  notebook: vscode.NotebookDocument,
): Promise<{ path?: string }> {
  const { format, bytes } = body;
  const kind = { label: format.toUpperCase(), extensions: [format] };
  const target = await askForFile(notebook, 'chart', kind);
  if (target === undefined) return {};
  await vscode.workspace.fs.writeFile(target, bytes);
  return { path: target.fsPath };
}

async function askForFile(
  notebook: vscode.NotebookDocument,
  name: string,
  { label, extensions }: { label: string; extensions: readonly string[] },
): Promise<vscode.Uri | undefined> {
  const folder = vscode.Uri.file(notebookFolder(notebook));
  return vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.joinPath(folder, `${name}.${extensions[0]}`),
    filters: { [label]: [...extensions] },
    saveLabel: vscode.l10n.t('Save'),
  });
}
