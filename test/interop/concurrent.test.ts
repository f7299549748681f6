import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { SharedLake } from './fixture.ts';
import { Judge } from './judge.ts';

let judge: Judge;
let lake: SharedLake;
const children: ChildProcess[] = [];
beforeAll(async () => {
  judge = await Judge.connect();
});
afterAll(() => judge.close());
beforeEach(async () => {
  lake = await SharedLake.open(judge);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await lake.close();
});

/** Runs a process to its end. @returns the lines that it printed @throws when it fails */
function run(command: string, args: string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000);
    });
    child.on('error', reject);
    child.on('close', code => {
      if (code === 0) resolve(output.trim().split('\n'));
      else reject(new Error(`${command} ${args.join(' ')} ended (${code}):\n${errors}`));
    });
  });
}

describe('processes that append at the same time', () => {
  it('two of Lakebook, one of PyIceberg, and Spark: every acknowledged row is there once', async () => {
    // With Iceberg's default of 4 retries a writer may give up, and say so, where others never rest.
    await lake.sql(`CREATE TABLE t (id BIGINT, who VARCHAR) TBLPROPERTIES ('commit.retry.num-retries' = '100',
      'commit.retry.max-wait-ms' = '2000')`);
    const { db, warehouse, name } = lake.config;
    const here = (file: string) => path.join(import.meta.dirname, file);
    const lakebook = () => run(process.execPath, [here('appender.ts'), lake.dir, '25']);
    const [first, second, python] = await Promise.all([
      lakebook(),
      lakebook(),
      run(inject('judgePython'), [here('appender.py'), db, warehouse, name, '25']),
      judge.python(`
        for i in range(8):
            while True:
                try:
                    spark().sql(f"INSERT INTO default.t VALUES ({i}, 'spark')")
                    break
                except Exception as error:
                    # Its commit state is known: the SQLite driver refused before writing.
                    if 'SQLITE_BUSY' not in str(error) and 'CommitFailed' not in str(error): raise
        result = None`),
    ]);
    expect([first.length, second.length, python.length]).toEqual([25, 25, 25]);
    expect(
      await lake.rows('SELECT who, count(*), count(DISTINCT id) FROM t GROUP BY ALL ORDER BY ALL'),
    ).toEqual([
      ['lakebook', 50, 25],
      ['pyiceberg', 25, 25],
      ['spark', 8, 8],
    ]);
    await lake.expectAllSame('t');
    // Nobody's commit was lost from the history.
    expect(await lake.rows('SELECT count(*), count(DISTINCT parent_id) FROM t$snapshots')).toEqual([
      [83, 82],
    ]);
  });
});
