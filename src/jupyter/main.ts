import type { KernelSettings } from '../notebook/protocol.ts';
import { readConnection } from './connection.ts';
import { JupyterKernel } from './kernel.ts';

/** How often a kernel looks whether the program that started it is still there, in milliseconds. */
const parentPollMs = 1000;

export interface KernelProcessOptions {
  readonly connectionFile: string;
  /** Folder whose lake is used. */
  readonly folder: string;
  readonly settings?: KernelSettings;
  /** Lakebook's version. */
  readonly version: string;
}

/**
 * Runs a kernel until it is shut down. SIGINT interrupts the cell, SIGTERM ends the kernel, and so does the end of the
 * program that started it.
 * @throws LakebookError when the connection can't be used
 */
export async function runJupyterKernel(options: KernelProcessOptions): Promise<void> {
  const { connectionFile, folder, settings, version } = options;
  const connection = await readConnection(connectionFile);
  const kernel = await JupyterKernel.start({
    connection,
    folder,
    workingDirectory: process.cwd(),
    settings,
    version,
    log: text => {
      if (process.env.LAKEBOOK_DEBUG) process.stderr.write(`${text}\n`);
    },
  });
  const onInterrupt = () => void kernel.interrupt();
  const onEnd = () => void kernel.close();
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onEnd);
  const watch = watchParent(onEnd);
  try {
    await kernel.untilEnded();
  } finally {
    clearInterval(watch);
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onEnd);
  }
}

/** Jupyter sets JPY_PARENT_PID for kernels that are to end with it. */
function watchParent(onGone: () => void): NodeJS.Timeout | undefined {
  if (!process.env.JPY_PARENT_PID) return undefined;
  const parent = process.ppid;
  return setInterval(() => {
    if (process.ppid !== parent || !exists(parent)) onGone();
  }, parentPollMs);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is there too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
