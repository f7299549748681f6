import { bindQuery } from '../bind/index.ts';
import type { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import { type Patch, type Span, type SqlText, sql } from '../sql/sql-text.ts';
import type { TargetTable } from '../sql/statement.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';

interface OwnTableStatement {
  readonly text: SqlText;
  readonly span: Span;
  readonly target: TargetTable;
}

const open = '/*lakebook part*/';
const close = '/*lakebook part end*/';

/** A part of a statement that may name tables, marked so that it's found again when lake tables are bound in it. */
export function marked(part: SqlText): SqlText {
  return sql`${open}${part}${close}`;
}

/**
 * Runs a statement that changes a table of DuckDB's own; lake tables in its marked parts are bound first.
 * @throws NotFoundError('table') when DuckDB has no such table either
 */
export async function changeOwnTable(
  session: EngineSession,
  { text, span, target }: OwnTableStatement,
  source: string,
  tables: StatementTables,
  selected: SqlText | undefined,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  if (!(await tables.duckDbNames()).hasOwn(target.parts)) throw await tables.notFound(target, source);
  if (selected === undefined) return session.statement(text, source, options);
  const bound = await bindQuery(session, selected, source, tables, options);
  if (bound.sql.text === selected.text) return session.statement(text, source, options);
  const before = parts(selected);
  const patches = parts(bound.sql).flatMap((by, index): Patch[] => {
    const place = before[index]!.sourceSpan({ start: 0, end: before[index]!.length });
    if (place === undefined) return [];
    return [{ span: { start: place.start - span.start, end: place.end - span.start }, by }];
  });
  return session.statement(text.patch(patches), source, options);
}

function parts(text: SqlText): SqlText[] {
  const found: SqlText[] = [];
  for (let at = text.text.indexOf(open); at >= 0; ) {
    const start = at + open.length;
    const end = text.text.indexOf(close, start);
    found.push(text.slice(start, end));
    at = text.text.indexOf(open, end);
  }
  return found;
}
