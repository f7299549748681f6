import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { Lake } from '../../src/catalog/open-lake.ts';
import type { ResultSet } from '../../src/engine/result-set.ts';
import { SqlText } from '../../src/engine/sql/sql-text.ts';
import { temporaryFolder } from './support.ts';

// The session by itself: every statement goes to DuckDB. How statements are told apart is tested with the parser.
vi.mock('../../src/engine/dispatch.ts', () => ({
  executeStatements: async (
    session: import('../../src/engine/session.ts').EngineSession,
    sql: string,
    options: object,
  ) => {
    const results = [];
    for (const match of sql.matchAll(/[^;]+/g)) {
      const text = SqlText.written(sql, { start: match.index, end: match.index + match[0].length });
      await session.bindNamedResults(text.text);
      const isQuery = /^\s*(SELECT|FROM|WITH)/i.test(text.text);
      const outcome = isQuery
        ? { kind: 'rows', result: await session.query(text, sql, options) }
        : await session.statement(text, sql, options);
      results.push({ ...outcome, elapsedMs: 1 });
    }
    return results;
  },
}));
const { EngineSession } = await import('../../src/engine/session.ts');

const folder = temporaryFolder();
const lake = { defaultNamespace: ['default'], storage: {} } as unknown as Lake;
const session = await EngineSession.open({
  lake,
  workingDirectory: folder,
  threads: 2,
  memoryLimit: '500MB',
});
afterAll(() => session.close());

async function query(on: typeof session, sql: string, options = {}): Promise<ResultSet> {
  const outcomes = await on.execute(sql, options);
  const last = outcomes.at(-1);
  if (last?.kind !== 'rows') throw new Error(`no rows: ${sql}`);
  return last.result;
}

async function rows(sql: string, options = {}): Promise<unknown[][]> {
  return (await query(session, sql, options)).rows(0, 1000);
}

describe('EngineSession', () => {
  test('runs statements in order and tells what each did', async () => {
    const outcomes = await session.execute(
      'CREATE TEMP TABLE t AS SELECT 1 AS a; SELECT a FROM t; DROP TABLE t',
    );
    expect(outcomes.map(outcome => outcome.kind)).toEqual(['done', 'rows', 'done']);
    const [, selected] = outcomes;
    if (selected?.kind !== 'rows') throw new Error('no rows');
    const { result } = selected;
    expect(result.columns).toEqual([{ name: 'a', type: 'INTEGER' }]);
    expect([result.complete, result.rowCount]).toEqual([true, 1]);
  });

  test('stops at the first that fails and says where, in the whole text', async () => {
    const failing = session.execute(
      `CREATE TEMP TABLE kept AS SELECT 1 AS a;\nSELECT 1,\n  nope FROM kept; CREATE TEMP TABLE never AS SELECT 1`,
    );
    await expect(failing).rejects.toMatchObject({
      code: 'COLUMN_NOT_FOUND',
      position: { line: 3, column: 3 },
    });
    expect(await rows(`SELECT table_name FROM duckdb_tables() WHERE temporary`)).toEqual([['kept']]);
  });

  test('finds relative files in the working directory', async () => {
    writeFileSync(path.join(folder, 'in.csv'), 'a,b\n1,x\n');
    expect(await rows(`SELECT * FROM read_csv('in.csv')`)).toEqual([[1, 'x']]);
    expect(await rows(`SELECT * FROM 'in.csv'`)).toEqual([[1, 'x']]);
  });

  test('binds the parameters that a statement names', async () => {
    expect(
      await rows('SELECT $n + 1 AS n, $s AS s, $f AS f', {
        parameters: { n: 41, s: "o'x", f: 1.5, unused: 1 },
      }),
    ).toEqual([[42, "o'x", 1.5]]);
    await expect(rows('SELECT $n AS n', { parameters: { n: {} } })).rejects.toMatchObject({
      code: 'INVALID',
    });
  });

  test('keeps results readable under a name', async () => {
    const first = await query(session, 'SELECT i, i * 2 AS double FROM range(100000) t(i)');
    session.nameResult('_', first);
    session.nameResult('_1', first);
    expect(await rows('SELECT sum(double) FROM _ WHERE i < 10')).toEqual([[90]]);
    expect(await rows('FROM _1 LIMIT 2')).toEqual([
      [0, 0],
      [1, 2],
    ]);
    const second = await query(session, `SELECT 'other' AS x`);
    session.nameResult('_', second);
    expect(await rows('SELECT * FROM "_"')).toEqual([['other']]);
    expect(await rows('SELECT count(*) FROM _1')).toEqual([[100000]]);
    await first.close();
    await expect(rows('SELECT count(*) FROM _1')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
  });

  test('forgets the names of results that are gone, also when nobody says them again', async () => {
    const result = await query(session, 'SELECT 1 AS x');
    session.nameResult('gone', result);
    expect(await rows('SELECT x FROM gone')).toEqual([[1]]);
    const views = `SELECT count(*)::INT FROM duckdb_views() WHERE view_name = 'go' || 'ne'`;
    expect(await rows(views)).toEqual([[1]]);
    await result.close();
    expect(await rows(views)).toEqual([[0]]);
  });

  test('interrupt stops the running statement; the session goes on', async () => {
    const running = session.execute(
      'SELECT count(*) FROM range(1000000000) a(i), range(1000) b(j) WHERE (i * j) % 7 = 3',
    );
    setTimeout(() => session.interrupt(), 100);
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await rows('SELECT 1')).toEqual([[1]]);
  });

  test('interrupt cuts off a result that is still filling', async () => {
    const result = await query(session, 'SELECT i FROM range(1000000000) t(i)');
    expect(result.complete).toBe(false);
    session.interrupt();
    await expect(result.finished()).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(result.truncated).toBe(true);
    expect(await result.rows(0, 1)).toEqual([[0]]);
    await result.close();
  });

  test('a signal stops only its own execution', async () => {
    const controller = new AbortController();
    const [first, second] = await Promise.allSettled([
      rows('SELECT count(*) FROM range(5000000) t(i) WHERE i % 7 = 3'),
      (async () => {
        const running = rows('SELECT 2', { signal: controller.signal });
        controller.abort();
        return running;
      })(),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'INTERRUPTED' } });
  });

  test('nothing is left after closing', async () => {
    const own = await EngineSession.open({ lake });
    const setting = await query(own, `SELECT current_setting('temp_directory')`);
    const temp = String((await setting.rows(0, 1))[0]![0]);
    expect(existsSync(temp)).toBe(true);
    const filling = await query(own, 'SELECT i FROM range(1000000000) t(i)');
    expect(filling.complete).toBe(false);
    await own.close();
    await expect(filling.rows(0, 1)).rejects.toMatchObject({ code: 'RESULT_GONE' });
    expect(existsSync(temp)).toBe(false);
  });

  test('closing waits for the end of what runs: DuckDB would crash the process', async () => {
    for (let i = 0; i < 30; i++) {
      const own = await EngineSession.open({ lake, threads: 2 });
      const result = await query(own, 'SELECT i FROM range(5000) t(i)');
      if (i % 2 === 1) await result.finished();
      await own.close();
    }
  });
});
