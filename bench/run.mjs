// Runs benchmarks one after the other; each prints Markdown and writes its figures to bench/results.
// usage: npm run bench [-- NAME... [-- OPTIONS]]    names: lake tpch wide growth planning maintenance s3 gateway engines vscode; all but vscode when none is given
// The peers must be there: `bash scripts/judges.sh`, for tpch, wide and s3 scripts/bench-peers.sh, for s3 scripts/minio-judge.sh,
// for gateway scripts/gateway-judge.sh, for engines scripts/trino-judge.sh and scripts/minio-judge.sh.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { build, fail, root, run, setup, toolEnvironment } from '../scripts/lib/setup.mjs';

const names = [
  'lake',
  'tpch',
  'wide',
  'growth',
  'planning',
  'maintenance',
  's3',
  'gateway',
  'engines',
  'vscode',
].filter(name => existsSync(path.join(root, 'bench', `${name}.ts`)));

try {
  const args = process.argv.slice(2);
  const end = args.indexOf('--');
  const asked = end < 0 ? args : args.slice(0, end);
  const options = end < 0 ? [] : args.slice(end + 1);
  const unknown = asked.filter(name => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`There is no benchmark ${unknown.join(', ')}; there are ${names.join(', ')}.`);
  }
  const node = setup();
  build(node);
  for (const name of asked.length > 0 ? asked : names.filter(each => each !== 'vscode')) {
    console.log(`\n## ${name}\n`);
    run(node, ['--no-warnings', `bench/${name}.ts`, ...options], { env: toolEnvironment(node) });
  }
} catch (error) {
  fail(error);
}
