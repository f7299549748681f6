import { mapConcurrent } from '../../iceberg/concurrent.ts';
import { forgetDecoded } from '../../iceberg/file-cache.ts';
import type { Storage } from '../../storage/storage.ts';
import type { ProgressListener } from '../progress.ts';

/** Files that are deleted at once. */
const concurrency = 16;

export interface Deletion {
  readonly deleted: readonly string[];
  readonly failed: readonly { readonly location: string; readonly error: unknown }[];
}

/** Deletes files; one that can't be deleted doesn't stop the others. An aborted signal leaves the rest where it is. */
export async function deleteAll(
  storage: Storage,
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
  return { deleted, failed };
}
