import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { otherWriter } from './support/other-writer.ts';
import { ResultGrid } from './support/result.ts';
import { notebookText, Session } from './support/session.ts';

let session: Session;

beforeAll(async () => {
  session = await Session.start({
    prepare: async folder => {
      otherWriter(folder, 'make');
      await writeFile(path.join(folder, 'typed.lakebook'), notebookText([{ source: 'SELECT * FROM ' }]));
    },
  });
  await session.workbench.showLakes();
}, 180_000);

afterAll(async () => {
  await session?.stop();
});

afterEach(({ task }) => session?.pictureOfFailure(task));

describe('the tree', () => {
  test('shows lakes, namespaces, tables and what a table is made of', async () => {
    const { workbench } = session;
    await workbench.expand('orders');
    for (const group of ['Columns', 'Snapshots', 'Branches and Tags', 'Files', 'Properties']) {
      await workbench.expand(group);
    }
    await workbench.treeRow('owner').waitFor();
    const rows = await workbench.treeTexts();
    expect(rows).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^lake\s*project$/),
        'default',
        expect.stringMatching(/^orders\s*34 rows/),
        expect.stringMatching(/^id\s*long not null key/),
        expect.stringMatching(/^address\s*struct/),
        expect.stringMatching(/^append \+5 rows/),
        expect.stringMatching(/^loaded\s*tag/),
        expect.stringMatching(/^audit\s*branch/),
        expect.stringMatching(/^owner\s*tests/),
      ]),
    );
    await workbench.picture('explorer');
  });

  test('a commit of another process appears', async () => {
    otherWriter(session.folder, 'upsert');
    otherWriter(session.folder, 'append');
    await session.workbench.treeRow(/^orders\s*42 rows/).waitFor();
    await session.workbench.treeRow(/^append \+7 rows/).waitFor();
  });

  test('a filter leaves the tables that have the words', async () => {
    const { workbench } = session;
    await workbench.command('Lakebook: Filter Tables');
    await workbench.answer('nothing like it');
    await workbench.treeRow('orders').waitFor({ state: 'hidden' });
    await workbench.command('Lakebook: Filter Tables');
    await workbench.answer('ord');
    await workbench.treeRow('orders').waitFor();
    await workbench.command('Lakebook: Filter Tables');
    await workbench.answer('');
    await workbench.quickInputClosed();
  });
});

describe('actions of a table', () => {
  test('a preview opens a notebook with the first rows', async () => {
    const { workbench } = session;
    await workbench.contextMenu(workbench.treeRow(/^orders/), 'Preview 100 Rows');
    const grid = await ResultGrid.find(workbench, 'sold_at');
    await grid.says('42 rows');
    expect(await grid.headers()).toEqual(expect.arrayContaining(['id', 'amount', 'sold_at', 'address']));
    await workbench.picture('preview');
  });

  test('the metadata opens as a document that can not be changed', async () => {
    const { workbench } = session;
    await workbench.contextMenu(workbench.treeRow(/^orders/), 'Open Metadata JSON');
    const lines = workbench.page.locator('.editor-instance:visible .view-lines');
    await lines.filter({ hasText: 'table-uuid' }).first().waitFor();
    await workbench.picture('metadata');
    await workbench.command('View: Close Editor');
  });

  test('rolls back from the tree after asking, and forward again', async () => {
    const { workbench } = session;
    await workbench.expand(/^orders/);
    await workbench.expand('Snapshots');
    await workbench.expand('Branches and Tags');
    await workbench.contextMenu(workbench.treeRow(/^loaded\s*tag/), 'Roll Back to Here');
    const dialog = workbench.page.locator('.monaco-dialog-box');
    await dialog.filter({ hasText: 'Roll orders back to loaded?' }).waitFor();
    await workbench.picture('rollback-asks');
    await dialog.getByText('Roll Back', { exact: true }).click();
    await workbench.treeRow(/^orders\s*20 rows/).waitFor();
    await workbench.picture('rolled-back');
  });

  test('a branch and a tag are made at a snapshot', async () => {
    const { workbench } = session;
    await workbench.contextMenu(workbench.treeRow(/^append \+10 rows/), 'Create Tag Here');
    await workbench.answer('loaded');
    await workbench.page.locator('.quick-input-message', { hasText: 'there already' }).waitFor();
    await workbench.answer('second');
    await workbench.treeRow(/^second\s*tag/).waitFor();
  });

  test('is renamed', async () => {
    const { workbench } = session;
    await workbench.contextMenu(workbench.treeRow(/^orders/), 'Rename');
    await workbench.answer('orders_old', 'New name of orders');
    await workbench.treeRow(/^orders_old/).waitFor();
    await workbench.contextMenu(workbench.treeRow(/^orders_old/), 'Rename');
    await workbench.answer('orders', 'New name of orders_old');
    await workbench.treeRow(/^orders(?!_)/).waitFor();
  });
});

describe('typing', () => {
  test('a table is dragged into a cell, completed and explained', async () => {
    const { workbench } = session;
    await workbench.openNotebook('typed.lakebook');
    const line = workbench.cell(0).locator('.view-line').first();
    await workbench.dragInto(workbench.treeRow(/^orders/), line);
    await expect.poll(() => line.textContent()).toMatch(/FROM.orders$/);

    await line.click();
    await workbench.page.keyboard.press('End');
    await workbench.page.keyboard.type(' WHERE am');
    await workbench.page.keyboard.press('Control+Space');
    const suggestion = workbench.page
      .locator('.suggest-widget .monaco-list-row', { hasText: 'amount' })
      .first();
    await suggestion.waitFor();
    await suggestion.locator('text=decimal(10,2)').first().waitFor();
    await workbench.picture('completion');
    await workbench.page.keyboard.press('Escape');

    await line.locator('span', { hasText: 'orders' }).last().hover();
    const hover = workbench.page.locator('.monaco-hover', { hasText: 'Iceberg table' }).first();
    await hover.waitFor();
    expect(await hover.textContent()).toMatch(/sold_at/);
    await workbench.picture('hover');
    await workbench.page.keyboard.press('Escape');
  });
});

describe('the history', () => {
  test('shows the snapshots as a picture and rolls back with a click', async () => {
    const { workbench } = session;
    await workbench.contextMenu(workbench.treeRow(/^orders/), 'Show History');
    const newest = await workbench.inWebview('.row', { hasText: 'append+7 rows' });
    await newest.click();
    expect(await (await workbench.inWebview('.graph svg')).locator('circle').count()).toBeGreaterThan(4);
    await workbench.picture('history');
    await (await workbench.inWebview('button.rollback')).click();
    await workbench.page.locator('.monaco-dialog-box').getByText('Roll Back', { exact: true }).click();
    await workbench.treeRow(/^orders\s*42 rows/).waitFor();
    await workbench.inWebview('.row:first-child .pill.current');
  });
});

describe('maintenance', () => {
  test('a table of small files is compacted from its context menu', async () => {
    const { workbench } = session;
    await workbench.contextMenu(workbench.treeRow(/^orders/), 'Compact Table');
    await workbench.expand(/^orders/);
    await workbench.expand('Snapshots');
    await workbench.treeRow(/^replace/).waitFor();
    await workbench.treeRow(/^orders\s*42 rows/).waitFor();
    await workbench.picture('compacted');
  });
});

describe('files', () => {
  test('a CSV is ingested by its context menu', async () => {
    const { workbench } = session;
    await workbench.showFiles();
    await workbench.page
      .locator('.explorer-folders-view .monaco-list-row', { hasText: 'data' })
      .first()
      .click();
    const file = workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'sales.csv' });
    await file.first().click({ button: 'right' });
    await workbench.page.locator('.monaco-menu .action-item', { hasText: 'Ingest into Lakebook' }).waitFor();
    await workbench.picture('ingest-menu');
    await workbench.menuEntry('Ingest into Lakebook');
    await workbench.pick('New table');
    await workbench.answer('sales', '(2/2)');
    await workbench.notification(/12 rows/);
    await workbench.showLakes();
    await workbench.treeRow(/^sales\s*12 rows/).waitFor();
    await workbench.picture('ingested');
  });

  test('a table is dropped only when its name is typed', async () => {
    const { workbench } = session;
    await workbench.contextMenu(workbench.treeRow(/^sales/), 'Drop');
    await workbench.pick('Delete the files too');
    await workbench.answer('orders', '(3/3)');
    await workbench.page.locator('.quick-input-message', { hasText: 'Type sales' }).waitFor();
    await workbench.answer('sales');
    await workbench.treeRow(/^sales/).waitFor({ state: 'hidden' });
  });

  test('a new table is made in steps', async () => {
    const { workbench } = session;
    await workbench.command('Lakebook: Create Table');
    await workbench.answer('made', '(1/4)');
    await workbench.answer('id long not null, note', '(2/4)');
    await workbench.page.locator('.quick-input-message', { hasText: 'is no column' }).waitFor();
    await workbench.answer('id long not null, note string');
    await workbench.answer('bucket(4, id)', '(3/4)');
    await workbench.page.locator('.quick-input-widget:visible', { hasText: '(4/4)' }).waitFor();
    await workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'id' }).first().click();
    await workbench.page.keyboard.press('Enter');
    await workbench.treeRow('made').waitFor();
  });
});
