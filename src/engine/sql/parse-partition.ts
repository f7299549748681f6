import type { Transform } from '../../iceberg/transform.ts';
import type { ColumnPath, PartitionFieldReference, PartitionItem, SortItem } from './statement.ts';
import type { TokenCursor } from './token-cursor.ts';

/** Transform names of Iceberg's specification, and the plural forms that Spark writes. */
const simpleTransforms: Readonly<Record<string, Transform>> = {
  IDENTITY: { kind: 'identity' },
  YEAR: { kind: 'year' },
  YEARS: { kind: 'year' },
  MONTH: { kind: 'month' },
  MONTHS: { kind: 'month' },
  DAY: { kind: 'day' },
  DAYS: { kind: 'day' },
  DATE: { kind: 'day' },
  HOUR: { kind: 'hour' },
  HOURS: { kind: 'hour' },
  DATE_HOUR: { kind: 'hour' },
  VOID: { kind: 'void' },
};

/** `column`, `month(ts)`, `bucket(16, id)`, `truncate(4, s)`; widths are taken on either side. */
export function parseTransformed(cursor: TokenCursor): { column: ColumnPath; transform: Transform } {
  const next = cursor.peek(1);
  if (next?.text !== '(' || cursor.peek()?.type !== 'word') {
    return { column: cursor.columnPath(), transform: { kind: 'identity' } };
  }
  const token = cursor.peek()!;
  const simple = simpleTransforms[token.value];
  if (simple !== undefined) {
    cursor.next();
    cursor.expect('(');
    const column = cursor.columnPath();
    cursor.expect(')');
    return { column, transform: simple };
  }
  if (token.value !== 'BUCKET' && token.value !== 'TRUNCATE') {
    cursor.fail(
      'a partition transform',
      'The transforms are identity, year, month, day, hour, bucket(n, column), truncate(width, column) and void.',
    );
  }
  cursor.next();
  const what = token.value === 'BUCKET' ? 'the number of buckets' : 'the width';
  cursor.expect('(');
  let size: number;
  let column: ColumnPath;
  const sizeSpan = { start: cursor.start, end: cursor.start + 1 };
  if (cursor.atName) {
    column = cursor.columnPath();
    cursor.expect(',');
    sizeSpan.start = cursor.start;
    size = cursor.integer(what);
  } else {
    size = cursor.integer(what);
    cursor.expect(',');
    column = cursor.columnPath();
  }
  cursor.expect(')');
  if (size < 1 || size > 0x7fffffff) {
    throw cursor.error(`The argument of ${token.text} has to be from 1 to 2147483647.`, sizeSpan);
  }
  const transform: Transform =
    token.value === 'BUCKET' ? { kind: 'bucket', buckets: size } : { kind: 'truncate', width: size };
  return { column, transform };
}

/** A partition field with its optional name: `bucket(16, id) AS shard`. */
export function parsePartitionItem(cursor: TokenCursor): PartitionItem {
  const start = cursor.start;
  const { column, transform } = parseTransformed(cursor);
  const name = cursor.accept('AS') ? cursor.name('a name for the partition field').name : undefined;
  return { column, transform, name, span: cursor.spanFrom(start) };
}

/** A plain name is a partition field's own name or, as an identity transform, a column: the caller decides. */
export function parsePartitionReference(cursor: TokenCursor): PartitionFieldReference {
  const start = cursor.start;
  const { column, transform } = parseTransformed(cursor);
  const span = cursor.spanFrom(start);
  if (transform.kind === 'identity' && column.path.length === 1 && span.end === column.span.end) {
    return { kind: 'name', name: column.path[0]!, span };
  }
  return { kind: 'transform', item: { column, transform, span } };
}

/** `column [ASC|DESC] [NULLS FIRST|LAST]`; nulls come first when ascending and last when descending, as in Spark. */
export function parseSortItem(cursor: TokenCursor): SortItem {
  const start = cursor.start;
  const { column, transform } = parseTransformed(cursor);
  const direction = cursor.acceptAny(['ASC', 'DESC']) === 'DESC' ? 'desc' : 'asc';
  let nullOrder: SortItem['nullOrder'] = direction === 'asc' ? 'nulls-first' : 'nulls-last';
  if (cursor.accept('NULLS')) {
    if (cursor.accept('FIRST')) nullOrder = 'nulls-first';
    else if (cursor.accept('LAST')) nullOrder = 'nulls-last';
    else cursor.fail('FIRST or LAST');
  }
  return { column, transform, direction, nullOrder, span: cursor.spanFrom(start) };
}

/** A list of sort items, in parentheses or without. */
export function parseSortItems(cursor: TokenCursor): SortItem[] {
  if (cursor.at('(')) return cursor.list(() => parseSortItem(cursor));
  const items = [parseSortItem(cursor)];
  while (cursor.accept(',')) items.push(parseSortItem(cursor));
  return items;
}

/** `('key' = 'value', key = value, ...)`; values may be strings, numbers or TRUE/FALSE. */
export function parseProperties(cursor: TokenCursor): Record<string, string> {
  const properties: Record<string, string> = {};
  cursor.list(() => {
    const key = parsePropertyKey(cursor);
    if (!cursor.accept('=') && !cursor.accept('=>')) cursor.fail('"="');
    properties[key] = parsePropertyValue(cursor);
  }, true);
  return properties;
}

export function parsePropertyKey(cursor: TokenCursor): string {
  if (cursor.peek()?.type === 'string') return cursor.string('a property name');
  const parts = [cursor.name("a property name such as 'write.target-file-size-bytes'").name];
  while (cursor.at('.') || cursor.at('-')) {
    parts.push(cursor.next()!.text, cursor.name('the rest of the property name').name);
  }
  return parts.join('');
}

function parsePropertyValue(cursor: TokenCursor): string {
  const token = cursor.peek();
  if (token?.type === 'string') return cursor.string('a value');
  if (token?.type === 'number' || token?.type === 'word') {
    cursor.next();
    return /^(true|false)$/i.test(token.text) ? token.text.toLowerCase() : token.text;
  }
  if (cursor.at('-') && cursor.peek(1)?.type === 'number') {
    cursor.next();
    return `-${cursor.next()!.text}`;
  }
  return cursor.fail("a value such as 'zstd' or 1000");
}
