import * as vscode from 'vscode';
import type { Kernel, KernelState } from './kernel/kernel.ts';
import type { Kernels } from './kernel/kernels.ts';
import { notebookType } from './notebook/serializer.ts';
import { bytesText } from './text.ts';

/** How often the memory is asked for while a notebook is in front, in milliseconds. */
const memoryIntervalMs = 5000;

/** The kernel of the notebook in front: lake, engine and memory. A click offers what can be done with it. */
export class KernelStatusBar implements vscode.Disposable {
  readonly #kernels: Kernels;
  readonly #item: vscode.StatusBarItem;
  readonly #subscriptions: vscode.Disposable[];
  readonly #timer: NodeJS.Timeout;
  #figures: { readonly kernel: Kernel; readonly engine: string; readonly memoryBytes: number } | undefined;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#item = vscode.window.createStatusBarItem('lakebook.kernel', vscode.StatusBarAlignment.Right, 95);
    this.#item.name = vscode.l10n.t('Lakebook Kernel');
    this.#item.command = 'lakebook.kernelMenu';
    this.#subscriptions = [
      this.#item,
      vscode.window.onDidChangeActiveNotebookEditor(() => void this.#refresh()),
      kernels.onDidChange(() => void this.#refresh()),
    ];
    this.#timer = setInterval(() => void this.#refresh(), memoryIntervalMs);
    void this.#refresh();
  }

  dispose(): void {
    clearInterval(this.#timer);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  async #refresh(): Promise<void> {
    const notebook = vscode.window.activeNotebookEditor?.notebook;
    if (notebook?.notebookType !== notebookType) {
      this.#item.hide();
      return;
    }
    const kernel = this.#kernels.existing(notebook);
    this.#show(kernel);
    if (kernel === undefined || (kernel.state !== 'idle' && kernel.state !== 'busy')) return;
    // A kernel that ends meanwhile tells so itself.
    const status = await kernel.request('status', {}).catch(() => undefined);
    if (status === undefined) return;
    this.#figures = { kernel, engine: status.engine, memoryBytes: status.memoryBytes };
    if (vscode.window.activeNotebookEditor?.notebook === notebook) this.#show(kernel);
  }

  #show(kernel: Kernel | undefined): void {
    const state = kernel?.state ?? 'stopped';
    const figures = this.#figures?.kernel === kernel && state !== 'stopped' ? this.#figures : undefined;
    const parts = [
      kernel?.lake?.name ?? 'Lakebook',
      ...(figures === undefined ? [] : [figures.engine, bytesText(figures.memoryBytes)]),
    ];
    this.#item.text = `${icons[state]} ${parts.join(' · ')}`;
    const tooltip = new vscode.MarkdownString();
    tooltip.appendText(`${vscode.l10n.t('Lakebook kernel')}: ${stateText(state)}\n`);
    if (kernel?.lake !== undefined) {
      const { name, root, warehouse } = kernel.lake;
      tooltip.appendText(`${vscode.l10n.t('Lake')}: ${name} (${root})\n`);
      tooltip.appendText(`${vscode.l10n.t('Warehouse')}: ${warehouse}\n`);
    }
    if (figures !== undefined) {
      tooltip.appendText(`${vscode.l10n.t('Engine')}: ${figures.engine}\n`);
      tooltip.appendText(`${vscode.l10n.t('Memory')}: ${bytesText(figures.memoryBytes)}\n`);
    }
    this.#item.tooltip = tooltip;
    this.#item.accessibilityInformation = {
      label: `${vscode.l10n.t('Lakebook kernel')}: ${stateText(state)}, ${parts.join(', ')}`,
    };
    this.#item.show();
  }
}

const icons: Readonly<Record<KernelState, string>> = {
  stopped: '$(circle-outline)',
  starting: '$(loading~spin)',
  idle: '$(database)',
  busy: '$(sync~spin)',
};

function stateText(state: KernelState): string {
  switch (state) {
    case 'stopped':
      return vscode.l10n.t('not running');
    case 'starting':
      return vscode.l10n.t('starting');
    case 'idle':
      return vscode.l10n.t('idle');
    case 'busy':
      return vscode.l10n.t('busy');
  }
}
