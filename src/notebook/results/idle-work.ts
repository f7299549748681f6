import { InterruptedError } from '../../iceberg/errors.ts';

interface Piece {
  readonly work: (signal: AbortSignal) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Work that nobody waits for, like the summaries of a large result's columns: it is done piece by piece while no cell
 * runs. A cell that begins interrupts the piece under way, which begins anew after it: else the next query's first rows
 * would come seconds later.
 */
export class IdleWork {
  readonly #waiting: Piece[] = [];
  #cells = 0;
  #closed = false;
  #running: { readonly piece: Piece; readonly abort: AbortController } | undefined;

  /** Work waits until the answered function is called. */
  hold(): () => void {
    this.#cells++;
    this.#running?.abort.abort();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#cells--;
      this.#next();
    };
  }

  /**
   * `work` must stop when its signal aborts, and may be called again then.
   * @throws what `work` throws; InterruptedError when this is closed first
   */
  run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) return reject(new InterruptedError());
      this.#waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
      this.#next();
    });
  }

  /** Ends it all; what waits fails. */
  close(): void {
    this.#closed = true;
    this.#running?.abort.abort();
    for (const { reject } of this.#waiting.splice(0)) reject(new InterruptedError());
  }

  #next(): void {
    if (this.#running !== undefined || this.#cells > 0) return;
    const piece = this.#waiting.shift();
    if (piece === undefined) return;
    const abort = new AbortController();
    this.#running = { piece, abort };
    void piece.work(abort.signal).then(
      value => this.#end(piece, () => piece.resolve(value)),
      error => {
        const isInterrupted = abort.signal.aborted && !this.#closed;
        this.#end(piece, () => (isInterrupted ? this.#waiting.unshift(piece) : piece.reject(error)));
      },
    );
  }

  #end(piece: Piece, settle: () => void): void {
    if (this.#running?.piece === piece) this.#running = undefined;
    settle();
    this.#next();
  }
}
