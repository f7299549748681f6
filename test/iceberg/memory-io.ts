import { AlreadyExistsError, NotFoundError } from '../../src/iceberg/errors.ts';
import type { ByteRange, FileEntry, FileIO } from '../../src/iceberg/io.ts';

/** Files in memory; `reads` lists what was read, in order. */
export class MemoryIO implements FileIO {
  readonly files = new Map<string, Uint8Array>();
  readonly reads: string[] = [];

  async read(location: string, range?: ByteRange): Promise<Uint8Array> {
    this.reads.push(location);
    const bytes = this.#get(location);
    return range === undefined ? bytes : bytes.subarray(range.start, range.end);
  }

  async size(location: string): Promise<number> {
    return this.#get(location).length;
  }

  async exists(location: string): Promise<boolean> {
    return this.files.has(location);
  }

  async create(location: string, bytes: Uint8Array): Promise<void> {
    if (this.files.has(location)) throw new AlreadyExistsError('file', `${location} is there already.`);
    this.files.set(location, bytes);
  }

  async delete(location: string): Promise<void> {
    this.files.delete(location);
  }

  async *list(folder: string): AsyncIterable<FileEntry> {
    for (const [location, bytes] of this.files) {
      if (location.startsWith(`${folder}/`)) yield { location, size: bytes.length, lastModifiedMs: 0 };
    }
  }

  #get(location: string): Uint8Array {
    const bytes = this.files.get(location);
    if (bytes === undefined) throw new NotFoundError('file', `${location} is not there.`);
    return bytes;
  }
}
