// DuckDB alone on the same tables as plain Parquet files, in the version that Lakebook carries.
// usage: plain.ts SPEC; prints QueryTimes as JSON.
import { readFileSync } from 'node:fs';
import duckdb, { DuckDBInstance } from '@duckdb/node-api';
import type { QuerySpec } from './spec.ts';

const spec = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as QuerySpec;
const db = await (await DuckDBInstance.create(':memory:', { threads: String(spec.threads) })).connect();
for (const [name, { parquet }] of Object.entries(spec.tables)) {
  await db.run(`CREATE VIEW ${name} AS SELECT * FROM read_parquet('${parquet}')`);
}
const seconds: number[][] = [];
const answers: number[] = [];
for (const query of spec.queries) {
  const runs: number[] = [];
  let rows = 0;
  for (let run = 0; run < spec.repeats; run++) {
    const start = performance.now();
    // Rows are kept in the engine, as Lakebook keeps them for its windows.
    await db.run(`CREATE OR REPLACE TEMP TABLE answer AS ${query.replace(/;\s*$/, '')}`);
    const reader = await db.runAndReadAll('SELECT count(*) FROM answer');
    runs.push((performance.now() - start) / 1000);
    rows = Number(reader.getRows()[0]![0]);
  }
  seconds.push(runs);
  answers.push(rows);
}
console.log(
  JSON.stringify({
    seconds,
    answers,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    version: `DuckDB ${duckdb.version().replace(/^v/, '')}`,
  }),
);
