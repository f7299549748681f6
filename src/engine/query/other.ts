import { LakebookError, UnsupportedError } from '../../iceberg/errors.ts';
import { QueryTokens } from '../bind/names.ts';
import { forgetFunctions } from '../bind/stability.ts';
import { tableNames } from '../bind/token-references.ts';
import { textPosition } from '../errors.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import type { SqlText } from '../sql/sql-text.ts';
import type { OtherStatement } from '../sql/statement.ts';
import { nameOf, tokenize } from '../sql/tokenizer.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { dropKeptView } from './catalog-views.ts';
import { lakeTableError } from './hidden-tables.ts';

/** Statements of DuckDB's own. A lake table in one of them is an error that says so. */
export async function runOther(
  session: EngineSession,
  statement: OtherStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const { problem, target, verb, text } = statement;
  const tables = new StatementTables(session);
  if (problem !== undefined) {
    const isOwn = target !== undefined && (await tables.duckDbNames()).hasOwn(target.parts);
    if (!isOwn) throw problem;
  }
  if (verb === 'DROP VIEW' || verb === 'ALTER VIEW') {
    const outcome =
      changeView(session, statement, source) ?? (await dropKeptView(session, statement, source, tables));
    if (outcome !== undefined) return outcome;
  }
  // DuckDB looks at the tables of a macro when it is used, and then says that they don't exist.
  if (verb === 'CREATE MACRO' || verb === 'CREATE FUNCTION')
    await rejectLakeTables(statement, source, tables, session);
  try {
    return await session.statement(text, source, options);
  } catch (error) {
    if (error instanceof LakebookError && error.code === 'TABLE_NOT_FOUND') {
      await rejectLakeTables(statement, source, tables, session);
    }
    throw await lakeTableError(session, error, text, source);
  } finally {
    if (/^(CREATE|DROP|LOAD|ATTACH|IMPORT|USE)/.test(verb)) forgetFunctions(session.duckdb);
  }
}

/** @throws UnsupportedError when the statement names a lake table, or a view of one */
async function rejectLakeTables(
  { verb, text }: OtherStatement,
  source: string,
  tables: StatementTables,
  session: EngineSession,
): Promise<void> {
  const tokens = new QueryTokens(text, tokenize(text.text));
  for (const { parts, start, end } of tableNames(tokens)) {
    const isView = parts.length === 1 && session.views.has(parts[0]!.toLowerCase());
    if (!isView && (await tables.lookup(parts)) === undefined) continue;
    throw new UnsupportedError(
      `${verb} is DuckDB's own and doesn't see ${isView ? 'views of lake tables' : 'lake tables'} such as "${parts.join('.')}".`,
      {
        position: textPosition(source, positionOf(text, start), end - start),
        hint: hintFor(verb),
      },
    );
  }
}

function hintFor(verb: string): string {
  if (verb === 'CREATE MACRO' || verb === 'CREATE FUNCTION')
    return 'Use CREATE TEMP VIEW for a query with a name.';
  if (verb === 'PREPARE') return 'Run the query itself; its parameters can be given as $name.';
  return 'Copy its rows first: CREATE TEMP TABLE copy AS SELECT * FROM ....';
}

function positionOf(text: SqlText, offset: number): number {
  return text.sourceOffset(offset) ?? 0;
}

/** DROP VIEW and ALTER VIEW of a view over lake tables; undefined for other views. */
function changeView(
  session: EngineSession,
  { verb, text }: OtherStatement,
  source: string,
): StatementOutcome | undefined {
  const tokens = tokenize(text.text).slice(2);
  const at = tokens[0]?.value === 'IF' ? 2 : 0;
  const token = tokens[at];
  if (token === undefined || (token.type !== 'word' && token.type !== 'quoted')) return undefined;
  if (tokens[at + 1]?.text === '.') return undefined;
  const key = nameOf(token).toLowerCase();
  const view = session.views.get(key);
  if (view === undefined) return undefined;
  if (verb === 'ALTER VIEW') {
    throw new UnsupportedError("Views of lake tables can't be altered.", {
      position: textPosition(source, positionOf(text, token.start), token.text.length),
      hint: 'Drop it and make it anew.',
    });
  }
  session.views.delete(key);
  return { kind: 'done', text: `View ${view.name} dropped.` };
}
