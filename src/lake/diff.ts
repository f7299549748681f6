import type { LoadedTable } from '../catalog/catalog.ts';
import { quoteIdentifier } from '../engine/quote.ts';
import { scanSql } from '../engine/read.ts';
import type { EngineSession } from '../engine/session.ts';
import { SqlText } from '../engine/sql/sql-text.ts';
import { alwaysTrue } from '../iceberg/expression.ts';
import { currentSchema, schemaById } from '../iceberg/metadata.ts';
import { type FileScanTask, planScan } from '../iceberg/scan.ts';
import { type Schema, typeToString } from '../iceberg/schema.ts';
import { typesEqual } from '../iceberg/types.ts';
import { andList, count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { DiffRequest } from './requests.ts';
import { temporaryName } from './sources/source.ts';
import { requireTable, shownName } from './targets.ts';
import { type FoundVersion, findVersion } from './versions.ts';

/**
 * The rows that differ between two versions, and how the columns do. With a key, rows of the same key are compared:
 * `added`, `removed`, and `changed from` / `changed to`; without one, whole rows are added or removed. Files that both
 * versions have are not read.
 */
export async function diff(
  session: EngineSession,
  request: DiffRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const from = findVersion(session, table, request.from);
  const to = findVersion(session, table, request.to ?? { kind: 'previous', steps: 0 });
  const schemas = { from: schemaOf(table, from), to: schemaOf(table, to) };
  const [before, after] = await differingFiles(session, table, from, to, options);
  const left = await relation(session, table, schemas.to, before, options);
  const right = await relation(session, table, schemas.to, after, options);
  const keys = keyOf(schemas.from, schemas.to);
  const columns = schemas.to.fields.map(field => field.name);
  const sql = keys.length > 0 ? keyedSql(left, right, columns, keys) : wholeRowsSql(left, right, columns);
  const { counts, result } = await materialize(session, sql, columns, keys, options);
  const name = shownName(session, table);
  const columnChanges = schemaChanges(schemas.from, schemas.to);
  const sentence = `${name} from ${from.label} to ${to.label}: ${countText(counts)}.`;
  return {
    text: columnChanges.length === 0 ? sentence : `${sentence} Columns: ${columnChanges.join(', ')}.`,
    result,
  };
}

/** A branch has the table's present columns, a snapshot those of its time. */
function schemaOf({ metadata }: LoadedTable, { snapshot, isBranch }: FoundVersion): Schema {
  if (isBranch || snapshot?.schemaId === undefined) return currentSchema(metadata);
  return schemaById(metadata, snapshot.schemaId);
}

/** What has to be read of each version: files of one only, or with other deletes. */
async function differingFiles(
  session: EngineSession,
  { metadata }: LoadedTable,
  from: FoundVersion,
  to: FoundVersion,
  { signal }: VerbOptions,
): Promise<[FileScanTask[], FileScanTask[]]> {
  const filesOf = async ({ snapshot }: FoundVersion) => {
    if (snapshot === undefined) return new Map<string, FileScanTask>();
    const { tasks } = await planScan({
      metadata,
      snapshotId: snapshot.snapshotId,
      filter: alwaysTrue,
      io: session.lake.storage,
      signal,
    });
    return new Map(tasks.map(task => [taskKey(task), task]));
  };
  const [before, after] = [await filesOf(from), await filesOf(to)];
  const only = (own: Map<string, FileScanTask>, other: Map<string, FileScanTask>) =>
    [...own].filter(([key]) => !other.has(key)).map(([, task]) => task);
  return [only(before, after), only(after, before)];
}

function taskKey({ dataFile, deletes }: FileScanTask): string {
  const applied = deletes.map(file => `${file.filePath}#${file.contentOffset ?? ''}`).sort();
  return JSON.stringify([dataFile.filePath, applied]);
}

async function relation(
  session: EngineSession,
  { metadata }: LoadedTable,
  schema: Schema,
  files: readonly FileScanTask[],
  { signal }: VerbOptions,
): Promise<string> {
  const { duckdb, lake } = session;
  // By field id, so that renamed, widened and new columns are compared as what they are.
  const { sql } = await scanSql({ duckdb, storage: lake.storage, metadata, schema, files, signal });
  return sql;
}

/** The key columns, if both versions have the same key. */
function keyOf(from: Schema, to: Schema): string[] {
  const ids = to.identifierFieldIds;
  const top = ids.every(id => to.fields.some(field => field.id === id) && from.fields.some(f => f.id === id));
  return top ? ids.map(id => to.fields.find(field => field.id === id)!.name) : [];
}

function keyedSql(left: string, right: string, columns: readonly string[], keys: readonly string[]): string {
  const list = (side: string) => columns.map(name => `${side}.${quoteIdentifier(name)}`).join(', ');
  const same = keys.map(key => `a.${quoteIdentifier(key)} = b.${quoteIdentifier(key)}`).join(' AND ');
  const others = columns.filter(name => !keys.includes(name));
  const differs =
    others.length === 0
      ? 'false'
      : others
          .map(name => `a.${quoteIdentifier(name)} IS DISTINCT FROM b.${quoteIdentifier(name)}`)
          .join(' OR ');
  return `WITH before_rows AS MATERIALIZED (${left}), after_rows AS MATERIALIZED (${right})
    SELECT 'removed' AS change, 0 AS step, ${list('a')} FROM before_rows a ANTI JOIN after_rows b ON ${same}
    UNION ALL SELECT 'added', 0, ${list('b')} FROM after_rows b ANTI JOIN before_rows a ON ${same}
    UNION ALL SELECT 'changed from', 1, ${list('a')} FROM before_rows a JOIN after_rows b ON ${same} WHERE ${differs}
    UNION ALL SELECT 'changed to', 2, ${list('b')} FROM before_rows a JOIN after_rows b ON ${same} WHERE ${differs}`;
}

function wholeRowsSql(left: string, right: string, columns: readonly string[]): string {
  const list = columns.map(quoteIdentifier).join(', ');
  return `WITH before_rows AS MATERIALIZED (${left}), after_rows AS MATERIALIZED (${right})
    SELECT 'removed' AS change, 0 AS step, ${list} FROM (FROM before_rows EXCEPT ALL FROM after_rows)
    UNION ALL SELECT 'added', 0, ${list} FROM (FROM after_rows EXCEPT ALL FROM before_rows)`;
}

interface Counts {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

async function materialize(
  session: EngineSession,
  sql: string,
  columns: readonly string[],
  keys: readonly string[],
  options: VerbOptions,
) {
  const { duckdb } = session;
  const table = quoteIdentifier(temporaryName('diff'));
  // Two names that no column of the table has.
  const [change, step] = ['change', 'step'].map(name => freeName(name, columns));
  const names = [change!, step!, ...columns].map(quoteIdentifier).join(', ');
  await duckdb.run(`CREATE TEMP TABLE ${table} AS SELECT * FROM (${sql}) AS d(${names})`, {
    ...options,
    phase: 'comparing',
  });
  try {
    const rows = await duckdb.rows(
      `SELECT ${quoteIdentifier(change!)} AS c, count(*) AS n FROM ${table} GROUP BY 1`,
    );
    const of = (name: string) => Number(rows.find(row => row.c === name)?.n ?? 0);
    const order = [...(keys.length > 0 ? keys : columns), step!].map(quoteIdentifier).join(', ');
    const shown = [change!, ...columns].map(quoteIdentifier).join(', ');
    const result = await session.query(
      SqlText.generated(`SELECT ${shown} FROM ${table} ORDER BY ${order}`),
      '',
      options,
    );
    // The table must outlive the rows that are still on their way.
    await result.finished();
    return { counts: { added: of('added'), removed: of('removed'), changed: of('changed to') }, result };
  } finally {
    await duckdb.run(`DROP TABLE IF EXISTS ${table}`);
  }
}

function freeName(name: string, columns: readonly string[]): string {
  let free = name;
  while (columns.some(column => column.toLowerCase() === free)) free = `_${free}`;
  return free;
}

function countText({ added, removed, changed }: Counts): string {
  const parts = [
    ...(added > 0 ? [`${count(added, 'row')} added`] : []),
    ...(removed > 0 ? [`${count(removed, 'row')} removed`] : []),
    ...(changed > 0 ? [`${count(changed, 'row')} changed`] : []),
  ];
  return parts.length === 0 ? 'no row differs' : andList(parts);
}

/** `discount double added`, `note removed`, `a renamed to b`, `id int is long now`. */
function schemaChanges(from: Schema, to: Schema): string[] {
  const changes: string[] = [];
  for (const field of to.fields) {
    const before = from.fields.find(each => each.id === field.id);
    if (before === undefined) changes.push(`${field.name} ${typeToString(field.type)} added`);
    else {
      if (before.name !== field.name) changes.push(`${before.name} renamed to ${field.name}`);
      if (!typesEqual(before.type, field.type)) {
        changes.push(`${field.name} ${typeToString(before.type)} is ${typeToString(field.type)} now`);
      }
      if (before.required !== field.required) {
        changes.push(`${field.name} is ${field.required ? 'required' : 'optional'} now`);
      }
    }
  }
  for (const field of from.fields) {
    if (!to.fields.some(each => each.id === field.id)) changes.push(`${field.name} removed`);
  }
  return changes;
}
