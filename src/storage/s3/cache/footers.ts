import type { FooterMap } from './footer.ts';

/** Column chunks that are told of by the footers which are kept: about 200 MB. */
const mostChunks = 500_000;

/** Decoded footers by file, those least recently used go first. */
export class Footers {
  readonly #footers = new Map<string, FooterMap>();
  #chunks = 0;

  get(name: string): FooterMap | undefined {
    const footer = this.#footers.get(name);
    if (footer === undefined) return undefined;
    this.#footers.delete(name);
    this.#footers.set(name, footer);
    return footer;
  }

  set(name: string, footer: FooterMap): void {
    this.delete(name);
    this.#footers.set(name, footer);
    this.#chunks += chunksOf(footer);
    for (const oldest of this.#footers.keys()) {
      if (this.#chunks <= mostChunks) break;
      this.delete(oldest);
    }
  }

  delete(name: string): void {
    const footer = this.#footers.get(name);
    if (footer === undefined) return;
    this.#footers.delete(name);
    this.#chunks -= chunksOf(footer);
  }
}

/** A footer costs something even if it has none. */
function chunksOf({ rowGroups, leaves }: FooterMap): number {
  return 10 + rowGroups.length * leaves.length;
}
