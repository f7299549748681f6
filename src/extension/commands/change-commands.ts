import * as vscode from 'vscode';
import type { RefNode, SnapshotNode, TablePlace } from '../explorer/nodes.ts';
import type { Kernels } from '../kernel/kernels.ts';
import {
  createText,
  dropText,
  nameFault,
  parseColumns,
  refText,
  renameText,
  rollbackText,
  tableNameFault,
  tableNameText,
  type VersionChoice,
} from '../lake-text.ts';
import { runLake } from '../run-lake.ts';
import { withErrorPlace } from '../text.ts';
import { ask, confirm, pickLake, pickOne, pickTable, pickVersion, tableNames } from './pick.ts';
import { versionOf } from './query-commands.ts';
import type { Register } from './register.ts';

/** Commands that commit: create, roll back, branch, tag, rename, drop. */
export function registerChangeCommands(register: Register, kernels: Kernels): void {
  register('lakebook.createTable', () => createTable(kernels));
  register('lakebook.rollback', async (place?: TablePlace) => {
    const title = vscode.l10n.t('Roll Back');
    const found = await pickTable(place, kernels, { title, number: 1, of: 2 });
    const details = await detailsOf(found, kernels);
    const question = vscode.l10n.t('Make which version of {0} the current one?', found.table);
    const version = await pickVersion(details, { title, number: 2, of: 2 }, question, {
      withoutCurrent: true,
    });
    await rollBack(found, version, kernels);
  });
  register('lakebook.rollbackHere', (node: SnapshotNode | RefNode) =>
    rollBack(node, versionOf(node), kernels),
  );
  for (const type of ['branch', 'tag'] as const) {
    const isBranch = type === 'branch';
    register(isBranch ? 'lakebook.createBranch' : 'lakebook.createTag', async (place?: TablePlace) => {
      const title = isBranch ? vscode.l10n.t('Create Branch') : vscode.l10n.t('Create Tag');
      const found = await pickTable(place, kernels, { title, number: 1, of: 3 });
      const details = await detailsOf(found, kernels);
      const question = vscode.l10n.t('At which version of {0}?', found.table);
      const at = await pickVersion(details, { title, number: 2, of: 3 }, question);
      await createRef(type, found, at, { title, number: 3, of: 3 }, kernels);
    });
    register(isBranch ? 'lakebook.branchHere' : 'lakebook.tagHere', (node: SnapshotNode | RefNode) => {
      const title = isBranch ? vscode.l10n.t('Create Branch Here') : vscode.l10n.t('Create Tag Here');
      return createRef(type, node, versionOf(node), { title }, kernels);
    });
  }
  register('lakebook.renameTable', async (place?: TablePlace) => {
    const title = vscode.l10n.t('Rename Table');
    const { lake, table } = await pickTable(place, kernels, { title });
    const taken = (await tableNames(lake, kernels)).filter(name => name !== table);
    const to = await ask({ title }, vscode.l10n.t('New name of {0}', table), {
      value: table,
      fault: text => (tableNameText(text) === table ? undefined : tableNameFault(text, taken)),
    });
    if (tableNameText(to) === table) return;
    const doing = vscode.l10n.t('Renaming {0}', table);
    tell(await runLake(kernels.ofLake(lake.root), renameText(table, tableNameText(to)), doing));
  });
  register('lakebook.dropTable', async (place?: TablePlace) => {
    const title = vscode.l10n.t('Drop Table');
    const { lake, table } = await pickTable(place, kernels, { title, number: 1, of: 3 });
    const how = await pickOne(
      [
        {
          label: vscode.l10n.t('Keep the files'),
          detail: vscode.l10n.t('The table can be brought back with `import`.'),
          purge: false,
        },
        {
          label: vscode.l10n.t('Delete the files too'),
          detail: vscode.l10n.t('Nothing brings them back.'),
          purge: true,
        },
      ],
      { title, number: 2, of: 3 },
      vscode.l10n.t('What about the files of {0}?', table),
    );
    await ask({ title, number: 3, of: 3 }, vscode.l10n.t('Type {0} to drop it', table), {
      placeHolder: table,
      fault: text => (text.trim() === table ? undefined : vscode.l10n.t('Type {0} to drop it.', table)),
    });
    const doing = vscode.l10n.t('Dropping {0}', table);
    tell(await runLake(kernels.ofLake(lake.root), dropText(table, how.purge), doing));
  });
}

async function createTable(kernels: Kernels): Promise<void> {
  const title = vscode.l10n.t('Create Table');
  const lake = await pickLake({ title });
  const taken = await tableNames(lake, kernels);
  const name = await ask({ title, number: 1, of: 4 }, vscode.l10n.t('Name of the table'), {
    placeHolder: 'sales',
    fault: text => tableNameFault(text, taken),
  });
  const typed = await ask({ title, number: 2, of: 4 }, vscode.l10n.t('Columns with their types'), {
    placeHolder: 'id long not null, amount decimal(10,2), sold_at date',
    fault: text => faultOf(() => parseColumns(text)),
  });
  const columns = parseColumns(typed);
  const partitionedBy = await ask(
    { title, number: 3, of: 4 },
    vscode.l10n.t('Partition by (may be left empty)'),
    { placeHolder: 'month(sold_at), bucket(16, id)' },
  );
  const keys = await vscode.window.showQuickPick(
    columns.map(column => ({ label: column.name, description: column.type })),
    {
      title: `${title} (4/4)`,
      placeHolder: vscode.l10n.t('Key columns: upsert matches rows by them (may be none)'),
      canPickMany: true,
      ignoreFocusOut: true,
    },
  );
  if (keys === undefined) throw new vscode.CancellationError();
  const text = createText({
    table: tableNameText(name),
    columns,
    partitionedBy,
    key: keys.map(({ label }) => label),
  });
  tell(await runLake(kernels.ofLake(lake.root), text, vscode.l10n.t('Creating {0}', name)));
}

async function rollBack(place: TablePlace, to: VersionChoice, kernels: Kernels): Promise<void> {
  const { lake, table } = place;
  const name = 'id' in to ? to.id : 'name' in to ? to.name : to.text;
  await confirm(
    vscode.l10n.t('Roll {0} back to {1}?', table, name),
    vscode.l10n.t('Later snapshots stay in the history, so this can be undone.'),
    vscode.l10n.t('Roll Back'),
  );
  const doing = vscode.l10n.t('Rolling back {0}', table);
  tell(await runLake(kernels.ofLake(lake.root), rollbackText(table, to), doing));
}

async function createRef(
  type: 'branch' | 'tag',
  place: TablePlace,
  at: VersionChoice,
  step: { title: string; number?: number; of?: number },
  kernels: Kernels,
): Promise<void> {
  const { lake, table } = place;
  const taken = (await detailsOf(place, kernels)).refs.map(ref => ref.name);
  const prompt = type === 'branch' ? vscode.l10n.t('Name of the branch') : vscode.l10n.t('Name of the tag');
  const name = await ask(step, prompt, { fault: text => nameFault(text, taken) });
  tell(await runLake(kernels.ofLake(lake.root), refText(type, table, name, at), step.title));
}

async function detailsOf({ lake, table }: TablePlace, kernels: Kernels) {
  return kernels.ofLake(lake.root).request('table', { table });
}

function faultOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return withErrorPlace(error);
  }
}

/** Says what a change did, without asking for a click. */
export function tell(text: string): void {
  if (text.trim() !== '') void vscode.window.showInformationMessage(text);
}
