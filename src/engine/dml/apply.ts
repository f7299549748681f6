import { deleteQuietly } from '../../catalog/commit.ts';
import type { DataFile } from '../../iceberg/datafile.ts';
import { isDeletionVector } from '../../iceberg/delete-index.ts';
import type { Expr } from '../../iceberg/expression.ts';
import type { FileScanTask } from '../../iceberg/scan.ts';
import type { ChangeResult } from '../statement-result.ts';
import { commitSnapshot, isolationOf } from '../transaction.ts';
import { type MergeOnRead, markRows } from './merge-on-read.ts';
import { modeOf, paysToMark } from './modes.ts';
import { changeResult, withCounts } from './outcome.ts';
import { countRows, orphanedDeletes } from './plan.ts';
import { actions, type ChangedRows, rewriteFiles } from './rewrite.ts';
import type { Target } from './target.ts';
import type { Workspace } from './workspace.ts';

export interface RowChange {
  /** `update`, `delete`, `merge`, `upsert`. */
  readonly operation: string;
  readonly isolation: 'delete' | 'update' | 'merge';
  /** Accepts every row that the statement looked at: what others add there meanwhile makes it wrong. */
  readonly filter: Expr;
  /** Data files of the target before. */
  readonly dataFiles: number;
  readonly changed?: ChangedRows;
  /** New rows: quoted name of a temporary table with the target's columns, in order. */
  readonly inserts?: { readonly name: string; readonly rows: number };
  /** Files whose every row is deleted, known without reading them. */
  readonly dropped?: readonly FileScanTask[];
  readonly summary?: Readonly<Record<string, string>>;
}

export interface AffectedFile {
  readonly task: FileScanTask;
  readonly updates: number;
  readonly deletes: number;
}

/**
 * Rewrites the files that hold changed rows, and no others, or marks those rows as deleted beside the files, as the
 * table says or as is better for each file; and commits that as one snapshot.
 */
export async function applyChange(
  workspace: Workspace,
  target: Target,
  change: RowChange,
): Promise<ChangeResult> {
  const { session, options } = workspace;
  const { dropped = [], changed, inserts } = change;
  const affected = changed === undefined ? [] : await affectedFiles(workspace, changed);
  const rowsInserted = inserts?.rows ?? 0;
  const counts = { operation: change.operation, table: target.name };
  if (affected.length === 0 && dropped.length === 0 && rowsInserted === 0) return changeResult(counts);

  const mode = modeOf(target.metadata, change.isolation);
  const marks = (file: AffectedFile) =>
    mode === 'merge-on-read' || (mode === 'adaptive' && paysToMark(file.task, file.updates + file.deletes));
  const { marked = [], unmarked = [] } = Object.groupBy(affected, file =>
    marks(file) ? 'marked' : 'unmarked',
  );
  const kept = marked.filter(file => !isEmptied(file, true)).map(({ task }) => task);
  const updated = marked.filter(({ updates }) => updates > 0).map(({ task }) => task);
  const rewritten = unmarked.filter(file => !isEmptied(file)).map(({ task }) => task);
  const stays = new Set(kept);
  const removed = [...dropped, ...affected.flatMap(({ task }) => (stays.has(task) ? [] : [task]))];
  const rowsDropped = await countRows(workspace, target, dropped);
  const removedDeletes = await orphanedDeletes(workspace, target, removed);
  const { added, replaced } = await writeChange(workspace, target, change, { kept, updated, rewritten });
  const deleteFiles = added.filter(file => file.content !== 0).length;
  const rowsUpdated = affected.reduce((sum, file) => sum + file.updates, 0);
  const rowsDeleted = affected.reduce((sum, file) => sum + file.deletes, rowsDropped);
  const isolation = isolationOf(target.metadata, change.isolation);
  const { snapshotId } = await commitSnapshot(
    session.lake,
    {
      table: target.table,
      branch: target.branch,
      added,
      removed: unique([...removed.map(({ dataFile }) => dataFile), ...removedDeletes, ...replaced]),
      referenced: kept.map(({ dataFile }) => dataFile),
      validation: { kind: 'rows', isolation, filter: change.filter },
      readsBranch: isolation === 'serializable' && workspace.hasRead(target),
      summary: withCounts(change.summary, { rowsInserted, rowsUpdated, rowsDeleted }),
    },
    options,
  );
  return changeResult({
    ...counts,
    rowsInserted,
    rowsUpdated,
    rowsDeleted,
    snapshotId,
    filesAdded: added.length - deleteFiles,
    deleteFiles,
    filesRemoved: removed.length,
    filesBefore: change.dataFiles,
    filesDropped: dropped.length,
  });
}

/** New data and delete files of a change. When it throws, nothing is left behind. */
async function writeChange(
  workspace: Workspace,
  target: Target,
  { changed, inserts }: RowChange,
  files: {
    /** Files whose changed rows are marked. */
    readonly kept: readonly FileScanTask[];
    /** Files whose updated rows are written elsewhere. */
    readonly updated: readonly FileScanTask[];
    readonly rewritten: readonly FileScanTask[];
  },
): Promise<MergeOnRead> {
  const { kept, updated, rewritten } = files;
  if (kept.length === 0 && updated.length === 0) {
    return { added: await rewriteFiles(workspace, target, rewritten, { changed, inserts }), replaced: [] };
  }
  const { added, replaced } = await markRows(workspace, target, kept, { changed, updated, inserts });
  try {
    added.push(...(await rewriteFiles(workspace, target, rewritten, { changed })));
  } catch (error) {
    const locations = new Set(added.map(file => file.filePath));
    await deleteQuietly(workspace.session.lake.storage, [...locations]);
    throw error;
  }
  return { added, replaced };
}

/**
 * Whether nothing is left of a file, so that it goes without being read. With `anyChange` that is so too when its last
 * rows are updated: they are written elsewhere.
 */
export function isEmptied({ task, updates, deletes }: AffectedFile, anyChange = false): boolean {
  if ((updates > 0 && !anyChange) || !task.deletes.every(isDeletionVector)) return false;
  const before = task.deletes.reduce((sum, file) => sum + file.recordCount, 0);
  return before + updates + deletes === task.dataFile.recordCount;
}

function unique(files: readonly DataFile[]): DataFile[] {
  return [...new Map(files.map(file => [`${file.filePath}#${file.contentOffset ?? ''}`, file])).values()];
}

/** The files that hold changed rows, in the order of their manifests. */
export async function affectedFiles(workspace: Workspace, changed: ChangedRows): Promise<AffectedFile[]> {
  const rows = await workspace.rows(
    `SELECT file, count(*) FILTER (action = ${actions.update}) AS updates,
       count(*) FILTER (action = ${actions.delete}) AS deletes
     FROM ${changed.table} WHERE action IN (${actions.update}, ${actions.delete}) GROUP BY file`,
  );
  const counts = new Map(rows.map(row => [Number(row.file), row]));
  return changed.files.tasks(counts.keys()).map(task => {
    const [id] = changed.files.ids([task]);
    const { updates, deletes } = counts.get(id!)!;
    return { task, updates: Number(updates), deletes: Number(deletes) };
  });
}
