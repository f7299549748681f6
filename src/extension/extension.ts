import * as vscode from 'vscode';
import { registerAssist } from './assist/register.ts';
import { registerCatalogCommands } from './commands/catalog-commands.ts';
import { registerChangeCommands } from './commands/change-commands.ts';
import { registerExportCommands } from './commands/export-commands.ts';
import { registerGatewayCommands } from './commands/gateway-commands.ts';
import { registerIngestCommands } from './commands/ingest-commands.ts';
import { registerKernelCommands } from './commands/kernel-commands.ts';
import { registerLakeCommands } from './commands/lake-commands.ts';
import { registerMaintenanceCommands } from './commands/maintenance-commands.ts';
import type { RunCell } from './commands/notebooks.ts';
import { registerQueryCommands } from './commands/query-commands.ts';
import { registrar } from './commands/register.ts';
import { registerS3Commands } from './commands/s3-commands.ts';
import { registerExplorer } from './explorer/register.ts';
import { registerHistory } from './history/panel.ts';
import { Kernels } from './kernel/kernels.ts';
import { LakeCredentials } from './kernel/lake-credentials.ts';
import { createLog } from './log.ts';
import { registerMetadataDocuments } from './metadata-document.ts';
import { keepCellIds } from './notebook/cell-ids.ts';
import { CellProgress } from './notebook/cell-progress.ts';
import { CellStatusProvider } from './notebook/cell-status.ts';
import { LakebookController } from './notebook/controller.ts';
import { answerRenderers } from './notebook/renderer-messaging.ts';
import { RunErrors } from './notebook/run-errors.ts';
import { LakebookSerializer, notebookType, tellFaults } from './notebook/serializer.ts';
import { Reports } from './report-document.ts';
import { KernelStatusBar } from './status-bar.ts';
import { useTranslations } from './translate.ts';

/** Called by the editor when a notebook is opened or a command of Lakebook is used; starts no process. */
export function activate(context: vscode.ExtensionContext): void {
  const begin = performance.now();
  useTranslations(vscode.l10n.t);
  const { subscriptions, extensionUri } = context;
  const log = createLog();
  const credentials = new LakeCredentials(context.secrets);
  const kernels = new Kernels(extensionUri, credentials, log);
  const progress = new CellProgress();
  const errors = new RunErrors();
  const controller = new LakebookController({ kernels, progress, errors, log });
  const register = registrar(subscriptions, log);
  const { tree, subscription: explorer } = registerExplorer(kernels, log);
  const run: RunCell = (notebook, index) => controller.runWhenReady(notebook, index);
  registerQueryCommands(register, kernels, run);
  registerChangeCommands(register, kernels);
  registerMaintenanceCommands(register, kernels, run);
  registerIngestCommands(register, kernels);
  registerExportCommands(register);
  const reports = new Reports();
  registerLakeCommands(register, { extension: extensionUri, kernels, credentials, tree, reports, log });
  registerCatalogCommands(register, { kernels, credentials, tree });
  registerS3Commands(register, { extension: extensionUri, kernels, credentials, tree, reports, log });
  subscriptions.push(
    log,
    reports,
    explorer,
    registerAssist(kernels, log),
    registerHistory(register, extensionUri, kernels, run, log),
    registerMetadataDocuments(register, kernels),
    kernels,
    progress,
    errors,
    controller,
    vscode.workspace.registerNotebookSerializer(notebookType, new LakebookSerializer()),
    vscode.notebooks.registerNotebookCellStatusBarItemProvider(
      notebookType,
      new CellStatusProvider(progress),
    ),
    answerRenderers(kernels, log),
    keepCellIds(),
    tellFaults(),
    new KernelStatusBar(kernels),
    registerKernelCommands(register, controller, kernels, log),
    registerGatewayCommands(register, extensionUri, credentials, log),
  );
  log.info(`activated in ${(performance.now() - begin).toFixed(1)} ms`);
}
