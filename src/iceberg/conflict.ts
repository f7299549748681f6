import { mapConcurrent } from './concurrent.ts';
import type { DataFile } from './datafile.ts';
import { CommitConflictError } from './errors.ts';
import type { Expr } from './expression.ts';
import type { FileIO } from './io.ts';
import { readManifest } from './manifest.ts';
import { snapshotManifests } from './manifest-list.ts';
import { currentSchema, mainBranch, type Snapshot, snapshotById, type TableMetadata } from './metadata.ts';
import { Pruning } from './pruning.ts';
import type { Schema } from './schema.ts';

/**
 * The snapshots of a branch that were committed after `sinceSnapshotId` (undefined: all of them), oldest first.
 * @throws CommitConflictError when that snapshot is no ancestor of the branch's head: then what happened since
 *   can't be known
 */
export function snapshotsSince(
  metadata: TableMetadata,
  sinceSnapshotId: bigint | undefined,
  branch = mainBranch,
): Snapshot[] {
  const found: Snapshot[] = [];
  let id = Object.hasOwn(metadata.refs, branch) ? metadata.refs[branch]!.snapshotId : undefined;
  if (branch === mainBranch) id ??= metadata.currentSnapshotId;
  while (id !== undefined && id !== sinceSnapshotId) {
    const snapshot = snapshotById(metadata, id);
    if (snapshot === undefined) break;
    found.push(snapshot);
    id = snapshot.parentSnapshotId;
  }
  if (id !== sinceSnapshotId) {
    throw new CommitConflictError(
      `Branch ${branch} no longer builds on snapshot ${sinceSnapshotId}: it was rolled back or its history expired meanwhile.`,
      { hint: 'Run the statement again: it will work on the newest rows.' },
    );
  }
  return found.reverse();
}

/**
 * Files that were added to a branch since a snapshot and may hold rows that match the filter, in commit order,
 * for checking that a change is still right (serializable isolation). Delete files (content 1, 2) are among
 * them. Snapshots that only reorganised files (`replace`) changed no rows and don't count. `schema` is the one
 * the filter was made for, where that isn't the current one any more.
 * @throws CommitConflictError as snapshotsSince
 */
export async function conflictingAdditions(
  metadata: TableMetadata,
  io: FileIO,
  sinceSnapshotId: bigint | undefined,
  filter: Expr,
  branch = mainBranch,
  schema: Schema = currentSchema(metadata),
): Promise<DataFile[]> {
  const pruning = new Pruning(metadata, schema, filter);
  const conflicts: DataFile[] = [];
  for (const snapshot of snapshotsSince(metadata, sinceSnapshotId, branch)) {
    if (snapshot.operation === 'replace') continue;
    const { snapshotId } = snapshot;
    const manifests = (await snapshotManifests(io, snapshot)).filter(
      manifest =>
        manifest.addedSnapshotId === snapshotId &&
        manifest.addedFilesCount !== 0 &&
        pruning.manifestMightMatch(manifest),
    );
    const results = mapConcurrent(manifests, async manifest => {
      const entries = await readManifest(io, manifest, metadata);
      return entries.filter(entry => entry.status === 1 && entry.snapshotId === snapshotId);
    });
    for await (const entries of results) {
      for (const { dataFile } of entries) if (pruning.fileMightMatch(dataFile)) conflicts.push(dataFile);
    }
  }
  return conflicts;
}

/**
 * Addresses of the files that were removed from a branch since a snapshot, by whatever operation.
 * @throws CommitConflictError as snapshotsSince
 */
export async function removedSince(
  metadata: TableMetadata,
  io: FileIO,
  sinceSnapshotId: bigint | undefined,
  branch = mainBranch,
): Promise<Set<string>> {
  const removed = new Set<string>();
  for (const snapshot of snapshotsSince(metadata, sinceSnapshotId, branch)) {
    const { snapshotId } = snapshot;
    const manifests = (await snapshotManifests(io, snapshot)).filter(
      manifest => manifest.addedSnapshotId === snapshotId && manifest.deletedFilesCount !== 0,
    );
    for await (const entries of mapConcurrent(manifests, each => readManifest(io, each, metadata))) {
      for (const { status, dataFile, ...entry } of entries) {
        if (status === 2 && entry.snapshotId === snapshotId) removed.add(dataFile.filePath);
      }
    }
  }
  return removed;
}
