import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { Tests } from './index.ts';
import { fileOf, until } from './support.ts';

interface Manifest {
  readonly contributes: { readonly commands: readonly { readonly command: string }[] };
}

function extension(): vscode.Extension<unknown> {
  const found = vscode.extensions.getExtension('lakebook.lakebook');
  assert.ok(found, 'the extension is not installed');
  return found;
}

export const tests: Tests = {
  'starts with the first notebook': async () => {
    await vscode.workspace.openNotebookDocument(fileOf('tour.lakebook'));
    await until('the extension is active', () => extension().isActive);
  },

  'registers every command that package.json declares': async () => {
    await extension().activate();
    const known = new Set(await vscode.commands.getCommands(true));
    const { contributes } = extension().packageJSON as Manifest;
    const missing = contributes.commands.map(({ command }) => command).filter(each => !known.has(each));
    assert.deepEqual(missing, []);
  },
};
