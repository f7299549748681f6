import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { readPyIcebergConfig } from '../../src/catalog/pyiceberg-config.ts';
import { LakebookError } from '../../src/iceberg/errors.ts';
import { KernelClient } from '../../src/notebook/kernel-client.ts';

type Answer =
  | { readonly error: string }
  | {
      readonly default: string;
      readonly catalogs: Readonly<Record<string, Readonly<Record<string, string>>>>;
      readonly error?: undefined;
    };

let child: ChildProcess;
let answers: AsyncIterator<string>;
let folder: string;
const kernels: KernelClient[] = [];

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lakebook-pyiceberg-'));
  child = spawn(inject('judgePython'), [path.join(import.meta.dirname, 'pyiceberg_config.py')], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
});
afterAll(async () => {
  child.stdin!.end();
  for (const kernel of kernels) await kernel.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(command: object): Promise<Answer> {
  child.stdin!.write(`${JSON.stringify(command)}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error('PyIceberg ended');
  return JSON.parse(value as string) as Answer;
}

async function ours(at: string, environment: Record<string, string>): Promise<Answer> {
  try {
    const config = await readPyIcebergConfig(at, environment);
    const catalogs = config.catalogs.map(name => {
      const { properties } = config.get(name);
      return [name, Object.fromEntries([...properties].map(([key, { value }]) => [key, value]))];
    });
    return { default: config.defaultCatalog, catalogs: Object.fromEntries(catalogs) };
  } catch (error) {
    if (error instanceof LakebookError) return { error: error.message };
    throw error;
  }
}

const name = fc.constantFrom('default', 'prod', 'Prod', 'my-lake', 'a_b', '1');
const key = fc.constantFrom(
  'uri',
  'URI',
  'warehouse',
  's3.endpoint',
  's3.access-key-id',
  'header.X-Y',
  'no',
  'a_b',
);
/** As it stands in the file. */
const scalar = fc.oneof(
  fc.constantFrom(
    'yes',
    'null',
    '1.0',
    '0x10',
    '~x',
    'http://host:8181/a?b=c',
    'sqlite:////data/a b.db # a comment',
    'a#b',
    "it's",
    '',
    '2026-01-31',
    'client:secret',
    '=x',
    'é€😀',
  ),
  fc
    .string({ unit: fc.constantFrom('a', ' ', ':', '#', '"', "'", '\\', 'é', '-', '{') })
    .map(text => JSON.stringify(text)),
  fc
    .string({ unit: fc.constantFrom('a', ' ', ':', '#', '"', "'", '\\', '-', '{') })
    .map(text => `'${text.replaceAll("'", "''")}'`),
);
const catalogs = fc.uniqueArray(
  fc.tuple(
    name,
    fc.uniqueArray(fc.tuple(key, scalar), {
      minLength: 1,
      maxLength: 4,
      selector: ([each]) => each.toLowerCase(),
    }),
  ),
  {
    minLength: 1,
    maxLength: 3,
    selector: ([each]) => each.toLowerCase(),
  },
);
const file = fc
  .tuple(fc.option(name), catalogs, fc.constantFrom('  ', '    '), fc.boolean())
  .map(([chosen, all, indent, comments]) => {
    const lines = all.flatMap(([each, properties]) => [
      `${indent}${JSON.stringify(each) === `"${each}"` && /^\d/.test(each) ? `"${each}"` : each}:`,
      ...(comments ? [`${indent}# about it`, ''] : []),
      ...properties.map(([property, value]) => `${indent}${indent}${property}: ${value}`),
    ]);
    return `${chosen === null ? '' : `default-catalog: ${chosen}\n`}catalog:\n${lines.join('\n')}\n`;
  });
const environment = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        'PYICEBERG_CATALOG__PROD__URI',
        'PYICEBERG_CATALOG__DEFAULT__S3__ACCESS_KEY_ID',
        'pyiceberg_catalog__my_lake__S3__ENDPOINT',
        'PYICEBERG_CATALOG__NEW__OAUTH2_SERVER_URI',
        'PYICEBERG_CATALOG__A_B__PY_IO_IMPL',
        'PYICEBERG_DEFAULT_CATALOG',
        'PYICEBERG_MAX_WORKERS',
      ),
      fc.constantFrom('x', 'http://h:1', ''),
    ),
    { maxLength: 3 },
  )
  .map(entries => Object.fromEntries(entries));
const place = fc.constantFrom('pyiceberg-home', 'home', 'here');

test('files and variables are read as PyIceberg reads them', async () => {
  let count = 0;
  let agreed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(place, file), { maxLength: 2 }),
      environment,
      async (files, variables) => {
        const root = path.join(folder, `run-${++count}`);
        for (const each of ['pyiceberg-home', 'home', 'here'])
          mkdirSync(path.join(root, each), { recursive: true });
        for (const [where, text] of files) writeFileSync(path.join(root, where, '.pyiceberg.yaml'), text);
        const all = {
          ...variables,
          PYICEBERG_HOME: path.join(root, 'pyiceberg-home'),
          HOME: path.join(root, 'home'),
        };
        const here = path.join(root, 'here');
        const theirs = await ask({ folder: here, env: all });
        const read = await ours(here, all);
        // What PyIceberg refuses, such as an unquoted value with a colon and a space, may be YAML nevertheless.
        if (theirs.error === undefined) {
          expect(read).toEqual(theirs);
          agreed++;
        }
      },
    ),
    { numRuns: 300 },
  );
  expect(agreed).toBeGreaterThan(150);
});

test('a table that PyIceberg made in its default catalog is there at once, in a folder without lakebook.json', async () => {
  const work = path.join(folder, 'lake');
  mkdirSync(work);
  writeFileSync(
    path.join(work, '.pyiceberg.yaml'),
    `default-catalog: Shared\ncatalog:\n  shared:\n    type: sql\n    uri: sqlite:///${work}/catalog.db\n    warehouse: file://${work}/warehouse\n`,
  );
  expect(await ask({ folder: work, env: { HOME: folder }, table: 'made' })).not.toHaveProperty('error');
  const kernel = await KernelClient.start({ env: { HOME: folder, PYICEBERG_HOME: '' } });
  kernels.push(kernel);
  const lake = await kernel.request('open', { folder: work });
  expect(lake.name).toBe('Shared');
  const run = async (source: string) => {
    const { error, outputs } = await kernel.execute({ cellId: source, source, language: 'sql' });
    expect(error).toBeUndefined();
    return outputs;
  };
  const [first] = await run('SELECT sum(id)::INTEGER AS sum FROM made');
  expect(first).toMatchObject({ preview: [[3]] });
  await run('CREATE TABLE ours AS SELECT 1 AS id');
  // PyIceberg finds the name taken.
  expect(await ask({ folder: work, env: { HOME: folder }, table: 'ours' })).toMatchObject({
    error: expect.stringContaining('TableAlreadyExists'),
  });
});
