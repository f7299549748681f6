import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TestLake } from './dml/support.ts';

const t = await TestLake.open();
let tables = 0;

async function keyed(mode: string, formatVersion = 2): Promise<string> {
  const name = `ch${tables++}`;
  await t.create(name, {
    columns: { id: 'long!', v: 'string' },
    formatVersion,
    properties: { 'write.delete.mode': mode, 'write.update.mode': mode, 'write.merge.mode': mode },
  });
  await t.session.execute(`ALTER TABLE ${name} SET IDENTIFIER FIELDS id`);
  return name;
}

test.each(['copy-on-write', 'merge-on-read'])(
  'each commit’s changes are told, with keys as updates: %s',
  async mode => {
    const name = await keyed(mode);
    await t.change(`INSERT INTO ${name} VALUES (1, 'a'), (2, 'b'), (3, 'c')`);
    await t.change(`UPDATE ${name} SET v = 'B' WHERE id = 2`);
    await t.change(`DELETE FROM ${name} WHERE id = 3`);
    await t.change(`INSERT INTO ${name} VALUES (4, 'd')`);
    const changes = await t.rows(
      `SELECT _change_ordinal AS o, _change_type AS c, id, v FROM ${name}$changes ORDER BY o, id, c DESC`,
    );
    expect(changes).toEqual([
      { o: 0, c: 'INSERT', id: 1, v: 'a' },
      { o: 0, c: 'INSERT', id: 2, v: 'b' },
      { o: 0, c: 'INSERT', id: 3, v: 'c' },
      { o: 1, c: 'UPDATE_BEFORE', id: 2, v: 'b' },
      { o: 1, c: 'UPDATE_AFTER', id: 2, v: 'B' },
      { o: 2, c: 'DELETE', id: 3, v: 'c' },
      { o: 3, c: 'INSERT', id: 4, v: 'd' },
    ]);
    const { metadata } = await t.table(name);
    const [, second] = metadata.snapshots;
    expect(
      await t.rows(`SELECT count(*) AS n FROM ${name}$changes AT (VERSION => ${second!.snapshotId})`),
    ).toEqual([{ n: 5 }]);
    expect(
      await t.rows(
        `SELECT id FROM ${name}$changes WHERE _commit_snapshot_id = ${metadata.currentSnapshotId}`,
      ),
    ).toEqual([{ id: 4 }]);
  },
);

test('a table without rows has no changes', async () => {
  const name = await keyed('copy-on-write');
  expect(await t.rows(`SELECT * FROM ${name}$changes`)).toEqual([]);
});

test('compacting is no change', async () => {
  const name = await keyed('merge-on-read', 3);
  await t.change(`INSERT INTO ${name} VALUES (1, 'a'), (2, 'b')`);
  await t.change(`DELETE FROM ${name} WHERE id = 1`);
  const before = await t.rows(`SELECT * FROM ${name}$changes ORDER BY ALL`);
  await t.session.execute(
    `CALL system.rewrite_data_files(table => '${name}', options => map('rewrite-all', 'true'))`,
  );
  expect(await t.rows(`SELECT * FROM ${name}$changes ORDER BY ALL`)).toEqual(before);
});

test('what was added less what was deleted is what is there', async () => {
  const change = fc.oneof(
    fc.nat({ max: 9 }).map(n => `INSERT INTO T SELECT i, '${n}' FROM range(${n}) r(i)`),
    fc.nat({ max: 4 }).map(n => `DELETE FROM T WHERE id % 5 = ${n}`),
    fc.nat({ max: 4 }).map(n => `UPDATE T SET v = v || '${n}' WHERE id % 5 = ${n}`),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 2, maxLength: 6 }), fc.boolean(), async (changes, mor) => {
      const name = `ch${tables++}`;
      const mode = mor ? 'merge-on-read' : 'copy-on-write';
      await t.create(name, {
        columns: { id: 'long', v: 'string' },
        formatVersion: 3,
        properties: { 'write.delete.mode': mode, 'write.update.mode': mode },
      });
      for (const sql of changes) await t.session.execute(sql.replace(/\bT\b/, name));
      const summed = await t.rows(
        `SELECT id, v, sum(CASE _change_type WHEN 'INSERT' THEN 1 ELSE -1 END)::INT AS n FROM ${name}$changes
         GROUP BY id, v HAVING n <> 0 ORDER BY ALL`,
      );
      expect(summed).toEqual(
        await t.rows(`SELECT id, v, count(*)::INT AS n FROM ${name} GROUP BY id, v ORDER BY ALL`),
      );
    }),
    { numRuns: 8 },
  );
});
