import path from 'node:path';
import { currentSchema } from '../../iceberg/metadata.ts';
import { bindQuery } from '../bind/index.ts';
import { insertRows } from '../dml/index.ts';
import { quoteIdentifier, quoteString } from '../quote.ts';
import { StatementTables } from '../resolve.ts';
import { type EngineSession, inSource } from '../session.ts';
import { SqlText, sql } from '../sql/sql-text.ts';
import type { CopyStatement, NameToken } from '../sql/statement.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { duckDbType } from '../types.ts';

/** COPY of queries and tables to files, and of files into tables. */
export async function copy(
  session: EngineSession,
  statement: CopyStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  return statement.direction === 'to'
    ? copyTo(session, statement, source, options)
    : copyFrom(session, statement, source, options);
}

async function copyTo(
  session: EngineSession,
  { query, table, columns, rest, text }: CopyStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const selected = query ?? tableQuery(source, table!, columns);
  const tables = new StatementTables(session);
  const bound = await bindQuery(session, selected, source, tables, options);
  const target = inWorkingDirectory(session, rest);
  const isOwn = table !== undefined && bound.sql.text === selected.text;
  const before = isOwn
    ? text.slice(0, text.length - rest.length)
    : sql`COPY (${bound.sql}
) `;
  const { signal, onProgress } = options;
  const statement = sql`${before}${target}`;
  if (/\bRETURN_(STATS|FILES)\b/i.test(rest.text)) return session.statement(statement, source, options);
  const [row] = await inSource(statement, source, () =>
    session.duckdb.rows(statement.text, { signal, onProgress, phase: 'writing' }),
  );
  const count = Number(row?.Count ?? 0);
  return { kind: 'done', text: `${count} ${count === 1 ? 'row' : 'rows'} copied.` };
}

function tableQuery(
  source: string,
  { span, at }: NonNullable<CopyStatement['table']>,
  columns: readonly NameToken[] | undefined,
): SqlText {
  const written = SqlText.written(source, { start: span.start, end: at?.span.end ?? span.end });
  if (columns === undefined) return sql`SELECT * FROM ${written}`;
  const list = SqlText.join(
    columns.map(column => SqlText.written(source, column.span)),
    ', ',
  );
  return sql`SELECT ${list} FROM ${written}`;
}

/** DuckDB writes relative files into the process's folder, and reads them from the session's. */
function inWorkingDirectory(session: EngineSession, rest: SqlText): SqlText {
  const file = tokenize(rest.text)[1];
  if (file?.type !== 'string' || path.isAbsolute(file.value) || /^(~|[a-z][a-z0-9+]*:)/i.test(file.value))
    return rest;
  if (file.value === '') return rest;
  const by = quoteString(path.join(session.workingDirectory, file.value));
  return rest.patch([{ span: { start: file.start, end: file.end }, by }]);
}

let copies = 0;

async function copyFrom(
  session: EngineSession,
  { table, columns, rest, text }: CopyStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const tables = new StatementTables(session);
  if ((await tables.duckDbNames()).hasOwn(table!.parts)) return session.statement(text, source, options);
  const { table: target, branch } = await tables.requireTarget(table!, source, options);
  const { duckdb } = session;
  const { signal, onProgress } = options;
  const staged = quoteIdentifier(`lakebook_copy_${++copies}`);
  const fields = currentSchema(target.metadata).fields;
  const definitions = fields.map(({ name, type }) => `${quoteIdentifier(name)} ${duckDbType(type)}`);
  const list = columns?.map(column => SqlText.written(source, column.span));
  const named = list === undefined ? sql`` : sql` (${SqlText.join(list, ', ')})`;
  try {
    await duckdb.run(`CREATE TEMP TABLE ${staged} (${definitions.join(', ')})`, { signal });
    const load = sql`COPY ${staged}${named} ${rest}`;
    await inSource(load, source, () => duckdb.run(load.text, { signal, onProgress, phase: 'reading' }));
    const selected = list === undefined ? '*' : list.map(item => item.text).join(', ');
    return await insertRows(
      session,
      {
        table: target,
        branch,
        sourceSql: `SELECT ${selected} FROM ${staged}`,
        matchBy: 'name',
        operation: 'copy',
        source,
      },
      options,
    );
  } finally {
    await duckdb.run(`DROP TABLE IF EXISTS ${staged}`);
  }
}
