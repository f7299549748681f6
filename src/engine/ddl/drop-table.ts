import type { LoadedTable } from '../../catalog/catalog.ts';
import { LakebookError, UnsupportedError } from '../../iceberg/errors.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import type { DropTableStatement } from '../sql/statement.ts';
import type { DoneResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { tableName } from './names.ts';
import { placeOf } from './place.ts';

/** Runs DROP TABLE of one table or several; all names are looked up before any is dropped. */
export async function runDropTable(
  session: EngineSession,
  statement: DropTableStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const tables = new StatementTables(session);
  const own = await tables.duckDbNames();
  const found: LoadedTable[] = [];
  const texts: string[] = [];
  let ofDuckDb = 0;
  for (const name of statement.names) {
    const table = await tables.find(name.parts);
    if (table !== undefined) {
      found.push(table);
    } else if (own.hasOwn(name.parts)) {
      ofDuckDb++;
    } else if (statement.ifExists) {
      texts.push(`There is no table ${name.parts.join('.')}: nothing to drop.`);
    } else {
      throw await tables.notFound(name, source);
    }
  }
  if (ofDuckDb > 0) {
    if (found.length === 0) return session.statement(statement.text, source, options);
    throw new UnsupportedError("Tables of the lake and of DuckDB's own can't be dropped by one statement.", {
      hint: 'Write a DROP TABLE for each.',
      position: placeOf(source, statement.span),
    });
  }
  if (statement.unsupported !== undefined) throw statement.unsupported;
  const unique = new Map(found.map(table => [JSON.stringify(table.identifier), table]));
  for (const table of unique.values()) {
    const { purge, ifExists } = statement;
    texts.push((await dropTable(session, table, { purge, ifExists })).text);
  }
  return { kind: 'done', text: texts.join(' ') };
}

/**
 * Removes a table from the catalog; with `purge` all its files too.
 * @throws NotFoundError('table') unless `ifExists`, LakebookError `PURGE_INCOMPLETE`
 */
export async function dropTable(
  session: EngineSession,
  table: Pick<LoadedTable, 'identifier'>,
  { purge = false, ifExists = false }: { readonly purge?: boolean; readonly ifExists?: boolean } = {},
): Promise<DoneResult> {
  const name = tableName(session, table.identifier);
  try {
    await session.lake.catalog.dropTable(table.identifier, { purge });
  } catch (error) {
    if (!ifExists || !(error instanceof LakebookError) || error.code !== 'TABLE_NOT_FOUND') throw error;
    return { kind: 'done', text: `There is no table ${name}: nothing to drop.` };
  }
  return { kind: 'done', text: purge ? `${name}: dropped with its files.` : `${name}: dropped.` };
}
