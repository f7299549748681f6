// TPC-H: all 22 queries on tables in a local folder, beside DuckDB on plain Parquet files, DuckDB's iceberg extension,
// PyIceberg with DuckDB, Polars and Spark on the same tables. Prints Markdown; writes results/tpch.json.
// usage: node bench/tpch.ts [--scale 1] [--rounds 3] [--engines ours,plain,...]
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openLake } from '../src/catalog/open-lake.ts';
import { EngineSession } from '../src/engine/index.ts';
import {
  bundleEngines,
  type Engine,
  engineNames,
  median,
  peersPython,
  runEngine,
  warmTimes,
} from './queries/run.ts';
import type { QuerySpec, QueryTimes } from './queries/spec.ts';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    engines: { type: 'string', default: Object.keys(engineNames).join(',') },
  },
});
const engines = values.engines.split(',') as Engine[];
const threads = cpus().length;
const work = mkdtempSync(path.join(tmpdir(), 'lakebook-tpch-'));
const names = ['lineitem', 'orders', 'customer', 'part', 'partsupp', 'supplier', 'nation', 'region'];

async function makeTables(): Promise<QuerySpec['tables']> {
  const made = spawnSync(peersPython, [path.join(import.meta.dirname, 's3-tpch.py'), work, values.scale], {
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`dbgen failed: ${made.error?.message ?? made.stderr}`);
  const lake = await openLake(work);
  const session = await EngineSession.open({ lake, workingDirectory: work });
  const tables: Record<string, { metadata: string; parquet: string }> = {};
  for (const name of names) {
    await session.execute(`CREATE TABLE ${name} AS SELECT * FROM '${work}/${name}.parquet'`);
    const { metadataLocation } = await lake.catalog.loadTable({ namespace: ['default'], name });
    // The peer without Iceberg reads the files that Lakebook wrote, so that files are the same.
    tables[name] = {
      metadata: metadataLocation,
      parquet: `${work}/.lakebook/warehouse/default/${name}/data/*.parquet`,
    };
  }
  await session.close();
  await lake.close();
  return tables;
}

try {
  await bundleEngines();
  const tables = await makeTables();
  const queries = JSON.parse(readFileSync(`${work}/queries.json`, 'utf8')) as string[];
  const spec: QuerySpec = { lake: work, tables, queries, repeats: 3, threads };
  const results = Object.fromEntries(engines.map(engine => [engine, [] as QueryTimes[]])) as Record<
    Engine,
    QueryTimes[]
  >;
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const engine of engines) {
      // Spark takes minutes, and its order of magnitude is what counts.
      if (engine === 'spark' && round > 0) continue;
      const times = runEngine(engine, spec, work);
      results[engine].push(times);
      console.error(
        round,
        engine,
        times.seconds
          .flat()
          .reduce((a, b) => a + b, 0)
          .toFixed(1),
        's',
      );
      for (const [query, rows] of times.answers.entries()) {
        const expected = results[engines[0]!][0]!.answers[query];
        if (rows !== null && rows !== expected)
          throw new Error(`${engine}, query ${query + 1}: ${rows} rows for ${expected}`);
      }
    }
  }
  const warm = Object.fromEntries(engines.map(engine => [engine, warmTimes(results[engine])])) as Record<
    Engine,
    (number | undefined)[]
  >;
  const own = warm.ours ?? warm[engines[0]!];
  /** The geometric mean over the queries that the peer runs of its time for ours. */
  const ratio = (engine: Engine) => {
    const each = warm[engine].flatMap((time, i) => (time === undefined ? [] : [Math.log(time / own[i]!)]));
    return Math.exp(each.reduce((a, b) => a + b, 0) / each.length);
  };
  const machine = `${threads} cores (${cpus()[0]!.model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const rows = engines.map(engine => {
    const ran = warm[engine].filter(time => time !== undefined);
    const versions = results[engine][0]!.version;
    const peak = Math.max(...results[engine].map(times => times.peakMiB));
    return `| ${versions} | ${ran.length} | ${ran.reduce((a, b) => a + b, 0).toFixed(2)} | ${ratio(engine).toFixed(2)} | ${peak.toFixed(0)} |`;
  });
  console.log(
    [
      `TPC-H at scale ${values.scale}, warm, medians of ${values.rounds} rounds (Spark: one); ${machine}.`,
      '',
      '| engine | queries | seconds | times Lakebook’s (geometric mean) | MiB |',
      '|---|---:|---:|---:|---:|',
      ...rows,
      '',
      `| query | ${engines.map(engine => engineNames[engine]).join(' | ')} |`,
      `|---:|${engines.map(() => '---:|').join('')}`,
      ...queries.map(
        (_, i) => `| ${i + 1} | ${engines.map(engine => warm[engine][i]?.toFixed(3) ?? 'no').join(' | ')} |`,
      ),
      '',
      `Worst query beside DuckDB on the Parquet files: ${warm.plain === undefined ? '?' : Math.max(...own.map((time, i) => time! / warm.plain[i]!)).toFixed(2)}; median ${warm.plain === undefined ? '?' : median(own.map((time, i) => time! / warm.plain[i]!)).toFixed(2)}.`,
    ].join('\n'),
  );
  mkdirSync(path.join(import.meta.dirname, 'results'), { recursive: true });
  writeFileSync(
    path.join(import.meta.dirname, 'results/tpch.json'),
    `${JSON.stringify({ machine, scale: Number(values.scale), results }, undefined, 1)}\n`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
