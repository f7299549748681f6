// The short mode for CI: what Lakebook adds to the engine it stands on, as ratios of processor time in one process, beside
// those of bench/baseline.json. Fails when a ratio got worse by more than a fifth in every one of several attempts.
// usage: node bench/short.ts [--attempts 4] [--update]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import avsc from 'avsc';
import { openLake } from '../src/catalog/open-lake.ts';
import { EngineSession } from '../src/engine/index.ts';
import { alwaysTrue } from '../src/iceberg/expression.ts';
import { snapshotManifests } from '../src/iceberg/manifest-list.ts';
import { currentSnapshot, type TableMetadata } from '../src/iceberg/metadata.ts';
import { planScan } from '../src/iceberg/scan.ts';
import { LocalStorage } from '../src/storage/local.ts';
import type { Storage } from '../src/storage/storage.ts';
import { median } from './queries/run.ts';
import { createTable, ingest, upsert } from './verbs.ts';

const { values } = parseArgs({
  options: { attempts: { type: 'string', default: '4' }, update: { type: 'boolean', default: false } },
});
const allowed = 1.2;
const rows = 400_000;
const baselineFile = path.join(import.meta.dirname, 'baseline.json');
const work = mkdtempSync(path.join(tmpdir(), 'lakebook-short-'));

/** Processor seconds of all threads: what other work on the machine disturbs least. */
async function cpu(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** The median ratio of pairs, taken in turns so that a drift of the machine meets both. */
async function ratio(
  pairs: number,
  ours: () => Promise<unknown>,
  other: () => Promise<unknown>,
): Promise<number> {
  const ratios: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const own = await cpu(ours);
    ratios.push(own / (await cpu(other)));
  }
  return median(ratios);
}

async function rowsOf(session: EngineSession, sql: string): Promise<void> {
  const outcome = (await session.execute(sql)).at(-1);
  if (outcome?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  await outcome.result.finished();
  await outcome.result.close();
}

const lake = await openLake(work);
const session = await EngineSession.open({ lake, workingDirectory: work, threads: 2 });
const { duckdb } = session;

const measures: Readonly<Record<string, () => Promise<number>>> = {
  /** A full aggregate, beside DuckDB on the same files. */
  aggregate: async () => {
    const query = (from: string) =>
      `SELECT category, count(*), sum(amount), max(sold_at) FROM ${from} GROUP BY category`;
    const files = `read_parquet('${work}/.lakebook/warehouse/default/large/data/*.parquet')`;
    return ratio(
      7,
      () => rowsOf(session, query('large')),
      () => duckdb.rows(query(files)),
    );
  },
  /** CSV into a table, beside DuckDB's COPY into Parquet. */
  ingest: async () =>
    ratio(
      3,
      async () => {
        await createTable(session);
        await ingest(session, 'data.csv');
        await session.execute('DROP TABLE sales PURGE');
      },
      () =>
        duckdb.run(
          `COPY (FROM read_csv('${work}/data.csv')) TO '${work}/copy.parquet' (FORMAT parquet, COMPRESSION zstd)`,
        ),
    ),
  /** An upsert of 1 % of the keys, beside reading the keys of the table twice. */
  upsert: async () => {
    await createTable(session);
    await ingest(session, 'data.csv');
    const measured = await ratio(
      3,
      () => upsert(session, 'changes.csv'),
      () => duckdb.rows(`SELECT count(*), sum(hash(id)) FROM read_csv('${work}/data.csv')`),
    );
    await session.execute('DROP TABLE sales PURGE');
    return measured;
  },
  /** Planning a table of many manifests, beside decoding them with avsc. */
  planning: async () => {
    const { metadata } = await lake.catalog.loadTable({ namespace: ['default'], name: 'many' });
    const manifests = await manifestBytes(metadata, lake.storage);
    return ratio(
      5,
      // What was decoded is kept with the storage: a new one knows nothing.
      () => planScan({ metadata, filter: alwaysTrue, io: new LocalStorage() }),
      () => Promise.all(manifests.map(decode)),
    );
  },
};

async function manifestBytes(metadata: TableMetadata, storage: Storage): Promise<Uint8Array[]> {
  const manifests = await snapshotManifests(storage, currentSnapshot(metadata)!);
  return Promise.all(manifests.map(({ manifestPath }) => storage.read(manifestPath)));
}

/** Longs as bigint: snapshot ids are beyond what a number holds. */
const long = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

function decode(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const decoder = new avsc.streams.BlockDecoder({
      parseHook: schema => avsc.Type.forSchema(schema, { registry: { long } }),
    });
    decoder.on('data', () => undefined);
    decoder.on('end', resolve);
    decoder.on('error', reject);
    decoder.end(Buffer.from(bytes));
  });
}

async function makeTables(): Promise<void> {
  const select = (from: number, count: number, amount: string) => `SELECT i AS id, ${amount} AS amount,
    DATE '2020-01-01' + (hash(i) % 2000)::INT AS sold_at, printf('c%03d', (hash(i * 7) % 100)::INT) AS category FROM range(${from}, ${from + count}) r(i)`;
  const amount = '((hash(i * 3) % 1000000) / 100)::DECIMAL(10,2)';
  await duckdb.run(`COPY (${select(0, rows, amount)}) TO '${work}/data.csv' (HEADER)`);
  await duckdb.run(
    `COPY (${select(rows - rows / 200, rows / 100, '7.77::DECIMAL(10,2)')}) TO '${work}/changes.csv' (HEADER)`,
  );
  await session.execute(`CREATE TABLE large AS ${select(0, 4 * rows, amount)};
    CREATE TABLE many (id BIGINT, name VARCHAR, amount DOUBLE) PARTITIONED BY (bucket(50, id))
      TBLPROPERTIES ('commit.manifest-merge.enabled' = 'false')`);
  for (let n = 0; n < 20; n++) {
    await session.execute(
      `INSERT INTO many SELECT i, 'name ' || i, i / 3 FROM range(${n * 1000}, ${n * 1000 + 1000}) r(i)`,
    );
  }
}

try {
  await makeTables();
  const baseline = JSON.parse(readFileSync(baselineFile, 'utf8')) as Record<string, number>;
  const best: Record<string, number> = {};
  for (const [name, measure] of Object.entries(measures)) {
    for (let attempt = 0; attempt < Number(values.attempts); attempt++) {
      best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, await measure());
      if (!values.update && best[name] <= baseline[name]! * allowed) break;
    }
    console.log(`${name.padEnd(10)} ${best[name]!.toFixed(2)}, ${baseline[name] ?? 'nothing'} before`);
  }
  if (values.update) {
    const rounded = Object.fromEntries(
      Object.entries(best).map(([name, value]) => [name, Number(value.toFixed(2))]),
    );
    writeFileSync(baselineFile, `${JSON.stringify(rounded, undefined, 2)}\n`);
  } else {
    const worse = Object.keys(best).filter(name => best[name]! > baseline[name]! * allowed);
    if (worse.length > 0) {
      console.error(
        `Worse than before by more than a fifth: ${worse.join(', ')}. Where that is meant, \`node bench/short.ts --update\` writes it down.`,
      );
      process.exitCode = 1;
    }
  }
} finally {
  await session.close();
  await lake.close();
  rmSync(work, { recursive: true, force: true });
}
