import type { LoadedTable } from '../../catalog/catalog.ts';
import { commitWithRetry } from '../../catalog/commit.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import { mapConcurrent } from '../../iceberg/concurrent.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import { type Expiry, expiredSnapshots } from '../../iceberg/expire.ts';
import type { FileIO } from '../../iceberg/io.ts';
import { readManifest } from '../../iceberg/manifest.ts';
import { type ManifestFile, snapshotManifests } from '../../iceberg/manifest-list.ts';
import type { Snapshot, TableMetadata } from '../../iceberg/metadata.ts';
import { booleanProperty, propertyDefaults, propertyNames } from '../../iceberg/properties.ts';
import type { TableRequirement, TableUpdate } from '../../iceberg/updates.ts';
import { locationKey } from '../../storage/location-keys.ts';
import type { EngineSession } from '../session.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { deleteAll } from './delete-files.ts';

export interface ExpireRequest {
  readonly table: LoadedTable;
  /** Milliseconds since the epoch; absent: as the table says. */
  readonly olderThanMs?: number;
  /** Snapshots that each branch keeps whatever their age; absent: as the table says. */
  readonly keep?: number;
  readonly snapshotIds?: readonly bigint[];
}

/** Files that were deleted, by what they were. */
export interface Expired {
  readonly snapshots: number;
  readonly refs: readonly string[];
  readonly dataFiles: number;
  readonly positionDeleteFiles: number;
  readonly equalityDeleteFiles: number;
  readonly manifests: number;
  readonly manifestLists: number;
  readonly statisticsFiles: number;
  /** Files that couldn't be deleted; they are orphans now. */
  readonly failed: readonly string[];
}

type FileKind = Exclude<keyof Expired, 'snapshots' | 'refs' | 'failed'>;

const nothing: Expired = {
  snapshots: 0,
  refs: [],
  dataFiles: 0,
  positionDeleteFiles: 0,
  equalityDeleteFiles: 0,
  manifests: 0,
  manifestLists: 0,
  statisticsFiles: 0,
  failed: [],
};

/**
 * Removes snapshots that have had their time from the table, and then the files that only they reached. Nothing that a
 * snapshot which stays can reach is ever deleted: what that is, is read from the table as it was committed.
 * @throws ValidationError when the table's files may belong to other tables (`gc.enabled` = false);
 *   CommitConflictError, CorruptFileError, InterruptedError
 */
export async function expireSnapshots(
  session: EngineSession,
  request: ExpireRequest,
  options: ExecuteOptions = {},
): Promise<Expired> {
  const { storage, catalog } = session.lake;
  const { identifier } = request.table;
  requireOwnFiles(request.table);
  let before: TableMetadata | undefined;
  let expiry: Expiry | undefined;
  const nowMs = Date.now();
  const attempt = async ({ metadata }: LoadedTable) => {
    expiry = expiredSnapshots(metadata, { nowMs, ...request });
    before = metadata;
    if (expiry.snapshots.length === 0 && expiry.refs.length === 0) return undefined;
    return { ...changeOf(metadata, expiry), written: [] };
  };
  options.onProgress?.({ phase: 'committing' });
  const committed = await commitWithRetry(catalog, identifier, attempt, storage, { signal: options.signal });
  if (committed === undefined) return nothing;
  const files = await unreachable(storage, before!, committed.metadata, expiry!.snapshots, options.signal);
  const { failed } = await deleteAll(session, [...files.keys()], options);
  for (const { location } of failed) files.delete(location);
  const count = (kind: FileKind) => [...files.values()].filter(each => each === kind).length;
  return {
    snapshots: expiry!.snapshots.length,
    refs: expiry!.refs,
    dataFiles: count('dataFiles'),
    positionDeleteFiles: count('positionDeleteFiles'),
    equalityDeleteFiles: count('equalityDeleteFiles'),
    manifests: count('manifests'),
    manifestLists: count('manifestLists'),
    statisticsFiles: count('statisticsFiles'),
    failed: failed.map(({ location }) => location),
  };
}

/** @throws ValidationError */
export function requireOwnFiles({ metadata, identifier }: LoadedTable): void {
  const { gcEnabled } = propertyNames;
  if (booleanProperty(metadata.properties, gcEnabled, propertyDefaults[gcEnabled])) return;
  throw new ValidationError(
    `Files of ${formatIdentifier(identifier)} can't be deleted: its property '${gcEnabled}' is false, so other tables may need them.`,
    { hint: `Set '${gcEnabled}' to true if no other table has these files.` },
  );
}

function changeOf(metadata: TableMetadata, { snapshots, refs }: Expiry) {
  const updates: TableUpdate[] = [
    ...refs.map(refName => ({ action: 'remove-snapshot-ref', refName }) as const),
    ...(snapshots.length === 0
      ? []
      : [{ action: 'remove-snapshots', snapshotIds: snapshots.map(each => each.snapshotId) } as const]),
  ];
  // A branch or tag that moved since may need what was going to go.
  const requirements: TableRequirement[] = [
    { type: 'assert-table-uuid', uuid: metadata.tableUuid },
    ...Object.entries(metadata.refs).map(
      ([ref, { snapshotId }]) => ({ type: 'assert-ref-snapshot-id', ref, snapshotId }) as const,
    ),
  ];
  return { updates, requirements };
}

/** What only the expired snapshots reached, in the order in which it is to be deleted. */
async function unreachable(
  io: FileIO,
  before: TableMetadata,
  after: TableMetadata,
  expired: readonly Snapshot[],
  signal: AbortSignal | undefined,
): Promise<Map<string, FileKind>> {
  const kept = await manifestsOf(io, after.snapshots, signal);
  const keptLists = new Set(after.snapshots.flatMap(each => keyOf(each.manifestList)));
  const gone = await manifestsOf(io, expired, signal);
  for (const key of kept.keys()) gone.delete(key);
  const content = new Map<string, { location: string; kind: FileKind }>();
  const contentOf = (manifest: ManifestFile) => readManifest(io, manifest, before);
  for await (const entries of mapConcurrent([...gone.values()], contentOf, { signal })) {
    for (const { dataFile } of entries) {
      const kind = (['dataFiles', 'positionDeleteFiles', 'equalityDeleteFiles'] as const)[dataFile.content];
      content.set(locationKey(dataFile.filePath), { location: dataFile.filePath, kind });
    }
  }
  if (content.size > 0) {
    for await (const entries of mapConcurrent([...kept.values()], contentOf, { signal })) {
      for (const { status, dataFile } of entries)
        if (status !== 2) content.delete(locationKey(dataFile.filePath));
    }
  }
  const files = new Map<string, FileKind>();
  for (const { location, kind } of content.values()) files.set(location, kind);
  for (const { manifestPath } of gone.values()) files.set(manifestPath, 'manifests');
  for (const { manifestList } of expired) {
    if (manifestList !== undefined && !keptLists.has(locationKey(manifestList)))
      files.set(manifestList, 'manifestLists');
  }
  const statistics = (metadata: TableMetadata) =>
    [...metadata.statistics, ...metadata.partitionStatistics].map(entry => String(entry['statistics-path']));
  const keptStatistics = new Set(statistics(after).map(locationKey));
  for (const location of statistics(before)) {
    if (!keptStatistics.has(locationKey(location))) files.set(location, 'statisticsFiles');
  }
  return files;
}

function keyOf(location: string | undefined): string[] {
  return location === undefined ? [] : [locationKey(location)];
}

async function manifestsOf(
  io: FileIO,
  snapshots: readonly Snapshot[],
  signal: AbortSignal | undefined,
): Promise<Map<string, ManifestFile>> {
  const found = new Map<string, ManifestFile>();
  for await (const list of mapConcurrent(snapshots, each => snapshotManifests(io, each), { signal })) {
    for (const manifest of list) found.set(locationKey(manifest.manifestPath), manifest);
  }
  return found;
}
