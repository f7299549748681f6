import * as vscode from 'vscode';
import type { TablePlace } from '../explorer/nodes.ts';
import type { Kernels } from '../kernel/kernels.ts';
import { compactText, expireText, healthText } from '../lake-text.ts';
import { runLake } from '../run-lake.ts';
import { tell } from './change-commands.ts';
import { addCell, type RunCell } from './notebooks.ts';
import { ask, confirm, pickTable } from './pick.ts';
import type { Register } from './register.ts';

/** Commands that keep tables in shape. */
export function registerMaintenanceCommands(register: Register, kernels: Kernels, run: RunCell): void {
  register('lakebook.compact', async (place?: TablePlace) => {
    const { lake, table } = await pickTable(place, kernels, { title: vscode.l10n.t('Compact Table') });
    const doing = vscode.l10n.t('Compacting {0}', table);
    tell(await runLake(kernels.ofLake(lake.root), compactText(table), doing));
  });
  register('lakebook.expire', async (place?: TablePlace) => {
    const title = vscode.l10n.t('Expire Snapshots');
    const { lake, table } = await pickTable(place, kernels, { title, number: 1, of: 3 });
    const days = await askCount(
      { title, number: 2, of: 3 },
      vscode.l10n.t('Older than how many days?'),
      '5',
      0,
    );
    const keep = await askCount(
      { title, number: 3, of: 3 },
      vscode.l10n.t('Keep at least how many?'),
      '1',
      1,
    );
    await confirm(
      vscode.l10n.t('Expire snapshots of {0} older than {1} days?', table, days),
      vscode.l10n.t('They and the files only they need are deleted. This can not be undone.'),
      vscode.l10n.t('Expire'),
    );
    const text = expireText(table, `${days} days`, keep);
    tell(await runLake(kernels.ofLake(lake.root), text, vscode.l10n.t('Expiring snapshots of {0}', table)));
  });
  register('lakebook.health', async (place?: TablePlace) => {
    const { lake, table } = await pickTable(place, kernels, { title: vscode.l10n.t('Table Health') });
    await addCell(lake.root, healthText(table), 'lake', run);
  });
}

async function askCount(
  step: { title: string; number: number; of: number },
  prompt: string,
  value: string,
  least: number,
): Promise<number> {
  const fault = (text: string) =>
    /^\s*\d{1,6}\s*$/.test(text) && Number(text) >= least
      ? undefined
      : vscode.l10n.t('Type a whole number from {0}.', least);
  return Number(await ask(step, prompt, { value, fault }));
}
