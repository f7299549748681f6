import * as vscode from 'vscode';
import { toErrorInfo } from '../../notebook/error-info.ts';
import type { CellLanguage } from '../../notebook/lakebook-file.ts';
import type { CellOutput, ErrorInfo } from '../../notebook/protocol.ts';
import type { Kernels } from '../kernel/kernels.ts';
import type { Log } from '../log.ts';
import { logError } from '../log.ts';
import { cellId } from './cell-ids.ts';
import type { CellProgress } from './cell-progress.ts';
import type { CellMetadata } from './convert.ts';
import type { RunErrors } from './run-errors.ts';
import { runError, runOutput } from './run-outputs.ts';
import { cellOutput, notebookType } from './serializer.ts';

export const cellLanguages: readonly CellLanguage[] = ['sql', 'lake'];

/** How long an interrupted cell may go on before a restart is offered, in milliseconds. */
const patienceMs = 5000;

/** How often, and after how many milliseconds, a cell that a command added is asked to run. */
const maxTries = 20;
const retryMs = 250;

interface ControllerParts {
  readonly kernels: Kernels;
  readonly progress: CellProgress;
  readonly errors: RunErrors;
  readonly log: Log;
}

/** Runs cells: those of a notebook one after the other, until one fails or somebody interrupts. */
export class LakebookController implements vscode.Disposable {
  readonly #parts: ControllerParts;
  readonly #controller: vscode.NotebookController;
  readonly #subscription: vscode.Disposable;
  /** Cells that the editor asked to run. */
  readonly #asked = new WeakSet<vscode.NotebookCell>();
  /** The last run of each notebook, which the next one waits for. */
  readonly #last = new WeakMap<vscode.NotebookDocument, Promise<void>>();
  /** Aborted by an interrupt: what waits in a notebook doesn't begin. */
  readonly #interruptions = new WeakMap<vscode.NotebookDocument, AbortController>();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    const controller = vscode.notebooks.createNotebookController('lakebook', notebookType, 'Lakebook');
    controller.supportedLanguages = [...cellLanguages];
    controller.supportsExecutionOrder = true;
    controller.description = vscode.l10n.t('DuckDB on Iceberg tables');
    controller.executeHandler = (cells, notebook) => this.run(cells, notebook);
    controller.interruptHandler = notebook => this.interrupt(notebook);
    this.#controller = controller;
    const prefer = (notebook: vscode.NotebookDocument) => {
      if (notebook.notebookType === notebookType)
        controller.updateNotebookAffinity(notebook, vscode.NotebookControllerAffinity.Preferred);
    };
    vscode.workspace.notebookDocuments.forEach(prefer);
    this.#subscription = vscode.workspace.onDidOpenNotebookDocument(prefer);
  }

  /** Runs a cell of a notebook that was opened this moment: the editor takes a while until it can. */
  async runWhenReady(notebook: vscode.NotebookDocument, index: number): Promise<void> {
    const cell = notebook.cellAt(index);
    const ranges = [{ start: index, end: index + 1 }];
    for (let tries = 0; tries < maxTries && !this.#asked.has(cell); tries++) {
      // Through the editor, which chooses the kernel with the first run; too early, it does nothing and says nothing.
      await vscode.commands.executeCommand('notebook.cell.execute', { ranges, document: notebook.uri });
      if (!this.#asked.has(cell)) await new Promise(resolve => setTimeout(resolve, retryMs));
    }
  }

  /** Runs cells in order, behind those of the notebook that run already. */
  async run(cells: readonly vscode.NotebookCell[], notebook: vscode.NotebookDocument): Promise<void> {
    const runnable = cells.filter(cell => isCellLanguage(cell.document.languageId));
    for (const cell of cells) this.#asked.add(cell);
    // Made at once, so that the editor shows which cells wait.
    const executions = runnable.map(cell => this.#controller.createNotebookCellExecution(cell));
    let interruption = this.#interruptions.get(notebook);
    if (interruption === undefined || interruption.signal.aborted) {
      interruption = new AbortController();
      this.#interruptions.set(notebook, interruption);
    }
    const { signal } = interruption;
    const before = this.#last.get(notebook) ?? Promise.resolve();
    const run = before.then(() => this.#runAll(executions, notebook, signal));
    this.#last.set(notebook, run);
    await run;
  }

  /** Stops what runs and what waits; offers a restart when the kernel doesn't obey. */
  async interrupt(notebook: vscode.NotebookDocument): Promise<void> {
    this.#interruptions.get(notebook)?.abort();
    const kernel = this.#parts.kernels.existing(notebook);
    if (kernel === undefined) return;
    const patience = setTimeout(() => {
      if (kernel.state !== 'busy') return;
      const restart = vscode.l10n.t('Restart Kernel');
      void vscode.window
        .showWarningMessage(vscode.l10n.t('The kernel does not stop. Restart it?'), restart)
        .then(chosen => (chosen === restart ? kernel.restart() : undefined));
    }, patienceMs);
    try {
      await kernel.interrupt();
      await this.#last.get(notebook);
    } catch (error) {
      logError(this.#parts.log, 'interrupt', error);
    } finally {
      clearTimeout(patience);
    }
  }

  /** Ends the notebook's kernel, whatever it does, and starts another one. @throws LakebookError */
  async restart(notebook: vscode.NotebookDocument): Promise<void> {
    this.#interruptions.get(notebook)?.abort();
    const kernel = this.#parts.kernels.ofNotebook(notebook);
    await kernel.restart();
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#controller.dispose();
  }

  async #runAll(
    executions: readonly vscode.NotebookCellExecution[],
    notebook: vscode.NotebookDocument,
    signal: AbortSignal,
  ): Promise<void> {
    let stopped = false;
    for (const execution of executions) {
      if (stopped || signal.aborted) execution.end(undefined);
      else stopped = !(await this.#runCell(execution, notebook));
    }
  }

  /** @returns whether the cell passed */
  async #runCell(
    execution: vscode.NotebookCellExecution,
    notebook: vscode.NotebookDocument,
  ): Promise<boolean> {
    const { kernels, progress, errors, log } = this.#parts;
    const { cell } = execution;
    const source = cell.document.getText();
    execution.start(Date.now());
    errors.clear(cell);
    const shown = new ShownOutputs(execution);
    shown.clear();
    let error: ErrorInfo | undefined;
    let passed = false;
    try {
      const { tags } = (cell.metadata as CellMetadata).metadata ?? {};
      const reply = await kernels.ofNotebook(notebook).execute(
        {
          cellId: cellId(cell) ?? cell.document.uri.toString(),
          source,
          language: cell.document.languageId as CellLanguage,
          tags: Array.isArray(tags) ? tags.map(String) : undefined,
        },
        {
          onOutput: (output, index) => shown.put(output, index),
          onProgress: each => progress.set(cell, each),
        },
      );
      execution.executionOrder = reply.executionCount;
      passed = reply.status === 'ok';
      error = reply.error;
    } catch (caught) {
      logError(log, 'cell', caught);
      error = toErrorInfo(caught);
    }
    if (error !== undefined) {
      shown.fail(error, source);
      errors.set(cell, error, source);
    }
    await shown.settled();
    execution.end(passed, Date.now());
    // Last: the figures it gives way to are those of the outputs as they are now.
    progress.clear(cell);
    return passed;
  }
}

/** A running cell's outputs. The editor takes changes one after the other. */
class ShownOutputs {
  readonly #execution: vscode.NotebookCellExecution;
  readonly #outputs: vscode.NotebookCellOutput[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(execution: vscode.NotebookCellExecution) {
    this.#execution = execution;
  }

  clear(): void {
    this.#then(() => this.#execution.clearOutput());
  }

  /** Shows an output at its place; one of the same place before is replaced. */
  put(output: CellOutput, index: number): void {
    const made = cellOutput(runOutput(output, 0));
    const isNew = this.#outputs[index] === undefined;
    this.#outputs[index] = made;
    const all = [...this.#outputs];
    this.#then(() => (isNew ? this.#execution.appendOutput(made) : this.#execution.replaceOutput(all)));
  }

  fail(error: ErrorInfo, source: string): void {
    const made = cellOutput(runError(error, source));
    this.#then(() => this.#execution.appendOutput(made));
  }

  async settled(): Promise<void> {
    await this.#last;
  }

  #then(change: () => Thenable<void>): void {
    // A cell that was deleted while it ran takes no outputs any more.
    this.#last = this.#last.then(change).catch(() => undefined);
  }
}

function isCellLanguage(language: string): language is CellLanguage {
  return (cellLanguages as readonly string[]).includes(language);
}
