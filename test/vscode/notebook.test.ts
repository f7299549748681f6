import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ResultGrid } from './support/result.ts';
import { notebookText, Session } from './support/session.ts';

const tenMillion = "SELECT i AS n, 'row ' || i AS label, i % 7 AS week_day FROM range(10000000) t(i)";
const endless =
  'SELECT count(*) AS never FROM range(100000000000) a, range(1000000) b WHERE a.range % 7 = b.range % 11';

let session: Session;

beforeAll(async () => {
  session = await Session.start({
    prepare: async folder => {
      const write = (name: string, text: string) => writeFile(`${folder}/${name}`, text);
      await write('large.lakebook', notebookText([{ source: tenMillion }]));
      await write('stop.lakebook', notebookText([{ source: endless }, { source: 'SELECT 42 AS answer' }]));
      await write(
        'errors.lakebook',
        notebookText([{ source: 'SELECT 1 AS one,\n  nothing_here FROM range(3)' }]),
      );
      await write(
        'save.lakebook',
        notebookText([
          { source: "SELECT '<b>bold</b>' AS hostile, 9007199254740993 AS big, 1.10::DECIMAL(9,2) AS exact" },
        ]),
      );
      await write('rows.lakebook', notebookText([{ source: 'SELECT range AS thousand FROM range(3000)' }]));
      await write('broken.lakebook', '{ "cells": [ { "cell_type": "code" ');
      await write('typed.lakebook', notebookText([{ source: '' }]));
    },
  });
}, 180_000);

afterAll(async () => {
  await session?.stop();
});

afterEach(({ task }) => session?.pictureOfFailure(task));

describe('results', () => {
  test('ten million rows: first rows at once, sorted, filtered, the last row, a chart', async () => {
    const { workbench } = session;
    await workbench.openNotebook('large.lakebook');
    await workbench.runCell(0);
    const grid = await ResultGrid.find(workbench, 'week_day');
    expect((await grid.rows())[0]).toEqual(['1', '0', 'row 0', '0']);
    await grid.says('10,000,000 rows');
    await workbench.picture('grid-light');

    await grid.clickHeader('n');
    await grid.clickHeader('n');
    await expect
      .poll(async () => (await grid.rows())[0], { timeout: 60_000 })
      .toEqual(['1', '9999999', 'row 9999999', '2']);
    await workbench.picture('grid-sorted');

    await grid.goToEnd();
    expect((await grid.rows()).at(-1)).toEqual(['10,000,000', '0', 'row 0', '0']);
    await workbench.picture('grid-last-row');
    const panel = await grid.panel();

    await panel.locator('.lb-search').fill('row 123456');
    await grid.says('11 of 10,000,000 rows');
    await workbench.picture('grid-searched');
    await panel.locator('.lb-search').fill('');
    await grid.says(/^10,000,000 rows/);

    await grid.button('Show as a chart');
    await panel.locator('.lb-chart-stage svg').first().waitFor();
    await workbench.picture('chart');
    await grid.button('Show as a chart');
    const [kernel] = session.kernelPids();
    expect(kernel).toBeGreaterThan(0);
  }, 240_000);

  test('the cell says how many rows it has and how long it took', async () => {
    const { workbench } = session;
    await workbench
      .cell(0)
      .locator('.cell-statusbar-container', { hasText: /10,000,000 rows · / })
      .waitFor();
  });
});

describe('the kernel', () => {
  test('an endless cell is interrupted, and the next one runs', async () => {
    const { workbench } = session;
    await workbench.openNotebook('stop.lakebook');
    await workbench.runCell(0);
    await workbench
      .cell(0)
      .locator('.cell-statusbar-container', { hasText: /running/ })
      .waitFor();
    await workbench.picture('running');
    await workbench.notebookButton('Interrupt');
    await workbench.inWebview('.output_container, .output', { hasText: 'Interrupted' });
    await workbench.picture('interrupted');
    await workbench.runCell(1);
    const grid = await ResultGrid.find(workbench, 'answer');
    expect(await grid.rows()).toEqual([['1', '42']]);
  }, 120_000);

  test('a kernel that is killed is told, and a new one goes on', async () => {
    const { workbench } = session;
    await workbench.openNotebook('stop.lakebook');
    const before = session.kernelPids();
    await workbench.runCell(0);
    await workbench
      .cell(0)
      .locator('.cell-statusbar-container', { hasText: /running/ })
      .waitFor();
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await workbench.notification('The kernel ended unexpectedly');
    await workbench.inWebview('.output_container, .output', { hasText: 'ended unexpectedly' });
    await workbench.picture('kernel-killed');
    await workbench.runCell(1);
    await workbench.cell(1).locator('.cell-statusbar-container', { hasText: '1 row' }).waitFor();
    await expect.poll(() => session.kernelPids().some(pid => !before.includes(pid))).toBe(true);
    await workbench.command('Notifications: Clear All Notifications');
  }, 120_000);
});

describe('errors', () => {
  test('are shown below the cell and marked at their place', async () => {
    const { workbench } = session;
    await workbench.openNotebook('errors.lakebook');
    await workbench.runCell(0);
    const shown = await workbench.inWebview('.output_container, .output', { hasText: 'nothing_here' });
    expect(await shown.textContent()).toMatch(/line 2, column 3/);
    await workbench.cell(0).locator('.squiggly-error').first().waitFor();
    await workbench.picture('error');
  }, 90_000);

  test('a broken file says what is wrong and is never written over', async () => {
    const { workbench } = session;
    const before = session.read('broken.lakebook');
    await workbench.openFile('broken.lakebook');
    await workbench.notification(/not valid JSON.*line 1, column/s);
    await workbench.command('Notifications: Clear All Notifications');
    const shown = await workbench.inWebview('p', { hasText: 'not valid JSON' });
    expect(await shown.textContent()).toMatch(/line 1, column/);
    await workbench.picture('broken-file');
    await workbench.notebookButton('Code');
    await workbench.page.keyboard.press('Control+S');
    await workbench.notification(/Failed to save.*broken.lakebook/s);
    expect(session.read('broken.lakebook')).toBe(before);
    await workbench.command('File: Revert File');
    await workbench.command('Notifications: Clear All Notifications');
  });
});

describe('saving a result', () => {
  test.each(['CSV', 'JSON', 'Parquet', 'Arrow'])('%s, with every row', async format => {
    const { workbench } = session;
    await workbench.openNotebook('rows.lakebook');
    if (format === 'CSV') await workbench.runCell(0);
    const grid = await ResultGrid.find(workbench, 'thousand');
    if (format === 'CSV') await grid.says('3,000 rows');
    await grid.button('Save all rows');
    await (await workbench.inWebview('.lb-menu-item', { hasText: `Save as ${format}` })).click();
    const file = `saved.${format.toLowerCase()}`;
    await workbench.saveAs(session.file(file));
    await grid.says(`Saved to ${session.file(file)}`);
    const bytes = readFileSync(session.file(file));
    if (format === 'CSV') expect(bytes.toString().trim().split('\n').at(-1)).toBe('2999');
    else if (format === 'JSON') expect(JSON.parse(bytes.toString()).at(-1)).toEqual({ thousand: 2999 });
    else expect(bytes.subarray(0, 4).toString()).toBe(format === 'Parquet' ? 'PAR1' : 'ARRO');
  });
});

describe('files', () => {
  test('outputs are a bounded preview after saving and opening again; values are exact and never HTML', async () => {
    const { workbench } = session;
    await workbench.openNotebook('save.lakebook');
    await workbench.runCell(0);
    const grid = await ResultGrid.find(workbench, 'hostile');
    await workbench.cell(0).locator('.cell-statusbar-container', { hasText: '1 row' }).waitFor();
    expect(await grid.rows()).toEqual([['1', '<b>bold</b>', '9007199254740993', '1.10']]);
    await workbench.page.keyboard.press('Control+S');
    await workbench.page.locator('.tab:not(.dirty)', { hasText: 'save.lakebook' }).waitFor();
    expect(session.read('save.lakebook')).toContain('>9007199254740993<');
    const saved = session.read('save.lakebook');
    const { cells } = JSON.parse(saved);
    expect(cells[0]).toMatchObject({ id: 'cell-0', execution_count: expect.any(Number) });
    expect(Object.keys(cells[0].outputs[0].data)).toEqual(['text/html', 'text/plain']);
    await workbench.command('View: Close Editor');
    await workbench.openNotebook('save.lakebook');
    const table = await workbench.inWebview('.output_container table, .output table');
    expect(await table.textContent()).toContain('<b>bold</b>');
    expect(await table.locator('b').count()).toBe(0);
    await workbench.picture('reopened');
    await workbench.page.keyboard.press('Control+S');
    expect(session.read('save.lakebook')).toBe(saved);
  }, 120_000);
});

describe('typing', () => {
  test('a misspelt verb is marked, and a quick fix mends it', async () => {
    const { workbench } = session;
    await workbench.openNotebook('typed.lakebook');
    await workbench.cell(0).locator('.monaco-editor').click();
    await workbench.page.keyboard.type('%lake tabels');
    await workbench.cell(0).locator('.squiggly-error').first().waitFor();
    await workbench.quickFixes('Change to tables');
    await workbench.picture('quick-fix');
    await workbench.page.keyboard.press('Enter');
    await expect.poll(() => workbench.cell(0).locator('.view-line').first().textContent()).toMatch(/tables/);
  }, 90_000);
});

describe('looks', () => {
  test.each([
    ['Dark Modern', 'dark'],
    ['Dark High Contrast', 'high-contrast'],
    ['Light High Contrast', 'high-contrast-light'],
  ])(
    '%s',
    async (theme, name) => {
      const { workbench } = session;
      await workbench.theme(theme);
      await workbench.openNotebook('large.lakebook');
      const grid = await ResultGrid.find(workbench, 'week_day');
      await expect
        .poll(async () => workbench.page.locator('.monaco-workbench').getAttribute('class'))
        .toMatch(name === 'dark' ? /vs-dark/ : /hc-/);
      expect((await grid.rows()).length).toBeGreaterThan(5);
      await workbench.picture(`grid-${name}`);
    },
    60_000,
  );
});
