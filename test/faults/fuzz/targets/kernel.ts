import path from 'node:path';
import { bindQuery } from '../../../../src/engine/bind/index.ts';
import { StatementTables } from '../../../../src/engine/resolve.ts';
import { SqlText } from '../../../../src/engine/sql/sql-text.ts';
import { Kernel } from '../../../../src/notebook/kernel.ts';
import type { CompleteReply, Diagnostic, KernelMethod } from '../../../../src/notebook/protocol.ts';
import { jsonText, mutateJson } from '../mutate-json.ts';
import { mutateText } from '../mutate-text.ts';
import type { Random } from '../random.ts';
import { disagree, type OpenTarget } from '../target.ts';
import { FuzzLake, runThrough } from './lake-folder.ts';
import { sqlWords } from './sql.ts';

/** Requests that a kernel with a lake and a result answers well. */
const requests: readonly { readonly method: KernelMethod; readonly request: unknown }[] = [
  { method: 'hello', request: {} },
  {
    method: 'open',
    request: { folder: 'FOLDER', workingDirectory: 'FOLDER', settings: { threads: 1, previewRows: 5 } },
  },
  {
    method: 'execute',
    request: { cellId: 'c1', run: 1, source: 'SELECT 1 AS a', language: 'sql', tags: ['x'], previewRows: 3 },
  },
  {
    method: 'execute',
    request: { cellId: 'c2', run: 2, source: 'tables', language: 'lake', parameters: { x: 1 } },
  },
  { method: 'interrupt', request: {} },
  { method: 'complete', request: { source: 'SELECT  FROM sales', language: 'sql', offset: 7 } },
  { method: 'complete', request: { source: 'ingest sales ', language: 'lake', offset: 13 } },
  { method: 'inspect', request: { source: 'SELECT id FROM sales', language: 'sql', offset: 9 } },
  { method: 'diagnose', request: { source: 'SELEC id FROM sale', language: 'sql' } },
  { method: 'fetchWindow', request: { resultId: 'RESULT', offset: 0, limit: 10 } },
  {
    method: 'fetchRows',
    request: {
      resultId: 'RESULT',
      view: {
        sort: [{ column: 'id', descending: true }],
        filters: [{ column: 'note', op: 'contains', value: 'a' }],
        search: 'x',
      },
      offset: 0,
      limit: 10,
    },
  },
  { method: 'columnSummary', request: { resultId: 'RESULT', column: 'id' } },
  {
    method: 'chart',
    request: {
      resultId: 'RESULT',
      view: { sort: [], filters: [] },
      chart: { kind: 'bar', x: 'note', y: 'id', aggregate: 'sum', color: 'note' },
    },
  },
  { method: 'releaseResult', request: { resultId: 'other' } },
  { method: 'exportResult', request: { resultId: 'RESULT', format: 'csv', path: 'FOLDER/out.csv' } },
  { method: 'namespaces', request: { parent: ['default'] } },
  { method: 'tables', request: { namespace: ['default'] } },
  { method: 'table', request: { table: 'sales' } },
  { method: 'tableFiles', request: { table: 'default.sales', limit: 10 } },
  { method: 'tablePartitions', request: { table: 'sales' } },
  { method: 'status', request: {} },
];

const words = [
  'sales',
  'RESULT',
  'SELECT 1',
  'id',
  'note',
  'sql',
  'lake',
  'eq',
  'null',
  'histogram',
  'none',
  'parquet',
  'toString',
  'hasOwnProperty',
  ...requests.map(({ method }) => method),
];

/** Opens a kernel on a lake with a table, and a result that it keeps. */
async function openKernel(): Promise<{ lake: FuzzLake; kernel: Kernel; resultId: string }> {
  const lake = await FuzzLake.open();
  const session = await lake.session();
  await runThrough(session, 'CREATE TABLE sales (id BIGINT, note VARCHAR, amount DECIMAL(9,2))');
  await runThrough(session, "INSERT INTO sales SELECT i, 'n' || i % 3, i FROM range(50) r(i)");
  let resultId = '';
  const kernel = new Kernel(event => {
    if (event.event === 'output' && event.output.kind === 'result') resultId = event.output.resultId;
  });
  await kernel.handle('open', { folder: lake.folder, settings: { threads: 1, memoryLimit: '256MB' } });
  await kernel.handle('execute', { cellId: 'keep', run: 0, source: 'SELECT * FROM sales', language: 'sql' });
  return { lake, kernel, resultId };
}

/** What a parent process says to a kernel. `shutdown` is left out: it does what it says. */
export async function openKernelMessages(): Promise<OpenTarget> {
  const { lake, kernel, resultId } = await openKernel();
  return {
    input: (random: Random) => jsonText(mutateJson(random, random.pick(requests), words)),
    async run(input) {
      const text = (input as string).replaceAll('FOLDER', lake.folder).replaceAll('RESULT', resultId);
      const message = JSON.parse(text) as { method: KernelMethod; request: never } | null;
      if (message === null || typeof message !== 'object' || isForbidden(message, lake.folder)) return;
      const reply = await kernel.handle(message.method, message.request);
      if (reply === undefined) disagree(`no answer to ${String(message.method)}`);
    },
    async close() {
      await kernel.close();
      await lake.close();
    },
  };
}

/** What would end the kernel, or write files somewhere else. */
function isForbidden(message: { method: unknown; request: unknown }, folder: string): boolean {
  if (message.method === 'shutdown') return true;
  const { path: file, source } = (message.request ?? {}) as { path?: unknown; source?: unknown };
  if (typeof file === 'string' && file !== path.join(folder, 'out.csv')) return true;
  return typeof source === 'string' && /copy|export|attach|install|load|drop/i.test(source);
}

const cells = [
  "SELECT id, note FROM sales s WHERE s.amount > 1 AND note = 'a'",
  'SELECT * FROM sales AT (VERSION => 1) x JOIN sales$snapshots USING (id)',
  'WITH q AS (SELECT 1 AS a) SELECT q.a FROM q, sales',
  'INSERT INTO sales (id) VALUES (1)',
  "UPDATE sales SET note = 'x' WHERE id = 1",
  "%lake ingest sales from 'data/x.csv' mode append",
  '%lake describe sales\n%lake history sales',
  'evolve sales add discount double after amount | rename note to b',
];

/** Help while typing: completion, hover and diagnostics at any place of a cell. */
export async function openAssist(): Promise<OpenTarget> {
  const { lake, kernel } = await openKernel();
  return {
    input: random =>
      random.pick(['s', 'l']) +
      mutateText(random, cells, [...sqlWords, 'sales', 'sales.', '"']).slice(0, 3000),
    async run(input) {
      const source = (input as string).slice(1);
      const language = (input as string)[0] === 'l' ? 'lake' : 'sql';
      for (const offset of new Set([0, source.length >> 2, source.length >> 1, source.length])) {
        const reply = (await kernel.handle('complete', { source, language, offset })) as CompleteReply;
        if (
          !(reply.start >= 0 && reply.start <= offset && reply.end >= offset && reply.end <= source.length)
        ) {
          disagree(`completion from ${reply.start} to ${reply.end} at ${offset}`);
        }
        await kernel.handle('inspect', { source, language, offset });
      }
      for (const { start, end, message } of (await kernel.handle('diagnose', {
        source,
        language,
      })) as Diagnostic[]) {
        if (!(start >= 0 && start <= end && start <= source.length))
          disagree(`"${message}" from ${start} to ${end}`);
      }
    },
    async close() {
      await kernel.close();
      await lake.close();
    },
  };
}

const queries = [
  ...cells.filter(cell => /^(SELECT|WITH)/.test(cell)),
  "SELECT * FROM sales WHERE id BETWEEN 1 AND 5 OR NOT (note IN ('a', 'b') AND amount IS NULL) ORDER BY id LIMIT 3",
  'SELECT note, count(*) OVER (PARTITION BY id) FROM sales a LEFT JOIN sales b ON a.id = b.id GROUP BY ALL',
  'FROM sales SELECT id WHERE EXISTS (SELECT * FROM sales s2 WHERE s2.id = sales.id)',
  "SELECT CASE WHEN id > 1 THEN 'x' END, [id, 1], {'a': id}, id::VARCHAR FROM sales TABLESAMPLE 10%",
  'SELECT * FROM sales UNION ALL SELECT * FROM default.sales EXCEPT SELECT * FROM lake.default.sales',
  'SELECT * FROM sales$files, sales$history h WHERE h.snapshot_id = 5',
];

/** The binder: a query's lake tables are found and planned, but nothing is run. */
export async function openBinder(): Promise<OpenTarget> {
  const { lake, kernel } = await openKernel();
  return {
    input: random =>
      mutateText(random, queries, [
        ...sqlWords,
        'sales',
        'sales$snapshots',
        'default.',
        '0x1F',
        '1e308',
      ]).slice(0, 5000),
    run: input =>
      lake.with(async session => {
        const sql = input as string;
        const whole = SqlText.written(sql, { start: 0, end: sql.length });
        const bound = await bindQuery(session, whole, sql, new StatementTables(session), {});
        for (let offset = 0; offset < bound.sql.length; offset += 1 + (bound.sql.length >> 6)) {
          const at = bound.sql.sourceOffset(offset);
          if (at !== undefined && !(at >= 0 && at <= sql.length))
            disagree(`the place ${at} of ${sql.length}`);
        }
      }),
    async close() {
      await kernel.close();
      await lake.close();
    },
  };
}
