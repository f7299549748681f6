import { LakebookError, UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { parseTypeString } from '../../iceberg/type-text.ts';
import type { Type } from '../../iceberg/types.ts';
import type { EngineSession } from '../session.ts';
import type { SqlText } from '../sql/sql-text.ts';
import { tokenize } from '../sql/tokenizer.ts';
import { type NextId, resolveSqlType } from '../types.ts';
import { placeIn } from './place.ts';

export interface ColumnType {
  readonly type: Type;
  /** How the table stores a type that Iceberg doesn't have: `SMALLINT as int`. */
  readonly notes: readonly string[];
}

/** SQL types that Iceberg has nothing for, and what to use instead. */
const noEqual: Readonly<Record<string, string>> = {
  INTERVAL: 'Use a number with its unit in the name, for example duration_seconds BIGINT.',
  ENUM: 'Use VARCHAR.',
  UNION: 'Use a STRUCT with a field for each member, or VARCHAR.',
  BIT: 'Use VARCHAR or BLOB.',
  BITSTRING: 'Use VARCHAR or BLOB.',
  UHUGEINT: 'Use DECIMAL(38,0), or VARCHAR for larger values.',
  UINT128: 'Use DECIMAL(38,0), or VARCHAR for larger values.',
  BIGNUM: 'Use DECIMAL(38,0), or VARCHAR for larger values.',
  VARINT: 'Use DECIMAL(38,0), or VARCHAR for larger values.',
  TIMETZ: 'Use TIME, or VARCHAR to keep the offset.',
  TIME_NS: 'Use TIME, which has microseconds.',
};

/** SQL types that are stored as a wider or more general one of Iceberg's. */
const storedAs: Readonly<Record<string, string>> = {
  TINYINT: 'int',
  INT1: 'int',
  SMALLINT: 'int',
  INT2: 'int',
  INT16: 'int',
  SHORT: 'int',
  UTINYINT: 'int',
  UINT8: 'int',
  USMALLINT: 'int',
  UINT16: 'int',
  UINTEGER: 'long',
  UINT32: 'long',
  UBIGINT: 'decimal(20,0)',
  UINT64: 'decimal(20,0)',
  HUGEINT: 'decimal(38,0)',
  JSON: 'string',
};

/**
 * The Iceberg type of a column's type as written, in Iceberg's or DuckDB's spelling; types that a person made in
 * DuckDB (CREATE TYPE) are looked up there. Ids of nested fields are provisional.
 * @throws UnsupportedError for types that Iceberg has nothing for, ValidationError for what is no type, both with
 *   the place in `source`
 */
export async function columnType(
  session: EngineSession,
  text: SqlText,
  path: string,
  source: string,
  nextId?: NextId,
): Promise<ColumnType> {
  const written = text.text;
  const words = tokenize(written).filter(token => token.type === 'word');
  // In `STRUCT(bit INT)` the first word is a field's name: a type is what a name or a parenthesis comes before.
  const wrong = words.find(token => noEqual[token.value] !== undefined && isTypeName(written, token.start));
  const zoned = /\btime\s*(?:\(\s*\d+\s*\)\s*)?with\s+time\s+zone\b/i.exec(written);
  if (wrong !== undefined || zoned !== null) {
    const name = wrong?.value ?? 'TIME WITH TIME ZONE';
    const start = wrong?.start ?? zoned!.index;
    throw new UnsupportedError(
      `The column "${path}" can't have the type ${name}: Iceberg tables don't have it.`,
      {
        hint: noEqual[name] ?? noEqual.TIMETZ,
        position: placeIn(text, source, { start, end: start + (wrong?.text ?? zoned![0]).length }),
      },
    );
  }
  const notes = words
    .filter(token => storedAs[token.value] !== undefined && isTypeName(written, token.start))
    .map(token => `${token.value} as ${storedAs[token.value]}`);
  try {
    return { type: parseTypeString(written, nextId), notes: [...new Set(notes)] };
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    const own = await typeOfDuckDb(session, written, path, nextId);
    if (own !== undefined) return { type: own, notes };
    const offset = offsetOf(written, error.position);
    throw new ValidationError(error.message, {
      hint: error.hint,
      position: placeIn(text, source, { start: offset, end: offset + (error.position?.length ?? 1) }),
      cause: error,
    });
  }
}

/** Whether the word at an offset can be a type's name: it stands first, after a name, or in a list or map. */
function isTypeName(text: string, start: number): boolean {
  const before = text.slice(0, start).trimEnd();
  if (before === '' || before.endsWith(':')) return true;
  // A field of a struct has its name before the type; elements of lists and maps have none.
  if (/(?:[\w"`])$/.test(before)) return true;
  const open = before.search(/\w+\s*[(<][^()<>]*$/);
  const container = open < 0 ? '' : before.slice(open);
  return /^(map|list|array)\b/i.test(container);
}

/** A type that only DuckDB knows; undefined when it doesn't know it either. */
async function typeOfDuckDb(
  session: EngineSession,
  text: string,
  path: string,
  nextId: NextId | undefined,
): Promise<Type | undefined> {
  let last = 0;
  try {
    return await resolveSqlType(session.duckdb, text, path, nextId ?? (() => ++last));
  } catch (error) {
    if (!(error instanceof LakebookError) || error.code === 'INTERRUPTED') throw error;
    return undefined;
  }
}

function offsetOf(
  text: string,
  position: { readonly line: number; readonly column: number } | undefined,
): number {
  if (position === undefined) return 0;
  const before = text.split('\n').slice(0, position.line - 1);
  return before.reduce((sum, line) => sum + line.length + 1, 0) + position.column - 1;
}
