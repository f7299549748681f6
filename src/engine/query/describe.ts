import { currentSchema } from '../../iceberg/metadata.ts';
import type { Schema } from '../../iceberg/schema.ts';
import type { NestedField } from '../../iceberg/types.ts';
import { bindQuery, schemaOfVersion } from '../bind/index.ts';
import { evaluateVersion } from '../bind/version.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import { SqlText, sql } from '../sql/sql-text.ts';
import type { DescribeStatement } from '../sql/statement.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { definedType } from '../types.ts';
import { textRows } from './plain-result.ts';

/** DESCRIBE and SUMMARIZE of lake tables, of queries over them, and of DuckDB's own tables. */
export async function describe(
  session: EngineSession,
  statement: DescribeStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const tables = new StatementTables(session);
  const { table, verb } = statement;
  if (table !== undefined && verb === 'describe') {
    const found = await tables.lookup(table.parts);
    const isView = table.parts.length === 1 && session.views.has(table.parts[0]!.toLowerCase());
    if (found !== undefined && found.metadataTable === undefined && !isView) {
      const version =
        table.at === undefined || found.version !== undefined
          ? found.version
          : await evaluateVersion(session, table.at, found.table, source, options);
      const { metadata } = found.table;
      const schema = version === undefined ? currentSchema(metadata) : schemaOfVersion(metadata, version);
      return { kind: 'rows', result: await describeSchema(session, schema, options) };
    }
  }
  const query = statement.query ?? tableQuery(source, table!);
  const bound = await bindQuery(session, query, source, tables, options);
  if (bound.sql.text === query.text) return session.statement(statement.text, source, options);
  const outcome = await session.statement(sql`${verb.toUpperCase()} ${bound.sql}`, source, options);
  return outcome.kind === 'rows' && bound.scan !== undefined ? { ...outcome, scan: bound.scan } : outcome;
}

function tableQuery(source: string, { span, at }: NonNullable<DescribeStatement['table']>): SqlText {
  return sql`SELECT * FROM ${SqlText.written(source, { start: span.start, end: at?.span.end ?? span.end })}`;
}

function describeSchema(session: EngineSession, schema: Schema, options: ExecuteOptions) {
  const isKey = (field: NestedField) => schema.identifierFieldIds.includes(field.id);
  const rows = schema.fields.map(field => [
    field.name,
    definedType(field.type),
    field.required ? 'NO' : 'YES',
    isKey(field) ? 'PRI' : null,
    field.writeDefault === undefined || field.writeDefault === null ? null : defaultText(field.writeDefault),
    field.doc ?? null,
  ]);
  const names = ['column_name', 'column_type', 'null', 'key', 'default', 'comment'];
  return textRows(session, names, rows, options);
}

/** The default in the form of the table's metadata (JSON single-value serialization). */
function defaultText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
