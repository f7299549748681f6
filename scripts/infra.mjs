// Starts MinIO for a lake on this machine, checks its keys and makes the bucket: `npm run infra`.
import path from 'node:path';
import { build, fail, root, run, setup } from './lib/setup.mjs';

try {
  const node = setup();
  build(node);
  run(node, [path.join('bin', 'lakebook'), 'setup', ...process.argv.slice(2)], { cwd: root });
} catch (error) {
  fail(error);
}
