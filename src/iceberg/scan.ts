import { mapConcurrent } from './concurrent.ts';
import type { DataFile, ManifestEntry } from './datafile.ts';
import { DeleteIndex } from './delete-index.ts';
import { InterruptedError, NotFoundError } from './errors.ts';
import type { Expr } from './expression.ts';
import type { FileIO } from './io.ts';
import { readLiveEntries } from './manifest.ts';
import { hasLiveFiles, type ManifestFile, snapshotManifests } from './manifest-list.ts';
import { currentSchema, type Snapshot, snapshotById, type TableMetadata } from './metadata.ts';
import { Pruning } from './pruning.ts';
import type { Schema } from './schema.ts';

export interface ScanRequest {
  readonly metadata: TableMetadata;
  /** The table's current snapshot when absent. */
  readonly snapshotId?: bigint;
  /**
   * The schema to read with. Absent: the current one for the current snapshot, and for a snapshot that is
   * asked for by id the one it was written with. (A branch is read with the current schema.)
   */
  readonly schema?: Schema;
  readonly filter: Expr;
  readonly io: FileIO;
  readonly signal?: AbortSignal;
}

/** What a scan must read. */
export interface ScanPlan {
  readonly schema: Schema;
  /** Absent: the table has no snapshot, and no rows. */
  readonly snapshotId?: bigint;
  /** In the order of the manifest list and of each manifest's entries. */
  readonly tasks: readonly FileScanTask[];
  readonly stats: ScanStats;
}

export interface FileScanTask {
  readonly entry: ManifestEntry;
  readonly dataFile: DataFile;
  /** Delete files to apply: equality deletes, and a deletion vector or else position deletes. */
  readonly deletes: readonly DataFile[];
  /** What is left of the filter for this file's rows; `true` when every row matches. */
  readonly residual: Expr;
}

export interface ScanStats {
  /** Manifests of the snapshot that hold live files. */
  readonly manifests: number;
  readonly manifestsScanned: number;
  /** Live data files of the snapshot. */
  readonly dataFiles: number;
  readonly dataFilesScanned: number;
  /** Delete files that the scanned files need. */
  readonly deleteFiles: number;
  /** Size of the snapshot's live files as far as it's known without opening pruned manifests. */
  readonly bytes: number;
  readonly bytesScanned: number;
  /** Rows in the scanned data files, before deletes and filter. */
  readonly rows: number;
}

/**
 * Plans a scan (spec: "Scan Planning"): prunes manifests by their partition summaries, files by partition values
 * and column metrics, and finds the delete files of each file that's left. No file with a matching row is left out.
 * @throws NotFoundError('snapshot'), CorruptFileError, InterruptedError
 */
export async function planScan(request: ScanRequest): Promise<ScanPlan> {
  const { metadata, io, filter, signal } = request;
  const snapshot = findSnapshot(metadata, request.snapshotId);
  const schema = request.schema ?? scanSchema(metadata, request.snapshotId, snapshot);
  if (snapshot === undefined) return { schema, tasks: [], stats: emptyStats };
  const manifests = (await snapshotManifests(io, snapshot)).filter(hasLiveFiles);
  const pruning = new Pruning(metadata, schema, filter);
  const kept = manifests.filter(manifest => pruning.manifestMightMatch(manifest));
  const dataManifests = kept.filter(manifest => manifest.content === 0);
  const deleteManifests = dataManifests.length === 0 ? [] : kept.filter(manifest => manifest.content === 1);

  const read = async (manifest: ManifestFile) => {
    if (signal?.aborted) throw new InterruptedError();
    return readLiveEntries(io, manifest, metadata);
  };
  const deleteEntries: ManifestEntry[] = [];
  for await (const entries of mapConcurrent(deleteManifests, read, { signal })) {
    for (const entry of entries) if (pruning.partitionMightMatch(entry.dataFile)) deleteEntries.push(entry);
  }
  const index = new DeleteIndex(deleteEntries, schema, metadata.partitionSpecs);

  const tasks: FileScanTask[] = [];
  const deletesUsed = new Set<DataFile>();
  let filesSeen = 0;
  let bytesSeen = 0;
  for await (const entries of mapConcurrent(dataManifests, read, { signal })) {
    filesSeen += entries.length;
    for (const entry of entries) {
      const { dataFile } = entry;
      bytesSeen += dataFile.fileSizeInBytes;
      const rest = pruning.residual(dataFile);
      if (rest.op === 'false') continue;
      const deletes = deleteEntries.length === 0 ? [] : index.forFile(entry);
      for (const file of deletes) deletesUsed.add(file);
      tasks.push({ entry, dataFile, deletes, residual: rest });
    }
  }
  const all = manifests.filter(manifest => manifest.content === 0);
  const pruned = all.length > dataManifests.length;
  return {
    schema,
    snapshotId: snapshot.snapshotId,
    tasks,
    stats: {
      manifests: manifests.length,
      manifestsScanned: dataManifests.length + deleteManifests.length,
      dataFiles: pruned ? liveFileCount(all, filesSeen) : filesSeen,
      dataFilesScanned: tasks.length,
      deleteFiles: deletesUsed.size,
      bytes: pruned ? Math.max(bytesSeen, Number(snapshot.summary['total-files-size'] ?? 0)) : bytesSeen,
      bytesScanned: tasks.reduce((sum, task) => sum + task.dataFile.fileSizeInBytes, 0),
      rows: tasks.reduce((sum, task) => sum + task.dataFile.recordCount, 0),
    },
  };
}

const emptyStats: ScanStats = {
  manifests: 0,
  manifestsScanned: 0,
  dataFiles: 0,
  dataFilesScanned: 0,
  deleteFiles: 0,
  bytes: 0,
  bytesScanned: 0,
  rows: 0,
};

function findSnapshot(metadata: TableMetadata, snapshotId: bigint | undefined): Snapshot | undefined {
  const id = snapshotId ?? metadata.currentSnapshotId;
  if (id === undefined) return undefined;
  const snapshot = snapshotById(metadata, id);
  if (snapshot === undefined) {
    throw new NotFoundError('snapshot', `The table at ${metadata.location} has no snapshot ${id}.`, {
      hint: 'Query the table with $snapshots behind its name to see the snapshots that are there.',
    });
  }
  return snapshot;
}

function scanSchema(
  metadata: TableMetadata,
  asked: bigint | undefined,
  snapshot: Snapshot | undefined,
): Schema {
  if (asked === undefined || snapshot?.schemaId === undefined) return currentSchema(metadata);
  return metadata.schemas.find(s => s.schemaId === snapshot.schemaId) ?? currentSchema(metadata);
}

/** Live files by the manifest list's counts; manifests that don't tell count with what was read. */
function liveFileCount(manifests: readonly ManifestFile[], seen: number): number {
  const counted = manifests.reduce(
    (sum, m) => sum + (m.addedFilesCount ?? 0) + (m.existingFilesCount ?? 0),
    0,
  );
  return Math.max(counted, seen);
}
