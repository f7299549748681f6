import { UnsupportedError } from '../iceberg/errors.ts';
import type { ByteRange, FileEntry } from '../iceberg/io.ts';
import { Leases } from './leases.ts';
import { LocalStorage } from './local.ts';
import { isLocal, schemeOf } from './paths.ts';
import type { S3StorageOptions } from './s3/storage.ts';
import type { StorageSettings } from './settings.ts';
import type { FilteredRequest, LocalFile, ReadRequest, StagingArea, Storage } from './storage.ts';

/** Schemes of object storage that has no code here yet. */
const otherStores: Readonly<Record<string, string>> = {
  gs: 'Google Cloud Storage',
  gcs: 'Google Cloud Storage',
  abfs: 'Azure storage',
  abfss: 'Azure storage',
  wasb: 'Azure storage',
  wasbs: 'Azure storage',
  az: 'Azure storage',
  azure: 'Azure storage',
  hdfs: 'HDFS',
  oss: 'Alibaba Cloud OSS',
};

/** How S3 is worked with. */
export type RoutedStorageOptions = Omit<S3StorageOptions, 'leases'>;

/** What an address is in: a folder of this machine or S3. Undefined: something that can't be read or written. */
export function storeOf(location: string): 'local' | 's3' | undefined {
  if (isLocal(location)) return 'local';
  return ['s3', 's3a', 's3n'].includes(schemeOf(location)!) ? 's3' : undefined;
}

/** The name of a store that can't be opened yet. */
export function otherStoreOf(location: string): string | undefined {
  const scheme = schemeOf(location) ?? '';
  return Object.hasOwn(otherStores, scheme) ? otherStores[scheme] : undefined;
}

/** @throws UnsupportedError for the address of another store */
export function requireStore(location: string): 'local' | 's3' {
  const store = storeOf(location);
  if (store !== undefined) return store;
  const name = otherStoreOf(location);
  throw new UnsupportedError(
    name === undefined
      ? `${location}: "${schemeOf(location)}" addresses can't be opened.`
      : `${location}: ${name} can't be opened yet.`,
    { hint: 'Lakebook reads and writes file:/// and s3:// addresses.' },
  );
}

/**
 * Every kind of storage, chosen by an address's scheme, so that a lake can hold tables of several. S3's code is
 * loaded when the first of its addresses comes.
 */
export class RoutedStorage implements Storage {
  readonly #local = new LocalStorage();
  readonly #settings: StorageSettings;
  readonly #options: RoutedStorageOptions;
  readonly #leases = new Leases();
  #s3: Promise<Storage> | undefined;

  /** `options` are for S3: how often it's tried, how long it's waited, how parts of it are reached. */
  constructor(settings: StorageSettings, options: RoutedStorageOptions = {}) {
    this.#settings = settings;
    this.#options = options;
  }

  async read(location: string, range?: ByteRange): Promise<Uint8Array> {
    return (await this.#for(location)).read(location, range);
  }

  async size(location: string): Promise<number> {
    return (await this.#for(location)).size(location);
  }

  async exists(location: string): Promise<boolean> {
    return (await this.#for(location)).exists(location);
  }

  async create(location: string, bytes: Uint8Array): Promise<void> {
    await (await this.#for(location)).create(location, bytes);
  }

  async delete(location: string): Promise<void> {
    await (await this.#for(location)).delete(location);
  }

  async *list(folder: string): AsyncGenerator<FileEntry, void> {
    yield* (await this.#for(folder)).list(folder);
  }

  localPaths(files: readonly ReadRequest[], signal?: AbortSignal): Promise<string[]> {
    return this.#byStore(files, (storage, own) => storage.localPaths(own, signal));
  }

  localFiles(files: readonly FilteredRequest[], signal?: AbortSignal): Promise<LocalFile[]> {
    return this.#byStore(files, async (storage, own) => {
      if (storage.localFiles !== undefined) return storage.localFiles(own, signal);
      return (await storage.localPaths(own, signal)).map(path => ({ path }));
    });
  }

  /** Asks each store for its files, at the same time; answers are in the order of `files`. */
  async #byStore<Request extends ReadRequest, Answer>(
    files: readonly Request[],
    ask: (storage: Storage, own: readonly Request[]) => Promise<Answer[]>,
  ): Promise<Answer[]> {
    const answers = new Array<Answer>(files.length);
    const indexes = files.map((_, index) => index);
    const byStore = Map.groupBy(indexes, index => requireStore(files[index]!.location));
    const work = [...byStore.values()].map(async own => {
      const storage = await this.#for(files[own[0]!]!.location);
      const found = await ask(
        storage,
        own.map(index => files[index]!),
      );
      for (const [at, index] of own.entries()) answers[index] = found[at]!;
    });
    await Promise.all(work);
    return answers;
  }

  async localFolder(address: string): Promise<string> {
    return (await this.#for(address)).localFolder(address);
  }

  async stage(folder: string): Promise<StagingArea> {
    return (await this.#for(folder)).stage(folder);
  }

  async download(location: string, localPath: string, signal?: AbortSignal): Promise<void> {
    const storage = await this.#for(location);
    if (storage.download === undefined) throw new Error(`${location} is on this machine`);
    await storage.download(location, localPath, signal);
  }

  async removeEmptyFolders(folder: string): Promise<void> {
    await (await this.#for(folder)).removeEmptyFolders?.(folder);
  }

  lease(): () => void {
    return this.#leases.open();
  }

  async close(): Promise<void> {
    await (await this.#s3?.catch(() => undefined))?.close?.();
  }

  async #for(location: string): Promise<Storage> {
    if (requireStore(location) === 'local') return this.#local;
    this.#s3 ??= import('./s3/storage.ts').then(
      ({ S3Storage }) => new S3Storage(this.#settings, { ...this.#options, leases: this.#leases }),
    );
    return await this.#s3;
  }
}
