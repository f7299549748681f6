import type { FileIO } from './io.ts';

/** Bytes of decoded metadata kept per FileIO. */
const BUDGET = 128 * 1024 * 1024;

interface Item {
  readonly value: unknown;
  readonly bytes: number;
}

/** What was decoded from immutable files, least recently used first, bounded by bytes. */
class DecodedFiles {
  /** What is being decoded right now. */
  readonly pending = new Map<string, Promise<unknown>>();
  readonly #items = new Map<string, Item>();
  #bytes = 0;

  get(key: string): unknown {
    const item = this.#items.get(key);
    if (item === undefined) return undefined;
    this.#items.delete(key);
    this.#items.set(key, item);
    return item.value;
  }

  put(key: string, value: unknown, bytes: number): void {
    // One huge file must not push out everything else.
    if (bytes > BUDGET / 4) return;
    const old = this.#items.get(key);
    if (old !== undefined) this.#bytes -= old.bytes;
    this.#items.delete(key);
    this.#items.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const [oldest, item] of this.#items) {
      if (this.#bytes <= BUDGET) break;
      this.#items.delete(oldest);
      this.#bytes -= item.bytes;
    }
  }

  forget(locations: ReadonlySet<string>): void {
    for (const [key, item] of this.#items) {
      if (!isOf(key, locations)) continue;
      this.#items.delete(key);
      this.#bytes -= item.bytes;
    }
  }
}

/** Keys are a kind, the file's address and maybe more, with spaces between them. */
function isOf(key: string, locations: ReadonlySet<string>): boolean {
  const start = key.indexOf(' ') + 1;
  for (let end = key.indexOf(' ', start); ; end = key.indexOf(' ', end + 1)) {
    if (locations.has(key.slice(start, end < 0 ? undefined : end))) return true;
    if (end < 0) return false;
  }
}

const caches = new WeakMap<FileIO, DecodedFiles>();

/**
 * Manifests and manifest lists never change, so what was decoded from them is kept for as long as the FileIO
 * lives; who asks for one that is being decoded waits for that. `key` is a word for what it is, the file's address and
 * what else it depends on, with spaces between. `load` gives the value and roughly how many
 * bytes it holds; a failure isn't kept.
 */
export async function decodedOnce<T>(
  io: FileIO,
  key: string,
  load: () => Promise<{ value: T; bytes: number }>,
): Promise<T> {
  let cache = caches.get(io);
  if (cache === undefined) {
    cache = new DecodedFiles();
    caches.set(io, cache);
  }
  const cached = cache.get(key) ?? cache.pending.get(key);
  if (cached !== undefined) return cached as T | Promise<T>;
  const decoding = decode(cache, key, load);
  cache.pending.set(key, decoding);
  try {
    return await decoding;
  } finally {
    cache.pending.delete(key);
  }
}

/** Forgets what was decoded from files that were deleted: nobody is going to ask for it. */
export function forgetDecoded(io: FileIO, locations: readonly string[]): void {
  caches.get(io)?.forget(new Set(locations));
}

async function decode<T>(
  cache: DecodedFiles,
  key: string,
  load: () => Promise<{ value: T; bytes: number }>,
): Promise<T> {
  const { value, bytes } = await load();
  cache.put(key, value, bytes);
  return value;
}
