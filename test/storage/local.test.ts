import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { fromFsError } from '../../src/storage/fs-errors.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import { runScript, smallDisk, temporaryFolder } from './support.ts';

const storage = new LocalStorage();
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const bytes = (value: string) => new Uint8Array(Buffer.from(value));

async function listed(folder: string): Promise<string[]> {
  const locations: string[] = [];
  for await (const { location } of storage.list(folder)) locations.push(location);
  return locations.sort();
}

describe('create and read', () => {
  test('a file appears whole, in folders that are made for it', async () => {
    const root = temporaryFolder();
    const location = `file://${root}/a b/grün%20/metadata/1.json`;
    await storage.create(location, bytes('hello'));
    expect(readFileSync(path.join(root, 'a b', 'grün%20', 'metadata', '1.json'), 'utf8')).toBe('hello');
    expect(readdirSync(path.join(root, 'a b', 'grün%20', 'metadata'))).toEqual(['1.json']);
    expect(text(await storage.read(`file:${root}/a b/grün%20/metadata/1.json`))).toBe('hello');
    expect(await storage.size(location)).toBe(5);
    expect(await storage.exists(location)).toBe(true);
  });

  test('reads ranges, cut off at the end of the file', async () => {
    const location = `${temporaryFolder()}/f`;
    await storage.create(location, bytes('0123456789'));
    expect(text(await storage.read(location, { start: 2, end: 5 }))).toBe('234');
    expect(text(await storage.read(location, { start: 8, end: 20 }))).toBe('89');
    expect(text(await storage.read(location, { start: 4, end: 4 }))).toBe('');
  });

  test('never overwrites, and leaves no temporary file', async () => {
    const root = temporaryFolder();
    const location = `file://${root}/v1.json`;
    await storage.create(location, bytes('first'));
    await expect(storage.create(location, bytes('second'))).rejects.toMatchObject({
      code: 'FILE_EXISTS',
      message: expect.stringContaining(path.join(root, 'v1.json')),
    });
    expect(text(await storage.read(location))).toBe('first');
    expect(readdirSync(root)).toEqual(['v1.json']);
  });

  test('of many that create one file at once exactly one wins, and its bytes are there', async () => {
    const root = temporaryFolder();
    const location = `file://${root}/new/v2.json`;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => storage.create(location, bytes(`writer ${i}`))),
    );
    const winners = outcomes.flatMap((outcome, i) => (outcome.status === 'fulfilled' ? [i] : []));
    expect(winners).toHaveLength(1);
    expect(text(await storage.read(location))).toBe(`writer ${winners[0]}`);
    expect(readdirSync(path.join(root, 'new'))).toEqual(['v2.json']);
  });

  test('a missing file is told as such, naming its path', async () => {
    const root = temporaryFolder();
    const missing = { code: 'FILE_NOT_FOUND', message: expect.stringContaining(`${root}/none`) };
    await expect(storage.read(`file://${root}/none`)).rejects.toMatchObject(missing);
    await expect(storage.read(`file://${root}/none`, { start: 0, end: 1 })).rejects.toMatchObject(missing);
    await expect(storage.size(`file://${root}/none`)).rejects.toMatchObject(missing);
    expect(await storage.exists(`file://${root}/none`)).toBe(false);
    await expect(storage.delete(`file://${root}/none`)).resolves.toBeUndefined();
  });

  test('a file where a folder is needed, and the reverse', async () => {
    const root = temporaryFolder();
    writeFileSync(path.join(root, 'file'), '');
    await expect(storage.create(`file://${root}/file/x`, bytes(''))).rejects.toMatchObject({
      code: 'NOT_A_FOLDER',
    });
    await expect(storage.read(`file://${root}`)).rejects.toMatchObject({ code: 'NOT_A_FILE' });
    expect(await storage.exists(`file://${root}/file/x`)).toBe(false);
    expect(await storage.exists(`file://${root}`)).toBe(false);
    await expect(storage.delete(`file://${root}/file/x`)).resolves.toBeUndefined();
  });

  test("deleting a file takes the checksum that Hadoop's local files have with it", async () => {
    const root = temporaryFolder();
    for (const name of ['x.parquet', '.x.parquet.crc', '.y.parquet.crc'])
      writeFileSync(path.join(root, name), '');
    await storage.delete(`file:${root}/x.parquet`);
    expect(readdirSync(root)).toEqual(['.y.parquet.crc']);
  });

  test('a name that is too long', async () => {
    const location = `file://${temporaryFolder()}/${'x'.repeat(300)}`;
    await expect(storage.create(location, bytes(''))).rejects.toMatchObject({ code: 'NAME_TOO_LONG' });
  });
});

describe('list', () => {
  test('gives every file below a folder in the form of the address asked for, with size and time', async () => {
    const root = temporaryFolder();
    for (let i = 0; i < 600; i++) {
      const folder = path.join(root, 'data', `p=${i % 3}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, `${i}.bin`), 'x'.repeat(i % 7));
    }
    const found = new Map<string, number>();
    for await (const { location, size, lastModifiedMs } of storage.list(`file:${root}/data/`)) {
      found.set(location, size);
      expect(Math.abs(Date.now() - lastModifiedMs)).toBeLessThan(60_000);
    }
    expect(found.size).toBe(600);
    expect(found.get(`file:${root}/data/p=1/100.bin`)).toBe(100 % 7);
  });

  test('a folder that is not there is empty', async () => {
    expect(await listed(`file://${temporaryFolder()}/none/at/all`)).toEqual([]);
  });

  test('files and folders that vanish while it runs are left out', async () => {
    const root = temporaryFolder();
    for (const folder of ['a', 'b', 'c']) {
      mkdirSync(path.join(root, folder));
      for (let i = 0; i < 300; i++) writeFileSync(path.join(root, folder, `${i}`), '');
    }
    const seen: string[] = [];
    for await (const { location } of storage.list(`file://${root}`)) {
      if (seen.length === 0) {
        const kept = path.basename(path.dirname(location));
        for (const folder of ['a', 'b', 'c'].filter(name => name !== kept)) {
          for (const name of readdirSync(path.join(root, folder))) unlinkSync(path.join(root, folder, name));
        }
      }
      seen.push(location);
    }
    expect(seen).toHaveLength(300);
  });

  test('does not go round in circles of links, nor stop at broken ones', async () => {
    const root = temporaryFolder();
    mkdirSync(path.join(root, 'data'));
    writeFileSync(path.join(root, 'data', 'file'), '');
    symlinkSync(root, path.join(root, 'data', 'up'));
    symlinkSync(path.join(root, 'none'), path.join(root, 'data', 'broken'));
    expect(await listed(`file://${root}`)).toEqual([`file://${root}/data/file`]);
  });
});

describe('staging', () => {
  test('publishes finished files beside their target and cleans up', async () => {
    const root = temporaryFolder();
    const data = `file://${root}/t/data`;
    const staging = await storage.stage(data);
    expect(readdirSync(staging.path)).toEqual([]);
    expect(path.relative(path.join(root, 't', 'data'), staging.path)).toMatch(/^\.[^/]+$/);
    const staged = path.join(staging.path, 'x.parquet');
    writeFileSync(staged, 'rows');
    await staging.publish(staged, `${data}/day=2026-01-01/1.parquet`);
    writeFileSync(path.join(staging.path, 'never.parquet'), 'rows');
    await staging.discard();
    await staging.discard();
    expect(await listed(`file://${root}`)).toEqual([`${data}/day=2026-01-01/1.parquet`]);
    expect(existsSync(staging.path)).toBe(false);
  });

  test('never overwrites; the staged file stays for another name', async () => {
    const root = temporaryFolder();
    const staging = await storage.stage(`file://${root}/data`);
    const staged = path.join(staging.path, 'x.parquet');
    writeFileSync(staged, 'new');
    writeFileSync(path.join(root, 'data', '1.parquet'), 'old');
    await expect(staging.publish(staged, `file://${root}/data/1.parquet`)).rejects.toMatchObject({
      code: 'FILE_EXISTS',
    });
    expect(readFileSync(path.join(root, 'data', '1.parquet'), 'utf8')).toBe('old');
    await staging.publish(staged, `file://${root}/data/2.parquet`);
    expect(readFileSync(path.join(root, 'data', '2.parquet'), 'utf8')).toBe('new');
    await staging.discard();
  });

  test('when nothing was published, folders it made go away again', async () => {
    const root = temporaryFolder();
    const staging = await storage.stage(`file://${root}/new/t/data`);
    writeFileSync(path.join(staging.path, 'x'), '');
    await staging.discard();
    expect(readdirSync(root)).toEqual([]);
  });

  // Needs a second file system, which only Linux is sure to have.
  if (existsSync('/dev/shm')) {
    test('publishes across file systems', async () => {
      const root = temporaryFolder();
      const source = `/dev/shm/lakebook-${process.pid}`;
      writeFileSync(source, 'rows');
      const sameDisk = statSync('/dev/shm').dev === statSync(root).dev;
      if (!sameDisk) expect(() => linkSync(source, path.join(root, 'x'))).toThrow('EXDEV');
      const staging = await storage.stage(`file://${root}`);
      await staging.publish(source, `file://${root}/1.parquet`);
      await staging.discard();
      expect(existsSync(source)).toBe(false);
      expect(readdirSync(root)).toEqual(['1.parquet']);
      expect(readFileSync(path.join(root, '1.parquet'), 'utf8')).toBe('rows');
    });
  }
});

describe('localPaths', () => {
  test('answers paths in order', async () => {
    const root = temporaryFolder();
    const names = Array.from({ length: 100 }, (_, i) => `${i}.parquet`);
    for (const name of names) writeFileSync(path.join(root, name), name);
    const files = names.map(name => ({ location: `file:${root}/${name}`, fileSize: name.length }));
    expect(await storage.localPaths(files)).toEqual(names.map(name => path.join(root, name)));
  });

  test('a missing file, a file cut off, and an abort', async () => {
    const root = temporaryFolder();
    writeFileSync(path.join(root, 'short'), 'abc');
    await expect(
      storage.localPaths([{ location: `file://${root}/none`, fileSize: 3 }]),
    ).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
    await expect(
      storage.localPaths([{ location: `file://${root}/short`, fileSize: 4 }]),
    ).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringMatching(/short.*3 bytes.*4 bytes/),
    });
    const files = [{ location: `file://${root}/short`, fileSize: 3 }];
    await expect(storage.localPaths(files, AbortSignal.abort())).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });
});

test('removeEmptyFolders takes away what holds nothing, and only that', async () => {
  const root = temporaryFolder();
  mkdirSync(path.join(root, 't', 'data', 'p=1'), { recursive: true });
  mkdirSync(path.join(root, 't', 'metadata'), { recursive: true });
  writeFileSync(path.join(root, 't', 'metadata', 'kept'), '');
  await storage.removeEmptyFolders(`file://${root}/t`);
  expect(readdirSync(path.join(root, 't'))).toEqual(['metadata']);
  unlinkSync(path.join(root, 't', 'metadata', 'kept'));
  await storage.removeEmptyFolders(`file://${root}/t`);
  expect(readdirSync(root)).toEqual([]);
  await storage.removeEmptyFolders(`file://${root}/t`);
});

describe('faults', () => {
  test('a full disk: a clear error, no half-written file, and what was there is whole', async () => {
    const folder = temporaryFolder();
    const bytesOfDisk = 256 * 1024;
    const disk = smallDisk(folder, bytesOfDisk);
    const script = path.join(import.meta.dirname, 'full-disk.child.ts');
    const { status, answer, stderr } = await runScript(
      script,
      [folder, String(bytesOfDisk), disk.kind],
      disk.wrap,
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(answer).toMatchObject({
      error: { code: 'DISK_FULL', hint: expect.stringContaining('Free some space') },
      message: expect.stringContaining(`${folder}/table/metadata/`),
      whole: true,
    });
    const { written, listed: left } = answer as { written: string[]; listed: string[] };
    expect(written.length).toBeGreaterThan(5);
    expect(left).toEqual(written);
  });

  test('kill -9 in the middle of creating files: each file is whole or not there', {
    timeout: 60_000,
  }, async () => {
    for (let round = 0; round < 5; round++) {
      const folder = temporaryFolder();
      const script = path.join(import.meta.dirname, 'create-forever.child.ts');
      const child = spawn(process.execPath, ['--no-warnings', script, folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', chunk => {
        output += chunk;
      });
      await vi.waitUntil(() => output.split('\n').length > 4 + round, { timeout: 60_000, interval: 1 });
      child.kill('SIGKILL');
      await once(child, 'close');
      const acknowledged = output.trim().split('\n').map(Number);
      const files = readdirSync(folder);
      for (const i of acknowledged) expect(files).toContain(`${i}.bin`);
      for (const name of files.filter(file => file.endsWith('.bin'))) {
        const content = readFileSync(path.join(folder, name));
        expect(content.equals(Buffer.alloc(300_000, Number.parseInt(name, 10) % 256))).toBe(true);
      }
      // At most the one it was working on.
      expect(files.filter(file => !file.endsWith('.bin')).length).toBeLessThan(2);
    }
  });

  test.each([
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EROFS', 'READ_ONLY'],
    ['EACCES', 'PERMISSION_DENIED'],
    ['EMFILE', 'TOO_MANY_OPEN_FILES'],
    ['EIO', 'IO_ERROR'],
    ['EWHATEVER', 'IO_ERROR'],
  ])('%s is told as %s with the path', (code, expected) => {
    const error = Object.assign(new Error(`${code}: something, write`), { code, syscall: 'write' });
    expect(fromFsError(error, 'write', '/lake/x')).toMatchObject({
      code: expected,
      message: expect.stringContaining("Can't write /lake/x"),
      cause: error,
    });
  });

  test('errors that are none of the file system pass unchanged', () => {
    const error = new TypeError('bug');
    expect(fromFsError(error, 'write', '/x')).toBe(error);
  });
});
