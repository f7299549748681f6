import { didYouMeanHint } from './did-you-mean.ts';
import { AlreadyExistsError, NotFoundError, type TextPosition, ValidationError } from './errors.ts';
import { mainBranch, type Snapshot, type SnapshotRef, snapshotById, type TableMetadata } from './metadata.ts';
import type { TableChange, TableRequirement } from './updates.ts';

/** Snapshot lifetimes of a branch or tag; what is absent is the table's own (spec: "Snapshot References"). */
export interface Retention {
  /** Branches only. */
  readonly minSnapshotsToKeep?: number;
  /** Branches only, in milliseconds. */
  readonly maxSnapshotAgeMs?: number;
  /** In milliseconds. */
  readonly maxRefAgeMs?: number;
}

/** One change of a table's branches and tags. `at` is where a person wrote it, for errors. */
export type RefChange = { readonly at?: TextPosition } & (
  | {
      readonly kind: 'set-ref';
      readonly type: 'branch' | 'tag';
      readonly name: string;
      /**
       * A snapshot id, also as text, or the name of a branch or tag. Absent: the current snapshot; for `replace` of
       * a ref that is there: the one it's at.
       */
      readonly version?: bigint | string;
      /** `create` fails when the name is taken, `replace` when it isn't. */
      readonly mode: 'create' | 'create-if-missing' | 'create-or-replace' | 'replace';
      readonly retention?: Retention;
    }
  | {
      readonly kind: 'drop-ref';
      /** Absent: a branch or a tag, whichever has the name. */
      readonly type?: 'branch' | 'tag';
      readonly name: string;
      readonly ifExists?: boolean;
    }
);

/**
 * What to commit for a change of a branch or tag; undefined when there is nothing to do.
 * @throws AlreadyExistsError('ref'), NotFoundError('ref' or 'snapshot'), ValidationError
 */
export function changeRef(metadata: TableMetadata, change: RefChange): TableChange | undefined {
  return change.kind === 'set-ref' ? setRef(metadata, change) : dropRef(metadata, change);
}

function setRef(
  metadata: TableMetadata,
  change: Extract<RefChange, { kind: 'set-ref' }>,
): TableChange | undefined {
  const { type, name, mode, retention = {}, at } = change;
  const there = refOf(metadata, name);
  if (there === undefined && mode === 'replace') throw unknownRef(metadata, name, type, at);
  if (there !== undefined) {
    if (mode === 'create') {
      throw new AlreadyExistsError('ref', `There is a ${there.type} "${name}" already.`, {
        hint: `Choose another name, or write CREATE OR REPLACE ${type.toUpperCase()}.`,
        position: at,
      });
    }
    checkType(name, there, type, at);
    if (mode === 'create-if-missing') return undefined;
  }
  checkNewRef(name, type, retention, at);
  const snapshotId =
    resolveVersion(metadata, change.version, at) ??
    (mode === 'replace' ? there?.snapshotId : undefined) ??
    metadata.currentSnapshotId;
  if (snapshotId === undefined) {
    throw new ValidationError(`The ${type} "${name}" can't be made: the table has no snapshot yet.`, {
      hint:
        type === 'branch'
          ? `Insert rows first, or write to the branch straight away: INSERT INTO ... AT (VERSION => '${name}').`
          : 'Insert rows first.',
      position: at,
    });
  }
  const ref: SnapshotRef = { snapshotId, type, ...definedOnly(retention) };
  return {
    updates: [{ action: 'set-snapshot-ref', refName: name, ref }],
    requirements: same(metadata, name),
  };
}

function dropRef(
  metadata: TableMetadata,
  change: Extract<RefChange, { kind: 'drop-ref' }>,
): TableChange | undefined {
  const { name, type, at } = change;
  const there = refOf(metadata, name);
  if (name === mainBranch) {
    throw new ValidationError("The branch main can't be dropped: it is the table's state.", {
      hint: 'TRUNCATE removes all rows; DROP TABLE removes the table.',
      position: at,
    });
  }
  if (there === undefined) {
    if (change.ifExists === true) return undefined;
    throw unknownRef(metadata, name, type ?? 'branch or tag', at);
  }
  if (type !== undefined) checkType(name, there, type, at);
  return { updates: [{ action: 'remove-snapshot-ref', refName: name }], requirements: same(metadata, name) };
}

/**
 * Makes a snapshot the head of a branch, whatever came after it; retention stays. undefined: it is already.
 * @throws NotFoundError('snapshot' or 'ref')
 */
export function setBranchHead(
  metadata: TableMetadata,
  snapshotId: bigint,
  branch = mainBranch,
  at?: TextPosition,
): TableChange | undefined {
  requireSnapshot(metadata, snapshotId, at);
  const there = refOf(metadata, branch);
  if (there === undefined && branch !== mainBranch) throw unknownRef(metadata, branch, 'branch', at);
  if (there !== undefined) checkType(branch, there, 'branch', at);
  if (there?.snapshotId === snapshotId) return undefined;
  const ref: SnapshotRef = { ...there, type: 'branch', snapshotId };
  return {
    updates: [{ action: 'set-snapshot-ref', refName: branch, ref }],
    requirements: same(metadata, branch),
  };
}

/**
 * Goes back to an earlier snapshot of the main branch's own history.
 * @throws ValidationError when the snapshot isn't part of it, NotFoundError('snapshot')
 */
export function rollbackTo(
  metadata: TableMetadata,
  snapshotId: bigint,
  at?: TextPosition,
): TableChange | undefined {
  requireSnapshot(metadata, snapshotId, at);
  if (!isAncestor(metadata, snapshotId, metadata.currentSnapshotId)) {
    throw new ValidationError(
      `The table can't be rolled back to snapshot ${snapshotId}: the current snapshot doesn't build on it.`,
      { hint: 'Use set_current_snapshot to go to any snapshot.', position: at },
    );
  }
  return setBranchHead(metadata, snapshotId, mainBranch, at);
}

/**
 * The snapshot that rolling back to a moment (milliseconds since the epoch) means: the last of the main branch's
 * history that is older, as in Iceberg's Java library. @throws ValidationError when there is none
 */
export function snapshotBefore(metadata: TableMetadata, timestampMs: number, at?: TextPosition): Snapshot {
  const found = ancestors(metadata, metadata.currentSnapshotId).find(s => s.timestampMs < timestampMs);
  if (found !== undefined) return found;
  const oldest = ancestors(metadata, metadata.currentSnapshotId).at(-1);
  const time = new Date(timestampMs).toISOString();
  throw new ValidationError(`The table has no snapshot that is older than ${time}.`, {
    hint:
      oldest === undefined
        ? 'It has no snapshots at all.'
        : `Its oldest one is of ${new Date(oldest.timestampMs).toISOString()}.`,
    position: at,
  });
}

/**
 * Moves a branch forward to where another branch or tag is; a branch that isn't there is made. undefined: it is
 * there already.
 * @throws ValidationError when the branch has snapshots that the other one doesn't build on, NotFoundError('ref')
 */
export function fastForward(
  metadata: TableMetadata,
  branch: string,
  to: string,
  at?: TextPosition,
): TableChange | undefined {
  const target = refOf(metadata, to);
  if (target === undefined) throw unknownRef(metadata, to, 'branch or tag', at);
  const there = refOf(metadata, branch);
  if (there === undefined) {
    checkNewRef(branch, 'branch', {}, at);
    const ref: SnapshotRef = { type: 'branch', snapshotId: target.snapshotId };
    return {
      updates: [{ action: 'set-snapshot-ref', refName: branch, ref }],
      requirements: [...same(metadata, branch), refRequirement(metadata, to)],
    };
  }
  checkType(branch, there, 'branch', at);
  if (!isAncestor(metadata, there.snapshotId, target.snapshotId)) {
    throw new ValidationError(
      `The branch "${branch}" can't be fast-forwarded to "${to}": it has changes that "${to}" doesn't build on.`,
      {
        hint: `Both changed since they parted. Apply the changes of "${to}" again on "${branch}", or set_current_snapshot to it to give up those of "${branch}".`,
        position: at,
      },
    );
  }
  const change = setBranchHead(metadata, target.snapshotId, branch, at);
  return change && { ...change, requirements: [...change.requirements, refRequirement(metadata, to)] };
}

/** A snapshot and those it builds on, newest first, as far as they are still there. */
export function ancestors(metadata: TableMetadata, snapshotId: bigint | undefined): Snapshot[] {
  const found: Snapshot[] = [];
  const seen = new Set<bigint>();
  for (let id = snapshotId; id !== undefined && !seen.has(id); ) {
    seen.add(id);
    const snapshot = snapshotById(metadata, id);
    if (snapshot === undefined) break;
    found.push(snapshot);
    id = snapshot.parentSnapshotId;
  }
  return found;
}

/** Whether a snapshot is another one, or what it builds on. */
export function isAncestor(
  metadata: TableMetadata,
  ancestor: bigint,
  snapshotId: bigint | undefined,
): boolean {
  return ancestors(metadata, snapshotId).some(snapshot => snapshot.snapshotId === ancestor);
}

/** The branch or tag of that name; the main branch of old tables has no entry among the refs. */
export function refOf(metadata: TableMetadata, name: string): SnapshotRef | undefined {
  if (Object.hasOwn(metadata.refs, name)) return metadata.refs[name];
  return name === mainBranch && metadata.currentSnapshotId !== undefined
    ? { type: 'branch', snapshotId: metadata.currentSnapshotId }
    : undefined;
}

/** The snapshot that a version means. @throws NotFoundError('snapshot' or 'ref') */
export function resolveVersion(
  metadata: TableMetadata,
  version: bigint | string | undefined,
  at?: TextPosition,
): bigint | undefined {
  if (version === undefined) return undefined;
  if (typeof version === 'bigint') return requireSnapshot(metadata, version, at).snapshotId;
  const ref = refOf(metadata, version);
  if (ref !== undefined) return ref.snapshotId;
  if (/^\d+$/.test(version)) return requireSnapshot(metadata, BigInt(version), at).snapshotId;
  throw unknownRef(metadata, version, 'branch or tag', at);
}

/** @throws NotFoundError('snapshot') */
export function requireSnapshot(metadata: TableMetadata, snapshotId: bigint, at?: TextPosition): Snapshot {
  const snapshot = snapshotById(metadata, snapshotId);
  if (snapshot !== undefined) return snapshot;
  const count = metadata.snapshots.length;
  const newest = metadata.snapshots.slice(-3).map(s => s.snapshotId);
  throw new NotFoundError('snapshot', `The table has no snapshot ${snapshotId}.`, {
    hint:
      count === 0
        ? 'It has no snapshots at all.'
        : `It may have expired. ${count === 1 ? 'The only one is' : 'The newest are'} ${newest.join(', ')}.`,
    position: at,
  });
}

function checkNewRef(
  name: string,
  type: 'branch' | 'tag',
  retention: Retention,
  at: TextPosition | undefined,
): void {
  const refuse = (message: string, hint: string) => new ValidationError(message, { hint, position: at });
  if (name.trim() === '') throw refuse(`The name of the ${type} is empty.`, 'Choose a name.');
  if (name === mainBranch && type === 'tag')
    throw refuse("A tag can't be called main.", 'main is the name of the branch that every table has.');
  if (/^\d+$/.test(name)) {
    throw refuse(
      `"${name}" can't be the name of a ${type}: it could be a snapshot id.`,
      'Choose a name with a letter in it.',
    );
  }
  if (type === 'tag' && (retention.minSnapshotsToKeep ?? retention.maxSnapshotAgeMs) !== undefined)
    throw refuse("Tags don't have snapshot retention: they are one snapshot.", 'Use RETAIN alone.');
  if (name === mainBranch && retention.maxRefAgeMs !== undefined)
    throw refuse('The branch main lives as long as the table.', 'Leave RETAIN out.');
  for (const value of Object.values(retention)) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw refuse(
        `Retention has to be a whole number above 0, not ${value}.`,
        'Leave it out for the default.',
      );
    }
  }
}

function checkType(
  name: string,
  there: SnapshotRef,
  type: 'branch' | 'tag',
  at: TextPosition | undefined,
): void {
  if (there.type === type) return;
  throw new ValidationError(`"${name}" is a ${there.type}, not a ${type}.`, {
    hint: `Write ${there.type.toUpperCase()}, or choose another name.`,
    position: at,
  });
}

/** @returns the error for a branch or tag that isn't there, with what may have been meant */
export function unknownRef(
  metadata: TableMetadata,
  name: string,
  what: 'branch' | 'tag' | 'branch or tag',
  at?: TextPosition,
): NotFoundError {
  const names = Object.keys(metadata.refs);
  return new NotFoundError('ref', `The table has no ${what} "${name}".`, {
    hint:
      didYouMeanHint(name, names) ??
      (names.length === 0 ? 'It has no branches and no tags.' : `It has ${names.join(', ')}.`),
    position: at,
  });
}

function refRequirement(metadata: TableMetadata, ref: string): TableRequirement {
  return { type: 'assert-ref-snapshot-id', ref, snapshotId: refOf(metadata, ref)?.snapshotId };
}

/** Nobody moved the branch or tag meanwhile, in the same table. */
function same(metadata: TableMetadata, ref: string): TableRequirement[] {
  return [{ type: 'assert-table-uuid', uuid: metadata.tableUuid }, refRequirement(metadata, ref)];
}

function definedOnly(retention: Retention): Retention {
  return Object.fromEntries(Object.entries(retention).filter(([, value]) => value !== undefined));
}
