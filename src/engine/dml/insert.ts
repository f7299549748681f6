import type { NestedField } from '../../iceberg/types.ts';
import type { EngineSession } from '../session.ts';
import { SqlText, sql } from '../sql/sql-text.ts';
import type { InsertStatement } from '../sql/statement.ts';
import type { ChangeResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { columnCount, matchedByName, matchedInOrder, tableRows } from './insert-columns.ts';
import { insertInto } from './insert-rows.ts';
import { marked } from './own-tables.ts';
import { changeTable } from './statement.ts';
import type { Target } from './target.ts';
import { defaultValue, namedColumns } from './values.ts';
import type { Workspace } from './workspace.ts';

/** INSERT INTO t ... and INSERT OVERWRITE t .... */
export function executeInsert(
  session: EngineSession,
  statement: InsertStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const { source: rows } = statement;
  // DEFAULT in VALUES is no query; such rows rarely name tables.
  const isQuery = rows.kind === 'query' || (rows.kind === 'values' && rows.rows.flat().every(isGiven));
  // The query of an INSERT behind WITH is in two places; the WITH clause is bound where it's written.
  const body = statement.with === undefined && isQuery ? marked(rows.query) : undefined;
  const selected = body === undefined ? undefined : () => sql`SELECT * FROM (${body})`;
  return changeTable(session, statement, source, options, selected, (workspace, target) =>
    insertRowsOf(workspace, target, statement),
  );
}

function isGiven(value: SqlText | undefined): value is SqlText {
  return value !== undefined;
}

async function insertRowsOf(
  workspace: Workspace,
  target: Target,
  statement: InsertStatement,
): Promise<ChangeResult> {
  const { source, columns, byName, overwrite } = statement;
  const filled = columns === undefined ? target.schema.fields : namedColumns(workspace, target, columns);
  const query = await workspace.bind(sourceQuery(workspace, target, source, filled));
  const given = await workspace.describe(query);
  const fields = byName
    ? matchedByName(workspace, target, given, query)
    : // INSERT INTO t DEFAULT VALUES has no columns of its own.
      matchedInOrder(
        workspace,
        target,
        given,
        source.kind === 'default-values' ? target.schema.fields : filled,
        query,
      );
  const rows = tableRows(target, query, given, fields);
  return insertInto(workspace, target, rows, overwrite ? 'partitions' : 'none', 'insert');
}

/** The rows to insert as a query; DEFAULT stands for the default of the column in its place. */
function sourceQuery(
  workspace: Workspace,
  target: Target,
  source: InsertStatement['source'],
  filled: readonly NestedField[],
): SqlText {
  if (source.kind === 'query') return source.query;
  if (source.kind === 'default-values') {
    return SqlText.generated(`SELECT ${target.schema.fields.map(defaultValue).join(', ')}`);
  }
  if (source.rows.flat().every(isGiven)) return source.query;
  const [first] = source.rows;
  const rows = source.rows.map(row => {
    if (row.length > filled.length) {
      throw columnCount(workspace, target, row.length, filled, row.find(isGiven) ?? first!.find(isGiven));
    }
    const values = row.map((value, index) => value ?? defaultValue(filled[index]!));
    return sql`(${SqlText.join(values, ', ')})`;
  });
  return sql`VALUES ${SqlText.join(rows, ', ')}`;
}
