import assert from 'node:assert/strict';
import * as vscode from 'vscode';

/** How long a state may take to come, in milliseconds: for slow machines, not a measure. */
const limitMs = 60_000;

/** Waits until a state is there. @throws AssertionError with `what` when it doesn't come */
export async function until<T>(what: string, look: () => T | undefined | false): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) assert.fail(`It does not come: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

/** A file of the folder that the editor has open. */
export function fileOf(name: string): vscode.Uri {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder, 'no folder is open');
  return vscode.Uri.joinPath(folder.uri, name);
}

export async function textOf(file: vscode.Uri): Promise<string> {
  return Buffer.from(await vscode.workspace.fs.readFile(file)).toString('utf8');
}
