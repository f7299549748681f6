// A million rows of Spark: into Lakebook's results beside PySpark's own client, the same query on the same server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DuckDb } from '../src/engine/duckdb.ts';
import { RemoteStream } from '../src/engine/remote/remote-stream.ts';
import { SparkEngine } from '../src/engine/remote/spark/spark-engine.ts';
import { ResultSet } from '../src/engine/result-set.ts';
import { ResultStore } from '../src/engine/result-store.ts';
import { SparkServer, sparkPython } from '../test/engines/spark/server.ts';

/** What PySpark's client makes of the rows: Arrow's arrays, data frames, or an object a row, as for printing them. */
export const sparkForms = ['toArrow', 'toPandas', 'collect'] as const;

/** Seconds of each run. */
export type SparkMeasurement = Readonly<Record<'Lakebook' | (typeof sparkForms)[number], number[]>>;

/** Rows like those of TPC-H's orders. */
const orders = (rows: number) => `SELECT id * 4 AS orderkey, id % 150000 AS custkey,
  element_at(array('F', 'O', 'P'), CAST(id % 3 AS INT) + 1) AS orderstatus,
  CAST(id % 500000 / 100 AS DECIMAL(15,2)) AS totalprice, date_add(DATE '1992-01-01', CAST(id % 2400 AS INT)) AS orderdate,
  concat('Clerk#', lpad(CAST(id % 1000 AS STRING), 9, '0')) AS clerk, CAST(0 AS INT) AS shippriority,
  substr(sha2(CAST(id AS STRING), 512), 1, 20 + CAST(id % 60 AS INT)) AS comment
FROM range(0, ${rows}, 1, 2)`;

/** The server is started and ended. @throws when scripts/spark-peer.sh wasn't run */
export async function measureSpark(rows: number, rounds: number): Promise<SparkMeasurement> {
  const clientFolder = sparkClient();
  const work = mkdtempSync(path.join(tmpdir(), 'lakebook-bench-spark-'));
  const server = await SparkServer.start();
  const duckdb = await DuckDb.open({ tempDirectory: path.join(work, 'temp'), memoryLimit: '1GB' });
  const store = await ResultStore.open(duckdb);
  const engine = new SparkEngine({ url: server.url, catalog: 'spark_catalog' });
  const peer = spawn(sparkPython, [path.join(import.meta.dirname, 'spark_peer.py'), server.url], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONPATH: clientFolder },
  });
  const lines = createInterface({ input: peer.stdout! })[Symbol.asyncIterator]();
  const query = 'SELECT * FROM orders';
  const ours = async () => {
    const start = performance.now();
    const stop = new AbortController();
    const answer = await engine.query(query, { signal: stop.signal });
    const result = await ResultSet.open(new RemoteStream(answer, stop), store);
    const count = await result.finished();
    const seconds = (performance.now() - start) / 1000;
    if (count !== rows) throw new Error(`${count} rows in place of ${rows}`);
    await result.close();
    return seconds;
  };
  const theirs = async (form: (typeof sparkForms)[number]) => {
    peer.stdin!.write(`${JSON.stringify({ query, as: form })}\n`);
    const answer = JSON.parse(String((await lines.next()).value)) as { seconds: number; rows: number };
    if (answer.rows !== rows) throw new Error(`${answer.rows} rows in place of ${rows}`);
    return answer.seconds;
  };
  try {
    for await (const _ of (await engine.query(`CREATE TABLE orders USING parquet AS ${orders(rows)}`))
      .batches);
    if ((await lines.next()).value !== 'ready') throw new Error('PySpark’s client does not start');
    const measured: SparkMeasurement = { Lakebook: [], toArrow: [], toPandas: [], collect: [] };
    // Both before, for the compilers of the server and the clients.
    for (let round = 0; round < 3; round++) {
      await ours();
      for (const form of sparkForms) await theirs(form);
    }
    for (let round = 0; round < rounds; round++) {
      measured.Lakebook.push(await ours());
      for (const form of sparkForms) measured[form].push(await theirs(form));
    }
    return measured;
  } finally {
    peer.stdin!.end();
    if (peer.exitCode === null) await once(peer, 'exit');
    await engine.close();
    await store.close();
    await duckdb.close();
    await server.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

function sparkClient(): string {
  const cache = process.env.LAKEBOOK_JUDGES ?? path.join(homedir(), '.cache', 'lakebook-ci');
  const name = existsSync(cache)
    ? readdirSync(cache).find(entry => entry.startsWith('spark-client-'))
    : undefined;
  if (name === undefined) throw new Error('PySpark’s client is missing: run scripts/spark-peer.sh first');
  return path.join(cache, name);
}
