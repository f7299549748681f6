import { expect, test } from 'vitest';
import { AlreadyCommittedError, idempotencyKey, snapshotOfKey } from '../../src/engine/transaction.ts';
import { type IngestRequest, ingest, upsert } from '../../src/lake/index.ts';
import { TestLake } from './support.ts';

const summary = { [idempotencyKey]: 'upload-1' };

async function metadataOf(lake: TestLake, name = 'sales') {
  return (await lake.lake.catalog.loadTable({ namespace: ['default'], name })).metadata;
}

test('a change with an idempotency key is committed once, and tells which snapshot it was', async () => {
  const lake = await TestLake.open();
  await lake.table();
  const first = await lake.csv('id,amount\n1,1.5\n2,2.5\n', { summary });
  const files = await lake.files();
  const again = await lake.csv('id,amount\n1,1.5\n2,2.5\n', { summary }).catch(error => error);
  expect(again).toBeInstanceOf(AlreadyCommittedError);
  expect((again as AlreadyCommittedError).snapshot.snapshotId).toBe(first.snapshotId);
  expect(await lake.rows('SELECT count(*) FROM sales')).toEqual([[2]]);
  expect(await lake.files()).toEqual(files);
});

test('tries at the same time commit once too', async () => {
  const lake = await TestLake.open();
  await lake.table();
  const { EngineSession } = await import('../../src/engine/index.ts');
  const other = await EngineSession.open({ lake: lake.lake, workingDirectory: lake.folder, threads: 1 });
  const request: IngestRequest = { table: 'sales', source: lake.file('a.csv', 'id\n1\n'), summary };
  const outcomes = await Promise.allSettled([lake.session, other].map(session => ingest(session, request)));
  await other.close();
  expect(outcomes.map(outcome => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(await lake.rows('SELECT count(*) FROM sales')).toEqual([[1]]);
});

test('the snapshot tells what the change answered', async () => {
  const lake = await TestLake.open();
  await lake.table();
  await lake.csv('id,amount\n1,1\n2,2\n3,3\n');
  const source = lake.file('changes.csv', 'id,amount\n2,20\n3,30\n4,40\n');
  const answer = await upsert(lake.session, { table: 'sales', source, summary });
  expect(answer.changed).toEqual({ inserted: 1, updated: 2, deleted: 0 });
  expect(snapshotOfKey(await metadataOf(lake), 'upload-1')?.summary).toMatchObject({
    'lakebook.rows-inserted': '1',
    'lakebook.rows-updated': '2',
    'lakebook.rows-deleted': '0',
  });
  const skipped = await lake.csv('id,amount\n5,5\nx,6\n', {
    onError: 'skip',
    summary: { [idempotencyKey]: 'upload-2' },
  });
  expect(skipped).toMatchObject({ rejected: 1, changed: { inserted: 1 } });
  expect(snapshotOfKey(await metadataOf(lake), 'upload-2')?.summary).toMatchObject({
    'lakebook.rows-inserted': '1',
    'lakebook.rejected-lines': '1',
  });
});

test('lines put aside by a try that was cut off between its two commits are not put aside twice', async () => {
  const lake = await TestLake.open();
  await lake.table();
  const text = 'id,amount\n1,1\nx,2\n';
  // The lines that don't fit are committed first; the rows' own commit fails.
  const stop = new AbortController();
  const { catalog } = lake.lake;
  const commit = catalog.commitTable.bind(catalog);
  let commits = 0;
  catalog.commitTable = async (...args) => {
    if (++commits === 2) throw new Error('cut off');
    if (commits > 2) throw new Error('and never came back');
    return commit(...args);
  };
  await expect(lake.csv(text, { onError: 'quarantine', summary }, { signal: stop.signal })).rejects.toThrow();
  catalog.commitTable = commit;
  await lake.csv(text, { onError: 'quarantine', summary });
  expect(await lake.rows('SELECT count(*) FROM sales')).toEqual([[1]]);
  expect(await lake.rows('SELECT line FROM sales_rejected')).toEqual([[3]]);
});
