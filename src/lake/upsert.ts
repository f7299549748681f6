import { upsertRows } from '../engine/dml/index.ts';
import { quoteIdentifier } from '../engine/quote.ts';
import type { EngineSession } from '../engine/session.ts';
import { SqlText } from '../engine/sql/sql-text.ts';
import { ValidationError } from '../iceberg/errors.ts';
import { currentSchema } from '../iceberg/metadata.ts';
import { fieldPath, type Schema } from '../iceberg/schema.ts';
import { andList, rowCounts, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { UpsertRequest } from './requests.ts';
import { refuseEmpty, SourceOpener } from './sources/open.ts';
import { requireTarget, shownName } from './targets.ts';

/**
 * Updates the rows whose key is there and inserts the others, in one commit. Columns that the source hasn't got keep
 * their values in rows that are there, and are NULL (or their default) in new ones.
 * @throws ValidationError naming the keys that are there twice or NULL; as `ingest` for the source
 */
export async function upsert(
  session: EngineSession,
  request: UpsertRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const opener = new SourceOpener(session, request.source);
  try {
    return await upsertFrom(session, request, opener, options);
  } finally {
    await opener.close();
  }
}

async function upsertFrom(
  session: EngineSession,
  request: UpsertRequest,
  opener: SourceOpener,
  options: VerbOptions,
): Promise<VerbAnswer> {
  const { table, branch } = await requireTarget(session, request.table, options);
  const schema = currentSchema(table.metadata);
  const name = shownName(session, table);
  const on = keyColumns(name, schema, request.on);
  const source = await opener.open(
    schema.fields.map(field => field.name),
    options,
  );
  refuseEmpty(source);
  // Values that are NULL where one is required are told by the engine: a column may be missing, and keep its values.
  const rows = await source.rows({ table: name, schema, needed: on }, options);
  const condition = request.whenMatchedDelete;
  try {
    const change = await upsertRows(
      session,
      {
        table,
        branch,
        sourceSql: `SELECT ${rows.columns.map(quoteIdentifier).join(', ')} FROM (${rows.sql}\n)`,
        on,
        ...(request.summary === undefined ? {} : { summary: request.summary }),
        ...(condition === undefined ? {} : { deleteWhen: SqlText.written(condition), source: condition }),
      },
      options,
    );
    const missing = schema.fields.map(field => field.name).filter(each => !rows.columns.includes(each));
    const kept =
      missing.length === 0 || change.snapshotId === undefined
        ? ''
        : ` ${andList(missing)} ${missing.length === 1 ? 'keeps its' : 'keep their'} values: the source has no such column.`;
    return {
      text: `${source.name} upserted into ${name}: ${lowerFirst(change.text)}${kept}`,
      ...(change.snapshotId === undefined ? {} : { snapshotId: change.snapshotId }),
      changed: rowCounts(change),
    };
  } catch (error) {
    throw await rows.explain(error);
  } finally {
    await rows.close();
  }
}

/** The columns that tell rows apart: those asked for, or the table's key. */
function keyColumns(name: string, schema: Schema, asked: readonly string[] | undefined): readonly string[] {
  if (asked !== undefined && asked.length > 0) return asked.map(column => ownName(schema, column));
  const own = schema.identifierFieldIds.map(id => fieldPath(schema, id)!);
  if (own.length > 0) return own;
  throw new ValidationError(`${name} has no key, so the rows to update can't be found.`, {
    hint: `Name the columns: upsert ${name} from ... on id; or give the table a key: \`%lake evolve ${name} key (id)\`.`,
  });
}

/** The column's name as the table writes it; one that isn't there stays, for the engine to tell. */
function ownName(schema: Schema, column: string): string {
  return schema.fields.find(field => field.name.toLowerCase() === column.toLowerCase())?.name ?? column;
}

function lowerFirst(text: string): string {
  return text.startsWith('Nothing') || text.startsWith('No ')
    ? text.charAt(0).toLowerCase() + text.slice(1)
    : text;
}
