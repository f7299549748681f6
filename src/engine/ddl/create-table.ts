import type { LoadedTable, TableIdentifier } from '../../catalog/catalog.ts';
import { UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { currentSchema, currentSortOrder, currentSpec } from '../../iceberg/metadata.ts';
import { fieldNames } from '../../iceberg/schema.ts';
import { replaceTableMetadata } from '../../iceberg/table-replace.ts';
import { quoteIdentifier } from '../quote.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import type {
  ColumnDefinition,
  CreateTableAsStatement,
  CreateTableStatement,
  QualifiedName,
} from '../sql/statement.ts';
import type { DoneResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { schemaOfColumns } from '../types.ts';
import { commitChange } from './alter-table.ts';
import { partitionTerm } from './alterations.ts';
import { columnDefault } from './column-default.ts';
import { columnType } from './column-type.ts';
import { newTableIdentifier, tableName } from './names.ts';
import {
  createRequest,
  isTableExists,
  type NewColumn,
  replacementOf,
  type TableOptions,
  tableExists,
} from './new-table.ts';
import { placeOf } from './place.ts';

/** Runs CREATE TABLE with columns, and CREATE TABLE ... LIKE. */
export async function runCreateTable(
  session: EngineSession,
  statement: CreateTableStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const tables = new StatementTables(session);
  const identifier = statement.temporary
    ? undefined
    : await newTableIdentifier(session, tables, statement.name.parts);
  if (identifier === undefined) return session.statement(statement.text, source, options);
  if (statement.unsupported !== undefined) throw statement.unsupported;
  const like =
    statement.like === undefined ? undefined : await likeTable(session, tables, statement.like, source);
  const notes: string[] = [];
  const columns = [...(like?.columns ?? [])];
  for (const definition of statement.columns) {
    const found = await newColumn(session, definition, source, options);
    columns.push(found.column);
    notes.push(...found.notes.map(note => `${definition.name} stores ${note}`));
  }
  const asked = tableOptions(statement, source);
  const { table: _, ...result } = await createTable(
    session,
    identifier,
    columns,
    like === undefined ? asked : { ...like.options, ...withoutEmpty(asked) },
    options,
  );
  return notes.length === 0 ? result : { ...result, text: `${result.text} (${notes.join('; ')})` };
}

/**
 * Makes a table without rows; with `replace` it takes the place of one that is there and keeps its history.
 * @throws AlreadyExistsError('table'), NotFoundError('namespace' or 'column'), ValidationError, UnsupportedError
 */
export async function createTable(
  session: EngineSession,
  identifier: TableIdentifier,
  columns: readonly NewColumn[],
  table: TableOptions,
  options: ExecuteOptions = {},
): Promise<DoneResult & { readonly table: LoadedTable }> {
  const name = tableName(session, identifier);
  const count = columns.length === 1 ? '1 column' : `${columns.length} columns`;
  return await createOrElse(session, identifier, table, {
    create: async () => {
      const created = await session.lake.catalog.createTable(
        identifier,
        createRequest(session, columns, table),
      );
      return { kind: 'done', text: `${name}: created with ${count}.`, table: created };
    },
    replace: async there => {
      const replaced = await commitChange(
        session,
        there,
        async current =>
          replaceTableMetadata(current.metadata, replacementOf(session, current, columns, table)),
        options,
      );
      return { kind: 'done', text: `${name}: replaced, now with ${count}.`, table: replaced ?? there };
    },
    keep: there => ({ kind: 'done', text: `${name} exists already: nothing changed.`, table: there }),
  });
}

/**
 * Makes a table, or does what is asked for where one is there already, also when another writer makes it meanwhile.
 * @throws AlreadyExistsError('table') when nothing is asked for then
 */
export async function createOrElse<T>(
  session: EngineSession,
  identifier: TableIdentifier,
  asked: TableOptions,
  ways: {
    create(): Promise<T>;
    replace(there: LoadedTable): Promise<T>;
    keep(there: LoadedTable): T;
  },
): Promise<T> {
  const { catalog } = session.lake;
  const existing = async () => {
    if (asked.replace === true) return await ways.replace(await catalog.loadTable(identifier));
    if (asked.ifNotExists === true) return ways.keep(await catalog.loadTable(identifier));
    throw tableExists(tableName(session, identifier), asked.at);
  };
  if (await catalog.tableExists(identifier)) return await existing();
  try {
    return await ways.create();
  } catch (error) {
    if (!isTableExists(error)) throw error;
    return await existing();
  }
}

/** The clauses that CREATE TABLE and CREATE TABLE AS share. */
export function tableOptions(
  statement: CreateTableStatement | CreateTableAsStatement,
  source: string,
): TableOptions {
  const { comment, location, ifNotExists, orReplace } = statement;
  const at = placeOf(source, statement.name.span);
  if (ifNotExists && orReplace) {
    throw new ValidationError("CREATE OR REPLACE TABLE and IF NOT EXISTS don't go together.", {
      hint: 'Leave one of them out.',
      position: at,
    });
  }
  return {
    partitionedBy: statement.partitionedBy.map(partitionTerm),
    sortedBy: statement.sortedBy.map(({ column, ...item }) => ({ ...item, column: column.path })),
    key: statement.identifierColumns.map(({ path }) => path),
    properties: statement.properties,
    ...(comment === undefined ? {} : { comment }),
    ...(location === undefined ? {} : { location }),
    ifNotExists,
    replace: orReplace,
    at,
  };
}

async function newColumn(
  session: EngineSession,
  definition: ColumnDefinition,
  source: string,
  options: ExecuteOptions,
): Promise<{ column: NewColumn; notes: readonly string[] }> {
  const { name, required, comment } = definition;
  const { type, notes } = await columnType(session, definition.type, name, source);
  const value =
    definition.default === undefined
      ? undefined
      : await columnDefault(session, definition.default, type, name, source, options);
  return {
    column: {
      name,
      type,
      required,
      ...(comment === undefined ? {} : { comment }),
      ...(value === undefined ? {} : { default: value }),
      at: placeOf(source, definition.span),
    },
    notes,
  };
}

/** Columns, key, partitioning and order of another table; of a table of DuckDB's own the columns. */
async function likeTable(
  session: EngineSession,
  tables: StatementTables,
  like: QualifiedName,
  source: string,
): Promise<{ columns: NewColumn[]; options: TableOptions }> {
  const other = await tables.find(like.parts);
  if (other === undefined) {
    if (!(await tables.duckDbNames()).hasOwn(like.parts)) throw await tables.notFound(like, source);
    const described = await session.duckdb.describe(
      `SELECT * FROM ${like.parts.map(quoteIdentifier).join('.')}`,
    );
    const { fields } = schemaOfColumns(described);
    return { columns: fields.map(({ name, type }) => ({ name, type })), options: {} };
  }
  const { metadata } = other;
  const schema = currentSchema(metadata);
  const columnOf = (id: number) => fieldNames(schema, id)!;
  const fields = currentSpec(metadata).fields.filter(field => field.transform.kind !== 'void');
  const unknown = [...fields, ...currentSortOrder(metadata).fields].find(f => f.transform.kind === 'other');
  if (unknown !== undefined) {
    throw new UnsupportedError(
      `${like.parts.join('.')} can't be copied: it is partitioned or sorted by a transform that isn't known here.`,
      { hint: 'Write the columns out.', position: placeOf(source, like.span) },
    );
  }
  return {
    columns: schema.fields.map(field => ({
      name: field.name,
      type: field.type,
      required: field.required,
      ...(field.doc === undefined ? {} : { comment: field.doc }),
      ...(field.writeDefault === undefined ? {} : { default: field.writeDefault }),
    })),
    options: {
      key: schema.identifierFieldIds.map(columnOf),
      partitionedBy: fields.map(({ sourceId, transform, name }) => ({
        column: columnOf(sourceId),
        transform,
        name,
      })),
      sortedBy: currentSortOrder(metadata).fields.map(({ sourceId, ...field }) => ({
        ...field,
        column: columnOf(sourceId),
      })),
      properties: { 'format-version': String(metadata.formatVersion) },
    },
  };
}

/** Clauses that were written, to come before those of the table that is copied. */
function withoutEmpty(options: TableOptions): TableOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => {
      if (Array.isArray(value)) return value.length > 0;
      return typeof value !== 'object' || Object.keys(value).length > 0;
    }),
  );
}
