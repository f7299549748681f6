import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expiredSnapshots } from '../../src/iceberg/expire.ts';
import type { Snapshot, SnapshotRef, TableMetadata } from '../../src/iceberg/metadata.ts';

/** A history in which snapshot n is n hours old counted backwards from 100: snapshot 100 is of now. */
const now = 100 * 3_600_000;
const hour = 3_600_000;

function metadata(
  parents: Readonly<Record<number, number | undefined>>,
  refs: Readonly<Record<string, Partial<SnapshotRef> & { at: number }>>,
  properties: Readonly<Record<string, string>> = {},
): TableMetadata {
  const snapshots = Object.entries(parents).map(
    ([id, parent]): Snapshot => ({
      snapshotId: BigInt(id),
      ...(parent === undefined ? {} : { parentSnapshotId: BigInt(parent) }),
      sequenceNumber: Number(id),
      timestampMs: Number(id) * hour,
      manifestList: `file:///t/${id}.avro`,
      operation: 'append',
      summary: {},
    }),
  );
  const made = Object.fromEntries(
    Object.entries(refs).map(([name, { at, ...ref }]) => [
      name,
      { type: 'branch', ...ref, snapshotId: BigInt(at) } as SnapshotRef,
    ]),
  );
  const current = refs.main === undefined ? undefined : BigInt(refs.main.at);
  return { snapshots, refs: made, currentSnapshotId: current, properties } as unknown as TableMetadata;
}

const line = { 10: undefined, 20: 10, 90: 20, 95: 90, 100: 95 };

function expired(table: TableMetadata, request: Partial<Parameters<typeof expiredSnapshots>[1]> = {}) {
  const { snapshots, refs } = expiredSnapshots(table, { nowMs: now, ...request });
  return { ids: snapshots.map(each => Number(each.snapshotId)), refs };
}

describe('of one branch', () => {
  const table = metadata(line, { main: { at: 100 } });

  test('those go that are older than the table says (five days) and more than it keeps', () => {
    expect(expired(table)).toEqual({ ids: [], refs: [] });
    const short = { 'history.expire.max-snapshot-age-ms': String(20 * hour) };
    expect(expired(metadata(line, { main: { at: 100 } }, short)).ids).toEqual([10, 20]);
    const keeping = { ...short, 'history.expire.min-snapshots-to-keep': '4' };
    expect(expired(metadata(line, { main: { at: 100 } }, keeping)).ids).toEqual([10]);
  });

  test('the request decides over the table', () => {
    expect(expired(table, { olderThanMs: now }).ids).toEqual([10, 20, 90, 95]);
    expect(expired(table, { olderThanMs: now, keep: 3 }).ids).toEqual([10, 20]);
    expect(expired(table, { olderThanMs: 20 * hour }).ids).toEqual([10]);
  });

  test('the head stays, however old', () => {
    expect(expired(metadata({ 1: undefined }, { main: { at: 1 } }), { olderThanMs: now + 1 }).ids).toEqual(
      [],
    );
    expect(expired(table, { snapshotIds: [100n, 20n] }).ids).toEqual([20]);
  });
});

describe('branches and tags', () => {
  const history = { ...line, 30: 20, 40: 30, 15: undefined };

  test('a tag keeps its snapshot, and no other', () => {
    const table = metadata(history, { main: { at: 100 }, q1: { at: 20, type: 'tag' } });
    expect(expired(table, { olderThanMs: now }).ids).toEqual([10, 15, 30, 40, 90, 95]);
  });

  test('a branch keeps what its own retention says', () => {
    const audit = { at: 40, minSnapshotsToKeep: 2 };
    const table = metadata(history, { main: { at: 100 }, audit });
    expect(expired(table, { olderThanMs: now }).ids).toEqual([10, 15, 20, 90, 95]);
    const byAge = metadata(history, { main: { at: 100 }, audit: { at: 40, maxSnapshotAgeMs: 80 * hour } });
    expect(expired(byAge, { olderThanMs: now }).ids).toEqual([10, 15, 90, 95]);
  });

  test('one that has reached its age goes, with what only it kept', () => {
    const table = metadata(history, { main: { at: 100 }, audit: { at: 40, maxRefAgeMs: 10 * hour } });
    expect(expired(table, { olderThanMs: 35 * hour })).toEqual({ ids: [10, 15, 20, 30], refs: ['audit'] });
  });

  test('main never goes', () => {
    const table = metadata({ 1: undefined }, { main: { at: 1, maxRefAgeMs: 1 } });
    expect(expired(table)).toEqual({ ids: [], refs: [] });
  });
});

test('heads of what stays always stay, and what is younger than the limit does too', () => {
  const history = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(
      history,
      fc.array(fc.nat({ max: 19 }), { maxLength: 4 }),
      fc.nat({ max: 30 }),
      (steps, at, limit) => {
        const parents: Record<number, number | undefined> = {};
        for (const [index, step] of steps.entries()) parents[index + 1] = step % (index + 1) || undefined;
        const refs: Record<string, { at: number; type: 'branch' | 'tag' }> = {
          main: { at: steps.length, type: 'branch' },
        };
        for (const [index, each] of at.entries()) {
          refs[`r${index}`] = { at: (each % steps.length) + 1, type: index % 2 === 0 ? 'tag' : 'branch' };
        }
        const { ids } = expired(metadata(parents, refs), { olderThanMs: limit * hour });
        for (const ref of Object.values(refs)) expect(ids).not.toContain(ref.at);
        for (const id of ids) expect(id).toBeLessThan(limit);
      },
    ),
  );
});
