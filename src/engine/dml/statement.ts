import { type LakebookError, UnsupportedError } from '../../iceberg/errors.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import type { Span, SqlText } from '../sql/sql-text.ts';
import type { TargetTable } from '../sql/statement.ts';
import type { ChangeResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { withReruns } from '../transaction.ts';
import { changeOwnTable } from './own-tables.ts';
import { type Target, targetOf } from './target.ts';
import { Workspace } from './workspace.ts';

interface ChangingStatement {
  readonly text: SqlText;
  readonly span: Span;
  readonly target: TargetTable;
  readonly unsupported?: LakebookError;
}

/**
 * Runs a statement that changes a table: on a lake table as `change` does it, anew when others changed what it works
 * on; on a table of DuckDB's own by DuckDB. `selected` is a query that holds the statement's parts which may name
 * tables, each between the marks of `marked`.
 * @throws NotFoundError for tables and branches that aren't there, the statement's `unsupported` error
 */
export async function changeTable(
  session: EngineSession,
  statement: ChangingStatement,
  source: string,
  options: ExecuteOptions,
  selected: (() => SqlText) | undefined,
  change: (workspace: Workspace, target: Target) => Promise<ChangeResult>,
): Promise<StatementOutcome> {
  const tables = new StatementTables(session);
  const found = await tables.lookup(statement.target.parts);
  if (found === undefined) {
    return changeOwnTable(session, statement, source, tables, selected?.(), options);
  }
  if (statement.unsupported !== undefined) throw statement.unsupported;
  await rejectTransaction(session, options);
  return withReruns(found.table.metadata.properties, options.signal, async () => {
    // What the tables are is looked up anew in each run.
    const current = new StatementTables(session);
    const { table, branch } = await current.requireTarget(statement.target, source, options);
    return Workspace.within(session, source, current, options, workspace => {
      const target = targetOf(session, table, branch);
      if (statement.target.alias === undefined) {
        workspace.nameTarget(statement.target.parts, aliasOf(statement.target, target));
      }
      return change(workspace, target);
    });
  });
}

/** A change of a lake table is a transaction by itself: ROLLBACK of one of DuckDB's wouldn't undo it. */
async function rejectTransaction({ duckdb }: EngineSession, { signal }: ExecuteOptions): Promise<void> {
  // Outside of a transaction every statement has an id of its own.
  const id = async () => String((await duckdb.rows('SELECT txid_current() AS id', { signal }))[0]!.id);
  const first = await id();
  if (first !== (await id())) return;
  throw new UnsupportedError("Lake tables can't be changed inside of a transaction begun with BEGIN.", {
    hint: 'Run COMMIT or ROLLBACK first: each statement that changes a lake table is a transaction by itself.',
  });
}

/** How expressions of a statement name its target. */
export function aliasOf(target: TargetTable, { table }: Target): string {
  return target.alias ?? table.identifier.name;
}
