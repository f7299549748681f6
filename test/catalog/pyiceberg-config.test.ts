import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadLakeConfig } from '../../src/catalog/lake-config.ts';
import { openLake } from '../../src/catalog/open-lake.ts';
import { LakebookError } from '../../src/iceberg/errors.ts';
import { temporaryFolder } from '../storage/support.ts';

type Environment = Record<string, string>;

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder('lakebook-pyiceberg-');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

const load = (yaml: string, environment: Environment = {}, json?: object) =>
  loadLakeConfig(
    folderOf({ '.pyiceberg.yaml': yaml, ...(json && { 'lakebook.json': JSON.stringify(json) }) }),
    environment,
  );

async function failure(loading: Promise<unknown>): Promise<LakebookError> {
  try {
    await loading;
  } catch (error) {
    if (error instanceof LakebookError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

const sql = (name: string, more = '') =>
  `catalog:\n  ${name}:\n    uri: sqlite:////data/${name}.db\n    warehouse: file:///data/${name}\n${more}`;

describe('which catalog', () => {
  test('the default one, where nothing else says what to use', async () => {
    const { catalog, warehouse } = await load(sql('default'));
    expect(catalog).toEqual({ type: 'sqlite', uri: '/data/default.db', name: 'default' });
    expect(warehouse).toBe('file:///data/default');
    const named = await load(`default-catalog: Prod\n${sql('prod')}`);
    expect(named.catalog).toEqual({ type: 'sqlite', uri: '/data/prod.db', name: 'Prod' });
    // PyIceberg wouldn't open it without its name either.
    expect((await load(sql('prod'))).catalog.name).toBe('lake');
  });

  test('what is said in the folder or the environment comes first', async () => {
    expect((await load(sql('default'), {}, {})).catalog.name).toBe('lake');
    expect((await load(sql('default'), { LAKEBOOK_WAREHOUSE: '/x' })).catalog.name).toBe('lake');
    expect((await load(sql('default'), { LAKEBOOK_CATALOG_NAME: 'mine' })).catalog.name).toBe('mine');
    const used = folderOf({ '.pyiceberg.yaml': sql('default'), '.lakebook/catalog.db': '' });
    expect((await loadLakeConfig(used, {})).catalog.name).toBe('lake');
  });

  test('the one that lakebook.json names, whose other settings stay', async () => {
    const config = await load(
      sql('prod'),
      {},
      {
        catalog: { pyiceberg: 'PROD' },
        warehouse: '/elsewhere',
        namespace: 'sales',
      },
    );
    expect(config.catalog).toEqual({ type: 'sqlite', uri: '/data/prod.db', name: 'PROD' });
    expect(config).toMatchObject({ warehouse: 'file:///elsewhere', defaultNamespace: ['sales'] });
    const unknown = await failure(load(sql('prod'), {}, { catalog: { pyiceberg: 'prd' } }));
    expect(unknown).toMatchObject({ code: 'CATALOG_NOT_FOUND', position: { line: 1 } });
    expect(unknown.hint).toContain('prod');
    expect(unknown.file).toMatch(/lakebook\.json$/);
    const missing = folderOf({ 'lakebook.json': '{"catalog": {"pyiceberg": "prod"}}' });
    expect(await failure(loadLakeConfig(missing, {}))).toMatchObject({
      message: 'PyIceberg\'s configuration has no catalog "prod".',
      hint: expect.stringContaining('.pyiceberg.yaml is looked for'),
    });
    const both = await failure(load(sql('prod'), {}, { catalog: { pyiceberg: 'prod', type: 'rest' } }));
    expect(both.message).toMatch(/catalog\.type is what \.pyiceberg\.yaml says/);
    const list = await failure(load(sql('prod'), {}, { catalog: { pyiceberg: ['prod'] } }));
    expect(list.message).toContain('must be the name');
  });

  test('files: PYICEBERG_HOME, the home directory, the folder; an empty one is as good as none', async () => {
    const name = async (files: Record<string, string>, environment: Environment = {}) => {
      const folder = folderOf(files);
      const at = Object.fromEntries(
        Object.entries(environment).map(([key, value]) => [key, path.join(folder, value)]),
      );
      return (await loadLakeConfig(path.join(folder, 'here'), at)).catalog.uri;
    };
    const files = {
      'a/.pyiceberg.yaml': sql('default').replaceAll('/data', '/a'),
      'home/.pyiceberg.yaml': sql('default').replaceAll('/data', '/home'),
      'here/.pyiceberg.yaml': sql('default').replaceAll('/data', '/here'),
    };
    expect(await name(files, { PYICEBERG_HOME: 'a', HOME: 'home' })).toBe('/a/default.db');
    expect(await name(files, { PYICEBERG_HOME: 'none', HOME: 'home' })).toBe('/home/default.db');
    expect(await name(files)).toBe('/here/default.db');
    const empty = { ...files, 'home/.pyiceberg.yaml': '# nothing\n' };
    expect(await name(empty, { HOME: 'home' })).toBe('/here/default.db');
  });
});

describe('what it says', () => {
  test('a REST catalog, with secrets and S3', async () => {
    const { catalog, warehouse } = await load(`
catalog:
  default:
    URI: http://localhost:8181/
    warehouse: s3://bucket/lake
    credential: client:secret
    s3.endpoint: http://localhost:9000
    s3.access-key-id: key
    s3.secret-access-key: hidden
    header.X-Custom: 1.0
`);
    expect(warehouse).toBe('s3://bucket/lake');
    expect(catalog).toEqual({
      type: 'rest',
      uri: 'http://localhost:8181',
      name: 'default',
      properties: {
        uri: 'http://localhost:8181',
        warehouse: 's3://bucket/lake',
        credential: 'client:secret',
        's3.endpoint': 'http://localhost:9000',
        's3.access-key-id': 'key',
        's3.secret-access-key': 'hidden',
        'header.x-custom': '1.0',
      },
    });
  });

  test('authentication as PyIceberg writes it', async () => {
    const properties = async (auth: string) =>
      (await load(`catalog:\n  default:\n    uri: http://h:1\n    auth:\n${auth}`)).catalog.properties;
    expect(
      await properties('      type: basic\n      basic:\n        username: ann\n        password: p\n'),
    ).toEqual({
      uri: 'http://h:1',
      'rest.auth.type': 'basic',
      'rest.auth.basic.username': 'ann',
      'rest.auth.basic.password': 'p',
    });
    expect(
      await properties(
        '      type: oauth2\n      oauth2:\n        client_id: i\n        client_secret: s\n        token_url: http://t\n        scope: all\n',
      ),
    ).toEqual({
      uri: 'http://h:1',
      'rest.auth.type': 'oauth2',
      credential: 'i:s',
      'oauth2-server-uri': 'http://t',
      scope: 'all',
    });
    expect(await properties('      type: noop\n')).toMatchObject({ 'rest.auth.type': 'none' });
    const google = await failure(properties('      type: google\n'));
    expect(google).toMatchObject({ position: { line: 5, column: 13 } });
    expect(google.hint).toContain('oauth2');
  });

  test("SQLite's file in SQLAlchemy's words, and keys of S3", async () => {
    const uri = async (text: string) =>
      (await load(`catalog:\n  default:\n    type: SQL\n    warehouse: s3://b/w\n    uri: ${text}\n`)).catalog
        .uri;
    expect(await uri('sqlite:////a/b.db')).toBe('/a/b.db');
    expect(await uri('sqlite+pysqlite:////a/b.db?timeout=5')).toBe('/a/b.db');
    expect(await uri("'sqlite:////a/b c.db'")).toBe('/a/b c.db');
    expect(path.basename(await uri('sqlite:///b.db'))).toBe('b.db');
    for (const bad of ['sqlite://', "'sqlite:///:memory:'", "'sqlite:///'"]) {
      expect((await failure(uri(bad))).message).toContain('names no file');
    }
    const config = await load(sql('default', '    s3.access-key-id: k\n    s3.secret-access-key: s\n'));
    expect(config.catalog.properties).toEqual({ 's3.access-key-id': 'k', 's3.secret-access-key': 's' });
  });

  test('keys of a SQL catalog sign the requests to S3', async () => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(`${request.url} ${request.headers.authorization}`);
      response.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const config = await load(
      sql(
        'default',
        `    s3.endpoint: http://127.0.0.1:${port}\n    s3.region: eu-x\n    s3.access-key-id: theKey\n    s3.secret-access-key: hidden\n`,
      ),
    );
    const lake = await openLake(config);
    expect(await lake.storage.exists('s3://bucket/there')).toBe(false);
    await lake.close();
    server.close();
    expect(seen[0]).toMatch(/^\/bucket\/there AWS4-HMAC-SHA256 Credential=theKey\/\d+\/eu-x\/s3\//);
  });

  test('variables, over the file and by themselves', async () => {
    const environment = {
      PYICEBERG_CATALOG__DEFAULT__URI: 'http://h:2',
      Pyiceberg_Catalog__default__s3__ACCESS_KEY_ID: 'key',
      PYICEBERG_CATALOG__DEFAULT__OAUTH2_SERVER_URI: 'http://t',
      PYICEBERG_MAX_WORKERS: '8',
    };
    const alone = folderOf({});
    expect((await loadLakeConfig(alone, environment)).catalog.properties).toEqual({
      uri: 'http://h:2',
      's3.access-key-id': 'key',
      'oauth2-server-uri': 'http://t',
    });
    const over = await load('catalog:\n  default:\n    uri: http://h:1\n    scope: all\n', environment);
    expect(over.catalog.properties).toMatchObject({ uri: 'http://h:2', scope: 'all' });
    expect(await loadLakeConfig(alone, { PYICEBERG_MAX_WORKERS: '8' })).toMatchObject({
      catalog: { name: 'lake' },
    });
    const named = { ...environment, PYICEBERG_DEFAULT_CATALOG: 'x', PYICEBERG_CATALOG__X__URI: 'http://h:3' };
    expect((await loadLakeConfig(alone, named)).catalog).toMatchObject({ name: 'x', uri: 'http://h:3' });
    const clash = await failure(load('catalog:\n  default: x\n', environment));
    expect(clash.message).toMatch(/PYICEBERG_CATALOG__DEFAULT__URI|Pyiceberg_Catalog/);
  });
});

describe('what is wrong', () => {
  test.each([
    ['type: hive', /type: Hive's metastore can't be opened|Hive's metastore/, 4],
    ['type: glue', /Glue/, 4],
    ['type: dynamodb', /DynamoDB/, 4],
    ['type: bigquery', /BigQuery/, 4],
    ['type: in-memory', /memory/, 4],
    ['type: rst', /"rst"/, 4],
    ['uri: thrift://h:9083', /Hive/, 4],
    ['uri: postgresql://u:p@h/db', /postgresql that isn't SQLite/, 4],
    ['type: sql\n    uri: mysql://u:p@h/db', /mysql/, 5],
    ['uri: ftp://h', /tells no type/, 4],
    ['py-catalog-impl: a.B', /Python class/, 4],
    ['warehouse: /x', /has no uri/, 3],
    ['uri: ""', /has no uri/, 3],
    ['uri: sqlite:////x.db', /has no warehouse/, 3],
    ['uri: http://u:p@h', /user's name or password/, 4],
    ['uri: http://h\n    s3:\n      endpoint: x', /"?catalog\.default\.s3"? must be a single value/, 6],
  ])('%s', async (properties, message, line) => {
    // The second line is a comment.
    const error = await failure(load(`catalog:\n  # mine\n  default:\n    ${properties}\n`));
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('u:p@');
    expect(error.file).toMatch(/\.pyiceberg\.yaml$/);
    expect([line, line + 1]).toContain(error.position?.line);
    expect(error.hint).toBeDefined();
  });

  test.each([
    ['catalog: x', 1, 10],
    ['catalog:\n  - a', 2, 3],
    ['catalog:\n  default:\n    - uri', 3, 5],
    ['- a', 1, 1],
    ['just text', 1, 1],
    ['catalog:\n  a: 1\n  a: 2', 3, 3],
    ['catalog:\n\tdefault: x', 2, 1],
    ['catalog:\n  default:\n    token: "secret', 3, 19],
    ['catalog:\n  default:\n    token: secret: secret', 3, 12],
    ['catalog:\n  default:\n   uri: secret\n  uri: x\n token: secret', 5, 1],
    ['catalog: &a\n  default: *a', 2, 12],
    ['default-catalog:\n  x: y', 2, 3],
    ['a: 1\n---\nb: 2', 2, 1],
    ['? [a]\n: secret', 1, 3],
  ])('%j', async (yaml, line, column) => {
    const error = await failure(load(yaml));
    expect(error.code).toBe('INVALID');
    expect(error.message).not.toContain('secret');
    expect(error.hint ?? '').not.toContain('secret');
    expect(error.file).toMatch(/\.pyiceberg\.yaml$/);
    expect(error.position).toMatchObject({ line, column });
  });

  test('other catalogs may be what they like', async () => {
    const yaml = `${sql('default')}  other:\n    type: glue\n    s3:\n      - x\n`;
    // A list is no YAML that PyIceberg's properties could be made of.
    expect((await failure(load(yaml))).message).toContain('A list is no value');
    expect((await load(yaml.replace('- x', 'x: y'))).catalog.name).toBe('default');
  });
});
