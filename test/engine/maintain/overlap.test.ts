import { expect, test } from 'vitest';
import { expireSnapshots } from '../../../src/engine/maintain/index.ts';
import { TestLake } from '../dml/support.ts';

const t = await TestLake.open();

test('a read whose files are expired under it fails clearly, and works when it is run again', async () => {
  await t.create('s', { columns: { id: 'long' } });
  for (let i = 0; i < 6; i++) await t.change('INSERT INTO s SELECT i FROM range(500000) r(i)');
  const reader = await TestLake.open(t.folder);
  // Its rows come as they are fetched: most files are not open yet.
  const [outcome] = await reader.session.execute('SELECT id, md5(id::VARCHAR) AS m FROM s');
  await t.session.execute(
    "CALL system.rewrite_data_files(table => 's', options => map('rewrite-all', 'true'))",
  );
  await t.session.execute(
    "CALL system.expire_snapshots(table => 's', older_than => now() + INTERVAL 1 HOUR)",
  );
  if (outcome?.kind !== 'rows') throw new Error('no rows');
  const rows = await outcome.result.finished().catch((error: unknown) => error);
  // A fast machine may have read everything before; what it must never do is end early as if that were all.
  if (rows !== 3_000_000) {
    expect(rows).toMatchObject({ code: 'FILE_NOT_FOUND', hint: expect.stringContaining('expired') });
  }
  expect(await reader.rows('SELECT count(*) AS n FROM s')).toEqual([{ n: 3_000_000 }]);
});

test('a tag that is made while snapshots expire keeps its snapshot', async () => {
  let before: (() => Promise<void>) | undefined;
  const racing = await TestLake.open(undefined, lake => ({
    ...lake,
    catalog: new Proxy(lake.catalog, {
      get: (catalog, name) => {
        const value = Reflect.get(catalog, name) as unknown;
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          const isExpiry =
            name === 'commitTable' && JSON.stringify(args[2], bigintText).includes('remove-snapshots');
          if (isExpiry) await before?.();
          return Reflect.apply(value, catalog, args) as unknown;
        };
      },
    }),
  }));
  await racing.create('r', { columns: { id: 'long' } });
  for (const id of [1, 2, 3]) await racing.change(`INSERT INTO r VALUES (${id})`);
  const [first] = (await racing.table('r')).metadata.snapshots;
  before = async () => {
    before = undefined;
    const { identifier } = await racing.table('r');
    const ref = { type: 'tag', snapshotId: first!.snapshotId } as const;
    await racing.lake.catalog.commitTable(
      identifier,
      [],
      [{ action: 'set-snapshot-ref', refName: 'late', ref }],
    );
  };
  const done = await expireSnapshots(racing.session, {
    table: await racing.table('r'),
    olderThanMs: Date.now() + 1000,
    keep: 1,
  });
  expect(done.snapshots).toBe(1);
  expect(await racing.rows(`SELECT id FROM r AT (VERSION => 'late')`)).toEqual([{ id: 1 }]);
});

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
