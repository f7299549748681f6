import * as vscode from 'vscode';
import type { Kernels } from '../kernel/kernels.ts';
import { onKernelSettingsChange } from '../kernel/settings.ts';
import type { Log } from '../log.ts';
import type { LakebookController } from '../notebook/controller.ts';
import { notebookType } from '../notebook/serializer.ts';
import { chooseEngine } from './choose-engine.ts';
import type { Register } from './register.ts';

/** Restart, stop and the menu of the status bar. */
export function registerKernelCommands(
  register: Register,
  controller: LakebookController,
  kernels: Kernels,
  log: Log,
): vscode.Disposable {
  const restart = async (notebook = activeNotebook()): Promise<void> => {
    if (notebook === undefined) {
      void vscode.window.showInformationMessage(vscode.l10n.t('Open a notebook first.'));
      return;
    }
    await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Window, title: vscode.l10n.t('Restarting the kernel') },
      () => controller.restart(notebook),
    );
  };
  register('lakebook.restartKernel', () => restart());
  register('lakebook.showLog', () => log.show());
  register('lakebook.chooseEngine', () => chooseEngine(kernels));
  register('lakebook.kernelMenu', async () => {
    const notebook = activeNotebook();
    if (notebook === undefined) return;
    const isBusy = kernels.existing(notebook)?.state === 'busy';
    const actions = [
      ...(isBusy
        ? [
            {
              label: `$(debug-stop) ${vscode.l10n.t('Interrupt')}`,
              run: () => controller.interrupt(notebook),
            },
          ]
        : []),
      { label: `$(debug-restart) ${vscode.l10n.t('Restart Kernel')}`, run: () => restart(notebook) },
      { label: `$(server-process) ${vscode.l10n.t('Choose Engine...')}`, run: () => chooseEngine(kernels) },
      {
        label: `$(settings-gear) ${vscode.l10n.t('Memory and Threads...')}`,
        run: () => vscode.commands.executeCommand('workbench.action.openSettings', '@ext:lakebook.lakebook'),
      },
      { label: `$(output) ${vscode.l10n.t('Show Log')}`, run: () => log.show() },
    ];
    const chosen = await vscode.window.showQuickPick(actions, {
      title: vscode.l10n.t('Lakebook Kernel'),
    });
    await chosen?.run();
  });
  return onKernelSettingsChange(() => {
    const notebook = activeNotebook();
    const kernel = notebook === undefined ? undefined : kernels.existing(notebook);
    if (kernel === undefined || kernel.state === 'stopped') return;
    const restartNow = vscode.l10n.t('Restart Kernel');
    void vscode.window
      .showInformationMessage(
        vscode.l10n.t('The kernel takes the new setting when it is restarted.'),
        restartNow,
      )
      .then(chosen => (chosen === restartNow ? restart(notebook) : undefined));
  });
}

/** The Lakebook notebook in front. */
export function activeNotebook(): vscode.NotebookDocument | undefined {
  const notebook = vscode.window.activeNotebookEditor?.notebook;
  return notebook?.notebookType === notebookType ? notebook : undefined;
}
