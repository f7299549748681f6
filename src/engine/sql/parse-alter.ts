import { UnsupportedError } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';
import type { AnyBody } from './parse.ts';
import { noConstraint, parseColumnClauses, parsePosition } from './parse-column.ts';
import {
  parsePartitionItem,
  parsePartitionReference,
  parseProperties,
  parsePropertyKey,
  parseSortItem,
} from './parse-partition.ts';
import { atRef, parseCreateRef, parseDropRef } from './parse-ref.ts';
import { parseDefault, parseType } from './parse-type.ts';
import type { AlterAction, ColumnPath } from './statement.ts';
import type { TokenCursor } from './token-cursor.ts';

/** An action that doesn't know its place yet. */
type Action = AlterAction extends infer One ? (One extends AlterAction ? Omit<One, 'span'> : never) : never;

/** ALTER TABLE with one action or more; undefined for ALTER of anything else. */
export function parseAlterTable(cursor: TokenCursor): AnyBody | undefined {
  cursor.expect('ALTER');
  if (!cursor.accept('TABLE')) return undefined;
  const ifExists = cursor.accept('IF', 'EXISTS');
  const name = cursor.qualifiedName('a table name');
  const actions: AlterAction[] = [];
  do {
    const start = cursor.start;
    const found = parseActions(cursor);
    const span = cursor.spanFrom(start);
    actions.push(...found.map(action => ({ ...action, span }) as AlterAction));
  } while (cursor.accept(','));
  const columnClauses = 'NOT NULL, DEFAULT, COMMENT, FIRST, AFTER, BEFORE, ';
  const more = actions.at(-1)?.kind === 'add-column' ? columnClauses : '';
  cursor.expectEnd(`${more}"," or the end of the statement`);
  return { kind: 'alter-table', name, ifExists, actions };
}

const actionParsers: Readonly<Record<string, (cursor: TokenCursor) => Action[]>> = {
  ADD: parseAdd,
  DROP: parseDrop,
  RENAME: parseRename,
  ALTER: parseAlterColumn,
  CREATE: parseCreate,
  REPLACE: parseReplace,
  SET: parseSet,
  UNSET: parseUnset,
  RESET: parseReset,
  WRITE: parseWrite,
};

const actionWords = Object.keys(actionParsers);

function parseActions(cursor: TokenCursor): Action[] {
  const word = cursor.acceptAny(actionWords);
  if (word === undefined) cursor.fail(`one of ${actionWords.join(', ')}`);
  return actionParsers[word]!(cursor);
}

/** `item, item` or `(item, item)`; without parentheses the list ends where another action begins. */
function parseMany<T>(cursor: TokenCursor, item: () => T): T[] {
  if (cursor.at('(')) return cursor.list(item);
  const items = [item()];
  while (cursor.at(',') && !actionWords.includes(cursor.peek(1)?.value ?? '')) {
    cursor.next();
    items.push(item());
  }
  return items;
}

function parseAdd(cursor: TokenCursor): Action[] {
  if (cursor.accept('PARTITION', 'FIELD')) {
    return [{ kind: 'add-partition-field', field: parsePartitionItem(cursor) }];
  }
  if (cursor.at('PRIMARY', 'KEY')) {
    throw noAction(cursor, 'ADD PRIMARY KEY', 2, 'Write SET IDENTIFIER FIELDS a, b.');
  }
  if (cursor.atAny(['CONSTRAINT', 'UNIQUE', 'CHECK', 'FOREIGN'])) throw noConstraint(cursor);
  if (cursor.accept('COLUMNS')) return parseMany(cursor, () => parseNewColumn(cursor));
  cursor.accept('COLUMN');
  return cursor.at('(') ? cursor.list(() => parseNewColumn(cursor)) : [parseNewColumn(cursor)];
}

function parseNewColumn(cursor: TokenCursor): Action {
  const ifNotExists = cursor.accept('IF');
  if (ifNotExists) cursor.expect('NOT', 'EXISTS');
  const column = cursor.columnPath();
  const type = parseType(cursor);
  const { keySpan, ...clauses } = parseColumnClauses(cursor);
  if (keySpan !== undefined) {
    throw cursor.error(
      "A new column can't be the primary key.",
      keySpan,
      'Write SET IDENTIFIER FIELDS a, b.',
    );
  }
  const position = parsePosition(cursor);
  // Spark takes the comment behind the position as well.
  const { comment = clauses.comment } = position === undefined ? {} : parseColumnClauses(cursor);
  return { kind: 'add-column', column, type, ...clauses, comment, ifNotExists, position };
}

function parseDrop(cursor: TokenCursor): Action[] {
  if (cursor.accept('PARTITION', 'FIELD')) {
    return [{ kind: 'drop-partition-field', field: parsePartitionReference(cursor) }];
  }
  if (cursor.accept('IDENTIFIER', 'FIELDS')) {
    return [{ kind: 'drop-identifier-fields', columns: parseMany(cursor, () => cursor.columnPath()) }];
  }
  if (atRef(cursor)) return [parseDropRef(cursor)];
  if (cursor.at('CONSTRAINT')) throw noConstraint(cursor);
  if (cursor.accept('COLUMNS')) {
    const ifExists = cursor.accept('IF', 'EXISTS');
    return parseMany(cursor, () => ({ kind: 'drop-column', column: cursor.columnPath(), ifExists }));
  }
  cursor.accept('COLUMN');
  const ifExists = cursor.accept('IF', 'EXISTS');
  const columns = cursor.at('(') ? cursor.list(() => cursor.columnPath()) : [cursor.columnPath()];
  cursor.acceptAny(['CASCADE', 'RESTRICT']);
  return columns.map(column => ({ kind: 'drop-column', column, ifExists }));
}

function parseRename(cursor: TokenCursor): Action[] {
  if (cursor.accept('TO'))
    return [{ kind: 'rename-table', to: cursor.qualifiedName('a name for the table') }];
  cursor.accept('COLUMN');
  const column = cursor.columnPath();
  cursor.expect('TO');
  return [{ kind: 'rename-column', column, to: cursor.name('a name for the column') }];
}

/** ALTER [COLUMN] name with one change or several: `TYPE bigint COMMENT 'x' FIRST`. */
function parseAlterColumn(cursor: TokenCursor): Action[] {
  cursor.accept('COLUMN');
  const column = cursor.columnPath();
  const changes = [parseColumnChange(cursor, column)];
  while (!cursor.done && !cursor.at(',')) changes.push(parseColumnChange(cursor, column));
  return changes;
}

function parseColumnChange(cursor: TokenCursor, column: ColumnPath): Action {
  if (cursor.accept('TYPE') || cursor.accept('SET', 'TYPE') || cursor.accept('SET', 'DATA', 'TYPE')) {
    const type = parseType(cursor);
    const using = cursor.accept('USING') ? cursor.expression('an expression', { comma: true }) : undefined;
    return { kind: 'set-type', column, type, using };
  }
  if (cursor.accept('SET', 'NOT', 'NULL')) return { kind: 'set-required', column, required: true };
  if (cursor.accept('DROP', 'NOT', 'NULL')) return { kind: 'set-required', column, required: false };
  if (cursor.accept('SET', 'DEFAULT')) return { kind: 'set-default', column, default: parseDefault(cursor) };
  if (cursor.accept('DROP', 'DEFAULT')) return { kind: 'set-default', column, default: undefined };
  if (cursor.accept('DROP', 'COMMENT') || cursor.accept('COMMENT', 'NULL')) {
    return { kind: 'set-comment', column, comment: undefined };
  }
  if (cursor.accept('COMMENT') || cursor.accept('SET', 'COMMENT')) {
    return { kind: 'set-comment', column, comment: cursor.string("a comment such as 'in EUR'") };
  }
  const position = parsePosition(cursor);
  if (position !== undefined) return { kind: 'move-column', column, position };
  return cursor.fail(
    'TYPE, SET NOT NULL, DROP NOT NULL, SET DEFAULT, DROP DEFAULT, COMMENT, FIRST, AFTER or BEFORE',
  );
}

function parseCreate(cursor: TokenCursor): Action[] {
  const orReplace = cursor.accept('OR', 'REPLACE');
  return [parseCreateRef(cursor, { orReplace, mustExist: false })];
}

function parseReplace(cursor: TokenCursor): Action[] {
  if (atRef(cursor)) return [parseCreateRef(cursor, { orReplace: true, mustExist: true })];
  if (cursor.at('COLUMNS')) {
    throw noAction(cursor, 'REPLACE COLUMNS', 1, 'Write ADD COLUMN, DROP COLUMN and RENAME COLUMN.');
  }
  if (!cursor.accept('PARTITION', 'FIELD')) cursor.fail('PARTITION FIELD, BRANCH or TAG');
  const field = parsePartitionReference(cursor);
  cursor.expect('WITH');
  return [{ kind: 'replace-partition-field', field, by: parsePartitionItem(cursor) }];
}

function parseSet(cursor: TokenCursor): Action[] {
  if (cursor.accept('PARTITIONED', 'BY')) {
    return [{ kind: 'set-partitioning', fields: cursor.list(() => parsePartitionItem(cursor), true) }];
  }
  if (cursor.accept('SORTED', 'BY'))
    return [{ kind: 'set-sort-order', fields: parseMany(cursor, () => parseSortItem(cursor)) }];
  if (cursor.accept('TBLPROPERTIES') || cursor.accept('PROPERTIES') || cursor.at('(')) {
    return [{ kind: 'set-properties', properties: parseProperties(cursor) }];
  }
  if (cursor.accept('LOCATION')) return [{ kind: 'set-location', location: cursor.string('a location') }];
  if (cursor.accept('IDENTIFIER', 'FIELDS')) {
    return [{ kind: 'set-identifier-fields', columns: parseMany(cursor, () => cursor.columnPath()) }];
  }
  return cursor.fail('PARTITIONED BY, SORTED BY, TBLPROPERTIES, LOCATION or IDENTIFIER FIELDS');
}

function parseUnset(cursor: TokenCursor): Action[] {
  if (!cursor.accept('TBLPROPERTIES') && !cursor.accept('PROPERTIES')) cursor.fail('TBLPROPERTIES');
  const ifExists = cursor.accept('IF', 'EXISTS');
  return [{ kind: 'unset-properties', keys: cursor.list(() => parsePropertyKey(cursor)), ifExists }];
}

/** DuckDB's words for undoing SET. */
function parseReset(cursor: TokenCursor): Action[] {
  if (cursor.accept('PARTITIONED', 'BY')) return [{ kind: 'set-partitioning', fields: [] }];
  if (cursor.accept('SORTED', 'BY')) return [{ kind: 'set-sort-order', fields: [] }];
  if (!cursor.at('(')) cursor.fail('PARTITIONED BY, SORTED BY or names of properties in parentheses');
  return [{ kind: 'unset-properties', keys: cursor.list(() => parsePropertyKey(cursor)), ifExists: false }];
}

/**
 * Iceberg's WRITE [DISTRIBUTED BY PARTITION] [LOCALLY] ORDERED BY ... and WRITE UNORDERED: a sort order, and the
 * distribution mode that Iceberg's Spark extension sets with it.
 */
function parseWrite(cursor: TokenCursor): Action[] {
  const distribution = (mode: string): Action => ({
    kind: 'set-properties',
    properties: { 'write.distribution-mode': mode },
  });
  if (cursor.accept('UNORDERED')) return [{ kind: 'set-sort-order', fields: [] }, distribution('none')];
  const distributed = cursor.accept('DISTRIBUTED', 'BY', 'PARTITION');
  const locally = cursor.accept('LOCALLY');
  if (!cursor.accept('ORDERED', 'BY')) {
    if (distributed && !locally) return [{ kind: 'set-sort-order', fields: [] }, distribution('hash')];
    cursor.fail(locally ? 'ORDERED BY' : 'ORDERED BY, UNORDERED or DISTRIBUTED BY PARTITION');
  }
  const fields = parseMany(cursor, () => parseSortItem(cursor));
  return [
    { kind: 'set-sort-order', fields },
    distribution(distributed ? 'hash' : locally ? 'none' : 'range'),
  ];
}

function noAction(cursor: TokenCursor, action: string, words: number, hint: string): UnsupportedError {
  const start = cursor.start;
  const end = cursor.peek(words - 1)!.end;
  return new UnsupportedError(`Lake tables don't have ALTER TABLE ... ${action}.`, {
    hint,
    position: textPosition(cursor.source, start, end - start),
  });
}

/**
 * DuckDB's COMMENT ON TABLE t IS 'text' and COMMENT ON COLUMN t.c IS 'text' (NULL removes it), as changes of a
 * table; undefined for a comment on anything else.
 */
export function parseComment(cursor: TokenCursor): AnyBody | undefined {
  cursor.expect('COMMENT', 'ON');
  const what = cursor.acceptAny(['TABLE', 'COLUMN']);
  if (what === undefined) return undefined;
  const { parts, span } = cursor.qualifiedName(what === 'TABLE' ? 'a table name' : 'a column name');
  const tableSpan = { start: span.start, end: cursor.peek(-3)?.end ?? span.end };
  const columnSpan = { start: cursor.peek(-1)?.start ?? span.start, end: span.end };
  if (what === 'COLUMN' && parts.length < 2) {
    throw cursor.error('The column has no table.', span, 'Write COMMENT ON COLUMN table.column IS ...');
  }
  cursor.expect('IS');
  const comment = cursor.accept('NULL') ? undefined : cursor.string("a comment such as 'Orders', or NULL");
  cursor.expectEnd();
  const name = what === 'TABLE' ? { parts, span } : { parts: parts.slice(0, -1), span: tableSpan };
  let action: Action;
  if (what === 'COLUMN') {
    action = { kind: 'set-comment', column: { path: parts.slice(-1), span: columnSpan }, comment };
  } else if (comment !== undefined) action = { kind: 'set-properties', properties: { comment } };
  else action = { kind: 'unset-properties', keys: ['comment'], ifExists: true };
  return { kind: 'alter-table', name, ifExists: false, actions: [{ ...action, span } as AlterAction] };
}
