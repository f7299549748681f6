import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** Starts a script of this folder with Node; it's killed at the test's end. */
export function startScript(name: string, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ['--no-warnings', path.join(import.meta.dirname, name), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** Another process takes the exclusive lock of a SQLite file; the answer lets go of it. */
export async function lockedByAnother(file: string): Promise<() => Promise<void>> {
  const child = startScript('lock.child.ts', [file]);
  await once(child.stdout!, 'data');
  return async () => {
    child.stdin!.end();
    await once(child, 'close');
  };
}
