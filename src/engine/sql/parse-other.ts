import { UnsupportedError } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';
import type { AnyBody } from './parse.ts';
import { type Body, parseTarget, queryWords } from './parse-dml.ts';
import { sql } from './sql-text.ts';
import type {
  CallStatement,
  CopyStatement,
  DescribeStatement,
  ShowStatement,
  TruncateStatement,
  UseStatement,
} from './statement.ts';
import type { TokenCursor } from './token-cursor.ts';

/** Everything up to the statement's end. */
export function restOf(cursor: TokenCursor, what: string) {
  if (cursor.done) cursor.fail(what);
  const start = cursor.start;
  while (!cursor.done) cursor.next();
  return cursor.textFrom(start);
}

/**
 * EXPLAIN [ANALYZE] [(options)] query; `parseBody` reads the statement that is explained. Undefined for statements that
 * neither query nor change a table.
 */
export function parseExplain(
  cursor: TokenCursor,
  parseBody: (cursor: TokenCursor) => AnyBody,
): AnyBody | undefined {
  const begin = cursor.start;
  cursor.expect('EXPLAIN');
  let analyze = cursor.accept('ANALYZE') || cursor.accept('ANALYSE');
  if (cursor.at('(') && !isQueryAhead(cursor)) {
    analyze ||= /\banaly[sz]e\b/i.test(cursor.parenthesised('the options').text);
  }
  const prefix = cursor.textFrom(begin);
  if (cursor.at('EXPLAIN')) return undefined;
  const mark = cursor.mark();
  const start = cursor.start;
  const explained = parseBody(cursor);
  cursor.reset(mark);
  const query = restOf(cursor, 'a query');
  if (explained.kind === 'query') return { kind: 'explain', analyze, prefix, query };
  const target = 'target' in explained ? explained.target : 'name' in explained ? explained.name : undefined;
  if (target === undefined || explained.kind === 'show' || explained.kind === 'use') {
    return undefined;
  }
  const problem = new UnsupportedError("Lakebook explains queries; a change of a table isn't one.", {
    hint: 'Explain the SELECT that finds the rows.',
    position: textPosition(cursor.source, start, query.length),
  });
  return { kind: 'other', verb: 'EXPLAIN', problem, target };
}

/** Whether the parentheses that begin here hold a query. */
function isQueryAhead(cursor: TokenCursor): boolean {
  const mark = cursor.mark();
  while (cursor.accept('('));
  const query = cursor.atAny(queryWords);
  cursor.reset(mark);
  return query;
}

/** DESCRIBE / SUMMARIZE of a table, a query, or something that can stand behind FROM. */
export function parseDescribe(cursor: TokenCursor): Body<DescribeStatement> | Body<ShowStatement> {
  const verb = cursor.acceptAny(['DESCRIBE', 'DESC', 'SUMMARIZE']) === 'SUMMARIZE' ? 'summarize' : 'describe';
  // DuckDB's DESCRIBE without a name lists the tables.
  if (verb === 'describe' && cursor.done) return { kind: 'show', what: 'tables' };
  const mark = cursor.mark();
  if (cursor.at('TABLE') && cursor.peek(1) !== undefined) cursor.next();
  if (cursor.atName && (cursor.peek(1) === undefined || !cursor.atAny(queryWords))) {
    const name = cursor.qualifiedName('a table name');
    const at = cursor.atClause();
    if (cursor.done) return { kind: 'describe', verb, table: { ...name, at } };
  }
  cursor.reset(mark);
  const isQuery = cursor.atAny(queryWords) || (cursor.at('(') && isQueryAhead(cursor));
  const rest = restOf(cursor, 'a table name or a query');
  return { kind: 'describe', verb, query: isQuery ? rest : sql`FROM ${rest}` };
}

/** What SHOW lists; undefined for what only DuckDB can show. */
export function parseShow(cursor: TokenCursor): AnyBody | undefined {
  cursor.expect('SHOW');
  const mark = cursor.mark();
  const show = parseShown(cursor);
  if (show !== undefined && cursor.done) return { kind: 'show', ...show };
  // `SHOW t` is DuckDB's other word for DESCRIBE; what else SHOW may show is DuckDB's business.
  cursor.reset(mark);
  if (cursor.atName) {
    const name = cursor.qualifiedName('a table name');
    const at = cursor.atClause();
    if (cursor.done) return { kind: 'describe', verb: 'describe', table: { ...name, at } };
  }
  return undefined;
}

function parseShown(cursor: TokenCursor): Pick<ShowStatement, 'what' | 'name'> | undefined {
  if (cursor.accept('ALL', 'TABLES')) return { what: 'all-tables' };
  if (cursor.accept('CREATE', 'TABLE')) {
    return { what: 'create-table', name: cursor.qualifiedName('a table name') };
  }
  if (cursor.acceptAny(['SCHEMAS', 'NAMESPACES']) !== undefined) return { what: 'schemas' };
  if (cursor.accept('DATABASES')) return { what: 'databases' };
  if (!cursor.accept('TABLES')) return undefined;
  const from = cursor.acceptAny(['FROM', 'IN']) !== undefined;
  return { what: 'tables', name: from ? cursor.qualifiedName('a namespace') : undefined };
}

export function parseUse(cursor: TokenCursor): Body<UseStatement> {
  cursor.expect('USE');
  if (cursor.peek(1) !== undefined && cursor.peek(1)?.text !== '.') {
    cursor.acceptAny(['NAMESPACE', 'SCHEMA', 'DATABASE']);
  }
  const name = cursor.qualifiedName('a namespace');
  cursor.expectEnd();
  return { kind: 'use', name };
}

export function parseCopy(cursor: TokenCursor): AnyBody | undefined {
  cursor.expect('COPY');
  if (cursor.at('FROM', 'DATABASE')) return undefined;
  let part: Pick<CopyStatement, 'query' | 'table' | 'columns'>;
  if (cursor.at('(')) part = { query: cursor.parenthesised('the query') };
  else {
    const table = parseTarget(cursor, ['TO', 'FROM']);
    part = { table, columns: cursor.at('(') ? cursor.nameList('a column name') : undefined };
  }
  const start = cursor.start;
  const direction = cursor.acceptAny(part.query === undefined ? ['TO', 'FROM'] : ['TO']);
  if (direction === undefined) cursor.fail(part.query === undefined ? 'TO or FROM' : 'TO');
  restOf(cursor, 'a file name');
  return {
    kind: 'copy',
    direction: direction === 'TO' ? 'to' : 'from',
    ...part,
    rest: cursor.textFrom(start),
  };
}

/** DROP TABLE and DROP SCHEMA; undefined for what else can be dropped. */
export function parseDrop(cursor: TokenCursor): AnyBody | undefined {
  cursor.expect('DROP');
  if (cursor.accept('TABLE')) {
    const ifExists = cursor.accept('IF', 'EXISTS');
    const names = [cursor.qualifiedName('a table name')];
    while (cursor.accept(',')) names.push(cursor.qualifiedName('a table name'));
    // Nothing depends on a lake table, so both mean the same.
    cursor.acceptAny(['CASCADE', 'RESTRICT']);
    const purge = cursor.accept('PURGE');
    cursor.expectEnd('PURGE or the end of the statement');
    return { kind: 'drop-table', names, ifExists, purge };
  }
  if (cursor.acceptAny(['SCHEMA', 'NAMESPACE', 'DATABASE']) !== undefined) {
    const ifExists = cursor.accept('IF', 'EXISTS');
    const name = cursor.qualifiedName('a namespace');
    const cascade = cursor.acceptAny(['CASCADE', 'RESTRICT']) === 'CASCADE';
    cursor.expectEnd('CASCADE or the end of the statement');
    return { kind: 'drop-schema', name, ifExists, cascade };
  }
  return undefined;
}

export function parseTruncate(cursor: TokenCursor): Body<TruncateStatement> {
  cursor.expect('TRUNCATE');
  if (cursor.peek(1) !== undefined) cursor.accept('TABLE');
  const target = parseTarget(cursor, []);
  cursor.expectEnd();
  return { kind: 'truncate', target };
}

/** CALL procedure(name => value, value, ...). */
export function parseCall(cursor: TokenCursor): Body<CallStatement> {
  cursor.expect('CALL');
  const procedure = cursor.qualifiedName('a procedure');
  const args = cursor.list((): CallStatement['arguments'][number] => {
    const assigns = cursor.atName && ['=>', ':=', '='].includes(cursor.peek(1)?.text ?? '');
    const name = assigns ? cursor.name('a parameter').name : undefined;
    if (assigns) cursor.next();
    return { name, value: cursor.expression('a value', { comma: true }) };
  }, true);
  cursor.expectEnd();
  return { kind: 'call', procedure, arguments: args };
}
