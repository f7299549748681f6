import { type LakebookError, UnsupportedError } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';
import { type Span, type SqlText, sql as sqlTag } from './sql-text.ts';
import type {
  Assignment,
  DeleteStatement,
  InsertStatement,
  NameToken,
  TargetTable,
  UpdateStatement,
} from './statement.ts';
import type { TokenCursor } from './token-cursor.ts';

/** What the parsers of single statements answer: everything but the parts all statements share. */
export type Body<T> = Omit<T, 'span' | 'text'>;

/** First words of a query. */
export const queryWords = [
  'SELECT',
  'WITH',
  'VALUES',
  'FROM',
  'TABLE',
  'PIVOT',
  'PIVOT_WIDER',
  'PIVOT_LONGER',
  'UNPIVOT',
  'DESCRIBE',
  'SUMMARIZE',
  'SHOW',
];

/** `name [AT (...)] [[AS] alias] [AT (...)]`; an alias can't be one of `reserved`. */
export function parseTarget(cursor: TokenCursor, reserved: readonly string[]): TargetTable {
  const { parts, span } = cursor.qualifiedName('a table name');
  let at = cursor.atClause();
  let alias: string | undefined;
  if (cursor.accept('AS')) alias = cursor.name('an alias').name;
  else if (cursor.atName && !cursor.atAny(reserved) && !cursor.at('AT', '('))
    alias = cursor.name('an alias').name;
  at ??= cursor.atClause();
  return { parts, span, alias, at };
}

export function parseInsert(cursor: TokenCursor, withClause: SqlText | undefined): Body<InsertStatement> {
  const start = cursor.start;
  cursor.expect('INSERT');
  let unsupported: LakebookError | undefined;
  if (cursor.accept('OR')) {
    const action = cursor.acceptAny(['REPLACE', 'IGNORE']);
    if (action === undefined) cursor.fail('REPLACE or IGNORE');
    unsupported = noSuchClause(cursor, `INSERT OR ${action}`, cursor.spanFrom(start), mergeHint);
  }
  const overwrite = cursor.accept('OVERWRITE');
  if (overwrite) cursor.accept('INTO');
  else if (!cursor.accept('INTO')) cursor.fail('INTO or OVERWRITE');
  cursor.accept('TABLE');
  const target = parseTarget(cursor, ['BY', 'DEFAULT', 'PARTITION', 'OVERRIDING', ...queryWords]);
  if (cursor.at('PARTITION')) {
    cursor.fail('VALUES or a query', 'Partitions follow from the rows: leave PARTITION (...) out.');
  }
  let byName = parseByName(cursor);
  const columns = atColumnList(cursor) ? cursor.nameList('a column name') : undefined;
  byName ||= parseByName(cursor);
  if (byName && columns !== undefined) {
    throw cursor.error('A column list and BY NAME exclude each other.', columns[0]!.span);
  }
  const source = parseInsertSource(cursor, withClause);
  const trailer = parseTrailer(cursor);
  unsupported ??= trailer;
  cursor.expectEnd();
  return { kind: 'insert', target, with: withClause, columns, byName, overwrite, source, unsupported };
}

const mergeHint =
  'Use MERGE INTO ... WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT, or %lake upsert.';

/** BY NAME (true), BY POSITION or nothing (false). */
export function parseByName(cursor: TokenCursor): boolean {
  if (!cursor.accept('BY')) return false;
  if (cursor.accept('NAME')) return true;
  if (!cursor.accept('POSITION')) cursor.fail('NAME or POSITION');
  return false;
}

/** Whether `(` opens a list of columns and not a query. */
function atColumnList(cursor: TokenCursor): boolean {
  if (!cursor.at('(')) return false;
  const mark = cursor.mark();
  while (cursor.accept('('));
  const query = cursor.atAny(queryWords) && cursor.peek(1)?.text !== ',' && cursor.peek(1)?.text !== ')';
  cursor.reset(mark);
  return !query;
}

function parseInsertSource(cursor: TokenCursor, withClause: SqlText | undefined): InsertStatement['source'] {
  if (cursor.accept('DEFAULT')) {
    cursor.expect('VALUES');
    return { kind: 'default-values' };
  }
  if (!cursor.atAny(queryWords) && !cursor.at('(')) cursor.fail('VALUES, a query or DEFAULT VALUES');
  const start = cursor.start;
  const mark = cursor.mark();
  if (cursor.accept('VALUES')) {
    const rows: (readonly (SqlText | undefined)[])[] = [];
    do rows.push(cursor.list(() => parseValue(cursor)));
    while (cursor.accept(',') && !atTrailer(cursor));
    const query = cursor.textFrom(start);
    if (atTrailer(cursor)) return { kind: 'values', rows, query: withPrefix(withClause, query) };
    cursor.reset(mark);
  }
  while (!atTrailer(cursor)) {
    cursor.skip({ words: ['ON', 'RETURNING'] });
    // An ON that isn't ON CONFLICT is a join's; a closing parenthesis too many is the end of what can be read.
    if (atTrailer(cursor) || cursor.at(')')) break;
    cursor.next();
  }
  return { kind: 'query', query: withPrefix(withClause, cursor.textFrom(start)) };
}

function atTrailer(cursor: TokenCursor): boolean {
  return cursor.done || cursor.at('ON', 'CONFLICT') || cursor.at('RETURNING');
}

/** A query after the statement's WITH clause. */
function withPrefix(withClause: SqlText | undefined, query: SqlText): SqlText {
  if (withClause === undefined) return query;
  // DuckDB takes no second WITH behind the first.
  return /^\(*\s*with\b/i.test(query.text)
    ? sqlTag`${withClause} FROM (${query})`
    : sqlTag`${withClause} ${query}`;
}

/** An expression in a list, or undefined for DEFAULT. */
export function parseValue(cursor: TokenCursor, words?: readonly string[]): SqlText | undefined {
  if (cursor.at('DEFAULT')) {
    const after = cursor.peek(1);
    const ends = after === undefined || after.text === ',' || after.text === ')';
    if (ends || (after.type === 'word' && words?.includes(after.value))) {
      cursor.next();
      return undefined;
    }
  }
  return cursor.expression('a value', { comma: true, words });
}

/** ON CONFLICT and RETURNING: read, so that DuckDB's own tables can have them. */
export function parseTrailer(cursor: TokenCursor): LakebookError | undefined {
  const span = { start: cursor.start, end: cursor.peek()?.end ?? cursor.start };
  if (cursor.at('ON', 'CONFLICT')) {
    while (!cursor.done) cursor.next();
    return noSuchClause(cursor, 'ON CONFLICT', span, mergeHint);
  }
  if (cursor.at('RETURNING')) {
    while (!cursor.done) cursor.next();
    return noSuchClause(cursor, 'RETURNING', span, 'Query the table after the change.');
  }
  return undefined;
}

function noSuchClause(cursor: TokenCursor, clause: string, span: Span, hint: string): LakebookError {
  return new UnsupportedError(`Lake tables don't have ${clause}.`, {
    hint,
    position: textPosition(cursor.source, span.start, span.end - span.start),
  });
}

export function parseUpdate(cursor: TokenCursor, withClause: SqlText | undefined): Body<UpdateStatement> {
  cursor.expect('UPDATE');
  const target = parseTarget(cursor, ['SET']);
  cursor.expect('SET');
  const assignments = parseAssignments(cursor, ['FROM', 'WHERE', 'RETURNING']);
  const from = cursor.accept('FROM')
    ? cursor.expression('tables', { words: ['WHERE', 'RETURNING'] })
    : undefined;
  const where = parseWhere(cursor);
  const unsupported = parseTrailer(cursor);
  cursor.expectEnd();
  return { kind: 'update', target, with: withClause, assignments, from, where, unsupported };
}

function parseWhere(cursor: TokenCursor): SqlText | undefined {
  return cursor.accept('WHERE') ? cursor.expression('a condition', { words: ['RETURNING'] }) : undefined;
}

/** `a = 1, b.c = DEFAULT, (x, y) = (1, 2), (x, y) = (SELECT ...)` up to one of the stop words. */
export function parseAssignments(cursor: TokenCursor, stops: readonly string[]): Assignment[] {
  const assignments: Assignment[] = [];
  do assignments.push(...parseAssignment(cursor, stops));
  while (cursor.accept(',') && !cursor.done && !cursor.atAny(stops));
  return assignments;
}

/** `1 column`, `2 columns`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function parseAssignment(cursor: TokenCursor, stops: readonly string[]): Assignment[] {
  if (!cursor.at('(')) {
    const column = cursor.columnPath();
    cursor.expect('=');
    return [{ kind: 'value', column, value: parseValue(cursor, stops) }];
  }
  const start = cursor.start;
  const columns = cursor.list(() => cursor.columnPath());
  const span = cursor.spanFrom(start);
  cursor.expect('=');
  cursor.accept('ROW');
  const mark = cursor.mark();
  const query = cursor.parenthesised('the values');
  if (/^\(*\s*(select|with|from|values|table)\b/i.test(query.text))
    return [{ kind: 'row-query', columns, query }];
  cursor.reset(mark);
  const values = cursor.list(() => parseValue(cursor));
  if (values.length !== columns.length) {
    throw cursor.error(
      `${count(columns.length, 'column')} can't take ${count(values.length, 'value')}.`,
      span,
    );
  }
  return columns.map((column, index) => ({ kind: 'value', column, value: values[index] }));
}

export function parseDelete(cursor: TokenCursor, withClause: SqlText | undefined): Body<DeleteStatement> {
  cursor.expect('DELETE', 'FROM');
  const target = parseTarget(cursor, ['USING', 'WHERE', 'RETURNING']);
  const using = cursor.accept('USING')
    ? cursor.expression('tables', { words: ['WHERE', 'RETURNING'] })
    : undefined;
  const where = parseWhere(cursor);
  const unsupported = parseTrailer(cursor);
  cursor.expectEnd(using === undefined ? 'USING, WHERE or the end of the statement' : undefined);
  return { kind: 'delete', target, with: withClause, using, where, unsupported };
}

/** Names for a relation's columns: `(a, b)`. */
export function parseColumnAliases(cursor: TokenCursor): NameToken[] | undefined {
  return cursor.at('(') ? cursor.nameList('a column name') : undefined;
}
