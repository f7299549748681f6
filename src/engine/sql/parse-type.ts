import type { SqlText } from './sql-text.ts';
import type { TokenCursor } from './token-cursor.ts';

/**
 * Reads a type and answers it as written: `DECIMAL(10, 2)`, `STRUCT(a INT)[]`, `timestamp(6) with time zone`,
 * `map<string, list<int>>`. Only its extent is found here; `src/iceberg/type-text.ts` knows what types there are.
 */
export function parseType(cursor: TokenCursor): SqlText {
  const start = cursor.start;
  cursor.qualifiedName('a type');
  if (!cursor.accept('PRECISION')) cursor.accept('VARYING');
  if (cursor.at('(')) cursor.parenthesised('the parameters of the type');
  else if (cursor.at('<')) skipAngles(cursor);
  if (cursor.at('WITH') || cursor.at('WITHOUT')) {
    // WITH begins other clauses as well.
    const words = ['TIME', 'ZONE'];
    if (!cursor.accept('WITH', 'LOCAL', ...words) && !cursor.accept('WITH', ...words)) {
      cursor.accept('WITHOUT', ...words);
    }
  }
  cursor.accept('ARRAY');
  while (cursor.accept('[')) {
    if (!cursor.at(']')) cursor.integer('a length or "]"');
    cursor.expect(']');
  }
  return cursor.textFrom(start);
}

function skipAngles(cursor: TokenCursor): void {
  let depth = 0;
  do {
    if (cursor.at('<')) depth++;
    else if (cursor.at('>')) depth--;
    if (cursor.done || cursor.at(')')) cursor.fail('">"');
    if (cursor.at('(')) cursor.parenthesised('the parameters of the type');
    else cursor.next();
  } while (depth > 0);
}

/** Words that may follow a column's default value. */
const afterDefault = [
  ...['NOT', 'COMMENT', 'PRIMARY', 'UNIQUE', 'CHECK', 'REFERENCES', 'CONSTRAINT', 'COLLATE', 'GENERATED'],
  ...['FIRST', 'AFTER', 'BEFORE'],
];

/** The value of a DEFAULT clause, which ends at a comma or before the next clause of a column. */
export function parseDefault(cursor: TokenCursor): SqlText {
  const start = cursor.start;
  const mark = cursor.mark();
  while (true) {
    cursor.skip({ words: afterDefault, comma: true });
    const goesOn =
      (cursor.at('NOT') && !cursor.at('NOT', 'NULL')) ||
      // `first(x)` is a call, and `a IS NOT NULL` one expression.
      (cursor.mark() === mark && cursor.peek(1)?.text === '(') ||
      (cursor.at('NOT', 'NULL') && cursor.peek(-1)?.value === 'IS');
    if (!goesOn) break;
    cursor.next();
  }
  if (cursor.mark() === mark) cursor.fail('a default value');
  return cursor.textFrom(start);
}
