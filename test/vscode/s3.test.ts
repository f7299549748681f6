import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { freePort, minioBinary } from '../storage/s3/minio.ts';
import { ResultGrid } from './support/result.ts';
import { notebookText, Session } from './support/session.ts';

/** A lake in a bucket whose server isn't there yet, in an editor that finds MinIO on its PATH. */
const programs = mkdtempSync(path.join(tmpdir(), 'lakebook-programs-'));
let session: Session;
let server: number | undefined;

beforeAll(async () => {
  mkdirSync(programs, { recursive: true });
  symlinkSync(minioBinary(), path.join(programs, 'minio'));
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  session = await Session.start({
    empty: true,
    prepare: async folder => {
      const config = {
        warehouse: 's3://warehouse/lake',
        storage: { s3: { endpoint }, cache: { folder: 'cache' } },
      };
      await writeFile(path.join(folder, 'lakebook.json'), JSON.stringify(config));
      const make = notebookText([{ source: 'CREATE TABLE numbers AS SELECT 42 AS answer' }]);
      await writeFile(path.join(folder, 'make.lakebook'), make);
      // The editor asks a login shell for its variables.
      await writeFile(path.join(folder, '..', '.profile'), `export PATH="${programs}:$PATH"\n`);
    },
  });
}, 180_000);

afterAll(async () => {
  await session?.stop();
  if (server !== undefined) process.kill(server);
  rmSync(programs, { recursive: true, force: true });
});
afterEach(({ task }) => session?.pictureOfFailure(task));

/** The text of the document in front, as far as it is in view. */
async function shownText(): Promise<string> {
  const lines = session.workbench.page.locator('.editor-instance:visible .view-line');
  return (await lines.allTextContents()).join('\n').replaceAll('\u00a0', ' ');
}

test('MinIO is started from the palette, which asks for the keys that it shall have', async () => {
  const { workbench } = session;
  const { page } = workbench;
  await workbench.command('Lakebook: Start MinIO');
  const refusal = await workbench.notification('keys of the server are not known');
  await refusal.getByText('Set S3 Credentials...').click();
  await workbench.answer('lakebook-key', 'Access key');
  await workbench.answer('lakebook-secret', 'Secret key');
  await workbench.answer('', 'Session token');
  await expect.poll(shownText, { timeout: 100_000 }).toMatch(/It runs as process \d+/);
  server = Number(/It runs as process (\d+)/.exec(await shownText())![1]);
  await workbench.picture('minio-started');
  // Nobody is asked to save the report.
  await page.keyboard.press('Control+F4');
  expect(await page.locator('.monaco-dialog-box').count()).toBe(0);
});

test('a table in the bucket is made, and its metadata opens as a document', async () => {
  const { workbench } = session;
  await workbench.openNotebook('make.lakebook');
  await workbench.runCell(0);
  await workbench.showLakes();
  const table = workbench.treeRow(/^numbers/);
  await table.waitFor();
  await workbench.command('File: Save');
  await workbench.page.locator('.tab.dirty').waitFor({ state: 'detached' });
  await workbench.contextMenu(table, 'Open Metadata');
  await expect.poll(shownText, { timeout: 60_000 }).toContain('s3://warehouse/lake/default/numbers');
  await workbench.picture('metadata-in-bucket');
});

test('a notebook that is saved under a name goes on with its kernel', async () => {
  const { workbench } = session;
  const { page } = workbench;
  await workbench.command('View: Close All Editors');
  await workbench.contextMenu(workbench.treeRow(/^numbers/), 'Preview 100 Rows');
  await ResultGrid.find(workbench, 'answer');
  await page.keyboard.press('Control+S');
  await workbench.saveAs(session.file('kept.lakebook'));
  await page.locator('.tab', { hasText: 'kept.lakebook' }).waitFor();
  await page.locator('.notebook-toolbar-left:visible .action-item', { hasText: 'Code' }).first().click();
  const added = workbench.cell(1);
  await added.locator('.monaco-editor').first().click();
  await page.keyboard.insertText('SELECT answer + 1 AS more FROM _ LIMIT 1');
  // Names that are offered stand over the cell.
  await page.keyboard.press('Escape');
  await page.locator('.suggest-widget.visible').waitFor({ state: 'hidden' });
  await workbench.runCell(1);
  const grid = await ResultGrid.find(workbench, 'more');
  expect((await grid.rows())[0]).toContain('43');
});
