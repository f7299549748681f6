import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Objects, openCache, temporaryFolder } from './support.ts';

const MiB = 1024 ** 2;
const file = (objects: Objects, name: string, size: number) => {
  const bytes = randomBytes(size);
  objects.put(`s3://b/${name}`, bytes);
  return { location: `s3://b/${name}`, fileSize: size, bytes };
};
/** The one data file of a cache's folder. */
const onlyFile = (folder: string) => {
  const files = path.join(folder, 'v1', 'files');
  const [name] = readdirSync(files);
  return path.join(files, name!);
};
const count = (folder: string) => readdirSync(path.join(folder, 'v1', 'files')).length;

describe('reading', () => {
  test('a file is fetched once, in pieces, also for several who ask at once, and by a later process not at all', async () => {
    const objects = new Objects();
    const { bytes, ...request } = file(objects, 'a', 20 * MiB + 7);
    const folder = temporaryFolder();
    const first = await openCache(objects, { folder });
    const answers = await Promise.all(Array.from({ length: 5 }, () => first.cache.paths([request])));
    for (const [local] of answers) expect(readFileSync(local!).equals(bytes)).toBe(true);
    expect(objects.bytesRead).toBe(bytes.length);
    expect(objects.requests).toHaveLength(3);
    const second = await openCache(objects, { folder });
    expect(await second.cache.paths([request])).toEqual(answers[0]);
    expect(objects.bytesRead).toBe(bytes.length);
  });

  test('s3a is s3; another server, size or key is another file', async () => {
    const objects = new Objects();
    const { bytes: _, ...request } = file(objects, 'a', 100);
    const { cache } = await openCache(objects, { folder: temporaryFolder() });
    const [local] = await cache.paths([request]);
    const same = { ...request, location: 's3a://b/a' };
    objects.put(same.location, Buffer.alloc(100));
    expect(await cache.paths([same])).toEqual([local]);
    const other = file(objects, 'A', 100);
    expect(await cache.paths([other])).not.toEqual([local]);
  });

  test('what is missing or has another length is told, and leaves what is sound', async () => {
    const objects = new Objects();
    const { bytes, ...request } = file(objects, 'a', 100);
    const { cache } = await openCache(objects, { folder: temporaryFolder() });
    const missing = { location: 's3://b/none', fileSize: 5 };
    await expect(cache.paths([request, missing])).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(cache.paths([{ ...request, fileSize: 101 }])).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining('is 100 bytes long, but 101 bytes were written'),
    });
    const [local] = await cache.paths([request]);
    expect(readFileSync(local!).equals(bytes)).toBe(true);
  });

  test('what came is kept when another request fails', async () => {
    const objects = new Objects();
    const { bytes, ...request } = file(objects, 'a', 40 * MiB);
    const { cache } = await openCache(objects, { folder: temporaryFolder() });
    let left = 3;
    objects.before = () => {
      if (left-- <= 0) throw new Error('down');
    };
    await expect(cache.paths([request])).rejects.toThrow('down');
    objects.before = () => {};
    const before = objects.bytesRead;
    expect(before).toBeGreaterThan(0);
    const [local] = await cache.paths([request]);
    expect(readFileSync(local!).equals(bytes)).toBe(true);
    expect(objects.bytesRead).toBe(bytes.length);
  });
});

describe('damage', () => {
  test.each([
    [
      'a changed byte',
      (local: string) => {
        const bytes = readFileSync(local);
        bytes[17]! ^= 1;
        writeFileSync(local, bytes);
      },
    ],
    ['a file that is gone', (local: string) => rmSync(local)],
    ['a file that was cut off', (local: string) => truncateSync(local, 50)],
    ['an empty file', (local: string) => truncateSync(local, 0)],
  ])('%s is noticed by the next process and read again', async (_, damage) => {
    const objects = new Objects();
    const { bytes, ...request } = file(objects, 'a', 1000);
    const folder = temporaryFolder();
    const { cache } = await openCache(objects, { folder });
    const [local] = await cache.paths([request]);
    await cache.close();
    damage(local!);
    const next = await openCache(objects, { folder });
    await next.cache.paths([request]);
    expect(readFileSync(local!).equals(bytes)).toBe(true);
    expect(objects.bytesRead).toBe(2000);
  });

  test('a file that someone deletes under a running process is read again', async () => {
    const objects = new Objects();
    const { bytes, ...request } = file(objects, 'a', 1000);
    const { cache } = await openCache(objects, { folder: temporaryFolder() });
    const [local] = await cache.paths([request]);
    rmSync(local!);
    await cache.paths([request]);
    expect(readFileSync(local!).equals(bytes)).toBe(true);
  });

  test('an index that is damaged is put aside', async () => {
    const objects = new Objects();
    const { bytes, ...request } = file(objects, 'a', 1000);
    const folder = temporaryFolder();
    const { cache } = await openCache(objects, { folder });
    await cache.paths([request]);
    await cache.close();
    writeFileSync(path.join(folder, 'v1', 'index.db'), randomBytes(8192));
    const next = await openCache(objects, { folder });
    const [local] = await next.cache.paths([request]);
    expect(readFileSync(local!).equals(bytes)).toBe(true);
  });

  test('an object that was replaced is read anew, not mixed with what was there', async () => {
    const objects = new Objects();
    const { fileSize, location } = file(objects, 'a', 40 * MiB);
    const folder = temporaryFolder();
    const { cache } = await openCache(objects, { folder });
    let left = 2;
    objects.before = () => {
      if (left-- <= 0) throw new Error('down');
    };
    await expect(cache.paths([{ location, fileSize }])).rejects.toThrow('down');
    objects.before = () => {};
    const replaced = randomBytes(fileSize);
    objects.put(location, replaced);
    const [local] = await cache.paths([{ location, fileSize }]);
    expect(readFileSync(local!).equals(replaced)).toBe(true);
  });
});

describe('the budget', () => {
  test('is kept by removing what was not used for longest, once nobody reads it', async () => {
    const objects = new Objects();
    const folder = temporaryFolder();
    const { cache, leases } = await openCache(objects, { folder, bytes: 3000 });
    const files = Array.from({ length: 6 }, (_, i) => file(objects, `f${i}`, 1000));
    const end = leases.open();
    const local = await cache.paths(files);
    // All are in use: more than the budget.
    expect(count(folder)).toBe(6);
    for (const [index, { bytes }] of files.entries())
      expect(readFileSync(local[index]!).equals(bytes)).toBe(true);
    end();
    expect(count(folder)).toBe(3);
    expect(cache.usage()).toMatchObject({ files: 3, bytes: 3000, bytesInUse: 0 });
  });

  test('goes by use, not by age', async () => {
    const objects = new Objects();
    const folder = temporaryFolder();
    const { cache, leases } = await openCache(objects, { folder, bytes: 2500 });
    const use = async (...requests: { location: string; fileSize: number }[]) => {
      const end = leases.open();
      const paths = await cache.paths(requests);
      end();
      await new Promise(resolve => setTimeout(resolve, 3));
      return paths;
    };
    const [a, b, c] = ['a', 'b', 'c'].map(name => file(objects, name, 1000));
    const [pathA] = await use(a!);
    const [pathB] = await use(b!);
    await use(a!);
    await use(c!);
    expect(existsSync(pathA!)).toBe(true);
    expect(existsSync(pathB!)).toBe(false);
  });

  test('a file that any process reads stays, until that process ends', async () => {
    const objects = new Objects();
    const folder = temporaryFolder();
    const reader = await openCache(objects, { folder, bytes: 500 });
    const held = file(objects, 'held', 1000);
    const end = reader.leases.open();
    const [local] = await reader.cache.paths([held]);
    const other = await openCache(objects, { folder, bytes: 500 });
    const free = other.leases.open();
    await other.cache.paths([file(objects, 'more', 1000)]);
    free();
    expect(await other.cache.clear()).toBe(0);
    expect(readFileSync(local!).equals(held.bytes)).toBe(true);
    end();
    expect(existsSync(local!)).toBe(false);
  });

  test('a lease holds what was given out while it was open, whatever other leases end', async () => {
    const objects = new Objects();
    const folder = temporaryFolder();
    const { cache, leases } = await openCache(objects, { folder, bytes: 0 });
    const a = leases.open();
    const [first] = await cache.paths([file(objects, 'x', 10)]);
    const b = leases.open();
    a();
    expect(existsSync(first!)).toBe(false);
    const [second] = await cache.paths([file(objects, 'y', 10)]);
    const c = leases.open();
    c();
    expect(existsSync(second!)).toBe(true);
    b();
    b();
    expect(existsSync(second!)).toBe(false);
  });
});

describe('several processes', () => {
  const script = path.join(import.meta.dirname, 'reader.child.ts');
  const start = (folder: string, ...args: string[]) =>
    spawn(process.execPath, ['--no-warnings', script, folder, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  test('killed at any moment leave a cache that answers right, and nothing pinned', async () => {
    const folder = temporaryFolder();
    for (let round = 0; round < 6; round++) {
      const children = [start(folder, '400000'), start(folder, '400000')];
      await once(children[0]!.stdout!, 'data');
      await new Promise(resolve => setTimeout(resolve, round * 37));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(
        children.map(child =>
          child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined,
        ),
      );
    }
    const last = start(folder, '400000', 'once');
    const [code] = (await once(last, 'exit')) as [number];
    expect(code).toBe(0);
    const { cache } = await openCache(new Objects(), { folder, bytes: 400_000 });
    const { bytes, bytesInUse } = cache.usage();
    expect(bytesInUse).toBe(0);
    await cache.clear();
    expect(cache.usage()).toMatchObject({ files: 0, bytes: 0 });
    expect(bytes).toBeLessThanOrEqual(400_000);
    const left = readdirSync(path.join(folder, 'v1', 'files')).map(
      name => statSync(path.join(folder, 'v1', 'files', name)).size,
    );
    expect(left).toEqual([]);
  });

  test('staging folders of a killed process go away', async () => {
    const folder = temporaryFolder();
    const child = start(folder, '400000', 'stage');
    await once(child.stdout!, 'data');
    expect(readdirSync(path.join(folder, 'v1', 'staging'))).toHaveLength(1);
    const beside = await openCache(new Objects(), { folder });
    await beside.cache.makeStaging();
    expect(readdirSync(path.join(folder, 'v1', 'staging'))).toHaveLength(2);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await openCache(new Objects(), { folder });
    expect(readdirSync(path.join(folder, 'v1', 'staging'))).toHaveLength(1);
  });
});

test('the folder can be read by its owner only', async () => {
  const folder = temporaryFolder();
  const objects = new Objects();
  const { cache } = await openCache(objects, { folder });
  await cache.paths([file(objects, 'a', 10)]);
  expect(statSync(path.join(folder, 'v1', 'files')).mode & 0o077).toBe(0);
  expect(statSync(onlyFile(folder)).mode & 0o077).toBe(0);
});
