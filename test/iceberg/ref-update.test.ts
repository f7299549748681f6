import { describe, expect, test } from 'vitest';
import { LakebookError } from '../../src/iceberg/errors.ts';
import type { TableMetadata } from '../../src/iceberg/metadata.ts';
import { applyUpdates, checkRequirements } from '../../src/iceberg/metadata-builder.ts';
import {
  ancestors,
  changeRef,
  fastForward,
  type RefChange,
  rollbackTo,
  setBranchHead,
  snapshotBefore,
} from '../../src/iceberg/ref-update.ts';
import type { TableChange } from '../../src/iceberg/updates.ts';
import { tableFrom, withSnapshots } from './evolution-support.ts';

const empty = tableFrom('a: int');
const table = withSnapshots(empty, [1000, 2000, 3000]);

function applied(base: TableMetadata, change: TableChange | undefined): TableMetadata {
  if (change === undefined) return base;
  checkRequirements(base, change.requirements);
  return applyUpdates(base, change.updates);
}

const create = (name: string, extra: Partial<Extract<RefChange, { kind: 'set-ref' }>> = {}): RefChange => ({
  kind: 'set-ref',
  type: 'branch',
  name,
  mode: 'create',
  ...extra,
});

function failure(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    expect(error.hint).toBeTruthy();
    return `${error.code}: ${error.message} ${error.hint}`;
  }
  throw new Error('nothing failed');
}

describe('branches and tags', () => {
  test('are made at the current snapshot or another one, with retention', () => {
    const dev = applied(table, changeRef(table, create('dev')));
    expect(dev.refs.dev).toEqual({ type: 'branch', snapshotId: 3n });
    const retention = { minSnapshotsToKeep: 2, maxSnapshotAgeMs: 10, maxRefAgeMs: 20 };
    const old = applied(table, changeRef(table, create('old', { version: '1', retention })));
    expect(old.refs.old).toEqual({ type: 'branch', snapshotId: 1n, ...retention });
    const tag = applied(
      table,
      changeRef(table, create('q1', { type: 'tag', retention: { maxRefAgeMs: 5 } })),
    );
    expect(tag.refs.q1).toEqual({ type: 'tag', snapshotId: 3n, maxRefAgeMs: 5 });
  });

  test('a name that is taken', () => {
    const dev = applied(table, changeRef(table, create('dev', { version: 1n })));
    expect(failure(() => changeRef(dev, create('dev')))).toContain('REF_EXISTS');
    expect(changeRef(dev, create('dev', { mode: 'create-if-missing' }))).toBeUndefined();
    const replaced = applied(dev, changeRef(dev, create('dev', { mode: 'create-or-replace' })));
    expect(replaced.refs.dev!.snapshotId).toBe(3n);
    // Replacing the retention alone leaves the branch where it is.
    const kept = changeRef(dev, create('dev', { mode: 'replace', retention: { minSnapshotsToKeep: 1 } }));
    expect(applied(dev, kept).refs.dev).toEqual({ type: 'branch', snapshotId: 1n, minSnapshotsToKeep: 1 });
    expect(failure(() => changeRef(dev, create('dve', { mode: 'replace' })))).toContain(
      'Did you mean "dev"?',
    );
    expect(
      failure(() => changeRef(dev, create('dev', { mode: 'create-or-replace', type: 'tag' }))),
    ).toContain('"dev" is a branch, not a tag');
  });

  test('what is refused', () => {
    expect(failure(() => changeRef(empty, create('dev')))).toContain('no snapshot yet');
    expect(failure(() => changeRef(table, create('dev', { version: 9n })))).toContain('SNAPSHOT_NOT_FOUND');
    expect(failure(() => changeRef(table, create('12')))).toContain('could be a snapshot id');
    expect(failure(() => changeRef(table, create(' ')))).toContain('is empty');
    const tagged = { type: 'tag', retention: { minSnapshotsToKeep: 1 } } as const;
    expect(failure(() => changeRef(table, create('t', tagged)))).toContain("don't have snapshot retention");
    expect(failure(() => changeRef(table, create('b', { retention: { maxRefAgeMs: 0 } })))).toContain(
      'above 0',
    );
  });

  test('are dropped, main never', () => {
    const dev = applied(table, changeRef(table, create('dev')));
    const drop: RefChange = { kind: 'drop-ref', type: 'branch', name: 'dev' };
    expect(applied(dev, changeRef(dev, drop)).refs).not.toHaveProperty('dev');
    expect(changeRef(table, { ...drop, ifExists: true })).toBeUndefined();
    expect(failure(() => changeRef(table, drop))).toContain('REF_NOT_FOUND');
    expect(failure(() => changeRef(dev, { ...drop, type: 'tag' }))).toContain('is a branch');
    expect(failure(() => changeRef(table, { kind: 'drop-ref', name: 'main' }))).toContain("can't be dropped");
  });

  test('a change is refused when the ref moved meanwhile', () => {
    const dev = applied(table, changeRef(table, create('dev', { version: 1n })));
    const change = changeRef(dev, create('dev', { mode: 'create-or-replace' }))!;
    const moved = applied(dev, setBranchHead(dev, 2n, 'dev'));
    expect(() => checkRequirements(moved, change.requirements)).toThrow('Another writer came first');
  });
});

describe('going back and forth', () => {
  const back = applied(table, rollbackTo(table, 1n));

  test('rolling back goes to an ancestor only', () => {
    expect(back.currentSnapshotId).toBe(1n);
    expect(back.snapshotLog.at(-1)!.snapshotId).toBe(1n);
    expect(failure(() => rollbackTo(back, 3n))).toContain("doesn't build on it. Use set_current_snapshot");
    expect(failure(() => rollbackTo(table, 7n))).toContain('The newest are 1, 2, 3');
    expect(applied(back, setBranchHead(back, 3n)).currentSnapshotId).toBe(3n);
    expect(setBranchHead(table, 3n)).toBeUndefined();
  });

  test('a moment means the last snapshot before it', () => {
    expect(snapshotBefore(table, 2001).snapshotId).toBe(2n);
    expect(snapshotBefore(table, 2000).snapshotId).toBe(1n);
    expect(failure(() => snapshotBefore(table, 1000))).toContain('1970-01-01T00:00:01.000Z');
    expect(failure(() => snapshotBefore(empty, 1000))).toContain('no snapshots at all');
  });

  test('a branch is fast-forwarded along its own history', () => {
    const dev = applied(back, changeRef(back, create('dev', { version: 3n })));
    expect(applied(dev, fastForward(dev, 'main', 'dev')).currentSnapshotId).toBe(3n);
    expect(failure(() => fastForward(dev, 'dev', 'main'))).toContain("can't be fast-forwarded");
    expect(applied(dev, fastForward(dev, 'new', 'dev')).refs.new).toEqual({ type: 'branch', snapshotId: 3n });
    expect(failure(() => fastForward(dev, 'main', 'dve'))).toContain('Did you mean "dev"?');
    const done = applied(dev, fastForward(dev, 'main', 'dev'));
    expect(fastForward(done, 'main', 'dev')).toBeUndefined();
  });

  test('ancestors, newest first', () => {
    expect(ancestors(table, 3n).map(snapshot => snapshot.snapshotId)).toEqual([3n, 2n, 1n]);
    expect(ancestors(empty, undefined)).toEqual([]);
  });
});
