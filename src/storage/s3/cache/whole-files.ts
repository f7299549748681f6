import { createHash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { errorCode } from '../../fs-errors.ts';
import { addressKey } from './file-name.ts';
import type { IndexFile } from './index-file.ts';

/** A UUID, as writers of Iceberg put it into the names of what they write once. */
const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;
const kinds = /\.(metadata\.json(\.gz)?|gz\.metadata\.json|avro)$/i;

/**
 * Whether a file is metadata that never changes: a metadata file, manifest list or manifest whose name is no other
 * file's. (`version-hint.text` changes, and `v1.metadata.json` is the name of one in every table of its kind.)
 */
export function isLasting(location: string): boolean {
  const name = location.slice(location.lastIndexOf('/') + 1);
  return uuid.test(name) && kinds.test(name);
}

/**
 * Small files of a lake that are read as a whole, its metadata, beside the ranges of its data files: in the same folder
 * and index, bounded with them, and checked by a checksum whenever they are read.
 */
export class WholeFiles {
  readonly #server: string;
  readonly #folder: string;
  readonly #index: IndexFile;
  readonly #most: number;

  /** `most`: bytes of the largest file that is kept. */
  constructor(server: string, folder: string, index: IndexFile, most: number) {
    this.#server = server;
    this.#folder = folder;
    this.#index = index;
    this.#most = most;
  }

  /** The file as it was kept; undefined when it wasn't, or isn't sound any more. */
  async read(location: string): Promise<Uint8Array | undefined> {
    const name = this.#nameOf(location);
    const [block] = this.#index.find(name)?.blocks ?? [];
    if (block === undefined) return undefined;
    const bytes = await readFile(path.join(this.#folder, name)).catch((error: unknown) => {
      // Another process removed it just now.
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (bytes !== undefined && bytes.length === block.end && crc32(bytes) === block.crc) return bytes;
    this.#index.forget(name);
    return undefined;
  }

  /** `bytes` are all there is of a file that never changes. */
  async keep(location: string, bytes: Uint8Array): Promise<void> {
    if (bytes.length > this.#most || bytes.length === 0) return;
    const name = this.#nameOf(location);
    const target = path.join(this.#folder, name);
    this.#index.pin([{ name, location, size: bytes.length }]);
    try {
      // Another process may read the file, or write it too.
      const draft = `${target}.${this.#index.owner}`;
      try {
        await writeFile(draft, bytes, { mode: 0o600 });
        await rename(draft, target);
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
      this.#index.add(name, [{ start: 0, end: bytes.length, crc: crc32(bytes) }], undefined);
    } finally {
      this.#index.unpin([name]);
    }
  }

  /** The file is deleted. */
  async forget(location: string): Promise<void> {
    const name = this.#nameOf(location);
    if (this.#index.find(name) === undefined) return;
    this.#index.forget(name);
    await rm(path.join(this.#folder, name), { force: true });
  }

  #nameOf(location: string): string {
    const digest = createHash('sha256').update(`${addressKey(this.#server, location)}\nwhole`);
    return `${digest.digest('hex').slice(0, 40)}.whole`;
  }
}
