import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Browser, Frame, Locator, Page } from 'playwright-core';
import { launch } from '../../browser/browser.ts';
import { root, type Server } from './judge.ts';

const pictures = path.join(root, '.artifacts', 'vscode');
const patience = 60_000;

/** VS Code's workbench on a folder, used as a person does: by keys and clicks, looking at what is shown. */
export class Workbench {
  readonly #browser: Browser;
  readonly page: Page;

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.page = page;
  }

  static async open(server: Server, folder: string): Promise<Workbench> {
    const browser = await launch();
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page
      .context()
      .grantPermissions(['clipboard-read', 'clipboard-write'])
      .catch(() => undefined);
    page.setDefaultTimeout(patience);
    const workbench = new Workbench(browser, page);
    await page.goto(`${server.origin}/?folder=${encodeURIComponent(folder)}`);
    await page.waitForSelector('.monaco-workbench');
    await page.waitForSelector('.explorer-folders-view .monaco-list-row');
    return workbench;
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }

  /** Keeps a picture of the whole window in .artifacts/vscode. */
  async picture(name: string): Promise<void> {
    await mkdir(pictures, { recursive: true });
    await this.page.screenshot({ path: path.join(pictures, `${name}.png`) });
  }

  /** Runs a command by its title in the command palette. */
  async command(title: string): Promise<void> {
    const row = this.page.locator('.quick-input-list .monaco-list-row', { hasText: title }).first();
    const end = Date.now() + patience;
    for (;;) {
      await this.page.keyboard.press('F1');
      const input = this.page.locator('.quick-input-widget input.input');
      await input.waitFor();
      await input.fill(`>${title}`);
      await row.waitFor({ timeout: 5000 }).catch(() => undefined);
      if ((await row.isVisible()) || Date.now() > end) break;
      // An open palette doesn't learn of commands that come later: of extensions that are still loaded.
      await this.page.keyboard.press('Escape');
      await this.quickInputClosed();
    }
    await row.click();
    // The command's own input takes the palette's place: what is typed before that would go to the palette.
    const input = this.page.locator('.quick-input-widget:visible input.input');
    // An input that is gone by now is no palette.
    const typed = () => input.inputValue({ timeout: 500 }).catch(() => '');
    while ((await input.isVisible()) && (await typed()).startsWith('>')) {
      if (Date.now() > end) throw new Error(`The palette stays open after "${title}".`);
      await this.page.waitForTimeout(50);
    }
  }

  /** Opens a file of the folder by its name. */
  async openFile(name: string): Promise<void> {
    await this.page.keyboard.press('Control+P');
    const input = this.page.locator('.quick-input-widget input.input');
    await input.fill(name);
    const row = this.page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first();
    await row.waitFor();
    await row.click();
  }

  /** Types into the input box or quick pick that is open, once it shows `step`, and accepts it. */
  async answer(text: string, step = ''): Promise<void> {
    await this.page.locator('.quick-input-widget:visible', { hasText: step }).waitFor();
    const input = this.page.locator('.quick-input-widget:visible input.input');
    await input.waitFor();
    await input.fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** Names the file in the save dialog that is open; the dialog reads the folder while one types. */
  async saveAs(file: string): Promise<void> {
    const dialog = this.page.locator('.quick-input-widget:visible');
    const input = dialog.locator('input.input');
    await input.waitFor();
    const end = Date.now() + patience;
    while ((await dialog.isVisible()) && Date.now() < end) {
      await input.fill(file).catch(() => undefined);
      await this.page.waitForTimeout(1000);
      if (!(await dialog.isVisible()) || (await input.inputValue()) !== file) continue;
      await dialog
        .getByText('OK', { exact: true })
        .click({ timeout: 2000 })
        .catch(() => undefined);
      await this.page.waitForTimeout(500);
    }
    await dialog.waitFor({ state: 'hidden' });
  }

  /** Picks the entry of the open quick pick that has a text. */
  async pick(text: string): Promise<void> {
    const row = this.page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first();
    await row.waitFor();
    await row.click();
  }

  /** Clicks a button of the notebook's own tool bar: Run All, Interrupt, Restart Kernel, ... */
  async notebookButton(label: string): Promise<void> {
    await this.page
      .locator('.notebook-toolbar-left:visible .action-item', { hasText: label })
      .first()
      .click();
  }

  /** Clicks a cell's run button, by the cell's place in the notebook. */
  async runCell(index: number): Promise<void> {
    const cell = this.cell(index);
    await cell.hover();
    await cell.locator('.run-button-container .action-label').first().click();
  }

  /** A cell of the notebook in front that is in view, by its place in the notebook. */
  cell(index: number): Locator {
    return this.page.locator(`.notebookOverlay:visible .monaco-list-row[data-index="${index}"]`);
  }

  /** Opens a notebook and waits until it is there and its kernel is chosen. */
  async openNotebook(name: string): Promise<void> {
    await this.openFile(name);
    // Rows of rendered Markdown are hidden: the webview draws them.
    await this.page
      .locator('.notebookOverlay:visible .monaco-list-row')
      .first()
      .waitFor({ state: 'attached' });
    await this.page.locator('.notebook-toolbar-right:visible', { hasText: 'Lakebook' }).first().waitFor();
  }

  /** The frame in which renderers draw; undefined before anything was rendered. */
  outputFrames(): Frame[] {
    return this.page.frames().filter(frame => /webview/.test(frame.url()));
  }

  /** Waits for an element in any webview. */
  async inWebview(selector: string, options: { hasText?: string | RegExp } = {}): Promise<Locator> {
    const end = Date.now() + patience;
    while (Date.now() < end) {
      for (const frame of this.outputFrames()) {
        const found = frame.locator(selector, options).first();
        if (await found.isVisible().catch(() => false)) return found;
      }
      await this.page.waitForTimeout(100);
    }
    throw new Error(`Nothing in a webview is ${selector} ${options.hasText ?? ''}`);
  }

  /** Shows the Lakebook view. */
  async showLakes(): Promise<void> {
    await this.#activity('Lakebook');
  }

  /** Shows the editor's own explorer. */
  async showFiles(): Promise<void> {
    await this.#activity('Explorer');
  }

  /** A click on the view that is shown already would hide it. */
  async #activity(label: string): Promise<void> {
    const item = this.page.locator('.activitybar .action-item', {
      has: this.page.locator(`[aria-label^="${label}"]`),
    });
    const checked = (await item.first().getAttribute('class'))?.includes('checked');
    if (!checked) await item.first().click();
  }

  /** Rows of the tree in the Lakebook view. */
  get #treeRows(): Locator {
    return this.page.locator('.customview-tree:visible .monaco-list-row');
  }

  /** The row of the tree whose text fits. */
  treeRow(text: string | RegExp): Locator {
    const label = this.page.locator('.monaco-icon-label-container', { hasText: text });
    return this.#treeRows.filter({ has: label }).first();
  }

  async treeTexts(): Promise<string[]> {
    return (await this.#treeRows.locator('.monaco-icon-label-container').allTextContents()).map(text =>
      text.trim(),
    );
  }

  /** Opens a row of the tree, if it isn't open. */
  async expand(text: string | RegExp): Promise<void> {
    const row = this.treeRow(text);
    await row.waitFor();
    if ((await row.getAttribute('aria-expanded')) === 'false') await row.click();
  }

  /** Chooses an entry of the context menu of an element. */
  async contextMenu(target: Locator, entry: string): Promise<void> {
    const end = Date.now() + patience;
    // A menu closes by itself when its row is drawn anew or the focus goes elsewhere.
    do await target.click({ button: 'right' });
    while ((!(await this.#choose(entry)) || (await this.#lostPlace())) && Date.now() < end);
  }

  /**
   * When the view was drawn anew while its menu was open, the editor hands over no node: commands then ask for the table,
   * or say so. Puts that away. @returns whether it was so
   */
  async #lostPlace(): Promise<boolean> {
    const question = this.page.locator('.quick-input-widget:visible input[placeholder="Which table?"]');
    const message = this.page.locator('.notification-toast', { hasText: 'The view has changed meanwhile' });
    const lost = await question
      .or(message)
      .first()
      .waitFor({ timeout: 2000 })
      .then(
        () => true,
        () => false,
      );
    if (!lost) return false;
    if (await question.isVisible()) await this.page.keyboard.press('Escape');
    else {
      await message.first().hover();
      await message.first().locator('.codicon-notifications-clear').click();
    }
    return true;
  }

  /** Chooses an entry of the menu that is open. */
  async menuEntry(entry: string): Promise<void> {
    if (!(await this.#choose(entry))) throw new Error(`The menu closed before "${entry}" was clicked.`);
  }

  /** @returns false when the menu has closed before the entry took a click */
  async #choose(entry: string): Promise<boolean> {
    const item = this.page.locator('.monaco-menu .action-item', { hasText: entry }).first();
    const opened = await item.waitFor({ timeout: 5000 }).then(
      () => true,
      () => false,
    );
    if (!opened) return false;
    let clicked = false;
    // A menu that has just opened doesn't take every click.
    while (await item.isVisible()) {
      clicked = await item.click({ timeout: 3000 }).then(
        () => true,
        () => clicked,
      );
      await this.page.waitForTimeout(400);
    }
    return clicked;
  }

  /** Waits until no quick pick or input box is open, so that the focus is back where it was. */
  async quickInputClosed(): Promise<void> {
    await this.page.locator('.quick-input-widget:visible').waitFor({ state: 'hidden' });
  }

  /** Drags an element onto another; with Shift, as dropping text into an editor wants it. */
  async dragInto(from: Locator, to: Locator): Promise<void> {
    const [start, end] = [await from.boundingBox(), await to.boundingBox()];
    const { mouse, keyboard } = this.page;
    await mouse.move(start!.x + 60, start!.y + 10);
    await mouse.down();
    await mouse.move(start!.x + 90, start!.y + 25, { steps: 5 });
    await keyboard.down('Shift');
    await mouse.move(end!.x + Math.min(300, end!.width - 5), end!.y + end!.height / 2, { steps: 15 });
    await this.page.waitForTimeout(500);
    await mouse.up();
    await keyboard.up('Shift');
  }

  /** Opens the quick fixes at the cursor, again until the editor knows of this one. */
  async quickFixes(title: string): Promise<void> {
    const fix = this.page.getByText(title).first();
    const end = Date.now() + patience;
    do {
      await this.page.keyboard.press('Escape');
      await this.page.keyboard.press('Control+.');
      await this.page.waitForTimeout(1500);
    } while (!(await fix.isVisible()) && Date.now() < end);
    await fix.waitFor();
  }

  /** Chooses a colour theme by its name in the list. */
  async theme(name: string): Promise<void> {
    await this.command('Preferences: Color Theme');
    const input = this.page.locator('.quick-input-widget:visible input.input');
    await input.fill(name);
    await this.pick(name);
    await input.waitFor({ state: 'hidden' });
  }

  /** A notification's text, once one shows it. */
  async notification(text: string | RegExp): Promise<Locator> {
    const found = this.page.locator('.notification-list-item', { hasText: text }).first();
    await found.waitFor();
    return found;
  }
}
