import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadLakeConfig } from '../../src/catalog/lake-config.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'lakebook-engines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function engines(settings: unknown, environment: Record<string, string> = {}) {
  writeFileSync(path.join(folder, 'lakebook.json'), JSON.stringify(settings, undefined, 2));
  return (await loadLakeConfig(folder, environment)).engines;
}

describe('engines of lakebook.json', () => {
  test('there are none without an address', async () => {
    expect(await engines({})).toEqual({ hintBytes: 20e9 });
    expect(await engines({ engines: { trino: { user: 'ann' } } })).toEqual({ hintBytes: 20e9 });
  });

  test('call the catalog as the lake does, unless told otherwise', async () => {
    const catalog = { name: 'sales' };
    const trino = { uri: 'http://localhost:8080/' };
    const spark = { uri: 'sc://localhost:15002' };
    expect(await engines({ catalog, engines: { trino, spark } })).toEqual({
      trino: { uri: 'http://localhost:8080', catalog: 'sales', user: userInfo().username, session: {} },
      spark: { uri: 'sc://localhost:15002', catalog: 'sales' },
      hintBytes: 20e9,
    });
    expect(
      await engines({
        engines: {
          trino: { ...trino, catalog: 'iceberg', user: 'ann', session: { query_max_run_time: '1h', x: 5 } },
          spark: { ...spark, catalog: 'rest' },
          hintBytes: '1.5 GB',
        },
      }),
    ).toMatchObject({
      trino: { catalog: 'iceberg', user: 'ann', session: { query_max_run_time: '1h', x: '5' } },
      spark: { catalog: 'rest' },
      hintBytes: 1.5e9,
    });
  });

  test('are overridden by the environment, the only place for secrets', async () => {
    const environment = {
      LAKEBOOK_TRINO_URI: 'https://trino.example',
      LAKEBOOK_TRINO_CATALOG: 'ice',
      LAKEBOOK_TRINO_USER: 'bob',
      LAKEBOOK_TRINO_PASSWORD: 'p',
      LAKEBOOK_TRINO_TOKEN: 't',
      LAKEBOOK_SPARK_URI: 'sc://spark',
      LAKEBOOK_SPARK_TOKEN: 's',
      LAKEBOOK_ENGINE_HINT_BYTES: '5',
    };
    expect(await engines({ engines: { trino: { uri: 'http://a', user: 'ann' } } }, environment)).toEqual({
      trino: {
        uri: 'https://trino.example',
        catalog: 'ice',
        user: 'bob',
        password: 'p',
        token: 't',
        session: {},
      },
      spark: { uri: 'sc://spark', catalog: 'lake', token: 's' },
      hintBytes: 5,
    });
  });

  test.each([
    [{ trino: { password: 'x' } }, '"engines.trino.password" is a secret', 'LAKEBOOK_TRINO_PASSWORD'],
    [{ trino: { accessToken: 'x' } }, '"engines.trino.accessToken" is a secret', 'LAKEBOOK_TRINO_TOKEN'],
    [{ spark: { token: 'x' } }, '"engines.spark.token" is a secret', 'LAKEBOOK_SPARK_TOKEN'],
    [{ spark: { uri: 'sc://h/;token=x' } }, '"engines.spark.uri" holds a token', 'LAKEBOOK_SPARK_TOKEN'],
    [{ trino: { uri: 'trino:8080' } }, '"trino:8080" is no http address', 'for example'],
    [{ trino: { uri: 'http://ann:x@host' } }, "holds a user's name or password", 'LAKEBOOK_TRINO_PASSWORD'],
    [{ trino: { uri: true } }, '"engines.trino.uri" must be a text', undefined],
    [{ trino: { catalog: ' ' } }, '"engines.trino.catalog" must be a text', undefined],
    [{ trino: { session: [] } }, 'must be an object of session properties', undefined],
    [{ trino: { session: { a: null } } }, '"engines.trino.session.a" must be a single value', undefined],
    [{ trinoo: {} }, '"engines" has no setting "trinoo"', 'Did you mean "trino"?'],
    [{ hintBytes: 'much' }, '"much" is no size', '20GB'],
  ])('%j is refused with its place', async (written, message, hint) => {
    await expect(engines({ engines: written })).rejects.toMatchObject({
      message: expect.stringContaining(message),
      file: path.join(folder, 'lakebook.json'),
      position: expect.objectContaining({ line: expect.any(Number) }),
      ...(hint === undefined ? {} : { hint: expect.stringContaining(hint) }),
    });
  });
});
