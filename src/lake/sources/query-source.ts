import { bindQuery } from '../../engine/bind/index.ts';
import { inlineParameters } from '../../engine/dml/parameters.ts';
import { relocate } from '../../engine/errors.ts';
import { StatementTables } from '../../engine/resolve.ts';
import type { EngineSession } from '../../engine/session.ts';
import { inSource } from '../../engine/session.ts';
import { SqlText } from '../../engine/sql/sql-text.ts';
import { LakebookError } from '../../iceberg/errors.ts';
import type { OpenedSource, RowsOptions } from './source.ts';
import { TypedSource } from './typed-source.ts';

/** The rows of a query, which may name lake tables and results. Positions of errors are places in `query`. */
export async function openQuery(
  session: EngineSession,
  query: string,
  { signal, onProgress }: RowsOptions,
): Promise<OpenedSource> {
  await session.bindNamedResults(query);
  const written = SqlText.written(query);
  const bound = await bindQuery(session, written, query, new StatementTables(session), {
    signal,
    onProgress,
  });
  const sql = inlineParameters(bound.sql, {});
  const columns = await inSource(sql, query, () => session.duckdb.describe(sql.text, { signal }));
  return new TypedSource(session, {
    name: 'the query',
    sql: sql.text,
    columns,
    parsesText: true,
    explain: async error =>
      // Its place in what was run says nothing about the query's text.
      error instanceof LakebookError ? relocate(error, query, () => undefined) : error,
  });
}
