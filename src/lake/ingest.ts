import type { LoadedTable } from '../catalog/catalog.ts';
import { insertRows, type Overwrite } from '../engine/dml/index.ts';
import { jsonLiteral } from '../engine/literals.ts';
import { quoteIdentifier } from '../engine/quote.ts';
import type { EngineSession } from '../engine/session.ts';
import type { ChangeResult } from '../engine/statement-result.ts';
import { ValidationError } from '../iceberg/errors.ts';
import { currentSchema } from '../iceberg/metadata.ts';
import { type Schema, typeToString } from '../iceberg/schema.ts';
import { andList, count, rowCounts, type VerbAnswer, type VerbOptions } from './answer.ts';
import { create } from './create.ts';
import { quarantine, takeBack } from './rejected.ts';
import type { IngestMode, IngestRequest } from './requests.ts';
import { requiredColumns } from './sources/columns.ts';
import { refuseEmpty, SourceOpener } from './sources/open.ts';
import type { OpenedSource, SourceRows } from './sources/source.ts';
import { findTable, requireTarget, shownName } from './targets.ts';

/** Summary property of an ingest with a summary of its own: how many lines were left out or put aside. */
export const rejectedLines = 'lakebook.rejected-lines';

/**
 * Loads files or a query into a table: the rows go from DuckDB's readers straight into new data files, and become
 * visible with one commit, all of them or none.
 *
 * With `create` the table is made when it isn't there, and goes away again when the ingest fails. Rows that don't
 * fit end it (`abort`), are left out (`skip`), or are kept in the table `<name>_rejected` (`quarantine`), which is
 * committed first, so that no line is in neither table.
 * @throws ValidationError naming file, line, column and value; NotFoundError for tables and files that aren't there
 */
export async function ingest(
  session: EngineSession,
  request: IngestRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const opener = new SourceOpener(session, request.source);
  try {
    return await ingestFrom(session, request, opener, options);
  } finally {
    await opener.close();
  }
}

async function ingestFrom(
  session: EngineSession,
  request: IngestRequest,
  opener: SourceOpener,
  options: VerbOptions,
): Promise<VerbAnswer> {
  const isThere = (await findTable(session, request.table)) !== undefined;
  if (isThere || request.create !== true) {
    refuseCreateClauses(request, isThere);
    return load(session, request, opener, options, false);
  }
  const source = await opener.open([], options);
  refuseEmpty(source);
  await createFrom(session, request, source, options);
  try {
    return await load(session, request, opener, options, true);
  } catch (error) {
    await dropNew(session, request.table);
    throw error;
  }
}

/** `partitioned by` and `key` describe a new table only. */
function refuseCreateClauses(request: IngestRequest, isThere: boolean): void {
  const clause =
    request.partitionedBy !== undefined ? 'partitioned by' : request.key !== undefined ? 'key' : undefined;
  if (clause === undefined || request.create === true) return;
  throw new ValidationError(`\`${clause}\` says how a table is made.`, {
    hint: isThere
      ? `The table is there already: \`%lake evolve ${request.table} ${clause === 'key' ? 'key ...' : 'partition by ...'}\` changes it.`
      : 'Add `create` to make the table.',
  });
}

async function createFrom(
  session: EngineSession,
  request: IngestRequest,
  source: OpenedSource,
  options: VerbOptions,
): Promise<void> {
  const { table, partitionedBy, key, onError } = request;
  const schema = await source.inferSchema({ ...options, onError });
  await create(
    session,
    {
      table,
      columns: schema.fields.map(field => ({ name: field.name, type: typeToString(field.type) })),
      ...(partitionedBy === undefined ? {} : { partitionedBy }),
      ...(key === undefined ? {} : { key }),
    },
    options,
  );
}

async function dropNew(session: EngineSession, name: string): Promise<void> {
  const table = await findTable(session, name);
  if (table !== undefined) await session.lake.catalog.dropTable(table.identifier, { purge: true });
}

async function load(
  session: EngineSession,
  request: IngestRequest,
  opener: SourceOpener,
  options: VerbOptions,
  isNew: boolean,
): Promise<VerbAnswer> {
  const { table } = await requireTarget(session, request.table, options);
  const schema = currentSchema(table.metadata);
  const source = await opener.open(
    schema.fields.map(field => field.name),
    options,
  );
  refuseEmpty(source);
  const rows = await source.rows(
    { table: shownName(session, table), schema, needed: requiredColumns(schema) },
    { ...options, onError: request.onError },
  );
  try {
    return await loadRows(session, request, { source, rows, isNew }, options);
  } finally {
    await rows.close();
  }
}

interface Loading {
  readonly source: OpenedSource;
  readonly rows: SourceRows;
  readonly isNew: boolean;
}

async function loadRows(
  session: EngineSession,
  request: IngestRequest,
  { source, rows, isNew }: Loading,
  options: VerbOptions,
): Promise<VerbAnswer> {
  const { table, branch } = await requireTarget(session, request.table, options);
  const { rejects } = rows;
  const quarantined =
    rejects === undefined || request.onError !== 'quarantine'
      ? undefined
      : await quarantine(session, table, rejects, options, request.summary);
  try {
    const change = await insertRows(
      session,
      {
        table,
        branch,
        sourceSql: withDefaults(rows, currentSchema(table.metadata)),
        matchBy: 'name',
        overwrite: overwriteOf[request.mode ?? 'append'],
        operation: 'ingest',
        ...(request.summary === undefined
          ? {}
          : { summary: { ...request.summary, ...rejectedSummary(rows) } }),
      },
      options,
    );
    const rejected = quarantined === undefined ? undefined : shownName(session, quarantined.table);
    return answer({ name: change.table, source, rows, change, isNew, table, rejected });
  } catch (error) {
    const told = await rows.explain(error);
    throw quarantined === undefined ? told : await takeBack(session, quarantined, told);
  }
}

/** How many lines were refused, beside what the client wants to find in the summary. */
function rejectedSummary({ rejects }: SourceRows): Readonly<Record<string, string>> {
  return rejects === undefined ? {} : { [rejectedLines]: String(rejects.count) };
}

const overwriteOf: Readonly<Record<IngestMode, Overwrite>> = {
  append: 'none',
  overwrite: 'all',
  'replace-partitions': 'partitions',
};

/** Columns that the source hasn't got have their default where the table says one. */
function withDefaults(rows: SourceRows, schema: Schema): string {
  const defaults = schema.fields
    .filter(field => field.writeDefault !== undefined && !rows.columns.includes(field.name))
    .map(field => `${jsonLiteral(field.type, field.writeDefault)} AS ${quoteIdentifier(field.name)}`);
  return defaults.length === 0 ? rows.sql : `SELECT *, ${defaults.join(', ')} FROM (${rows.sql}\n)`;
}

interface Loaded {
  readonly name: string;
  readonly source: OpenedSource;
  readonly rows: SourceRows;
  readonly change: ChangeResult;
  readonly isNew: boolean;
  readonly table: LoadedTable;
  /** Name of the table that the refused lines are in. */
  readonly rejected: string | undefined;
}

function answer(loaded: Loaded): VerbAnswer {
  const { name, source, rows, change, isNew, table } = loaded;
  const { rowsInserted, rowsDeleted, filesAdded, snapshotId } = change;
  const schema = currentSchema(table.metadata);
  const missing = schema.fields
    .filter(field => field.writeDefault === undefined && !rows.columns.includes(field.name))
    .map(field => field.name);
  const files = filesAdded === 0 ? '' : ` in ${count(filesAdded, 'new file')}`;
  const replaced = rowsDeleted === 0 ? '' : `, in place of ${count(rowsDeleted, 'row')}`;
  const sentences = [
    `${count(rowsInserted, 'row')} from ${source.name} loaded into ${name}${files}${replaced}.`,
    ...(isNew
      ? [`The table is new: ${schema.fields.map(f => `${f.name} ${typeToString(f.type)}`).join(', ')}.`]
      : []),
    ...(missing.length > 0 && rowsInserted > 0
      ? [`${andList(missing)} ${missing.length === 1 ? 'is' : 'are'} NULL: the source has no such column.`]
      : []),
  ];
  const warnings = rejectWarnings(loaded);
  if (rowsInserted === 0 && rows.rejects === undefined) warnings.push(`${source.name} has no rows.`);
  return {
    text: sentences.join(' '),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(snapshotId === undefined ? {} : { snapshotId }),
    changed: rowCounts(change),
    rejected: rows.rejects?.count ?? 0,
  };
}

function rejectWarnings({ rows: { rejects }, name, rejected }: Loaded): string[] {
  if (rejects === undefined) return [];
  const { count: total, first } = rejects;
  const more = total - first.length;
  const shown = `${first.join('. ')}.${more > 0 ? ` And ${more.toLocaleString('en-US')} more.` : ''}`;
  const where =
    rejected === undefined
      ? `${total === 1 ? 'was' : 'were'} left out of ${name}`
      : `${total === 1 ? 'is' : 'are'} in ${rejected}`;
  return [`${count(total, 'line')} that ${total === 1 ? 'doesn’t' : 'don’t'} fit ${where}. ${shown}`];
}
