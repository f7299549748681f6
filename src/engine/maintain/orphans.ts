import type { LoadedTable, Namespace, TableIdentifier } from '../../catalog/catalog.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import { InterruptedError, LakebookError, ValidationError } from '../../iceberg/errors.ts';
import type { FileEntry } from '../../iceberg/io.ts';
import { dataFolder, metadataFolder } from '../../iceberg/metadata.ts';
import { reachableFiles } from '../../iceberg/reachable.ts';
import { temporaryNames } from '../../storage/durable.ts';
import { stagingPrefix } from '../../storage/local.ts';
import { isBelow, locationKey } from '../../storage/location-keys.ts';
import type { EngineSession } from '../session.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { deleteAll } from './delete-files.ts';
import { requireOwnFiles } from './expire.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** Files younger than this may belong to a commit that is under way. */
export const defaultOrphanAgeMs = 3 * dayMs;

export interface OrphansRequest {
  readonly table: LoadedTable;
  /** Milliseconds since the epoch: only files that were last changed before; absent: three days ago. */
  readonly olderThanMs?: number;
  /** Absent or false: the files are only listed. */
  readonly delete?: boolean;
  /** Look below this address only. */
  readonly location?: string;
}

export interface Orphans {
  readonly files: readonly FileEntry[];
  /** Files that no snapshot needs, but that are too young to be sure. */
  readonly tooYoung: number;
  /** Files that were looked at. */
  readonly listed: number;
  readonly deleted: number;
  readonly failed: readonly string[];
}

/**
 * Finds files in a table's folders that nothing of the table needs: no snapshot, no statistics, no metadata file of its
 * log; and no other table of the catalog whose files are in the same folders. Deletes them if that is asked for.
 * @throws ValidationError for an age below a day, or when the files may be other tables' (`gc.enabled` = false);
 *   CorruptFileError when what is needed can't be known: then nothing is deleted
 */
export async function findOrphans(
  session: EngineSession,
  request: OrphansRequest,
  options: ExecuteOptions = {},
): Promise<Orphans> {
  const { storage } = session.lake;
  const { onProgress, signal } = options;
  const olderThan = request.olderThanMs ?? Date.now() - defaultOrphanAgeMs;
  if (request.delete === true) {
    requireOwnFiles(request.table);
    if (olderThan > Date.now() - dayMs) {
      throw new ValidationError(
        'Files younger than a day are not deleted: a commit under way may need them.',
        {
          hint: 'Give an age of 1 day or more.',
        },
      );
    }
  }
  // First what is there, then what is needed: a commit in between can't make a listed file look needless.
  const listed: { readonly entry: FileEntry; readonly folder: string }[] = [];
  for (const folder of foldersOf(request)) {
    for await (const entry of storage.list(folder)) {
      if (signal?.aborted === true) throw new InterruptedError();
      listed.push({ entry, folder });
      onProgress?.({ phase: 'listing files', files: listed.length });
    }
  }
  const current = await session.lake.catalog.loadTable(request.table.identifier);
  const needed = await neededFiles(session, current, options);
  const neighbours = await otherTables(session, current, options);
  for (const key of neighbours.files) needed.add(key);
  const orphans = new Map<string, FileEntry>();
  let tooYoung = 0;
  for (const { entry, folder } of listed) {
    const key = locationKey(entry.location);
    if (isHidden(key.slice(locationKey(folder).length))) continue;
    if (
      needed.has(checkedFile(key)) ||
      orphans.has(key) ||
      neighbours.folders.some(folder => isBelow(key, folder))
    )
      continue;
    // A pointer of file-system catalogs, beside the metadata files.
    if (key.endsWith('/version-hint.text')) continue;
    if (entry.lastModifiedMs >= olderThan) tooYoung++;
    else orphans.set(key, entry);
  }
  const files = [...orphans.values()].sort((a, b) => (a.location < b.location ? -1 : 1));
  const found = { files, tooYoung, listed: listed.length };
  if (request.delete !== true) return { ...found, deleted: 0, failed: [] };
  const { deleted, failed } = await deleteAll(
    session,
    files.map(file => file.location),
    options,
  );
  if (signal?.aborted === true) throw new InterruptedError();
  return { ...found, deleted: deleted.length, failed: failed.map(({ location }) => location) };
}

/** Hadoop writes the checksum of `x` to `.x.crc` beside it: it is needed as long as `x` is. */
function checkedFile(key: string): string {
  return key.replace(/\/\.([^/]+)\.crc$/, '/$1');
}

/**
 * Whether a name on the way begins as hidden ones do: other engines keep what is under way in such folders. Partition
 * folders may begin with an underscore, and what Lakebook itself leaves when it is killed is no one else's.
 */
function isHidden(path: string): boolean {
  return path
    .split('/')
    .some(
      name =>
        (name.startsWith('_') && !name.includes('=')) ||
        (name.startsWith('.') &&
          !name.endsWith('.crc') &&
          !name.startsWith(stagingPrefix) &&
          !temporaryNames.test(name)),
    );
}

function foldersOf({ table: { metadata }, location }: OrphansRequest): string[] {
  const own = [metadata.location, dataFolder(metadata), metadataFolder(metadata)];
  const folders = [...new Set(own.map(folder => folder.replace(/\/+$/, '')))];
  const roots = folders.filter(
    folder => !folders.some(other => other !== folder && isBelow(locationKey(folder), locationKey(other))),
  );
  if (location === undefined) return roots;
  const wanted = locationKey(location.replace(/\/+$/, ''));
  if (roots.some(root => wanted === locationKey(root) || isBelow(wanted, locationKey(root))))
    return [location];
  throw new ValidationError(`${location} is no folder of the table.`, {
    hint: `Its folders are ${roots.join(', ')}.`,
  });
}

/** Everything that the table's metadata names, as location keys. */
async function neededFiles(
  session: EngineSession,
  { metadata, metadataLocation }: LoadedTable,
  { signal }: ExecuteOptions,
): Promise<Set<string>> {
  const reachable = await reachableFiles(metadata, metadataLocation, session.lake.storage, { signal });
  const { metadataFiles, manifestLists, manifests, contentFiles, statisticsFiles } = reachable;
  const needed = new Set<string>();
  for (const files of [metadataFiles, manifestLists, manifests, contentFiles, statisticsFiles]) {
    for (const file of files) needed.add(locationKey(file));
  }
  return needed;
}

interface Neighbours {
  /** Folders of tables inside of the table's own: nothing in them is touched. */
  readonly folders: readonly string[];
  /** Files of tables that share the table's folders. */
  readonly files: ReadonlySet<string>;
}

/** @throws LakebookError when another table can't be read: then it isn't known what it needs */
async function otherTables(
  session: EngineSession,
  table: LoadedTable,
  options: ExecuteOptions,
): Promise<Neighbours> {
  const { catalog } = session.lake;
  const own = locationKey(table.metadata.location);
  const folders: string[] = [];
  const files = new Set<string>();
  for (const identifier of await allTables(session)) {
    if (formatIdentifier(identifier) === formatIdentifier(table.identifier)) continue;
    let other: LoadedTable;
    try {
      other = await catalog.loadTable(identifier);
    } catch (error) {
      if (!(error instanceof LakebookError)) throw error;
      throw new ValidationError(
        `The table ${formatIdentifier(identifier)} can't be read, so it isn't known whether it needs files in ${table.metadata.location}: ${error.message}`,
        { hint: 'Repair or drop that table first.', cause: error },
      );
    }
    const folder = locationKey(other.metadata.location);
    if (isBelow(folder, own)) folders.push(folder);
    else if (folder === own || isBelow(own, folder)) {
      for (const key of await neededFiles(session, other, options)) files.add(key);
    }
  }
  return { folders, files };
}

async function allTables(session: EngineSession): Promise<TableIdentifier[]> {
  const { catalog } = session.lake;
  const below = async (parent?: Namespace): Promise<TableIdentifier[]> => {
    const found: TableIdentifier[] = [];
    for (const namespace of await catalog.listNamespaces(parent)) {
      found.push(...(await catalog.listTables(namespace)), ...(await below(namespace)));
    }
    return found;
  };
  return below();
}
