import { cpSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseNotebook } from '../../src/notebook/lakebook-file.ts';
import { openKernel, run, temporaryFolder } from './support.ts';

const samples = new URL('../../samples/', import.meta.url).pathname;

/** The rows that each notebook ends with: its own check of what it has told. */
const last: Readonly<Record<string, unknown>> = {
  'change-feed': [[0]],
  'incident-and-recovery': undefined,
  'partition-evolution': [[10000, 10000, 0]],
  'slowly-changing-dimension': [[3380, 3377, 0]],
  tour: undefined,
  'write-audit-publish': [[14, '1139.95']],
};

describe('samples run, also a second time', () => {
  const names = readdirSync(samples).filter(name => /.\.lakebook$/.test(name));
  // Its lake is on MinIO, where test/storage/s3/sample.test.ts runs it.
  const local = names.map(name => name.replace(/\.lakebook$/, '')).filter(name => name !== 'minio');

  test('every sample is known here', () => {
    expect(local.sort()).toEqual(Object.keys(last).sort());
  });

  test.each(local)('%s', async name => {
    const folder = temporaryFolder();
    cpSync(path.join(samples, 'data'), path.join(folder, 'data'), { recursive: true });
    const { cells } = parseNotebook(readFileSync(path.join(samples, `${name}.lakebook`), 'utf8'));
    const kernel = await openKernel(folder);
    for (const _ of [1, 2]) {
      let answer: Awaited<ReturnType<typeof run>> | undefined;
      for (const cell of cells) {
        if (cell.kind !== 'code') continue;
        answer = await run(kernel, cell.source, cell.language);
        expect(answer, cell.source).toMatchObject({ status: 'ok' });
      }
      if (last[name] !== undefined) {
        expect(answer!.outputs).toMatchObject([{ kind: 'result', preview: last[name] }]);
      }
    }
  });

  test('an incident ends with every row as it was', async () => {
    const folder = temporaryFolder();
    cpSync(path.join(samples, 'data'), path.join(folder, 'data'), { recursive: true });
    const { cells } = parseNotebook(
      readFileSync(path.join(samples, 'incident-and-recovery.lakebook'), 'utf8'),
    );
    const kernel = await openKernel(folder);
    for (const cell of cells) {
      if (cell.kind === 'code') await run(kernel, cell.source, cell.language);
    }
    const { outputs } = await run(
      kernel,
      `SELECT count(*) FROM (
         (FROM readings EXCEPT ALL FROM 'data/seattle-weather.csv')
         UNION ALL (FROM 'data/seattle-weather.csv' EXCEPT ALL FROM readings))`,
      'sql',
    );
    expect(outputs).toMatchObject([{ kind: 'result', preview: [[0]] }]);
  });
});
