import type { S3Client } from '@aws-sdk/client-s3';
import type { S3Access, S3AccessFor } from '../s3-access.ts';
import type { S3Settings } from '../settings.ts';
import { createClient, type Timeouts } from './client.ts';

/** A client, and what it was made for. */
export interface ReachedClient {
  readonly client: S3Client;
  /** Absent: the lake's settings. */
  readonly access?: S3Access;
  /** Differs for different clients. */
  readonly id: number;
}

/** Clients kept besides the lake's own, the last used ones: each has connections. */
const keptClients = 50;

/** The clients of a lake: one for its settings, and one for each part of S3 that is reached in another way. */
export class Clients {
  readonly #settings: S3Settings;
  readonly #timeouts: Timeouts | undefined;
  readonly #accessFor: S3AccessFor | undefined;
  #own: ReachedClient | undefined;
  /** In order of last use. */
  readonly #others = new Map<S3Access, ReachedClient>();
  #made = 0;

  constructor(settings: S3Settings, timeouts?: Timeouts, accessFor?: S3AccessFor) {
    this.#settings = settings;
    this.#timeouts = timeouts;
    this.#accessFor = accessFor;
  }

  /** The client for an address of a file or folder. @throws LakebookError when the access to it can't be had */
  async for(location: string): Promise<ReachedClient> {
    const access = await this.#accessFor?.(location);
    if (access === undefined) {
      this.#own ??= this.#make(this.#settings);
      return this.#own;
    }
    const reached = this.#others.get(access) ?? this.#make(access.settings, access);
    this.#others.delete(access);
    this.#others.set(access, reached);
    for (const [oldest, { client }] of this.#others) {
      if (this.#others.size <= keptClients) break;
      this.#others.delete(oldest);
      // What it's in the middle of goes on: only idle connections are closed.
      client.destroy();
    }
    return reached;
  }

  /** The server didn't take a client's keys: the next client for its addresses asks for others. */
  renew({ access, client }: ReachedClient): boolean {
    if (access?.renew === undefined) return false;
    // Another request may have done it.
    if (this.#others.get(access)?.client === client) {
      access.renew();
      this.#others.delete(access);
    }
    return true;
  }

  destroy(): void {
    for (const { client } of [...this.#others.values(), ...(this.#own === undefined ? [] : [this.#own])]) {
      client.destroy();
    }
    this.#others.clear();
    this.#own = undefined;
  }

  #make(settings: S3Settings, access?: S3Access): ReachedClient {
    const client = createClient(settings, this.#timeouts, process.env, access);
    return { client, ...(access === undefined ? {} : { access }), id: this.#made++ };
  }
}
