// Keeps the servers of this suite running, for writing tests against them. usage: node test/engines/spark/serve.ts
import { startServers } from './global-setup.ts';

const { servers, stop } = await startServers();
const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'LAKEBOOK_S3_ENDPOINT', 'LAKEBOOK_CACHE_DIR'];
for (const name of names) console.log(`export ${name}='${process.env[name]}'`);
console.log(`export LAKEBOOK_TEST_SPARK='${JSON.stringify(servers)}'`);
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void stop().then(() => process.exit(0)));
