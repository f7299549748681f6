import type { Namespace, TableIdentifier } from '../../catalog/catalog.ts';
import { formatIdentifier, parseNamespace } from '../../catalog/identifiers.ts';
import type { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';

/** A table as people name it in this session: without its namespace when that is the session's. */
export function tableName(session: EngineSession, identifier: TableIdentifier): string {
  const isNear = identifier.namespace.join('\u0000') === session.namespace.join('\u0000');
  return formatIdentifier(isNear ? { ...identifier, namespace: [] } : identifier);
}

/**
 * The lake table that a name for a new table means: one that is there already, whatever the case of its name, else a
 * new one. Undefined when DuckDB is meant: a table or view of its own has the name, or the name is in an attached
 * database.
 */
export async function newTableIdentifier(
  session: EngineSession,
  tables: StatementTables,
  parts: readonly string[],
): Promise<TableIdentifier | undefined> {
  if ((await tables.duckDbNames()).hasOwn(parts)) return undefined;
  const there = await tables.find(parts);
  if (there !== undefined) return there.identifier;
  const name = parts.at(-1)!;
  if (parts.length === 1) return { namespace: session.namespace, name };
  const namespace = await newNamespace(session, tables, parts.slice(0, -1));
  return namespace === undefined ? undefined : { namespace, name };
}

/** The lake's namespace of a name, there or not; undefined when it is one of DuckDB's databases. */
export async function newNamespace(
  session: EngineSession,
  tables: StatementTables,
  parts: readonly string[],
): Promise<Namespace | undefined> {
  const { lake } = session;
  const levels = parts.flatMap(parseNamespace);
  const there = await tables.findNamespace(levels);
  if (there !== undefined) return there;
  const first = parts[0]!.toLowerCase();
  if (first === lake.name.toLowerCase()) {
    const below = parts.slice(1).flatMap(parseNamespace);
    if (below.length === 0) return lake.defaultNamespace;
    return (await tables.findNamespace(below)) ?? below;
  }
  const rows = await session.duckdb.rows('SELECT lower(database_name) AS name FROM duckdb_databases()');
  return rows.some(row => row.name === first) ? undefined : levels;
}
