// The extension in a real VS Code (code-server and Chromium, see scripts/vscode-judge.sh): how long it takes from the
// click on "run" until the first rows of a table of ten million rows are painted, how smoothly they scroll, and what
// the extension host's memory does; and how long the extension's code takes to load and to activate. Prints Markdown;
// writes results/vscode.json.
// usage: node bench/vscode.ts [--rows N] [--runs N]
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import path from 'node:path';
import { KernelClient } from '../src/notebook/kernel-client.ts';
import { ResultGrid } from '../test/vscode/support/result.ts';
import { notebookText, Session } from '../test/vscode/support/session.ts';
import type { Workbench } from '../test/vscode/support/workbench.ts';

const at = process.argv.indexOf('--rows');
const rows = at < 0 ? 10_000_000 : Number(process.argv[at + 1]);
const runsAt = process.argv.indexOf('--runs');
const runs = runsAt < 0 ? 5 : Number(process.argv[runsAt + 1]);
const table = `CREATE TABLE big AS SELECT i AS id, 'customer ' || (i % 100000) AS customer, (i * 37 % 100000) / 100 AS amount,
  DATE '2020-01-01' + CAST(i % 2000 AS INTEGER) AS day FROM range(${rows}) t(i)`;

let firstPageBytes = 0;
const session = await Session.start({
  prepare: async folder => {
    const queries = Array.from({ length: runs }, (_, run) => ({
      source: `SELECT id AS id_${run}, customer, amount, day FROM big`,
    }));
    await writeFile(
      path.join(folder, 'bench.lakebook'),
      notebookText([...queries, { source: 'SELECT 1 AS warm' }]),
    );
    const kernel = await KernelClient.start();
    await kernel.request('open', { folder });
    const { error } = await kernel.execute({ cellId: 'make', source: table, language: 'sql' });
    if (error !== undefined) throw new Error(error.message);
    const { outputs } = await kernel.execute({ cellId: 'look', source: 'FROM big', language: 'sql' });
    const [output] = outputs;
    firstPageBytes = output?.kind === 'result' ? output.page.byteLength : 0;
    await kernel.close();
  },
});
try {
  const { workbench } = session;
  const { page } = workbench;
  await workbench.openNotebook('bench.lakebook');
  await workbench.runCell(runs);
  await ResultGrid.find(workbench, 'warm');
  const memoryBefore = hostMemory(session.home);
  const paints: number[] = [];
  // From below: a result pushes away what is under it.
  for (let run = runs - 1; run >= 0; run--) {
    const cell = workbench.cell(run);
    await cell.scrollIntoViewIfNeeded();
    await cell.hover();
    const frame = workbench.outputFrames().at(-1)!;
    const start = performance.now();
    await cell.locator('.run-button-container .action-label').first().click();
    await frame
      .locator(`.lb-result:has([data-id="id_${run}"]) .slick-row`)
      .first()
      .waitFor({ state: 'attached' });
    paints.push(performance.now() - start);
    await (await ResultGrid.find(workbench, `id_${run}`)).says(rows.toLocaleString('en'));
  }
  const grid = await (await ResultGrid.find(workbench, 'id_0')).panel();
  const frames = await grid
    .locator('.slick-viewport')
    .last()
    .evaluate(
      (viewport: { scrollTop: number }) =>
        new Promise<number[]>(resolve => {
          const times: number[] = [];
          const frame = (
            globalThis as unknown as { requestAnimationFrame(next: () => void): void }
          ).requestAnimationFrame.bind(globalThis);
          let last = performance.now();
          const step = () => {
            const now = performance.now();
            times.push(now - last);
            last = now;
            viewport.scrollTop += 400;
            if (times.length < 300) frame(step);
            else resolve(times);
          };
          frame(step);
        }),
    );
  await page.waitForTimeout(2000);
  const memoryAfter = hostMemory(session.home);
  const activate = await activationTime(workbench);
  const figures = {
    rows,
    clickToFirstRowsMs: { median: round(median(paints)), all: paints.map(round) },
    firstPageBytes,
    scrollFrameMs: { median: round(median(frames)), p95: round(quantile(frames, 0.95)) },
    extensionHostMB: { before: round(memoryBefore / 1e6), after: round(memoryAfter / 1e6) },
    activationMs: { load: round(median(loadTimes())), loadAndActivate: activate },
    machine: { cores: cpus().length, cpu: cpus()[0]?.model, load: loadavg().map(round) },
  };
  const results = path.join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  writeFileSync(path.join(results, 'vscode.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
  console.log(markdown(figures));
} finally {
  await session.stop();
}

/** Resident memory of the extension host, in bytes. */
function hostMemory(home: string): number {
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      if (!command.includes('--type=extensionHost') || !environment.includes(home)) continue;
      const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
      return pages * 4096;
    } catch {
      // Not ours, or it has ended meanwhile.
    }
  }
  throw new Error('The extension host was not found.');
}

/**
 * Milliseconds that loading the extension's code and `activate` took together, as the editor itself measured it: what
 * "Developer: Show Running Extensions" says.
 */
async function activationTime(workbench: Workbench): Promise<number> {
  await workbench.command('Developer: Show Running Extensions');
  const { page } = workbench;
  const entry = page.locator('.runtime-extensions-editor .extension', { hasText: 'Lakebook' }).first();
  await entry.waitFor();
  const said = await entry.locator('.activation-time').textContent();
  const [, time] = /([\d.,]+)\s*ms/.exec(said ?? '') ?? [];
  if (time === undefined) throw new Error(`The editor says no activation time: ${said}`);
  return Number(time.replace(/,/g, ''));
}

/** Milliseconds that a new process takes to evaluate dist/extension.cjs, with nothing behind the editor's API. */
function loadTimes(): number[] {
  const bundle = path.resolve(import.meta.dirname, '../dist/extension.cjs');
  const script = `
    const Module = require('node:module');
    const load = Module._load;
    const get = (it, name) => (name === 'prototype' ? it.prototype : name === Symbol.toPrimitive ? () => '' : nothing);
    // The bundle copies a module's own names into an object that inherits the others.
    const nothing = new Proxy(function () {}, { get, apply: () => nothing, getPrototypeOf: () => nothing });
    Module._load = (name, ...rest) => (name === 'vscode' ? nothing : load(name, ...rest));
    const start = performance.now();
    require(${JSON.stringify(bundle)});
    console.log(performance.now() - start);
    process.exit();`;
  return Array.from({ length: 9 }, () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    if (!(Number(stdout) > 0)) throw new Error(stderr);
    return Number(stdout);
  });
}

function markdown(figures: {
  readonly rows: number;
  readonly clickToFirstRowsMs: { readonly median: number; readonly all: readonly number[] };
  readonly firstPageBytes: number;
  readonly scrollFrameMs: { readonly median: number; readonly p95: number };
  readonly extensionHostMB: { readonly before: number; readonly after: number };
  readonly activationMs: { readonly load: number; readonly loadAndActivate: number };
}): string {
  const { clickToFirstRowsMs: click, scrollFrameMs: frame, extensionHostMB: host } = figures;
  return [
    `| \`SELECT *\` of ${figures.rows.toLocaleString('en')} rows | |`,
    '|---|---:|',
    `| click on run to first painted rows, median of ${click.all.length} | ${Math.round(click.median)} ms (${Math.round(Math.min(...click.all))} to ${Math.round(Math.max(...click.all))}) |`,
    `| payload of the first paint | ${(figures.firstPageBytes / 1e3).toFixed(0)} KB |`,
    `| time of a frame while scrolling, median / 95th percentile | ${frame.median} / ${frame.p95} ms |`,
    `| extension host's memory before the first result / after ${click.all.length} | ${host.before} / ${host.after} MB |`,
    `| loading the extension's code in a new process | ${figures.activationMs.load} ms |`,
    `| loading and activating it, as the editor says | ${figures.activationMs.loadAndActivate} ms |`,
  ].join('\n');
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
