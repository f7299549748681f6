import { CommitConflictError, CommitStateUnknownError, InterruptedError } from '../iceberg/errors.ts';
import { propertyNames } from '../iceberg/properties.ts';
import type { TableChange } from '../iceberg/updates.ts';
import type { Storage } from '../storage/storage.ts';
import type { Catalog, LoadedTable, TableIdentifier } from './catalog.ts';
import { formatIdentifier } from './identifiers.ts';
import { Retries } from './retries.ts';

/** A change that is ready to be committed. */
export interface PreparedChange extends TableChange {
  /** Addresses of the files that were written for this change alone; they're deleted when it isn't committed. */
  readonly written: readonly string[];
}

/**
 * Prepares a change on the table as it is now. `attemptNumber` counts from 1. Undefined: there is nothing to do.
 * What it throws ends the commit, a CommitConflictError too: the change can't be made on the table as it is.
 * It removes what it wrote itself before it throws.
 */
export type Attempt = (table: LoadedTable, attemptNumber: number) => Promise<PreparedChange | undefined>;

/**
 * Commits a change of a table; when another writer commits first, prepares it anew on the table as it is then. How
 * often and how long `Retries` tells. Answers the table as committed, undefined when there was nothing to do.
 * @throws CommitConflictError when no attempt came through: nothing was changed, and what was written is deleted
 * @throws CommitStateUnknownError when it isn't known whether the change took effect: its files are kept
 * @throws InterruptedError when `signal` aborts before the change is committed
 */
export async function commitWithRetry(
  catalog: Catalog,
  identifier: TableIdentifier,
  attempt: Attempt,
  storage: Storage,
  options: { readonly signal?: AbortSignal } = {},
): Promise<LoadedTable | undefined> {
  const { signal } = options;
  let retries: Retries | undefined;
  for (;;) {
    if (signal?.aborted) throw new InterruptedError();
    const table = await catalog.loadTable(identifier);
    retries ??= new Retries(table.metadata.properties);
    const change = await attempt(table, retries.tries);
    if (change === undefined) return undefined;
    try {
      if (signal?.aborted) throw new InterruptedError();
      return await catalog.commitTable(identifier, change.requirements, change.updates);
    } catch (error) {
      if (error instanceof CommitStateUnknownError) throw error;
      await deleteQuietly(storage, change.written);
      if (!(error instanceof CommitConflictError)) throw error;
      if (await retries.next(signal)) continue;
      throw new CommitConflictError(
        `Other writers kept changing ${formatIdentifier(identifier)}: it was tried ${retries.told} and given up. ${error.message}`,
        {
          hint: `Run it again when fewer writers are at work, or raise the table property ${propertyNames.commitNumRetries}.`,
          cause: error,
        },
      );
    }
  }
}

/** Deletes files that no table needs. One that can't be deleted must not hide why they aren't needed. */
export async function deleteQuietly(storage: Storage, locations: readonly string[]): Promise<void> {
  await Promise.allSettled(locations.map(location => storage.delete(location)));
}
