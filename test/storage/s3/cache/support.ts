import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { LakebookError, NotFoundError } from '../../../../src/iceberg/errors.ts';
import { Leases } from '../../../../src/storage/leases.ts';
import { RangeCache, type RangeCacheOptions } from '../../../../src/storage/s3/cache/range-cache.ts';
import type { GetOptions, ObjectBytes } from '../../../../src/storage/s3/requests.ts';
import type { CacheSettings } from '../../../../src/storage/settings.ts';

export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-cache-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Stands for a server: objects in memory, with a record of what was asked of it. */
export class Objects {
  readonly requests: { location: string; start: number; end: number }[] = [];
  readonly #objects = new Map<string, { bytes: Uint8Array; etag: string }>();
  #versions = 0;
  /** Called before each answer. */
  before: (location: string) => void = () => {};

  put(location: string, bytes: Uint8Array): void {
    this.#objects.set(location, { bytes, etag: `"${this.#versions++}"` });
  }

  putFile(location: string, file: string): number {
    const bytes = readFileSync(file);
    this.put(location, bytes);
    return bytes.length;
  }

  get bytesRead(): number {
    return this.requests.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  read = async (location: string, { range, etag }: GetOptions): Promise<ObjectBytes> => {
    await new Promise(resolve => setImmediate(resolve));
    this.before(location);
    const object = this.#objects.get(location);
    if (object === undefined) throw new NotFoundError('file', `Can't read ${location}: it isn't there.`);
    if (etag !== undefined && etag !== object.etag)
      throw new LakebookError('S3_CHANGED', `${location} changed`);
    const { start, end } = range!;
    const bytes = object.bytes.subarray(start, end);
    this.requests.push({ location, start, end: start + bytes.length });
    return { bytes, size: object.bytes.length, etag: object.etag };
  };
}

export interface OpenCache {
  readonly cache: RangeCache;
  readonly leases: Leases;
}

/** A process's view of a cache's folder; closes after the test file. */
export async function openCache(
  objects: Pick<Objects, 'read'>,
  settings: CacheSettings & { readonly folder: string },
  more: Pick<RangeCacheOptions, 'smallFileBytes'> = {},
): Promise<OpenCache> {
  const leases = new Leases();
  mkdirSync(settings.folder, { recursive: true });
  const cache = await RangeCache.open({ server: 'test', read: objects.read, settings, leases, ...more });
  afterAll(() => cache.close().catch(() => undefined));
  return { cache, leases };
}
