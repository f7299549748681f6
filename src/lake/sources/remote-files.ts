import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { mapConcurrent } from '../../iceberg/concurrent.ts';
import { didYouMean } from '../../iceberg/did-you-mean.ts';
import { LakebookError, NotFoundError, ValidationError } from '../../iceberg/errors.ts';
import { joinLocation, stripTrailingSlashes } from '../../storage/paths.ts';
import { requireStore } from '../../storage/routed.ts';
import type { StagingArea, Storage } from '../../storage/storage.ts';
import { isFolder, isPattern, type SourceFile, someNames } from './files.ts';
import type { RowsOptions } from './source.ts';

/** A file of object storage. */
interface RemoteFile {
  readonly location: string;
  /** Bytes. */
  readonly size: number;
}

/** Files that are fetched at once; each is read in several parts already. */
const parallelFiles = 4;
/** Part of the disk's free space that stays free. */
const spared = 0.05;
/** Names that are looked at for a hint. */
const namesForHint = 1000;

/**
 * Files of object storage, copied to this machine to read rows from: DuckDB reads local files only, and a file that
 * people name may change, so that the cache of the lake's own files is not for it. The copies go away with `close`.
 */
export class RemoteFiles {
  readonly #storage: Storage;
  #staging: StagingArea | undefined;
  #copies = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /**
   * Copies what an address or glob pattern means; a pattern's files by name.
   * @throws NotFoundError('file') with the file that may be meant; ValidationError for folders; UnsupportedError for
   *   stores that can't be opened; LakebookError `DISK_FULL` before anything is copied
   */
  async bring(written: string, { signal, onProgress }: RowsOptions): Promise<SourceFile[]> {
    requireStore(written);
    const files = await this.#find(written);
    this.#staging ??= await this.#storage.stage(written);
    const { path: folder } = this.#staging;
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    await requireSpace(folder, written, bytes);
    let [done, copied] = [0, 0];
    const tell = () =>
      onProgress?.({
        phase: 'fetching',
        files: done,
        bytes: copied,
        ...(bytes === 0 ? {} : { fraction: copied / bytes }),
      });
    tell();
    const copies = mapConcurrent(
      files,
      async ({ location, size }) => {
        // The name's end tells the format, and what it is compressed with.
        const name = `${this.#copies++}-${path.posix.basename(location).replace(/[^\w.-]/g, '_')}`;
        const file = { path: path.join(folder, name.slice(-200)), name: location };
        await this.#storage.download!(location, file.path, signal);
        done++;
        copied += size;
        tell();
        return file;
      },
      { limit: parallelFiles, signal },
    );
    const brought: SourceFile[] = [];
    for await (const file of copies) brought.push(file);
    return brought;
  }

  async close(): Promise<void> {
    await this.#staging?.discard();
    this.#staging = undefined;
  }

  async #find(written: string): Promise<RemoteFile[]> {
    if (isPattern(written)) return await this.#matching(written);
    try {
      return [{ location: written, size: await this.#storage.size(written) }];
    } catch (error) {
      if (!(error instanceof NotFoundError) || error.code !== 'FILE_NOT_FOUND') throw error;
    }
    return await this.#missing(written);
  }

  async #matching(pattern: string): Promise<RemoteFile[]> {
    const folder = fixedFolder(pattern);
    const matcher = globMatcher(pattern);
    const found: RemoteFile[] = [];
    const others: string[] = [];
    for await (const file of this.#storage.list(folder)) {
      // A name may have a pattern's characters in it.
      if (file.location === pattern) return [file];
      if (matcher.test(file.location)) found.push(file);
      else if (others.length < namesForHint) others.push(file.location.slice(folder.length + 1));
    }
    if (found.length > 0) return found.sort((a, b) => (a.location < b.location ? -1 : 1));
    throw new NotFoundError('file', `No file fits the pattern ${pattern}.`, {
      hint: others.length === 0 ? `Nothing is in ${folder}.` : `${folder} holds ${someNames(others)}.`,
    });
  }

  async #missing(written: string): Promise<never> {
    const location = stripTrailingSlashes(written);
    const isAbove = await this.#names(location);
    if (isAbove.length > 0) throw isFolder(written, joinLocation(location, '*.csv'));
    const folder = path.posix.dirname(location);
    const names = (await this.#names(folder)).filter(name => !name.includes('/'));
    const close = didYouMean(path.posix.basename(location), names);
    throw new NotFoundError('file', `There is no file ${written}.`, {
      hint:
        close !== undefined
          ? `Did you mean '${joinLocation(folder, close)}'?`
          : names.length === 0
            ? `No file is in ${folder}.`
            : `${folder} holds ${someNames(names)}.`,
    });
  }

  /** Some names below a folder, for hints. */
  async #names(folder: string): Promise<string[]> {
    const names: string[] = [];
    if (!/^\w+:\/\/[^/]+/.test(folder)) return names;
    for await (const { location } of this.#storage.list(folder)) {
      names.push(location.slice(folder.length + 1));
      if (names.length === namesForHint) break;
    }
    return names;
  }
}

/** The folder that all files of a pattern are in. */
function fixedFolder(pattern: string): string {
  const fixed = pattern.slice(0, pattern.search(/[*?[]/));
  const bucket = /^\w+:\/\/[^/]+\//.exec(fixed)?.[0];
  if (bucket === undefined) {
    throw new ValidationError(`The pattern ${pattern} doesn't say a bucket.`, {
      hint: 'A pattern stands behind the bucket: s3://bucket/folder/*.csv.',
    });
  }
  return stripTrailingSlashes(fixed.slice(0, Math.max(fixed.lastIndexOf('/'), bucket.length - 1)));
}

/** As DuckDB's patterns on this machine: `*`, `?` and `[a-z]` stay in a folder, `**` stands for folders at any depth. */
export function globMatcher(pattern: string): RegExp {
  const text = pattern.replace(/\*\*\/|\*|\?|\[(!?)([^\]/]+)\]|[\\^$.*+?()[\]{}|]/g, (part, not, set) => {
    if (part === '**/') return '(?:[^/]+/)*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (set === undefined) return `\\${part}`;
    return `(?!/)[${not === '!' ? '^' : ''}${String(set).replace(/[\\\]^[]/g, '\\$&')}]`;
  });
  return new RegExp(`^${text}$`, 'su');
}

/** @throws LakebookError `DISK_FULL` */
async function requireSpace(folder: string, written: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes <= free * (1 - spared)) return;
  const mb = (count: number) => `${Math.ceil(count / 1e6).toLocaleString('en-US')} MB`;
  throw new LakebookError(
    'DISK_FULL',
    `${written} holds ${mb(bytes)}, and ${folder} has room for ${mb(free)}: files are copied to this machine to be read.`,
    {
      hint: 'Free some space, set LAKEBOOK_CACHE_DIR to a folder on a larger disk, or ingest fewer files at a time.',
    },
  );
}
