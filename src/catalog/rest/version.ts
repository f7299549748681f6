import { LakebookError } from '../../iceberg/errors.ts';
import type { LoadedTable, Namespace, TableIdentifier } from '../catalog.ts';
import { keyOf, type TableCache } from './table-cache.ts';

/** How long what others did may stay unseen, in milliseconds. */
const lookMs = 10_000;
/** Tables and namespaces that are looked at, the last used ones: a look must stay cheap on large catalogs. */
const mostLookedAt = 20;

/** What is asked to see whether anything changed. */
interface Watched {
  readonly cached: TableCache;
  listNamespaces(parent?: Namespace): Promise<Namespace[]>;
  listTables(namespace: Namespace): Promise<TableIdentifier[]>;
  loadTable(identifier: TableIdentifier): Promise<LoadedTable>;
}

/**
 * A value that changes with the catalog. The protocol has no such thing: own changes count at once, and for others' the
 * tables and namespaces that were used last are asked for again every few seconds, which costs a request without an
 * answer's body for each table that is the same (ETag).
 */
export class CatalogVersion {
  readonly #catalog: Watched;
  readonly #namespaces = new Map<string, Namespace>();
  #changes = 0;
  #seen = '';
  #lookedAt = 0;
  #look: Promise<void> | undefined;
  #failure: unknown;
  #closed = false;

  constructor(catalog: Watched) {
    this.#catalog = catalog;
  }

  /** This process changed something. */
  changed(): void {
    this.#changes++;
  }

  /** A namespace was listed (the empty one: the top). */
  saw(namespace: Namespace): void {
    const key = JSON.stringify(namespace);
    this.#namespaces.delete(key);
    this.#namespaces.set(key, namespace);
    for (const oldest of this.#namespaces.keys()) {
      if (this.#namespaces.size <= mostLookedAt) break;
      this.#namespaces.delete(oldest);
    }
  }

  close(): void {
    this.#closed = true;
  }

  /** @throws LakebookError when the catalog can't be asked */
  async now(): Promise<string> {
    if (!this.#closed && Date.now() - this.#lookedAt >= lookMs) {
      this.#look ??= this.#lookAgain()
        .then(
          () => {
            this.#failure = undefined;
          },
          error => {
            this.#failure = error;
          },
        )
        .finally(() => {
          this.#look = undefined;
          this.#lookedAt = Date.now();
        });
      await this.#look;
    }
    // A server that has trouble isn't asked more often than another.
    if (this.#failure !== undefined) throw this.#failure;
    return `${this.#changes}.${this.#seen}`;
  }

  async #lookAgain(): Promise<void> {
    const seen: string[] = [];
    const top = await this.#catalog.listNamespaces();
    seen.push(JSON.stringify(top));
    for (const namespace of [...this.#namespaces.values()]) {
      if (namespace.length > 0) seen.push(...(await this.#names(namespace)));
    }
    for (const identifier of this.#catalog.cached.identifiers().slice(-mostLookedAt)) {
      seen.push(`${keyOf(identifier)} ${await this.#locationOf(identifier)}`);
    }
    this.#seen = seen.sort().join('\n');
  }

  async #names(namespace: Namespace): Promise<string[]> {
    try {
      const tables = await this.#catalog.listTables(namespace);
      return [JSON.stringify(namespace), ...tables.map(keyOf)];
    } catch (error) {
      return gone(error);
    }
  }

  async #locationOf(identifier: TableIdentifier): Promise<string> {
    try {
      return (await this.#catalog.loadTable(identifier)).metadataLocation;
    } catch (error) {
      return gone(error).join();
    }
  }
}

/** What isn't there any more, or may not be seen, is a change like another. */
function gone(error: unknown): string[] {
  if (error instanceof LakebookError && !error.code.startsWith('CATALOG_')) return [error.code];
  throw error;
}
