import { CommitConflictError } from './errors.ts';
import { mainBranch, type TableMetadata } from './metadata.ts';
import type { TableRequirement, TableUpdate } from './updates.ts';

/**
 * Checks what a commit requires of the table as it is now; `metadata` undefined: there is no such table.
 * @throws CommitConflictError for the first requirement that doesn't hold
 */
export function checkRequirements(
  metadata: TableMetadata | undefined,
  requirements: readonly TableRequirement[],
): void {
  for (const requirement of requirements) {
    const conflict = unmet(metadata, requirement);
    if (conflict === undefined) continue;
    throw new CommitConflictError(`Another writer came first: ${conflict}.`, {
      hint: 'Nothing was changed: run it again.',
    });
  }
}

/** Why a requirement doesn't hold; undefined when it does. */
function unmet(metadata: TableMetadata | undefined, requirement: TableRequirement): string | undefined {
  if (requirement.type === 'assert-create') {
    return metadata === undefined ? undefined : `the table at ${metadata.location} exists already`;
  }
  if (metadata === undefined) return "the table isn't there";
  switch (requirement.type) {
    case 'assert-table-uuid':
      return requirement.uuid.toLowerCase() === metadata.tableUuid.toLowerCase()
        ? undefined
        : `the table was replaced by another one, with the UUID ${metadata.tableUuid} instead of ${requirement.uuid}`;
    case 'assert-ref-snapshot-id':
      return unmetRef(metadata, requirement.ref, requirement.snapshotId);
    case 'assert-last-assigned-field-id':
      return differs('the last column id', requirement.lastAssignedFieldId, metadata.lastColumnId);
    case 'assert-current-schema-id':
      return differs('the current schema', requirement.currentSchemaId, metadata.currentSchemaId);
    case 'assert-last-assigned-partition-id':
      return differs(
        'the last partition field id',
        requirement.lastAssignedPartitionId,
        metadata.lastPartitionId,
      );
    case 'assert-default-spec-id':
      return differs('the default partition spec', requirement.defaultSpecId, metadata.defaultSpecId);
    case 'assert-default-sort-order-id':
      return differs('the default sort order', requirement.defaultSortOrderId, metadata.defaultSortOrderId);
  }
}

function unmetRef(metadata: TableMetadata, name: string, expected: bigint | undefined): string | undefined {
  const ref = Object.hasOwn(metadata.refs, name) ? metadata.refs[name] : undefined;
  const actual = ref?.snapshotId ?? (name === mainBranch ? metadata.currentSnapshotId : undefined);
  if (actual === expected) return undefined;
  const what = `the ${ref?.type ?? 'branch'} ${name}`;
  if (expected === undefined) return `${what} was made meanwhile, at snapshot ${actual}`;
  if (actual === undefined) return `${what}, which was at snapshot ${expected}, isn't there`;
  return `${what} is at snapshot ${actual} instead of ${expected}`;
}

function differs(what: string, expected: number, actual: number): string | undefined {
  return expected === actual ? undefined : `${what} is ${actual} instead of ${expected}`;
}

/**
 * Checks that no branch or tag loses its snapshot by updates that don't know of it: one that was made after the commit
 * was worked out needs what is to be removed.
 * @throws CommitConflictError
 */
export function checkRefsKept(metadata: TableMetadata, updates: readonly TableUpdate[]): void {
  const removed = new Set(
    updates.flatMap(update => (update.action === 'remove-snapshots' ? update.snapshotIds : [])),
  );
  if (removed.size === 0) return;
  const known = new Set(
    updates.flatMap(update =>
      update.action === 'remove-snapshot-ref' || update.action === 'set-snapshot-ref' ? [update.refName] : [],
    ),
  );
  for (const [name, { snapshotId, type }] of Object.entries(metadata.refs)) {
    if (!removed.has(snapshotId) || known.has(name)) continue;
    throw new CommitConflictError(
      `The ${type} ${name} needs snapshot ${snapshotId}, which was going to be removed.`,
      { hint: 'Nothing was changed: run it again.' },
    );
  }
}
