import type { AlterAction } from './statement.ts';
import type { TokenCursor } from './token-cursor.ts';

type CreateRef = Extract<AlterAction, { kind: 'create-ref' }>;
type DropRef = Extract<AlterAction, { kind: 'drop-ref' }>;
type Unplaced<T> = Omit<T, 'span'>;

const millisecondsOf: Readonly<Record<string, number>> = {
  DAYS: 86_400_000,
  DAY: 86_400_000,
  HOURS: 3_600_000,
  HOUR: 3_600_000,
  MINUTES: 60_000,
  MINUTE: 60_000,
};

/** Whether BRANCH or TAG and a name come next, `ahead` tokens from here. */
export function atRef(cursor: TokenCursor, ahead = 0): boolean {
  const word = cursor.peek(ahead);
  const name = cursor.peek(ahead + 1);
  return (
    word?.type === 'word' &&
    (word.value === 'BRANCH' || word.value === 'TAG') &&
    name !== undefined &&
    ['word', 'quoted', 'string'].includes(name.type)
  );
}

function parseRefType(cursor: TokenCursor): 'branch' | 'tag' {
  const word = cursor.acceptAny(['BRANCH', 'TAG']);
  return word === undefined ? cursor.fail('BRANCH or TAG') : word === 'TAG' ? 'tag' : 'branch';
}

function parseRefName(cursor: TokenCursor, type: string): string {
  const what = `a name for the ${type}`;
  return cursor.peek()?.type === 'string' ? cursor.string(what) : cursor.name(what).name;
}

/**
 * What follows CREATE, CREATE OR REPLACE or REPLACE (`how`): BRANCH or TAG with Iceberg's clauses
 * AS OF VERSION, RETAIN and WITH SNAPSHOT RETENTION.
 */
export function parseCreateRef(
  cursor: TokenCursor,
  how: { readonly orReplace: boolean; readonly mustExist: boolean },
): Unplaced<CreateRef> {
  const type = parseRefType(cursor);
  const ifNotExists = cursor.accept('IF');
  if (ifNotExists) cursor.expect('NOT', 'EXISTS');
  const name = parseRefName(cursor, type);
  let version: string | undefined;
  if (cursor.accept('AS')) {
    cursor.expect('OF', 'VERSION');
    version = parseVersion(cursor);
  }
  const maxRefAgeMs = cursor.accept('RETAIN') ? parseDuration(cursor) : undefined;
  const retention =
    type === 'branch' && cursor.accept('WITH', 'SNAPSHOT', 'RETENTION') ? parseRetention(cursor) : {};
  return { kind: 'create-ref', type, name, ...how, ifNotExists, version, maxRefAgeMs, ...retention };
}

function parseVersion(cursor: TokenCursor): string {
  const token = cursor.peek();
  if (token?.type === 'number') return cursor.digits('a snapshot id');
  if (token?.type === 'string') return cursor.string('a snapshot id');
  return cursor.name('a snapshot id, or the name of a branch or tag').name;
}

function parseDuration(cursor: TokenCursor): number {
  return cursor.integer('a number of days') * parseUnit(cursor);
}

function parseUnit(cursor: TokenCursor): number {
  const unit = cursor.acceptAny(Object.keys(millisecondsOf));
  return unit === undefined ? cursor.fail('DAYS, HOURS or MINUTES') : millisecondsOf[unit]!;
}

/** `n SNAPSHOTS`, `n DAYS`, or both. */
function parseRetention(cursor: TokenCursor): Pick<CreateRef, 'minSnapshotsToKeep' | 'maxSnapshotAgeMs'> {
  let minSnapshotsToKeep: number | undefined;
  let maxSnapshotAgeMs: number | undefined;
  do {
    const count = cursor.integer('a number of snapshots or days');
    if (cursor.acceptAny(['SNAPSHOTS', 'SNAPSHOT']) !== undefined) minSnapshotsToKeep = count;
    else maxSnapshotAgeMs = count * parseUnit(cursor);
  } while (cursor.peek()?.type === 'number');
  return { minSnapshotsToKeep, maxSnapshotAgeMs };
}

/** What follows DROP: BRANCH or TAG [IF EXISTS] name. */
export function parseDropRef(cursor: TokenCursor): Unplaced<DropRef> {
  const type = parseRefType(cursor);
  const ifExists = cursor.accept('IF', 'EXISTS');
  return { kind: 'drop-ref', type, name: parseRefName(cursor, type), ifExists };
}
