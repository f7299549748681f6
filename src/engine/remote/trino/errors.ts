import { InterruptedError, type LakebookError } from '../../../iceberg/errors.ts';
import { SqlError, textPosition } from '../../errors.ts';
import { scan } from '../../sql/tokenizer.ts';
import type { QueryError } from './protocol.ts';

/** Trino's names of errors and the codes that the embedded engine has for the same. */
const codes: Readonly<Record<string, string>> = {
  SYNTAX_ERROR: 'SYNTAX',
  TABLE_NOT_FOUND: 'TABLE_NOT_FOUND',
  SCHEMA_NOT_FOUND: 'NAMESPACE_NOT_FOUND',
  COLUMN_NOT_FOUND: 'COLUMN_NOT_FOUND',
  TABLE_ALREADY_EXISTS: 'TABLE_EXISTS',
  SCHEMA_ALREADY_EXISTS: 'NAMESPACE_EXISTS',
  TYPE_MISMATCH: 'BINDING',
  FUNCTION_NOT_FOUND: 'BINDING',
  INVALID_CAST_ARGUMENT: 'CONVERSION',
  NUMERIC_VALUE_OUT_OF_RANGE: 'CONVERSION',
  PERMISSION_DENIED: 'PERMISSION',
  NOT_SUPPORTED: 'UNSUPPORTED',
  TRANSACTION_CONFLICT: 'COMMIT_CONFLICT',
  CONSTRAINT_VIOLATION: 'CONSTRAINT',
  EXCEEDED_LOCAL_MEMORY_LIMIT: 'OUT_OF_MEMORY',
  EXCEEDED_GLOBAL_MEMORY_LIMIT: 'OUT_OF_MEMORY',
  CLUSTER_OUT_OF_MEMORY: 'OUT_OF_MEMORY',
};

const hints: Readonly<Record<string, string>> = {
  TABLE_NOT_FOUND:
    'The engine sees the tables of its catalogs only: results of cells and temporary tables are here, on `-- engine: duckdb`.',
  CATALOG_NOT_FOUND: "Set engines.trino.catalog to the engine's name of the lake's catalog.",
  MISSING_CATALOG_NAME: "Set engines.trino.catalog to the engine's name of the lake's catalog.",
  SERVER_STARTING_UP: 'Run it again in a moment.',
  TRANSACTION_CONFLICT: 'Someone else changed the table: run the statement again.',
  ICEBERG_COMMIT_ERROR: 'Someone else changed the table, or the catalog refused: run the statement again.',
  EXCEEDED_TIME_LIMIT: 'SET SESSION query_max_run_time gives it more time.',
  INSUFFICIENT_RESOURCES: 'Run it again when the cluster has less to do.',
};

/** What a coordinator says about a statement that failed, with its place in `sql`. */
export function statementError(error: QueryError, sql: string): LakebookError {
  const { errorName } = error;
  if (errorName === 'USER_CANCELED') return new InterruptedError();
  const location = error.errorLocation ?? error.failureInfo?.errorLocation;
  // The place is told apart from the text, for it moves to the cell.
  const message = error.message.replace(/^line \d+:\d+: /, '');
  const offset =
    location === undefined ? undefined : offsetOf(sql, location.lineNumber, location.columnNumber);
  const length = offset === undefined ? undefined : wordLength(sql, offset);
  return new SqlError(
    codes[errorName] ?? errorName,
    message,
    { type: errorName, offset, subtype: error.errorType },
    {
      hint: hints[errorName],
      position: offset === undefined ? undefined : textPosition(sql, offset, length),
    },
  );
}

/** UTF-16 offset of a line and a column, both from 1; columns count code points. */
function offsetOf(sql: string, line: number, column: number): number {
  let start = 0;
  for (let n = 1; n < line; n++) {
    const end = sql.indexOf('\n', start);
    if (end < 0) return sql.length;
    start = end + 1;
  }
  let offset = start;
  for (let n = 1; n < column && offset < sql.length; n++) offset += sql.codePointAt(offset)! > 0xffff ? 2 : 1;
  return offset;
}

function wordLength(sql: string, offset: number): number {
  const token = scan(sql).tokens.find(({ start, end }) => start <= offset && offset < end);
  return token === undefined ? 1 : token.end - offset;
}
