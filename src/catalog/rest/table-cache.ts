import type { LoadedTable, TableIdentifier } from '../catalog.ts';

/** Tables whose metadata is kept, the last used ones. */
const keptTables = 64;

interface Kept {
  readonly table: LoadedTable;
  readonly etag: string;
}

/** Loaded tables with the ETags by which the server tells whether they are still the newest. */
export class TableCache {
  /** In order of last use. */
  readonly #tables = new Map<string, Kept>();

  get(identifier: TableIdentifier): Kept | undefined {
    const key = keyOf(identifier);
    const kept = this.#tables.get(key);
    if (kept !== undefined) {
      this.#tables.delete(key);
      this.#tables.set(key, kept);
    }
    return kept;
  }

  /** Without an ETag nothing is kept: it could never be asked whether it's still right. */
  set(table: LoadedTable, etag: string | null): void {
    const key = keyOf(table.identifier);
    this.#tables.delete(key);
    if (etag === null || etag === '') return;
    this.#tables.set(key, { table, etag });
    for (const oldest of this.#tables.keys()) {
      if (this.#tables.size <= keptTables) break;
      this.#tables.delete(oldest);
    }
  }

  delete(identifier: TableIdentifier): void {
    this.#tables.delete(keyOf(identifier));
  }

  identifiers(): TableIdentifier[] {
    return [...this.#tables.values()].map(({ table }) => table.identifier);
  }
}

/** A text that differs for different tables. */
export function keyOf({ namespace, name }: TableIdentifier): string {
  return JSON.stringify([namespace, name]);
}
