// Reads random files of a cache, whose bytes follow from their names, and ends with 1 when one isn't right.
// usage: node reader.child.ts FOLDER BUDGET [once|stage]
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Leases } from '../../../../src/storage/leases.ts';
import { RangeCache } from '../../../../src/storage/s3/cache/range-cache.ts';
import type { GetOptions, ObjectBytes } from '../../../../src/storage/s3/requests.ts';

const [folder, budget, mode] = process.argv.slice(2);
const size = 50_000;

function content(location: string): Buffer {
  const block = createHash('sha512').update(location).digest();
  return Buffer.alloc(size, block);
}

const leases = new Leases();
const read = async (location: string, { range }: GetOptions): Promise<ObjectBytes> => ({
  bytes: content(location).subarray(range!.start, range!.end),
  size,
  etag: '"1"',
});
const cache = await RangeCache.open({
  server: 'test',
  read,
  settings: { folder: folder!, bytes: Number(budget) },
  leases,
});
if (mode === 'stage') {
  await cache.makeStaging();
  console.log('staged');
  setInterval(() => {}, 1000);
} else {
  const rounds = mode === 'once' ? 40 : Number.POSITIVE_INFINITY;
  console.log('open');
  for (let round = 0; round < rounds; round++) {
    const end = leases.open();
    const files = Array.from({ length: 4 }, () => ({
      location: `s3://b/${Math.floor(Math.random() * 30)}`,
      fileSize: size,
    }));
    const paths = await cache.paths(files);
    for (const [index, { location }] of files.entries()) {
      if (readFileSync(paths[index]!).equals(content(location))) continue;
      console.error(`${location} is wrong`);
      process.exit(1);
    }
    end();
    await new Promise(resolve => setImmediate(resolve));
  }
  await cache.close();
}
