import { mapConcurrent } from '../iceberg/concurrent.ts';
import type { DataFile } from '../iceberg/datafile.ts';
import type { FileIO } from '../iceberg/io.ts';

/** When this process wrote files, in milliseconds since the epoch. */
const writtenMs = new WeakMap<DataFile, number>();

/** Orphan clean-ups leave files of the last day alone: until then those that aren't committed yet are safe. */
const safeMs = 12 * 60 * 60 * 1000;

/** Remembers that files were written now, and are in no snapshot yet. */
export function noteWritten(files: readonly DataFile[]): void {
  for (const file of files) writtenMs.set(file, Date.now());
}

/**
 * The first of the files that is gone, of those that were written so long ago that somebody may have taken them for
 * orphans: the machine slept, or its clock was set, between writing and committing.
 */
export async function firstGone(io: FileIO, files: readonly DataFile[]): Promise<DataFile | undefined> {
  const now = Date.now();
  const old = files.filter(file => now - (writtenMs.get(file) ?? now) > safeMs);
  let index = 0;
  for await (const isThere of mapConcurrent(old, ({ filePath }) => io.exists(filePath))) {
    if (!isThere) return old[index];
    index++;
  }
  return undefined;
}
