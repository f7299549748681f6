import type { ResultColumn } from '../../engine/result-set.ts';

/** Number types, aligned to the right. */
export function isNumberType(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\b.*|DOUBLE|FLOAT|REAL)$/i.test(type);
}

/** A value (as `ResultSet.rows` gives it) as text; NULL is told apart by the caller. */
export function valueText(value: unknown, column: ResultColumn): string {
  if (typeof value === 'object') return JSON.stringify(value);
  const text = String(value);
  return /^TIMESTAMP/i.test(column.type) ? text.replace('T', ' ').replace(/Z$/, '+00') : text;
}
