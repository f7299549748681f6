import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import type { QuerySpec, QueryTimes } from './spec.ts';

const here = import.meta.dirname;
const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache/lakebook-ci');

/** Python of the benchmark's peers. @throws when scripts/bench-peers.sh was not run */
export const peersPython = path.join(cache, 'bench-venv/bin/python');
const sparkPython = path.join(cache, 'venv/bin/python');
const jars = ['iceberg-spark-runtime-4.1_2.13-1.12.0.jar', 'sqlite-jdbc-3.54.1.0.jar']
  .map(name => path.join(cache, 'jars', name))
  .join(':');

export type Engine = 'ours' | 'plain' | 'duckdb-iceberg' | 'pyiceberg' | 'polars' | 'spark';

export const engineNames: Readonly<Record<Engine, string>> = {
  ours: 'Lakebook',
  plain: 'DuckDB on the Parquet files',
  'duckdb-iceberg': 'DuckDB with its iceberg extension',
  pyiceberg: 'PyIceberg with DuckDB',
  polars: 'Polars scan_iceberg',
  spark: 'Spark local',
};

/** Bundles what is measured, as what users run is bundled. Once before `runEngine`. */
export async function bundleEngines(): Promise<void> {
  await build({
    entryPoints: ['ours', 'plain'].map(name => path.join(here, `${name}.ts`)),
    outdir: path.join(here, '../../dist/bench'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    external: ['@duckdb/*', 'better-sqlite3', 'zeromq'],
    // Found beside the bundle.
    define: { 'import.meta.dirname': JSON.stringify(here) },
    banner: {
      js: "import { createRequire as createRequireForBundle } from 'node:module'; const require = createRequireForBundle(import.meta.url);",
    },
  });
}

/** Runs an engine in a process of its own. @throws when it isn't installed, or fails as a whole */
export function runEngine(engine: Engine, spec: QuerySpec, work: string): QueryTimes {
  const file = path.join(work, `${engine}.json`);
  writeFileSync(file, JSON.stringify(spec));
  const [command, args] = commandOf(engine, file);
  if (!existsSync(command)) {
    throw new Error(`${command} is missing: run scripts/bench-peers.sh and scripts/judges.sh.`);
  }
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, PYSPARK_PYTHON: sparkPython },
  });
  if (status !== 0) throw new Error(`${engine} failed: ${error?.message ?? stderr.slice(-2000)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as QueryTimes;
}

function commandOf(engine: Engine, file: string): [string, string[]] {
  if (engine === 'ours' || engine === 'plain') {
    return [process.execPath, ['--no-warnings', path.join(here, `../../dist/bench/${engine}.mjs`), file]];
  }
  const script = path.join(here, 'peers.py');
  return engine === 'spark'
    ? [sparkPython, [script, engine, file, jars]]
    : [peersPython, [script, engine, file]];
}

export const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** The median over rounds of each query's warm time: the least of its runs but the first. */
export function warmTimes(rounds: readonly QueryTimes[]): (number | undefined)[] {
  return rounds[0]!.seconds.map((_, query) => {
    const each = rounds.map(round => round.seconds[query]!.slice(1)).filter(runs => runs.length > 0);
    return each.length === 0 ? undefined : median(each.map(runs => Math.min(...runs)));
  });
}
