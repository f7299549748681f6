import path from 'node:path';
import * as vscode from 'vscode';
import { ValidationError } from '../../iceberg/errors.ts';
import type { Log } from '../log.ts';
import { bundled } from '../scripts.ts';
import { withErrorPlace } from '../text.ts';
import { cellsOf, Heirs } from './heirs.ts';
import { Kernel } from './kernel.ts';
import type { LakeCredentials } from './lake-credentials.ts';
import { kernelSettings } from './settings.ts';

/**
 * The kernels of this window. A notebook has a kernel of its own, as results, names and parameters are the
 * notebook's; the explorer and commands share one for each lake. Nothing starts in an untrusted workspace.
 */
export class Kernels implements vscode.Disposable {
  readonly #kernelPath: string;
  readonly #credentials: LakeCredentials;
  readonly #log: Log;
  readonly #byNotebook = new Map<vscode.NotebookDocument, Kernel>();
  readonly #byLake = new Map<string, Kernel>();
  readonly #changed = new vscode.EventEmitter<Kernel>();
  readonly #committed = new vscode.EventEmitter<Kernel>();
  readonly #subscription: vscode.Disposable;
  readonly #heirs = new Heirs<Kernel>(kernel => kernel.dispose());

  readonly onDidChange = this.#changed.event;
  readonly onDidCommit = this.#committed.event;

  constructor(extension: vscode.Uri, credentials: LakeCredentials, log: Log) {
    this.#kernelPath = bundled(extension, 'kernel');
    this.#credentials = credentials;
    this.#log = log;
    this.#subscription = vscode.workspace.onDidCloseNotebookDocument(notebook => this.#closed(notebook));
  }

  /** @throws ValidationError (UNTRUSTED, NO_FOLDER) */
  ofNotebook(notebook: vscode.NotebookDocument): Kernel {
    const known = this.#byNotebook.get(notebook);
    if (known !== undefined) return known;
    requireTrust();
    const folder = notebookFolder(notebook);
    const kernel = this.#inherited(notebook) ?? this.#create(folder, notebook.uri);
    this.#byNotebook.set(notebook, kernel);
    return kernel;
  }

  /** The notebook's kernel if it has one. */
  existing(notebook: vscode.NotebookDocument): Kernel | undefined {
    const known = this.#byNotebook.get(notebook);
    if (known !== undefined) return known;
    const inherited = this.#inherited(notebook);
    if (inherited !== undefined) this.#byNotebook.set(notebook, inherited);
    return inherited;
  }

  /** The kernel for looking at a lake and for commands. @throws ValidationError (UNTRUSTED) */
  ofLake(root: string): Kernel {
    const known = this.#byLake.get(root);
    if (known !== undefined) return known;
    requireTrust();
    const kernel = this.#create(root, vscode.Uri.file(root));
    this.#byLake.set(root, kernel);
    return kernel;
  }

  /** Ends the explorer's kernel of a lake; its next request starts another one. */
  async stopOfLake(root: string): Promise<void> {
    await this.#byLake.get(root)?.stop();
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#heirs.dispose();
    for (const kernel of [...this.#byNotebook.values(), ...this.#byLake.values()]) kernel.dispose();
    this.#changed.dispose();
    this.#committed.dispose();
  }

  /** One that wasn't saved leaves its kernel to the file that it was saved as: names and results go on. */
  #closed(notebook: vscode.NotebookDocument): void {
    const kernel = this.#byNotebook.get(notebook);
    if (kernel === undefined) return;
    this.#byNotebook.delete(notebook);
    if (!notebook.isUntitled || kernel.state === 'stopped' || !kernel.hasRun) {
      kernel.dispose();
      return;
    }
    // The editor opens the file first, for which completion may have started a kernel already.
    const heir = vscode.workspace.notebookDocuments.find(
      other => this.#byNotebook.get(other)?.hasRun !== true && isHeir(other, notebook, kernel),
    );
    if (heir === undefined) {
      this.#heirs.leave(notebook, kernel);
      return;
    }
    this.#byNotebook.get(heir)?.dispose();
    this.#byNotebook.set(heir, kernel);
    this.#changed.fire(kernel);
  }

  /** The kernel that a notebook had before it was saved under its name, when that is in the same lake. */
  #inherited(notebook: vscode.NotebookDocument): Kernel | undefined {
    const kernel = notebook.uri.scheme === 'file' ? this.#heirs.take(notebook) : undefined;
    if (kernel === undefined || isInLake(notebook, kernel)) return kernel;
    kernel.dispose();
    return undefined;
  }

  #create(folder: string, scope: vscode.Uri): Kernel {
    const place = async () => ({
      folder,
      workingDirectory: folder,
      settings: kernelSettings(scope),
      environment: await this.#credentials.environmentOfFolder(folder),
    });
    const kernel = new Kernel(this.#kernelPath, place, this.#log);
    kernel.onDidChange(() => this.#changed.fire(kernel));
    kernel.onDidCommit(() => this.#committed.fire(kernel));
    kernel.onDidDie(error => {
      const next = vscode.l10n.t('The next cell starts a new one. Results of earlier cells are gone.');
      const showLog = vscode.l10n.t('Show Log');
      void vscode.window.showWarningMessage(`${withErrorPlace(error)} ${next}`, showLog).then(chosen => {
        if (chosen === showLog) this.#log.show();
      });
    });
    return kernel;
  }
}

/** Whether a notebook is what an unsaved one was saved as. */
function isHeir(
  notebook: vscode.NotebookDocument,
  unsaved: vscode.NotebookDocument,
  kernel: Kernel,
): boolean {
  return notebook !== unsaved && cellsOf(notebook) === cellsOf(unsaved) && isInLake(notebook, kernel);
}

function isInLake(notebook: vscode.NotebookDocument, { lake }: Kernel): boolean {
  if (notebook.uri.scheme !== 'file' || lake === undefined) return false;
  return !path.relative(lake.root, path.dirname(notebook.uri.fsPath)).startsWith('..');
}

/** @throws ValidationError (UNTRUSTED) */
export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new ValidationError(
    vscode.l10n.t('This workspace is not trusted, so nothing runs.'),
    { hint: vscode.l10n.t('Trust it with "Workspaces: Manage Workspace Trust".') },
    'UNTRUSTED',
  );
}

/** Folder where a notebook's relative paths start: its own, or the workspace's for one that isn't saved yet. */
export function notebookFolder(notebook: vscode.NotebookDocument): string {
  if (notebook.uri.scheme === 'file') return path.dirname(notebook.uri.fsPath);
  const lake = (notebook.metadata as { lake?: unknown }).lake;
  if (typeof lake === 'string') return lake;
  const folder = vscode.workspace.workspaceFolders?.find(each => each.uri.scheme === 'file');
  if (folder !== undefined) return folder.uri.fsPath;
  throw new ValidationError(
    vscode.l10n.t('A notebook needs a folder on this machine for its lake.'),
    { hint: vscode.l10n.t('Save the notebook, or open a folder.') },
    'NO_FOLDER',
  );
}
