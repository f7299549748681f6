import type { Namespace } from '../../catalog/catalog.ts';
import { formatNamespace } from '../../catalog/identifiers.ts';
import { didYouMeanHint } from '../../iceberg/did-you-mean.ts';
import { NotFoundError } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';
import { StatementTables } from '../resolve.ts';
import { resultDatabase } from '../result-store.ts';
import type { EngineSession } from '../session.ts';
import type { QualifiedName, ShowStatement } from '../sql/statement.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { resolveNamespace } from './namespaces.ts';
import { textRows } from './plain-result.ts';
import { createTableSql } from './show-create.ts';

/** SHOW TABLES, SCHEMAS, DATABASES and CREATE TABLE. */
export async function show(
  session: EngineSession,
  statement: ShowStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const { names, rows } = await shown(session, statement, source);
  return { kind: 'rows', result: await textRows(session, names, rows, options) };
}

async function shown(
  session: EngineSession,
  { what, name }: ShowStatement,
  source: string,
): Promise<{ names: string[]; rows: string[][] }> {
  const { catalog } = session.lake;
  switch (what) {
    case 'tables': {
      if (name !== undefined) {
        const namespace = await requireNamespace(session, name, source);
        const tables = await catalog.listTables(namespace);
        return { names: ['name'], rows: sorted(tables.map(table => [table.name])) };
      }
      const tables = (await catalog.namespaceExists(session.namespace))
        ? await catalog.listTables(session.namespace)
        : [];
      const own = await ownTables(session);
      return {
        names: ['name'],
        rows: sorted([...tables.map(table => [table.name]), ...own.map(({ table }) => [table])]),
      };
    }
    case 'all-tables': {
      const rows: string[][] = [];
      for (const namespace of await allNamespaces(session)) {
        for (const table of await catalog.listTables(namespace)) {
          rows.push([session.lake.name, formatNamespace(namespace), table.name, 'table']);
        }
      }
      const own = (await ownTables(session)).map(({ database, schema, table, type }) => [
        database,
        schema,
        table,
        type,
      ]);
      return { names: ['catalog', 'namespace', 'name', 'type'], rows: [...sorted(rows), ...sorted(own)] };
    }
    case 'schemas':
      return {
        names: ['name'],
        rows: sorted((await allNamespaces(session)).map(namespace => [formatNamespace(namespace)])),
      };
    case 'databases': {
      const attached = await session.duckdb.rows(
        `SELECT database_name AS name FROM duckdb_databases()
         WHERE NOT internal AND database_name NOT IN ('memory', '${resultDatabase}') ORDER BY 1`,
      );
      return { names: ['name'], rows: [[session.lake.name], ...attached.map(row => [String(row.name)])] };
    }
    case 'create-table': {
      const table = await new StatementTables(session).require(name!, source);
      return { names: ['create_statement'], rows: [[createTableSql(table)]] };
    }
  }
}

function sorted(rows: string[][]): string[][] {
  return rows.sort((a, b) => (a.join('\0') < b.join('\0') ? -1 : 1));
}

interface OwnTable {
  readonly database: string;
  readonly schema: string;
  readonly table: string;
  readonly type: string;
}

/** The session's own tables and views, without what the engine keeps for itself. */
async function ownTables(session: EngineSession): Promise<OwnTable[]> {
  const rows = await session.duckdb.rows(
    `SELECT table_catalog AS database, table_schema AS schema, table_name AS "table",
            CASE table_type WHEN 'VIEW' THEN 'view' WHEN 'LOCAL TEMPORARY' THEN 'temporary table' ELSE 'table' END AS type
     FROM information_schema.tables
     WHERE table_catalog <> '${resultDatabase}' AND table_name NOT LIKE 'lakebook#_%' ESCAPE '#'`,
  );
  const views = [...session.views.values()].map(({ name }) => ({
    database: 'temp',
    schema: 'main',
    table: name,
    type: 'view',
  }));
  return [...(rows as unknown as OwnTable[]), ...views];
}

async function allNamespaces(session: EngineSession, parent?: Namespace): Promise<Namespace[]> {
  const found: Namespace[] = [];
  for (const namespace of await session.lake.catalog.listNamespaces(parent)) {
    found.push(namespace, ...(await allNamespaces(session, namespace)));
  }
  return found;
}

async function requireNamespace(
  session: EngineSession,
  name: QualifiedName,
  source: string,
): Promise<Namespace> {
  const namespace = await resolveNamespace(session, name.parts);
  if (namespace !== undefined) return namespace;
  throw await namespaceNotFound(session, name, source);
}

/** The error for a namespace that isn't there. */
export async function namespaceNotFound(
  session: EngineSession,
  { parts, span }: QualifiedName,
  source: string,
): Promise<NotFoundError> {
  const written = parts.join('.');
  const names = (await allNamespaces(session)).map(formatNamespace);
  return new NotFoundError('namespace', `There is no namespace "${written}".`, {
    position: textPosition(source, span.start, Math.max(span.end - span.start, 1)),
    hint: didYouMeanHint(written, names) ?? `Make it with CREATE SCHEMA ${written}.`,
  });
}
