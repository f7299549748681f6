// A wide table: many columns, of which a query names a few. Queries beside DuckDB on the same Parquet files, DuckDB's
// iceberg extension, PyIceberg and Polars. Prints Markdown; writes results/wide.json.
// usage: node bench/wide.ts [--columns 1000] [--rows 200000] [--rounds 3] [--engines ours,plain,...]
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openLake } from '../src/catalog/open-lake.ts';
import { EngineSession } from '../src/engine/index.ts';
import { bundleEngines, type Engine, engineNames, runEngine, warmTimes } from './queries/run.ts';
import type { QuerySpec, QueryTimes } from './queries/spec.ts';

const { values } = parseArgs({
  options: {
    columns: { type: 'string', default: '1000' },
    rows: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '3' },
    engines: { type: 'string', default: 'ours,plain,duckdb-iceberg,pyiceberg,polars' },
  },
});
const engines = values.engines.split(',') as Engine[];
const threads = cpus().length;
const work = mkdtempSync(path.join(tmpdir(), 'lakebook-wide-'));

/** Whole numbers, fractions and texts in turn. */
function columnSql(n: number): string {
  const value = [
    '(hash(i + %) % 100000)::BIGINT',
    '((hash(i * 3 + %) % 1000000) / 100)::DOUBLE',
    "printf('t%05d', (hash(i + %) % 5000)::INT)",
  ][n % 3]!;
  return `${value.replaceAll('+ %', `+ ${n}`)} AS c${n}`;
}

const last = Number(values.columns) - 1;
const queries: Readonly<Record<string, string>> = {
  'three columns, aggregated': `SELECT c2, count(*), sum(c1), max(c0) FROM wide GROUP BY c2 ORDER BY c2`,
  'the last column, with a filter': `SELECT count(*), min(c${last}) FROM wide WHERE c0 < 100`,
  'every tenth column': `SELECT ${Array.from({ length: Math.ceil(last / 10) }, (_, n) => `max(c${n * 10}) AS m${n}`).join(', ')} FROM wide`,
  'all columns of a few rows': 'SELECT * FROM wide WHERE c0 = 7',
};

try {
  await bundleEngines();
  const lake = await openLake(work);
  const session = await EngineSession.open({ lake, workingDirectory: work, threads });
  await session.execute(
    `CREATE TABLE wide AS SELECT ${Array.from({ length: last + 1 }, (_, n) => columnSql(n)).join(', ')} FROM range(${values.rows}) r(i)`,
  );
  const { metadataLocation } = await lake.catalog.loadTable({ namespace: ['default'], name: 'wide' });
  await session.close();
  await lake.close();
  const spec: QuerySpec = {
    lake: work,
    tables: {
      wide: {
        metadata: metadataLocation,
        parquet: `${work}/.lakebook/warehouse/default/wide/data/*.parquet`,
      },
    },
    queries: Object.values(queries),
    repeats: 3,
    threads,
  };
  const results = Object.fromEntries(engines.map(engine => [engine, [] as QueryTimes[]])) as Record<
    Engine,
    QueryTimes[]
  >;
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const engine of engines) results[engine].push(runEngine(engine, spec, work));
  }
  const warm = Object.fromEntries(engines.map(engine => [engine, warmTimes(results[engine])])) as Record<
    Engine,
    (number | undefined)[]
  >;
  const machine = `${threads} cores (${cpus()[0]!.model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const peak = (engine: Engine) => Math.max(...results[engine].map(times => times.peakMiB)).toFixed(0);
  console.log(
    [
      `${values.columns} columns, ${Number(values.rows).toLocaleString('en')} rows; warm, medians of ${values.rounds} rounds; ${machine}.`,
      '',
      `| query, seconds | ${engines.map(engine => engineNames[engine]).join(' | ')} |`,
      `|---|${engines.map(() => '---:|').join('')}`,
      ...Object.keys(queries).map(
        (name, i) =>
          `| ${name} | ${engines.map(engine => warm[engine][i]?.toFixed(3) ?? 'no').join(' | ')} |`,
      ),
      `| MiB | ${engines.map(peak).join(' | ')} |`,
    ].join('\n'),
  );
  mkdirSync(path.join(import.meta.dirname, 'results'), { recursive: true });
  writeFileSync(
    path.join(import.meta.dirname, 'results/wide.json'),
    `${JSON.stringify({ machine, results }, undefined, 1)}\n`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
