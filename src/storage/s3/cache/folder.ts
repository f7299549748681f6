import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { errorCode, fromFsError } from '../../fs-errors.ts';
import type { CacheSettings } from '../../settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder of the cache: the one that was set, else `lakebook` in the user's cache folder. */
export function cacheFolder(settings: CacheSettings, environment: Environment = process.env): string {
  if (settings.folder !== undefined) return settings.folder;
  if (environment.XDG_CACHE_HOME) return path.join(environment.XDG_CACHE_HOME, 'lakebook');
  if (process.platform === 'win32' && environment.LOCALAPPDATA) {
    return path.join(environment.LOCALAPPDATA, 'lakebook', 'Cache');
  }
  if (process.platform === 'darwin') return path.join(homedir(), 'Library', 'Caches', 'lakebook');
  return path.join(homedir(), '.cache', 'lakebook');
}

/** Where things are in a cache's folder. The version changes when the layout does. */
export interface CachePaths {
  readonly root: string;
  readonly index: string;
  readonly files: string;
  readonly staging: string;
  /** The folder goes away with the process: no lasting one could be made. */
  readonly temporary: boolean;
}

/**
 * Makes the cache's folders, readable by their owner only. Where the user's cache folder can't be written to
 * (containers), a temporary one takes its place. @throws LakebookError for a folder that was set
 */
export async function makeCacheFolder(settings: CacheSettings): Promise<CachePaths> {
  const root = cacheFolder(settings);
  try {
    return await makePaths(root, false);
  } catch (error) {
    const code = errorCode(error);
    if (
      settings.folder !== undefined ||
      !['EACCES', 'EROFS', 'EPERM', 'ENOENT', 'ENOTDIR'].includes(code ?? '')
    ) {
      throw fromFsError(error, 'write', root);
    }
    return await makePaths(await mkdtemp(path.join(tmpdir(), 'lakebook-cache-')), true);
  }
}

async function makePaths(root: string, temporary: boolean): Promise<CachePaths> {
  const version = path.join(root, 'v1');
  const paths = {
    root,
    index: path.join(version, 'index.db'),
    files: path.join(version, 'files'),
    staging: path.join(version, 'staging'),
    temporary,
  };
  for (const folder of [paths.files, paths.staging]) await mkdir(folder, { recursive: true, mode: 0o700 });
  return paths;
}

/** Removes what a damaged index knew of; other processes may be reading what was used in the last hour. */
export async function removeOldFiles(folder: string, keep: (name: string) => boolean): Promise<void> {
  const hourMs = 3_600_000;
  for (const name of await readdir(folder)) {
    if (keep(name)) continue;
    const file = path.join(folder, name);
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined && Date.now() - Math.max(found.mtimeMs, found.atimeMs) > hourMs) {
      await rm(file, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}
