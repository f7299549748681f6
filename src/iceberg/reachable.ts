import { mapConcurrent } from './concurrent.ts';
import type { FileIO } from './io.ts';
import { readManifest } from './manifest.ts';
import { type ManifestFile, snapshotManifests } from './manifest-list.ts';
import type { Snapshot, TableMetadata } from './metadata.ts';

/** Addresses of files by what they are. */
export interface ReachableFiles {
  /** Metadata JSON files: the current one and those of the metadata log. */
  readonly metadataFiles: Set<string>;
  readonly manifestLists: Set<string>;
  readonly manifests: Set<string>;
  /** Data files and delete files. */
  readonly contentFiles: Set<string>;
  /** Puffin files of table statistics and files of partition statistics. */
  readonly statisticsFiles: Set<string>;
}

export interface ReachableOptions {
  /** Only these snapshots; all of the metadata's when absent. */
  readonly snapshots?: readonly Snapshot[];
  /**
   * Leave out content files that are only named by deleted entries: they belong to no snapshot's state. Absent
   * or false: everything that was ever written down is given, as dropping a table with its files needs it.
   */
  readonly liveOnly?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * All files that a table's metadata reaches. Each manifest is read once however many snapshots share it.
 * @throws CorruptFileError, NotFoundError('file') when metadata is damaged: then nothing may be deleted on
 *   the strength of this answer
 */
export async function reachableFiles(
  metadata: TableMetadata,
  metadataLocation: string | undefined,
  io: FileIO,
  options: ReachableOptions = {},
): Promise<ReachableFiles> {
  const { signal } = options;
  const snapshots = options.snapshots ?? metadata.snapshots;
  const manifestLists = new Set(snapshots.flatMap(snapshot => snapshot.manifestList ?? []));
  const manifests = new Map<string, ManifestFile>();
  const lists = mapConcurrent(snapshots, snapshot => snapshotManifests(io, snapshot), { signal });
  for await (const list of lists) for (const manifest of list) manifests.set(manifest.manifestPath, manifest);
  const contentFiles = new Set<string>();
  const results = mapConcurrent([...manifests.values()], manifest => readManifest(io, manifest, metadata), {
    signal,
  });
  for await (const entries of results) {
    for (const entry of entries) {
      if (!options.liveOnly || entry.status !== 2) contentFiles.add(entry.dataFile.filePath);
    }
  }
  const statistics = [...metadata.statistics, ...metadata.partitionStatistics];
  return {
    metadataFiles: new Set([
      ...metadata.metadataLog.map(entry => entry.metadataFile),
      ...(metadataLocation === undefined ? [] : [metadataLocation]),
    ]),
    manifestLists,
    manifests: new Set(manifests.keys()),
    contentFiles,
    statisticsFiles: new Set(
      statistics.map(entry => String(entry['statistics-path'])).filter(path => path !== 'undefined'),
    ),
  };
}
