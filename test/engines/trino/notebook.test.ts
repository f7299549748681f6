import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Progress } from '../../../src/engine/progress.ts';
import type { KernelClient } from '../../../src/notebook/kernel-client.ts';
import { lastRows, openKernel, resultOf, run, temporaryFolder } from '../../notebook/support.ts';
import { sharedLake } from './support.ts';

const lake = await sharedLake();
let kernel: KernelClient;
let folder: string;

beforeAll(async () => {
  folder = temporaryFolder();
  writeFileSync(path.join(folder, 'lakebook.json'), JSON.stringify(lake.settings));
  kernel = await openKernel(folder, { threads: 2, memoryLimit: '1GB', engineHintBytes: 1 });
  await run(kernel, 'CREATE TABLE sales AS SELECT range AS id, range * 1.5 AS amount FROM range(100)');
});

test('a cell with a directive runs on Trino, and later cells use its result here', async () => {
  const seen: Progress[] = [];
  const reply = await kernel.execute(
    {
      cellId: 'remote',
      source: '-- engine: trino\n-- name: large\nSELECT id, amount FROM sales WHERE id >= $least',
      language: 'sql',
      parameters: { least: 90 },
    },
    { onProgress: progress => seen.push(progress) },
  );
  expect(reply.error).toBeUndefined();
  expect(resultOf(reply.outputs)).toMatchObject({ name: 'large', rowCount: 10, complete: true });
  expect(lastRows((await run(kernel, 'SELECT count(*), sum(id) FROM large')).outputs)).toEqual([[10, 945]]);
  expect(lastRows((await run(kernel, 'SELECT count(*) FROM _')).outputs)).toEqual([[1]]);
  const { resultId } = resultOf(reply.outputs);
  const view = {
    sort: [{ column: 'id', descending: true }],
    filters: [{ column: 'id', op: 'lt', value: '95' }],
  } as const;
  expect((await kernel.request('fetchRows', { resultId, view, offset: 0, limit: 2 })).rows).toEqual([
    [94, '141.0'],
    [93, '139.5'],
  ]);
});

test('errors have their place in the cell', async () => {
  const reply = await kernel.execute({
    cellId: 'fails',
    source: '-- engine: trino\nSELECT 1;\n\nSELECT id,\n  nope FROM sales',
    language: 'sql',
  });
  expect(reply.outputs).toHaveLength(1);
  expect(reply.error).toMatchObject({
    code: 'COLUMN_NOT_FOUND',
    position: { line: 5, column: 3, length: 4 },
  });
});

test('a notebook stays on the engine that it has chosen; verbs and duckdb cells run here', async () => {
  const { outputs } = await run(kernel, '%lake engine trino');
  expect(outputs).toMatchObject([{ kind: 'text', text: expect.stringContaining('Trino 476') }]);
  expect(await kernel.request('status', {})).toMatchObject({
    engine: 'Trino',
    chosenEngine: 'trino',
    otherEngines: ['trino'],
  });
  expect(lastRows((await run(kernel, 'SELECT typeof(id) FROM sales LIMIT 1')).outputs)).toEqual([['bigint']]);
  await run(kernel, "INSERT INTO sales VALUES (100, DECIMAL '1.5')");
  expect(lastRows((await run(kernel, '%lake history sales')).outputs)).toHaveLength(2);
  expect(
    lastRows((await run(kernel, '-- engine: duckdb\nSELECT count(*), typeof(max(id)) FROM sales')).outputs),
  ).toEqual([[101, 'BIGINT']]);
  expect(
    await kernel.request('diagnose', { source: 'SELECT * FROM x FOR VERSION AS OF 1', language: 'sql' }),
  ).toEqual([]);
  expect((await kernel.request('chooseEngine', { engine: 'duckdb' })).text).toContain('DuckDB');
  await expect(kernel.request('chooseEngine', { engine: 'spark' })).rejects.toMatchObject({
    code: 'ENGINE_NOT_CONFIGURED',
  });
});

test('a local query that reads much says what could run it', async () => {
  const { outputs } = await run(kernel, 'SELECT count(amount) FROM sales WHERE amount > 3');
  expect(outputs[0]).toMatchObject({
    kind: 'warning',
    text: expect.stringMatching(
      /^This query reads .* files here\. `-- engine: trino` .* runs it on Trino at http/,
    ),
  });
  expect((await run(kernel, '-- engine: trino\nSELECT count(amount) FROM sales')).outputs).toHaveLength(1);
});
