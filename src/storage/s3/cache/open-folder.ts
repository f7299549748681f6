import { NotFoundError } from '../../../iceberg/errors.ts';
import { Leases } from '../../leases.ts';
import type { CacheSettings } from '../../settings.ts';
import { RangeCache } from './range-cache.ts';

/** Opens the cache to look at it or clear it, without a server that more could be read from. */
export function openCacheFolder(settings: CacheSettings): Promise<RangeCache> {
  const read = (location: string) =>
    Promise.reject(new NotFoundError('file', `${location} is not read here.`));
  return RangeCache.open({ server: '', read, settings, leases: new Leases() });
}
