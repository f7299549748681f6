import { rm } from 'node:fs/promises';
import { HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { NotFoundError } from '../../iceberg/errors.ts';
import type { ByteRange, FileEntry } from '../../iceberg/io.ts';
import { Leases } from '../leases.ts';
import { stripTrailingSlashes } from '../paths.ts';
import type { S3AccessFor } from '../s3-access.ts';
import type { StorageSettings } from '../settings.ts';
import type { FilteredRequest, LocalFile, ReadRequest, StagingArea, Storage } from '../storage.ts';
import { folderPrefix, parseS3Address } from './address.ts';
import { RangeCache, type RangeCacheOptions } from './cache/range-cache.ts';
import { isLasting, type WholeFiles } from './cache/whole-files.ts';
import type { Timeouts } from './client.ts';
import { Clients } from './clients.ts';
import { Deletions } from './deletions.ts';
import { download } from './download.ts';
import { S3Requests } from './requests.ts';
import { Retries, type RetryPolicy } from './retry.ts';
import { type UploadSizes, Uploads } from './upload.ts';

export interface S3StorageOptions {
  /** Who reads files of the cache; without a lease they stay in place until the storage closes. */
  readonly leases?: Leases;
  readonly retries?: RetryPolicy;
  readonly timeouts?: Timeouts;
  readonly uploads?: UploadSizes;
  /** How parts of S3 are reached in other ways than the settings say. */
  readonly accessFor?: S3AccessFor;
  /** What the cache takes whole, and whether it takes what is written. */
  readonly cache?: Pick<RangeCacheOptions, 'smallFileBytes' | 'keepWritten'>;
}

/**
 * Objects in S3 or a server that speaks its protocol, with metadata and the parts of data files that were read in a local
 * cache.
 * Folders are what keys have before a slash; nothing has to be made before a file in it.
 */
export class S3Storage implements Storage {
  readonly #requests: S3Requests;
  readonly #uploads: Uploads;
  readonly #deletions: Deletions;
  readonly #settings: StorageSettings;
  readonly #leases: Leases;
  readonly #cacheOptions: S3StorageOptions['cache'];
  readonly #accessFor: S3AccessFor | undefined;
  #cache: Promise<RangeCache> | undefined;

  /** Nothing is asked of the server yet. */
  constructor(settings: StorageSettings, options: S3StorageOptions = {}) {
    const clients = new Clients(settings.s3, options.timeouts, options.accessFor);
    this.#accessFor = options.accessFor;
    this.#settings = settings;
    this.#leases = options.leases ?? new Leases();
    this.#cacheOptions = options.cache;
    this.#requests = new S3Requests(clients, new Retries(options.retries));
    this.#uploads = new Uploads(this.#requests, options.uploads);
    this.#deletions = new Deletions(this.#requests);
  }

  /** The cache, opened when it is first needed. */
  cache(): Promise<RangeCache> {
    this.#cache ??= this.#openCache();
    // What failed is tried again the next time.
    this.#cache.catch(() => {
      this.#cache = undefined;
    });
    return this.#cache;
  }

  async #openCache(): Promise<RangeCache> {
    const { s3, cache } = this.#settings;
    const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
    const own = s3.endpoint ?? AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL;
    // Of no table in particular: what the catalog says of all.
    const told = own === undefined ? (await this.#accessFor?.('s3://'))?.settings.endpoint : undefined;
    return await RangeCache.open({
      ...this.#cacheOptions,
      server: own ?? told ?? 'aws',
      read: (location, options) => this.#requests.get(location, options),
      settings: cache,
      leases: this.#leases,
    });
  }

  async read(location: string, range?: ByteRange): Promise<Uint8Array> {
    if (range === undefined) return await this.#readWhole(location);
    if (range.end <= range.start) {
      await this.size(location);
      return new Uint8Array();
    }
    return (await this.#requests.get(location, { range })).bytes;
  }

  async #readWhole(location: string): Promise<Uint8Array> {
    const kept = await this.#wholeFiles(location);
    const found = await kept?.read(location);
    if (found !== undefined) return found;
    const { bytes } = await this.#requests.get(location);
    await kept?.keep(location, bytes);
    return bytes;
  }

  /** Where metadata is kept; a cache that can't be used is told of when data needs it. */
  async #wholeFiles(location: string): Promise<WholeFiles | undefined> {
    if (!isLasting(location)) return undefined;
    return await this.cache().then(
      ({ whole }) => whole,
      () => undefined,
    );
  }

  async size(location: string): Promise<number> {
    const { bucket, key } = parseS3Address(location);
    const found = await this.#requests.run('read', location, client =>
      client.send(new HeadObjectCommand({ Bucket: bucket, Key: key })),
    );
    return found.ContentLength ?? 0;
  }

  async exists(location: string): Promise<boolean> {
    try {
      await this.size(location);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError && error.code === 'FILE_NOT_FOUND') return false;
      throw error;
    }
  }

  /** Also refuses to overwrite on servers that know conditional writes; on others it looks first. */
  async create(location: string, bytes: Uint8Array): Promise<void> {
    await this.#uploads.bytes(location, bytes);
    if (this.#cacheOptions?.keepWritten !== false) {
      await (await this.#wholeFiles(location))?.keep(location, bytes);
    }
  }

  async delete(location: string): Promise<void> {
    await this.#deletions.delete(location);
    await (await this.#wholeFiles(location))?.forget(location);
  }

  /** Leaves out the empty objects by which consoles mark folders. */
  async *list(folder: string): AsyncGenerator<FileEntry, void> {
    const address = parseS3Address(folder);
    const prefix = folderPrefix(address);
    const base = `${stripTrailingSlashes(folder)}/`;
    let token: string | undefined;
    do {
      const page = await this.#requests.run('list', folder, client =>
        client.send(
          new ListObjectsV2Command({
            Bucket: address.bucket,
            Prefix: prefix,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        ),
      );
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
        if (Key.endsWith('/')) continue;
        yield {
          location: base + Key.slice(prefix.length),
          size: Size,
          lastModifiedMs: LastModified?.getTime() ?? 0,
        };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async localPaths(files: readonly ReadRequest[], signal?: AbortSignal): Promise<string[]> {
    if (files.length === 0) return [];
    return await (await this.cache()).paths(files, signal);
  }

  async localFiles(files: readonly FilteredRequest[], signal?: AbortSignal): Promise<LocalFile[]> {
    if (files.length === 0) return [];
    return await (await this.cache()).files(files, signal);
  }

  /** The cache's folder, which is a temporary one where no lasting one can be made. */
  async localFolder(): Promise<string> {
    return (await this.cache()).usage().folder;
  }

  async download(location: string, localPath: string, signal?: AbortSignal): Promise<void> {
    await download(this.#requests, location, localPath, signal);
  }

  /** In the cache's folder, where what is published stays for the next reader. */
  async stage(): Promise<StagingArea> {
    const cache = await this.cache();
    const folder = await cache.makeStaging();
    return {
      path: folder,
      publish: async (localPath, location) => {
        const blocks = await this.#uploads.file(location, localPath);
        await cache.adopt(location, blocks.at(-1)!.end, localPath, blocks);
      },
      discard: () => rm(folder, { recursive: true, force: true }),
    };
  }

  async close(): Promise<void> {
    const cache = await this.#cache?.catch(() => undefined);
    await cache?.close();
    this.#requests.clients.destroy();
  }
}
