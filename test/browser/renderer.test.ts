import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RendererRequest } from '../../renderers/messages.ts';
import { launch, themeCss, themes } from './browser.ts';

const screenshots = path.join(import.meta.dirname, '../../.artifacts/renderer');
let browser: Browser;
let script: string;
let page: Page;

beforeAll(async () => {
  mkdirSync(screenshots, { recursive: true });
  const bundle = await build({
    entryPoints: [path.join(import.meta.dirname, 'renderer-page.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    loader: { '.css': 'text' },
  });
  script = bundle.outputFiles[0]!.text;
  browser = await launch();
});
afterAll(() => browser?.close());
afterEach(() => page?.close());

async function open(theme: keyof typeof themes = 'light'): Promise<Page> {
  page = await browser.newPage({ viewport: { width: 1000, height: 520 } });
  const errors: string[] = [];
  page.on('pageerror', error => errors.push(error.message));
  await page.setContent(
    `<html lang="en"><head><title>Lakebook</title><style>${themeCss(theme)}</style></head>
     <body class="${themes[theme].className}"><main id="output"></main></body></html>`,
  );
  await page.addScriptTag({ content: script, type: 'module' });
  await page.waitForSelector('.slick-row');
  await page.waitForSelector('.lb-spark');
  expect(errors).toEqual([]);
  return page;
}

const requests = <T extends RendererRequest['type']>(type: T) =>
  page.evaluate(
    wanted =>
      (globalThis as unknown as { requests: RendererRequest[] }).requests.filter(r => r.type === wanted),
    type,
  ) as Promise<Extract<RendererRequest, { type: T }>[]>;
const status = () => page.locator('.lb-status').textContent();
const firstRow = () => page.locator('.slick-row').first().locator('.slick-cell').allTextContents();

describe('the result grid in a real browser', () => {
  for (const theme of Object.keys(themes) as (keyof typeof themes)[]) {
    it(`has no serious accessibility finding in the ${theme} theme`, async () => {
      await open(theme);
      await page.screenshot({ path: path.join(screenshots, `grid-${theme}.png`) });
      await page.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') });
      const findings = await page.evaluate(async () => {
        const { violations } = await (
          globalThis as never as {
            axe: {
              run(): Promise<{
                violations: {
                  id: string;
                  impact: string;
                  nodes: { html: string; failureSummary: string }[];
                }[];
              }>;
            };
          }
        ).axe.run();
        return violations
          .filter(v => v.impact === 'serious' || v.impact === 'critical')
          .map(
            v =>
              `${v.id}: ${v.nodes
                .slice(0, 2)
                .map(n => n.html.slice(0, 160) + n.failureSummary)
                .join(' | ')}`,
          );
      });
      expect(findings).toEqual([]);
    });
  }

  it('shows exact values, and text as text', async () => {
    await open();
    expect(await firstRow()).toEqual([
      '1',
      '9007199254740993',
      '0.00',
      '0',
      '2023-11-14 22:13:20.000001+00',
      '<img src=x onerror="window.hacked=1"><b>bold</b>',
      'NULL',
    ]);
    expect(await page.locator('.slick-header-column').last().textContent()).toContain('<i>detail</i>');
    expect(await page.evaluate(() => (globalThis as never as { hacked?: number }).hacked)).toBeUndefined();
    expect(await status()).toBe('10,000,000 rows');
  });

  it('reaches the last of 10 million rows without holding them', async () => {
    await open();
    await page.evaluate(() => {
      const viewport = [...document.querySelectorAll('.slick-viewport')].find(
        v => v.scrollHeight > v.clientHeight,
      )!;
      viewport.scrollTop = viewport.scrollHeight;
    });
    await page.waitForFunction(() =>
      [...document.querySelectorAll('.slick-cell')].some(c => c.textContent === 'row 9999999'),
    );
    const windows = await requests('window');
    expect(windows.length).toBeLessThan(6);
    expect(windows.every(w => w.limit <= 1000)).toBe(true);
    expect(await page.locator('.slick-row').count()).toBeLessThan(60);
  });

  it('sorts in the kernel by a click on a header, and by its menu', async () => {
    await open();
    await page.locator('.slick-header-column', { hasText: 'value' }).locator('.slick-column-name').click();
    await page.locator('.slick-header-column', { hasText: 'value' }).locator('.slick-column-name').click();
    await page.waitForFunction(() =>
      document.querySelector('.slick-row')!.textContent!.includes('row 9999999'),
    );
    expect((await requests('window')).at(-1)?.view.sort).toEqual([{ column: 'value', descending: true }]);
    await page.getByRole('button', { name: 'Column name: sort' }).click();
    await page.getByRole('menuitem', { name: 'Sort ascending' }).click();
    await expect
      .poll(async () => (await requests('window')).at(-1)?.view.sort)
      .toEqual([{ column: 'name', descending: false }]);
  });

  it('filters, shows the filter, and takes it away again; a bad value is said', async () => {
    await open();
    await page.getByRole('button', { name: 'Filter rows by a column' }).click();
    await page.getByLabel('Condition').selectOption('ge');
    await page.getByRole('textbox', { name: 'Value' }).fill('5');
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect.poll(status).toBe('1,000 of 10,000,000 rows');
    expect((await requests('window')).at(-1)?.view.filters).toEqual([{ column: 'id', op: 'ge', value: '5' }]);
    await page.getByRole('button', { name: 'Remove the filter id ≥ 5' }).click();
    await expect.poll(status).toBe('10,000,000 rows');
    await page.getByRole('button', { name: 'Filter rows by a column' }).click();
    await page.getByRole('textbox', { name: 'Value' }).fill('not a number');
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect.poll(status).toBe('"not a number" is no BIGINT.');
  });

  it('searches while typing', async () => {
    await open();
    await page.getByRole('searchbox').fill('row 12');
    await expect.poll(status).toBe('1,000 of 10,000,000 rows');
    expect((await requests('window')).at(-1)?.view.search).toBe('row 12');
  });

  it('hides and pins columns', async () => {
    await open();
    await page.getByRole('button', { name: 'Show or hide columns' }).click();
    await page.getByRole('checkbox', { name: 'value' }).uncheck();
    expect(await page.locator('.slick-header-column', { hasText: 'value' }).count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Column id: sort' }).click();
    await page.getByRole('menuitem', { name: 'Pin up to here' }).click();
    expect(await page.locator('.slick-pane-left .slick-header-column').count()).toBe(2);
  });

  it('copies what is shown and saves all', async () => {
    await open();
    await page.getByRole('searchbox').fill('x');
    await expect.poll(status).toBe('1,000 of 10,000,000 rows');
    await page.getByRole('button', { name: 'Copy rows' }).click();
    await page.getByRole('menuitem', { name: 'Copy as Markdown' }).click();
    await expect.poll(status).toBe('Copied 1,000 rows.');
    const text = (await requests('copy')).at(-1)!.text.split('\n');
    expect(text[0]).toBe('| id | amount | value | created | name | <i>detail</i> |');
    expect(text).toHaveLength(1003);
    await page.getByRole('button', { name: 'Save all rows to a file' }).click();
    await page.getByRole('menuitem', { name: 'Save as Parquet…' }).click();
    await expect.poll(status).toBe('Saved to /tmp/out.parquet.');
    expect((await requests('save')).at(-1)).toMatchObject({ format: 'parquet', view: { search: 'x' } });
  });

  it('opens nested values as a tree, by keyboard too', async () => {
    await open();
    await page.locator('.slick-row').nth(1).locator('.slick-cell').nth(5).click();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Value of <i>detail</i>' });
    await dialog.waitFor();
    expect(await dialog.textContent()).toContain('b: [2]');
    await page.keyboard.press('Escape');
    expect(await dialog.count()).toBe(0);
  });

  it('draws a chart in two clicks, and saves it', async () => {
    await open('dark');
    await page.getByRole('button', { name: 'Show as a chart' }).click();
    // A histogram counts rows: there is nothing to choose but the column.
    await page.getByLabel('Chart type').selectOption('histogram');
    for (const unused of ['Aggregate', 'Vertical axis', 'Colour']) {
      expect(await page.getByLabel(unused, { exact: true }).isVisible()).toBe(false);
    }
    await page.getByLabel('Chart type').selectOption('bar');
    await page.getByLabel('Aggregate').waitFor();
    await page.getByLabel('Horizontal axis').selectOption('name');
    await page.waitForSelector('.lb-chart-stage svg rect');
    expect((await requests('chart')).at(-1)?.chart).toMatchObject({
      kind: 'bar',
      x: 'name',
      aggregate: 'sum',
    });
    await page.screenshot({ path: path.join(screenshots, 'chart-dark.png') });
    await page.getByRole('button', { name: 'Save the chart as PNG' }).click();
    await expect.poll(async () => (await requests('save-image')).length, { timeout: 60_000 }).toBe(1);
    const signature = await page.evaluate(() => {
      const request = (
        globalThis as unknown as { requests: { type: string; bytes?: Uint8Array }[] }
      ).requests.find(r => r.type === 'save-image')!;
      return [...request.bytes!.slice(1, 4)].map(c => String.fromCharCode(c)).join('');
    });
    expect(signature).toBe('PNG');
  });

  it('needs at most 1 MB for the first paint', async () => {
    await open();
    expect(await page.evaluate(() => (globalThis as unknown as { payload: number }).payload)).toBeLessThan(
      1_000_000,
    );
  });
});
