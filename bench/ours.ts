// Lakebook's side of bench/lake.ts: one step a process, so that peak memory belongs to the step.
// usage: ours.ts STEP DIR; prints {"seconds", "peakMiB", "answer"} as JSON. Steps as in peer.py, and `plain`:
// DuckDB reading the table's Parquet files directly.
import { openLake } from '../src/catalog/open-lake.ts';
import { EngineSession } from '../src/engine/index.ts';
import { createTable, deleteRows, ingest, upsert } from './verbs.ts';

const [step, folder] = process.argv.slice(2) as [string, string];
const repeats = Number(process.argv[4] ?? 1);
const lake = await openLake(folder);
const session = await EngineSession.open({ lake, workingDirectory: folder });
const aggregate = (source: string) => `
  SELECT sum(n)::BIGINT FROM (SELECT category, sum(amount) AS total, count(amount) AS n FROM ${source} GROUP BY category)`;

async function scalar(sql: string): Promise<unknown> {
  const [outcome] = await session.execute(sql);
  if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  const rows = await outcome.result.rows(0, 1);
  await outcome.result.close();
  return rows[0]?.[0];
}

let answer: unknown;
let work: () => Promise<unknown>;
if (step === 'ingest') {
  work = async () => {
    await createTable(session);
    return await ingest(session, `${folder}/data.csv`);
  };
} else if (step === 'aggregate') {
  work = () => scalar(aggregate('sales'));
} else if (step === 'plain') {
  const [outcome] = await session.execute('SELECT file_path FROM sales$files');
  if (outcome?.kind !== 'rows') throw new Error('no files');
  const files = (await outcome.result.rows(0, 100_000)).map(
    row => `'${String(row[0]).replace('file://', '')}'`,
  );
  work = () => scalar(aggregate(`read_parquet([${files.join(', ')}])`));
} else if (step === 'upsert') {
  work = () => upsert(session, `${folder}/changes.csv`);
} else if (step === 'delete') {
  work = () => deleteRows(session, `category = 'c042'`);
} else {
  throw new Error(`unknown step ${step}`);
}
const times: number[] = [];
for (let i = 0; i < repeats; i++) {
  const start = performance.now();
  answer = await work();
  times.push((performance.now() - start) / 1000);
}
times.sort((a, b) => a - b);
const peakMiB = process.resourceUsage().maxRSS / 1024;
await session.close();
await lake.close();
console.log(JSON.stringify({ seconds: times[Math.floor(times.length / 2)], times, peakMiB, answer }));
