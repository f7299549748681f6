import {
  type Body,
  count,
  parseAssignments,
  parseByName,
  parseTarget,
  parseTrailer,
  parseValue,
} from './parse-dml.ts';
import { type SqlText, sql } from './sql-text.ts';
import type { MergeAction, MergeClause, MergeStatement } from './statement.ts';
import type { TokenCursor } from './token-cursor.ts';

export function parseMerge(cursor: TokenCursor, withClause: SqlText | undefined): Body<MergeStatement> {
  cursor.expect('MERGE', 'INTO');
  const target = parseTarget(cursor, ['USING']);
  cursor.expect('USING');
  const { source, sourceAlias, sourceColumnAliases } = parseSource(cursor);
  const on = parseOn(cursor);
  const clauses: MergeClause[] = [];
  while (cursor.at('WHEN')) clauses.push(parseClause(cursor));
  if (clauses.length === 0) cursor.fail('WHEN MATCHED or WHEN NOT MATCHED');
  const unsupported = parseTrailer(cursor);
  cursor.expectEnd('WHEN or the end of the statement');
  return {
    kind: 'merge',
    target,
    with: withClause,
    source,
    sourceAlias,
    sourceColumnAliases,
    on,
    clauses,
    unsupported,
  };
}

function parseSource(
  cursor: TokenCursor,
): Pick<MergeStatement, 'source' | 'sourceAlias' | 'sourceColumnAliases'> {
  const start = cursor.start;
  if (cursor.at('(')) cursor.parenthesised('the source');
  else if (cursor.peek()?.type === 'string') cursor.next();
  else {
    cursor.qualifiedName('a table name or a query in parentheses');
    if (cursor.at('(')) cursor.parenthesised('the arguments');
  }
  let at = cursor.atClause();
  let source = cursor.textFrom(start);
  let sourceAlias: string | undefined;
  if (cursor.accept('AS')) sourceAlias = cursor.name('an alias').name;
  else if (cursor.atName && !cursor.atAny(['ON', 'USING']) && !cursor.at('AT', '(')) {
    sourceAlias = cursor.name('an alias').name;
  }
  const names = sourceAlias !== undefined && cursor.at('(') ? cursor.nameList('a column name') : undefined;
  if (at === undefined) {
    const mark = cursor.start;
    at = cursor.atClause();
    if (at !== undefined) source = sql`${source} ${cursor.textFrom(mark)}`;
  }
  return { source, sourceAlias, sourceColumnAliases: names?.map(({ name }) => name) };
}

function parseOn(cursor: TokenCursor): MergeStatement['on'] {
  if (cursor.accept('USING')) return { kind: 'using', columns: cursor.nameList('a column name') };
  if (!cursor.accept('ON')) cursor.fail('ON or USING');
  return { kind: 'condition', condition: cursor.expression('a condition', { words: ['WHEN', 'RETURNING'] }) };
}

function parseClause(cursor: TokenCursor): MergeClause {
  const start = cursor.start;
  cursor.expect('WHEN');
  let when: MergeClause['when'] = 'matched';
  if (cursor.accept('NOT')) when = 'not-matched';
  cursor.expect('MATCHED');
  if (cursor.accept('BY')) {
    if (when === 'matched') cursor.fail('AND or THEN');
    if (cursor.accept('SOURCE')) when = 'not-matched-by-source';
    else if (!cursor.accept('TARGET')) cursor.fail('SOURCE or TARGET');
  }
  const condition = cursor.accept('AND') ? cursor.expression('a condition', { words: ['THEN'] }) : undefined;
  cursor.expect('THEN');
  const actionStart = cursor.start;
  const action = parseAction(cursor, when);
  const span = cursor.spanFrom(start);
  const allowed = actionsOf[when];
  if (!allowed.includes(action.kind)) {
    const clause = `WHEN ${when.toUpperCase().replaceAll('-', ' ')}`;
    const problem =
      when === 'not-matched'
        ? `${clause} can't change a row, there is none in the target.`
        : when === 'matched'
          ? `${clause} can't insert, the row is there.`
          : `${clause} has no source row to take values from.`;
    throw cursor.error(problem, cursor.spanFrom(actionStart), `Allowed here: ${allowedWords[when]}.`);
  }
  return { when, condition, action, span };
}

const always: readonly MergeAction['kind'][] = ['do-nothing', 'error'];
const actionsOf: Readonly<Record<MergeClause['when'], readonly MergeAction['kind'][]>> = {
  matched: ['update', 'update-all', 'delete', ...always],
  'not-matched': ['insert', 'insert-all', 'insert-defaults', ...always],
  'not-matched-by-source': ['update', 'delete', ...always],
};
const allowedWords: Readonly<Record<MergeClause['when'], string>> = {
  matched: 'UPDATE, DELETE, DO NOTHING, ERROR',
  'not-matched': 'INSERT, DO NOTHING, ERROR',
  'not-matched-by-source': 'UPDATE SET column = value, DELETE, DO NOTHING, ERROR',
};

function parseAction(cursor: TokenCursor, when: MergeClause['when']): MergeAction {
  const stops = ['WHEN', 'RETURNING'];
  if (cursor.accept('UPDATE')) {
    if (cursor.accept('SET', '*') || cursor.accept('*')) return { kind: 'update-all', by: 'name' };
    if (cursor.accept('SET')) return { kind: 'update', assignments: parseAssignments(cursor, stops) };
    return { kind: 'update-all', by: parseBy(cursor) };
  }
  if (cursor.accept('INSERT')) return parseInsertAction(cursor);
  if (cursor.accept('DELETE')) return { kind: 'delete' };
  if (cursor.accept('DO', 'NOTHING')) return { kind: 'do-nothing' };
  if (cursor.accept('ERROR')) {
    const message =
      cursor.done || cursor.atAny(stops) ? undefined : cursor.expression('a message', { words: stops });
    return { kind: 'error', message };
  }
  return cursor.fail(`one of ${allowedWords[when]}`);
}

function parseInsertAction(cursor: TokenCursor): MergeAction {
  if (cursor.accept('*')) return { kind: 'insert-all', by: 'name' };
  if (cursor.accept('DEFAULT', 'VALUES')) return { kind: 'insert-defaults' };
  const columns = cursor.at('(') ? cursor.nameList('a column name') : undefined;
  if (columns === undefined && !cursor.at('VALUES')) return { kind: 'insert-all', by: parseBy(cursor) };
  cursor.expect('VALUES');
  const start = cursor.start;
  const values = cursor.list(() => parseValue(cursor));
  if (columns !== undefined && columns.length !== values.length) {
    throw cursor.error(
      `${count(columns.length, 'column')} can't take ${count(values.length, 'value')}.`,
      cursor.spanFrom(start),
    );
  }
  return { kind: 'insert', columns, values };
}

/** Without BY, columns are matched by position, as DuckDB's MERGE does. */
function parseBy(cursor: TokenCursor): 'name' | 'position' {
  return parseByName(cursor) ? 'name' : 'position';
}
