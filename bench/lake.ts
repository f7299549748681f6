// 10 million rows of CSV (id, decimal, date, category): ingest, full-table aggregate, upsert of 100,000 keys and a
// delete of 1%, beside PyIceberg on the same machine in the same run. Prints Markdown; writes results/lake.json.
// usage: node bench/lake.ts [--rows N] [--peer-timeout SECONDS]
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, homedir, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { build } from 'esbuild';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    'peer-timeout': { type: 'string', default: '1800' },
  },
});
const rows = Number(values.rows);
const python = path.join(
  process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache/lakebook-ci'),
  'venv/bin/python',
);
const here = import.meta.dirname;
/** What is measured is bundled, as what users run is. */
const bundle = path.join(here, '../dist/bench/ours.mjs');
const work = mkdtempSync(path.join(tmpdir(), 'lakebook-bench-'));

interface Measured {
  seconds: number;
  peakMiB: number;
  answer: unknown;
  timedOut?: boolean;
}

function measure(command: string, args: string[], timeout?: number): Measured {
  const start = performance.now();
  const result = spawnSync(command, args, { encoding: 'utf8', timeout, maxBuffer: 1 << 28 });
  if (result.error && 'code' in result.error && result.error.code === 'ETIMEDOUT') {
    return {
      seconds: (performance.now() - start) / 1000,
      peakMiB: Number.NaN,
      answer: undefined,
      timedOut: true,
    };
  }
  if (result.status !== 0) throw new Error(`${args.join(' ')} failed:\n${result.stderr}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1)!) as Measured;
}

async function makeData(folders: string[]): Promise<void> {
  const db = await DuckDBInstance.create();
  const connection = await db.connect();
  const select = (from: number, count: number, amount: string) => `
    SELECT i AS id, ${amount} AS amount, DATE '2020-01-01' + (hash(i) % 2000)::INT AS sold_at,
      printf('c%03d', (hash(i * 7) % 100)::INT) AS category FROM range(${from}, ${from + count}) r(i)`;
  const changes = Math.round(rows / 100);
  const [first, ...others] = folders;
  await connection.run(
    `COPY (${select(0, rows, '((hash(i * 3) % 1000000) / 100)::DECIMAL(10,2)')}) TO '${first}/data.csv' (HEADER)`,
  );
  // Half of the changed keys exist, spread over one range as late corrections are; half are new.
  await connection.run(
    `COPY (${select(rows - changes / 2, changes, '7.77::DECIMAL(10,2)')}) TO '${first}/changes.csv' (HEADER)`,
  );
  connection.closeSync();
  for (const folder of others) {
    for (const name of ['data.csv', 'changes.csv']) {
      spawnSync('ln', [`${first}/${name}`, `${folder}/${name}`]);
    }
  }
}

const ours = path.join(work, 'ours');
const theirs = path.join(work, 'theirs');
for (const folder of [ours, theirs]) mkdirSync(folder);
try {
  await build({
    entryPoints: [path.join(here, 'ours.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    external: ['@duckdb/*', 'better-sqlite3'],
    banner: {
      js: "import { createRequire as createRequireForBundle } from 'node:module'; const require = createRequireForBundle(import.meta.url);",
    },
  });
  await makeData([ours, theirs]);
  writeFileSync(
    path.join(ours, 'lakebook.json'),
    JSON.stringify({ catalog: { type: 'sqlite', uri: 'catalog.db', name: 'lake' }, warehouse: 'warehouse' }),
  );
  const peerTimeout = Number(values['peer-timeout']) * 1000;
  const run = (step: string, repeats = 1) => measure(process.execPath, [bundle, step, ours, String(repeats)]);
  const peer = (step: string) => measure(python, [path.join(here, 'peer.py'), step, theirs], peerTimeout);
  const results: Record<string, { ours: Measured; peer: Measured }> = {};
  const compare = (step: string) => {
    results[step] = { ours: run(step), peer: peer(step) };
    console.error(step, JSON.stringify(results[step]));
  };
  compare('ingest');
  compare('aggregate');
  // Medians of seven in a warm process, before there are delete files that DuckDB alone knows nothing of.
  const aggregate = run('aggregate', 7);
  const plain = run('plain', 7);
  compare('upsert');
  compare('delete');

  const ratio = (a: number, b: number) => (b / a).toFixed(b / a < 10 ? 2 : 0);
  const size = (statSync(`${ours}/data.csv`).size / 2 ** 20).toFixed(0);
  const lines = [
    `${rows.toLocaleString('en')} rows, ${size} MiB of CSV; ${cpus().length} cores (${cpus()[0]!.model}), ${(totalmem() / 2 ** 30).toFixed(0)} GiB; Node ${process.version}.`,
    '',
    '| step | Lakebook s | PyIceberg s | times faster | Lakebook MiB | PyIceberg MiB | share of memory |',
    '|---|---:|---:|---:|---:|---:|---:|',
    ...Object.entries(results).map(
      ([step, { ours: a, peer: b }]) =>
        `| ${step} | ${a.seconds.toFixed(2)} | ${b.timedOut ? '> ' : ''}${b.seconds.toFixed(2)} | ${b.timedOut ? '> ' : ''}${ratio(a.seconds, b.seconds)} | ` +
        `${a.peakMiB.toFixed(0)} | ${b.timedOut ? '?' : b.peakMiB.toFixed(0)} | ${b.timedOut ? '?' : (a.peakMiB / b.peakMiB).toFixed(2)} |`,
    ),
    '',
    `Full-table aggregate beside DuckDB on the same files: ${aggregate.seconds.toFixed(3)} s and ${plain.seconds.toFixed(3)} s, ratio ${(aggregate.seconds / plain.seconds).toFixed(2)}.`,
  ];
  console.log(lines.join('\n'));
  mkdirSync(path.join(here, 'results'), { recursive: true });
  writeFileSync(
    path.join(here, 'results/lake.json'),
    `${JSON.stringify({ rows, results, aggregate, plain }, (key, value) => (key === 'answer' ? undefined : value), 1)}\n`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
