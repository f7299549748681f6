import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type {
  FromHistory,
  HistoryAction,
  HistoryData,
  HistoryLabels,
} from '../../../renderers/history/messages.ts';
import type { SnapshotDetails, TableDetails } from '../../notebook/protocol.ts';
import { addCell, type RunCell } from '../commands/notebooks.ts';
import { pickTable } from '../commands/pick.ts';
import type { Register } from '../commands/register.ts';
import { changeText } from '../explorer/describe.ts';
import type { SnapshotNode, TablePlace } from '../explorer/nodes.ts';
import type { Kernels } from '../kernel/kernels.ts';
import { diffText } from '../lake-text.ts';
import { type Log, logError, showError } from '../log.ts';
import { agoText, momentText } from '../text.ts';
import { historyPage } from './page.ts';

/** Registers the history view: a picture of a table's snapshots, one panel for each table. */
export function registerHistory(
  register: Register,
  extension: vscode.Uri,
  kernels: Kernels,
  run: RunCell,
  log: Log,
): vscode.Disposable {
  const panels = new Map<string, HistoryPanel>();
  register('lakebook.showHistory', async (place?: TablePlace) => {
    const { lake, table } = await pickTable(place, kernels, { title: vscode.l10n.t('Show History') });
    const key = `${lake.root}\n${table}`;
    const known = panels.get(key);
    if (known !== undefined) return known.reveal();
    const panel = new HistoryPanel({ lake, table }, extension, kernels, run, log, () => panels.delete(key));
    panels.set(key, panel);
  });
  return new vscode.Disposable(() => {
    for (const panel of panels.values()) panel.dispose();
  });
}

class HistoryPanel implements vscode.Disposable {
  readonly #place: TablePlace;
  readonly #kernels: Kernels;
  readonly #run: RunCell;
  readonly #log: Log;
  readonly #panel: vscode.WebviewPanel;
  readonly #subscriptions: vscode.Disposable[];
  #details: TableDetails | undefined;

  constructor(
    place: TablePlace,
    extension: vscode.Uri,
    kernels: Kernels,
    run: RunCell,
    log: Log,
    onClose: () => void,
  ) {
    this.#place = place;
    this.#kernels = kernels;
    this.#run = run;
    this.#log = log;
    const files = [vscode.Uri.joinPath(extension, 'dist'), vscode.Uri.joinPath(extension, 'media')];
    this.#panel = vscode.window.createWebviewPanel(
      'lakebook.history',
      vscode.l10n.t('History: {0}', place.table),
      vscode.ViewColumn.Active,
      { enableScripts: true, localResourceRoots: files },
    );
    this.#panel.iconPath = new vscode.ThemeIcon('history');
    this.#panel.webview.html = page(this.#panel.webview, extension);
    this.#subscriptions = [
      this.#panel.onDidDispose(() => {
        for (const subscription of this.#subscriptions) subscription.dispose();
        onClose();
      }),
      this.#panel.webview.onDidReceiveMessage((message: FromHistory) => void this.#receive(message)),
      kernels.onDidCommit(() => void this.#send()),
    ];
  }

  reveal(): void {
    this.#panel.reveal();
  }

  dispose(): void {
    this.#panel.dispose();
  }

  async #receive(message: FromHistory): Promise<void> {
    if (message.type === 'ready') await this.#send();
    else {
      const snapshot = this.#details?.snapshots.find(each => each.id === message.snapshotId);
      if (snapshot === undefined) return;
      try {
        await this.#act(message.action, snapshot);
      } catch (error) {
        if (!(error instanceof vscode.CancellationError)) void showError(this.#log, 'history', error);
      }
    }
  }

  async #send(): Promise<void> {
    const { lake, table } = this.#place;
    try {
      this.#details = await this.#kernels.ofLake(lake.root).request('table', { table });
    } catch (error) {
      // A table that was dropped meanwhile keeps the picture of what it was.
      logError(this.#log, 'history', error);
      return;
    }
    await this.#panel.webview.postMessage(historyData(this.#details, labels(), Date.now()));
  }

  async #act(action: HistoryAction, snapshot: SnapshotDetails): Promise<void> {
    const { lake, table } = this.#place;
    const node: SnapshotNode = { kind: 'snapshot', snapshot, lake, table };
    switch (action) {
      case 'query':
        await vscode.commands.executeCommand('lakebook.queryAtSnapshot', node);
        break;
      case 'compare':
        await vscode.commands.executeCommand('lakebook.compareWithCurrent', node);
        break;
      case 'compare-parent': {
        const from = { kind: 'snapshot', id: snapshot.parentId! } as const;
        const text = diffText(table, from, { kind: 'snapshot', id: snapshot.id });
        await addCell(lake.root, text, 'lake', this.#run);
        break;
      }
      case 'rollback':
        await vscode.commands.executeCommand('lakebook.rollbackHere', node);
        break;
      case 'branch':
        await vscode.commands.executeCommand('lakebook.branchHere', node);
        break;
      case 'tag':
        await vscode.commands.executeCommand('lakebook.tagHere', node);
        break;
    }
  }
}

/** What the view shows of a table. */
function historyData(details: TableDetails, texts: HistoryLabels, nowMs: number): HistoryData {
  return {
    type: 'history',
    table: details.name,
    labels: texts,
    snapshots: details.snapshots.map(snapshot => ({
      id: snapshot.id,
      ...(snapshot.parentId === undefined ? {} : { parentId: snapshot.parentId }),
      operation: snapshot.operation,
      moment: momentText(snapshot.timestampMs),
      ago: agoText(snapshot.timestampMs, nowMs),
      change: changeText(snapshot.summary),
      summary: snapshot.summary,
      isCurrent: snapshot.isCurrent,
      refs: details.refs
        .filter(ref => ref.snapshotId === snapshot.id)
        .map(({ name, type }) => ({ name, type })),
    })),
  };
}

function labels(): HistoryLabels {
  return {
    title: vscode.l10n.t('History'),
    empty: vscode.l10n.t('The table has no snapshot yet: it gets one with its first rows.'),
    current: vscode.l10n.t('current'),
    snapshot: vscode.l10n.t('Snapshot'),
    actions: {
      query: vscode.l10n.t('Query'),
      compare: vscode.l10n.t('Compare with Current'),
      'compare-parent': vscode.l10n.t('What Changed'),
      rollback: vscode.l10n.t('Roll Back to Here...'),
      branch: vscode.l10n.t('Branch Here...'),
      tag: vscode.l10n.t('Tag Here...'),
    },
  };
}

function page(webview: vscode.Webview, extension: vscode.Uri): string {
  const uri = (...path: string[]) => webview.asWebviewUri(vscode.Uri.joinPath(extension, ...path)).toString();
  return historyPage({
    source: webview.cspSource,
    style: uri('media', 'history.css'),
    script: uri('dist', 'history.js'),
    nonce: randomBytes(16).toString('base64'),
  });
}
