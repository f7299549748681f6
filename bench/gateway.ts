// 64 clients that query and 8 that ingest, for a minute, against `lakebook serve` and against a gateway of FastAPI,
// DuckDB and PyIceberg (gateway_peer.py) on the same machine in the same run. Rows are counted afterwards: none may be
// missing. Prints Markdown; writes results/gateway.json.
// usage: node bench/gateway.ts [--seconds N] [--rows N] [--queries N] [--ingests N] [--batch N]
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, homedir, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import autocannon, { type Result } from 'autocannon';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rows: { type: 'string', default: '100000' },
    queries: { type: 'string', default: '64' },
    ingests: { type: 'string', default: '8' },
    batch: { type: 'string', default: '1000' },
  },
});
const seconds = Number(values.seconds);
const batch = Number(values.batch);
const judges = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache/lakebook-ci');
const here = import.meta.dirname;
const work = mkdtempSync(path.join(tmpdir(), 'lakebook-bench-gateway-'));

interface Gateway {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly process: ChildProcess;
}

interface Numbers {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly errors: number;
}

interface Measured {
  /** Processor time of the server while it was measured, a request, in milliseconds. */
  readonly cpuMs: number;
  readonly query: Numbers;
  readonly ingest: Numbers;
  readonly rowsSent: number;
  readonly rowsFound: number;
}

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function started(child: ChildProcess, url: string): Promise<void> {
  let output = '';
  child.stderr?.on('data', data => (output += data));
  for (let tries = 0; tries < 1200; tries++) {
    if (child.exitCode !== null) throw new Error(`it ended: ${output}`);
    try {
      if ((await fetch(`${url}/healthz`)).ok) return;
    } catch {
      // It isn't there yet.
    }
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  throw new Error(`nothing answers at ${url}: ${output}`);
}

async function startOurs(folder: string): Promise<Gateway> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [path.join(here, '../dist/gateway.mjs'), '--port', String(port), '--lake', folder, '--quiet'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  await started(child, url);
  const tokens = JSON.parse(readFileSync(path.join(folder, '.lakebook/gateway-tokens.json'), 'utf8'));
  return { name: 'Lakebook', url, headers: { authorization: `Bearer ${tokens.write}` }, process: child };
}

async function startPeer(folder: string): Promise<Gateway> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ['gateway_peer:app', '--app-dir', here, '--port', String(port), '--log-level', 'error'];
  const child = spawn(path.join(judges, 'gateway-venv/bin/uvicorn'), args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LAKE_DIR: folder },
  });
  await started(child, url);
  return { name: 'FastAPI + DuckDB + PyIceberg', url, headers: {}, process: child };
}

function csv(rows: number, from = 0): string {
  const lines = ['id,amount,category'];
  for (let i = from; i < from + rows; i++) lines.push(`${i},${((i % 1000) / 8).toFixed(3)},c${i % 20}`);
  return `${lines.join('\n')}\n`;
}

/** The form that both take. */
function form(text: string): { readonly body: string; readonly type: string } {
  const body = `--boundary\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\nContent-Type: text/csv\r\n\r\n${text}\r\n--boundary--\r\n`;
  return { body, type: 'multipart/form-data; boundary=boundary' };
}

async function ingest(gateway: Gateway, table: string, text: string): Promise<void> {
  const { body, type } = form(text);
  const response = await fetch(
    `${gateway.url}/ingest/${table}${gateway.name === 'Lakebook' ? '?create=true' : ''}`,
    {
      method: 'POST',
      headers: { ...gateway.headers, 'content-type': type },
      body,
    },
  );
  if (!response.ok) throw new Error(`${gateway.name}: ${response.status} ${await response.text()}`);
}

async function count(gateway: Gateway, table: string): Promise<number> {
  const sql = encodeURIComponent(`SELECT count(*) FROM ${table}`);
  const response = await fetch(`${gateway.url}/query?sql=${sql}`, { headers: gateway.headers });
  const { rows } = (await response.json()) as { rows: number[][] };
  return rows[0]![0]!;
}

function numbers(result: Result): Numbers {
  const { latency, requests, errors, timeouts, non2xx } = result;
  return {
    requests: requests.total,
    perSecond: requests.total / result.duration,
    p50: latency.p50,
    p99: latency.p99,
    max: latency.max,
    errors: errors + timeouts + non2xx,
  };
}

/** What Linux has counted for a process: hundredths of a second in user and system mode. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const dashboard =
  'SELECT category, count(*) AS n, sum(amount) AS total FROM sales GROUP BY category ORDER BY category';
/** One in three requests asks what a dashboard asks again and again; the others look for some row. */
const queries = [
  () => dashboard,
  () => `SELECT * FROM sales WHERE id = ${Math.floor(Math.random() * Number(values.rows))}`,
  () =>
    `SELECT max(amount), count(*) FROM sales WHERE id < ${Math.floor(Math.random() * Number(values.rows))}`,
];
const queryPath = (sql: string) => `/query?sql=${encodeURIComponent(sql)}`;

async function measure(gateway: Gateway): Promise<Measured> {
  await ingest(gateway, 'sales', csv(Number(values.rows)));
  await ingest(gateway, 'events', csv(1));
  // Warm caches on both sides.
  for (const sql of queries) {
    await (await fetch(gateway.url + queryPath(sql()), { headers: gateway.headers })).text();
  }
  const upload = form(csv(batch));
  const cpuBefore = processorMs(gateway.process.pid!);
  const common = { url: gateway.url, duration: seconds, timeout: 120 };
  const [query, ingested] = await Promise.all([
    autocannon({
      ...common,
      connections: Number(values.queries),
      requests: queries.map(sql => ({
        method: 'GET' as const,
        path: queryPath(sql()),
        headers: { ...gateway.headers },
        setupRequest: request => ({ ...request, path: queryPath(sql()) }),
      })),
    }),
    autocannon({
      ...common,
      connections: Number(values.ingests),
      requests: [
        {
          method: 'POST',
          path: '/ingest/events',
          headers: { ...gateway.headers, 'content-type': upload.type },
          body: upload.body,
        },
      ],
    }),
  ]);
  const cpuAfter = processorMs(gateway.process.pid!);
  // Uploads under way at the end may be applied without an answer that was counted: the server finishes them first.
  await new Promise(resolve => setTimeout(resolve, 3000));
  const rowsFound = await count(gateway, 'events');
  const rowsSent = 1 + ingested['2xx'] * batch;
  const cpuMs = (cpuAfter - cpuBefore) / (query.requests.total + ingested.requests.total);
  return { cpuMs, query: numbers(query), ingest: numbers(ingested), rowsSent, rowsFound };
}

const results: Record<string, Measured> = {};
try {
  for (const start of [startOurs, startPeer]) {
    const folder = path.join(work, start.name);
    mkdirSync(path.join(folder, 'warehouse'), { recursive: true });
    writeFileSync(
      path.join(folder, 'lakebook.json'),
      JSON.stringify({
        catalog: { type: 'sqlite', uri: 'catalog.db', name: 'lake' },
        warehouse: 'warehouse',
      }),
    );
    const gateway = await start(folder);
    try {
      results[gateway.name] = await measure(gateway);
      console.error(gateway.name, JSON.stringify(results[gateway.name]));
    } finally {
      gateway.process.kill('SIGTERM');
      await new Promise(resolve => gateway.process.once('exit', resolve));
    }
  }
  const line = (name: string, kind: 'query' | 'ingest') => {
    const { perSecond, p50, p99, max, errors, requests } = results[name]![kind];
    return `| ${kind} | ${name} | ${requests} | ${perSecond.toFixed(1)} | ${p50} | ${p99} | ${max} | ${errors} |`;
  };
  const names = Object.keys(results);
  const [ours, peer] = names.map(name => results[name]!) as [Measured, Measured];
  const ratio = (kind: 'query' | 'ingest') => (ours[kind].perSecond / peer[kind].perSecond).toFixed(1);
  const missing = (measured: Measured) => Math.max(0, measured.rowsSent - measured.rowsFound);
  console.log(
    [
      `${values.queries} clients querying ${Number(values.rows).toLocaleString('en')} rows and ${values.ingests} ingesting files of ${batch} rows, ${seconds} s each; ${cpus().length} cores (${cpus()[0]!.model}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB; Node ${process.version}.`,
      '',
      '| requests | gateway | answered | a second | p50 ms | p99 ms | max ms | errors |',
      '|---|---|---:|---:|---:|---:|---:|---:|',
      ...names.flatMap(name => [line(name, 'query'), line(name, 'ingest')]),
      '',
      `Times as many requests a second: queries ${ratio('query')}, ingests ${ratio('ingest')}. Rows of answered uploads that were missing afterwards: ${missing(ours)} and ${missing(peer)}.`,
    ].join('\n'),
  );
  mkdirSync(path.join(here, 'results'), { recursive: true });
  writeFileSync(
    path.join(here, 'results/gateway.json'),
    `${JSON.stringify({ seconds, batch, results }, null, 1)}\n`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
