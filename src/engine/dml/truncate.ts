import { alwaysTrue } from '../../iceberg/expression.ts';
import type { EngineSession } from '../session.ts';
import type { TruncateStatement } from '../sql/statement.ts';
import type { ChangeResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { commitSnapshot, isolationOf } from '../transaction.ts';
import { changeResult } from './outcome.ts';
import { countRows, liveDeletes, planTarget } from './plan.ts';
import { changeTable } from './statement.ts';
import type { Target } from './target.ts';
import type { Workspace } from './workspace.ts';

/** TRUNCATE [TABLE] t. */
export function executeTruncate(
  session: EngineSession,
  statement: TruncateStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  return changeTable(session, statement, source, options, undefined, (workspace, target) =>
    truncateTarget(workspace, target, 'truncate'),
  );
}

/** Removes all files of a target, data and delete files, without reading any data. */
export async function truncateTarget(
  workspace: Workspace,
  target: Target,
  operation: 'truncate' | 'delete',
): Promise<ChangeResult> {
  const { session, options } = workspace;
  const { tasks, dataFiles } = await planTarget(workspace, target, alwaysTrue);
  const deletes = await liveDeletes(session.lake.storage, target);
  const counts = { operation, table: target.name };
  if (tasks.length === 0 && deletes.length === 0) return changeResult(counts);
  const rowsDeleted = await countRows(workspace, target, tasks);
  const { snapshotId } = await commitSnapshot(
    session.lake,
    {
      table: target.table,
      branch: target.branch,
      operation: 'delete',
      added: [],
      removed: [...tasks.map(task => task.dataFile), ...deletes],
      validation: { kind: 'rows', isolation: isolationOf(target.metadata, 'delete'), filter: alwaysTrue },
    },
    options,
  );
  return changeResult({
    ...counts,
    rowsDeleted,
    snapshotId,
    filesRemoved: tasks.length,
    filesBefore: dataFiles,
    filesDropped: tasks.length,
  });
}
