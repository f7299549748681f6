import { type ChildProcess, fork } from 'node:child_process';
import * as vscode from 'vscode';

/** Variables of a process; undefined ones are taken away from what this process has. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One of the bundles beside the extension's own: `cli`, `gateway`, `kernel`. */
export function bundled(extension: vscode.Uri, name: string): string {
  return vscode.Uri.joinPath(extension, 'dist', `${name}.mjs`).fsPath;
}

/** Forks a script with the editor's own Node; its output can be read. */
export function forkScript(script: string, args: readonly string[], environment: Environment): ChildProcess {
  const electron = process.versions.electron ? { ELECTRON_RUN_AS_NODE: '1' } : {};
  return fork(script, [...args], {
    silent: true,
    execArgv: [],
    env: { ...process.env, ...environment, ...electron },
  });
}

export interface ScriptEnd {
  /** Standard output and standard error, as they came. */
  readonly text: string;
  /** Null when a signal ended it. */
  readonly code: number | null;
}

/** Runs a script to its end. */
export function runScript(
  script: string,
  args: readonly string[],
  environment: Environment,
): Promise<ScriptEnd> {
  return new Promise((resolve, reject) => {
    const child = forkScript(script, args, environment);
    let text = '';
    child.stdout!.setEncoding('utf8').on('data', part => (text += part));
    child.stderr!.setEncoding('utf8').on('data', part => (text += part));
    child.once('error', reject);
    child.once('close', code => resolve({ text, code }));
  });
}
