import { alwaysTrue, type Expr } from '../../iceberg/expression.ts';
import type { FileScanTask } from '../../iceberg/scan.ts';
import { quoteIdentifier } from '../quote.ts';
import type { EngineSession } from '../session.ts';
import { SqlText, sql } from '../sql/sql-text.ts';
import type { DeleteStatement } from '../sql/statement.ts';
import type { ChangeResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { applyChange, type RowChange } from './apply.ts';
import { changeResult } from './outcome.ts';
import { marked } from './own-tables.ts';
import { fileColumn, planTarget, positionColumn, TargetFiles } from './plan.ts';
import { actions } from './rewrite.ts';
import { aliasOf, changeTable } from './statement.ts';
import type { Target } from './target.ts';
import { truncateTarget } from './truncate.ts';
import type { Workspace } from './workspace.ts';

/** DELETE FROM t [USING ...] [WHERE ...]. */
export function executeDelete(
  session: EngineSession,
  statement: DeleteStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const selected = () => {
    const { target } = statement;
    const name = target.parts.map(quoteIdentifier).join('.');
    return rowsToDelete({ ...statement, alias: target.alias ?? target.parts.at(-1)! }, name, ['1'], marked);
  };
  return changeTable(session, statement, source, options, selected, (workspace, target) =>
    deleteFrom(workspace, target, { ...statement, alias: aliasOf(statement.target, target) }),
  );
}

/** The rows to delete, as DELETE's clauses tell them. */
export interface DeleteCondition {
  readonly with?: SqlText;
  /** Tables as after USING. */
  readonly using?: SqlText;
  /** Absent: all rows. */
  readonly where?: SqlText;
  /** How the clauses name the target. */
  readonly alias: string;
}

function rowsToDelete(
  { with: ctes, using, where, alias }: DeleteCondition,
  target: string,
  columns: readonly string[],
  part: (text: SqlText) => SqlText,
): SqlText {
  return SqlText.join([
    ctes === undefined ? '' : sql`${part(ctes)} `,
    `SELECT ${columns.join(', ')} FROM ${target} AS ${quoteIdentifier(alias)}`,
    using === undefined ? '' : sql`, ${part(using)}`,
    where === undefined ? '' : sql` WHERE ${part(where)}`,
  ]);
}

/**
 * Deletes rows of a target: files whose every row is decided by partition or statistics are removed without being
 * read, others are searched and rewritten where rows of theirs match.
 */
export async function deleteFrom(
  workspace: Workspace,
  target: Target,
  condition: DeleteCondition,
): Promise<ChangeResult> {
  const { where, using, alias } = condition;
  if (where === undefined && using === undefined) return truncateTarget(workspace, target, 'delete');
  const { filter, exact } =
    where === undefined
      ? { filter: alwaysTrue, exact: false }
      : await workspace.condition(where, alias, target.schema);
  const plan = await planTarget(workspace, target, filter);
  const isDecided = (task: FileScanTask) => exact && using === undefined && task.residual.op === 'true';
  const dropped = plan.tasks.filter(isDecided);
  const searched = plan.tasks.filter(task => !isDecided(task));
  const changed = searched.length === 0 ? undefined : await findRows(workspace, target, searched, condition);
  return finish(workspace, target, { filter, dataFiles: plan.dataFiles, dropped, changed });
}

function finish(
  workspace: Workspace,
  target: Target,
  change: { filter: Expr } & Pick<RowChange, 'dataFiles' | 'dropped' | 'changed'>,
): Promise<ChangeResult> | ChangeResult {
  const { changed, dropped = [] } = change;
  if (changed === undefined && dropped.length === 0) {
    return changeResult({ operation: 'delete', table: target.name });
  }
  return applyChange(workspace, target, { operation: 'delete', isolation: 'delete', ...change });
}

async function findRows(
  workspace: Workspace,
  target: Target,
  tasks: readonly FileScanTask[],
  condition: DeleteCondition,
): Promise<RowChange['changed']> {
  const files = await TargetFiles.open(workspace, target);
  const view = await files.view(tasks);
  const alias = quoteIdentifier(condition.alias);
  const columns = [`${alias}.${fileColumn}`, `${alias}.${positionColumn}`];
  const matches = await workspace.bind(rowsToDelete(condition, view, columns, text => text));
  // With USING a row may match several times, which deletes it once.
  const distinct = condition.using === undefined ? '' : 'DISTINCT ';
  const query = sql`SELECT ${distinct}files.id AS file, matches.${positionColumn} AS position,
    CAST(${String(actions.delete)} AS TINYINT) AS action
    FROM (${matches}
    ) AS matches JOIN ${files.name} AS files ON matches.${fileColumn} = files.path`;
  const { name, rows } = await workspace.table('changes', query, 'finding rows');
  return rows === 0 ? undefined : { table: name, files, updatedFields: [] };
}
