import type { Catalog, LoadedTable, TableIdentifier } from '../catalog/catalog.ts';
import { commitWithRetry, deleteQuietly, type PreparedChange } from '../catalog/commit.ts';
import { formatIdentifier } from '../catalog/identifiers.ts';
import type { Lake } from '../catalog/open-lake.ts';
import { Retries } from '../catalog/retries.ts';
import { conflictingAdditions, removedSince, snapshotsSince } from '../iceberg/conflict.ts';
import type { DataFile } from '../iceberg/datafile.ts';
import { isDeletionVector } from '../iceberg/delete-index.ts';
import {
  CommitConflictError,
  CommitStateUnknownError,
  type LakebookErrorOptions,
  ValidationError,
} from '../iceberg/errors.ts';
import { alwaysTrue, type Expr } from '../iceberg/expression.ts';
import {
  currentSchema,
  mainBranch,
  type Snapshot,
  specById,
  type TableMetadata,
} from '../iceberg/metadata.ts';
import { isPartitioned } from '../iceberg/partition.ts';
import { partitionKey } from '../iceberg/partition-key.ts';
import { propertyNames } from '../iceberg/properties.ts';
import { childFields, fieldPath } from '../iceberg/schema.ts';
import { produceSnapshot } from '../iceberg/snapshot-producer.ts';
import type { NestedField } from '../iceberg/types.ts';
import type { ProgressListener } from './progress.ts';
import { firstGone } from './written-files.ts';

/**
 * How much of what others commit meanwhile a change must not have missed (Iceberg's `write.*.isolation-level`):
 * `serializable` also rows that were added and would have been changed, `snapshot` only deletes of the same rows.
 */
export type Isolation = 'serializable' | 'snapshot';

/** What must hold for a change to be right on a branch that moved after the change was worked out. */
export type Validation =
  /** Nothing: new rows alone fit onto any state. */
  | { readonly kind: 'none' }
  /** Nothing was committed to the branch. */
  | { readonly kind: 'unchanged' }
  /** No rows that the filter accepts came in, and no row of the removed files was deleted. */
  | { readonly kind: 'rows'; readonly isolation: Isolation; readonly filter: Expr }
  /**
   * The removed files' rows are in the added ones, as they were: none of them was deleted by position meanwhile.
   * Equality deletes go on to apply to the added files, whose `dataSequenceNumber` is older.
   */
  | { readonly kind: 'rewrite' };

export interface SnapshotChange {
  /** The table as the change was worked out on it. */
  readonly table: LoadedTable;
  /** The branch to move; `main` when absent. */
  readonly branch?: string;
  /** Absent: by what is added and removed, as Iceberg's Java library tells it. */
  readonly operation?: Snapshot['operation'];
  /** New data and delete files, durable already. */
  readonly added: readonly DataFile[];
  /** Live files that the change removes. */
  readonly removed: readonly DataFile[];
  readonly validation: Validation;
  /** Data files that stay and whose rows the added delete files delete. */
  readonly referenced?: readonly DataFile[];
  /** The change was worked out from more rows of the branch than those it changes: none may have changed since. */
  readonly readsBranch?: boolean;
  /** How old the rows of the added data files are, for rows that were only moved; absent: the commit's own. */
  readonly dataSequenceNumber?: number;
  /** More properties of the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>;
  /** The added files belong to someone else: they stay when the commit fails. Default: they were written for it. */
  readonly keepAdded?: boolean;
}

export interface CommitOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

export interface CommittedSnapshot {
  readonly table: LoadedTable;
  readonly snapshotId: bigint;
}

/**
 * What another writer committed makes a change wrong that was worked out before. The same statement, run again on
 * the table as it is now, may go through: `withReruns` does that.
 */
export class ChangedMeanwhileError extends CommitConflictError {
  constructor(message: string, options?: LakebookErrorOptions) {
    super(message, { hint: 'Run the statement again: it will work on the newest rows.', ...options });
  }
}

/** Summary property with which a client names a change, so that it is made once however often it is asked for. */
export const idempotencyKey = 'lakebook.idempotency-key';

/** The change was committed already, under the same idempotency key: by an earlier try, or by another process. */
export class AlreadyCommittedError extends CommitConflictError {
  readonly snapshot: Snapshot;

  constructor(key: string, snapshot: Snapshot) {
    super(`The change "${key}" was committed already, in snapshot ${snapshot.snapshotId}.`);
    this.snapshot = snapshot;
  }
}

/** The snapshot that was committed under an idempotency key, as long as the table keeps it. */
export function snapshotOfKey(metadata: TableMetadata, key: string): Snapshot | undefined {
  return metadata.snapshots.find(({ summary }) => summary[idempotencyKey] === key);
}

/**
 * The one commit path for changes of rows: validates the change against what others committed since it was worked
 * out, writes manifests, and swaps the catalog's pointer; on a lost race only the manifests are made anew. The added
 * files are deleted when it fails.
 * @throws AlreadyCommittedError when the table has a snapshot with the change's idempotency key;
 *   ChangedMeanwhileError when the change is no longer right; CommitConflictError when no attempt came
 *   through; CommitStateUnknownError when it isn't known whether it did (then every file is kept); InterruptedError
 */
export async function commitSnapshot(
  lake: Lake,
  change: SnapshotChange,
  options: CommitOptions = {},
): Promise<CommittedSnapshot> {
  const { catalog, storage } = lake;
  const { signal, onProgress } = options;
  let snapshotId: bigint | undefined;
  const attempt = async (current: LoadedTable): Promise<PreparedChange> => {
    onProgress?.({ phase: 'committing', files: change.added.length });
    const { snapshot, updates, requirements, written } = await prepare(lake, change, current.metadata);
    snapshotId = snapshot.snapshotId;
    return { updates, requirements, written };
  };
  try {
    const table = await inTurn(catalog, change.table.identifier, () =>
      commitWithRetry(catalog, change.table.identifier, attempt, storage, { signal }),
    );
    return { table: table!, snapshotId: snapshotId! };
  } catch (error) {
    if (!(error instanceof CommitStateUnknownError) && change.keepAdded !== true) {
      await deleteQuietly(
        storage,
        change.added.map(file => file.filePath),
      );
    }
    throw error;
  }
}

/** The last commit of each table that is under way in this process. */
const underWay = new WeakMap<Catalog, Map<string, Promise<unknown>>>();

/**
 * Lets commits of one table go one after the other: those of this process needn't make each other's fail and be tried
 * again. Others' are met by the catalog's compare-and-swap.
 */
async function inTurn<T>(
  catalog: Catalog,
  identifier: TableIdentifier,
  commit: () => Promise<T>,
): Promise<T> {
  let tables = underWay.get(catalog);
  if (tables === undefined) {
    tables = new Map();
    underWay.set(catalog, tables);
  }
  const key = formatIdentifier(identifier);
  const before = tables.get(key) ?? Promise.resolve();
  const mine = before.then(commit, commit);
  const end = mine.catch(() => undefined);
  tables.set(key, end);
  try {
    return await mine;
  } finally {
    if (tables.get(key) === end) tables.delete(key);
  }
}

/** The snapshot that a branch of a table is at: a branch that isn't there yet starts at the main one's. */
export function headOf(metadata: TableMetadata, branch = mainBranch): bigint | undefined {
  return Object.hasOwn(metadata.refs, branch)
    ? metadata.refs[branch]!.snapshotId
    : metadata.currentSnapshotId;
}

async function prepare(lake: Lake, change: SnapshotChange, metadata: TableMetadata) {
  const { table, branch = mainBranch, added, removed, summary } = change;
  if (metadata.tableUuid !== table.metadata.tableUuid) {
    throw new ChangedMeanwhileError(
      `The table ${formatIdentifier(table.identifier)} was dropped and made anew meanwhile.`,
    );
  }
  const key = summary?.[idempotencyKey];
  const before = key === undefined ? undefined : snapshotOfKey(metadata, key);
  if (before !== undefined) throw new AlreadyCommittedError(key!, before);
  requireWritable(change, metadata);
  const base = headOf(table.metadata, branch);
  const isThere = Object.hasOwn(metadata.refs, branch);
  await validate(lake, change, metadata, base);
  const gone = await firstGone(lake.storage, added);
  if (gone !== undefined) {
    throw new ChangedMeanwhileError(
      `${gone.filePath} was removed before it could be committed, perhaps by a clean-up of orphans.`,
    );
  }
  try {
    const produced = await produceSnapshot({
      metadata,
      io: lake.storage,
      branch,
      operation: change.operation ?? operationOf(added, removed),
      added,
      removed,
      summary,
      ...(change.dataSequenceNumber === undefined ? {} : { dataSequenceNumber: change.dataSequenceNumber }),
      // Validation has allowed the branch to have moved; where a new one starts is decided.
      ...(isThere || branch === mainBranch ? {} : { baseSnapshotId: base }),
    });
    // Whether the files fit the table's columns was seen for this schema.
    const { currentSchemaId } = metadata;
    const sameSchema = { type: 'assert-current-schema-id', currentSchemaId } as const;
    return { ...produced, requirements: [...produced.requirements, sameSchema] };
  } catch (error) {
    throw asChangedMeanwhile(error);
  }
}

/** @throws ChangedMeanwhileError when new files may have nulls where the table has come to allow none */
function requireWritable({ table, added }: SnapshotChange, metadata: TableMetadata): void {
  if (added.length === 0 || metadata.currentSchemaId === table.metadata.currentSchemaId) return;
  const before = requiredFields(currentSchema(table.metadata).fields);
  const newly = [...requiredFields(currentSchema(metadata).fields)].find(id => !before.has(id));
  if (newly === undefined) return;
  throw new ChangedMeanwhileError(
    `Another writer meanwhile made the column "${fieldPath(currentSchema(metadata), newly)}" NOT NULL.`,
  );
}

function requiredFields(fields: readonly NestedField[], found = new Set<number>()): Set<number> {
  for (const field of fields) {
    if (field.required) found.add(field.id);
    requiredFields(childFields(field.type), found);
  }
  return found;
}

function asChangedMeanwhile(error: unknown): unknown {
  if (!(error instanceof CommitConflictError) || error instanceof ChangedMeanwhileError) return error;
  return new ChangedMeanwhileError(error.message, { hint: error.hint, cause: error });
}

function operationOf(added: readonly DataFile[], removed: readonly DataFile[]): Snapshot['operation'] {
  const adds = added.some(file => file.content === 0);
  const deletes = [
    ...removed.filter(file => file.content === 0),
    ...added.filter(file => file.content !== 0),
  ];
  if (adds && deletes.length === 0) return 'append';
  return deletes.length > 0 && !adds ? 'delete' : 'overwrite';
}

/** @throws ChangedMeanwhileError */
async function validate(
  lake: Lake,
  change: SnapshotChange,
  metadata: TableMetadata,
  base: bigint | undefined,
): Promise<void> {
  const { validation, branch = mainBranch, removed, referenced = [] } = change;
  if (headOf(metadata, branch) === base) return;
  if (change.readsBranch === true) requireSameRows(metadata, base, branch);
  if (validation.kind === 'none') return;
  if (validation.kind === 'unchanged') {
    throw new ChangedMeanwhileError(`Another writer committed to branch ${branch} meanwhile.`);
  }
  const since = async (filter: Expr) => {
    try {
      return await conflictingAdditions(metadata, lake.storage, base, filter, branch);
    } catch (error) {
      throw asChangedMeanwhile(error);
    }
  };
  if (validation.kind === 'rows' && validation.isolation === 'serializable') {
    const [rows] = await since(validation.filter);
    if (rows !== undefined) {
      throw new ChangedMeanwhileError(
        `Another writer meanwhile committed rows that this statement may have to look at (in ${rows.filePath}).`,
      );
    }
  }
  await requireLive(lake, change, metadata, base);
  const data = [...removed.filter(file => file.content === 0), ...referenced];
  if (data.length === 0) return;
  // Also deletes of rows that the filter turns down: the rewritten file would bring them back.
  const deletes = (await since(alwaysTrue)).find(
    file =>
      (file.content === 1 || (file.content === 2 && validation.kind !== 'rewrite')) &&
      mayApply(file, data, metadata),
  );
  if (deletes !== undefined) {
    throw new ChangedMeanwhileError(
      `Another writer meanwhile deleted rows of the same files (with ${deletes.filePath}).`,
    );
  }
}

/** @throws ChangedMeanwhileError when more was committed than files with the same rows */
function requireSameRows(metadata: TableMetadata, base: bigint | undefined, branch: string): void {
  let since: Snapshot[];
  try {
    since = snapshotsSince(metadata, base, branch);
  } catch (error) {
    throw asChangedMeanwhile(error);
  }
  if (since.every(({ operation }) => operation === 'replace')) return;
  throw new ChangedMeanwhileError(
    'Another writer meanwhile changed rows of the table that this statement reads.',
  );
}

/** @throws ChangedMeanwhileError when a file whose rows the change deletes is no longer there */
async function requireLive(
  { storage }: Lake,
  { referenced = [], branch }: SnapshotChange,
  metadata: TableMetadata,
  base: bigint | undefined,
): Promise<void> {
  if (referenced.length === 0) return;
  const gone = await removedSince(metadata, storage, base, branch);
  const missing = referenced.find(file => gone.has(file.filePath));
  if (missing === undefined) return;
  throw new ChangedMeanwhileError(`Another writer removed ${missing.filePath} meanwhile.`);
}

function mayApply(deletes: DataFile, data: readonly DataFile[], metadata: TableMetadata): boolean {
  if (deletes.content === 2 && !isPartitioned(specById(metadata, deletes.specId))) return true;
  const { referencedDataFile } = deletes;
  if (referencedDataFile !== undefined || isDeletionVector(deletes)) {
    return data.some(file => file.filePath === referencedDataFile);
  }
  const key = partitionKey(deletes.specId, deletes.partition);
  return data.some(file => partitionKey(file.specId, file.partition) === key);
}

/** The isolation level that a table sets for a kind of change; `serializable` unless it says otherwise. */
export function isolationOf(metadata: TableMetadata, change: 'delete' | 'update' | 'merge'): Isolation {
  const name = `write.${change}.isolation-level`;
  const value = metadata.properties[name]?.trim().toLowerCase() ?? 'serializable';
  if (value === 'serializable' || value === 'snapshot') return value;
  throw new ValidationError(
    `The table property '${name}' must be serializable or snapshot, but is '${metadata.properties[name]}'.`,
  );
}

/**
 * `withReruns` for a change of one table: the first run works on the table as given, each further one on the table as it
 * is then.
 */
export function withTableReruns<T>(
  { catalog }: Lake,
  table: LoadedTable,
  signal: AbortSignal | undefined,
  run: (table: LoadedTable) => Promise<T>,
): Promise<T> {
  let current: LoadedTable | undefined = table;
  return withReruns(table.metadata.properties, signal, async () => {
    const now = current ?? (await catalog.loadTable(table.identifier));
    current = undefined;
    return run(now);
  });
}

/**
 * Runs a change, and runs it anew, from the newest state of the tables, when its commit met a real conflict: as often and
 * as long as the table's properties say (see `Retries`).
 * @throws CommitConflictError when the last run met one too
 */
export async function withReruns<T>(
  properties: TableMetadata['properties'],
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T> {
  const retries = new Retries(properties);
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof ChangedMeanwhileError)) throw error;
      if (await retries.next(signal)) continue;
      throw new CommitConflictError(
        `Other writers kept changing what the statement works on: it was run ${retries.told} and given up, nothing was changed. ${error.message}`,
        {
          hint: `Run it again when fewer writers are at work, or raise the table property ${propertyNames.commitNumRetries}.`,
          cause: error,
        },
      );
    }
  }
}
