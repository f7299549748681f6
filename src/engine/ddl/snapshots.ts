import type { LoadedTable } from '../../catalog/catalog.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import type { DataFile } from '../../iceberg/datafile.ts';
import { type TextPosition, UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { readManifest } from '../../iceberg/manifest.ts';
import { snapshotManifests } from '../../iceberg/manifest-list.ts';
import { mainBranch, type Snapshot, type TableMetadata } from '../../iceberg/metadata.ts';
import {
  ancestors,
  fastForward,
  type RefChange,
  requireSnapshot,
  resolveVersion,
  rollbackTo,
  setBranchHead,
  snapshotBefore,
} from '../../iceberg/ref-update.ts';
import { plural } from '../dml/outcome.ts';
import type { EngineSession } from '../session.ts';
import type { DoneResult, ExecuteOptions } from '../statement-result.ts';
import { ChangedMeanwhileError, commitSnapshot, withReruns } from '../transaction.ts';
import { alterTable, commitChange } from './alter-table.ts';
import { tableName } from './names.ts';

/** ExecuteOptions, and where a person wrote what is asked for. */
export interface SnapshotOptions extends ExecuteOptions {
  readonly at?: TextPosition;
}

/** Makes, replaces or drops a branch or tag. @throws as changeRef, CommitConflictError */
export async function setRef(
  session: EngineSession,
  table: LoadedTable,
  change: RefChange,
  options: ExecuteOptions = {},
): Promise<DoneResult> {
  return await alterTable(session, table, [change], options);
}

/**
 * Makes an earlier snapshot of the table's own history the current one. `target` tells which: an id, or what to look
 * for in the table as it is when the change is tried.
 * @throws ValidationError when the current snapshot doesn't build on it, NotFoundError('snapshot')
 */
export async function rollback(
  session: EngineSession,
  table: LoadedTable,
  target: bigint | ((metadata: TableMetadata) => bigint),
  options: SnapshotOptions = {},
): Promise<DoneResult> {
  return await moveMain(session, table, 'rolled back to', options, metadata => {
    const snapshotId = typeof target === 'bigint' ? target : target(metadata);
    return { snapshotId, change: rollbackTo(metadata, snapshotId, options.at) };
  });
}

/** Rolls back to the last snapshot before a moment (milliseconds since the epoch). @throws as rollback */
export async function rollbackToTimestamp(
  session: EngineSession,
  table: LoadedTable,
  timestampMs: number,
  options: SnapshotOptions = {},
): Promise<DoneResult> {
  const target = (metadata: TableMetadata) => snapshotBefore(metadata, timestampMs, options.at).snapshotId;
  return await rollback(session, table, target, options);
}

/**
 * Makes any snapshot the current one, whatever came after it: an id (also as text), or the name of a branch or tag.
 * @throws NotFoundError('snapshot' or 'ref')
 */
export async function setCurrentSnapshot(
  session: EngineSession,
  table: LoadedTable,
  version: bigint | string,
  options: SnapshotOptions = {},
): Promise<DoneResult> {
  return await moveMain(session, table, 'set to', options, metadata => {
    const snapshotId = resolveVersion(metadata, version, options.at)!;
    return { snapshotId, change: setBranchHead(metadata, snapshotId, mainBranch, options.at) };
  });
}

async function moveMain(
  session: EngineSession,
  table: LoadedTable,
  done: string,
  options: SnapshotOptions,
  move: (metadata: TableMetadata) => { snapshotId: bigint; change: ReturnType<typeof setBranchHead> },
): Promise<DoneResult> {
  let to: bigint | undefined;
  let before: bigint | undefined;
  const committed = await commitChange(
    session,
    table,
    async ({ metadata }) => {
      const { snapshotId, change } = move(metadata);
      to = snapshotId;
      before = metadata.currentSnapshotId;
      return change;
    },
    options,
  );
  const name = tableName(session, table.identifier);
  if (committed === undefined)
    return { kind: 'done', text: `${name} is at snapshot ${to} already: nothing changed.` };
  const was = before === undefined ? '' : ` (it was ${before})`;
  return { kind: 'done', text: `${name}: ${done} snapshot ${to}${was}.` };
}

/**
 * Moves a branch forward to where another branch or tag is; a branch that isn't there is made.
 * @throws ValidationError when the branch has changes the other one doesn't build on, NotFoundError('ref')
 */
export async function fastForwardBranch(
  session: EngineSession,
  table: LoadedTable,
  branch: string,
  to: string,
  options: SnapshotOptions = {},
): Promise<DoneResult> {
  const committed = await commitChange(
    session,
    table,
    async ({ metadata }) => fastForward(metadata, branch, to, options.at),
    options,
  );
  const name = tableName(session, table.identifier);
  const text =
    committed === undefined
      ? `${name}: ${branch} is where ${to} is already: nothing changed.`
      : `${name}: ${branch} fast-forwarded to ${to}, snapshot ${committed.metadata.refs[branch]!.snapshotId}.`;
  return { kind: 'done', text };
}

/**
 * Applies the rows that a snapshot of another line of history added to the main branch. A snapshot that the current
 * one is the parent of becomes the current one itself.
 * @throws ValidationError when its rows are there already, UnsupportedError for snapshots that removed rows,
 *   NotFoundError('snapshot'), CommitConflictError
 */
export async function cherryPick(
  session: EngineSession,
  table: LoadedTable,
  snapshotId: bigint,
  options: SnapshotOptions = {},
): Promise<DoneResult> {
  const name = tableName(session, table.identifier);
  return await withReruns(table.metadata.properties, options.signal, async () => {
    const current = await session.lake.catalog.loadTable(table.identifier);
    const { metadata } = current;
    const snapshot = requireSnapshot(metadata, snapshotId, options.at);
    requireUnpicked(current, snapshot, options.at);
    if (snapshot.parentSnapshotId === metadata.currentSnapshotId) {
      await commitChange(
        session,
        current,
        async ({ metadata: now }) => {
          // After another writer's commit it is a case for the other way.
          if (now.currentSnapshotId !== snapshot.parentSnapshotId)
            throw new ChangedMeanwhileError(`Another writer changed ${name} meanwhile.`);
          return setBranchHead(now, snapshotId, mainBranch, options.at);
        },
        options,
      );
      return { kind: 'done', text: `${name}: set to snapshot ${snapshotId}, which follows the current one.` };
    }
    if (snapshot.operation !== 'append') {
      throw new UnsupportedError(
        `Snapshot ${snapshotId} can't be picked: it is of the kind ${snapshot.operation}, and only added rows can be applied elsewhere.`,
        { hint: 'Run its change again on the main branch.', position: options.at },
      );
    }
    const added = await addedFiles(session, metadata, snapshot);
    const committed = await commitSnapshot(
      session.lake,
      {
        table: current,
        operation: 'append',
        added,
        removed: [],
        keepAdded: true,
        validation: { kind: 'unchanged' },
        summary: { 'source-snapshot-id': String(snapshotId), ...publishedAs(snapshot) },
      },
      options,
    );
    const rows = added.reduce((sum, file) => sum + file.recordCount, 0);
    return {
      kind: 'done',
      text: `${name}: picked ${plural(rows, 'row')} of snapshot ${snapshotId} as snapshot ${committed.snapshotId}.`,
    };
  });
}

/** Write-audit-publish: changes that were written aside under an id are published under it once. */
function publishedAs({ summary }: Snapshot): Record<string, string> {
  const id = summary['wap.id'];
  return id === undefined ? {} : { 'published-wap-id': id };
}

function requireUnpicked(
  { identifier, metadata }: LoadedTable,
  { snapshotId }: Snapshot,
  at: TextPosition | undefined,
): void {
  const id = String(snapshotId);
  const there = ancestors(metadata, metadata.currentSnapshotId).some(
    ancestor => ancestor.snapshotId === snapshotId || ancestor.summary['source-snapshot-id'] === id,
  );
  if (!there) return;
  throw new ValidationError(`${formatIdentifier(identifier)} has the rows of snapshot ${id} already.`, {
    hint: 'Nothing has to be picked.',
    position: at,
  });
}

async function addedFiles(
  session: EngineSession,
  metadata: TableMetadata,
  snapshot: Snapshot,
): Promise<DataFile[]> {
  const io = session.lake.storage;
  const files: DataFile[] = [];
  for (const manifest of await snapshotManifests(io, snapshot)) {
    if (manifest.addedSnapshotId !== snapshot.snapshotId || manifest.content !== 0) continue;
    for (const entry of await readManifest(io, manifest, metadata)) {
      if (entry.status !== 1 || entry.snapshotId !== snapshot.snapshotId) continue;
      // The rows are new ones of this branch: they get row ids of their own.
      const { firstRowId: _, ...file } = entry.dataFile;
      files.push(file);
    }
  }
  return files;
}
