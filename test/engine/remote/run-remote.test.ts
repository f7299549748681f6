import { afterAll, describe, expect, test } from 'vitest';
import { loadLakeConfig } from '../../../src/catalog/lake-config.ts';
import { openLake } from '../../../src/catalog/open-lake.ts';
import { EngineSession } from '../../../src/engine/session.ts';
import type { ExecuteOptions, RowsResult, StatementResult } from '../../../src/engine/statement-result.ts';
import { temporaryFolder } from '../support.ts';
import { bigints, FakeTrino } from './trino/fake-trino.ts';

const fake = await FakeTrino.start(() => ({ status: 500 }));
const config = await loadLakeConfig(temporaryFolder(), {});
const lake = await openLake({
  ...config,
  engines: { hintBytes: 1, trino: { uri: fake.uri, catalog: 'ice', user: 'ann', session: {} } },
});
const session = await EngineSession.open({ lake, threads: 1 });
afterAll(async () => {
  await session.close();
  await lake.close();
});

const numbers = { body: { id: 'q', columns: bigints, data: [[1], [2], [3]] } };
const trino = (sql: string, options: ExecuteOptions = {}) =>
  session.execute(sql, { engine: 'trino', ...options });
/** The result of the only statement, which is a query. */
function resultOf([outcome]: readonly StatementResult[]): RowsResult['result'] {
  if (outcome?.kind !== 'rows') throw new Error('no rows');
  return outcome.result;
}
const sent = () => fake.requests.filter(({ method }) => method === 'POST').map(({ body }) => body);

describe('statements', () => {
  test('go one by one, without semicolons and comments around them, as they are written', async () => {
    fake.reply(() => numbers);
    const outcomes = await trino('-- first\nSELECT 1; -- second\n SELECT "a;b" FROM t FOR VERSION AS OF 5;;');
    expect(outcomes).toHaveLength(2);
    expect(sent()).toEqual(['SELECT 1', 'SELECT "a;b" FROM t FOR VERSION AS OF 5']);
  });

  test('get the lake’s catalog by the engine’s name, and literals for parameters', async () => {
    fake.reply(() => numbers);
    await trino("SELECT $name, '$name' FROM lake.eu.sales WHERE id -$n > 1", {
      parameters: { name: "it's", n: -1, unused: [] },
    });
    expect(sent()).toEqual([`SELECT 'it''s', '$name' FROM "ice".eu.sales WHERE id -(-1) > 1`]);
    await expect(trino('SELECT $list', { parameters: { list: [1] } })).rejects.toThrow(
      'The parameter list is neither',
    );
  });

  test('give results that other statements read here', async () => {
    fake.reply(() => numbers);
    const result = resultOf(await trino('SELECT n FROM t'));
    expect(result.columns).toEqual([{ name: 'n', type: 'BIGINT' }]);
    session.nameResult('numbers', result);
    fake.reply(() => ({ status: 500 }));
    const sum = resultOf(await session.execute('SELECT sum(n) AS s FROM numbers'));
    expect(await sum.rows(0, 1)).toEqual([[6]]);
    expect(fake.requests).toEqual([]);
  });

  test('keep no more rows than are wanted, and end then', async () => {
    fake.replyInTurn([{ body: numbers.body }, { body: numbers.body }, { body: numbers.body }]);
    const result = resultOf(await trino('SELECT n FROM t', { maxRows: 4 }));
    expect(await result.finished()).toBe(4);
    expect(result.truncated).toBe(true);
    await expect.poll(() => fake.asked.filter(asked => asked.startsWith('DELETE'))).toHaveLength(1);
  });

  test('that change something say what, and what the engine warns of', async () => {
    const count = [{ name: 'rows', typeSignature: { rawType: 'bigint' } }];
    fake.reply(() => ({
      body: {
        id: 'q',
        updateType: 'DELETE',
        updateCount: 1200,
        columns: count,
        data: [[1200]],
        warnings: [{ message: 'Slow.' }],
      },
    }));
    const warnings: string[] = [];
    const [outcome] = await trino('DELETE FROM t', { onWarning: text => warnings.push(text) });
    expect(outcome).toMatchObject({ kind: 'done', text: 'DELETE: 1,200 rows, on Trino.' });
    expect(warnings).toEqual(['Slow.']);
    fake.reply(() => ({ body: { id: 'q', updateType: 'CREATE TABLE' } }));
    expect(await trino('CREATE TABLE t (a int)')).toMatchObject([{ text: 'CREATE TABLE on Trino.' }]);
  });
});

test('USE chooses the namespace of both engines, in the lake', async () => {
  fake.reply(() => ({ body: { id: 'q', updateType: 'USE' }, headers: { 'X-Trino-Set-Schema': 'eu.sales' } }));
  expect(await trino('USE eu.sales')).toMatchObject([
    { text: 'Table names are now looked for in eu.sales.' },
  ]);
  expect(session.namespace).toEqual(['eu', 'sales']);
  fake.reply(() => numbers);
  await trino('SELECT 1');
  expect(fake.requests[0]!.headers).toMatchObject({ 'x-trino-catalog': 'ice', 'x-trino-schema': 'eu.sales' });
  fake.reply(() => ({
    body: { id: 'q', updateType: 'USE' },
    headers: { 'X-Trino-Set-Catalog': 'tpch', 'X-Trino-Set-Schema': 'tiny' },
  }));
  expect(await trino('USE tpch.tiny')).toMatchObject([
    { text: 'Table names are now looked for in tpch.tiny.' },
  ]);
  expect(session.namespace).toEqual(['eu', 'sales']);
});

test('errors have their place in what was written, whatever was put in before them', async () => {
  const source = 'SELECT 1;\nSELECT $p, lake.a.t.x,\n  nope FROM lake.a.t';
  fake.reply(({ body }) => {
    if (body === 'SELECT 1') return numbers;
    const at = body.split('\n')[1]!.indexOf('nope') + 1;
    const errorLocation = { lineNumber: 2, columnNumber: at };
    return {
      body: {
        id: 'q',
        error: { message: 'line 2:3: No column.', errorName: 'COLUMN_NOT_FOUND', errorLocation },
      },
    };
  });
  await expect(
    trino(source, { parameters: { p: 'long and\nof two lines'.replace('\n', ' ') } }),
  ).rejects.toMatchObject({
    code: 'COLUMN_NOT_FOUND',
    message: 'No column.',
    position: { line: 3, column: 3, length: 4 },
  });
});

test('interrupting the session ends the statement on the server', async () => {
  const arrived = Promise.withResolvers<void>();
  fake.reply(({ method, path }) => {
    if (method === 'DELETE') return { status: 204, body: '' };
    if (path === '/v1/statement') return { body: { id: 'q', nextUri: `${fake.uri}/next` } };
    arrived.resolve();
    return new Promise(() => {});
  });
  const run = trino('SELECT 1');
  await arrived.promise;
  session.interrupt();
  await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(fake.asked.at(-1)).toBe('DELETE /next');
});

test('statements run here unless told otherwise', async () => {
  session.engines.choose('trino');
  fake.reply(() => ({ status: 500 }));
  const result = resultOf(await session.execute('SELECT 42 AS a'));
  expect(await result.rows(0, 1)).toEqual([[42]]);
  expect(fake.requests).toEqual([]);
});
