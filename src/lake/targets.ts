import type { LoadedTable, TableIdentifier } from '../catalog/catalog.ts';
import { parseIdentifier } from '../catalog/identifiers.ts';
import { newTableIdentifier } from '../engine/ddl/names.ts';
import { StatementTables } from '../engine/resolve.ts';
import type { EngineSession } from '../engine/session.ts';
import { SqlText } from '../engine/sql/sql-text.ts';
import type { QualifiedName, TargetTable } from '../engine/sql/statement.ts';
import { LakebookError, ValidationError } from '../iceberg/errors.ts';
import type { VerbOptions } from './answer.ts';
import { tableNameInSql } from './table-names.ts';

/** What is generated has no place in a text that a person wrote. */
export const nowhere = { start: 0, end: 0 } as const;

/** A name as in SQL: `sales`, `ns.sales`, `"my table"`. @throws ValidationError */
export function qualified(name: string): QualifiedName {
  const { namespace, name: table } = parseIdentifier(name, []);
  return { parts: [...namespace, table], span: nowhere };
}

/** The parts that all statements have, of a generated one. */
export function generated(text = ''): { readonly span: typeof nowhere; readonly text: SqlText } {
  return { span: nowhere, text: SqlText.generated(text) };
}

/** @throws NotFoundError('table') with the table that may have been meant */
export async function requireTable(session: EngineSession, name: string): Promise<LoadedTable> {
  return withoutPosition(() => new StatementTables(session).require(qualified(name), name));
}

/** The table; undefined when there is none. */
export async function findTable(session: EngineSession, name: string): Promise<LoadedTable | undefined> {
  return new StatementTables(session).find(qualified(name).parts);
}

/** The table and the branch that rows are written to: `sales`, or `sales.branch_dev`. */
export async function requireTarget(
  session: EngineSession,
  name: string,
  options: VerbOptions,
): Promise<{ readonly table: LoadedTable; readonly branch: string }> {
  const target: TargetTable = qualified(name);
  return withoutPosition(() => new StatementTables(session).requireTarget(target, name, options));
}

/**
 * The identifier for a new table; a name alone is in `namespace`.
 * @throws ValidationError for a name that one of DuckDB's own tables or databases has
 */
export async function newTable(
  session: EngineSession,
  name: string,
  namespace: TableIdentifier['namespace'] = session.namespace,
): Promise<TableIdentifier> {
  const { parts } = qualified(name);
  const identifier = await newTableIdentifier(session, new StatementTables(session), parts);
  if (identifier === undefined) {
    throw new ValidationError(
      `${name} is the name of a temporary table, a view or a database of this session.`,
      {
        hint: 'Choose another name, or drop the other one.',
      },
    );
  }
  return parts.length === 1 ? { ...identifier, namespace } : identifier;
}

/** The shortest name that means the table in SQL. */
export function shownName(session: EngineSession, table: LoadedTable | TableIdentifier): string {
  return tableNameInSql('identifier' in table ? table.identifier : table, session);
}

/** Positions in a table's name say nothing: the notebook marks the whole argument by the error's code. */
async function withoutPosition<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LakebookError) || error.position === undefined) throw error;
    const plain = new LakebookError(error.code, error.message, { hint: error.hint, cause: error });
    plain.name = error.name;
    throw plain;
  }
}
