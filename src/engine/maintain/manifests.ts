import type { LoadedTable } from '../../catalog/catalog.ts';
import { commitWithRetry } from '../../catalog/commit.ts';
import { type ManifestRewrite, rewriteManifests } from '../../iceberg/manifest-rewrite.ts';
import type { EngineSession } from '../session.ts';
import type { ExecuteOptions } from '../statement-result.ts';

export interface ManifestsRewrite {
  readonly rewritten: number;
  readonly added: number;
  readonly snapshotId?: bigint;
}

/**
 * Puts the entries of a table's manifests together by partition, in one commit.
 * @throws CommitConflictError, CorruptFileError, InterruptedError
 */
export async function compactManifests(
  session: EngineSession,
  table: LoadedTable,
  request: { readonly specId?: number; readonly all?: boolean } = {},
  options: ExecuteOptions = {},
): Promise<ManifestsRewrite> {
  const { catalog, storage } = session.lake;
  let made: ManifestRewrite | undefined;
  const attempt = async ({ metadata }: LoadedTable) => {
    made = await rewriteManifests({ metadata, io: storage, ...request });
    return made;
  };
  const committed = await commitWithRetry(catalog, table.identifier, attempt, storage, {
    signal: options.signal,
  });
  if (committed === undefined) return { rewritten: 0, added: 0 };
  return { rewritten: made!.rewritten, added: made!.added, snapshotId: made!.snapshot.snapshotId };
}
