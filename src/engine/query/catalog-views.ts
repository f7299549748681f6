import type { TableIdentifier } from '../../catalog/catalog.ts';
import { formatIdentifier } from '../../catalog/identifiers.ts';
import { AlreadyExistsError, NotFoundError, ValidationError } from '../../iceberg/errors.ts';
import type { Schema } from '../../iceberg/schema.ts';
import { bindQuery } from '../bind/index.ts';
import { newNamespace } from '../ddl/names.ts';
import { textPosition } from '../errors.ts';
import { quoteIdentifier } from '../quote.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import { SqlText } from '../sql/sql-text.ts';
import type { CreateViewStatement, OtherStatement } from '../sql/statement.ts';
import { nameOf, tokenize } from '../sql/tokenizer.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';

/** The dialect of SQL that views made here are written in. */
const dialect = 'duckdb';

/**
 * Makes or replaces a view of the catalog.
 * @throws AlreadyExistsError('view'), ValidationError for a view of itself, NotFoundError('namespace')
 */
export async function keepView(
  session: EngineSession,
  { name, orReplace, ifNotExists }: CreateViewStatement,
  source: string,
  { sql, schema }: { readonly sql: string; readonly schema: Schema },
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const { catalog } = session.lake;
  const views = catalog.views!;
  const position = textPosition(source, name.span.start, Math.max(name.span.end - name.span.start, 1));
  const tables = new StatementTables(session);
  const last = name.parts.at(-1)!;
  const namespace =
    name.parts.length === 1
      ? session.namespace
      : await newNamespace(session, tables, name.parts.slice(0, -1));
  if (namespace === undefined) {
    throw new ValidationError('A view of lake tables must be in the lake.', { position });
  }
  const identifier: TableIdentifier = { namespace, name: last };
  const text = formatIdentifier(identifier);
  if (await catalog.tableExists(identifier)) {
    throw new AlreadyExistsError('table', `There is a table ${text} already.`, { position });
  }
  const isThere = await views.viewExists(identifier);
  if (isThere && ifNotExists) return { kind: 'done', text: `The view ${text} is there already.` };
  if (isThere && !orReplace) {
    throw new AlreadyExistsError('view', `There is a view ${text} already.`, {
      position,
      hint: 'Take another name, or write CREATE OR REPLACE VIEW.',
    });
  }
  // Views are read anew each time, so this one can't be made of an older one of its name.
  tables.pinView(identifier, { name: text, sql, namespace: session.namespace, dialect });
  const itself = [...namespace, last].map(quoteIdentifier).join('.');
  await bindQuery(session, SqlText.generated(`FROM ${itself}`, name.span), source, tables, options);
  const definition = {
    schema,
    representations: [{ sql, dialect }],
    defaultNamespace: session.namespace,
    defaultCatalog: session.lake.name,
  };
  if (isThere) await views.replaceView(identifier, definition);
  else await views.createView(identifier, definition);
  return { kind: 'done', text: `View ${text} ${isThere ? 'replaced' : 'made'} in the catalog.` };
}

/** DROP VIEW of a view of the catalog; undefined for other statements and views. */
export async function dropKeptView(
  session: EngineSession,
  { verb, text }: OtherStatement,
  source: string,
  tables: StatementTables,
): Promise<StatementOutcome | undefined> {
  const { views } = session.lake.catalog;
  if (views === undefined || verb !== 'DROP VIEW') return undefined;
  const tokens = tokenize(text.text).slice(2);
  const ifExists = tokens[0]?.value === 'IF';
  const written = tokens.slice(ifExists ? 2 : 0);
  const parts: string[] = [];
  for (const [index, token] of written.entries()) {
    const isName = index % 2 === 0;
    if (isName ? token.type !== 'word' && token.type !== 'quoted' : token.text !== '.') break;
    if (isName) parts.push(nameOf(token));
  }
  if (parts.length === 0 || (await tables.duckDbNames()).hasOwn(parts)) return undefined;
  const namespace =
    parts.length === 1 ? session.namespace : await newNamespace(session, tables, parts.slice(0, -1));
  if (namespace === undefined) return undefined;
  const identifier = { namespace, name: parts.at(-1)! };
  try {
    await views.dropView(identifier);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const missing = `There is no view ${formatIdentifier(identifier)}.`;
    if (ifExists) return { kind: 'done', text: missing };
    const { start } = written[0]!;
    const position = textPosition(source, text.sourceOffset(start) ?? 0, written[0]!.text.length);
    throw new NotFoundError('view', missing, { position, cause: error });
  }
  return { kind: 'done', text: `View ${formatIdentifier(identifier)} dropped.` };
}
