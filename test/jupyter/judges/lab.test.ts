import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch } from '../../browser/browser.ts';
import { freePort } from '../../storage/s3/minio.ts';
import { JupyterEnvironment, judge, root } from './environment.ts';

/** For slow machines, in milliseconds. */
const patience = 120_000;
const token = randomUUID();

let jupyter: JupyterEnvironment;
let folder: string;
let address: string;
let server: ChildProcess | undefined;
let browser: Browser | undefined;

beforeAll(async () => {
  jupyter = new JupyterEnvironment();
  const { code, output } = await jupyter.runLakebook(['jupyter', 'install', '--sys-prefix']);
  expect(code, output).toBe(0);
  folder = jupyter.work();
  const filter = (file: string) => path.basename(file) !== '.lakebook';
  cpSync(path.join(root, 'samples'), folder, { recursive: true, filter });
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  server = jupyter.startPython(
    [
      '-m',
      'jupyterlab',
      ...['--no-browser', '--allow-root', '--ip=127.0.0.1', `--port=${port}`, '--ServerApp.port_retries=0'],
      `--IdentityProvider.token=${token}`,
      // The pages of JupyterLab itself.
      `--LabApp.app_dir=${path.join(judge, 'share', 'jupyter', 'lab')}`,
    ],
    folder,
  );
  await answers(server);
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  if (server !== undefined && server.exitCode === null) {
    const ended = once(server, 'exit');
    // Its kernels end with it.
    server.kill('SIGTERM');
    await ended;
  }
  jupyter.close();
});

async function answers(lab: ChildProcess): Promise<void> {
  let log = '';
  lab.stderr!.setEncoding('utf8').on('data', text => {
    log = (log + text).slice(-4000);
  });
  const end = Date.now() + patience;
  while (Date.now() < end) {
    if (lab.exitCode !== null) break;
    const status = await fetch(`${address}/api/status?token=${token}`).catch(() => undefined);
    if (status?.ok) return;
    await delay(200);
  }
  throw new Error(`JupyterLab does not answer:\n${log}`);
}

interface SavedCell {
  readonly cell_type: string;
  readonly execution_count?: number | null;
  readonly metadata: object;
  readonly outputs?: readonly { readonly output_type: string }[];
}

test('JupyterLab opens a .lakebook as a notebook, runs all of it and saves it', async () => {
  const file = path.join(folder, 'tour.lakebook');
  const page = await browser!.newPage({ viewport: { width: 1300, height: 900 } });
  page.setDefaultTimeout(patience);
  await page.goto(`${address}/lab/tree/tour.lakebook?token=${token}`);
  const panel = page.locator('.jp-NotebookPanel');
  await panel.waitFor();
  await panel.locator('.jp-KernelName', { hasText: 'Lakebook' }).waitFor();
  await panel.locator('.jp-CodeCell .cm-content').first().click();
  await page.locator('.lm-MenuBar-itemLabel', { hasText: 'Run' }).first().click();
  await page.locator('.lm-Menu-itemLabel', { hasText: 'Run All Cells' }).first().click();
  await panel.locator('.jp-OutputArea-output table').first().waitFor();
  const saved = () => JSON.parse(readFileSync(file, 'utf8')) as { cells: SavedCell[]; metadata: object };
  const code = () => saved().cells.filter(cell => cell.cell_type === 'code');
  const end = Date.now() + patience;
  while (code().some(cell => cell.execution_count === null) && Date.now() < end) {
    await page.keyboard.press('Control+S');
    await delay(500);
  }
  expect(code().map(cell => cell.execution_count)).toEqual(code().map((_, index) => index + 1));
  expect(code().flatMap(cell => cell.outputs!.map(output => output.output_type))).not.toContain('error');
  expect(code().filter(cell => cell.outputs!.length > 0).length).toBeGreaterThan(12);
  // VS Code finds its languages again.
  expect(code()[0]!.metadata).toMatchObject({ vscode: { languageId: 'lake' } });
  expect(saved().metadata).toMatchObject({
    kernelspec: { name: 'lakebook' },
    language_info: { name: 'sql' },
  });
});
