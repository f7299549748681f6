import type { InspectResult } from '../../iceberg/inspect.ts';
import { rowsSql } from '../bind/metadata-relation.ts';
import type { ResultSet } from '../result-set.ts';
import type { EngineSession } from '../session.ts';
import { SqlText } from '../sql/sql-text.ts';
import type { ExecuteOptions } from '../statement-result.ts';

/** Rows that are in memory as a result like any other. */
export async function plainResult(
  session: EngineSession,
  rows: InspectResult,
  options: ExecuteOptions,
): Promise<ResultSet> {
  const { signal, maxRows } = options;
  return session.query(SqlText.generated(await rowsSql(session.duckdb, rows)), '', { signal, maxRows });
}

/** Rows of texts (or nulls), all columns VARCHAR. */
export function textRows(
  session: EngineSession,
  names: readonly string[],
  rows: readonly (readonly (string | null)[])[],
  options: ExecuteOptions,
): Promise<ResultSet> {
  return plainResult(session, { columns: names.map(name => ({ name, type: 'VARCHAR' })), rows }, options);
}
