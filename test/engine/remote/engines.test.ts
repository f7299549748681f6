import { expect, test } from 'vitest';
import { Engines, engineKind, openEngine } from '../../../src/engine/remote/engines.ts';
import type { EngineSession } from '../../../src/engine/session.ts';
import { engine } from '../../../src/lake/engine.ts';
import { FakeTrino } from './trino/fake-trino.ts';

const fake = await FakeTrino.start(({ path }) =>
  path === '/v1/info'
    ? { body: { nodeVersion: { version: '476' }, starting: false } }
    : {
        body: {
          id: 'q',
          columns: [{ name: 'Schema', typeSignature: { rawType: 'varchar' } }],
          data: [['a']],
        },
      },
);
const settings = { hintBytes: 1, trino: { uri: fake.uri, catalog: 'ice', user: 'ann', session: {} } };
const sessionOf = (engines: Engines) => ({ engines, lake: { name: 'lake' } }) as unknown as EngineSession;

test('engines are named in any case', () => {
  expect([engineKind(' Trino '), engineKind('DUCKDB'), engineKind('flink')]).toEqual([
    'trino',
    'duckdb',
    undefined,
  ]);
});

test('only those with an address can be chosen', async () => {
  const engines = new Engines(settings);
  expect(engines.current).toBe('duckdb');
  expect(engines.remote).toEqual(['trino']);
  engines.choose('trino');
  expect(engines.current).toBe('trino');
  expect(() => engines.choose('spark')).toThrow(expect.objectContaining({ code: 'ENGINE_NOT_CONFIGURED' }));
  expect(engines.current).toBe('trino');
  await expect(openEngine('spark', settings)).rejects.toMatchObject({
    code: 'ENGINE_NOT_CONFIGURED',
    hint: expect.stringContaining('LAKEBOOK_SPARK_URI'),
  });
});

test('a session has one of each, until it closes', async () => {
  const engines = new Engines(settings);
  const first = await engines.get('trino');
  expect(await engines.get('trino')).toBe(first);
  await engines.close();
  expect(await engines.get('trino')).not.toBe(first);
  await engines.close();
});

test('%lake engine asks an engine before it chooses it', async () => {
  const engines = new Engines(settings);
  const session = sessionOf(engines);
  expect((await engine(session, { engine: 'trino' })).text).toBe(
    'SQL runs on Trino from now on: Trino 476, catalog ice, 1 schema. %lake verbs run here.',
  );
  expect(await engine(session, {})).toMatchObject({
    text: 'SQL runs on Trino.',
    rows: [
      ['duckdb', false, null, 'lake'],
      ['trino', true, fake.uri, 'ice'],
    ],
  });
  await engine(session, { engine: 'duckdb' });
  fake.reply(() => ({ status: 401 }));
  await expect(engine(session, { engine: 'trino' })).rejects.toMatchObject({ code: 'ENGINE_UNAUTHORIZED' });
  expect(engines.current).toBe('duckdb');
  await engines.close();
});
