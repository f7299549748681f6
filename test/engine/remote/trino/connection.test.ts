import { describe, expect, test } from 'vitest';
import { TrinoConnection } from '../../../../src/engine/remote/trino/connection.ts';
import { TrinoEngine } from '../../../../src/engine/remote/trino/trino-engine.ts';
import { bigints, type FakeAnswer, FakeTrino } from './fake-trino.ts';

const fake = await FakeTrino.start(() => ({ status: 500 }));
const done = { body: { id: 'q', columns: bigints, data: [[1]] } };

async function run(engine: TrinoEngine, sql: string, namespace?: readonly string[]): Promise<TrinoEngine> {
  const rows = await engine.query(sql, namespace === undefined ? {} : { namespace });
  for await (const _ of rows.batches);
  return engine;
}

/** Answers in order, the last one again and again. */
function answers(...list: FakeAnswer[]): void {
  let turn = 0;
  fake.reply(() => list[Math.min(turn++, list.length - 1)]!);
}

describe('what is tried again', () => {
  test.each([502, 503, 504, 429])('status %i', async status => {
    answers({ status }, { status, headers: { 'Retry-After': '0' } }, done);
    await run(fake.engine(), 'SELECT 1');
    expect(fake.requests).toHaveLength(3);
  });

  test('a broken connection while an answer is fetched, but not while a statement is sent', async () => {
    const next = { body: { id: 'q', nextUri: `${fake.uri}/next/1` } };
    answers(next, { broken: true }, { broken: true }, done);
    await run(fake.engine(), 'SELECT 1');
    expect(fake.asked).toEqual(['POST /v1/statement', 'GET /next/1', 'GET /next/1', 'GET /next/1']);
    answers({ broken: true }, done);
    await expect(fake.engine().query('SELECT 1')).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    expect(fake.requests).toHaveLength(1);
  });

  test('nothing else', async () => {
    answers({ status: 500, body: 'Oh.' }, done);
    await expect(fake.engine().query('SELECT 1')).rejects.toMatchObject({
      code: 'ENGINE_RESPONSE',
      message: expect.stringContaining('status 500: Oh.'),
    });
    answers({ body: '<html>' }, done);
    await expect(fake.engine().query('SELECT 1')).rejects.toMatchObject({ code: 'ENGINE_RESPONSE' });
    answers({ body: '{"hello": 1}' }, done);
    await expect(fake.engine().query('SELECT 1')).rejects.toMatchObject({ code: 'ENGINE_RESPONSE' });
  });
});

describe('who asks', () => {
  test('by name, with a password or a token', async () => {
    answers(done);
    await run(fake.engine({ password: 'pä:ss' }), 'SELECT 1');
    expect(fake.requests[0]!.headers).toMatchObject({
      'x-trino-user': 'ann',
      authorization: `Basic ${Buffer.from('ann:pä:ss').toString('base64')}`,
    });
    answers(done);
    await run(fake.engine({ token: 'abc', password: 'unused' }), 'SELECT 1');
    expect(fake.requests[0]!.headers.authorization).toBe('Bearer abc');
  });

  test('a refusal tells what to set', async () => {
    answers({ status: 401, body: 'Authentication failed' });
    await expect(fake.engine().query('SELECT 1')).rejects.toMatchObject({
      code: 'ENGINE_UNAUTHORIZED',
      hint: expect.stringContaining('LAKEBOOK_TRINO_PASSWORD'),
    });
    answers({ status: 403 });
    await expect(fake.engine().query('SELECT 1')).rejects.toMatchObject({
      code: 'ENGINE_UNAUTHORIZED',
      hint: expect.stringContaining('engines.trino.user'),
    });
  });

  test('passwords go over the network encrypted, and to the coordinator alone', async () => {
    const address = { user: 'ann', password: 'x' };
    expect(() => new TrinoConnection({ uri: 'http://trino.example:8080', ...address })).toThrow(
      expect.objectContaining({ code: 'ENGINE_INSECURE' }),
    );
    expect(() => new TrinoConnection({ uri: 'https://trino.example', ...address })).not.toThrow();
    expect(() => new TrinoConnection({ uri: 'http://trino.example:8080', user: 'ann' })).not.toThrow();
    answers({ body: { id: 'q', nextUri: 'http://127.0.0.1:1/next' } });
    await expect(fake.engine({ password: 'x' }).query('SELECT 1')).rejects.toMatchObject({
      code: 'ENGINE_INSECURE',
      hint: expect.stringContaining('process-forwarded'),
    });
  });
});

describe('sessions', () => {
  const header = (name: string) => fake.requests.at(-1)!.headers[`x-trino-${name}`];
  const answerWith = (headers: Record<string, string>) => answers({ ...done, headers });

  test('tell catalog, namespace and what was set, until it is reset', async () => {
    const engine = fake.engine({ properties: { query_max_run_time: '1h' } });
    answerWith({ 'X-Trino-Set-Session': 'lake.compression=Z%2CS+T' });
    await run(engine, 'SET SESSION', ['eu', 'sales']);
    expect([header('catalog'), header('schema'), header('session')]).toEqual([
      'lake',
      'eu.sales',
      'query_max_run_time=1h',
    ]);
    answerWith({ 'X-Trino-Clear-Session': 'query_max_run_time' });
    await run(engine, 'RESET SESSION');
    expect(header('session')).toBe('query_max_run_time=1h,lake.compression=Z%2CS%20T');
    answerWith({ 'X-Trino-Added-Prepare': 'p=SELECT+%27%3F%27' });
    await run(engine, 'PREPARE');
    expect(header('session')).toBe('lake.compression=Z%2CS%20T');
    answerWith({ 'X-Trino-Deallocated-Prepare': 'p' });
    await run(engine, 'DEALLOCATE');
    expect(header('prepared-statement')).toBe("p=SELECT%20'%3F'");
    answerWith({ 'X-Trino-Set-Role': 'lake=ROLE%7Badmin%7D' });
    await run(engine, 'SET ROLE');
    expect(header('prepared-statement')).toBeUndefined();
    answerWith({ 'X-Trino-Set-Authorization-User': 'bob' });
    await run(engine, 'SET SESSION AUTHORIZATION');
    expect(header('role')).toBe('lake=ROLE%7Badmin%7D');
    answerWith({ 'X-Trino-Reset-Authorization-User': 'true' });
    await run(engine, 'RESET SESSION AUTHORIZATION');
    expect([header('user'), header('original-user')]).toEqual(['bob', 'ann']);
    answerWith({});
    await run(engine, 'SELECT 1');
    expect([header('user'), header('original-user')]).toEqual(['ann', undefined]);
  });

  test('have transactions, which end with the session', async () => {
    const engine = new TrinoEngine({ uri: fake.uri, user: 'ann', catalog: 'lake' });
    answerWith({ 'X-Trino-Started-Transaction-Id': 't1' });
    await run(engine, 'START TRANSACTION');
    expect(header('transaction-id')).toBe('NONE');
    answerWith({ 'X-Trino-Clear-Transaction-Id': 'true' });
    await engine.close();
    expect(fake.requests.map(({ body }) => body)).toEqual(['ROLLBACK']);
    expect(header('transaction-id')).toBe('t1');
  });

  test('USE tells its namespace, and keeps a catalog that is not the lake’s', async () => {
    const engine = fake.engine();
    const use = async (headers: Record<string, string>) => {
      answers({ body: { id: 'q', updateType: 'USE' }, headers });
      const rows = await engine.query('USE', { namespace: ['default'] });
      for await (const _ of rows.batches);
      const asked = [header('catalog'), header('schema')];
      answers(done);
      await run(engine, 'SELECT 1', ['default']);
      return { used: rows.outcome().used, asked, later: [header('catalog'), header('schema')] };
    };
    expect(await use({ 'X-Trino-Set-Schema': 'eu.sales' })).toEqual({
      used: { catalog: 'lake', namespace: ['eu', 'sales'] },
      asked: ['lake', 'default'],
      later: ['lake', 'default'],
    });
    expect(await use({ 'X-Trino-Set-Catalog': 'tpch', 'X-Trino-Set-Schema': 'tiny' })).toMatchObject({
      used: { catalog: 'tpch', namespace: ['tiny'] },
      later: ['tpch', 'tiny'],
    });
    expect(await use({ 'X-Trino-Set-Schema': 'sf1' })).toMatchObject({
      used: { catalog: 'tpch', namespace: ['sf1'] },
      later: ['tpch', 'sf1'],
    });
    expect(await use({ 'X-Trino-Set-Catalog': 'lake', 'X-Trino-Set-Schema': 'b' })).toMatchObject({
      used: { catalog: 'lake', namespace: ['b'] },
      later: ['lake', 'default'],
    });
  });
});

describe('checks', () => {
  const info = (body: unknown) =>
    fake.reply(({ path }) =>
      path === '/v1/info'
        ? { body }
        : {
            body: {
              id: 'q',
              columns: [{ name: 'Schema', typeSignature: { rawType: 'varchar' } }],
              data: [['a'], ['b']],
            },
          },
    );

  test('tell version, catalog and its schemas', async () => {
    info({ nodeVersion: { version: '476' }, starting: false });
    expect(await fake.engine().check()).toBe('Trino 476, catalog lake, 2 schemas');
  });

  test('tell what is no Trino, or starts', async () => {
    info({ nodeVersion: { version: '476' }, starting: true });
    await expect(fake.engine().check()).rejects.toMatchObject({ code: 'ENGINE_STARTING' });
    info('<html>');
    await expect(fake.engine().check()).rejects.toMatchObject({ code: 'ENGINE_RESPONSE' });
    const nobody = new TrinoEngine({ uri: 'http://127.0.0.1:1', user: 'ann', catalog: 'lake' });
    await expect(nobody.query('SELECT 1')).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      hint: expect.stringContaining('LAKEBOOK_TRINO_URI'),
    });
  });
});

test('literals mean what the values are', () => {
  const engine = fake.engine();
  const literals: [Parameters<typeof engine.literal>[0], string][] = [
    ["it's", "'it''s'"],
    [5, '5'],
    [-5, '(-5)'],
    [1.5, '1.5E0'],
    [-2e-7, '(-2E-7)'],
    [-0, '(-0E0)'],
    [1e21, '1E21'],
    [Number.NaN, 'nan()'],
    [Number.NEGATIVE_INFINITY, '(-infinity())'],
    [9223372036854775807n, '9223372036854775807'],
    [-9223372036854775809n, "DECIMAL '-9223372036854775809'"],
    [true, 'true'],
    [null, 'null'],
  ];
  for (const [value, text] of literals) expect(engine.literal(value)).toBe(text);
});
