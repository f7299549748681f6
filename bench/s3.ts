// TPC-H on MinIO with 20 ms added to each request: cold and warm beside the same lake in a local folder, DuckDB's
// httpfs and iceberg extensions and PyIceberg; bytes fetched for bytes needed; ingest of CSV beside the local folder.
// Prints Markdown; writes results/s3.json.
// usage: node bench/s3.ts [--scale 1] [--latency 20] [--rows 10000000] [--rounds 3]
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, homedir, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { openLake } from '../src/catalog/open-lake.ts';
import { EngineSession } from '../src/engine/index.ts';
import { Minio } from '../test/storage/s3/minio.ts';
import { createTable, ingest } from './verbs.ts';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    latency: { type: 'string', default: '20' },
    rows: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '3' },
  },
});
const rounds = Number(values.rounds);
const python = path.join(
  process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache/lakebook-ci'),
  'bench-venv/bin/python',
);
if (!existsSync(python)) throw new Error(`${python} is missing: run scripts/bench-peers.sh first.`);
const here = import.meta.dirname;
const work = mkdtempSync(path.join(tmpdir(), 'lakebook-bench-s3-'));

interface Times {
  readonly cold: number[];
  readonly warm: number[];
  readonly answers: number[];
  readonly needed?: number[];
  readonly fetched?: number[];
}

let proxy: ChildProcess | undefined;
async function proxyCounts(): Promise<{ bytes: number; requests: number }> {
  proxy!.send('counts');
  const [counts] = await once(proxy!, 'message');
  return counts as { bytes: number; requests: number };
}

async function output(child: ChildProcess, what: string): Promise<string> {
  let text = '';
  let errors = '';
  child.stdout!.setEncoding('utf8').on('data', chunk => {
    text += chunk;
  });
  child.stderr!.setEncoding('utf8').on('data', chunk => {
    errors += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${what} failed:\n${errors}`);
  return text.trim().split('\n').at(-1)!;
}

/** The child asks how many bytes came through the proxy. */
async function ours(folder: string): Promise<Times> {
  const child = fork(path.join(here, 's3-ours.ts'), [folder, `${work}/queries.json`], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: ['--no-warnings'],
  });
  child.on('message', () => {
    void proxyCounts().then(counts => child.send(counts));
  });
  return JSON.parse(await output(child, 'Lakebook')) as Times;
}

async function peer(kind: 'duckdb' | 'pyiceberg', endpoint: string, minio: Minio): Promise<Times> {
  const args = [endpoint, minio.accessKey, minio.secretKey, `${work}/tables.json`, `${work}/queries.json`];
  const child = spawn(python, [path.join(here, 's3-peer.py'), kind, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return JSON.parse(await output(child, kind)) as Times;
}

function lakeFolder(name: string, config: object): string {
  const folder = path.join(work, name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'lakebook.json'), JSON.stringify(config));
  return folder;
}

const tables = ['lineitem', 'orders', 'customer', 'part', 'partsupp', 'supplier', 'nation', 'region'];

async function load(folder: string): Promise<Record<string, string>> {
  const lake = await openLake(folder);
  const session = await EngineSession.open({ lake, workingDirectory: work });
  const locations: Record<string, string> = {};
  for (const name of tables) {
    await session.execute(`CREATE TABLE ${name} AS SELECT * FROM '${work}/${name}.parquet'`);
    const table = await lake.catalog.loadTable({ namespace: ['default'], name });
    locations[name] = table.metadataLocation;
  }
  await session.close();
  await lake.close();
  return locations;
}

async function ingestSeconds(folder: string): Promise<number> {
  const lake = await openLake(folder);
  const session = await EngineSession.open({ lake, workingDirectory: work });
  await createTable(session);
  const start = performance.now();
  await ingest(session, `${work}/data.csv`);
  const seconds = (performance.now() - start) / 1000;
  await session.execute('DROP TABLE sales PURGE');
  await session.close();
  await lake.close();
  return seconds;
}

const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
/** Each query's median over the rounds. */
const medians = (runs: readonly Times[], key: 'cold' | 'warm') =>
  runs[0]![key].map((_, query) => median(runs.map(run => run[key][query]!)));
const sum = (numbers: readonly number[]) => numbers.reduce((total, value) => total + value, 0);

const minio = await Minio.start();
try {
  Object.assign(process.env, minio.credentials);
  const bucket = await minio.bucket('bench');
  proxy = fork(path.join(here, 'latency-proxy.ts'), [String(minio.port), values.latency], {
    execArgv: ['--no-warnings'],
  });
  const [{ endpoint }] = (await once(proxy, 'message')) as [{ endpoint: string }];
  const tpch = spawn(python, [path.join(here, 's3-tpch.py'), work, values.scale], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await output(tpch, 'dbgen');

  const local = lakeFolder('local', {});
  const remote = lakeFolder('remote', {
    warehouse: `s3://${bucket}/lake`,
    storage: { s3: { endpoint }, cache: { folder: path.join(work, 'cache') } },
  });
  await load(local);
  writeFileSync(`${work}/tables.json`, JSON.stringify(await load(remote)));

  const runs: Record<string, Times[]> = { local: [], remote: [], duckdb: [] };
  for (let round = 0; round < rounds; round++) {
    runs.local!.push(await ours(local));
    runs.remote!.push(await ours(remote));
    runs.duckdb!.push(await peer('duckdb', endpoint, minio));
  }
  const pyiceberg = await peer('pyiceberg', endpoint, minio);
  for (const run of [...Object.values(runs).flat(), pyiceberg]) {
    if (JSON.stringify(run.answers) !== JSON.stringify(runs.local![0]!.answers))
      throw new Error('answers differ');
  }

  const db = await (await DuckDBInstance.create()).connect();
  await db.run(`COPY (SELECT i AS id, ((hash(i * 3) % 1000000) / 100)::DECIMAL(10,2) AS amount,
      DATE '2020-01-01' + (hash(i) % 2000)::INT AS sold_at, printf('c%03d', (hash(i * 7) % 100)::INT) AS category
    FROM range(${values.rows}) r(i)) TO '${work}/data.csv' (HEADER)`);
  const ingests = { local: [] as number[], remote: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    ingests.local.push(await ingestSeconds(local));
    ingests.remote.push(await ingestSeconds(remote));
  }

  const { needed = [], fetched = [] } = runs.remote![0]!;
  const result = {
    machine: `${cpus().length} cores (${cpus()[0]!.model}), ${Math.round(totalmem() / 2 ** 30)} GiB`,
    scale: Number(values.scale),
    latencyMs: Number(values.latency),
    rounds,
    local: { cold: medians(runs.local!, 'cold'), warm: medians(runs.local!, 'warm') },
    remote: { cold: medians(runs.remote!, 'cold'), warm: medians(runs.remote!, 'warm') },
    duckdb: { cold: medians(runs.duckdb!, 'cold'), warm: medians(runs.duckdb!, 'warm') },
    pyiceberg: { cold: pyiceberg.cold, warm: pyiceberg.warm },
    needed,
    fetched,
    ingest: { rows: Number(values.rows), local: median(ingests.local), remote: median(ingests.remote) },
  };
  mkdirSync(path.join(here, 'results'), { recursive: true });
  writeFileSync(path.join(here, 'results', 's3.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  const row = (name: string, { cold, warm }: { cold: number[]; warm: number[] }) =>
    `| ${name} | ${sum(cold).toFixed(2)} | ${sum(warm).toFixed(2)} |`;
  console.log(`TPC-H scale ${values.scale}, 22 queries, ${values.latency} ms added to each request; ${result.machine}; medians of ${rounds} rounds.

| seconds for all 22 queries | cold | warm |
|---|---:|---:|
${row('Lakebook, local folder', result.local)}
${row('Lakebook, MinIO', result.remote)}
${row('DuckDB 1.5.5, httpfs and iceberg extensions, MinIO', result.duckdb)}
${row('PyIceberg and DuckDB 1.5.5, MinIO (one round)', result.pyiceberg)}

Warm on MinIO for warm in the local folder: ${(sum(result.remote.warm) / sum(result.local.warm)).toFixed(2)}.
Cold for DuckDB's cold: ${(sum(result.remote.cold) / sum(result.duckdb.cold)).toFixed(2)}.
Bytes fetched for bytes of the column chunks that are named: ${(sum(fetched) / sum(needed)).toFixed(3)} (${(sum(fetched) / 1e6).toFixed(0)} MB; worst query ${Math.max(...fetched.map((bytes, i) => bytes / needed[i]!)).toFixed(2)}).
Ingest of ${values.rows} rows of CSV: ${result.ingest.local.toFixed(2)} s local, ${result.ingest.remote.toFixed(2)} s on MinIO (${(result.ingest.remote / result.ingest.local).toFixed(2)}).`);
} finally {
  proxy?.disconnect();
  await minio.stop();
  rmSync(work, { recursive: true, force: true });
}
