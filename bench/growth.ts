// How cost grows: rows (1e5 to 1e8), files (10 to 1e5), snapshots (1 to 1e4) and columns (10 to 2,000), each beside its
// peer. Prints Markdown; writes results/growth.json and the plots docs/plots/growth-*.svg.
// usage: node bench/growth.ts [--most-rows 100000000] [--most-files 100000] [--largest 10000000]
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, homedir, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openLake } from '../src/catalog/open-lake.ts';
import { EngineSession } from '../src/engine/index.ts';
import { alwaysTrue } from '../src/iceberg/expression.ts';
import { encodeTableMetadata, parseTableMetadata } from '../src/iceberg/metadata-json.ts';
import { planScan } from '../src/iceberg/scan.ts';
import { type Series, writePlot } from './plot.ts';
import { bundleEngines, runEngine } from './queries/run.ts';
import type { QuerySpec } from './queries/spec.ts';

const { values } = parseArgs({
  options: {
    'most-rows': { type: 'string', default: '100000000' },
    'most-files': { type: 'string', default: '100000' },
    /** Files of the largest table of metadata alone, for what one machine can plan. */
    largest: { type: 'string', default: '10000000' },
  },
});
const threads = cpus().length;
const python = path.join(
  process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache/lakebook-ci'),
  'venv/bin/python',
);
const here = import.meta.dirname;
const work = mkdtempSync(path.join(tmpdir(), 'lakebook-growth-'));

interface Point {
  readonly size: number;
  /** Seconds by what was measured. */
  readonly seconds: Readonly<Record<string, number>>;
}

const powers = (from: number, to: number) => {
  const all: number[] = [];
  for (let size = from; size <= to; size *= 10) all.push(size);
  return all;
};

async function time(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

/** A table made by one statement, and queries on it here and by DuckDB on the same files. */
async function queried(size: number, select: string, query: string): Promise<Point> {
  const folder = mkdtempSync(path.join(work, 'lake-'));
  const lake = await openLake(folder);
  const session = await EngineSession.open({ lake, workingDirectory: folder, threads });
  const write = await time(() => session.execute(`CREATE TABLE t AS ${select}`));
  const plain = path.join(folder, 'plain.parquet');
  const copy = await time(() =>
    session.duckdb.rows(`COPY (${select}) TO '${plain}' (FORMAT parquet, COMPRESSION zstd)`),
  );
  rmSync(plain);
  const { metadataLocation } = await lake.catalog.loadTable({ namespace: ['default'], name: 't' });
  await session.close();
  await lake.close();
  const parquet = `${folder}/.lakebook/warehouse/default/t/data/*.parquet`;
  const spec: QuerySpec = {
    lake: folder,
    tables: { t: { metadata: metadataLocation, parquet } },
    queries: [query],
    repeats: 4,
    threads,
  };
  const warm = (engine: 'ours' | 'plain') => Math.min(...runEngine(engine, spec, work).seconds[0]!.slice(1));
  const seconds = {
    'write, Lakebook': write,
    'write, DuckDB': copy,
    'read, Lakebook': warm('ours'),
    'read, DuckDB': warm('plain'),
  };
  rmSync(folder, { recursive: true, force: true });
  return { size, seconds };
}

function planned(files: number): Point {
  const folder = mkdtempSync(path.join(work, 'planning-'));
  const manifests = Math.max(1, Math.round(files / 100));
  const perManifest = String(Math.round(files / manifests));
  const size = [String(manifests), perManifest];
  const address = lastLine(process.execPath, [path.join(here, 'planning-table.ts'), folder, ...size]);
  const ours = JSON.parse(
    lastLine(process.execPath, [
      '--no-warnings',
      path.join(here, 'planning-ours.ts'),
      address,
      'all',
      ...size,
    ]),
  ) as { seconds: number };
  const peer = JSON.parse(lastLine(python, [path.join(here, 'planning-peer.py'), address, 'True'])) as {
    seconds: number;
  };
  rmSync(folder, { recursive: true, force: true });
  return { size: files, seconds: { Lakebook: ours.seconds, PyIceberg: peer.seconds } };
}

interface Planned {
  readonly files: number;
  readonly manifests: number;
  /** By partition: one manifest is opened. */
  readonly day: { readonly seconds: number; readonly peakMiB: number };
  /** By the bounds of a column: every manifest is opened, one file is left. */
  readonly id: { readonly seconds: number; readonly peakMiB: number };
  readonly metadataMiB: number;
}

/** Planning queries of a table of so many files, whose manifests list 1,000 each. */
function plannedLarge(files: number): Planned {
  const folder = mkdtempSync(path.join(work, 'large-'));
  const size = [String(files / 1000), '1000'];
  const address = lastLine(process.execPath, [
    '--no-warnings',
    path.join(here, 'planning-table.ts'),
    folder,
    ...size,
  ]);
  const plan = (scan: string) =>
    JSON.parse(
      lastLine(process.execPath, [
        '--no-warnings',
        path.join(here, 'planning-ours.ts'),
        address,
        scan,
        ...size,
      ]),
    ) as Planned['day'];
  const bytes = Number(lastLine('du', ['-sb', folder]).split('\t')[0]);
  const result = {
    files,
    manifests: files / 1000,
    day: plan('day'),
    id: plan('id'),
    metadataMiB: bytes / 2 ** 20,
  };
  rmSync(folder, { recursive: true, force: true });
  return result;
}

function lastLine(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${args.join(' ')} failed: ${stderr}`);
  return stdout.trim().split('\n').at(-1)!;
}

async function manySnapshots(sizes: readonly number[]): Promise<Point[]> {
  const folder = mkdtempSync(path.join(work, 'lake-'));
  const lake = await openLake(folder);
  const session = await EngineSession.open({ lake, workingDirectory: folder });
  await session.execute('CREATE TABLE t AS SELECT 1 AS id');
  const { metadata } = await lake.catalog.loadTable({ namespace: ['default'], name: 't' });
  const [snapshot] = metadata.snapshots;
  const points: Point[] = [];
  for (const size of sizes) {
    const extra = Array.from({ length: size - 1 }, (_, i) => ({
      ...snapshot!,
      snapshotId: BigInt(i + 1),
      timestampMs: snapshot!.timestampMs - i - 1,
    }));
    const file = path.join(folder, `${size}.metadata.json`);
    const bytes = encodeTableMetadata({ ...metadata, snapshots: [...extra, snapshot!] }, `file://${file}`);
    writeFileSync(file, bytes);
    const runs: number[] = [];
    for (let run = 0; run < 3; run++) {
      runs.push(
        await time(async () => {
          const parsed = parseTableMetadata(bytes, `file://${file}`);
          await planScan({ metadata: parsed, filter: alwaysTrue, io: lake.storage });
        }),
      );
    }
    const peer = spawnSync(
      python,
      [
        '-c',
        'import sys,time\nfrom pyiceberg.table import StaticTable\nbest=9e9\nfor _ in range(3):\n    s=time.perf_counter(); t=StaticTable.from_metadata(sys.argv[1]); list(t.scan().plan_files()); best=min(best,time.perf_counter()-s)\nprint(best)',
        `file://${file}`,
      ],
      { encoding: 'utf8' },
    );
    if (peer.status !== 0) throw new Error(`PyIceberg failed: ${peer.stderr}`);
    points.push({ size, seconds: { Lakebook: Math.min(...runs), PyIceberg: Number(peer.stdout.trim()) } });
  }
  await session.close();
  await lake.close();
  return points;
}

function table(title: string, points: readonly Point[]): string {
  const names = Object.keys(points[0]!.seconds);
  return [
    `| ${title} | ${names.map(name => `${name} s`).join(' | ')} |`,
    `|---:|${names.map(() => '---:|').join('')}`,
    ...points.map(
      ({ size, seconds }) =>
        `| ${size.toLocaleString('en')} | ${names.map(name => seconds[name]!.toFixed(3)).join(' | ')} |`,
    ),
  ].join('\n');
}

function seriesOf(points: readonly Point[]): Series[] {
  return Object.keys(points[0]!.seconds).map(name => ({
    name,
    points: points.map(({ size, seconds }) => [size, seconds[name]!]),
  }));
}

try {
  await bundleEngines();
  const rows: Point[] = [];
  for (const size of powers(100_000, Number(values['most-rows']))) {
    rows.push(
      await queried(
        size,
        `SELECT i AS id, ((hash(i * 3) % 1000000) / 100)::DECIMAL(10,2) AS amount, printf('c%03d', (hash(i * 7) % 100)::INT) AS category FROM range(${size}) r(i)`,
        'SELECT category, count(*), sum(amount) FROM t GROUP BY category ORDER BY 1',
      ),
    );
    console.error('rows', JSON.stringify(rows.at(-1)));
  }
  const columns: Point[] = [];
  for (const size of [10, 100, 500, 1000, 2000]) {
    const list = Array.from({ length: size }, (_, n) => `(hash(i + ${n}) % 100000)::BIGINT AS c${n}`).join(
      ', ',
    );
    columns.push(
      await queried(
        size,
        `SELECT ${list} FROM range(20000) r(i)`,
        `SELECT sum(c0), max(c${size - 1}) FROM t`,
      ),
    );
    console.error('columns', JSON.stringify(columns.at(-1)));
  }
  const files: Point[] = [];
  for (const size of powers(10, Number(values['most-files']))) {
    files.push(planned(size));
    console.error('files', JSON.stringify(files.at(-1)));
  }
  const snapshots = await manySnapshots(powers(1, 10_000));
  const large = powers(100_000, Number(values.largest)).map(plannedLarge);
  const growth = { rows, files, snapshots, columns };
  const titles: Readonly<Record<keyof typeof growth, string>> = {
    rows: 'rows: writing them, and an aggregate over all',
    files: 'files: planning a full scan',
    snapshots: 'snapshots: opening the metadata and planning',
    columns: 'columns: writing 20,000 rows, and reading two columns',
  };
  const machine = `${threads} cores (${cpus()[0]!.model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  console.log(`${machine}.\n`);
  for (const [name, points] of Object.entries(growth) as [keyof typeof growth, Point[]][]) {
    console.log(`${table(titles[name], points)}\n`);
    writePlot(path.join(here, `../docs/plots/growth-${name}.svg`), {
      title: titles[name],
      x: name,
      y: 'seconds',
      series: seriesOf(points),
    });
  }
  console.log('| files | manifests | MiB of metadata | by partition s | MiB | by bounds s | MiB |');
  console.log('|---:|---:|---:|---:|---:|---:|---:|');
  for (const { files: count, manifests, metadataMiB, day, id } of large) {
    const cells = [day, id].flatMap(({ seconds, peakMiB }) => [seconds.toFixed(2), peakMiB.toFixed(0)]);
    const size = [count, manifests, Math.round(metadataMiB)].map(number => number.toLocaleString('en'));
    console.log(`| ${[...size, ...cells].join(' | ')} |`);
  }
  mkdirSync(path.join(here, 'results'), { recursive: true });
  writeFileSync(
    path.join(here, 'results/growth.json'),
    `${JSON.stringify({ machine, ...growth, large }, undefined, 1)}\n`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
