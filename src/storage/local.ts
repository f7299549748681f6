import { randomUUID } from 'node:crypto';
import type { Dir, Dirent } from 'node:fs';
import { open, opendir, readdir, readFile, rm, rmdir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { mapConcurrent } from '../iceberg/concurrent.ts';
import { CorruptFileError } from '../iceberg/errors.ts';
import type { ByteRange, FileEntry } from '../iceberg/io.ts';
import { createFile, makeFolder, publishFile } from './durable.ts';
import { errorCode, fromFsError } from './fs-errors.ts';
import { joinLocation, toLocalPath } from './paths.ts';
import type { ReadRequest, StagingArea, Storage } from './storage.ts';

/** File system calls that are under way at once when many files are looked at. */
const statConcurrency = 32;

/** Folders in which data files are written before they get their names. */
export const stagingPrefix = '.lakebook-staging-';

/** Files in folders of this machine. Addresses are `file:` ones or bare absolute paths. */
export class LocalStorage implements Storage {
  async read(location: string, range?: ByteRange): Promise<Uint8Array> {
    const file = toLocalPath(location);
    return await explained('read', file, () =>
      range === undefined ? readFile(file) : readRange(file, range),
    );
  }

  async size(location: string): Promise<number> {
    const file = toLocalPath(location);
    return (await explained('read', file, () => stat(file))).size;
  }

  async exists(location: string): Promise<boolean> {
    const file = toLocalPath(location);
    return await explained('look for', file, async () => (await statIfThere(file))?.isFile() ?? false);
  }

  async create(location: string, bytes: Uint8Array): Promise<void> {
    const file = toLocalPath(location);
    await explained('write', file, () => createFile(file, bytes));
  }

  async delete(location: string): Promise<void> {
    const file = toLocalPath(location);
    await explained('delete', file, async () => {
      await unlinkIfThere(file);
      // Spark writes local files through Hadoop, which keeps a checksum beside each.
      await unlinkIfThere(path.join(path.dirname(file), `.${path.basename(file)}.crc`));
    });
  }

  /** Links to folders are not followed below `folder`: what they hold belongs to someone else. */
  async *list(folder: string): AsyncGenerator<FileEntry, void> {
    const root = toLocalPath(folder);
    const below: string[][] = [[]];
    for (let names = below.pop(); names !== undefined; names = below.pop()) {
      const directory = path.join(root, ...names);
      for await (const batch of entriesOf(directory, names.length === 0)) {
        for (const entry of batch) if (entry.isDirectory()) below.push([...names, entry.name]);
        const files = batch.filter(entry => !entry.isDirectory());
        const found = mapConcurrent(
          files,
          entry => {
            const file = path.join(directory, entry.name);
            return explained('read', file, () => statIfThere(file));
          },
          { limit: statConcurrency },
        );
        let index = 0;
        for await (const stats of found) {
          const { name } = files[index++]!;
          // Deleted since, or a link to a folder or to nothing.
          if (stats?.isFile() !== true) continue;
          const location = joinLocation(folder, ...names, name);
          yield { location, size: stats.size, lastModifiedMs: Math.floor(stats.mtimeMs) };
        }
      }
    }
  }

  /** @throws CorruptFileError for a file that is shorter than the metadata says: it was cut off. */
  async localPaths(files: readonly ReadRequest[], signal?: AbortSignal): Promise<string[]> {
    const paths: string[] = [];
    const checked = mapConcurrent(
      files,
      async ({ location, fileSize }) => {
        const file = toLocalPath(location);
        const { size } = await explained('read', file, () => stat(file));
        if (size < fileSize) {
          throw new CorruptFileError(location, `is ${size} bytes long, but ${fileSize} bytes were written.`, {
            hint: "Restore the file from a backup, or go back to a snapshot that doesn't need it.",
          });
        }
        return file;
      },
      { limit: statConcurrency, signal },
    );
    for await (const file of checked) paths.push(file);
    return paths;
  }

  async localFolder(address: string): Promise<string> {
    return toLocalPath(address);
  }

  async stage(folder: string): Promise<StagingArea> {
    const target = toLocalPath(folder);
    // Hidden, so that other engines that list a table's folder leave it alone.
    const staging = path.join(target, `${stagingPrefix}${randomUUID()}`);
    const topmost = await explained('write', target, () => makeFolder(staging));
    return {
      path: staging,
      publish: async (localPath, location) => {
        const file = toLocalPath(location);
        await explained('write', file, () => publishFile(localPath, file));
      },
      discard: async () => {
        await explained('delete', staging, () => rm(staging, { recursive: true, force: true }));
        if (topmost !== undefined && topmost !== staging) await removeEmptyFolders(target, topmost);
      },
    };
  }

  /** Removes the folders at and below an address that hold no files; those that do, stay. */
  async removeEmptyFolders(folder: string): Promise<void> {
    const directory = toLocalPath(folder);
    await explained('delete', directory, () => removeEmptyBelow(directory));
  }
}

async function explained<T>(action: string, file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fromFsError(error, action, file);
  }
}

function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

async function unlinkIfThere(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    // A checksum's name can be too long where its file's is not.
    if (!isMissing(error) && errorCode(error) !== 'ENAMETOOLONG') throw error;
  }
}

async function statIfThere(file: string) {
  try {
    return await stat(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function readRange(file: string, range: ByteRange): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const bytes = Buffer.allocUnsafe(Math.max(0, range.end - range.start));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, range.start + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await handle.close();
  }
}

/** Entries of a folder in batches. A folder that isn't there has none; nor has one that went away meanwhile. */
async function* entriesOf(directory: string, isRoot: boolean): AsyncGenerator<Dirent[], void> {
  const batchSize = 256;
  let opened: Dir;
  try {
    opened = await opendir(directory, { bufferSize: batchSize });
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || (!isRoot && isMissing(error))) return;
    throw fromFsError(error, 'list', directory);
  }
  let batch: Dirent[] = [];
  try {
    for await (const entry of opened) {
      batch.push(entry);
      if (batch.length === batchSize) {
        yield batch;
        batch = [];
      }
    }
  } catch (error) {
    if (!isMissing(error)) throw fromFsError(error, 'list', directory);
  }
  yield batch;
}

/** Removes `folder` and the folders above it up to `topmost` as far as they are empty. */
async function removeEmptyFolders(folder: string, topmost: string): Promise<void> {
  for (let current = folder; current.length >= topmost.length; current = path.dirname(current)) {
    const removed = await rmdir(current).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}

async function removeEmptyBelow(directory: string): Promise<void> {
  let entries: Dirent[];
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  for (const entry of entries) {
    if (entry.isDirectory()) await removeEmptyBelow(path.join(directory, entry.name));
  }
  try {
    await rmdir(directory);
  } catch (error) {
    // ENOTEMPTY, which some systems call EEXIST.
    if (!isMissing(error) && errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
  }
}
