import { formatNamespace } from '../../catalog/identifiers.ts';
import { LakebookError } from '../../iceberg/errors.ts';
import type { EngineSession } from '../session.ts';
import type { UseStatement } from '../sql/statement.ts';
import type { ExecuteOptions, StatementOutcome } from '../statement-result.ts';
import { resolveNamespace } from './namespaces.ts';
import { namespaceNotFound } from './show.ts';

/** USE: where unqualified table names are looked for. Databases and schemas of DuckDB's own stay its business. */
export async function use(
  session: EngineSession,
  statement: UseStatement,
  source: string,
  options: ExecuteOptions,
): Promise<StatementOutcome> {
  const namespace = await resolveNamespace(session, statement.name.parts);
  if (namespace !== undefined) {
    session.namespace = namespace;
    return { kind: 'done', text: `Table names are now looked for in ${formatNamespace(namespace)}.` };
  }
  try {
    return await session.statement(statement.text, source, options);
  } catch (error) {
    if (!(error instanceof LakebookError) || error.code === 'INTERRUPTED') throw error;
    throw await namespaceNotFound(session, statement.name, source);
  }
}
