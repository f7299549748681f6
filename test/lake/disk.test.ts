import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type Disk, readOnlyDisk, runScript, smallDisk, temporaryFolder } from '../storage/support.ts';
import { TestLake } from './support.ts';

vi.setConfig({ testTimeout: 120_000 });

const script = path.join(import.meta.dirname, 'disk.child.ts');

/** A folder with a small and a large file to load. */
function sources(): string {
  const folder = temporaryFolder('lakebook-sources-');
  writeFileSync(path.join(folder, 'small.csv'), 'id,note\n1,a\n2,b\n');
  // Text that doesn't compress.
  let seed = 1;
  const random = () => {
    seed = (seed * 48271) % 2147483647;
    return seed.toString(36);
  };
  const lines = Array.from(
    { length: 60_000 },
    (_, id) => `${id},${random()}${random()}${random()}${random()}${random()}`,
  );
  writeFileSync(path.join(folder, 'large.csv'), `id,note\n${lines.join('\n')}\n`);
  for (const name of readdirSync(folder)) chmodSync(path.join(folder, name), 0o644);
  chmodSync(folder, 0o755);
  return folder;
}

async function run(folder: string, what: string, disk: Disk) {
  const { status, answer, stderr } = await runScript(script, [folder, sources(), what, disk.kind], disk.wrap);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return answer;
}

it('a disk that gets full while rows are loaded leaves the tables and files as they were', async () => {
  const folder = temporaryFolder();
  const answer = await run(folder, 'full', smallDisk(folder, 1_000_000));
  expect(answer).toEqual({
    codes: { ingest: 'DISK_FULL', overwrite: 'DISK_FULL', create: 'DISK_FULL', upsert: 'DISK_FULL' },
    same: true,
  });
});

describe('a lake that can not be written to', () => {
  async function expectRefusals(disk: (folder: string) => Disk, code: string): Promise<void> {
    const lake = await TestLake.open();
    await lake.table('t', { id: 'long', note: 'string' });
    await lake.csv('id,note\n1,a\n', { table: 't' });
    const { kind } = disk(lake.folder);
    if (kind === 'permissions') chmodAll(lake.folder, 0o555, 0o444);
    const answer = await run(lake.folder, 'read-only', disk(lake.folder));
    if (kind === 'permissions') chmodAll(lake.folder, 0o755, 0o644);
    expect(answer).toEqual({
      codes: { ingest: code, overwrite: code, create: code, upsert: code },
      same: true,
    });
    expect(await lake.rows('SELECT * FROM t')).toEqual([[1, 'a']]);
  }

  // Windows has neither, and Linux containers may lack the right to mount.
  if (process.platform !== 'win32') {
    it('by permissions', () =>
      expectRefusals(() => ({ kind: 'permissions', wrap: [] }), 'PERMISSION_DENIED'));
  }
  if (readOnlyDisk(tmpdir()) !== undefined) {
    it('on a read-only disk', () => expectRefusals(folder => readOnlyDisk(folder)!, 'READ_ONLY'));
  }
});

function chmodAll(folder: string, folders: number, files: number): void {
  chmodSync(folder, folders);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    chmodSync(path.join(entry.parentPath, entry.name), entry.isDirectory() ? folders : files);
  }
}
