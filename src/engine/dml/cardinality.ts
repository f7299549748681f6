import { isPrimitive, type NestedField } from '../../iceberg/types.ts';
import { quoteIdentifier } from '../quote.ts';
import type { SqlText } from '../sql/sql-text.ts';
import { fileColumn, positionColumn, type TargetFiles } from './plan.ts';
import { actions } from './rewrite.ts';
import type { Target } from './target.ts';
import type { Workspace } from './workspace.ts';

/** Columns of a row that a message names when no key is known. */
const columnsShown = 6;

/**
 * Refuses a change in which a row of the target would be changed by several rows of the source: which one counts
 * isn't defined (SQL standard: cardinality violation). `keys` are the columns that name the row in the message.
 * @throws ValidationError `CARDINALITY`
 */
export async function requireSingleMatches(
  workspace: Workspace,
  target: Target,
  files: TargetFiles,
  view: string,
  changes: string,
  clause: string,
  at: SqlText | undefined,
  keys: readonly NestedField[] = [],
): Promise<void> {
  const [several] = await workspace.rows(
    `SELECT file, position, count(*) AS n FROM ${changes}
     WHERE action IN (${actions.update}, ${actions.delete}) GROUP BY file, position HAVING count(*) > 1 LIMIT 1`,
  );
  if (several === undefined) return;
  const readable = target.schema.fields.filter(field => isPrimitive(field.type));
  const shown = keys.length > 0 ? keys : readable.slice(0, columnsShown);
  const [row] = await workspace.rows(
    `SELECT ${rowText(shown)} AS text FROM ${view}
     WHERE ${fileColumn} = (SELECT path FROM ${files.name} WHERE id = ${several.file})
       AND ${positionColumn} = ${several.position}`,
  );
  throw workspace.error(
    `${clause}: the row of ${target.name} with ${String(row?.text)} is matched by ${several.n} rows of the source, so which one changes it isn't defined.`,
    at,
    'Make the source give at most one row for each row of the table, for example with GROUP BY or DISTINCT.',
    'CARDINALITY',
  );
}

/** SQL that names a row: `id = 5, name = 'x'`. */
export function rowText(fields: readonly NestedField[]): string {
  if (fields.length === 0) return `'its values'`;
  const parts = fields.map(field => {
    const name = quoteIdentifier(field.name);
    const quoted = `'''' || left(${name}::VARCHAR, 80) || ''''`;
    const text = field.type.kind === 'string' ? quoted : `${name}::VARCHAR`;
    return `'${field.name.replaceAll("'", "''")} = ' || coalesce(${text}, 'NULL')`;
  });
  return parts.join(` || ', ' || `);
}
