import { LakebookError, UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { isPrimitive, type Type } from '../../iceberg/types.ts';
import { valueToJson } from '../../iceberg/value.ts';
import { icebergValue } from '../bind/constants.ts';
import { type FunctionStability, functionStability } from '../bind/stability.ts';
import { isNode, parseQuery } from '../bind/syntax-tree.ts';
import { inlineParameters } from '../dml/parameters.ts';
import { relocate, SqlError } from '../errors.ts';
import type { EngineSession } from '../session.ts';
import { type SqlText, sql } from '../sql/sql-text.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { duckDbType } from '../types.ts';
import { placeIn } from './place.ts';

/**
 * The value of a DEFAULT in the spec's JSON single-value form; undefined for NULL, which is no default. Iceberg
 * stores a value, so the expression is evaluated now.
 * @throws UnsupportedError for expressions whose value changes (`now()`, sub-queries) and types without a JSON form,
 *   SqlError when it can't be evaluated or isn't of the type, all with the place in `source`
 */
export async function columnDefault(
  session: EngineSession,
  expression: SqlText,
  type: Type,
  path: string,
  source: string,
  options: ExecuteOptions,
): Promise<unknown> {
  const value = inlineParameters(expression, options.parameters ?? {});
  await requireConstant(session, value, path, source, options);
  if (!isPrimitive(type)) {
    if (/^\s*NULL\s*$/i.test(value.text)) return undefined;
    throw new UnsupportedError(`The column "${path}" can't have a default: it is a ${type.kind}.`, {
      hint: 'Only columns of simple types can; give the fields of a struct their own defaults.',
      position: placeIn(expression, source),
    });
  }
  const query = sql`SELECT CAST((${value}
) AS ${duckDbType(type)}) AS v`;
  try {
    const [row] = await session.duckdb.rows(query.text, { signal: options.signal });
    const found = row!.v ?? null;
    if (found === null) return undefined;
    if (type.kind === 'fixed') requireLength(type.length, icebergValue(type, found) as Uint8Array, path);
    return valueToJson(type, icebergValue(type, found));
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    if (error instanceof ValidationError)
      throw new ValidationError(error.message, { hint: error.hint, position: placeIn(expression, source) });
    const moved = relocate(error, source, offset => query.sourceOffset(offset));
    if (!(moved instanceof SqlError) || moved.position !== undefined) throw moved;
    // DuckDB tells no place for a value that can't be cast.
    const { code, message, detail, hint } = moved;
    throw new SqlError(code, message, detail, { hint, position: placeIn(expression, source), cause: error });
  }
}

function requireLength(length: number, value: Uint8Array, path: string): void {
  if (value.length === length) return;
  throw new ValidationError(
    `The default of "${path}" has ${value.length} bytes, but the column takes exactly ${length}.`,
    { hint: 'Give a value of that length.' },
  );
}

async function requireConstant(
  session: EngineSession,
  expression: SqlText,
  path: string,
  source: string,
  options: ExecuteOptions,
): Promise<void> {
  const parsed = await parseQuery(session.duckdb, `SELECT (${expression.text}\n)`, options.signal);
  if (parsed.kind !== 'tree') return;
  const stability = await functionStability(session.duckdb);
  const changing = changingPart(parsed.root, stability);
  if (changing === undefined) return;
  throw new UnsupportedError(
    `The default of "${path}" can't be ${changing}: a lake table's default is one value, stored with the table.`,
    {
      hint: 'Give a constant, and write values that change with each INSERT.',
      position: placeIn(expression, source),
    },
  );
}

/** Names of moments that SQL writes like columns. */
const moments =
  /^(current_(date|time|timestamp|user|role|schema|catalog)|localtime(stamp)?|user|session_user)$/i;

function changingPart(node: unknown, stability: FunctionStability): string | undefined {
  if (Array.isArray(node)) {
    for (const item of node) {
      const found = changingPart(item, stability);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isNode(node)) return undefined;
  if (node.class === 'SUBQUERY') return 'a sub-query';
  if (node.class === 'FUNCTION') {
    const name = String(node.function_name);
    if (stability(name) !== 'constant') return `${name}()`;
  }
  if (node.class === 'COLUMN_REF') {
    const names = Array.isArray(node.column_names) ? node.column_names.map(String) : [];
    if (names.length === 1 && moments.test(names[0]!)) return names[0];
  }
  return changingPart(Object.values(node), stability);
}
