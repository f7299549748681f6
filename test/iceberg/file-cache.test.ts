import { expect, test } from 'vitest';
import { decodedOnce, forgetDecoded } from '../../src/iceberg/file-cache.ts';
import { MemoryIO } from './memory-io.ts';

const MiB = 1024 * 1024;

function loader(io: MemoryIO) {
  const loads: string[] = [];
  const get = (key: string, bytes: number) =>
    decodedOnce(io, key, async () => {
      loads.push(key);
      return { value: `value of ${key}`, bytes };
    });
  return { loads, get };
}

test('a file is decoded once for a FileIO', async () => {
  const { loads, get } = loader(new MemoryIO());
  expect(await get('a', 10)).toBe('value of a');
  expect(await get('a', 10)).toBe('value of a');
  expect(loads).toEqual(['a']);
  const other = loader(new MemoryIO());
  await other.get('a', 10);
  expect(other.loads).toEqual(['a']);
});

test('what was used least lately goes first when the budget of 128 MiB is full', async () => {
  const { loads, get } = loader(new MemoryIO());
  for (const key of ['a', 'b', 'c', 'd']) await get(key, 32 * MiB);
  await get('a', 32 * MiB);
  await get('e', 32 * MiB);
  loads.length = 0;
  for (const key of ['a', 'c', 'd', 'e', 'b']) await get(key, 32 * MiB);
  expect(loads).toEqual(['b']);
});

test('a file of more than a quarter of the budget is not kept', async () => {
  const { loads, get } = loader(new MemoryIO());
  await get('huge', 33 * MiB);
  await get('huge', 33 * MiB);
  expect(loads).toEqual(['huge', 'huge']);
});

test('a failure is not kept', async () => {
  const io = new MemoryIO();
  let attempts = 0;
  const get = () =>
    decodedOnce(io, 'a', async () => {
      if (attempts++ === 0) throw new Error('once');
      return { value: 1, bytes: 1 };
    });
  await expect(get()).rejects.toThrow('once');
  expect(await get()).toBe(1);
});

test('those who ask at the same time share the work', async () => {
  const { loads, get } = loader(new MemoryIO());
  await Promise.all([get('a', 1), get('a', 1), get('a', 1)]);
  expect(loads).toEqual(['a']);
});

test('what was decoded from deleted files is forgotten', async () => {
  const io = new MemoryIO();
  const { loads, get } = loader(io);
  const keys = ['list s3://b/a b.avro', 'manifest s3://b/m.avro 1 2 [{"x": 1}]', 'list s3://b/m.avro2', 'a'];
  for (const key of keys) await get(key, 32 * MiB);
  forgetDecoded(io, ['s3://b/a b.avro', 's3://b/m.avro', 's3://b/none']);
  loads.length = 0;
  // There is room again for as much.
  for (const key of ['x', 'y']) await get(key, 32 * MiB);
  for (const key of keys.slice(2)) await get(key, 32 * MiB);
  expect(loads).toEqual(['x', 'y']);
  for (const key of keys.slice(0, 2)) await get(key, 1);
  expect(loads).toEqual(['x', 'y', ...keys.slice(0, 2)]);
  forgetDecoded(new MemoryIO(), ['a']);
});
