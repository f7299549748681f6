import { access } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { configFileName, loadLakeConfig } from '../../catalog/lake-config.ts';
import { LakebookError } from '../../iceberg/errors.ts';
import { withErrorPlace } from '../text.ts';
import type { LakePlace } from './nodes.ts';

/** Lakes looked for at most, so that a folder of many projects stays quick. */
const maxFound = 50;
const lakeFiles = `**/{${configFileName},catalog.db}`;
const leftOut = '**/{node_modules,.git}/**';

/**
 * The lakes of the workspace: folders with a lakebook.json or a catalog of the default lake, and those that
 * `lakebook.lakes` names. Nothing is opened or made.
 */
export async function findLakes(): Promise<LakePlace[]> {
  const folders = new Set<string>();
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    if (folder.uri.scheme === 'file') folders.add(folder.uri.fsPath);
  }
  for (const file of await vscode.workspace.findFiles(lakeFiles, leftOut, maxFound)) {
    const folder = path.dirname(file.fsPath);
    folders.add(path.basename(folder) === '.lakebook' ? path.dirname(folder) : folder);
  }
  for (const folder of vscode.workspace.getConfiguration('lakebook').get<string[]>('lakes', []))
    folders.add(folder);
  const places = new Map<string, LakePlace>();
  for (const folder of folders) {
    const place = await lakeAt(folder);
    if (place !== undefined && !places.has(place.root)) places.set(place.root, place);
  }
  return [...places.values()].sort((a, b) => (a.root < b.root ? -1 : 1));
}

/** The lake that a folder belongs to; undefined when it has none yet. */
export async function lakeAt(folder: string): Promise<LakePlace | undefined> {
  try {
    const { root, file, catalog } = await loadLakeConfig(folder);
    const isThere = file !== undefined || catalog.type !== 'sqlite' || (await exists(catalog.uri));
    return isThere ? { root, name: catalog.name, label: labelOf(root) } : undefined;
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    const file = error.file ?? path.join(folder, configFileName);
    const root = path.dirname(file);
    return {
      root,
      name: configFileName,
      label: labelOf(root),
      fault: { message: withErrorPlace(error), file },
    };
  }
}

/** The lake that a folder belongs to, also when it isn't there yet. @throws LakebookError */
export async function lakeFor(folder: string): Promise<LakePlace> {
  const { root, catalog } = await loadLakeConfig(folder);
  return { root, name: catalog.name, label: labelOf(root) };
}

function labelOf(root: string): string {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(root));
  if (folder === undefined) return root;
  const below = path.relative(folder.uri.fsPath, root);
  return below === '' ? folder.name : below;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Tells when a lake came or went. */
export function onLakesChange(listener: () => void): vscode.Disposable {
  const watcher = vscode.workspace.createFileSystemWatcher(lakeFiles, false, true, false);
  return vscode.Disposable.from(
    watcher,
    watcher.onDidCreate(listener),
    watcher.onDidDelete(listener),
    vscode.workspace.onDidChangeWorkspaceFolders(listener),
    vscode.workspace.onDidGrantWorkspaceTrust(listener),
    vscode.workspace.onDidChangeConfiguration(event => {
      if (event.affectsConfiguration('lakebook.lakes')) listener();
    }),
    vscode.workspace.onDidSaveTextDocument(document => {
      if (path.basename(document.fileName) === configFileName) listener();
    }),
  );
}
