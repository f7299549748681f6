import * as vscode from 'vscode';
import type { RefNode, SnapshotNode, TablePlace } from '../explorer/nodes.ts';
import type { Kernels } from '../kernel/kernels.ts';
import { diffText, selectSql, type VersionChoice } from '../lake-text.ts';
import { addCell, openNewNotebook, type RunCell } from './notebooks.ts';
import { pickTable, pickVersion } from './pick.ts';
import type { Register } from './register.ts';

const previewLimit = 100;

/** Commands that look: queries, time travel, comparing, copying SQL. */
export function registerQueryCommands(register: Register, kernels: Kernels, run: RunCell): void {
  register('lakebook.newNotebook', () => openNewNotebook([{ ...emptySqlCell }]));
  register('lakebook.queryTable', async (place?: TablePlace) => {
    const { lake, table } = await pickTable(place, kernels, { title: vscode.l10n.t('Query Table') });
    await addCell(lake.root, selectSql(table), 'sql');
  });
  register('lakebook.previewTable', async (place?: TablePlace) => {
    const { lake, table } = await pickTable(place, kernels, { title: vscode.l10n.t('Preview') });
    await addCell(lake.root, selectSql(table, { limit: previewLimit }), 'sql', run);
  });
  register('lakebook.timeTravel', async (place?: TablePlace) => {
    const title = vscode.l10n.t('Time Travel');
    const { lake, table } = await pickTable(place, kernels, { title, number: 1, of: 2 });
    const details = await kernels.ofLake(lake.root).request('table', { table });
    const ask = vscode.l10n.t('Show {0} as of...', table);
    const version = await pickVersion(details, { title, number: 2, of: 2 }, ask, { moments: true });
    await addCell(lake.root, selectSql(table, { version }), 'sql', run);
  });
  register('lakebook.queryAtSnapshot', async (node: SnapshotNode | RefNode) => {
    const version = versionOf(node);
    await addCell(node.lake.root, selectSql(node.table, { version }), 'sql', run);
  });
  register('lakebook.compareWithCurrent', async (node: SnapshotNode | RefNode) => {
    const version = versionOf(node);
    await addCell(node.lake.root, diffText(node.table, version), 'lake', run);
  });
  register('lakebook.copySql', async (node: TablePlace | SnapshotNode | RefNode) => {
    const version =
      'kind' in node && (node.kind === 'snapshot' || node.kind === 'ref') ? versionOf(node) : undefined;
    await vscode.env.clipboard.writeText(selectSql(node.table, version === undefined ? {} : { version }));
    vscode.window.setStatusBarMessage(vscode.l10n.t('SQL copied'), 2000);
  });
}

const emptySqlCell = { kind: 'code', language: 'sql', source: '', metadata: {}, outputs: [] } as const;

/** The version that a node of the tree stands for. */
export function versionOf(node: SnapshotNode | RefNode | undefined): VersionChoice {
  // The editor hands over nothing when the view was drawn anew while the menu was open.
  if (node === undefined) throw new Error(vscode.l10n.t('The view has changed meanwhile. Try again.'));
  return node.kind === 'snapshot'
    ? { kind: 'snapshot', id: node.snapshot.id }
    : { kind: node.ref.type, name: node.ref.name };
}
