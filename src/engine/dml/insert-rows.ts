import type { LoadedTable } from '../../catalog/catalog.ts';
import { deleteQuietly } from '../../catalog/commit.ts';
import type { DataFile } from '../../iceberg/datafile.ts';
import { alwaysTrue } from '../../iceberg/expression.ts';
import { currentSpec } from '../../iceberg/metadata.ts';
import { isPartitioned } from '../../iceberg/partition.ts';
import { partitionKey } from '../../iceberg/partition-key.ts';
import type { FileScanTask } from '../../iceberg/scan.ts';
import { StatementTables } from '../resolve.ts';
import { type EngineSession, inSource } from '../session.ts';
import { SqlText } from '../sql/sql-text.ts';
import type { ChangeResult, ExecuteOptions } from '../statement-result.ts';
import { commitSnapshot, withTableReruns } from '../transaction.ts';
import { writeDataFiles } from '../write.ts';
import { affectedFiles, isEmptied } from './apply.ts';
import { matchedByName, tableRows } from './insert-columns.ts';
import { rowsInPartitionsOf } from './older-partitions.ts';
import { changeResult, withCounts } from './outcome.ts';
import { countRows, liveDeletes, orphanedDeletes, planTarget } from './plan.ts';
import { rewriteFiles } from './rewrite.ts';
import { type Target, targetOf } from './target.ts';
import { Workspace } from './workspace.ts';

/** What new rows replace: nothing, all rows, or the partitions that they are in (all rows if unpartitioned). */
export type Overwrite = 'none' | 'all' | 'partitions';

export interface InsertRowsRequest {
  readonly table: LoadedTable;
  /** `main` when absent. */
  readonly branch?: string;
  /** A query whose lake tables are bound already. */
  readonly sourceSql: string | SqlText;
  /** How the query's columns belong to the table's; `position` when absent. Missing columns have their defaults. */
  readonly matchBy?: 'position' | 'name';
  /** `none` when absent. */
  readonly overwrite?: Overwrite;
  /** More properties of the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>;
  /** For the result; `insert` when absent. */
  readonly operation?: string;
  /** The text that positions of errors are told in, for a `sourceSql` that knows its places. */
  readonly source?: string;
}

/**
 * Adds a query's rows to a table, in one commit.
 * @throws ValidationError for columns and values that don't fit the table, CommitConflictError, InterruptedError
 */
export async function insertRows(
  session: EngineSession,
  request: InsertRowsRequest,
  options: ExecuteOptions,
): Promise<ChangeResult> {
  const { branch, overwrite = 'none', operation = 'insert', source = '', matchBy, summary } = request;
  const rows =
    typeof request.sourceSql === 'string' ? SqlText.generated(request.sourceSql) : request.sourceSql;
  return withTableReruns(session.lake, request.table, options.signal, table => {
    const tables = new StatementTables(session);
    return Workspace.within(session, source, tables, options, async workspace => {
      const target = targetOf(session, table, branch);
      const query = matchBy === 'name' ? await byName(workspace, target, rows) : rows;
      return insertInto(workspace, target, query, overwrite, operation, summary);
    });
  });
}

async function byName(workspace: Workspace, target: Target, rows: SqlText): Promise<SqlText> {
  const given = await workspace.describe(rows);
  return tableRows(target, rows, given, matchedByName(workspace, target, given, rows));
}

/** As `insertRows`, for a bound query with the table's columns in order. */
export async function insertInto(
  workspace: Workspace,
  target: Target,
  rows: SqlText,
  overwrite: Overwrite,
  operation: string,
  summary: Readonly<Record<string, string>> = {},
): Promise<ChangeResult> {
  const { session, options } = workspace;
  const added = await inSource(rows, workspace.source, () =>
    writeDataFiles({
      duckdb: session.duckdb,
      storage: session.lake.storage,
      metadata: target.metadata,
      sourceSql: rows.text,
      signal: options.signal,
      onProgress: options.onProgress,
    }),
  );
  const rowsInserted = added.reduce((sum, file) => sum + file.recordCount, 0);
  const counts = { operation, table: target.name, rowsInserted };
  const replaced = await withFilesOf(workspace, added, () => replacedBy(workspace, target, added, overwrite));
  const { tasks, removed, rewritten } = replaced;
  if (added.length === 0 && removed.length === 0) return changeResult(counts);
  const told = withCounts(summary, { rowsInserted, rowsDeleted: replaced.rows });
  const { snapshotId } = await commitSnapshot(
    session.lake,
    {
      table: target.table,
      branch: target.branch,
      operation: overwrite === 'none' ? 'append' : 'overwrite',
      added: [...added, ...rewritten],
      removed,
      // What is replaced must be all there is; new rows alone fit anywhere.
      validation: { kind: overwrite === 'none' ? 'none' : 'unchanged' },
      readsBranch: workspace.hasRead(target),
      summary: overwrite === 'partitions' ? { 'replace-partitions': 'true', ...told } : told,
    },
    options,
  );
  return changeResult({
    ...counts,
    rowsDeleted: replaced.rows,
    snapshotId,
    filesAdded: added.length + rewritten.length,
    filesRemoved: tasks.length,
    ...(overwrite === 'none' ? {} : { filesBefore: replaced.dataFiles }),
  });
}

/** Does work while nobody but this change knows of its files; when it fails they are deleted. */
async function withFilesOf<T>(
  { session }: Workspace,
  added: readonly DataFile[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await deleteQuietly(
      session.lake.storage,
      added.map(file => file.filePath),
    );
    throw error;
  }
}

interface Replaced {
  readonly tasks: readonly FileScanTask[];
  readonly rows: number;
  /** Data and delete files. */
  readonly removed: readonly DataFile[];
  /** Successors of removed files of which some rows stay. */
  readonly rewritten: readonly DataFile[];
  /** Data files before. */
  readonly dataFiles: number;
}

const nothing: Replaced = { tasks: [], rows: 0, removed: [], rewritten: [], dataFiles: 0 };

async function replacedBy(
  workspace: Workspace,
  target: Target,
  added: readonly DataFile[],
  overwrite: Overwrite,
): Promise<Replaced> {
  if (overwrite === 'none') return nothing;
  const { tasks: live, dataFiles } = await planTarget(workspace, target, alwaysTrue);
  if (overwrite === 'all' || !isPartitioned(currentSpec(target.metadata))) {
    const deletes = await liveDeletes(workspace.session.lake.storage, target);
    const removed = [...live.map(task => task.dataFile), ...deletes];
    return { ...nothing, tasks: live, rows: await countRows(workspace, target, live), removed, dataFiles };
  }
  if (added.length === 0) return { ...nothing, dataFiles };
  const partitions = new Set(added.map(file => partitionKey(file.specId, file.partition)));
  const whole = live.filter(({ dataFile }) =>
    partitions.has(partitionKey(dataFile.specId, dataFile.partition)),
  );
  const older = live.filter(({ dataFile }) => dataFile.specId !== target.metadata.defaultSpecId);
  const changed = older.length === 0 ? undefined : await rowsInPartitionsOf(workspace, target, older, added);
  const affected = changed === undefined ? [] : await affectedFiles(workspace, changed);
  const partial = affected.filter(file => !isEmptied(file)).map(({ task }) => task);
  const tasks = [...whole, ...affected.map(({ task }) => task)];
  const deletes = await orphanedDeletes(workspace, target, tasks);
  const rows = await countRows(workspace, target, whole);
  return {
    tasks,
    rows: affected.reduce((sum, file) => sum + file.deletes, rows),
    removed: [...tasks.map(task => task.dataFile), ...deletes],
    rewritten: await rewriteFiles(workspace, target, partial, { changed }),
    dataFiles,
  };
}
