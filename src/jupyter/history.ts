/** What was run, as a console asks for it. */
export interface HistoryEntry {
  readonly session: number;
  /** The execution count. */
  readonly line: number;
  readonly input: string;
}

/** Entries that are kept. */
const maxEntries = 10_000;
/** The number of the session that runs, as consoles know it; earlier ones aren't kept. */
const session = 1;

type Request = Readonly<Record<string, unknown>>;

/** The cells of this session, for `history_request`. */
export class History {
  readonly #entries: HistoryEntry[] = [];

  add(line: number, input: string): void {
    this.#entries.push({ session, line, input });
    if (this.#entries.length > maxEntries) this.#entries.shift();
  }

  /**
   * Answers a `history_request` of any access type.
   * @see https://jupyter-client.readthedocs.io/en/stable/messaging.html#history
   */
  find(request: Request): readonly HistoryEntry[] {
    const n = typeof request.n === 'number' && request.n >= 0 ? request.n : undefined;
    const last = (entries: readonly HistoryEntry[]) =>
      n === undefined ? entries : entries.slice(Math.max(0, entries.length - n));
    switch (request.hist_access_type) {
      case 'range':
        return this.#range(request);
      case 'search':
        return last(this.#search(String(request.pattern ?? '*'), request.unique === true));
      default:
        return last(this.#entries);
    }
  }

  /** Session 0 is the running one, negative ones lie before it. `stop` is beyond the end. */
  #range({ session: asked = 0, start, stop }: Request): readonly HistoryEntry[] {
    if (asked !== 0 && asked !== session) return [];
    const from = typeof start === 'number' ? start : 0;
    const to = typeof stop === 'number' ? stop : Number.POSITIVE_INFINITY;
    return this.#entries.filter(({ line }) => line >= from && line < to);
  }

  #search(pattern: string, unique: boolean): readonly HistoryEntry[] {
    const expression = new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '[^]*')
        .replaceAll('?', '[^]')}$`,
    );
    const found = this.#entries.filter(({ input }) => expression.test(input));
    if (!unique) return found;
    const newest = new Map(found.map(entry => [entry.input, entry]));
    return found.filter(entry => newest.get(entry.input) === entry);
  }
}
