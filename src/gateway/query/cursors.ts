import { randomBytes } from 'node:crypto';
import type { ResultSet } from '../../engine/result-set.ts';
import { GatewayError } from '../http/problems.ts';
import type { Access } from '../security/tokens.ts';

interface Kept {
  readonly result: ResultSet;
  readonly access: Access;
  timer: NodeJS.Timeout;
}

/**
 * Results that clients read page by page: the query runs once, so pages neither repeat nor miss rows, whatever is
 * committed meanwhile. A cursor is a secret and a place; it works again until its result goes.
 */
export class Cursors {
  readonly #kept = new Map<string, Kept>();
  readonly #most: number;
  readonly #keepMs: number;

  constructor(most: number, keepMs: number) {
    this.#most = most;
    this.#keepMs = keepMs;
  }

  get count(): number {
    return this.#kept.size;
  }

  /** Keeps a result. @returns the cursor of its row `offset`. @throws GatewayError 429 when too many are kept */
  add(result: ResultSet, access: Access, offset: number): string {
    if (this.#kept.size >= this.#most) {
      throw new GatewayError(429, 'TOO_MANY_CURSORS', 'Too many results are being read page by page.', {
        hint: 'Read the open ones to their ends, or ask for NDJSON, CSV, Arrow or Parquet in one piece.',
        headers: { 'retry-after': '10' },
      });
    }
    const id = randomBytes(18).toString('base64url');
    this.#kept.set(id, { result, access, timer: this.#expire(id) });
    return `${id}.${offset}`;
  }

  /** The result and place of a cursor. @throws GatewayError 404 for one that isn't (any more) there */
  find(
    cursor: string,
    access: Access,
  ): { readonly id: string; readonly result: ResultSet; readonly offset: number } {
    const [, id, place] = /^([\w-]{24})\.(\d{1,15})$/.exec(cursor) ?? [];
    const kept = id === undefined ? undefined : this.#kept.get(id);
    if (kept === undefined || kept.result.closed || kept.access !== access) {
      throw new GatewayError(
        404,
        'CURSOR_NOT_FOUND',
        'There is no such cursor, or its result is not kept any more.',
        {
          hint: 'Run the query again.',
        },
      );
    }
    clearTimeout(kept.timer);
    kept.timer = this.#expire(id!);
    return { id: id!, result: kept.result, offset: Number(place) };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#kept.keys()].map(id => this.#drop(id)));
  }

  #expire(id: string): NodeJS.Timeout {
    return setTimeout(() => void this.#drop(id), this.#keepMs).unref();
  }

  async #drop(id: string): Promise<void> {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    this.#kept.delete(id);
    clearTimeout(kept.timer);
    // The pool may have closed the session, and the result with it.
    await kept.result.close().catch(() => undefined);
  }
}
