import { beforeAll, describe, expect, test } from 'vitest';
import { rollback } from '../../../src/engine/ddl/index.ts';
import { expireSnapshots } from '../../../src/engine/maintain/index.ts';
import { localPlace, OpenLake } from '../support/lakes.ts';
import { type MixedAnswer, type MixedCall, type MixedRecord, Replay, readRows, versionsOf } from './model.ts';

/** What a process of this name would have written down of a real lake. */
let records: MixedRecord[];
let versions: Awaited<ReturnType<typeof versionsOf>>;

beforeAll(async () => {
  const place = await localPlace();
  const open = await OpenLake.open(place.folder);
  await open.session.execute(`CREATE TABLE m (id BIGINT, p INT, n BIGINT) PARTITIONED BY (p)`);
  records = [];
  const record = async (call: MixedCall, work: () => Promise<MixedAnswer>) => {
    const number = records.length;
    const answer = await work();
    const [invoked, completed] = [number * 10, number * 10 + 5];
    records.push({ process: 0, number, call, invoked, completed, outcome: 'ok', answer });
  };
  const change = async (sql: string): Promise<MixedAnswer> => {
    const { rowsInserted, rowsUpdated, rowsDeleted, snapshotId } = await open.change(sql);
    return { snapshotId: String(snapshotId), counts: [rowsInserted, rowsUpdated, rowsDeleted] };
  };
  await record({ kind: 'append', p: 1, ids: [100, 101, 102] }, () =>
    change('INSERT INTO m VALUES (100, 1, 0), (101, 1, 0), (102, 1, 0)'),
  );
  await record({ kind: 'update', p: 1, divisor: 3, rest: 1 }, () =>
    change('UPDATE m SET n = n + 1 WHERE p = 1 AND id % 3 = 1'),
  );
  await record({ kind: 'read' }, async () => ({ rows: await readRows(open) }));
  await record({ kind: 'delete', p: 1, divisor: 3, rest: 2 }, () =>
    change('DELETE FROM m WHERE p = 1 AND id % 3 = 2'),
  );
  await record({ kind: 'evolve', column: 'c', drop: false }, async () => {
    await open.session.execute('ALTER TABLE m ADD COLUMN c INT');
    return {};
  });
  const to = records[1]!.answer!.snapshotId!;
  await record({ kind: 'rollback', to }, async () => {
    await rollback(open.session, await open.table('m'), BigInt(to));
    return { moved: true };
  });
  await record({ kind: 'append', p: 2, ids: [200] }, () =>
    change('INSERT INTO m (id, p, n) VALUES (200, 2, 0)'),
  );
  await record({ kind: 'expire' }, async () => {
    const olderThanMs = Date.now() + 1000;
    const { snapshots } = await expireSnapshots(open.session, {
      table: await open.table('m'),
      olderThanMs,
      keep: 2,
    });
    return { expired: snapshots, failed: 0 };
  });
  versions = await versionsOf(open.lake, 'm');
  await open.close();
  await place.stop();
});

function faultsOf(of: readonly MixedRecord[], commits = versions.slice(1)): readonly string[] {
  const replay = new Replay(versions[0]!);
  replay.advance(commits, of);
  return replay.faults;
}

/** The records with one of them changed. */
const with1 = (number: number, change: Partial<MixedRecord>) =>
  records.map(record => (record.number === number ? { ...record, ...change } : record));

test('a history that is as it was told has no faults', () => {
  expect(faultsOf(records)).toEqual([]);
  const replay = new Replay(versions[0]!);
  replay.advance(versions.slice(1), records);
  expect(replay.rows).toEqual([
    [100, 1, 1],
    [101, 1, 0],
    [102, 1, 0],
    [200, 2, 0],
  ]);
});

test('a call of unknown outcome may be in it or not', () => {
  for (const number of [0, 1, 3, 4, 5, 6, 7]) {
    const { answer: _, ...rest } = records[number]!;
    const unknown = { ...rest, outcome: 'unknown' as const };
    expect(faultsOf(records.map(record => (record.number === number ? unknown : record)))).toEqual([]);
  }
  const never: MixedRecord = { ...records[0]!, number: 99, outcome: 'unknown', answer: undefined };
  expect(faultsOf([...records, never])).toEqual([]);
});

describe('planted faults are found', () => {
  test.each([0, 1, 3, 4, 5, 6, 7])('call %i was refused and is there', number => {
    expect(faultsOf(with1(number, { outcome: 'fail' }))).not.toEqual([]);
  });

  test('a call was acknowledged and is not there', () => {
    const lost = { ...records[0]!, number: 99, answer: { snapshotId: '1', counts: [3, 0, 0] } };
    expect(faultsOf([...records, lost])).toContainEqual(
      expect.stringMatching(/append 0\.99 was acknowledged/),
    );
    for (const kind of ['evolve', 'rollback', 'expire'] as const) {
      const call = { kind, column: 'x', drop: false, to: '1' } as MixedCall;
      const answer = { moved: true, expired: 1, failed: 0 };
      expect(faultsOf([...records, { ...records[0]!, number: 99, call, answer }])).not.toEqual([]);
    }
  });

  test('a change had another effect than it has', () => {
    const answer = { ...records[1]!.answer!, counts: [0, 2, 0] };
    expect(faultsOf(with1(1, { answer }))).toContainEqual(
      expect.stringMatching(/answered 0,2,0 rows, but 0,1,0/),
    );
  });

  test('a call that had ended comes after one that began later', () => {
    const early = { ...records[3]!, invoked: -20, completed: -10 };
    expect(faultsOf(with1(3, early))).toContainEqual(
      expect.stringMatching(/began after delete 0\.3 had ended/),
    );
  });

  test('a read saw what never was, or was no more', () => {
    const saw = (rows: MixedAnswer['rows'], more: Partial<MixedRecord> = {}) =>
      faultsOf(with1(2, { answer: { rows }, ...more }));
    const torn = /read 0\.2 saw rows that the table had at no moment/;
    expect(saw([[100, 1, 1]])).toContainEqual(expect.stringMatching(torn));
    expect(saw([])).toContainEqual(expect.stringMatching(torn));
    const { rows } = records[2]!.answer!;
    expect(saw(rows, { invoked: 36, completed: 38 })).toContainEqual(expect.stringMatching(torn));
  });

  test('two commits in one, a commit without its predecessor', () => {
    expect(faultsOf(records, versions.slice(2))).not.toEqual([]);
    expect(faultsOf(records, [...versions.slice(1, 3), ...versions.slice(4)])).not.toEqual([]);
  });
});
