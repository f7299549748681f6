import { LakebookError, UnsupportedError } from '../../iceberg/errors.ts';
import { QueryTokens } from '../bind/names.ts';
import { SqlError, textPosition } from '../errors.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import type { SqlText } from '../sql/sql-text.ts';
import { tokenize } from '../sql/tokenizer.ts';

/**
 * What to tell when DuckDB doesn't find a table: if that is one of the lake's, it was named where only DuckDB's own
 * tables can be (in a macro, or a text that `query_table` gets). Other errors stay as they are.
 */
export async function lakeTableError(
  session: EngineSession,
  error: unknown,
  text: SqlText,
  source: string,
): Promise<unknown> {
  if (!(error instanceof SqlError) || error.code !== 'TABLE_NOT_FOUND') return error;
  const name = /^Table with name "?([^"]+?)"? does not exist/.exec(error.message)?.[1];
  if (name === undefined) return error;
  const parts = name.split('.');
  const isView = parts.length === 1 && session.views.has(name.toLowerCase());
  const found = isView || (await new StatementTables(session).lookup(parts).catch(ignoreLakeErrors));
  if (!found) return error;
  return new UnsupportedError(`DuckDB doesn't see the ${isView ? 'view' : 'lake table'} "${name}" here.`, {
    position: error.position ?? placeOf(name, text, source),
    hint: 'Name it in a FROM clause of the statement itself.',
  });
}

function ignoreLakeErrors(error: unknown): undefined {
  if (error instanceof LakebookError) return undefined;
  throw error;
}

/** Where the statement has the name; DuckDB doesn't tell for names inside of macros. */
function placeOf(name: string, text: SqlText, source: string) {
  const { list } = new QueryTokens(text, tokenize(text.text));
  const token = list.find(({ value }) => value.toLowerCase() === name.toLowerCase());
  const offset = token && text.sourceOffset(token.start);
  return offset === undefined ? undefined : textPosition(source, offset, token!.text.length);
}
