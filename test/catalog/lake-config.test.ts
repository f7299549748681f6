import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseJsonSource } from '../../src/catalog/json-source.ts';
import { loadLakeConfig } from '../../src/catalog/lake-config.ts';
import { openLake } from '../../src/catalog/open-lake.ts';
import { temporaryFolder } from '../storage/support.ts';

/** What is said of object storage when nothing is. */
const storage = { s3: {}, cache: { bytes: 20 * 1024 ** 3 } };

function lakeFolder(config: unknown): string {
  const folder = temporaryFolder('lakebook-config-');
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  writeFileSync(path.join(folder, 'lakebook.json'), text);
  return folder;
}

describe('loadLakeConfig', () => {
  test('without a file it is the default lake in the folder itself', async () => {
    const folder = temporaryFolder();
    expect(await loadLakeConfig(folder, {})).toEqual({
      root: folder,
      catalog: { type: 'sqlite', uri: path.join(folder, '.lakebook', 'catalog.db'), name: 'lake' },
      warehouse: `file://${folder}/.lakebook/warehouse`,
      defaultNamespace: ['default'],
      storage,
      engines: { hintBytes: 20e9 },
    });
  });

  test('finds the file in the nearest folder above; relative paths start there', async () => {
    const root = lakeFolder({ catalog: { uri: 'db/x.db', name: 'mine' }, warehouse: 'my data/' });
    const below = path.join(root, 'a', 'b');
    mkdirSync(below, { recursive: true });
    expect(await loadLakeConfig(below, {})).toEqual({
      root,
      file: path.join(root, 'lakebook.json'),
      catalog: { type: 'sqlite', uri: path.join(root, 'db', 'x.db'), name: 'mine' },
      warehouse: `file://${root}/my data`,
      defaultNamespace: ['default'],
      storage,
      engines: { hintBytes: 20e9 },
    });
    writeFileSync(path.join(below, 'lakebook.json'), '{"namespace": "eu.sales"}');
    expect(await loadLakeConfig(below, {})).toMatchObject({ root: below, defaultNamespace: ['eu', 'sales'] });
  });

  test.each([
    ['/abs/x.db', '/abs/x.db'],
    ['sqlite:////abs/x.db', '/abs/x.db'],
    ['sqlite+pysqlite:////abs/x.db', '/abs/x.db'],
    ['jdbc:sqlite:/abs/x.db', '/abs/x.db'],
    ['file:///abs/a b.db', '/abs/a b.db'],
  ])('takes the catalog address %s as other tools write it', async (uri, expected) => {
    expect((await loadLakeConfig(lakeFolder({ catalog: { uri } }), {})).catalog.uri).toBe(expected);
  });

  test('a relative sqlite:/// address starts at the file too', async () => {
    const folder = lakeFolder({ catalog: { uri: 'sqlite:///x.db' } });
    expect((await loadLakeConfig(folder, {})).catalog.uri).toBe(path.join(folder, 'x.db'));
  });

  test.each([
    ['/w/', 'file:///w'],
    ['file:/w', 'file:///w'],
    ['file:///w/a%20b', 'file:///w/a%20b'],
    ['s3://bucket/lake/', 's3://bucket/lake'],
  ])('warehouse %s', async (warehouse, expected) => {
    expect((await loadLakeConfig(lakeFolder({ warehouse }), {})).warehouse).toBe(expected);
  });

  test('the environment overrides the file, and LAKEBOOK_ROOT the folder', async () => {
    const root = lakeFolder({ catalog: { uri: 'x.db', name: 'mine' }, warehouse: 'w' });
    const config = await loadLakeConfig(temporaryFolder(), {
      LAKEBOOK_ROOT: root,
      LAKEBOOK_CATALOG_TYPE: 'rest',
      LAKEBOOK_CATALOG_URI: 'http://localhost:8181/',
      LAKEBOOK_CATALOG_NAME: 'other',
      LAKEBOOK_WAREHOUSE: 's3://bucket',
      LAKEBOOK_NAMESPACE: 'ns',
    });
    expect(config).toMatchObject({
      root,
      catalog: { type: 'rest', uri: 'http://localhost:8181', name: 'other' },
      warehouse: 's3://bucket',
      defaultNamespace: ['ns'],
    });
    // An empty variable is as good as none.
    expect(await loadLakeConfig(root, { LAKEBOOK_CATALOG_NAME: '' })).toMatchObject({
      catalog: { name: 'mine' },
    });
  });

  test.each([
    ['{\n  "catalog": {\n    "typ": "sqlite"\n  }\n}', [3, 5, 5], '"typ"', 'Did you mean "type"?'],
    ['{"warehose": "w"}', [1, 2, 10], '"warehose"', 'Did you mean "warehouse"?'],
    [
      '{"colour": "w"}',
      [1, 2, 8],
      '"colour"',
      'It can have catalog, warehouse, namespace, storage, engines.',
    ],
    ['{"catalog": {"type": "sqllite"}}', [1, 22, 9], 'sqllite', 'Did you mean "sqlite"?'],
    ['{"catalog": {"type": "hive"}}', [1, 22, 6], 'hive', 'sqlite or rest'],
    ['{"catalog": "x.db"}', [1, 13, 6], '"catalog" must be a JSON object', undefined],
    ['{"warehouse":\n 5}', [2, 2, 1], '"warehouse" must be a text', undefined],
    ['{"warehouse": ""}', [1, 15, 2], '"warehouse" must be a text', undefined],
    ['{"warehouse": "ftp://x"}', [1, 15, 9], 'ftp://x', 's3://bucket/prefix'],
    ['{"catalog": {"uri": "http://x"}}', [1, 21, 10], 'http://x', 'catalog.type to "rest"'],
    ['{"catalog": {"type": "rest"}}', [1, 22, 6], 'needs its address', 'http://localhost:8181'],
    ['{"catalog": {"type": "rest", "uri": "x.db"}}', [1, 37, 6], 'x.db', 'http://localhost:8181'],
    ['{"namespace": "a..b"}', [1, 15, 6], 'empty', 'letters'],
    ['[]', [1, 1, 1], 'must be a JSON object', undefined],
    ['{"warehouse": "w",}', [1, 19, 1], 'comma', undefined],
    ['', [1, 1, 1], 'missing', undefined],
  ])('%j is refused with its place', async (text, [line, column, length], message, hint) => {
    const folder = lakeFolder(text);
    const file = path.join(folder, 'lakebook.json');
    const error = await loadLakeConfig(folder, {}).catch(caught => caught);
    expect(error).toMatchObject({ code: 'INVALID', file, position: { line, column, length } });
    expect(error.message).toContain(file);
    expect(error.message).toContain(message);
    if (hint !== undefined) expect(error.hint).toContain(hint);
  });

  test('a wrong environment variable is named', async () => {
    const wrong = loadLakeConfig(temporaryFolder(), { LAKEBOOK_CATALOG_TYPE: 'postgres' });
    await expect(wrong).rejects.toMatchObject({ message: expect.stringContaining('LAKEBOOK_CATALOG_TYPE') });
  });
});

describe('parseJsonSource', () => {
  test('reads what JSON.parse reads', () => {
    const text = '\uFEFF {"a": [1, -2.5e3, true, null, "x\\u00e4\\n"], "b": {"c": {}, "d": []}}\n';
    const plain = (node: ReturnType<typeof parseJsonSource>): unknown => {
      if (node.kind === 'array') return node.items.map(plain);
      if (node.kind === 'object') return Object.fromEntries(node.members.map(m => [m.key, plain(m.value)]));
      return node.value;
    };
    expect(plain(parseJsonSource(text, 'f'))).toEqual(JSON.parse(text.slice(1)));
  });

  test.each([
    ['{"a": 1 "b": 2}', 1, 9, 'comma'],
    ['{"a" 1}', 1, 6, 'colon'],
    ['{a: 1}', 1, 2, 'key'],
    ['{"a": nope}', 1, 7, 'nope'],
    ['{"a": "x\n"}', 1, 7, 'quote'],
    ['{"a": "C:\\dir"}', 1, 7, 'backslash'],
    ['{"a": 1,\n "a": 2}', 2, 2, 'twice'],
    ['{} x', 1, 4, 'ended'],
    ['{"a": [1', 1, 9, 'comma'],
    ['['.repeat(200), 1, 102, 'deeply'],
  ])('%j', (text, line, column, message) => {
    expect(() => parseJsonSource(text, 'f')).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(message),
        position: { line, column, length: 1 },
      }),
    );
  });
});

test('warehouses that can not be opened yet say so', async () => {
  await expect(openLake(lakeFolder({ warehouse: 'abfss://files@account/dir' }))).rejects.toMatchObject({
    code: 'INVALID',
    message: expect.stringContaining("Azure storage can't be opened yet"),
    position: { line: 1 },
  });
});
