import type { Namespace } from '../../catalog/catalog.ts';
import { formatIdentifier, formatNamespace } from '../../catalog/identifiers.ts';
import { LakebookError, UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import type { CreateSchemaStatement, DropSchemaStatement } from '../sql/statement.ts';
import type { DoneResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { newNamespace } from './names.ts';
import { placeOf } from './place.ts';

/** Runs CREATE SCHEMA: makes a namespace of the lake. */
export async function runCreateSchema(
  session: EngineSession,
  statement: CreateSchemaStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const namespace = await newNamespace(session, new StatementTables(session), statement.name.parts);
  if (namespace === undefined) return session.statement(statement.text, source, options);
  if (statement.unsupported !== undefined) throw statement.unsupported;
  if (statement.orReplace) {
    throw new UnsupportedError("A namespace of the lake can't be replaced: its tables would be lost.", {
      hint: 'Write CREATE SCHEMA IF NOT EXISTS.',
      position: placeOf(source, statement.name.span),
    });
  }
  const { comment, location, ifNotExists } = statement;
  const properties = {
    ...statement.properties,
    ...(comment === undefined ? {} : { comment }),
    ...(location === undefined ? {} : { location }),
  };
  return createSchema(session, namespace, { properties, ifNotExists });
}

/** Makes a namespace. @throws AlreadyExistsError('namespace') unless `ifNotExists`, ValidationError */
export async function createSchema(
  session: EngineSession,
  namespace: Namespace,
  {
    properties = {},
    ifNotExists = false,
  }: { readonly properties?: Readonly<Record<string, string>>; readonly ifNotExists?: boolean } = {},
): Promise<DoneResult> {
  const name = formatNamespace(namespace);
  try {
    await session.lake.catalog.createNamespace(namespace, properties);
  } catch (error) {
    if (!ifNotExists || !(error instanceof LakebookError) || error.code !== 'NAMESPACE_EXISTS') throw error;
    return { kind: 'done', text: `The namespace ${name} exists already: nothing changed.` };
  }
  return { kind: 'done', text: `The namespace ${name} was created.` };
}

/** Runs DROP SCHEMA of a namespace; a schema of DuckDB's own is DuckDB's. */
export async function runDropSchema(
  session: EngineSession,
  statement: DropSchemaStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const { catalog } = session.lake;
  const namespace = await newNamespace(session, new StatementTables(session), statement.name.parts);
  const isLake = namespace !== undefined && (await catalog.namespaceExists(namespace));
  if (!isLake && (await hasDuckDbSchema(session, statement.name.parts)))
    return session.statement(statement.text, source, options);
  if (statement.unsupported !== undefined) throw statement.unsupported;
  const { cascade, ifExists } = statement;
  return dropSchema(session, namespace ?? statement.name.parts, { cascade, ifExists });
}

/**
 * Removes a namespace; with `cascade` its tables and the namespaces below it too (files stay, as with DROP TABLE).
 * @throws NotFoundError('namespace') unless `ifExists`, ValidationError `NAMESPACE_NOT_EMPTY`
 */
export async function dropSchema(
  session: EngineSession,
  namespace: Namespace,
  { cascade = false, ifExists = false }: { readonly cascade?: boolean; readonly ifExists?: boolean } = {},
): Promise<DoneResult> {
  const { catalog, defaultNamespace } = session.lake;
  const name = formatNamespace(namespace);
  const dropped: string[] = [];
  try {
    // Before any table is dropped: the namespace couldn't be dropped afterwards.
    if (cascade && isSame(namespace, defaultNamespace)) await refuseDefault(name);
    if (cascade) await dropContent(session, namespace, dropped);
    await catalog.dropNamespace(namespace).catch(error => {
      // A SQL catalog's namespace that only its tables kept alive is gone with them.
      if (dropped.length === 0 || !isNamespaceMissing(error)) throw error;
    });
  } catch (error) {
    if (error instanceof ValidationError && error.code === 'NAMESPACE_NOT_EMPTY') {
      throw new ValidationError(
        error.message,
        { hint: 'Drop or move what is in it first, or write DROP SCHEMA ... CASCADE.', cause: error },
        error.code,
      );
    }
    if (!ifExists || !isNamespaceMissing(error)) throw error;
    return { kind: 'done', text: `There is no namespace ${name}: nothing to drop.` };
  }
  const tables = dropped.length === 0 ? '' : ` with ${dropped.join(', ')}`;
  return { kind: 'done', text: `The namespace ${name} was dropped${tables}.` };
}

async function dropContent(session: EngineSession, namespace: Namespace, dropped: string[]): Promise<void> {
  const { catalog } = session.lake;
  for (const child of await catalog.listNamespaces(namespace)) {
    await dropContent(session, child, dropped);
    await catalog.dropNamespace(child).catch(error => {
      if (!isNamespaceMissing(error)) throw error;
    });
  }
  for (const table of await catalog.listTables(namespace)) {
    await catalog.dropTable(table);
    dropped.push(formatIdentifier(table));
  }
}

function refuseDefault(name: string): never {
  throw new ValidationError(`The namespace "${name}" is where this lake keeps its tables by default.`, {
    hint: 'Drop its tables one by one.',
  });
}

function isNamespaceMissing(error: unknown): boolean {
  return error instanceof LakebookError && error.code === 'NAMESPACE_NOT_FOUND';
}

function isSame(a: Namespace, b: Namespace): boolean {
  return formatNamespace(a) === formatNamespace(b);
}

async function hasDuckDbSchema(session: EngineSession, parts: readonly string[]): Promise<boolean> {
  const lower = parts.map(part => part.toLowerCase());
  const rows = await session.duckdb.rows(
    'SELECT lower(database_name) AS d, lower(schema_name) AS s, current_database() = database_name AS near FROM duckdb_schemas() WHERE NOT internal',
  );
  return rows.some(row =>
    lower.length === 1
      ? row.near === true && row.s === lower[0]
      : lower.length === 2 && row.d === lower[0] && row.s === lower[1],
  );
}
