import { AlreadyExistsError, UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { bindQuery } from '../bind/index.ts';
import { textPosition } from '../errors.ts';
import { quoteIdentifier } from '../quote.ts';
import { StatementTables } from '../resolve.ts';
import { type EngineSession, inSource } from '../session.ts';
import { type Span, SqlText } from '../sql/sql-text.ts';
import type { CreateViewStatement } from '../sql/statement.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { schemaOfColumns } from '../types.ts';
import { keepView } from './catalog-views.ts';

/**
 * CREATE VIEW of lake tables: in the catalog where it has views, with TEMP for the session. A view of DuckDB's own tables
 * is DuckDB's.
 */
export async function createView(
  session: EngineSession,
  statement: CreateViewStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const { name, query, columns, temporary, orReplace, ifNotExists } = statement;
  const tables = new StatementTables(session);
  const bound = await bindQuery(session, query, source, tables, options);
  const at = ({ start, end }: Span) => textPosition(source, start, Math.max(end - start, 1));
  const key = name.parts.at(-1)!.toLowerCase();
  const existing = session.views.get(key);
  const isOurs = existing !== undefined && name.parts.length === 1;
  if (bound.sql.text === query.text) {
    if (isOurs && ifNotExists) return { kind: 'done', text: `The view ${existing.name} is there already.` };
    if (isOurs && !orReplace) throw alreadyThere(existing.name, at(name.span));
    const outcome = await session.statement(statement.text, source, options);
    if (isOurs) session.views.delete(key);
    return outcome;
  }
  const isKept = !temporary && session.lake.catalog.views !== undefined;
  if (!isKept && (!temporary || name.parts.length > 1)) {
    throw new UnsupportedError('Views of lake tables are kept for the session.', {
      position: at(name.span),
      hint: `Write CREATE TEMP VIEW ${quoteIdentifier(name.parts.at(-1)!)} AS ....`,
    });
  }
  if (isOurs && ifNotExists) return { kind: 'done', text: `The view ${existing.name} is there already.` };
  if ((isOurs && (!orReplace || isKept)) || (!isOurs && (await tables.duckDbNames()).hasOwn(name.parts))) {
    throw alreadyThere(name.parts[0]!, at(name.span));
  }
  const parameter = tokenize(query.text).find(token => token.type === 'parameter');
  if (parameter !== undefined) {
    throw new ValidationError(`A view can't have the parameter ${parameter.text}.`, {
      position: textPosition(source, query.sourceOffset(parameter.start) ?? 0, parameter.text.length),
      hint: 'Write its value into the query.',
    });
  }
  // What is wrong with the query is told now, not when the view is used.
  const described = await inSource(bound.sql, source, () => session.duckdb.describe(bound.sql.text));
  if (columns !== undefined && columns.length > described.length) {
    const { span } = columns[described.length]!;
    throw new ValidationError(
      `The query has ${described.length} columns, and the view ${columns.length} names.`,
      {
        position: at(span),
        hint: 'Leave out the names that are too many.',
      },
    );
  }
  const names = columns?.map(column => quoteIdentifier(column.name)).join(', ');
  const text =
    names === undefined ? query.text : `SELECT * FROM (${query.text}\n) AS ${quoteIdentifier(key)}(${names})`;
  if (isKept) {
    const { fields, ...schema } = schemaOfColumns(described);
    const named = fields.map((field, index) => ({ ...field, name: columns?.[index]?.name ?? field.name }));
    return await keepView(
      session,
      statement,
      source,
      { sql: text, schema: { ...schema, fields: named } },
      options,
    );
  }
  session.views.set(key, { name: name.parts[0]!, sql: text, namespace: session.namespace });
  try {
    // Views are read anew each time, so this one can't be made of an older one of its name.
    const itself = SqlText.generated(`FROM ${quoteIdentifier(key)}`, name.span);
    await bindQuery(session, itself, source, new StatementTables(session), options);
  } catch (error) {
    if (existing === undefined) session.views.delete(key);
    else session.views.set(key, existing);
    throw error;
  }
  return { kind: 'done', text: `View ${name.parts[0]} made; it is kept for the session.` };
}

function alreadyThere(name: string, position: ReturnType<typeof textPosition>): AlreadyExistsError {
  return new AlreadyExistsError('view', `There is a table or view "${name}" already.`, {
    position,
    hint: 'Take another name, or write CREATE OR REPLACE TEMP VIEW.',
  });
}
