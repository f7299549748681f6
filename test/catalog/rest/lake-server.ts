import { startLakeServer } from '../../storage/s3/lake-server.ts';
import { RestServer } from './rest-server.ts';

/** One MinIO and one REST server over it for all files of the suite; the tests' processes find them in their environment. */
export async function setup(): Promise<() => Promise<void>> {
  const { minio, stop } = await startLakeServer();
  const rest = await RestServer.start(minio).catch(async error => {
    await stop();
    throw error;
  });
  process.env.LAKEBOOK_TEST_REST_PORT = String(rest.port);
  return async () => {
    await rest.stop();
    await stop();
  };
}
