// The suites of faults: several writers at once, killed processes, broken disks and networks, wrong clocks, long work,
// mutated inputs (docs/faults.md). `--long` tries thousands of cases instead of dozens; other arguments go to vitest.
import { spawnSync } from 'node:child_process';
import { root } from './lib/setup.mjs';

const args = process.argv.slice(2).filter(argument => argument !== '--long');
const long = process.argv.includes('--long');
const env = { ...process.env, ...(long ? { LAKEBOOK_FAULTS: 'long' } : {}) };

const run = (project, more) =>
  spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project', project, ...more], {
    cwd: root,
    env,
    stdio: 'inherit',
  }).status ?? 1;

// Those that wait for time to pass or for many processes don't share the machine in the long run.
const statuses = [run('faults', [...(long ? ['--no-file-parallelism'] : []), ...args])];
if (args.length === 0) statuses.push(run('s3', ['test/faults/s3.test.ts']));
process.exit(statuses.every(status => status === 0) ? 0 : 1);
