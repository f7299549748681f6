import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { beforeAll, describe, expect, test } from 'vitest';
import type { KernelClient } from '../../src/notebook/kernel-client.ts';
import { lastRows, openKernel, resultOf, run, temporaryFolder } from './support.ts';

const endless = 'SELECT count(*) FROM range(10000000000000) t(a) WHERE sin(a) > 2';
const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

let kernel: KernelClient;
let folder: string;
beforeAll(async () => {
  folder = temporaryFolder();
  kernel = await openKernel(folder);
});

describe('cells', () => {
  test('statements answer in order; the page is Arrow with what the renderer needs', async () => {
    const { outputs, status } = await run(
      kernel,
      "-- name: nums\nSELECT 1 AS a;\nSELECT range AS n, 'x' AS t FROM range(3)",
    );
    expect(status).toBe('ok');
    expect(outputs).toHaveLength(2);
    const second = resultOf(outputs);
    expect(second).toMatchObject({ name: 'nums', rowCount: 3, complete: true, truncated: false });
    expect(second.preview).toEqual([
      [0, 'x'],
      [1, 'x'],
      [2, 'x'],
    ]);
    const table = tableFromIPC(second.page);
    expect(table.numRows).toBe(3);
    expect(table.schema.metadata.get('lakebook:result-id')).toBe(second.resultId);
    expect(table.schema.metadata.get('lakebook:row-count')).toBe('3');
  });

  test('later cells use results by name, as _ and as _n', async () => {
    const { executionCount } = await run(kernel, '-- name: squares\nSELECT range * range AS s FROM range(5)');
    expect(lastRows((await run(kernel, 'SELECT sum(s) FROM squares')).outputs)).toEqual([[30]]);
    expect(lastRows((await run(kernel, 'SELECT * FROM _')).outputs)).toEqual([[30]]);
    expect(lastRows((await run(kernel, `SELECT count(*) FROM _${executionCount}`)).outputs)).toEqual([[5]]);
  });

  test('what ran before the statement that fails stays; the error has its place in the cell', async () => {
    const { status, outputs, error } = await kernel.execute({
      cellId: 'failing',
      source: 'SELECT 1 AS ok;\n\nSELECT\n  nope FROM (SELECT 1 AS a);\nSELECT 2',
      language: 'sql',
    });
    expect(status).toBe('error');
    expect(outputs).toHaveLength(1);
    expect(error).toMatchObject({ code: 'COLUMN_NOT_FOUND', position: { line: 4, column: 3 } });
  });

  test('parameters: bound, known by name, given ones win', async () => {
    const reply = await kernel.execute({
      cellId: 'p',
      source: "-- parameters\nlow = 2\nname = 'a'",
      language: 'sql',
      parameters: { name: "it's" },
    });
    expect(reply.parameters).toEqual({ low: 2, name: "it's" });
    const { outputs } = await run(
      kernel,
      'SELECT $name AS name, count(*) AS n FROM range(5) WHERE range >= $low',
    );
    expect(lastRows(outputs)).toEqual([["it's", 3]]);
    // A parameters cell that runs again, or a further one, replaces values.
    const again = await kernel.execute({ cellId: 'p', source: '-- parameters\nlow = 3', language: 'sql' });
    expect(again.parameters).toEqual({ low: 3, name: "it's" });
    const missing = await kernel.execute({ cellId: 'q', source: 'SELECT 1,\n $lwo', language: 'sql' });
    expect(missing.error).toMatchObject({
      code: 'PARAMETER_NOT_FOUND',
      position: { line: 2, column: 2, length: 4 },
    });
  });

  test('the help of the lake language runs without a table', async () => {
    const { outputs } = await run(kernel, '%lake help ingest');
    expect(outputs[0]).toMatchObject({ kind: 'text', text: expect.stringContaining('on error') });
  });

  test('a result of wide rows has a first page of at most a megabyte', async () => {
    const { outputs } = await run(kernel, "SELECT repeat('x', 20000) AS t FROM range(2000)");
    const { page, rowCount } = resultOf(outputs);
    expect(rowCount).toBe(2000);
    expect(page.byteLength).toBeLessThanOrEqual(1_000_000);
    expect(tableFromIPC(page).numRows).toBeGreaterThan(10);
  });
});

test('help is asked for behind the end of a cell, which was changed meanwhile', async () => {
  const kernel = await openKernel();
  for (const language of ['sql', 'lake'] as const) {
    const source = language === 'sql' ? 'SELECT 1' : 'describe ';
    const reply = await kernel.request('complete', { source, language, offset: 1000 });
    expect(reply.end).toBeLessThanOrEqual(source.length);
    expect(await kernel.request('inspect', { source, language, offset: 1000 })).toBeNull();
  }
});

describe('results', () => {
  test('windows, sorted, filtered and searched', async () => {
    const { outputs } = await run(
      kernel,
      "SELECT range AS n, range % 10 AS d, 'r' || range AS t FROM range(100000)",
    );
    const { resultId } = resultOf(outputs);
    const window = await kernel.request('fetchWindow', { resultId, offset: 99_998, limit: 10 });
    expect(window.rowCount).toBe(100_000);
    expect(
      tableFromIPC(window.bytes)
        .toArray()
        .map(row => Number(row.n)),
    ).toEqual([99_998, 99_999]);
    const sorted = {
      sort: [
        { column: 'd', descending: true },
        { column: 'n', descending: false },
      ],
      filters: [{ column: 'n', op: 'lt' as const, value: '50' }],
    };
    expect(await kernel.request('fetchRows', { resultId, view: sorted, offset: 0, limit: 2 })).toEqual({
      rowCount: 50,
      rows: [
        [9, 9, 'r9'],
        [19, 9, 'r19'],
      ],
    });
    const search = { sort: [], filters: [], search: 'R9999' };
    expect(
      (await kernel.request('fetchRows', { resultId, view: search, offset: 0, limit: 100 })).rowCount,
    ).toBe(11);
    await expect(
      kernel.request('fetchRows', {
        resultId,
        view: { sort: [], filters: [{ column: 'n', op: 'eq', value: "1'; DROP" }] },
        offset: 0,
        limit: 1,
      }),
    ).rejects.toMatchObject({ code: 'CONVERSION' });
  });

  test("a table's metadata file as it is stored", async () => {
    await run(kernel, 'CREATE TABLE described AS SELECT 9007199254740993 AS big');
    const { location, text } = await kernel.request('tableMetadata', { table: 'described' });
    expect(location).toMatch(/\/described\/metadata\/\d+-[0-9a-f-]+\.metadata\.json$/);
    const metadata = JSON.parse(text);
    expect(metadata).toMatchObject({ 'format-version': expect.any(Number), location: expect.any(String) });
    // Numbers are as they are in the file, longer than what JavaScript holds.
    expect(text).toMatch(/"current-snapshot-id":\s*\d{15,}/);
    await expect(kernel.request('tableMetadata', { table: 'nothing' })).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
    });
  });

  test('summaries of a large result come too when cells run in between, and end with the result', async () => {
    const { outputs } = await run(kernel, 'SELECT range AS n, range % 7 AS k FROM range(1500000)');
    const { resultId } = resultOf(outputs);
    const summaries = ['n', 'k'].map(column => kernel.request('columnSummary', { resultId, column }));
    for (let cell = 0; cell < 5; cell++) {
      expect((await run(kernel, `SELECT ${cell} AS c`)).status).toBe('ok');
    }
    expect(await Promise.all(summaries)).toMatchObject([
      { nullCount: 0, min: '0', max: '1499999', histogram: Array(20).fill(75_000) },
      {
        nullCount: 0,
        min: '0',
        max: '6',
        histogram: [214286, 214286, 214286, 214286, 214286, 214285, 214285],
      },
    ]);
    const gone = kernel
      .request('releaseResult', { resultId })
      .then(() => kernel.request('columnSummary', { resultId, column: 'n' }));
    await expect(gone).rejects.toMatchObject({ code: 'RESULT_GONE' });
  });

  test('summaries and charts', async () => {
    const { outputs } = await run(
      kernel,
      "SELECT range AS n, CASE WHEN range % 4 = 0 THEN NULL ELSE 'k' || range % 3 END AS k, DATE '2026-01-01' + range::INT AS d, [range] AS l FROM range(1000)",
    );
    const { resultId } = resultOf(outputs);
    const n = await kernel.request('columnSummary', { resultId, column: 'n' });
    expect(n).toMatchObject({ nullCount: 0, distinct: 1000, min: '0', max: '999' });
    expect(n.histogram).toEqual(Array(20).fill(50));
    const k = await kernel.request('columnSummary', { resultId, column: 'k' });
    expect(k).toMatchObject({
      nullCount: 250,
      distinct: 3,
      top: [{ count: 250 }, { count: 250 }, { count: 250 }],
    });
    // 1000 days in bins of 50 whole days.
    const d = await kernel.request('columnSummary', { resultId, column: 'd' });
    expect(d.histogram).toEqual(Array(20).fill(50));
    expect((await kernel.request('columnSummary', { resultId, column: 'l' })).distinct).toBe(1000);
    await expect(kernel.request('columnSummary', { resultId, column: 'zz' })).rejects.toMatchObject({
      code: 'COLUMN_NOT_FOUND',
    });
    const bars = await kernel.request('chart', {
      resultId,
      chart: { kind: 'bar', x: 'k', y: 'n', aggregate: 'max' },
    });
    expect(tableFromIPC(bars.bytes).numRows).toBe(4);
    const histogram = await kernel.request('chart', {
      resultId,
      chart: { kind: 'histogram', x: 'd', aggregate: 'count' },
    });
    const counts = tableFromIPC(histogram.bytes)
      .toArray()
      .map(row => Number(row.y));
    expect(counts.reduce((a, b) => a + b, 0)).toBe(1000);
  });

  test.each([
    ['few integers', 'range % 3', [4, 3, 3], [0, 1, 2]],
    ['fractions', 'range / 10.0', undefined, undefined],
    ['one value', '7', [10], [7]],
    ['no value', 'NULL::INTEGER', [], []],
  ])('bins of %s', async (_, value, summary, edges) => {
    const { outputs } = await run(kernel, `SELECT ${value} AS v FROM range(10)`);
    const { resultId } = resultOf(outputs);
    const { histogram } = await kernel.request('columnSummary', { resultId, column: 'v' });
    const chart = { kind: 'histogram', x: 'v', aggregate: 'count' } as const;
    const drawn = tableFromIPC((await kernel.request('chart', { resultId, chart })).bytes).toArray();
    expect(histogram!.reduce((a, b) => a + b, 0)).toBe(drawn.reduce((a, row) => a + Number(row.y), 0));
    if (summary === undefined) expect(histogram).toHaveLength(20);
    else expect([histogram, drawn.map(row => Number(row.x))]).toEqual([summary, edges]);
  });

  test.each(['csv', 'json', 'parquet', 'arrow'] as const)('export as %s', async format => {
    const { outputs } = await run(kernel, "SELECT range AS n, 'x' || range AS t FROM range(20000)");
    const { resultId } = resultOf(outputs);
    const file = path.join(folder, `out.${format}`);
    const view = { sort: [{ column: 'n', descending: true }], filters: [] };
    expect(await kernel.request('exportResult', { resultId, view, format, path: `out.${format}` })).toEqual({
      rows: 20_000,
    });
    if (format === 'arrow') {
      const table = tableFromIPC(readFileSync(file));
      expect([table.numRows, Number(table.get(0)!.n)]).toEqual([20_000, 19_999]);
    } else {
      const { outputs: read } = await run(kernel, `SELECT count(*), min(n), first(t) FROM 'out.${format}'`);
      expect(lastRows(read)).toEqual([[20_000, 0, 'x19999']]);
    }
    await expect(
      kernel.request('exportResult', { resultId, format, path: 'no/such/folder/x' }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/EXPORT_FAILED|IO/) });
  });

  test('a cell that runs again lets its last result go; a released one is told', async () => {
    const again = () => kernel.execute({ cellId: 'again', source: 'SELECT 1', language: 'sql' });
    const first = resultOf((await again()).outputs).resultId;
    const second = resultOf((await again()).outputs).resultId;
    await expect(kernel.request('fetchRows', { resultId: first, offset: 0, limit: 1 })).rejects.toMatchObject(
      { code: 'RESULT_GONE' },
    );
    expect((await kernel.request('fetchRows', { resultId: second, offset: 0, limit: 1 })).rows).toEqual([
      [1],
    ]);
    await kernel.request('releaseResult', { resultId: second });
    await expect(
      kernel.request('fetchRows', { resultId: second, offset: 0, limit: 1 }),
    ).rejects.toMatchObject({ code: 'RESULT_GONE' });
  });
});

describe('the process', () => {
  test('an interrupt stops the running cell at once and those that wait', async () => {
    const running = kernel.execute({ cellId: 'endless', source: endless, language: 'sql' });
    const waiting = kernel.execute({ cellId: 'waiting', source: 'SELECT 1', language: 'sql' });
    await sleep(300);
    await kernel.interrupt();
    expect((await running).status).toBe('interrupted');
    expect((await waiting).status).toBe('interrupted');
    expect(lastRows((await run(kernel, 'SELECT 7')).outputs)).toEqual([[7]]);
  });

  test('results can be paged and the lake looked at while a cell runs', async () => {
    const { outputs } = await run(kernel, 'SELECT range AS n FROM range(50000)');
    const { resultId } = resultOf(outputs);
    const running = kernel.execute({ cellId: 'endless', source: endless, language: 'sql' });
    await sleep(100);
    const { rows } = await kernel.request('fetchRows', { resultId, offset: 40_000, limit: 1 });
    expect(rows).toEqual([[40_000]]);
    expect((await kernel.request('status', {})).busy).toBe(true);
    await kernel.interrupt();
    await running;
  });

  test('busy, idle and progress are told', async () => {
    const events: string[] = [];
    const stop = kernel.onEvent(event => {
      if (event.event === 'status') events.push(event.state);
    });
    const progress: number[] = [];
    const running = kernel.execute(
      { cellId: 'slow', source: endless, language: 'sql' },
      { onProgress: ({ fraction }) => progress.push(fraction ?? -1) },
    );
    await sleep(700);
    await kernel.interrupt();
    await running;
    stop();
    expect(events).toEqual(['busy', 'idle']);
    expect(progress.length).toBeGreaterThan(0);
  });

  test('a killed kernel fails what is pending and can be restarted', async () => {
    const other = await openKernel();
    const exits: unknown[] = [];
    other.onExit(error => exits.push(error));
    const running = other.execute({ cellId: 'endless', source: endless, language: 'sql' });
    await sleep(200);
    process.kill(other.pid!, 'SIGKILL');
    await expect(running).rejects.toMatchObject({ code: 'KERNEL_DIED' });
    await expect(other.request('status', {})).rejects.toMatchObject({ code: 'KERNEL_DIED' });
    expect(exits).toHaveLength(1);
    await other.restart();
    expect(lastRows((await run(other, 'SELECT 1')).outputs)).toEqual([[1]]);
  });

  test('it ends when its parent goes away', async () => {
    const child = fork(path.join(import.meta.dirname, 'orphan-parent.ts'), [temporaryFolder()], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const pid = await new Promise<number>(resolve =>
      child.once('message', message => resolve(message as number)),
    );
    expect(isAlive(pid)).toBe(true);
    child.kill('SIGKILL');
    for (let tries = 0; isAlive(pid) && tries < 1200; tries++) await sleep(50);
    expect(isAlive(pid)).toBe(false);
  });

  test('a script that is no kernel is told', async () => {
    const { KernelClient: Client } = await import('../../src/notebook/kernel-client.ts');
    await expect(Client.start({ kernelPath: path.join(folder, 'none.mjs') })).rejects.toMatchObject({
      code: 'KERNEL_START',
    });
    expect(existsSync(path.join(folder, 'none.mjs'))).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
