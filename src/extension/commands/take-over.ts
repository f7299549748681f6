import * as vscode from 'vscode';
import type { LakeTree } from '../explorer/tree.ts';
import type { Kernels } from '../kernel/kernels.ts';

/** Kernels have credentials from their start; those of notebooks are people's to restart, as they hold results. */
export async function takeOver(kernels: Kernels, tree: LakeTree, root: string): Promise<void> {
  await kernels.stopOfLake(root);
  tree.refresh();
  void vscode.window.showInformationMessage(
    vscode.l10n.t('Done. Kernels of open notebooks take it over when they are restarted.'),
  );
}
