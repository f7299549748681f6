import * as vscode from 'vscode';
import { ValidationError } from '../../iceberg/errors.ts';
import type { TableDetails } from '../../notebook/protocol.ts';
import { changeText } from '../explorer/describe.ts';
import { findLakes, lakeFor } from '../explorer/lakes.ts';
import type { LakePlace, TablePlace } from '../explorer/nodes.ts';
import type { Kernels } from '../kernel/kernels.ts';
import { notebookFolder } from '../kernel/kernels.ts';
import type { VersionChoice } from '../lake-text.ts';
import { momentText } from '../text.ts';
import { activeNotebook } from './kernel-commands.ts';

/*
 * The questions that commands ask. Each throws CancellationError when the person presses Escape, which ends the
 * command without a word.
 */

/** A step of several, as the title shows it: `Roll Back (1/2)`. */
export interface Step {
  readonly title: string;
  readonly number?: number;
  readonly of?: number;
}

export function stepTitle({ title, number, of }: Step): string {
  return number === undefined || of === undefined ? title : `${title} (${number}/${of})`;
}

export async function pickOne<T extends vscode.QuickPickItem>(
  items: readonly T[] | Thenable<readonly T[]>,
  step: Step,
  placeHolder: string,
): Promise<T> {
  const options = { title: stepTitle(step), placeHolder, matchOnDescription: true, ignoreFocusOut: true };
  const chosen = await vscode.window.showQuickPick(items, options);
  if (chosen === undefined) throw new vscode.CancellationError();
  return chosen;
}

export async function ask(
  step: Step,
  prompt: string,
  options: {
    readonly value?: string;
    readonly placeHolder?: string;
    /** Shows dots instead of what is typed. */
    readonly password?: boolean;
    readonly fault?: (text: string) => string | undefined;
  } = {},
): Promise<string> {
  const { fault, ...rest } = options;
  const answer = await vscode.window.showInputBox({
    ...rest,
    title: stepTitle(step),
    prompt,
    ignoreFocusOut: true,
    validateInput: text => fault?.(text),
  });
  if (answer === undefined) throw new vscode.CancellationError();
  return answer.trim();
}

/** Asks in a dialog; Escape and every other answer cancel. */
export async function confirm(message: string, detail: string, action: string): Promise<void> {
  const chosen = await vscode.window.showWarningMessage(message, { modal: true, detail }, action);
  if (chosen !== action) throw new vscode.CancellationError();
}

/** The lake to work on: that of the notebook in front, the only one there is, or the one that is chosen. */
export async function pickLake(step: Step): Promise<LakePlace> {
  const notebook = activeNotebook();
  if (notebook !== undefined) return lakeFor(notebookFolder(notebook));
  const lakes = (await findLakes()).filter(lake => lake.fault === undefined);
  if (lakes.length === 1) return lakes[0]!;
  if (lakes.length === 0) {
    const folder = vscode.workspace.workspaceFolders?.find(each => each.uri.scheme === 'file');
    if (folder !== undefined) return lakeFor(folder.uri.fsPath);
    throw new ValidationError(vscode.l10n.t('A lake needs a folder.'), {
      hint: vscode.l10n.t('Open a folder with "File: Open Folder...".'),
    });
  }
  const items = lakes.map(lake => ({ label: lake.name, description: lake.label, lake }));
  return (await pickOne(items, step, vscode.l10n.t('Which lake?'))).lake;
}

/** The table that a command was called on, or the one that is chosen of a lake's tables. */
export async function pickTable(place: unknown, kernels: Kernels, step: Step): Promise<TablePlace> {
  if (isTablePlace(place)) return place;
  const lake = await pickLake(step);
  const names = await tableNames(lake, kernels);
  if (names.length === 0) {
    throw new ValidationError(vscode.l10n.t('The lake {0} has no tables yet.', lake.name), {
      hint: vscode.l10n.t('Make one with "Lakebook: Ingest File..." or "Lakebook: Create Table...".'),
    });
  }
  const items = names.map(table => ({ label: table, iconPath: new vscode.ThemeIcon('table') }));
  const { label } = await pickOne(items, step, vscode.l10n.t('Which table?'));
  return { lake, table: label };
}

function isTablePlace(place: unknown): place is TablePlace {
  return typeof place === 'object' && place !== null && 'lake' in place && 'table' in place;
}

/** Names of all tables of a lake, as in SQL. */
export async function tableNames(lake: LakePlace, kernels: Kernels): Promise<string[]> {
  const kernel = kernels.ofLake(lake.root);
  const names: string[] = [];
  const waiting: (string[] | undefined)[] = [undefined];
  while (waiting.length > 0) {
    const parent = waiting.shift();
    for (const namespace of await kernel.request('namespaces', parent === undefined ? {} : { parent })) {
      waiting.push(namespace);
      names.push(...(await kernel.request('tables', { namespace })).map(({ name }) => name));
    }
  }
  return names;
}

interface VersionItem extends vscode.QuickPickItem {
  readonly version?: VersionChoice;
  readonly isMoment?: boolean;
}

/** A snapshot, branch or tag of a table, or a moment. */
export async function pickVersion(
  details: TableDetails,
  step: Step,
  placeHolder: string,
  options: { readonly moments?: boolean; readonly withoutCurrent?: boolean } = {},
): Promise<VersionChoice> {
  const { Separator } = vscode.QuickPickItemKind;
  const refs = details.refs.filter(
    ref => !options.withoutCurrent || (ref.name !== 'main' && ref.snapshotId !== details.currentSnapshotId),
  );
  const snapshots = details.snapshots.filter(each => !options.withoutCurrent || !each.isCurrent);
  const items: VersionItem[] = [
    ...(options.moments ? [{ label: `$(clock) ${vscode.l10n.t('A date or time...')}`, isMoment: true }] : []),
    ...(refs.length > 0 ? [{ label: vscode.l10n.t('Branches and Tags'), kind: Separator }] : []),
    ...refs.map(({ name, type, snapshotId }) => ({
      label: `$(${type === 'branch' ? 'git-branch' : 'tag'}) ${name}`,
      description: snapshotId,
      version: { kind: type, name },
    })),
    ...(snapshots.length > 0 ? [{ label: vscode.l10n.t('Snapshots'), kind: Separator }] : []),
    ...snapshots.map(({ id, timestampMs, operation, summary, isCurrent }) => ({
      label: `$(history) ${momentText(timestampMs)}`,
      description: `${operation} ${changeText(summary)}${isCurrent ? ` · ${vscode.l10n.t('current')}` : ''}`,
      detail: id,
      version: { kind: 'snapshot' as const, id },
    })),
  ];
  if (items.length === 0) {
    throw new ValidationError(vscode.l10n.t('{0} has no earlier version.', details.name));
  }
  const chosen = await pickOne(items, step, placeHolder);
  if (chosen.version !== undefined) return chosen.version;
  const text = await ask(step, vscode.l10n.t('As of when? UTC unless a zone is given.'), {
    placeHolder: '2026-01-31 12:00',
    fault: typed =>
      momentFault(typed) ? vscode.l10n.t('Write it like 2026-01-31 or 2026-01-31 12:00.') : undefined,
  });
  return { kind: 'timestamp', text };
}

function momentFault(text: string): boolean {
  const pattern = /^\s*\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}(:?\d{2})?)?)?\s*$/;
  return !pattern.test(text) || Number.isNaN(Date.parse(text.trim().slice(0, 10)));
}
