import * as vscode from 'vscode';
import type { Kernels } from '../kernel/kernels.ts';
import type { Log } from '../log.ts';
import { ExplorerDrag } from './drag.ts';
import { onLakesChange } from './lakes.ts';
import { LakeTree } from './tree.ts';

/** The view "Lakes" in its own container of the activity bar. */
export function registerExplorer(
  kernels: Kernels,
  log: Log,
): { readonly tree: LakeTree; readonly subscription: vscode.Disposable } {
  const tree = new LakeTree(kernels, log);
  const view = vscode.window.createTreeView('lakebook.explorer', {
    treeDataProvider: tree,
    showCollapseAll: true,
    dragAndDropController: new ExplorerDrag(),
  });
  const subscription = vscode.Disposable.from(
    tree,
    view,
    onLakesChange(() => tree.refresh()),
    tree.onDidChangeTreeData(() => {
      view.message = tree.filter === '' ? undefined : vscode.l10n.t('Tables with "{0}"', tree.filter);
    }),
  );
  return { tree, subscription };
}
