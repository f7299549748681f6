import { bindQuery } from '../bind/index.ts';
import { SqlError } from '../errors.ts';
import { scanHint } from '../remote/scan-hint.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import type { QueryStatement } from '../sql/statement.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { lakeTableError } from './hidden-tables.ts';

/** Runs a query over lake tables and DuckDB's own. */
export async function runQuery(
  session: EngineSession,
  statement: QueryStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const tables = new StatementTables(session);
  const bound = await bindQuery(session, statement.text, source, tables, options, 'named');
  const hint = scanHint(session.engines, bound.scan);
  // Before the rows: whoever reads it can still stop the query.
  if (hint !== undefined) options.onWarning?.(hint);
  const withAllColumns = async () => {
    const { sql } = await bindQuery(session, statement.text, source, tables, options);
    return await session.query(sql, source, options);
  };
  const result = await session
    .query(bound.sql, source, options)
    .catch(error => {
      if (!(error instanceof SqlError) || error.detail.type !== 'Binder') throw error;
      return withAllColumns();
    })
    .catch(async error => {
      throw await lakeTableError(session, error, statement.text, source);
    });
  return { kind: 'rows', result, ...(bound.scan === undefined ? {} : { scan: bound.scan }) };
}
