import { cp, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import type { LakeTree } from '../explorer/tree.ts';
import { type Kernels, requireTrust } from '../kernel/kernels.ts';
import type { LakeCredentials } from '../kernel/lake-credentials.ts';
import type { Log } from '../log.ts';
import type { Reports } from '../report-document.ts';
import { runLake } from '../run-lake.ts';
import { bundled, runScript } from '../scripts.ts';
import { addLake, firstFolder } from './add-lake.ts';
import { ask, pickLake } from './pick.ts';
import type { Register } from './register.ts';

interface LakeParts {
  readonly extension: vscode.Uri;
  readonly kernels: Kernels;
  readonly credentials: LakeCredentials;
  readonly tree: LakeTree;
  readonly reports: Reports;
  readonly log: Log;
}

/** Commands about lakes as a whole. */
export function registerLakeCommands(register: Register, parts: LakeParts): void {
  const { extension, kernels, credentials, tree, log } = parts;
  register('lakebook.refresh', () => tree.refresh());
  register('lakebook.filterExplorer', async () => {
    const typed = await ask({ title: vscode.l10n.t('Filter Tables') }, vscode.l10n.t('Empty shows all'), {
      value: tree.filter,
      placeHolder: vscode.l10n.t('part of a name'),
    });
    tree.filter = typed;
  });
  register('lakebook.createSampleLake', () => createSampleLake(extension, kernels, tree));
  register('lakebook.addLake', () => addLake({ extension, credentials, tree, log }));
  register('lakebook.doctor', () => doctor(parts));
}

/** Copies the tour with its data into the folder, loads its tables and opens it. */
async function createSampleLake(extension: vscode.Uri, kernels: Kernels, tree: LakeTree): Promise<void> {
  const folder = firstFolder();
  const target = path.join(folder, 'lakebook-sample');
  if ((await readdir(target).catch(() => [])).length === 0) {
    await mkdir(target, { recursive: true });
    await cp(vscode.Uri.joinPath(extension, 'samples').fsPath, target, { recursive: true });
    const ingest = [
      "ingest sales from 'data/sales.csv' create partitioned by (month(sold_at)) key (id)",
      "ingest weather from 'data/seattle-weather.csv' create",
    ].join('\n');
    await runLake(kernels.ofLake(target), ingest, vscode.l10n.t('Creating the sample lake'));
  }
  tree.refresh();
  const tour = await vscode.workspace.openNotebookDocument(
    vscode.Uri.file(path.join(target, 'tour.lakebook')),
  );
  await vscode.window.showNotebookDocument(tour);
}

/** Runs `lakebook doctor` of this extension and shows what it finds. */
async function doctor({ extension, credentials, reports, log }: LakeParts): Promise<void> {
  requireTrust();
  const { root } = await pickLake({ title: vscode.l10n.t('Doctor') });
  const { text } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: vscode.l10n.t('Examining the lake') },
    async () =>
      runScript(bundled(extension, 'cli'), ['doctor', '--lake', root], await credentials.environment(root)),
  );
  for (const line of text.trimEnd().split('\n')) log.info(line);
  await reports.show(vscode.l10n.t('Doctor'), text);
}
