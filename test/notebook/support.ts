import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { KernelClient } from '../../src/notebook/kernel-client.ts';
import type { CellOutput, KernelSettings } from '../../src/notebook/protocol.ts';

const folders: string[] = [];
const kernels: KernelClient[] = [];
afterAll(async () => {
  await Promise.all(kernels.map(kernel => kernel.close()));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that goes away after the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-notebook-'));
  folders.push(folder);
  return folder;
}

/** A kernel process on a fresh lake; it ends after the test file. */
export async function openKernel(
  folder = temporaryFolder(),
  settings: KernelSettings = { threads: 2, memoryLimit: '1GB' },
): Promise<KernelClient> {
  const kernel = await KernelClient.start();
  kernels.push(kernel);
  await kernel.request('open', { folder, settings });
  return kernel;
}

let cells = 0;

/** Runs a cell of its own that has to succeed. */
export async function run(kernel: KernelClient, source: string, language: 'sql' | 'lake' = 'sql') {
  const result = await kernel.execute({ cellId: `cell-${++cells}`, source, language });
  if (result.error !== undefined) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result;
}

/** The rows of a cell's last result. */
export function lastRows(outputs: readonly CellOutput[]): readonly (readonly unknown[])[] {
  const found = outputs.findLast(output => output.kind === 'result');
  if (found === undefined) throw new Error('no rows');
  return found.preview;
}

export function resultOf(outputs: readonly CellOutput[]): Extract<CellOutput, { kind: 'result' }> {
  const found = outputs.findLast(output => output.kind === 'result');
  if (found === undefined) throw new Error('no rows');
  return found;
}
