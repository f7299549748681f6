import { columnType } from '../engine/ddl/column-type.ts';
import type { EngineSession } from '../engine/session.ts';
import { parsePartitionItem, parsePartitionReference, parseSortItem } from '../engine/sql/parse-partition.ts';
import { SqlText } from '../engine/sql/sql-text.ts';
import type { PartitionFieldReference, PartitionItem, SortItem } from '../engine/sql/statement.ts';
import { TokenCursor } from '../engine/sql/token-cursor.ts';
import { tokenize } from '../engine/sql/tokenizer.ts';
import type { SortTerm } from '../iceberg/sort-update.ts';
import type { PartitionFieldName, PartitionTerm } from '../iceberg/spec-update.ts';
import type { Type } from '../iceberg/types.ts';

/*
 * The parts of requests that are written as in SQL, read: `month(sold_at)`, `amount desc`, `address.city`,
 * `decimal(10,2)`. All throw a ValidationError (SYNTAX) for what can't be read.
 */

function read<T>(text: string, parse: (cursor: TokenCursor) => T): T {
  const cursor = new TokenCursor(text, tokenize(text));
  const found = parse(cursor);
  cursor.expectEnd();
  return found;
}

/** `month(sold_at)`, `bucket(16, id)`, `region`. */
export function partitionTerm(text: string): PartitionTerm {
  return termOf(read(text, parsePartitionItem));
}

function termOf({ column, transform, name }: PartitionItem): PartitionTerm {
  return { column: column.path, transform, ...(name === undefined ? {} : { name }) };
}

/** A partition field that is there: its name, or as `partitionTerm`. */
export function partitionFieldName(text: string): PartitionFieldName {
  const found: PartitionFieldReference = read(text, parsePartitionReference);
  return found.kind === 'name' ? { name: found.name } : { term: termOf(found.item) };
}

/** `amount desc nulls last`, `bucket(16, id)`. */
export function sortTerm(text: string): SortTerm {
  const { column, transform, direction, nullOrder }: SortItem = read(text, parseSortItem);
  return { column: column.path, transform, direction, nullOrder };
}

/** A column as requests name it, without quotes: `address.city`. */
export function columnNames(text: string): string[] {
  return text.split('.');
}

/** A type in Iceberg's or SQL's spelling. */
export async function typeOf(session: EngineSession, text: string, column: string): Promise<Type> {
  const found = await columnType(session, SqlText.written(text), column, text);
  return found.type;
}
