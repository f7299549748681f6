import type { Locator } from 'playwright-core';
import type { Workbench } from './workbench.ts';

/** Milliseconds until a state that doesn't come is an error: for slow machines. */
const patience = 60_000;

/** A result in the notebook's webview, found by the name of one of its columns. */
export class ResultGrid {
  readonly #workbench: Workbench;
  readonly #column: string;

  private constructor(workbench: Workbench, column: string) {
    this.#workbench = workbench;
    this.#column = column;
  }

  static async find(workbench: Workbench, column: string): Promise<ResultGrid> {
    const grid = new ResultGrid(workbench, column);
    await grid.panel();
    return grid;
  }

  /** The whole result: tool bar and grid. It may be drawn anew at any time, so it is looked up each time. */
  async panel(): Promise<Locator> {
    const header = await this.#workbench.inWebview(
      `.lb-result:has(.slick-header-column[data-id="${this.#column}"])`,
    );
    return header;
  }

  async status(): Promise<string> {
    return (await (await this.panel()).locator('.lb-status').textContent()) ?? '';
  }

  /** Waits until the tool bar says this, e.g. `13 rows`. */
  async says(text: string | RegExp): Promise<void> {
    const fits = (status: string) => (typeof text === 'string' ? status.includes(text) : text.test(status));
    const end = Date.now() + patience;
    // Not vitest's `expect.poll`: the benchmark uses this too.
    for (;;) {
      const status = await this.status();
      if (fits(status)) return;
      if (Date.now() > end) throw new Error(`The result says "${status}", not ${text}`);
      await this.#workbench.page.waitForTimeout(100);
    }
  }

  /** Texts of the rows in view, by the grid's order from the top. */
  async rows(): Promise<string[][]> {
    const panel = await this.panel();
    return panel.locator('.slick-row').evaluateAll(rows =>
      rows
        .map(row => ({
          top: row.getBoundingClientRect().top,
          cells: [...row.querySelectorAll('.slick-cell')].map(cell => cell.textContent ?? ''),
        }))
        .sort((a, b) => a.top - b.top)
        .map(row => row.cells),
    );
  }

  /** Goes to the last row with the keyboard, and waits until that is there. */
  async goToEnd(): Promise<void> {
    const last = async () => {
      const all = (await this.status()).replace(/ rows?.*$/, '');
      return (await this.rows()).at(-1)?.[0] === all;
    };
    const end = Date.now() + patience;
    while (!(await last())) {
      if (Date.now() > end) throw new Error('The last row is not shown.');
      await (await this.panel()).locator('.slick-cell').nth(2).click();
      await this.#workbench.page.keyboard.press('Control+End');
      await this.#workbench.page.waitForTimeout(1000);
    }
  }

  async headers(): Promise<string[]> {
    const panel = await this.panel();
    return panel.locator('.slick-header-column .lb-column-name').allTextContents();
  }

  async clickHeader(column: string): Promise<void> {
    await (await this.panel()).locator(`.slick-header-column[data-id="${column}"] .lb-column-name`).click();
  }

  async button(label: string): Promise<void> {
    await (await this.panel()).getByRole('button', { name: label, exact: false }).first().click();
  }
}
