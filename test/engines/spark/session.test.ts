import { beforeAll, expect, test } from 'vitest';
import type { EngineSession } from '../../../src/engine/index.ts';
import type { ExecuteOptions } from '../../../src/engine/statement-result.ts';
import { newNamespace, openLakebook, openSpark } from './support.ts';

/** The catalog `rest` of Spark is called `lake` here. */
const spark = openSpark({ catalog: 'rest' });
let session: EngineSession;
let namespace: string;
beforeAll(async () => {
  namespace = await newNamespace(spark);
  session = await openLakebook(namespace, 'rest');
});

const run = (sql: string, options: ExecuteOptions = {}) =>
  session.execute(sql, { engine: 'spark', ...options });

async function rows(sql: string, options: ExecuteOptions = {}): Promise<unknown[][]> {
  const last = (await run(sql, options)).at(-1)!;
  if (last.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  const found = await last.result.rows(0, await last.result.finished());
  await last.result.close();
  return found;
}

test('statements of a cell run one after the other, in Spark’s own SQL', async () => {
  const outcomes = await run(`
    CREATE TABLE \`semi;colon\` (id INT, s STRING) USING iceberg; -- a comment; with one
    INSERT INTO \`semi;colon\` VALUES (1, 'it\\'s; fine'), (2, "double; quotes");
    SELECT * FROM lake.${namespace}.\`semi;colon\` ORDER BY id;
  `);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done', 'rows']);
  expect(outcomes[0]).toMatchObject({ text: 'CREATE TABLE on Spark.' });
  const [, , last] = outcomes;
  if (last?.kind !== 'rows') throw new Error('no rows');
  expect(await last.result.rows(0, 10)).toEqual([
    [1, "it's; fine"],
    [2, 'double; quotes'],
  ]);
  // Here too at once, and named in either engine.
  const [here] = await session.execute('SELECT count(*) FROM "semi;colon"', { engine: 'duckdb' });
  expect(here!.kind).toBe('rows');
});

test('a script is one statement', async () => {
  expect(await rows('SELECT 0; BEGIN DECLARE n INT DEFAULT 3; SET n = n * 2; SELECT n AS six; END;')).toEqual(
    [[6]],
  );
});

test('parameters stand in the text', async () => {
  const parameters = { name: "O'Hara \\ $1", count: 3, half: 0.5, yes: true, none: null };
  expect(
    await rows('SELECT $name, $count + 1, $half, $yes, $none, `$name` FROM (SELECT 1 AS `$name`)', {
      parameters,
    }),
  ).toEqual([["O'Hara \\ $1", 4, 0.5, true, null, 1]]);
});

test('an error is told in the cell, behind parameters and other statements', async () => {
  const sql = 'SELECT 1;\nSELECT $long, nmae\nFROM lake.' + namespace + '.`semi;colon`';
  const error = await run(sql, {
    parameters: { long: "a text that is longer than its name, isn't it" },
  }).then(
    () => undefined,
    reason => reason,
  );
  expect(error).toMatchObject({ code: 'COLUMN_NOT_FOUND', position: { line: 2, column: 15, length: 4 } });
});

test('USE moves both engines', async () => {
  await run(`CREATE NAMESPACE ${namespace}.inner`);
  const [used] = await run(`USE ${namespace}.inner`);
  expect(used).toMatchObject({ kind: 'done', text: `Table names are now looked for in ${namespace}.inner.` });
  expect(session.namespace).toEqual([namespace, 'inner']);
  await run('CREATE TABLE moved USING iceberg AS SELECT 5 AS five');
  const [here] = await session.execute('SELECT five FROM moved', { engine: 'duckdb' });
  if (here?.kind !== 'rows') throw new Error('no rows');
  expect(await here.result.rows(0, 1)).toEqual([[5]]);
  await session.execute(`USE ${namespace}`, { engine: 'duckdb' });
  await expect(rows('SELECT five FROM moved')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
});

test('Spark’s results are relations for local SQL', async () => {
  const [there] = await run('SELECT id, CAST(id * 1.5 AS DECIMAL(10,2)) AS v FROM range(10000)');
  if (there?.kind !== 'rows') throw new Error('no rows');
  session.nameResult('from_spark', there.result);
  const [here] = await session.execute('SELECT count(*), sum(v) FROM from_spark', { engine: 'duckdb' });
  if (here?.kind !== 'rows') throw new Error('no rows');
  expect(await here.result.rows(0, 1)).toEqual([[10000, '74992500.00']]);
});
