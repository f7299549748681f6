import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, copyFile, link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { AlreadyExistsError } from '../iceberg/errors.ts';
import { errorCode } from './fs-errors.ts';

/**
 * Creates a file that readers see whole or not at all and that survives a power cut, with the folders above it.
 * Works on a hidden temporary file in the same folder; a process that is killed leaves at most that one behind.
 * @throws AlreadyExistsError('file'); errors of the file system as they are
 */
export async function createFile(target: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryName(target);
  try {
    await inFolder(target, async () => {
      const handle = await open(temporary, 'wx');
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
    await place(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/**
 * Moves a finished file to its place as `createFile` would have made it there; the folders above it are made.
 * @throws AlreadyExistsError('file'): then, as after any failure, `source` is where it was
 */
export async function publishFile(source: string, target: string): Promise<void> {
  await syncFile(source);
  try {
    await place(source, target);
  } catch (error) {
    // Another file system is mounted at the target: nothing but a copy can cross over.
    if (errorCode(error) !== 'EXDEV') throw error;
    const temporary = temporaryName(target);
    try {
      await copyFile(source, temporary, constants.COPYFILE_EXCL);
      await syncFile(temporary);
      await place(temporary, target);
    } catch (copyError) {
      await rm(temporary, { force: true }).catch(() => {});
      throw copyError;
    }
    await rm(source, { force: true });
  }
}

/**
 * Makes a folder and those above it, durably. Answers the topmost one that wasn't there, if any. (Node's recursive
 * mkdir calls a read-only file system ENOENT.)
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  const parent = path.dirname(folder);
  let topmost: string | undefined;
  try {
    await makeOne(folder);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return undefined;
    if (errorCode(error) !== 'ENOENT' || parent === folder) throw error;
    topmost = await makeFolder(parent);
    await makeOne(folder).catch(second => {
      if (errorCode(second) !== 'EEXIST') throw second;
    });
  }
  return topmost ?? folder;
}

async function makeOne(folder: string): Promise<void> {
  await mkdir(folder);
  await syncFolder(path.dirname(folder));
}

/** Gives a finished file its place; when that fails, nothing is there, and `source` is where it was. */
async function place(source: string, target: string): Promise<void> {
  let moved: 'linked' | 'renamed' = 'linked';
  await inFolder(target, async () => {
    moved = await moveWithoutOverwriting(source, target);
  });
  try {
    await syncFolder(path.dirname(target));
  } catch (error) {
    const back = moved === 'linked' ? rm(target, { force: true }) : rename(target, source);
    await back.catch(() => {});
    throw error;
  }
  // The file is in its place, whatever becomes of its other name; the orphan clean-up knows those.
  if (moved === 'linked') await rm(source, { force: true }).catch(() => {});
}

/** rename() replaces what is there without a word; a hard link to a name that is taken fails. */
async function moveWithoutOverwriting(source: string, target: string): Promise<'linked' | 'renamed'> {
  try {
    await link(source, target);
    return 'linked';
  } catch (error) {
    // A network folder may do what it's asked for and lose its answer.
    if (await isSameFile(source, target)) return 'linked';
    const code = errorCode(error);
    if (code === 'EEXIST') throw alreadyExists(target, error);
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error;
    // No hard links on this file system (FAT, some network folders). Names of Iceberg files hold a UUID, so the
    // gap between looking and renaming isn't one that two writers meet in.
    const taken = await access(target).then(
      () => true,
      () => false,
    );
    if (taken) throw alreadyExists(target, error);
    await rename(source, target);
    return 'renamed';
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([stat(one, { bigint: true }), stat(other, { bigint: true })]);
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    // What can't be looked at is explained by the error that there is already.
    return false;
  }
}

function alreadyExists(target: string, cause: unknown): AlreadyExistsError {
  return new AlreadyExistsError('file', `${target} exists already.`, {
    hint: 'Files of a table are never overwritten: use another name.',
    cause,
  });
}

/** Runs `work`, making the folder of `target` when it's missing, also when it goes away in between. */
async function inFolder(target: string, work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || attempt === 4) throw error;
      await makeFolder(path.dirname(target));
    }
  }
}

/** Names of files that have no other name yet. */
export const temporaryNames = /^\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

function temporaryName(target: string): string {
  return path.join(path.dirname(target), `.${randomUUID()}.tmp`);
}

async function syncFile(file: string): Promise<void> {
  // Windows flushes only through a handle that may write.
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a folder durable, where the platform knows such a thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r').catch(error => {
    // Names can be made in a folder that may not be read.
    if (errorCode(error) !== 'EACCES') throw error;
  });
  if (handle === undefined) return;
  try {
    await handle.sync();
  } catch (error) {
    // File systems that can't sync a folder say so with one of these.
    const code = errorCode(error);
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
  } finally {
    await handle.close();
  }
}
