import { mapConcurrent } from '../iceberg/concurrent.ts';
import { CorruptFileError, LakebookError, NotFoundError } from '../iceberg/errors.ts';
import type { FileIO } from '../iceberg/io.ts';
import { readManifest } from '../iceberg/manifest.ts';
import { type ManifestFile, snapshotManifests } from '../iceberg/manifest-list.ts';
import { booleanProperty, propertyDefaults, propertyNames } from '../iceberg/properties.ts';
import { reachableFiles } from '../iceberg/reachable.ts';
import type { Storage } from '../storage/storage.ts';
import type { LoadedTable } from './catalog.ts';
import { formatIdentifier } from './identifiers.ts';

/** Files that are deleted at once. */
const deleteConcurrency = 16;

/**
 * Addresses of all files that belong to a table, in the order in which they are to be deleted: what names other
 * files goes after them. With the table property `gc.enabled` = false its data may be another table's too, and is
 * left out. Files that are missing are passed over: what is broken already must still be possible to drop.
 * @throws LakebookError `CORRUPT_FILE` when a manifest or manifest list can't be decoded
 */
export async function filesToPurge(table: LoadedTable, io: FileIO): Promise<string[]> {
  try {
    return await collect(table, io);
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    throw new LakebookError(error.code, error.message, {
      hint: 'Nothing was changed. Drop the table without purging it, and delete its folder by hand.',
      cause: error,
    });
  }
}

async function collect(table: LoadedTable, io: FileIO): Promise<string[]> {
  const { metadata, metadataLocation } = table;
  const { gcEnabled } = propertyNames;
  const ownsData = booleanProperty(metadata.properties, gcEnabled, propertyDefaults[gcEnabled]);
  const manifests = new Map<string, ManifestFile>();
  const lists = mapConcurrent(metadata.snapshots, snapshot => noneIfMissing(snapshotManifests(io, snapshot)));
  for await (const list of lists) for (const manifest of list) manifests.set(manifest.manifestPath, manifest);
  const content = new Set<string>();
  const read = (manifest: ManifestFile) => noneIfMissing(readManifest(io, manifest, metadata));
  for await (const entries of mapConcurrent(ownsData ? [...manifests.values()] : [], read)) {
    for (const { dataFile } of entries) content.add(dataFile.filePath);
  }
  const named = await reachableFiles(metadata, metadataLocation, io, { snapshots: [] });
  return [
    ...content,
    ...manifests.keys(),
    ...metadata.snapshots.flatMap(({ manifestList }) => manifestList ?? []),
    ...named.statisticsFiles,
    ...named.metadataFiles,
  ];
}

async function noneIfMissing<T>(items: Promise<readonly T[]>): Promise<readonly T[]> {
  return await items.catch(error => {
    if (error instanceof NotFoundError) return [];
    throw error;
  });
}

/**
 * Deletes a dropped table's files and the folders that are empty then. One that can't be deleted doesn't stop it.
 * @throws LakebookError `PURGE_INCOMPLETE` when some are left
 */
export async function purgeFiles(
  table: LoadedTable,
  files: readonly string[],
  storage: Storage,
): Promise<void> {
  const failures: { location: string; error: unknown }[] = [];
  const remove = async (location: string): Promise<void> => {
    await storage.delete(location).catch(error => failures.push({ location, error }));
  };
  for await (const _ of mapConcurrent(files, remove, { limit: deleteConcurrency })) {
    // Failures are collected.
  }
  await storage.removeEmptyFolders?.(table.metadata.location).catch(() => {});
  const [first] = failures;
  if (first === undefined) return;
  throw new LakebookError(
    'PURGE_INCOMPLETE',
    `${formatIdentifier(table.identifier)} was dropped, but ${failures.length} of its ${files.length} files could not be deleted. The first: ${String(first.error)}`,
    { hint: `Delete what is left below ${table.metadata.location} by hand.`, cause: first.error },
  );
}
