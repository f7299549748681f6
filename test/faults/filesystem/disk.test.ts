import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runScript, smallDisk, temporaryFolder } from '../../storage/support.ts';
import { long } from '../support/modes.ts';
import type { Job, Outcome } from './disk.child.ts';

const script = path.join(import.meta.dirname, 'disk.child.ts');
const page = 4096;

async function outcomeOf(job: Job, wrap: readonly string[]): Promise<Outcome> {
  const { status, answer, stderr } = await runScript(script, [JSON.stringify(job)], wrap);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return answer as Outcome;
}

/**
 * A file system of its own that gets full, where one may be mounted. Elsewhere faults.test.ts stands for it, and the
 * test below for what DuckDB writes.
 */
test('a disk that gets full in the middle of a change, at every kind of change', async () => {
  const folder = temporaryFolder();
  const disk = smallDisk(folder, 12 * 2 ** 20);
  const [wrap, kind] =
    disk.kind === 'mounted' ? [disk.wrap, 'small' as const] : [limit(), 'limited' as const];
  const pages = long ? Array.from({ length: 40 }, (_, index) => index) : [0, 3, 9];
  const outcome = await outcomeOf({ folder, kind, free: pages.map(count => count * page) }, wrap);
  expect(outcome.wrong).toEqual([]);
  expect(outcome.refused).toBeGreaterThan(5);
});

test('data files that can not get as large as they would', async () => {
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  const outcome = await outcomeOf({ folder, kind: 'limited', free: [] }, limit());
  expect(outcome.wrong).toEqual([]);
  expect(outcome.made).toBe(0);
});

/** Files end at 200 kB: a write beyond fails with EFBIG, as writes do on a full disk with ENOSPC. */
function limit(): readonly string[] {
  // The signal that comes with it would end the process.
  return ['bash', '-c', `trap '' XFSZ; ulimit -f 200; exec "$@"`, 'bash'];
}
