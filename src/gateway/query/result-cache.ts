import type { Catalog, LoadedTable } from '../../catalog/catalog.ts';
import { LakebookError } from '../../iceberg/errors.ts';

/** An answer, and the state of the tables that it was read from. */
export interface Cacheable<T> {
  readonly value: T;
  /** Of each table: what it was when the query began. Absent: the same query may answer otherwise next time. */
  readonly reads?: readonly LoadedTable[];
  /** UTF-16 units. */
  readonly size: number;
}

interface Entry<T> {
  readonly value: T;
  readonly reads: readonly LoadedTable[];
  readonly size: number;
}

/**
 * Answers of queries that were asked before, as long as no table that they read was changed: an Iceberg table's state
 * has one metadata file, whose name never comes again. Queries that are asked while the same one runs wait for it.
 */
export class ResultCache<T> {
  readonly #catalog: Catalog;
  readonly #mostSize: number;
  /** In the order of use. */
  readonly #entries = new Map<string, Entry<T>>();
  readonly #running = new Map<string, Promise<Cacheable<T>>>();
  #size = 0;

  /** `mostSize` is that of all answers together; a single one has at most a hundredth of it. */
  constructor(catalog: Catalog, mostSize: number) {
    this.#catalog = catalog;
    this.#mostSize = mostSize;
  }

  get size(): number {
    return this.#size;
  }

  /** The answer to a query, by `make` when it isn't known. `isHit`: it was known, or another request's. */
  async answer(
    key: string,
    make: () => Promise<Cacheable<T>>,
  ): Promise<{ readonly value: T; readonly isHit: boolean }> {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (await this.#isCurrent(known.reads)) {
        this.#entries.delete(key);
        this.#entries.set(key, known);
        return { value: known.value, isHit: true };
      }
      this.#drop(key);
    }
    const running = this.#running.get(key);
    if (running !== undefined) {
      // What ended the other one (its client left, its time was over) needn't end this one. And commits that came
      // after the other one began must be seen by this one.
      const other = await running.catch(() => undefined);
      if (other?.reads !== undefined && (await this.#isCurrent(other.reads)))
        return { value: other.value, isHit: true };
    }
    const made = make();
    this.#running.set(key, made);
    try {
      const answer = await made;
      this.#keep(key, answer);
      return { value: answer.value, isHit: false };
    } finally {
      if (this.#running.get(key) === made) this.#running.delete(key);
    }
  }

  async #isCurrent(reads: readonly LoadedTable[]): Promise<boolean> {
    try {
      const now = await Promise.all(reads.map(({ identifier }) => this.#catalog.loadTable(identifier)));
      return now.every(({ metadataLocation }, index) => metadataLocation === reads[index]!.metadataLocation);
    } catch (error) {
      // Dropped: running the query tells it.
      if (error instanceof LakebookError) return false;
      throw error;
    }
  }

  #keep(key: string, { value, reads, size }: Cacheable<T>): void {
    if (reads === undefined || size > this.#mostSize / 100) return;
    this.#drop(key);
    this.#entries.set(key, { value, reads, size });
    this.#size += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= this.#mostSize) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#size -= entry.size;
  }
}
