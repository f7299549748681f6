import { quoteIdentifier, quoteString } from '../../engine/quote.ts';
import type { ResultColumn, ResultSet } from '../../engine/result-set.ts';
import type { EngineSession } from '../../engine/session.ts';
import { SqlText } from '../../engine/sql/sql-text.ts';

/**
 * Rows that were made in JavaScript (a list of snapshots, say) as a result like any other: it can be paged, sorted
 * and named. Values are plain; lists and objects are read as JSON by the column's type.
 */
export async function plainRows(
  session: EngineSession,
  columns: readonly ResultColumn[],
  rows: readonly (readonly unknown[])[],
): Promise<ResultSet> {
  const casts = columns.map(({ name, type }, index) => {
    const text = /^(STRUCT|MAP)\b|\]$/i.test(type) ? `CAST(c${index} AS JSON)` : `c${index}`;
    return `CAST(${text} AS ${type}) AS ${quoteIdentifier(name)}`;
  });
  const names = columns.map((_, index) => `c${index}`).join(', ');
  const values = rows.map(row => `(${columns.map((_, index) => literal(row[index])).join(', ')})`);
  // VALUES needs a row; the filter takes it away again.
  const empty = `(${columns.map(() => 'NULL').join(', ')})`;
  const source = values.length > 0 ? values.join(',\n') : empty;
  const sql = `SELECT ${casts.join(', ')} FROM (VALUES ${source}) AS v(${names})${values.length > 0 ? '' : ' WHERE false'}`;
  return session.query(SqlText.generated(sql), '', {});
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  switch (typeof value) {
    case 'boolean':
    case 'bigint':
    case 'number':
      // As text, so that rows of one column may differ in type until they are cast.
      return `'${value}'`;
    case 'string':
      return quoteString(value);
    default:
      if (value instanceof Date) return quoteString(value.toISOString());
      if (value instanceof Uint8Array) {
        return quoteString(Array.from(value, byte => `\\x${byte.toString(16).padStart(2, '0')}`).join(''));
      }
      return `${quoteString(JSON.stringify(value, (_key, each) => (typeof each === 'bigint' ? String(each) : each)))}`;
  }
}
