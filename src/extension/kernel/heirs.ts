import type * as vscode from 'vscode';

/**
 * How long a closed notebook's kernel waits for the same notebook under another name, in milliseconds: the editor saves
 * a notebook under a name by closing it and opening another one.
 */
const graceMs = 5000;

interface Left<T> {
  readonly cells: string;
  readonly value: T;
  readonly timer: NodeJS.Timeout;
}

/** What closed notebooks leave to those that take their place. */
export class Heirs<T> implements vscode.Disposable {
  readonly #left = new Set<Left<T>>();
  readonly #forget: (value: T) => void;

  /** @param forget gets what nobody took */
  constructor(forget: (value: T) => void) {
    this.#forget = forget;
  }

  /** An unsaved notebook was closed. */
  leave(notebook: vscode.NotebookDocument, value: T): void {
    const left: Left<T> = {
      cells: cellsOf(notebook),
      value,
      timer: setTimeout(() => {
        if (this.#left.delete(left)) this.#forget(value);
      }, graceMs),
    };
    this.#left.add(left);
  }

  /** What a notebook with these cells left, if one was closed just now. */
  take(notebook: vscode.NotebookDocument): T | undefined {
    if (this.#left.size === 0) return undefined;
    const cells = cellsOf(notebook);
    for (const left of this.#left) {
      if (left.cells !== cells) continue;
      clearTimeout(left.timer);
      this.#left.delete(left);
      return left.value;
    }
    return undefined;
  }

  dispose(): void {
    for (const { timer, value } of this.#left) {
      clearTimeout(timer);
      this.#forget(value);
    }
    this.#left.clear();
  }
}

/** Tells notebooks apart by what is in their cells. */
export function cellsOf(notebook: vscode.NotebookDocument): string {
  return JSON.stringify(notebook.getCells().map(({ kind, document }) => [kind, document.getText()]));
}
