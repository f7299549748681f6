import type { LoadedTable, TableIdentifier } from '../../catalog/catalog.ts';
import { commitWithRetry, deleteQuietly } from '../../catalog/commit.ts';
import type { DataFile } from '../../iceberg/datafile.ts';
import { CommitConflictError, CommitStateUnknownError, ValidationError } from '../../iceberg/errors.ts';
import { currentSchema, currentSortOrder, currentSpec, type TableMetadata } from '../../iceberg/metadata.ts';
import { applyUpdates } from '../../iceberg/metadata-builder.ts';
import { specToJson } from '../../iceberg/partition.ts';
import { schemaToJson } from '../../iceberg/schema.ts';
import { produceSnapshot } from '../../iceberg/snapshot-producer.ts';
import { sortOrderToJson } from '../../iceberg/sort.ts';
import { replaceTableMetadata } from '../../iceberg/table-replace.ts';
import { plural } from '../dml/outcome.ts';
import { Workspace } from '../dml/workspace.ts';
import { StatementTables } from '../resolve.ts';
import { type EngineSession, inSource } from '../session.ts';
import { SqlText } from '../sql/sql-text.ts';
import type { CreateTableAsStatement, NameToken } from '../sql/statement.ts';
import type { ChangeResult, ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { schemaOfColumns } from '../types.ts';
import { writeDataFiles } from '../write.ts';
import { createOrElse, createTable, tableOptions } from './create-table.ts';
import { newTableIdentifier, tableName } from './names.ts';
import { createRequest, type NewColumn, replacementOf, type TableOptions, tableExists } from './new-table.ts';
import { placeOf } from './place.ts';

/** Runs CREATE TABLE AS. */
export async function runCreateTableAs(
  session: EngineSession,
  statement: CreateTableAsStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const tables = new StatementTables(session);
  const identifier = statement.temporary
    ? undefined
    : await newTableIdentifier(session, tables, statement.name.parts);
  return Workspace.within(session, source, tables, options, async workspace => {
    if (identifier === undefined) {
      const place = statement.query.sourceSpan({ start: 0, end: statement.query.length })!;
      const { start } = statement.span;
      const by = await workspace.bind(statement.query);
      const text = statement.text.patch([
        { span: { start: place.start - start, end: place.end - start }, by },
      ]);
      return session.statement(text, source, options);
    }
    if (statement.unsupported !== undefined) throw statement.unsupported;
    const table = tableOptions(statement, source);
    const isThere = await session.lake.catalog.tableExists(identifier);
    // The query of a table that is there already needn't be right, nor run.
    if (isThere && table.ifNotExists === true) return existing(session, identifier);
    if (isThere && table.replace !== true) throw tableExists(tableName(session, identifier), table.at);
    const query = await workspace.bind(statement.query);
    const described = schemaOfColumns(await workspace.describe(query)).fields;
    checkNames(statement, described.length, source);
    const columns = described.map(({ name, type }, index): NewColumn => {
      const given = statement.columnNames?.[index];
      return {
        name: given?.name ?? name,
        type,
        at: placeOf(source, (given as NameToken | undefined)?.span),
      };
    });
    if (!statement.withData) {
      const { text } = await createTable(session, identifier, columns, table, options);
      return { kind: 'done', text };
    }
    return createTableAs(session, identifier, columns, { ...table, query, source }, options);
  });
}

export interface TableWithRows extends TableOptions {
  /** A query whose lake tables are bound already; its columns belong to the table's in order. */
  readonly query: string | SqlText;
  /** The text that positions of errors are told in, for a query that knows its places. */
  readonly source?: string;
  /** More properties of the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>;
}

/**
 * Makes a table with a query's rows, or replaces one that is there: the table and its first snapshot become visible
 * at once, and when anything fails nothing is left behind.
 * @throws AlreadyExistsError('table'), NotFoundError('namespace' or 'column'), ValidationError, UnsupportedError,
 *   SqlError, CommitConflictError, CommitStateUnknownError, InterruptedError
 */
export async function createTableAs(
  session: EngineSession,
  identifier: TableIdentifier,
  columns: readonly NewColumn[],
  table: TableWithRows,
  options: ExecuteOptions = {},
): Promise<ChangeResult> {
  return await createOrElse(session, identifier, table, {
    create: async () => {
      const staged = await session.lake.catalog.stageTable(
        identifier,
        createRequest(session, columns, table),
      );
      return await createFrom(session, identifier, staged, table, options);
    },
    replace: there => replaceFrom(session, there, columns, table, options),
    keep: () => existing(session, identifier),
  });
}

async function createFrom(
  session: EngineSession,
  identifier: TableIdentifier,
  staged: TableMetadata,
  table: TableWithRows,
  options: ExecuteOptions,
): Promise<ChangeResult> {
  const { catalog, storage } = session.lake;
  const written: string[] = [];
  try {
    const files = await writeRows(session, staged, table, options);
    written.push(...files.map(file => file.filePath));
    const produced = await firstSnapshot(session, staged, files, table);
    written.push(...produced.written);
    const created = await catalog.createStaged(identifier, staged, produced.updates);
    return outcome(session, created, files, 'created');
  } catch (error) {
    if (!(error instanceof CommitStateUnknownError)) {
      await deleteQuietly(storage, written);
      await storage.removeEmptyFolders?.(staged.location).catch(() => undefined);
    }
    throw error;
  }
}

/** Rows are written once, unless what is replaced changes so that they would have to be written differently. */
async function replaceFrom(
  session: EngineSession,
  there: LoadedTable,
  columns: readonly NewColumn[],
  table: TableWithRows,
  options: ExecuteOptions,
): Promise<ChangeResult> {
  const { catalog, storage } = session.lake;
  let files: DataFile[] = [];
  let writtenFor: string | undefined;
  const discard = async () => {
    await deleteQuietly(
      storage,
      files.map(file => file.filePath),
    );
    files = [];
    writtenFor = undefined;
  };
  try {
    const committed = await commitWithRetry(
      catalog,
      there.identifier,
      async current => {
        if (current.metadata.tableUuid !== there.metadata.tableUuid) {
          throw new CommitConflictError('The table was dropped and made anew meanwhile.', {
            hint: 'Nothing was changed: run it again.',
          });
        }
        const change = replaceTableMetadata(
          current.metadata,
          replacementOf(session, current, columns, table),
        );
        const emptied = applyUpdates(current.metadata, change.updates);
        const layout = layoutOf(emptied);
        if (writtenFor !== layout) {
          await discard();
          files = await writeRows(session, emptied, table, options);
          writtenFor = layout;
        }
        const { updates, written } = await firstSnapshot(session, emptied, files, table);
        return { updates: [...change.updates, ...updates], requirements: change.requirements, written };
      },
      storage,
      { signal: options.signal },
    );
    return outcome(session, committed!, files, 'replaced');
  } catch (error) {
    if (!(error instanceof CommitStateUnknownError)) await discard();
    throw error;
  }
}

/** Everything of a table that data files are written by. */
function layoutOf(metadata: TableMetadata): string {
  return JSON.stringify([
    metadata.location,
    schemaToJson(currentSchema(metadata)),
    specToJson(currentSpec(metadata)),
    sortOrderToJson(currentSortOrder(metadata)),
    metadata.properties,
  ]);
}

async function writeRows(
  session: EngineSession,
  metadata: TableMetadata,
  { query, source = '' }: TableWithRows,
  { signal, onProgress }: ExecuteOptions,
): Promise<DataFile[]> {
  const rows = typeof query === 'string' ? SqlText.generated(query) : query;
  return await inSource(rows, source, () =>
    writeDataFiles({
      duckdb: session.duckdb,
      storage: session.lake.storage,
      metadata,
      sourceSql: rows.text,
      signal,
      onProgress,
    }),
  );
}

/** The requirements of the snapshot are those of the table's making, as it isn't there without it. */
function firstSnapshot(
  session: EngineSession,
  metadata: TableMetadata,
  added: readonly DataFile[],
  { summary }: TableWithRows,
) {
  const io = session.lake.storage;
  return produceSnapshot({ metadata, io, operation: 'append', added, removed: [], summary });
}

function outcome(
  session: EngineSession,
  { identifier, metadata }: LoadedTable,
  files: readonly DataFile[],
  done: 'created' | 'replaced',
): ChangeResult {
  const rowsInserted = files.reduce((sum, file) => sum + file.recordCount, 0);
  const table = tableName(session, identifier);
  const where = files.length === 0 ? '' : ` in ${plural(files.length, 'file')}`;
  return {
    kind: 'change',
    operation: 'create table as',
    table,
    rowsInserted,
    rowsUpdated: 0,
    rowsDeleted: 0,
    snapshotId: metadata.currentSnapshotId,
    filesAdded: files.length,
    filesRemoved: 0,
    text: `${table}: ${done} with ${plural(rowsInserted, 'row')}${where}.`,
  };
}

function existing(session: EngineSession, identifier: TableIdentifier): ChangeResult {
  const table = tableName(session, identifier);
  return {
    kind: 'change',
    operation: 'create table as',
    table,
    rowsInserted: 0,
    rowsUpdated: 0,
    rowsDeleted: 0,
    filesAdded: 0,
    filesRemoved: 0,
    text: `${table} exists already: nothing changed.`,
  };
}

function checkNames({ columnNames }: CreateTableAsStatement, columns: number, source: string): void {
  if (columnNames === undefined || columnNames.length === columns) return;
  const first = columnNames[0]!.span;
  const span = { start: first.start, end: columnNames.at(-1)!.span.end };
  throw new ValidationError(
    `There are ${plural(columnNames.length, 'name')} for ${plural(columns, 'column')} of the query.`,
    { hint: 'Give each column of the query a name, or none.', position: placeOf(source, span) },
  );
}
