import { mapConcurrent } from '../../iceberg/concurrent.ts';
import { forgetDecoded } from '../../iceberg/file-cache.ts';
import { isLocal, toLocalPath } from '../../storage/paths.ts';
import { forgetLayouts } from '../parquet-layout.ts';
import type { ProgressListener } from '../progress.ts';
import type { EngineSession } from '../session.ts';

/** Files that are deleted at once. */
const concurrency = 16;

export interface Deletion {
  readonly deleted: readonly string[];
  readonly failed: readonly { readonly location: string; readonly error: unknown }[];
}

/** Deletes files; one that can't be deleted doesn't stop the others. An aborted signal leaves the rest where it is. */
export async function deleteAll(
  { lake: { storage }, duckdb }: EngineSession,
  locations: readonly string[],
  options: { readonly signal?: AbortSignal; readonly onProgress?: ProgressListener } = {},
): Promise<Deletion> {
  const { signal, onProgress } = options;
  const deleted: string[] = [];
  const failed: { location: string; error: unknown }[] = [];
  const remove = async (location: string) => {
    if (signal?.aborted === true) return;
    try {
      await storage.delete(location);
      deleted.push(location);
    } catch (error) {
      failed.push({ location, error });
    }
  };
  for await (const _ of mapConcurrent(locations, remove, { limit: concurrency })) {
    onProgress?.({
      phase: 'deleting files',
      files: deleted.length,
      fraction: deleted.length / locations.length,
    });
  }
  forgetDecoded(storage, deleted);
  // Copies of remote files have names of their own, and there are only as many as the cache has room for.
  const paths = deleted.filter(isLocal).map(location => toLocalPath(location));
  forgetLayouts(duckdb, paths);
  return { deleted, failed };
}
