import { TrinoEngine } from '../../../src/engine/remote/trino/trino-engine.ts';
import { RestServer } from '../../catalog/rest/rest-server.ts';
import { startLakeServer } from '../../storage/s3/lake-server.ts';
import { TrinoServer } from './trino-server.ts';

/** One MinIO, one REST catalog server over it and one Trino for all files; tests find them in their environment. */
export async function setup(): Promise<() => Promise<void>> {
  // Whoever writes tests keeps them running.
  if (process.env.LAKEBOOK_TEST_TRINO_URI) return async () => {};
  const ends: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of ends.reverse()) await end();
  };
  try {
    const lake = await startLakeServer();
    ends.push(lake.stop);
    const { minio } = lake;
    const s3 = {
      's3.endpoint': minio.endpoint,
      's3.region': 'us-east-1',
      's3.path-style-access': 'true',
      's3.aws-access-key': minio.accessKey,
      's3.aws-secret-key': minio.secretKey,
    };
    const starting = [
      TrinoServer.start({ spooling: { location: 's3://lakes/spooling/', s3 } }),
      RestServer.start(minio),
    ] as const;
    // Both, also when one fails: what has started has to be ended.
    for (const server of await Promise.allSettled(starting)) {
      if (server.status === 'fulfilled') ends.push(() => server.value.stop());
    }
    const [trino, rest] = await Promise.all(starting);
    await makeSampleCatalog(trino.uri);
    process.env.LAKEBOOK_TEST_REST_PORT = String(rest.port);
    process.env.LAKEBOOK_TEST_TRINO_URI = trino.uri;
    process.env.LAKEBOOK_TEST_TRINO_S3 = JSON.stringify(s3);
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The catalog `tpch`, whose tables Trino makes up: rows of any number without a file. */
async function makeSampleCatalog(uri: string): Promise<void> {
  const engine = new TrinoEngine({ uri, user: 'judge', catalog: 'system' });
  for await (const _ of (await engine.query('CREATE CATALOG tpch USING tpch')).batches);
  await engine.close();
}
