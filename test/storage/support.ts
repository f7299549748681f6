import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that goes away after the test file. */
export function temporaryFolder(prefix = 'lakebook-storage-'): string {
  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  folders.push(folder);
  return folder;
}

export interface ChildOutcome {
  readonly status: number | null;
  /** What the script printed last, parsed. */
  readonly answer: unknown;
  readonly stderr: string;
}

/** Runs a TypeScript file in a process of its own; it prints its answer as a line of JSON. */
export function runScript(
  script: string,
  args: readonly string[],
  wrap: readonly string[] = [],
): Promise<ChildOutcome> {
  const [command, ...rest] = [...wrap, process.execPath, '--no-warnings', script, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', status => {
      const line = stdout.trim().split('\n').at(-1);
      resolve({ status, answer: line ? JSON.parse(line) : undefined, stderr });
    });
  });
}

/** A command that runs another one in a mount namespace of its own, after `mount`; undefined where that can't be. */
function inNamespace(mount: string): readonly string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  for (const namespace of [['--mount'], ['--user', '--map-root-user', '--mount']]) {
    const wrap = ['unshare', ...namespace, 'sh', '-c', `${mount} && exec "$@"`, 'sh'];
    const [command, ...args] = [...wrap, 'true'];
    if (spawnSync(command!, args).status === 0) return wrap;
  }
  return undefined;
}

export interface Disk {
  readonly kind: string;
  /** What goes before a command that is to see the disk. */
  readonly wrap: readonly string[];
}

/**
 * `folder` as a file system of its own of `bytes` bytes: a tmpfs in a mount namespace (`mounted`), which needs root or
 * user namespaces. Where neither is to be had (macOS, Windows, some containers) the script simulates the full disk
 * (`simulated`), so that a test of what happens then always runs.
 */
export function smallDisk(folder: string, bytes: number): Disk {
  const wrap = inNamespace(`mount -t tmpfs -o size=${bytes} tmpfs '${folder}'`);
  return wrap === undefined ? { kind: 'simulated', wrap: [] } : { kind: 'mounted', wrap };
}

/** `folder` as it looks on a read-only disk (`mounted`); undefined where that can't be had. */
export function readOnlyDisk(folder: string): Disk | undefined {
  const wrap = inNamespace(`mount --bind '${folder}' '${folder}' && mount -o remount,ro,bind '${folder}'`);
  return wrap === undefined ? undefined : { kind: 'mounted', wrap };
}
