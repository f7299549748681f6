import { didYouMean } from '../../iceberg/did-you-mean.ts';
import { type LakebookError, ValidationError } from '../../iceberg/errors.ts';
import { textPosition } from '../errors.ts';
import type { Body } from './parse-dml.ts';
import type { OtherStatement, QualifiedName, QueryStatement } from './statement.ts';
import type { TokenCursor } from './token-cursor.ts';
import type { Token } from './tokenizer.ts';

/** First words of the statements that are DuckDB's alone. */
const duckDbWords =
  'SET RESET ATTACH DETACH PRAGMA BEGIN START COMMIT END ROLLBACK ABORT EXPORT IMPORT INSTALL LOAD PREPARE EXECUTE DEALLOCATE CHECKPOINT FORCE VACUUM ANALYZE ANALYSE'.split(
    ' ',
  );

/** What CREATE, ALTER and DROP can be about. */
const objects = [
  ...['TABLE', 'VIEW', 'SCHEMA', 'NAMESPACE', 'DATABASE', 'MACRO', 'FUNCTION', 'TYPE', 'SEQUENCE', 'INDEX'],
  ...['SECRET', 'TRIGGER', 'RECURSIVE', 'MATERIALIZED'],
];
const objectVerbs = ['CREATE', 'ALTER', 'DROP'];

/** Words between CREATE and what is created. */
const createModifiers = ['OR', 'REPLACE', 'TEMP', 'TEMPORARY', 'LOCAL', 'PERSISTENT', 'UNLOGGED', 'UNIQUE'];

/** `SET`, `DROP VIEW`, `CREATE MACRO`, with the token that says what it is about. */
function verbOf(cursor: TokenCursor): { readonly verb: string; readonly last: Token } {
  const first = cursor.next()!;
  if (first.type !== 'word' || !objectVerbs.includes(first.value)) return { verb: first.value, last: first };
  while (cursor.acceptAny(createModifiers) !== undefined);
  const second = cursor.peek();
  if (second?.type !== 'word') return { verb: first.value, last: first };
  return { verb: `${first.value} ${second.value}`, last: second };
}

/**
 * A statement that is DuckDB's business, or an extension's parser's: only what looks like a slip of the pen has a
 * problem. `firstWords` begin the statements that have parsers here.
 */
export function otherStatement(cursor: TokenCursor, firstWords: readonly string[]): Body<OtherStatement> {
  const first = cursor.peek()!;
  const { verb, last } = verbOf(cursor);
  const known = last === first ? [...firstWords, ...duckDbWords] : objects;
  if (last.type !== 'word' || known.includes(last.value)) return { kind: 'other', verb };
  const close = didYouMean(last.text, known);
  if (close === undefined) return { kind: 'other', verb };
  const what = last === first ? 'no SQL statement' : `no ${first.value} statement`;
  const message =
    last === first ? `${last.text} begins ${what}.` : `${first.text} ${last.text} begins ${what}.`;
  const position = textPosition(cursor.source, last.start, last.text.length);
  return {
    kind: 'other',
    verb,
    problem: new ValidationError(message, { position, hint: `Did you mean ${close}?` }, 'SYNTAX'),
  };
}

/** Words between a statement's first word and the name of the table that it changes. */
const beforeTarget = [
  ...['OR', 'REPLACE', 'IGNORE', 'OVERWRITE', 'INTO', 'FROM', 'TABLE', 'ON', 'COLUMN'],
  ...['SCHEMA', 'NAMESPACE', 'DATABASE', 'IF', 'NOT', 'EXISTS'],
];

/** Statements that change no lake table: DuckDB says best what is wrong with them. */
const judgedByDuckDb = ['EXPLAIN', 'DESCRIBE', 'DESC', 'SUMMARIZE', 'SHOW', 'USE', 'CREATE VIEW'];
const changes = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'];

/** The statement that a parser refused with `problem`, and what it was to change. */
export function notUnderstood(
  cursor: TokenCursor,
  problem: LakebookError,
): Body<OtherStatement> | Body<QueryStatement> {
  if (cursor.at('WITH')) {
    cursor.skip({ words: changes });
    // The WITH clause of a query; DuckDB finds the same mistake.
    if (!cursor.atAny(changes)) return { kind: 'query' };
  }
  const begin = cursor.mark();
  const { verb } = verbOf(cursor);
  cursor.reset(begin);
  if (judgedByDuckDb.includes(verb) || isTemporary(cursor)) return { kind: 'other', verb };
  if (cursor.at('COPY', '(')) return { kind: 'other', verb };
  cursor.next();
  // What is called isn't changed.
  if (verb === 'CALL') return { kind: 'other', verb, problem };
  while (cursor.acceptAny(beforeTarget) !== undefined);
  return { kind: 'other', verb, problem, target: optionalName(cursor) };
}

function isTemporary(cursor: TokenCursor): boolean {
  const mark = cursor.mark();
  cursor.next();
  cursor.accept('OR', 'REPLACE');
  cursor.accept('LOCAL');
  const temporary = cursor.acceptAny(['TEMP', 'TEMPORARY']) !== undefined;
  cursor.reset(mark);
  return temporary && cursor.at('CREATE');
}

function optionalName(cursor: TokenCursor): QualifiedName | undefined {
  if (!cursor.atName) return undefined;
  const start = cursor.start;
  const parts = [cursor.name('a name').name];
  while (cursor.at('.') && ['word', 'quoted'].includes(cursor.peek(1)?.type ?? '')) {
    cursor.next();
    parts.push(cursor.name('a name').name);
  }
  return { parts, span: cursor.spanFrom(start) };
}
