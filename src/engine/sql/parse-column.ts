import { UnsupportedError } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';
import { parseDefault } from './parse-type.ts';
import type { Span, SqlText } from './sql-text.ts';
import type { ColumnPosition } from './statement.ts';
import type { TokenCursor } from './token-cursor.ts';

/** What may follow a new column's type. */
export interface ColumnClauses {
  readonly required: boolean;
  readonly comment?: string;
  readonly default?: SqlText;
  /** Where PRIMARY KEY stands. */
  readonly keySpan?: Span;
}

/** [NOT] NULL, DEFAULT, COMMENT and PRIMARY KEY in any order. @throws UnsupportedError for other constraints */
export function parseColumnClauses(cursor: TokenCursor): ColumnClauses {
  const clauses: { -readonly [Key in keyof ColumnClauses]: ColumnClauses[Key] } = { required: false };
  while (true) {
    const start = cursor.start;
    if (cursor.accept('NOT')) {
      cursor.expect('NULL');
      clauses.required = true;
    } else if (cursor.accept('NULL')) clauses.required = false;
    else if (cursor.accept('DEFAULT')) clauses.default = parseDefault(cursor);
    else if (cursor.accept('COMMENT')) clauses.comment = cursor.string("a comment such as 'in EUR'");
    else if (cursor.accept('PRIMARY')) {
      cursor.expect('KEY');
      cursor.accept('NOT', 'ENFORCED');
      clauses.required = true;
      clauses.keySpan = cursor.spanFrom(start);
    } else if (
      cursor.atAny(['UNIQUE', 'CHECK', 'REFERENCES', 'COLLATE', 'GENERATED', 'CONSTRAINT', 'AS', 'USING'])
    ) {
      throw noConstraint(cursor);
    } else return clauses;
  }
}

const longNames: Readonly<Record<string, string>> = {
  FOREIGN: 'FOREIGN KEY',
  CONSTRAINT: 'named constraints',
  GENERATED: 'generated columns',
  AS: 'generated columns',
  USING: 'USING COMPRESSION',
};

/** The error for a constraint that DuckDB's tables can have and Iceberg's can't. */
export function noConstraint(cursor: TokenCursor): UnsupportedError {
  const token = cursor.peek()!;
  return new UnsupportedError(`Lake tables don't have ${longNames[token.value] ?? token.value}.`, {
    hint: 'Columns can have NOT NULL, DEFAULT, COMMENT and PRIMARY KEY.',
    position: textPosition(cursor.source, token.start, token.text.length),
  });
}

/** FIRST, AFTER column or BEFORE column, if it's next. */
export function parsePosition(cursor: TokenCursor): ColumnPosition | undefined {
  if (cursor.accept('FIRST')) return { kind: 'first' };
  if (cursor.accept('AFTER')) return { kind: 'after', column: cursor.columnPath() };
  if (cursor.accept('BEFORE')) return { kind: 'before', column: cursor.columnPath() };
  return undefined;
}
