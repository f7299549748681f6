import path from 'node:path';
import type { Progress } from '../engine/progress.ts';
import { engineKinds } from '../engine/remote/remote-engine.ts';
import { KernelClient } from '../notebook/kernel-client.ts';
import type { KernelSettings } from '../notebook/protocol.ts';
import { choiceOption, numberOption, type ParsedArguments, textOption } from './arguments.ts';

/** Milliseconds after a first Ctrl-C in which the kernel may end what it does. */
const patienceMs = 5000;

/** Starts a kernel on the lake that the arguments name, runs `work`, and ends it. Ctrl-C stops what runs. */
export async function withKernel<T>(
  parsed: ParsedArguments,
  workingDirectory: string,
  work: (kernel: KernelClient) => Promise<T>,
): Promise<T> {
  const kernel = await KernelClient.start();
  const stopLog = kernel.onEvent(event => {
    if (event.event === 'log' && process.env.LAKEBOOK_DEBUG) process.stderr.write(`${event.message}\n`);
  });
  let interrupted = false;
  const onInterrupt = () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    void kernel.interrupt().catch(() => undefined);
    setTimeout(() => process.exit(130), patienceMs).unref();
  };
  process.on('SIGINT', onInterrupt);
  try {
    const folder = textOption(parsed, 'lake');
    await kernel.request('open', {
      folder: folder === undefined ? workingDirectory : path.resolve(folder),
      workingDirectory,
      settings: settingsOf(parsed),
    });
    return await work(kernel);
  } finally {
    process.off('SIGINT', onInterrupt);
    stopLog();
    await kernel.close();
  }
}

function settingsOf(parsed: ParsedArguments): KernelSettings {
  return {
    memoryLimit: textOption(parsed, 'memory-limit') ?? process.env.LAKEBOOK_MEMORY_LIMIT,
    threads: numberOption(parsed, 'threads'),
    engine: choiceOption(parsed, 'engine', engineKinds, 'duckdb'),
  };
}

/** `writing 45 %, 1,200,000 rows, 34.5 MB` */
export function progressText(progress: Progress): string {
  const parts = [
    progress.phase + (progress.fraction === undefined ? '' : ` ${Math.round(progress.fraction * 100)} %`),
    progress.rows === undefined ? undefined : `${progress.rows.toLocaleString('en')} rows`,
    progress.bytes === undefined ? undefined : `${(progress.bytes / 1e6).toFixed(1)} MB`,
    progress.files === undefined ? undefined : `${progress.files} files`,
    progress.stages === undefined ? undefined : `${progress.stages.done}/${progress.stages.total} stages`,
    progress.splits === undefined ? undefined : `${progress.splits.done}/${progress.splits.total} splits`,
  ];
  return parts.filter(part => part !== undefined).join(', ');
}
