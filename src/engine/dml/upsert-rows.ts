import type { LoadedTable } from '../../catalog/catalog.ts';
import { didYouMeanHint } from '../../iceberg/did-you-mean.ts';
import { NotFoundError, ValidationError } from '../../iceberg/errors.ts';
import type { NestedField } from '../../iceberg/types.ts';
import type { ColumnDescription } from '../duckdb.ts';
import { quoteIdentifier } from '../quote.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import { SqlText, sql } from '../sql/sql-text.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { ChangeResult, ExecuteOptions } from '../statement-result.ts';
import { withTableReruns } from '../transaction.ts';
import { rowText } from './cardinality.ts';
import { type CastColumn, explained } from './conversion.ts';
import { materializeSource } from './merge.ts';
import { type MergeSides, type PlannedClause, sourceValues } from './merge-plan.ts';
import { mergeInto } from './merge-rows.ts';
import { type Target, targetOf } from './target.ts';
import { castTo, columnNamed, defaultValue } from './values.ts';
import { Workspace } from './workspace.ts';

export interface UpsertRowsRequest {
  readonly table: LoadedTable;
  /** `main` when absent. */
  readonly branch?: string;
  /** A query whose lake tables are bound already; its columns are the table's, by name. */
  readonly sourceSql: string | SqlText;
  /** Key columns: a row of the table with the same key is updated. */
  readonly on: readonly string[];
  /** Rows of the table whose key is in the source and for which this condition on `source` and `target` holds go. */
  readonly deleteWhen?: string | SqlText;
  /** More properties of the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>;
  /** The text that positions of errors are told in, for texts that know their places. */
  readonly source?: string;
}

/**
 * Updates the rows of a table whose key a query gives, and adds the others, in one commit. Columns that the query
 * hasn't keep their values, or get their defaults in new rows.
 * @throws ValidationError `DUPLICATE_KEY` and `NULL_KEY` for keys that don't name one row each; for values that don't
 *   fit; NotFoundError('column'); CommitConflictError; InterruptedError
 */
export async function upsertRows(
  session: EngineSession,
  request: UpsertRowsRequest,
  options: ExecuteOptions,
): Promise<ChangeResult> {
  return withTableReruns(session.lake, request.table, options.signal, table => {
    const tables = new StatementTables(session);
    return Workspace.within(session, request.source ?? '', tables, options, workspace =>
      upsertInto(workspace, targetOf(session, table, request.branch), request),
    );
  });
}

async function upsertInto(
  workspace: Workspace,
  target: Target,
  request: UpsertRowsRequest,
): Promise<ChangeResult> {
  const keys = keyFields(target, request.on);
  const deleteWhen = asText(request.deleteWhen);
  const query = asText(request.sourceSql)!;
  const given = await workspace.describe(query);
  for (const key of keys) requireColumn(given, key);
  rejectUnknown(target, given, deleteWhen);
  const source = await castSource(workspace, target, query, given);
  await requireUniqueKeys(workspace, source.name, keys);
  const sides: MergeSides = {
    targetAlias: 'target',
    sourceAlias: 'source',
    sourceColumns: source.columns,
  };
  return mergeInto(workspace, target, {
    ...sides,
    operation: 'upsert',
    source: source.name,
    sourceRows: source.rows,
    on: { kind: 'using', columns: keys.map(key => key.name) },
    keys: keys.map(field => ({ field, column: columnOf(source.columns, field)! })),
    clauses: upsertClauses(workspace, target, sides, keys, deleteWhen),
    summary: request.summary,
  });
}

function asText(text: string | SqlText): SqlText;
function asText(text: string | SqlText | undefined): SqlText | undefined;
function asText(text: string | SqlText | undefined): SqlText | undefined {
  return typeof text === 'string' ? SqlText.generated(text) : text;
}

function keyFields(target: Target, names: readonly string[]): NestedField[] {
  if (names.length === 0) {
    throw new ValidationError(`It isn't said which columns are the key of ${target.name}.`, {
      hint: 'Name them (on id), or set the table’s key: %lake evolve ... key (id).',
    });
  }
  return names.map(name => {
    const field = columnNamed(target.schema, name);
    if (field !== undefined) return field;
    const columns = target.schema.fields.map(other => other.name);
    throw new NotFoundError('column', `${target.name} has no column "${name}".`, {
      hint: didYouMeanHint(name, columns) ?? `Its columns: ${columns.join(', ')}.`,
    });
  });
}

function columnOf(columns: readonly ColumnDescription[], field: NestedField): ColumnDescription | undefined {
  return columns.find(column => column.name.toLowerCase() === field.name.toLowerCase());
}

function requireColumn(given: readonly ColumnDescription[], key: NestedField): void {
  if (columnOf(given, key) !== undefined) return;
  const names = given.map(column => column.name);
  throw new NotFoundError('column', `The source has no column "${key.name}", which is part of the key.`, {
    hint: didYouMeanHint(key.name, names) ?? `Its columns: ${names.join(', ')}.`,
  });
}

/** Columns that the table hasn't may be there for the condition only. */
function rejectUnknown(
  target: Target,
  given: readonly ColumnDescription[],
  deleteWhen: SqlText | undefined,
): void {
  const used = new Set(
    deleteWhen === undefined ? [] : tokenize(deleteWhen.text).map(token => token.value.toLowerCase()),
  );
  const unknown = given.find(
    ({ name }) => columnNamed(target.schema, name) === undefined && !used.has(name.toLowerCase()),
  );
  if (unknown === undefined) return;
  const names = target.schema.fields.map(field => field.name);
  throw new NotFoundError('column', `${target.name} has no column "${unknown.name}".`, {
    hint:
      didYouMeanHint(unknown.name, names) ?? 'Add the column to the table, or leave it out of the source.',
  });
}

/** The source as a temporary table, with the table's columns in the table's types. */
async function castSource(
  workspace: Workspace,
  target: Target,
  query: SqlText,
  given: readonly ColumnDescription[],
) {
  const casts: CastColumn[] = [];
  const columns = given.map(({ name }) => {
    const field = columnNamed(target.schema, name);
    const value = `given.${quoteIdentifier(name)}`;
    if (field === undefined) return value;
    casts.push({ source: name, field });
    return `${castTo(field, value)} AS ${quoteIdentifier(field.name)}`;
  });
  const cast = sql`SELECT ${columns.join(', ')} FROM (${query}\n) AS given`;
  return explained(workspace, query, casts, () => materializeSource(workspace, cast));
}

async function requireUniqueKeys(
  workspace: Workspace,
  source: string,
  keys: readonly NestedField[],
): Promise<void> {
  const names = keys.map(key => quoteIdentifier(key.name));
  const [missing] = await workspace.rows(
    `SELECT ${rowText(keys)} AS text, count(*) OVER () AS n FROM ${source}
     WHERE ${names.map(name => `${name} IS NULL`).join(' OR ')} LIMIT 1`,
  );
  if (missing !== undefined) {
    const others = Number(missing.n) > 1 ? ` and ${Number(missing.n) - 1} more` : '';
    throw new ValidationError(
      `The source has a row without a key: ${String(missing.text)}${others}. Nothing was changed.`,
      { hint: 'Give every row a key, or leave such rows out of the source.' },
      'NULL_KEY',
    );
  }
  const [repeated] = await workspace.rows(
    `SELECT ${rowText(keys)} AS text, n, count(*) OVER () AS others FROM
       (SELECT ${names.join(', ')}, count(*) AS n FROM ${source} GROUP BY ${names.join(', ')} HAVING count(*) > 1)
     ORDER BY ${names.join(', ')} LIMIT 1`,
  );
  if (repeated === undefined) return;
  const others = Number(repeated.others) > 1 ? ` (and ${Number(repeated.others) - 1} more keys)` : '';
  throw new ValidationError(
    `The source has ${repeated.n} rows with the key ${String(repeated.text)}${others}. Nothing was changed.`,
    { hint: 'Keep one row for each key, for example with QUALIFY row_number() OVER (PARTITION BY ...) = 1.' },
    'DUPLICATE_KEY',
  );
}

function upsertClauses(
  workspace: Workspace,
  target: Target,
  sides: MergeSides,
  keys: readonly NestedField[],
  deleteWhen: SqlText | undefined,
): PlannedClause[] {
  const given = sourceValues(workspace, target, sides, 'name', undefined);
  const updates = given.filter(({ field }) => !keys.includes(field));
  const inserts = target.schema.fields.map(
    field =>
      given.find(value => value.field === field) ?? {
        field,
        value: SqlText.generated(defaultValue(field)),
      },
  );
  const clauses: Omit<PlannedClause, 'number'>[] = [
    ...(deleteWhen === undefined
      ? []
      : [{ when: 'matched', condition: deleteWhen, action: { kind: 'delete' } } as const]),
    {
      when: 'matched',
      action: updates.length === 0 ? { kind: 'nothing' } : { kind: 'update', values: updates },
    },
    { when: 'not-matched', action: { kind: 'insert', values: inserts } },
  ];
  return clauses.map((clause, index) => ({ ...clause, number: index + 1 }));
}
