import {
  runAlterTable,
  runCall,
  runCreateSchema,
  runCreateTable,
  runCreateTableAs,
  runDropSchema,
  runDropTable,
} from './ddl/index.ts';
import { executeDelete, executeInsert, executeMerge, executeTruncate, executeUpdate } from './dml/index.ts';
import { copy, createView, describe, explainQuery, runOther, runQuery, show, use } from './query/index.ts';
import type { EngineSession } from './session.ts';
import { parseStatements } from './sql/parse.ts';
import type { ParsedStatement } from './sql/statement.ts';
import type { ExecuteOptions, StatementOutcome, StatementResult } from './statement-result.ts';

/** Runs every statement of a text in order, as `EngineSession.execute` says. */
export async function executeStatements(
  session: EngineSession,
  sql: string,
  options: ExecuteOptions,
): Promise<StatementResult[]> {
  const results: StatementResult[] = [];
  for (const statement of parseStatements(sql)) {
    const start = performance.now();
    await session.bindNamedResults(statement.text.text);
    const outcome = await dispatch(session, statement, sql, options);
    results.push({ ...outcome, elapsedMs: performance.now() - start });
  }
  return results;
}

/** Gives a statement to the part of the engine that runs its kind. `source` is the text it was parsed from. */
async function dispatch(
  session: EngineSession,
  statement: ParsedStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  switch (statement.kind) {
    case 'query':
      return runQuery(session, statement, source, options);
    case 'explain':
      return explainQuery(session, statement, source, options);
    case 'describe':
      return describe(session, statement, source, options);
    case 'show':
      return show(session, statement, source, options);
    case 'use':
      return use(session, statement, source, options);
    case 'copy':
      return copy(session, statement, source, options);
    case 'create-view':
      return createView(session, statement, source, options);
    case 'other':
      return runOther(session, statement, source, options);
    case 'insert':
      return executeInsert(session, statement, source, options);
    case 'update':
      return executeUpdate(session, statement, source, options);
    case 'delete':
      return executeDelete(session, statement, source, options);
    case 'merge':
      return executeMerge(session, statement, source, options);
    case 'truncate':
      return executeTruncate(session, statement, source, options);
    case 'create-table':
      return runCreateTable(session, statement, source, options);
    case 'create-table-as':
      return runCreateTableAs(session, statement, source, options);
    case 'alter-table':
      return runAlterTable(session, statement, source, options);
    case 'drop-table':
      return runDropTable(session, statement, source, options);
    case 'create-schema':
      return runCreateSchema(session, statement, source, options);
    case 'drop-schema':
      return runDropSchema(session, statement, source, options);
    case 'call':
      return runCall(session, statement, source, options);
  }
}
