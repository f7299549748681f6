import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { RestServer } from '../../catalog/rest/rest-server.ts';
import { startLakeServer } from '../../storage/s3/lake-server.ts';
import { restCatalog, SparkServer, sqliteCatalog } from './server.ts';

/** What the tests' processes are told of the servers. */
export interface SparkServers {
  /** Spark's connection string. */
  readonly url: string;
  /** Address of Spark's web interface. */
  readonly ui: string;
  /** Folder of the lake that Spark has as the catalog `lake`: a folder with a SQLite catalog. */
  readonly folder: string;
  /** The lake that Spark has as the catalog `rest`: in a bucket, behind Iceberg's own REST catalog server. */
  readonly rest: { readonly uri: string; readonly warehouse: string };
}

declare module 'vitest' {
  interface ProvidedContext {
    spark: SparkServers;
  }
}

/**
 * vitest's global setup: one Spark, MinIO and REST catalog for all files of the suite. LAKEBOOK_TEST_SPARK describes
 * servers that run already (test/engines/spark/serve.ts), which saves their start while writing tests.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = process.env.LAKEBOOK_TEST_SPARK;
  if (running !== undefined) {
    project.provide('spark', JSON.parse(running) as SparkServers);
    return async () => {};
  }
  const { servers, stop } = await startServers();
  project.provide('spark', servers);
  return stop;
}

/** Starts everything; what else processes need to find the bucket is put into the environment. */
export async function startServers(): Promise<{ servers: SparkServers; stop: () => Promise<void> }> {
  const ends: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-spark-lake-'));
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    const db = path.join(folder, 'catalog.db');
    const warehouse = path.join(folder, 'warehouse');
    mkdirSync(warehouse);
    writeFileSync(
      path.join(folder, 'lakebook.json'),
      JSON.stringify({ catalog: { type: 'sqlite', uri: db, name: 'lake' }, warehouse }),
    );
    const { minio, stop: stopMinio } = await startLakeServer();
    ends.push(stopMinio);
    const restServer = await RestServer.start(minio);
    ends.push(() => restServer.stop());
    const bucket = 's3://lakes/spark';
    const rest = { uri: restServer.uri(bucket), warehouse: bucket };
    const spark = await SparkServer.start({
      ...sqliteCatalog('lake', db, warehouse),
      ...restCatalog('rest', rest.uri, rest.warehouse, minio),
    });
    ends.push(() => spark.stop());
    return { servers: { url: spark.url, ui: spark.ui, folder, rest }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
