// A million rows of Trino: into Lakebook's results beside Trino's own command line, the same query on the same server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDb } from '../src/engine/duckdb.ts';
import { RemoteStream } from '../src/engine/remote/remote-stream.ts';
import { TrinoEngine } from '../src/engine/remote/trino/trino-engine.ts';
import { ResultSet } from '../src/engine/result-set.ts';
import { ResultStore } from '../src/engine/result-store.ts';
import { javaBinary, TrinoServer, trinoFolder } from '../test/engines/trino/trino-server.ts';
import { startLakeServer } from '../test/storage/s3/lake-server.ts';

export interface Measurement {
  /** How rows travel: `in answers` or `in segments`. */
  readonly name: string;
  /** Seconds for each run. */
  readonly seconds: Readonly<Record<string, readonly number[]>>;
}

/** @returns times by how rows travel; the servers are started and ended */
export async function measureTrino(rows: number, rounds: number): Promise<Measurement[]> {
  const query = `SELECT orderkey, custkey, orderstatus, totalprice, orderdate, clerk, shippriority, comment
FROM tpch.sf1.orders LIMIT ${rows}`;
  const found: Measurement[] = [];
  for (const spooled of [false, true]) {
    const work = mkdtempSync(path.join(tmpdir(), 'lakebook-bench-engines-'));
    const { minio, stop } = await startLakeServer();
    const s3 = {
      's3.endpoint': minio.endpoint,
      's3.region': 'us-east-1',
      's3.path-style-access': 'true',
      's3.aws-access-key': minio.accessKey,
      's3.aws-secret-key': minio.secretKey,
    };
    const server = await TrinoServer.start(
      spooled ? { spooling: { location: 's3://lakes/spooling/', s3 } } : {},
    );
    const duckdb = await DuckDb.open({ tempDirectory: path.join(work, 'temp'), memoryLimit: '1GB' });
    const store = await ResultStore.open(duckdb);
    const engine = new TrinoEngine({ uri: server.uri, user: 'bench', catalog: 'system' });
    const ours = async () => {
      const start = performance.now();
      const stopping = new AbortController();
      const answer = await engine.query(query, { signal: stopping.signal });
      const result = await ResultSet.open(new RemoteStream(answer, stopping), store);
      const count = await result.finished();
      const seconds = (performance.now() - start) / 1000;
      if (count !== rows) throw new Error(`${count} rows in place of ${rows}`);
      await result.close();
      return seconds;
    };
    try {
      for await (const _ of (await engine.query('CREATE CATALOG tpch USING tpch')).batches);
      const seconds: Record<string, number[]> = { Lakebook: [], 'trino, rows dropped': [], 'trino, CSV': [] };
      // Both once before, for the servers' and the clients' own compilers.
      await ours();
      for (let round = 0; round < rounds; round++) {
        seconds.Lakebook!.push(await ours());
        seconds['trino, rows dropped']!.push(await commandLine(server.uri, query, 'NULL', spooled));
        seconds['trino, CSV']!.push(await commandLine(server.uri, query, 'CSV_UNQUOTED', spooled));
      }
      found.push({ name: spooled ? 'in segments' : 'in answers', seconds });
    } finally {
      await engine.close();
      await store.close();
      await duckdb.close();
      await server.stop();
      await stop();
      rmSync(work, { recursive: true, force: true });
    }
  }
  return found;
}

/** Seconds for one more run of the query in a command line that runs already: its start isn't counted. */
async function commandLine(uri: string, query: string, format: string, spooled: boolean): Promise<number> {
  const first = await runs(uri, query, format, spooled, 1);
  return ((await runs(uri, query, format, spooled, 3)) - first) / 2;
}

async function runs(
  uri: string,
  query: string,
  format: string,
  spooled: boolean,
  times: number,
): Promise<number> {
  const start = performance.now();
  const statements = Array.from({ length: times }, () => `${query};`).join('\n');
  const child = spawn(
    javaBinary(),
    [
      '-Xmx1G',
      '-jar',
      path.join(trinoFolder(), 'trino-cli.jar'),
      `--server=${uri}`,
      '--user=bench',
      `--output-format=${format}`,
      ...(spooled ? ['--encoding=json+zstd'] : []),
      `--execute=${statements}`,
    ],
    { stdio: ['ignore', openSync('/dev/null', 'w'), 'pipe'] },
  );
  let errors = '';
  child.stderr!.setEncoding('utf8').on('data', text => {
    errors += text;
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`Trino's command line failed: ${errors}`);
  return (performance.now() - start) / 1000;
}
