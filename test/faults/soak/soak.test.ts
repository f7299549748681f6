import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { KernelClient } from '../../../src/notebook/kernel-client.ts';
import { long } from '../support/modes.ts';
import { growthOf, median } from './growth.ts';
import { Notebook } from './notebook.ts';

const minutes = Number(process.env.LAKEBOOK_SOAK_MINUTES ?? (long ? 120 : 0.5));
/** However slow the machine is. */
const fewestRounds = 16;
/** Caches fill up first. */
const warmUpShare = 0.3;

interface Sample {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
  /** What DuckDB says it holds. */
  readonly engine: number;
  /** Open files, sockets and pipes. */
  readonly handles: number;
}

const MB = 2 ** 20;
/** By how much a value may grow between the first and the last sample; handles are counted, the others are bytes. */
const limits: Readonly<Record<keyof Sample, number>> = {
  // Allocators keep what they had at the worst moment.
  rss: 64 * MB,
  heapUsed: 6 * MB,
  external: 6 * MB,
  arrayBuffers: 6 * MB,
  engine: 16 * MB,
  handles: 2,
};

test(
  'a kernel that works for long holds no more than before',
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-soak-'));
    const file = path.join(folder, 'samples');
    const sampler = pathToFileURL(path.join(import.meta.dirname, 'sampler.mjs')).href;
    const kernel = await KernelClient.start({
      env: { LAKEBOOK_SOAK_SAMPLES: file, NODE_OPTIONS: `--import ${sampler}` },
    });
    try {
      const notebook = new Notebook(kernel, folder);
      await notebook.open();
      const samples: Sample[] = [];
      const start = performance.now();
      for (let round = 0; round < fewestRounds || performance.now() - start < minutes * 60_000; round++) {
        await notebook.round(round);
        samples.push(await takeSample(kernel, file));
      }
      const settled = samples.slice(Math.floor(samples.length * warmUpShare));
      report(samples, settled, performance.now() - start);
      const grown = Object.entries(limits).flatMap(([name, limit]) => {
        const growth = growthOf(settled.map(sample => sample[name as keyof Sample]));
        return growth > limit ? [`${name} grew by ${Math.round(growth)}`] : [];
      });
      expect(grown).toEqual([]);
    } finally {
      await kernel.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  (minutes + 30) * 60_000,
);

async function takeSample(kernel: KernelClient, file: string): Promise<Sample> {
  writeFileSync(file, '');
  process.kill(kernel.pid!, 'SIGUSR2');
  while (!readFileSync(file, 'utf8').endsWith('\n')) await delay(10);
  const memory = JSON.parse(readFileSync(file, 'utf8')) as Omit<Sample, 'engine' | 'handles'>;
  // Only Linux tells.
  const handles = `/proc/${kernel.pid}/fd`;
  return {
    ...memory,
    engine: await engineMemory(kernel),
    handles: existsSync(handles) ? readdirSync(handles).length : 0,
  };
}

async function engineMemory(kernel: KernelClient): Promise<number> {
  const source = `SELECT coalesce(sum(memory_usage_bytes), 0)::BIGINT FROM duckdb_memory()`;
  const { outputs } = await kernel.execute({ cellId: 'memory', source, language: 'sql' });
  const [result] = outputs;
  if (result?.kind !== 'result') throw new Error('DuckDB does not tell its memory');
  return Number(result.preview[0]![0]);
}

function report(samples: readonly Sample[], settled: readonly Sample[], ms: number): void {
  const told = (Object.keys(limits) as (keyof Sample)[]).map(name => {
    const values = settled.map(sample => sample[name]);
    const unit = name === 'handles' ? 1 : MB;
    const shown = (value: number) => (value / unit).toFixed(1);
    return `${name}: median ${shown(median(values))}, grew by ${shown(growthOf(values))}${unit === 1 ? '' : ' MB'}`;
  });
  console.log(`${samples.length} rounds in ${(ms / 60_000).toFixed(1)} min\n${told.join('\n')}`);
  const into = process.env.LAKEBOOK_SOAK_REPORT;
  if (into !== undefined) writeFileSync(into, JSON.stringify(samples));
}
