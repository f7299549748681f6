import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LoadedTable } from '../../../src/catalog/catalog.ts';
import { rollback } from '../../../src/engine/ddl/index.ts';
import { expireSnapshots, findOrphans } from '../../../src/engine/maintain/index.ts';
import { snapshotAsOf, type TableMetadata } from '../../../src/iceberg/metadata.ts';
import { withParts } from '../../engine/dml/support.ts';
import { localPlace, OpenLake, type Place } from '../support/lakes.ts';
import { long } from '../support/modes.ts';
import { expectOrphansFound } from '../support/orphans.ts';
import { Random } from '../support/random.ts';

// Nothing in Lakebook asks for the time but by Date.now, and for how long something takes by performance.now, which
// nobody sets. So a clock that is wrong is a Date.now that answers wrongly.

const minute = 60_000;
const day = 24 * 60 * minute;
const real = Date.now;
/** How wrong the clock is now, in milliseconds. */
let offset = 0;
vi.spyOn(Date, 'now').mockImplementation(() => real() + offset);

let place: Place;
let open: OpenLake;
/** What happens before the next commit reaches the catalog. */
let between: (() => Promise<unknown>) | undefined;
/** Another process on the same lake. */
let other: OpenLake;
beforeEach(async () => {
  offset = 0;
  between = undefined;
  place = await localPlace();
  open = await OpenLake.open(place.folder, lake =>
    withParts(lake, {
      commitTable: async (table, requirements, updates) => {
        const now = between;
        between = undefined;
        await now?.();
        return lake.catalog.commitTable(table, requirements, updates);
      },
    }),
  );
  other = await OpenLake.open(place.folder);
  await open.session.execute('CREATE TABLE t (id BIGINT)');
});
afterEach(async () => {
  offset = 0;
  await open.close();
  await other.close();
  await place.stop();
});
afterAll(() => vi.restoreAllMocks());

/** What Iceberg's libraries ask of a table's times; they allow a minute, Lakebook's own need none. */
function expectOrdered(metadata: TableMetadata): void {
  const { snapshotLog, metadataLog, snapshots, lastUpdatedMs } = metadata;
  for (const log of [snapshotLog, metadataLog]) {
    for (const [index, { timestampMs }] of log.entries()) {
      expect(timestampMs).toBeGreaterThanOrEqual(log[index - 1]?.timestampMs ?? 0);
      expect(timestampMs).toBeLessThanOrEqual(lastUpdatedMs);
    }
  }
  const byId = new Map(snapshots.map(snapshot => [snapshot.snapshotId, snapshot]));
  for (const { parentSnapshotId, timestampMs } of snapshots) {
    const parent = parentSnapshotId === undefined ? undefined : byId.get(parentSnapshotId);
    if (parent !== undefined) expect(timestampMs).toBeGreaterThan(parent.timestampMs);
  }
  expect(new Set(snapshots.map(({ timestampMs }) => timestampMs)).size).toBe(snapshots.length);
}

/** At each moment of the log exactly the snapshot is current that was made current then. */
function expectUnambiguous({ metadata }: LoadedTable): void {
  for (const [index, { snapshotId, timestampMs }] of metadata.snapshotLog.entries()) {
    const next = metadata.snapshotLog[index + 1];
    if (next?.timestampMs === timestampMs) continue;
    expect(snapshotAsOf(metadata, timestampMs)?.snapshotId).toBe(snapshotId);
    if (next !== undefined) expect(snapshotAsOf(metadata, next.timestampMs - 1)?.snapshotId).toBe(snapshotId);
  }
}

test.each(Array.from({ length: long ? 50 : 3 }, (_, seed) => seed))(
  'two writers whose clocks differ and jump keep a history in order, sequence %i',
  async seed => {
    const random = new Random(seed);
    const writers = [open, other];
    // One is some minutes ahead of the other; both jump now and then.
    const offsets = [0, (random.below(2) === 0 ? 1 : -1) * (1 + random.below(10)) * minute];
    const rows = new Map<bigint, number>();
    let count = 0;
    for (let step = 0; step < 14; step++) {
      const writer = random.below(2);
      if (random.below(4) === 0) offsets[writer]! += (random.next() - 0.5) * 4 * day;
      offset = Math.round(offsets[writer]!);
      const { session } = writers[writer]!;
      const { metadata } = await writers[writer]!.table('t');
      if (random.below(5) === 0 && metadata.snapshots.length > 1) {
        const target = random.pick(metadata.snapshots).snapshotId;
        // Only the current snapshot's ancestors can be gone back to.
        await rollback(session, await writers[writer]!.table('t'), target).then(
          () => {
            count = rows.get(target)!;
          },
          error => expect(error).toMatchObject({ code: 'INVALID' }),
        );
      } else {
        const { snapshotId } = await writers[writer]!.change(`INSERT INTO t VALUES (${step})`);
        rows.set(snapshotId!, ++count);
      }
      const table = await other.table('t');
      expectOrdered(table.metadata);
      expectUnambiguous(table);
    }
    offset = 0;
    const { metadata } = await other.table('t');
    for (const { snapshotId, timestampMs } of metadata.snapshotLog) {
      if (snapshotAsOf(metadata, timestampMs)?.snapshotId !== snapshotId) continue;
      const at = new Date(timestampMs).toISOString();
      const [[found]] = (await other.rows(
        `SELECT count(*)::INT FROM t AT (TIMESTAMP => TIMESTAMPTZ '${at}')`,
      )) as [[number]];
      expect(found).toBe(rows.get(snapshotId));
    }
  },
);

describe.each([-400 * day, -10 * minute, 10 * minute, 400 * day])('a clock that is wrong by %i ms', wrong => {
  test('lets expiry remove no snapshot or file that is needed', async () => {
    for (const id of [1, 2, 3]) await open.change(`INSERT INTO t VALUES (${id})`);
    await open.session.execute('ALTER TABLE t CREATE TAG one; ALTER TABLE t CREATE BRANCH dev');
    await open.change('DELETE FROM t WHERE id = 2');
    offset = wrong;
    await expireSnapshots(other.session, { table: await other.table('t') }, {});
    offset = 0;
    expect(await other.rows('SELECT id FROM t ORDER BY id')).toEqual([[1], [3]]);
    for (const ref of ['one', 'dev'])
      expect(await other.rows(`SELECT id FROM t AT (VERSION => '${ref}') ORDER BY id`)).toEqual([
        [1],
        [2],
        [3],
      ]);
    await expectOrphansFound(other, 't');
    expectOrdered((await other.table('t')).metadata);
    // The history goes on whatever the clock was.
    await open.change('INSERT INTO t VALUES (4)');
    expect(await other.rows('SELECT count(*)::INT FROM t')).toEqual([[3]]);
  });

  test('lets the clean-up of orphans remove no file that a snapshot has', async () => {
    for (const id of [1, 2]) await open.change(`INSERT INTO t VALUES (${id})`);
    offset = wrong;
    await findOrphans(other.session, { table: await other.table('t'), delete: true });
    offset = 0;
    expect(await other.rows('SELECT id FROM t ORDER BY id')).toEqual([[1], [2]]);
    for (const { snapshotId } of (await other.table('t')).metadata.snapshots)
      await other.rows(`SELECT * FROM t AT (VERSION => ${snapshotId})`);
  });
});

describe('a clean-up of orphans between writing and committing', () => {
  const cleanUp = async (by: number) => {
    offset += by;
    const { deleted } = await findOrphans(other.session, { table: await other.table('t'), delete: true });
    return deleted;
  };

  test('on a clock that is some minutes or hours ahead takes nothing', async () => {
    let deleted: number | undefined;
    between = async () => {
      deleted = await cleanUp(2 * day);
    };
    await open.change('INSERT INTO t VALUES (1)');
    expect(deleted).toBe(0);
    expect(await other.rows('SELECT id FROM t')).toEqual([[1]]);
  });

  test.each(['INSERT INTO t VALUES (3)', 'DELETE FROM t WHERE id = 1', 'UPDATE t SET id = 7 WHERE id = 1'])(
    'after a sleep of days is noticed, and the rows are written anew: %s',
    async sql => {
      await open.session.execute(`ALTER TABLE t SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')`);
      await open.change('INSERT INTO t VALUES (1), (2)');
      let deleted: number | undefined;
      between = async () => {
        // Somebody commits, so that this one is tried again, after the clean-up.
        deleted = await cleanUp(5 * day);
        await other.session.execute('ALTER TABLE t SET TBLPROPERTIES (k = 1)');
        await other.change('INSERT INTO t VALUES (9)');
      };
      await open.change(sql);
      expect(deleted).toBeGreaterThan(0);
      const expected = sql.startsWith('INSERT')
        ? [1, 2, 3, 9]
        : sql.startsWith('DELETE')
          ? [2, 9]
          : [2, 7, 9];
      expect(await other.rows('SELECT id FROM t ORDER BY id')).toEqual(expected.map(id => [id]));
    },
  );
});
