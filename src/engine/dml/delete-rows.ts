import type { LoadedTable } from '../../catalog/catalog.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import { SqlText } from '../sql/sql-text.ts';
import type { ChangeResult, ExecuteOptions } from '../statement-result.ts';
import { withTableReruns } from '../transaction.ts';
import { deleteFrom } from './delete.ts';
import { targetOf } from './target.ts';
import { Workspace } from './workspace.ts';

export interface DeleteRowsRequest {
  readonly table: LoadedTable;
  /** `main` when absent. */
  readonly branch?: string;
  /** Absent: all rows. May name lake tables in sub-queries. */
  readonly where?: string | SqlText;
  /** How the condition names the table; its own name when absent. */
  readonly alias?: string;
  /** The text that positions of errors are told in, for a condition that knows its places. */
  readonly source?: string;
}

/**
 * Deletes the rows of a table for which a condition holds, in one commit.
 * @throws SqlError for the condition's errors, UnsupportedError, CommitConflictError, InterruptedError
 */
export async function deleteRows(
  session: EngineSession,
  request: DeleteRowsRequest,
  options: ExecuteOptions,
): Promise<ChangeResult> {
  const { where, branch, source = '' } = request;
  const condition = typeof where === 'string' ? SqlText.generated(where) : where;
  return withTableReruns(session.lake, request.table, options.signal, table => {
    const tables = new StatementTables(session);
    // Sub-queries that name the table see the rows that are being deleted.
    tables.pin(table);
    const alias = request.alias ?? table.identifier.name;
    return Workspace.within(session, source, tables, options, workspace =>
      deleteFrom(workspace, targetOf(session, table, branch), { where: condition, alias }),
    );
  });
}
