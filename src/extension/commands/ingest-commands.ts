import path from 'node:path';
import * as vscode from 'vscode';
import { lakeFor } from '../explorer/lakes.ts';
import type { LakePlace, TablePlace } from '../explorer/nodes.ts';
import type { Kernels } from '../kernel/kernels.ts';
import { ingestText, tableNameFault, tableNameOfFile, tableNameText } from '../lake-text.ts';
import { runLake } from '../run-lake.ts';
import { tell } from './change-commands.ts';
import { ask, pickLake, pickOne, tableNames } from './pick.ts';
import type { Register } from './register.ts';

const title = () => vscode.l10n.t('Ingest File');

/** Loading files into tables: from the palette, from a table of the tree and from the editor's own explorer. */
export function registerIngestCommands(register: Register, kernels: Kernels): void {
  register('lakebook.ingestFile', async () => {
    const lake = await pickLake({ title: title() });
    await ingest(await chooseFile(lake), lake, undefined, kernels);
  });
  register('lakebook.ingestInto', async ({ lake, table }: TablePlace) => {
    await ingest(await chooseFile(lake), lake, table, kernels);
  });
  register('lakebook.ingestResource', async (resource: vscode.Uri, all?: vscode.Uri[]) => {
    for (const { fsPath } of all ?? [resource]) {
      await ingest(fsPath, await lakeFor(path.dirname(fsPath)), undefined, kernels);
    }
  });
}

async function chooseFile(lake: LakePlace): Promise<string> {
  const chosen = await vscode.window.showOpenDialog({
    title: title(),
    openLabel: vscode.l10n.t('Ingest'),
    defaultUri: vscode.Uri.file(lake.root),
    filters: {
      [vscode.l10n.t('Data files')]: ['csv', 'tsv', 'txt', 'json', 'ndjson', 'jsonl', 'parquet', 'gz', 'zst'],
    },
  });
  if (chosen === undefined) throw new vscode.CancellationError();
  return chosen[0]!.fsPath;
}

interface TableItem extends vscode.QuickPickItem {
  readonly table?: string;
}

async function ingest(
  file: string,
  lake: LakePlace,
  into: string | undefined,
  kernels: Kernels,
): Promise<void> {
  const kernel = kernels.ofLake(lake.root);
  const name = path.basename(file);
  const tables = await tableNames(lake, kernels);
  let table = into;
  let create = false;
  if (table === undefined) {
    const proposed = tableNameOfFile(file);
    const items: TableItem[] = [
      { label: `$(add) ${vscode.l10n.t('New table...')}`, description: proposed, alwaysShow: true },
      ...tables.map(each => ({ label: `$(table) ${each}`, table: each })),
    ];
    const step = { title: title(), number: 1, of: 2 };
    table = (await pickOne(items, step, vscode.l10n.t('Into which table goes {0}?', name))).table;
    if (table === undefined) {
      create = true;
      const typed = await ask({ title: title(), number: 2, of: 2 }, vscode.l10n.t('Name of the new table'), {
        value: proposed,
        fault: text => tableNameFault(text, tables),
      });
      table = tableNameText(typed);
    }
  }
  let mode: 'append' | 'overwrite' = 'append';
  if (!create) {
    const modes = [
      { label: vscode.l10n.t('Append'), detail: vscode.l10n.t('Adds the rows.'), mode: 'append' as const },
      {
        label: vscode.l10n.t('Overwrite'),
        detail: vscode.l10n.t('Replaces all rows; the old ones stay in the history.'),
        mode: 'overwrite' as const,
      },
    ];
    const step = { title: title(), number: 2, of: 2 };
    mode = (await pickOne(modes, step, vscode.l10n.t('How does {0} go into {1}?', name, table))).mode;
  }
  const doing = vscode.l10n.t('Ingesting {0} into {1}', name, table);
  const text = ingestText({ table, path: pathFrom(lake.root, file), mode, create });
  tell(await runLake(kernel, text, doing));
}

/** As short as it can be written: relative to the lake's folder for a file in it. */
function pathFrom(root: string, file: string): string {
  const below = path.relative(root, file);
  return below.startsWith('..') || path.isAbsolute(below) ? file : below.replaceAll(path.sep, '/');
}
