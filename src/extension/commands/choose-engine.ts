import * as vscode from 'vscode';
import type { EngineKind } from '../../engine/remote/remote-engine.ts';
import type { Kernels } from '../kernel/kernels.ts';
import { activeNotebook } from './kernel-commands.ts';

const names: Readonly<Record<EngineKind, string>> = { duckdb: 'DuckDB', trino: 'Trino', spark: 'Spark' };

/** Asks which engine runs the SQL of the notebook in front, and has its kernel use it. */
export async function chooseEngine(kernels: Kernels): Promise<void> {
  const notebook = activeNotebook();
  if (notebook === undefined) {
    void vscode.window.showInformationMessage(vscode.l10n.t('Open a notebook first.'));
    return;
  }
  const kernel = kernels.ofNotebook(notebook);
  const { chosenEngine, otherEngines } = await kernel.request('status', {});
  const kinds: readonly EngineKind[] = ['duckdb', ...otherEngines];
  const items = kinds.map(engine => ({
    label: names[engine],
    description: [
      ...(engine === 'duckdb' ? [vscode.l10n.t('on this machine')] : []),
      ...(engine === chosenEngine ? [vscode.l10n.t('chosen')] : []),
    ].join(', '),
    engine,
  }));
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Engine for SQL'),
    placeHolder:
      otherEngines.length === 0
        ? vscode.l10n.t('Set `engines` in lakebook.json to run SQL on Trino or Spark')
        : vscode.l10n.t('Verbs of the lake language always run here'),
  });
  if (picked === undefined || picked.engine === chosenEngine) return;
  const { engine } = picked;
  const { text } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: vscode.l10n.t('Asking {0}', names[engine]) },
    () => kernel.request('chooseEngine', { engine }),
  );
  void vscode.window.showInformationMessage(text);
}
