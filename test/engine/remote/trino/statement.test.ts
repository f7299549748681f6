import { zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Progress } from '../../../../src/engine/progress.ts';
import type { RemoteEngine, RemoteQueryOptions } from '../../../../src/engine/remote/remote-engine.ts';
import { bigints, FakeTrino } from './fake-trino.ts';

const fake = await FakeTrino.start(() => ({ status: 500 }));

/** All numbers of a result's first column. */
async function numbers(engine: RemoteEngine, sql = 'SELECT n', options: RemoteQueryOptions = {}) {
  const rows = await engine.query(sql, options);
  const found: bigint[] = [];
  for await (const batch of rows.batches) found.push(...(batch.getChildAt(0)!.toArray() as BigInt64Array));
  return { found, rows };
}

const page = (...values: number[]) => ({ body: { columns: bigints, data: values.map(value => [value]) } });

describe('answers', () => {
  test('come page by page, the next while one is read', async () => {
    fake.replyInTurn([{ body: {} }, page(1, 2), page(), { body: { columns: bigints } }, page(3)]);
    const rows = await fake.engine().query('SELECT n');
    expect(rows.columns.map(({ name, type }) => [name, String(type)])).toEqual([['n', 'BIGINT']]);
    expect(rows.isQuery).toBe(true);
    expect(fake.asked).toEqual(['POST /v1/statement', 'GET /v1/statement/executing/q/s/1']);
    const batches = rows.batches[Symbol.asyncIterator]();
    await batches.next();
    await expect.poll(() => fake.asked.at(-1)).toBe('GET /v1/statement/executing/q/s/2');
    await batches.next();
    expect((await batches.next()).done).toBe(true);
    expect(fake.asked).toHaveLength(5);
    await expect(rows.batches[Symbol.asyncIterator]().next()).rejects.toThrow('read once');
  });

  test('keep 64-bit numbers exact', async () => {
    fake.reply(() => ({
      body: '{"id":"q","columns":[{"name":"n","typeSignature":{"rawType":"bigint"}}],"data":[[9223372036854775807],[-9223372036854775808]]}',
    }));
    expect((await numbers(fake.engine())).found).toEqual([9223372036854775807n, -9223372036854775808n]);
  });

  test('tell what a statement without rows did', async () => {
    const count = [{ name: 'rows', typeSignature: { rawType: 'bigint' } }];
    fake.replyInTurn([
      { body: { updateType: 'INSERT', columns: count } },
      {
        body: {
          updateType: 'INSERT',
          columns: count,
          data: [[5]],
          updateCount: 5,
          warnings: [{ message: 'Careful.' }],
        },
      },
    ]);
    const { found, rows } = await numbers(fake.engine(), 'INSERT');
    expect(rows.isQuery).toBe(false);
    expect(rows.columns).toEqual([]);
    expect(found).toEqual([]);
    expect(rows.outcome()).toEqual({ operation: 'INSERT', rowsChanged: 5, warnings: ['Careful.'] });
  });

  test('report splits, stages, rows and bytes', async () => {
    const stats = {
      state: 'RUNNING',
      progressPercentage: 42.5,
      totalSplits: 40,
      completedSplits: 17,
      processedRows: 1000,
      processedBytes: 5,
      physicalInputBytes: 12_345,
      rootStage: {
        state: 'RUNNING',
        done: false,
        subStages: [{ state: 'FINISHED', done: true, subStages: [] }],
      },
    };
    fake.replyInTurn([
      { body: { stats: { state: 'QUEUED', queued: true } } },
      { body: { ...page(1).body, stats } },
    ]);
    const seen: Progress[] = [];
    await numbers(fake.engine(), 'SELECT', { onProgress: progress => seen.push(progress) });
    expect(seen).toEqual([
      { phase: 'queued' },
      {
        phase: 'running',
        fraction: 0.425,
        rows: 1000,
        bytes: 12_345,
        splits: { done: 17, total: 40 },
        stages: { done: 1, total: 2 },
      },
    ]);
  });
});

describe('spooled rows', () => {
  const segments = (encoding: string, ...texts: (string | Buffer)[]) => ({
    body: {
      columns: bigints,
      data: {
        encoding,
        segments: texts.map((text, index) =>
          index === 0
            ? {
                type: 'inline',
                data: Buffer.from(text).toString('base64'),
                metadata: typeof text === 'string' ? {} : { uncompressedSize: 9 },
              }
            : {
                type: 'spooled',
                uri: `${fake.uri}/segment/${index}`,
                ackUri: `${fake.uri}/ack/${index}`,
                headers: { 'X-Key': [`k${index}`] },
                metadata: { uncompressedSize: 9 },
              },
        ),
      },
    },
  });

  test('are fetched, unpacked and acknowledged, without a word of who asks', async () => {
    const packed = [[[2], [3]], [[4]], [[5]], [[6]]].map(rows => zstdCompressSync(JSON.stringify(rows)));
    fake.reply(({ path }) => {
      if (path === '/v1/statement')
        return { body: { id: 'q', ...segments('json+zstd', '[[1]]', ...packed).body } };
      const [, kind, index] = path.split('/');
      return kind === 'segment' ? { body: packed[Number(index) - 1] } : { body: '' };
    });
    const engine = fake.engine({ password: 'secret' });
    expect((await numbers(engine)).found).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
    await expect.poll(() => fake.asked.filter(asked => asked.includes('/ack/')).sort()).toHaveLength(4);
    const [statement, ...others] = fake.requests;
    expect(statement!.headers).toMatchObject({
      authorization: expect.stringMatching(/^Basic /),
      'x-trino-query-data-encoding': 'json+zstd,json',
    });
    for (const { headers, path } of others) {
      expect(headers.authorization).toBeUndefined();
      expect(headers['x-trino-user']).toBeUndefined();
      expect(headers['x-key']).toBe(`k${path.split('/').at(-1)}`);
    }
  });

  test('may be plain JSON, and are refused in another encoding', async () => {
    fake.reply(() => ({ body: { id: 'q', ...segments('json', '[[7]]').body } }));
    expect((await numbers(fake.engine())).found).toEqual([7n]);
    fake.reply(() => ({ body: { id: 'q', ...segments('json+lz4', '[[7]]').body } }));
    await expect(numbers(fake.engine())).rejects.toMatchObject({ code: 'ENGINE_RESPONSE' });
  });

  test('that can not be fetched fail the statement', async () => {
    fake.reply(({ path }) =>
      path === '/v1/statement'
        ? { body: { id: 'q', ...segments('json', '[[1]]', '[[2]]').body } }
        : { status: 404 },
    );
    await expect(numbers(fake.engine())).rejects.toMatchObject({ code: 'ENGINE_RESPONSE' });
  });
});

describe('errors', () => {
  const failing = (error: object) => fake.reply(() => ({ body: { id: 'q', error } }));

  test('have their place in the text, where columns count characters', async () => {
    const sql = "SELECT '😀',\n  '😀😀', colum FROM t";
    failing({
      message: "line 2:9: Column 'colum' cannot be resolved",
      errorName: 'COLUMN_NOT_FOUND',
      errorType: 'USER_ERROR',
      errorLocation: { lineNumber: 2, columnNumber: 9 },
    });
    const offset = sql.indexOf('colum');
    await expect(fake.engine().query(sql)).rejects.toMatchObject({
      name: 'SqlError',
      code: 'COLUMN_NOT_FOUND',
      message: "Column 'colum' cannot be resolved",
      detail: { type: 'COLUMN_NOT_FOUND', offset },
      position: { line: 2, column: 11, length: 5 },
    });
  });

  test('come also with later rows, and as the server names them when it has no other name here', async () => {
    fake.replyInTurn([
      page(1),
      {
        body: {
          error: {
            message: 'Division by zero',
            errorName: 'DIVISION_BY_ZERO',
            failureInfo: { errorLocation: { lineNumber: 1, columnNumber: 1 } },
          },
        },
      },
    ]);
    await expect(numbers(fake.engine(), 'SELECT 1')).rejects.toMatchObject({
      code: 'DIVISION_BY_ZERO',
      position: { line: 1, column: 1, length: 6 },
    });
    failing({ message: 'Out.', errorName: 'EXCEEDED_GLOBAL_MEMORY_LIMIT' });
    await expect(fake.engine().query('SELECT 1')).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    failing({ message: 'Query was canceled', errorName: 'USER_CANCELED' });
    await expect(fake.engine().query('SELECT 1')).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

describe('stopping', () => {
  const deleted = () => fake.asked.filter(asked => asked.startsWith('DELETE'));

  test('a signal ends the statement on the server, also while an answer is waited for', async () => {
    const arrived = Promise.withResolvers<void>();
    const never = Promise.withResolvers<never>();
    fake.reply(({ method, path }) => {
      if (method === 'DELETE') return { status: 204, body: '' };
      if (path === '/v1/statement') return { body: { id: 'q', nextUri: `${fake.uri}/next/1` } };
      arrived.resolve();
      return never.promise;
    });
    const controller = new AbortController();
    const query = fake.engine().query('SELECT 1', { signal: controller.signal });
    await arrived.promise;
    controller.abort();
    await expect(query).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(deleted()).toEqual(['DELETE /next/1']);
  });

  test('whoever wants no more rows ends it too', async () => {
    fake.replyInTurn([page(1), page(2), page(3)]);
    const rows = await fake.engine().query('SELECT n');
    for await (const _ of rows.batches) break;
    expect(deleted()).toHaveLength(1);
  });

  test('also when nobody has asked for rows', async () => {
    fake.replyInTurn([page(1), page(2)]);
    const controller = new AbortController();
    await fake.engine().query('SELECT n', { signal: controller.signal });
    controller.abort();
    await expect.poll(deleted).toHaveLength(1);
  });

  test('an error or the last row leaves nothing to end', async () => {
    fake.replyInTurn([page(1), page(2)]);
    await numbers(fake.engine());
    expect(deleted()).toEqual([]);
    fake.replyInTurn([
      { body: {} },
      { body: { error: { message: 'No.', errorName: 'GENERIC_USER_ERROR' } } },
    ]);
    await expect(fake.engine().query('SELECT n')).rejects.toMatchObject({ code: 'GENERIC_USER_ERROR' });
    expect(deleted()).toEqual([]);
  });

  test('a signal that came before sends nothing', async () => {
    fake.replyInTurn([page(1)]);
    await expect(fake.engine().query('SELECT n', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(fake.requests).toEqual([]);
  });
});
