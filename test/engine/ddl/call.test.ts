import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { rollback } from '../../../src/engine/ddl/index.ts';
import { SqlLake } from './support.ts';

let lake: SqlLake;
beforeAll(async () => {
  lake = await SqlLake.open();
  await lake.run(
    'CREATE TABLE t (a INT); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); INSERT INTO t VALUES (3)',
  );
});

const ids = async () => (await lake.table('t')).metadata.snapshots.map(snapshot => snapshot.snapshotId);
const values = async (from = 't') => (await lake.rows(`SELECT a FROM ${from} ORDER BY a`)).flat();

describe('CALL system', () => {
  test('rolls back and forth', async () => {
    const [first, second, third] = await ids();
    expect(await lake.text(`CALL system.rollback_to_snapshot('t', ${first})`)).toBe(
      `t: rolled back to snapshot ${first} (it was ${third}).`,
    );
    expect(await values()).toEqual([1]);
    expect(
      await lake.failure(`CALL system.rollback_to_snapshot(table => 't', snapshot_id => ${second})`),
    ).toContain("doesn't build on it");
    await lake.run(`CALL lake.system.set_current_snapshot(table => 'default.t', snapshot_id => ${third})`);
    expect(await values()).toEqual([1, 2, 3]);
    expect(await lake.text(`CALL system.set_current_snapshot('t', ${third})`)).toContain(
      'already: nothing changed',
    );
    expect(await lake.failure("CALL system.set_current_snapshot('t')")).toContain(
      'either snapshot_id or ref',
    );
    await rollback(lake.session, await lake.table('t'), metadata => metadata.snapshots[1]!.snapshotId);
    expect(await values()).toEqual([1, 2]);
    await lake.run(`CALL system.set_current_snapshot('t', ${third})`);
  });

  test('to a moment: the last snapshot before it', async () => {
    const snapshots = (await lake.table('t')).metadata.snapshots;
    const time = new Date(snapshots[1]!.timestampMs).toISOString();
    expect(await lake.text(`CALL system.rollback_to_timestamp('t', TIMESTAMPTZ '${time}')`)).toContain(
      `rolled back to snapshot ${snapshots[0]!.snapshotId}`,
    );
    await lake.run(`CALL system.set_current_snapshot('t', $id)`, {
      parameters: { id: snapshots[2]!.snapshotId },
    });
    expect(await lake.failure("CALL system.rollback_to_timestamp('t', '2000-01-01')")).toContain(
      'older than 2000',
    );
  });

  test('publishes branches and picks snapshots', async () => {
    await lake.run("ALTER TABLE t CREATE BRANCH dev; INSERT INTO t AT (VERSION => 'dev') VALUES (10)");
    expect(await lake.text("CALL system.fast_forward('t', 'main', 'dev')")).toMatch(
      /main fast-forwarded to dev, snapshot \d+/,
    );
    expect(await values()).toEqual([1, 2, 3, 10]);
    await lake.run("INSERT INTO t AT (VERSION => 'dev') VALUES (11); INSERT INTO t VALUES (12)");
    expect(await lake.failure("CALL system.fast_forward('t', 'main', 'dev')")).toContain(
      "can't be fast-forwarded",
    );
    const picked = (await lake.table('t')).metadata.refs.dev!.snapshotId;
    expect(await lake.text(`CALL system.cherrypick_snapshot('t', ${picked})`)).toContain(
      'picked 1 row of snapshot',
    );
    expect(await values()).toEqual([1, 2, 3, 10, 11, 12]);
    expect(await values("t AT (VERSION => 'dev')")).toEqual([1, 2, 3, 10, 11]);
    expect(await lake.failure(`CALL system.cherrypick_snapshot('t', ${picked})`)).toContain('already');
    await lake.run("DELETE FROM t AT (VERSION => 'dev') WHERE a = 1");
    const deleting = (await lake.table('t')).metadata.refs.dev!.snapshotId;
    expect(await lake.failure(`CALL system.cherrypick_snapshot('t', ${deleting})`)).toMatch(/^UNSUPPORTED/);
  });

  test('a snapshot that follows the current one is taken as it is', async () => {
    await lake.run(
      "CREATE TABLE w (a INT); INSERT INTO w VALUES (1); ALTER TABLE w CREATE BRANCH audit; INSERT INTO w AT (VERSION => 'audit') VALUES (2)",
    );
    const staged = (await lake.table('w')).metadata.refs.audit!.snapshotId;
    await lake.run(`CALL system.cherrypick_snapshot('w', ${staged})`);
    expect((await lake.table('w')).metadata.currentSnapshotId).toBe(staged);
  });

  test('only the rows that a snapshot added are picked, also from a manifest that has others too', async () => {
    await lake.run(
      `CREATE TABLE merged (a INT) TBLPROPERTIES ('commit.manifest.min-count-to-merge' = '1');
       INSERT INTO merged VALUES (1); INSERT INTO merged VALUES (2); ALTER TABLE merged CREATE BRANCH dev;
       INSERT INTO merged AT (VERSION => 'dev') VALUES (3); INSERT INTO merged VALUES (4)`,
    );
    const picked = (await lake.table('merged')).metadata.refs.dev!.snapshotId;
    await lake.run(`CALL system.cherrypick_snapshot('merged', ${picked})`);
    expect(await values('merged')).toEqual([1, 2, 3, 4]);
  });

  test('ancestors', async () => {
    const [first, second] = await ids();
    const rows = await lake.rows(`SELECT 1; CALL system.ancestors_of('t', ${second})`);
    expect(rows.map(row => BigInt(row[0] as number))).toEqual([second, first]);
    await lake.run('CREATE TABLE fresh (a INT)');
    expect(await lake.text("CALL system.ancestors_of('fresh')")).toContain('no snapshots');
  });

  test('registers a table by its metadata file', async () => {
    const { metadataLocation } = await lake.table('t');
    expect(await lake.text(`CALL system.register_table('again', '${metadataLocation}')`)).toMatch(
      /^again: registered with \d+ snapshots/,
    );
    expect(await values('again')).toEqual(await values());
    // A catalog's server can't read files of this machine.
    const isRemote = process.env.LAKEBOOK_TEST_STORAGE === 'rest';
    const { storage, warehouse } = lake.lake;
    const folder = isRemote ? `${warehouse}/` : '';
    const copy = await storage.read(metadataLocation);
    if (isRemote) await storage.create(`${folder}00009-copy.metadata.json`, copy);
    else writeFileSync(path.join(lake.folder, '00009-copy.metadata.json'), copy);
    await lake.run(`CALL system.register_table('copied', '${folder}00009-copy.metadata.json')`);
    expect(await values('copied')).toEqual(await values());
    expect(await lake.failure(`CALL system.register_table('x', '${folder}nope.metadata.json')`)).toContain(
      'no metadata file',
    );
    expect(await lake.failure(`CALL system.register_table('t', '${metadataLocation}')`)).toContain(
      'TABLE_EXISTS',
    );
  });

  test('unknown procedures and arguments', async () => {
    expect(await lake.failure("CALL system.rolback_to_snapshot('t', 1)")).toMatch(
      /^UNSUPPORTED 1:6 .*Did you mean "rollback_to_snapshot"/,
    );
    expect(await lake.failure("CALL system.add_files('t')")).toContain(
      'The procedures are rewrite_data_files,',
    );
    expect(await lake.failure("CALL system.rollback_to_snapshot('t')")).toContain(
      'needs snapshot_id. Write CALL',
    );
    expect(await lake.failure("CALL system.rollback_to_snapshot('t', id => 1)")).toContain(
      'no parameter "id"',
    );
    expect(await lake.failure("CALL system.rollback_to_snapshot('t', 1, 2)")).toContain('takes 2 arguments');
    expect(await lake.failure("CALL system.rollback_to_snapshot('t', NULL)")).toContain('is NULL');
    expect(await lake.failure("CALL system.rollback_to_snapshot('t', 'x')")).toMatch(/^CONVERSION/);
    expect(await lake.failure("CALL system.rollback_to_snapshot('tt', 1)")).toMatch(/^TABLE_NOT_FOUND/);
    expect(await lake.rows('CALL pragma_version()')).toHaveLength(1);
  });
});
