import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { isLasting } from '../../../../src/storage/s3/cache/whole-files.ts';
import { Objects, openCache, temporaryFolder } from './support.ts';

const id = '0b9f3c1e-6a52-4d7e-9c10-2f4d5e6a7b80';
const location = `s3://b/t/metadata/00001-${id}.metadata.json`;
const bytes = new Uint8Array(Buffer.from(JSON.stringify({ 'format-version': 2, grün: 'ö'.repeat(1000) })));
const objects = new Objects();
const onlyFile = (folder: string) => {
  const files = path.join(folder, 'v1', 'files');
  return path.join(files, readdirSync(files)[0]!);
};

test.each([
  [location, true],
  [`s3a://b/t/metadata/00001-${id}.gz.metadata.json`, true],
  [`s3://b/t/metadata/00001-${id}.metadata.json.gz`, true],
  [`s3://b/t/metadata/snap-8271-1-${id}.avro`, true],
  [`s3://b/t/metadata/${id}-m0.avro`, true],
  ['s3://b/t/metadata/v1.metadata.json', false],
  ['s3://b/t/metadata/version-hint.text', false],
  [`s3://b/${id}/metadata/v1.metadata.json`, false],
  [`s3://b/t/data/${id}.parquet`, false],
])('whether %s is metadata that never changes: %s', (name, expected) => {
  expect(isLasting(name)).toBe(expected);
});

describe('a file that was kept', () => {
  test('is there for the next process, under each name of its scheme', async () => {
    const folder = temporaryFolder();
    const first = await openCache(objects, { folder });
    expect(await first.cache.whole.read(location)).toBeUndefined();
    await first.cache.whole.keep(location, bytes);
    await first.cache.close();
    const { cache } = await openCache(objects, { folder });
    expect(Buffer.from((await cache.whole.read(location))!)).toEqual(Buffer.from(bytes));
    expect(await cache.whole.read(location.replace('s3:', 's3a:'))).toBeDefined();
    expect(await cache.whole.read(`${location}x`)).toBeUndefined();
    expect(cache.usage()).toMatchObject({ files: 1, bytes: bytes.length, bytesInUse: 0 });
    expect(await cache.clear()).toBe(bytes.length);
    expect(await cache.whole.read(location)).toBeUndefined();
  });

  test.each([
    ['changed', (file: string) => writeFileSync(file, Buffer.from(readFileSync(file)).fill(0x20, 5, 6))],
    ['cut off', (file: string) => truncateSync(file, 10)],
    ['emptied', (file: string) => truncateSync(file, 0)],
    ['longer', (file: string) => writeFileSync(file, 'x', { flag: 'a' })],
    ['gone', (file: string) => rmSync(file)],
  ])('and is %s is none any more, and may be kept again', async (_, damage) => {
    const folder = temporaryFolder();
    const { cache } = await openCache(objects, { folder });
    await cache.whole.keep(location, bytes);
    damage(onlyFile(folder));
    expect(await cache.whole.read(location)).toBeUndefined();
    await cache.whole.keep(location, bytes);
    expect(Buffer.from((await cache.whole.read(location))!)).toEqual(Buffer.from(bytes));
  });

  test('goes away when it is deleted', async () => {
    const folder = temporaryFolder();
    const { cache } = await openCache(objects, { folder });
    await cache.whole.keep(location, bytes);
    await cache.whole.forget(location);
    expect(await cache.whole.read(location)).toBeUndefined();
    expect(readdirSync(path.join(folder, 'v1', 'files'))).toEqual([]);
  });

  test('counts among the bytes that are kept at most, and none is too large a part of them', async () => {
    const folder = temporaryFolder();
    const budget = 100 * bytes.length;
    const { cache } = await openCache(objects, { folder, bytes: budget });
    const name = (i: number) => `s3://b/t/metadata/${id}-m${i}.avro`;
    for (let i = 0; i < 150; i++) await cache.whole.keep(name(i), bytes);
    await cache.clear();
    for (let i = 0; i < 20; i++) await cache.whole.keep(name(i), bytes);
    await cache.whole.keep(name(99), new Uint8Array(budget / 50));
    expect(await cache.whole.read(name(99))).toBeUndefined();
    expect(cache.usage()).toMatchObject({ files: 20, bytes: 20 * bytes.length });
    objects.put('s3://b/large', new Uint8Array(budget - bytes.length));
    await cache.paths([{ location: 's3://b/large', fileSize: budget - bytes.length }]);
    expect(cache.usage().bytes).toBeLessThanOrEqual(budget);
  });
});
