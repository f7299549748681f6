import { ValidationError } from '../../iceberg/errors.ts';
import type { SortTerm } from '../../iceberg/sort-update.ts';
import { parseSortItem } from '../sql/parse-partition.ts';
import { TokenCursor } from '../sql/token-cursor.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { CompactOrder } from './compact.ts';

/**
 * An order as people write it: fields such as `amount desc nulls last`, or `zorder(a, b)` alone. None: the table's.
 * @throws ValidationError (SYNTAX)
 */
export function compactOrder(fields: readonly string[]): CompactOrder {
  if (fields.length === 0) return { kind: 'table' };
  const curves = fields.map(text => /^\s*z-?order\s*\(([^()]*)\)\s*$/i.exec(text)?.[1]);
  if (curves.every(found => found === undefined)) return { kind: 'sort', terms: fields.map(sortTerm) };
  if (curves.length > 1) {
    throw new ValidationError('zorder(...) is an order by itself.', {
      hint: 'Write sort by zorder(a, b) without other fields.',
    });
  }
  const columns = curves[0]!.split(',').map(column => column.trim().replace(/^"(.*)"$/, '$1'));
  return { kind: 'z-order', columns };
}

function sortTerm(text: string): SortTerm {
  const cursor = new TokenCursor(text, tokenize(text));
  const { column, transform, direction, nullOrder } = parseSortItem(cursor);
  cursor.expectEnd();
  return { column: column.path, transform, direction, nullOrder };
}

/** The items of a list, apart at commas outside of parentheses. */
export function listItems(text: string): string[] {
  const items: string[] = [];
  let depth = 0;
  let start = 0;
  for (const token of tokenize(text)) {
    if (token.type !== 'punctuation') continue;
    if (token.text === '(') depth++;
    else if (token.text === ')') depth--;
    else if (token.text === ',' && depth === 0) {
      items.push(text.slice(start, token.start).trim());
      start = token.end;
    }
  }
  return [...items, text.slice(start).trim()];
}
