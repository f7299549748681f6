/**
 * Who reads files that the cache gave out doesn't say when each is done with, but only when the statement is: a
 * lease. A file is let go once every lease has ended that was open when it was last given out.
 */
export class Leases {
  /** Called with files that nobody reads any more. */
  onRelease: (names: readonly string[]) => void = () => {};
  readonly #open = new Set<number>();
  /** The newest lease that was open when a file was last given out. */
  readonly #used = new Map<string, number>();
  #next = 1;

  /** Answers the function that ends the lease. */
  open(): () => void {
    const id = this.#next++;
    this.#open.add(id);
    return () => {
      if (this.#open.delete(id)) this.#sweep();
    };
  }

  /** Files are given out now. Without an open lease they are held for good. */
  use(names: readonly string[]): void {
    const newest = this.#open.size === 0 ? Number.POSITIVE_INFINITY : this.#next - 1;
    for (const name of names) {
      const before = this.#used.get(name) ?? 0;
      this.#used.set(name, Math.max(before, newest));
    }
  }

  #sweep(): void {
    const oldest = Math.min(...this.#open, Number.POSITIVE_INFINITY);
    const done = [...this.#used].filter(([, lease]) => lease < oldest && lease !== Number.POSITIVE_INFINITY);
    if (done.length === 0) return;
    for (const [name] of done) this.#used.delete(name);
    this.onRelease(done.map(([name]) => name));
  }
}
