import { deleteRows as deleteFrom } from '../engine/dml/index.ts';
import type { EngineSession } from '../engine/session.ts';
import { SqlText } from '../engine/sql/sql-text.ts';
import { rowCounts, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { DeleteRequest } from './requests.ts';
import { requireTarget } from './targets.ts';

/** Deletes the rows for which a condition holds. @throws SqlError with its place in the condition */
export async function deleteRows(
  session: EngineSession,
  request: DeleteRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const { table, branch } = await requireTarget(session, request.table, options);
  const { where } = request;
  await session.bindNamedResults(where);
  const change = await deleteFrom(
    session,
    { table, branch, where: SqlText.written(where), source: where },
    options,
  );
  return {
    text: change.snapshotId === undefined ? change.text : `${change.table}: ${change.text}`,
    ...(change.snapshotId === undefined ? {} : { snapshotId: change.snapshotId }),
    changed: rowCounts(change),
  };
}
