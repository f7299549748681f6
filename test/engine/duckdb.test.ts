import { describe, expect, test, vi } from 'vitest';
import { relocate, SqlError } from '../../src/engine/errors.ts';
import type { Progress } from '../../src/engine/progress.ts';
import { openDuckDb } from './support.ts';

const duckdb = await openDuckDb();
const endless = 'SELECT count(*) FROM range(1000000000) a(i), range(1000) b(j) WHERE (i * j) % 7 = 3';

async function failure(sql: string): Promise<SqlError> {
  try {
    await duckdb.rows(sql);
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
  throw new Error(`no error: ${sql}`);
}

describe('errors', () => {
  test.each([
    ['SELECT 1\nFRM x', 'SYNTAX', 2, 5],
    ['SELECT *\n  FROM nope', 'TABLE_NOT_FOUND', 2, 8],
    ["SELECT 'ü😀' AS ü,\n foo FROM range(3) t(bar)", 'COLUMN_NOT_FOUND', 2, 2],
    ["SELECT 'ü😀' AS ü, foo FROM range(3) t(bar)", 'COLUMN_NOT_FOUND', 1, 20],
    ["SELECT 1,\n CAST('zz' AS INTEGER)", 'CONVERSION', 2, 2],
  ])('%j is %s at its line and column', async (sql, code, line, column) => {
    const error = await failure(sql);
    expect(error.code).toBe(code);
    expect(error.position).toMatchObject({ line, column });
    expect(error.message).not.toMatch(/LINE \d|exception_type|\^/);
  });

  test('say what could have been meant', async () => {
    const error = await failure('SELECT amuont FROM (SELECT 1 AS amount)');
    expect(`${error.message} ${error.hint}`).toContain('amount');
    expect(error.position!.length).toBe('amuont'.length);
  });

  test('move to the text that a person wrote', async () => {
    const written = 'SELECT foo FROM sales';
    const run = 'SELECT foo FROM (SELECT 1 AS bar) AS sales';
    const error = await failure(run);
    const moved = relocate(error, `/* cell */\n${written}`, offset => offset + '/* cell */\n'.length);
    expect(moved.position).toMatchObject({ line: 2, column: 8 });
    expect(relocate(error, written, () => undefined).position).toBeUndefined();
  });

  test('running out of memory says what to do', async () => {
    const small = await openDuckDb({ memoryLimit: '50MB', threads: 1 });
    await expect(
      small.rows(`SELECT length(string_agg(repeat('x', 1000), '')) FROM range(1000000)`),
    ).rejects.toMatchObject({ code: 'OUT_OF_MEMORY', hint: expect.stringContaining('memoryLimit') });
  });
});

describe('interrupting', () => {
  test('stops a statement at once', async () => {
    const controller = new AbortController();
    const running = duckdb.rows(endless, { signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await duckdb.rows('SELECT 1 AS a')).toEqual([{ a: 1 }]);
  });

  test('before the start runs nothing', async () => {
    await expect(
      duckdb.run('CREATE TABLE never (a INT)', { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await duckdb.rows(`SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = 'never'`)).toEqual(
      [{ n: 0n }],
    );
  });

  test('right after the start is not lost', async () => {
    for (let i = 0; i < 10; i++) {
      const controller = new AbortController();
      const running = duckdb.rows(endless, { signal: controller.signal });
      queueMicrotask(() => controller.abort());
      await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
    }
  });

  test('lets go of a statement that waits for its turn, and not of the one it waits for', async () => {
    const first = duckdb.rows(
      'SELECT count(*) AS n FROM range(20000000) a(i), range(10) b(j) WHERE (i * j) % 7 = 3',
    );
    const controller = new AbortController();
    const second = duckdb.rows('SELECT 2', { signal: controller.signal });
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(Number((await first)[0]!.n)).toBeGreaterThan(0);
    expect(await duckdb.rows('SELECT 3 AS a')).toEqual([{ a: 3 }]);
  });

  test('stops a stream between and within fetches', async () => {
    const controller = new AbortController();
    const stream = await duckdb.stream('SELECT i FROM range(100000000000) t(i)', {
      signal: controller.signal,
    });
    await stream.next();
    controller.abort();
    await expect(
      (async () => {
        while ((await stream.next()) !== undefined);
      })(),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' });
    stream.close();
    expect(await duckdb.rows('SELECT 1 AS a')).toEqual([{ a: 1 }]);
  });

  test('is over before the end of the transaction and settings that were changed, which it would stop too', async () => {
    const { connection } = duckdb;
    const run = connection.run.bind(connection);
    const slow = vi.spyOn(connection, 'run').mockImplementation(async (sql, ...values) => {
      // As long as an interrupt, which is repeated, may need to come in between.
      if (/^(ROLLBACK|COMMIT|SET )/.test(sql)) await new Promise(resolve => setTimeout(resolve, 100));
      return run(sql, ...values);
    });
    const interrupts = vi.spyOn(connection, 'interrupt');
    let interrupted: number | undefined;
    try {
      const fetch = async (sql: string, signal: AbortSignal) => {
        const stream = await duckdb.stream(sql, { signal });
        try {
          while ((await stream.next()) !== undefined);
        } finally {
          stream.close();
        }
      };
      for (const start of [
        (signal: AbortSignal) => fetch(endless, signal),
        (signal: AbortSignal) => fetch('SELECT i FROM range(100000000000) t(i)', signal),
        (signal: AbortSignal) => duckdb.rowsWith({ threads: '1' }, endless, { signal }),
      ]) {
        const controller = new AbortController();
        const running = start(controller.signal);
        setTimeout(() => controller.abort(), 300);
        await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
        interrupted = interrupts.mock.calls.length;
        expect(await duckdb.rows(`SELECT current_setting('threads') AS t`)).toEqual([{ t: 2n }]);
        expect(interrupts).toHaveBeenCalledTimes(interrupted);
      }
      expect(interrupted).toBeGreaterThan(0);
    } finally {
      slow.mockRestore();
      interrupts.mockRestore();
    }
  });
});

test('statements run one after the other, settings of one do not reach the next', async () => {
  const seen = await Promise.all([
    duckdb.rowsWith(
      { preserve_insertion_order: 'false', threads: '1' },
      `SELECT current_setting('threads') AS t, current_setting('preserve_insertion_order') AS p`,
    ),
    duckdb.rows(`SELECT current_setting('threads') AS t, current_setting('preserve_insertion_order') AS p`),
  ]);
  expect(seen.flat()).toEqual([
    { t: 1n, p: false },
    { t: 2n, p: true },
  ]);
  await expect(duckdb.rowsWith({ threads: '1' }, 'SELECT nope')).rejects.toMatchObject({
    code: 'COLUMN_NOT_FOUND',
  });
  expect(await duckdb.rows(`SELECT current_setting('threads') AS t`)).toEqual([{ t: 2n }]);
});

test('a failed stream leaves a transaction of the user alone', async () => {
  await duckdb.run('BEGIN TRANSACTION');
  await duckdb.run('CREATE TEMP TABLE mine AS SELECT 1 AS a');
  const stream = await duckdb.stream('SELECT * FROM mine');
  while ((await stream.next()) !== undefined);
  await duckdb.run('COMMIT');
  expect(await duckdb.rows('SELECT * FROM mine')).toEqual([{ a: 1 }]);
});

test('progress comes several times a second', async () => {
  const reports: Progress[] = [];
  await duckdb.run('CREATE TEMP TABLE numbers AS SELECT i FROM range(20000000) t(i)');
  await duckdb.run('SELECT count(DISTINCT hash(i)) FROM numbers', {
    onProgress: report => reports.push(report),
    phase: 'counting',
  });
  expect(reports.length).toBeGreaterThan(2);
  expect(
    reports.every(
      ({ phase, fraction }) => phase === 'counting' && (fraction ?? 0) >= 0 && (fraction ?? 0) <= 1,
    ),
  ).toBe(true);
});

test('parameters by name and by place', async () => {
  expect(
    await duckdb.rows('SELECT $a + 1 AS x, $b AS y', { parameters: { a: 41n, b: 'text' } }),
  ).toMatchObject([{ y: 'text' }]);
  expect(await duckdb.rows('SELECT ? AS x', { parameters: ['p'] })).toEqual([{ x: 'p' }]);
});
