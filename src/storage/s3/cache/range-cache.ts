import { createHash, randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, rmSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { CorruptFileError, LakebookError } from '../../../iceberg/errors.ts';
import type { ByteRange } from '../../../iceberg/io.ts';
import { fromFsError } from '../../fs-errors.ts';
import type { Leases } from '../../leases.ts';
import { type CacheSettings, defaultCacheBytes } from '../../settings.ts';
import type { FilteredRequest, LocalFile, ReadRequest, RowRange } from '../../storage.ts';
import { Limiter } from '../limiter.ts';
import type { GetOptions, ObjectBytes } from '../requests.ts';
import { addressKey } from './file-name.ts';
import { type CachePaths, makeCacheFolder, removeOldFiles } from './folder.ts';
import { columnRanges, type FooterMap, footerStart, readFooter } from './footer.ts';
import { Footers } from './footers.ts';
import { type Block, type CacheUsage, IndexFile } from './index-file.ts';
import { pieces, requestsFor, subtract } from './ranges.ts';
import { selectRowGroups } from './row-groups.ts';
import { WholeFiles } from './whole-files.ts';

/** Reads bytes of a remote file. */
export type RangeReader = (location: string, options: GetOptions) => Promise<ObjectBytes>;

export interface RangeCacheOptions {
  /** Tells servers apart: files of one address on two of them are two files. */
  readonly server: string;
  readonly read: RangeReader;
  readonly settings: CacheSettings;
  /** Files up to this size are read whole: a second request would cost more. Default: 64 KiB. */
  readonly smallFileBytes?: number;
  /** Whether files that are written here are kept. Default: true. */
  readonly keepWritten?: boolean;
  /** Who reads what is given out; without an open lease files stay until the cache closes. */
  readonly leases: Leases;
}

/** What is read of a file's end where the footer's length isn't known. */
const usualTail = 64 * 1024;
/** Most that is read of an end in the hope that it's the footer; a longer one needs a second request. */
const longestTail = 512 * 1024;
/** Longest range of one request; longer ones are read in pieces at the same time. */
const pieceBytes = 8 * 1024 ** 2;
/** How much may be read for nothing to save requests, as a part of what is needed. */
const waste = 0.05;
/** Requests at once: hides latency, and bounds what is in memory. */
const parallelReads = 24;
/** Files that are looked at at once. */
const parallelFiles = 64;

/** A pinned file of the cache, while this process works with it. */
interface OpenFile {
  readonly name: string;
  readonly path: string;
  readonly location: string;
  readonly size: number;
  etag: string | undefined;
  blocks: Block[];
  /** Whether this call found the object changed once already. */
  renewed: boolean;
}

/**
 * Parts of remote files in a folder of this machine, shared by its processes. A cached file is as long as the remote
 * one, and sparse: it has bytes where they were needed once. What the index calls present is verified by its
 * checksum before a process reads it for the first time. Remote files never change; one that did is noticed by its
 * ETag when more of it is read.
 */
export class RangeCache {
  readonly #server: string;
  readonly #read: RangeReader;
  readonly #budget: number;
  readonly #smallFileBytes: number;
  readonly #keepWritten: boolean;
  readonly #paths: CachePaths;
  readonly #index: IndexFile;
  readonly #reads = new Limiter(parallelReads);
  readonly #files = new Limiter(parallelFiles);
  readonly #leases: Leases;
  /** Work on a file waits for the work on it that was asked for before. */
  readonly #busy = new Map<string, Promise<unknown>>();
  /** Blocks that this process has seen to be sound, by file. */
  readonly #verified = new Map<string, Set<string>>();
  readonly #footers = new Footers();
  /** Files that are read and kept as a whole. */
  readonly whole: WholeFiles;
  #fetched = 0;

  private constructor(options: RangeCacheOptions, paths: CachePaths, index: IndexFile) {
    this.#server = options.server;
    this.#read = options.read;
    this.#budget = options.settings.bytes ?? defaultCacheBytes;
    this.#smallFileBytes = options.smallFileBytes ?? usualTail;
    this.#keepWritten = options.keepWritten ?? true;
    this.#paths = paths;
    this.#index = index;
    this.#leases = options.leases;
    this.#leases.onRelease = names => this.#release(names);
    this.whole = new WholeFiles(options.server, paths.files, index, this.#budget / 100);
  }

  /** @throws LakebookError when its folder can't be made */
  static async open(options: RangeCacheOptions): Promise<RangeCache> {
    const paths = await makeCacheFolder(options.settings);
    const index = await openIndex(paths);
    const cache = new RangeCache(options, paths, index);
    await cache.#removeAbandonedStaging();
    return cache;
  }

  /** Bytes read over the network so far. */
  get fetchedBytes(): number {
    return this.#fetched;
  }

  /** Local paths of files, in the same order, with the bytes that are asked for in place, of all rows. */
  async paths(requests: readonly ReadRequest[], signal?: AbortSignal): Promise<string[]> {
    const unfiltered = requests.map(request => ({ ...request, filter: undefined }));
    return (await this.files(unfiltered, signal)).map(file => file.path);
  }

  /** As `paths`, of the row groups only that may have rows which a request's filter selects. */
  async files(requests: readonly FilteredRequest[], signal?: AbortSignal): Promise<LocalFile[]> {
    const named = requests.map(({ location, fileSize }) => ({
      name: this.#nameOf(location, fileSize),
      location,
      size: fileSize,
    }));
    const indexed = this.#index.pin(named);
    this.#leases.use(named.map(({ name }) => name));
    try {
      return await Promise.all(
        requests.map((request, index) =>
          this.#files.run(async () => {
            const file: OpenFile = {
              ...named[index]!,
              path: path.join(this.#paths.files, named[index]!.name),
              etag: indexed[index]!.etag,
              blocks: [...indexed[index]!.blocks],
              renewed: false,
            };
            const rows = await this.#oneAtATime(file, () => this.#provide(file, request, signal));
            return { path: file.path, ...(rows === undefined ? {} : { rows }) };
          }),
        ),
      );
    } finally {
      this.#index.evict(this.#budget, name => this.#remove(name));
    }
  }

  /** A folder for files that are about to be uploaded; one on the cache's own disk, so that they can stay in it. */
  async makeStaging(): Promise<string> {
    const folder = path.join(this.#paths.staging, `${this.#index.owner}.${randomUUID()}`);
    await mkdir(folder, { mode: 0o700 });
    return folder;
  }

  /** Keeps a file that was uploaded just now. `blocks` are all its bytes. */
  async adopt(location: string, size: number, localPath: string, blocks: readonly Block[]): Promise<void> {
    if (!this.#keepWritten || size > this.#budget / 2) return;
    const name = this.#nameOf(location, size);
    const [known] = this.#index.pin([{ name, location, size }]);
    try {
      if (known!.blocks.length > 0) return;
      const target = path.join(this.#paths.files, name);
      // Another file system, or a file there already: then it's read when it is needed.
      const linked = await link(localPath, target).then(
        () => true,
        () => false,
      );
      if (!linked) return;
      this.#index.add(name, blocks, undefined);
      this.#verified.set(name, new Set(blocks.map(blockKey)));
    } finally {
      this.#index.unpin([name]);
      this.#index.evict(this.#budget, other => this.#remove(other));
    }
  }

  usage(): CacheUsage & { readonly folder: string; readonly budget: number } {
    return { ...this.#index.usage(), folder: this.#paths.root, budget: this.#budget };
  }

  /** Removes everything that no process is reading. @returns bytes that became free */
  async clear(): Promise<number> {
    const freed = this.#index.evict(-1, name => this.#remove(name));
    await removeOldFiles(this.#paths.files, name => this.#index.has(name));
    return freed;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#busy.values());
    this.#leases.onRelease = () => {};
    this.#index.evict(this.#budget, name => this.#remove(name));
    this.#index.close();
    if (this.#paths.temporary) await rm(this.#paths.root, { recursive: true, force: true });
  }

  #nameOf(location: string, size: number): string {
    const digest = createHash('sha256').update(`${addressKey(this.#server, location)}\n${size}`);
    return `${digest.digest('hex').slice(0, 40)}.parquet`;
  }

  async #oneAtATime<T>(file: OpenFile, work: () => Promise<T>): Promise<T> {
    const { name } = file;
    const before = this.#busy.get(name);
    const turn =
      before === undefined
        ? work()
        : before
            .catch(() => undefined)
            .then(() => {
              // More of it may be there by now.
              const [indexed] = this.#index.pin([file]);
              file.etag = indexed!.etag;
              file.blocks = [...indexed!.blocks];
              return work();
            });
    this.#busy.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#busy.get(name) === turn) this.#busy.delete(name);
    }
  }

  /** @returns the rows that are there; undefined: all */
  async #provide(
    file: OpenFile,
    { fieldIds, tailBytes, filter }: FilteredRequest,
    signal?: AbortSignal,
  ): Promise<readonly RowRange[] | undefined> {
    let handle: FileHandle | undefined;
    try {
      this.#makeFile(file);
      handle = await open(file.path, 'r+');
      const whole = { start: 0, end: file.size };
      const isAll = fieldIds === undefined && filter === undefined;
      const footer =
        isAll || file.size <= this.#smallFileBytes
          ? undefined
          : await this.#footer(file, handle, tailBytes, signal);
      if (footer === undefined) {
        await this.#ensure(file, handle, [whole], signal);
        return undefined;
      }
      const selection = filter && selectRowGroups(footer, filter);
      await this.#ensure(file, handle, columnRanges(footer, fieldIds, selection?.needed), signal);
      return selection?.rows;
    } catch (error) {
      throw error instanceof LakebookError ? error : fromFsError(error, 'write', file.path);
    } finally {
      await handle?.close();
    }
  }

  /** Makes the sparse file. When it isn't there, or isn't as it was left, nothing of it is present. */
  #makeFile(file: OpenFile): void {
    const descriptor = openSync(file.path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      if (fstatSync(descriptor).size === file.size) return;
      if (file.blocks.length > 0) {
        this.#index.forget(file.name);
        this.#verified.delete(file.name);
        file.blocks = [];
      }
      ftruncateSync(descriptor, file.size);
    } finally {
      closeSync(descriptor);
    }
  }

  async #footer(
    file: OpenFile,
    handle: FileHandle,
    tailBytes: number | undefined,
    signal?: AbortSignal,
  ): Promise<FooterMap | undefined> {
    const { name, size } = file;
    const length = tailBytes === undefined || tailBytes > longestTail ? usualTail : Math.max(tailBytes, 64);
    const guess = { start: size - Math.min(length, size), end: size };
    // What a process decoded once need not be read again, but must still be there for the engine.
    await this.#ensure(file, handle, [guess], signal);
    const tail = await readAt(handle, guess);
    const start = footerStart(tail, size);
    if (start !== undefined && start < guess.start)
      await this.#ensure(file, handle, [{ start, end: size }], signal);
    const known = this.#footers.get(name);
    if (known !== undefined) return known;
    const bytes =
      start === undefined || start >= guess.start ? tail : await readAt(handle, { start, end: size });
    const footer = readFooter(bytes, size);
    if (footer !== undefined) this.#footers.set(name, footer);
    return footer;
  }

  async #ensure(
    file: OpenFile,
    handle: FileHandle,
    wanted: readonly ByteRange[],
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#verify(file, handle, wanted);
    const missing = subtract(wanted, file.blocks);
    if (missing.length === 0) return;
    const blocks: Block[] = [];
    let failure: unknown;
    const reads = requestsFor(missing, { waste, pieceBytes }).map(range =>
      this.#reads.run(async () => {
        if (failure !== undefined) return;
        try {
          blocks.push(await this.#fetch(file, handle, range, signal));
        } catch (error) {
          failure ??= error;
        }
      }),
    );
    await Promise.all(reads);
    // What did come is kept, whatever else failed.
    if (blocks.length > 0) this.#keep(file, blocks);
    if (failure === undefined) return;
    if (!(failure instanceof ChangedObjectError) || file.renewed) throw failure;
    this.#index.forget(file.name);
    this.#verified.delete(file.name);
    this.#footers.delete(file.name);
    file.renewed = true;
    file.etag = undefined;
    file.blocks = [];
    await this.#ensure(file, handle, wanted, signal);
  }

  #keep(file: OpenFile, blocks: readonly Block[]): void {
    file.blocks.push(...blocks);
    this.#index.add(file.name, blocks, file.etag);
    const verified = this.#verified.get(file.name) ?? new Set();
    this.#verified.set(file.name, verified);
    for (const block of blocks) verified.add(blockKey(block));
  }

  async #fetch(file: OpenFile, handle: FileHandle, range: ByteRange, signal?: AbortSignal): Promise<Block> {
    const { location, size, etag } = file;
    const answer = await this.#read(location, {
      range,
      signal,
      ...(etag === undefined ? {} : { etag }),
    }).catch(error => {
      const changed = error instanceof LakebookError && error.code === 'S3_CHANGED';
      throw changed ? new ChangedObjectError(error) : error;
    });
    const { bytes } = answer;
    this.#fetched += bytes.length;
    if (answer.size !== size) {
      throw new CorruptFileError(location, `is ${answer.size} bytes long, but ${size} bytes were written.`, {
        hint: "Restore the file from a backup, or go back to a snapshot that doesn't need it.",
      });
    }
    if (bytes.length !== range.end - range.start) {
      throw new CorruptFileError(
        location,
        `gave ${bytes.length} bytes where ${range.end - range.start} were asked for.`,
      );
    }
    file.etag ??= answer.etag;
    for (let written = 0; written < bytes.length; ) {
      written += (await handle.write(bytes, written, bytes.length - written, range.start + written))
        .bytesWritten;
    }
    return { ...range, crc: crc32(bytes) };
  }

  /** Looks once whether the bytes on disk are those that were written; blocks that aren't are forgotten. */
  async #verify(file: OpenFile, handle: FileHandle, wanted: readonly ByteRange[]): Promise<void> {
    const verified = this.#verified.get(file.name) ?? new Set<string>();
    this.#verified.set(file.name, verified);
    const unsound: Block[] = [];
    for (const block of file.blocks) {
      if (verified.has(blockKey(block))) continue;
      if (!wanted.some(({ start, end }) => start < block.end && end > block.start)) continue;
      if (await isSound(handle, block)) verified.add(blockKey(block));
      else unsound.push(block);
    }
    if (unsound.length === 0) return;
    this.#index.forget(file.name, unsound);
    file.blocks = file.blocks.filter(block => !unsound.includes(block));
  }

  #release(names: readonly string[]): void {
    this.#index.unpin(names);
    this.#index.evict(this.#budget, name => this.#remove(name));
  }

  #remove(name: string): void {
    rmSync(path.join(this.#paths.files, name), { force: true });
    this.#verified.delete(name);
    this.#footers.delete(name);
  }

  /** A process that was killed while it wrote leaves its staging folders. */
  async #removeAbandonedStaging(): Promise<void> {
    for (const name of await readdir(this.#paths.staging)) {
      if (this.#index.isAlive(name.split('.')[0]!)) continue;
      await rm(path.join(this.#paths.staging, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

/** Opens the index; one that is damaged is put aside, and the cache starts anew. */
async function openIndex(paths: CachePaths): Promise<IndexFile> {
  try {
    return await IndexFile.open(paths.index);
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    if (code !== 'SQLITE_CORRUPT' && code !== 'SQLITE_NOTADB') {
      throw new LakebookError(
        'CACHE_UNUSABLE',
        `The cache in ${paths.root} can't be opened: ${(error as Error).message}.`,
        {
          hint: 'Set LAKEBOOK_CACHE_DIR to a folder of this machine that you can write to.',
          cause: error,
        },
      );
    }
    for (const suffix of ['', '-wal', '-shm']) {
      await rename(paths.index + suffix, `${paths.index}.damaged${suffix}`).catch(() => undefined);
    }
    const index = await IndexFile.open(paths.index);
    await removeOldFiles(paths.files, name => index.has(name));
    return index;
  }
}

/** The object has another ETag than the bytes that are cached of it. */
class ChangedObjectError extends LakebookError {
  constructor(cause: LakebookError) {
    super(cause.code, cause.message, { hint: cause.hint, cause });
  }
}

function blockKey({ start, end }: ByteRange): string {
  return `${start}-${end}`;
}

async function isSound(handle: FileHandle, block: Block): Promise<boolean> {
  let crc = 0;
  for (const piece of pieces(block, pieceBytes)) {
    const bytes = await readAt(handle, piece);
    if (bytes.length < piece.end - piece.start) return false;
    crc = crc32(bytes, crc);
  }
  return crc === block.crc;
}

async function readAt(handle: FileHandle, { start, end }: ByteRange): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(end - start);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
