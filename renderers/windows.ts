import { type Data, type RecordBatch, type Table, tableFromIPC } from 'apache-arrow';
import type { ResultView } from './messages.ts';

/** Rows a page; one request to the kernel. */
export const PAGE_ROWS = 256;
/** Pages kept: at most 64 * 256 rows are in the webview, whatever the result's size. */
const MAX_PAGES = 64;

export interface WindowAnswer {
  readonly rowCount: number;
  readonly bytes: Uint8Array;
}

/** Rows [start, start + PAGE_ROWS) of an Arrow table; tables aren't sliced, so buffers are read from index 0. */
interface Page {
  readonly table: Table;
  readonly start: number;
}

export type FetchWindow = (view: ResultView, offset: number, limit: number) => Promise<WindowAnswer>;

/** One row of a page that is here: where its values are in the Arrow buffers. */
export interface RowPlace {
  readonly batch: RecordBatch;
  readonly index: number;
}

/** The pages of a result's current view, fetched when they are looked at and forgotten least recently used first. */
export class WindowedRows {
  readonly #fetch: FetchWindow;
  readonly #pages = new Map<number, Page>();
  readonly #pending = new Map<number, Promise<void>>();
  #view: ResultView;
  #generation = 0;
  rowCount: number;

  constructor(fetch: FetchWindow, view: ResultView, rowCount: number) {
    this.#fetch = fetch;
    this.#view = view;
    this.rowCount = rowCount;
  }

  get view(): ResultView {
    return this.#view;
  }

  /** Puts in the first rows, which came with the cell's output. */
  seed(table: Table): void {
    const whole = table.numRows >= this.rowCount;
    for (let start = 0; start < table.numRows; start += PAGE_ROWS) {
      // A page that is only half here is left out, unless the result ends in it.
      if (whole || start + PAGE_ROWS <= table.numRows) this.#pages.set(start / PAGE_ROWS, { table, start });
    }
  }

  /** Another sort or filter: all pages are forgotten. */
  async show(view: ResultView): Promise<void> {
    const generation = ++this.#generation;
    const first = await this.#fetch(view, 0, PAGE_ROWS);
    if (generation !== this.#generation) return;
    this.#view = view;
    this.#pages.clear();
    this.#pending.clear();
    this.rowCount = first.rowCount;
    this.#pages.set(0, { table: tableFromIPC(first.bytes), start: 0 });
  }

  /** Where a row's values are, or undefined while its page is not here. */
  row(row: number): RowPlace | undefined {
    const page = this.#pages.get(Math.floor(row / PAGE_ROWS));
    if (!page) return undefined;
    let index = page.start + (row % PAGE_ROWS);
    for (const batch of page.table.batches) {
      if (index < batch.numRows) return { batch, index };
      index -= batch.numRows;
    }
    return undefined;
  }

  /** Fetches what is missing of rows [from, to]; resolves true when something new is here. */
  async ensure(from: number, to: number): Promise<boolean> {
    const generation = this.#generation;
    const last = Math.max(0, Math.min(to, this.rowCount - 1));
    const wanted: Promise<void>[] = [];
    for (let page = Math.floor(Math.max(0, from) / PAGE_ROWS); page <= Math.floor(last / PAGE_ROWS); page++) {
      const here = this.#pages.get(page);
      if (here) {
        this.#pages.delete(page);
        this.#pages.set(page, here);
        continue;
      }
      let pending = this.#pending.get(page);
      if (!pending) {
        pending = this.#load(page, generation).finally(() => this.#pending.delete(page));
        this.#pending.set(page, pending);
      }
      wanted.push(pending);
    }
    if (wanted.length === 0) return false;
    await Promise.all(wanted);
    return generation === this.#generation;
  }

  async #load(page: number, generation: number): Promise<void> {
    const answer = await this.#fetch(this.#view, page * PAGE_ROWS, PAGE_ROWS);
    if (generation !== this.#generation) return;
    this.#pages.set(page, { table: tableFromIPC(answer.bytes), start: 0 });
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= MAX_PAGES) break;
      this.#pages.delete(oldest);
    }
  }
}

/** The chunk of column `column` (by position) that holds a row. */
export function columnData(place: RowPlace, column: number): Data {
  return place.batch.data.children[column]!;
}
