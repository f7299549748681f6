import { rollback as rollbackTable, setCurrentSnapshot } from '../engine/ddl/index.ts';
import type { EngineSession } from '../engine/session.ts';
import { ValidationError } from '../iceberg/errors.ts';
import { ancestors } from '../iceberg/ref-update.ts';
import { count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { RollbackRequest } from './requests.ts';
import { requireTable, shownName } from './targets.ts';
import { findVersion } from './versions.ts';

/**
 * Makes an earlier version the current one: one the current one builds on, or one that was current before (so that a
 * rollback can be undone).
 * @throws ValidationError for versions that never were the table's state, NotFoundError for those that aren't there
 */
export async function rollback(
  session: EngineSession,
  request: RollbackRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const { snapshot, label } = findVersion(session, table, request.to);
  const name = shownName(session, table);
  if (snapshot === undefined) {
    throw new ValidationError(`${name} has no snapshot to go back to: nothing was written to it.`);
  }
  const { metadata } = table;
  const { snapshotId } = snapshot;
  const buildsOn = ancestors(metadata, metadata.currentSnapshotId).some(
    each => each.snapshotId === snapshotId,
  );
  const wasCurrent = metadata.snapshotLog.some(entry => entry.snapshotId === snapshotId);
  if (!buildsOn && !wasCurrent) {
    throw new ValidationError(`${name} can't be rolled back to ${label}: it never was the table's state.`, {
      hint: `A branch is published with \`%lake publish ${name} BRANCH\`; \`%lake history ${name}\` lists the versions.`,
    });
  }
  const before = metadata.currentSnapshotId;
  if (buildsOn) await rollbackTable(session, table, snapshotId, options);
  else await setCurrentSnapshot(session, table, snapshotId, options);
  const id = label.includes(String(snapshotId)) ? '' : ` (snapshot ${snapshotId})`;
  if (before === snapshotId) return { text: `${name} is at ${label}${id} already: nothing changed.` };
  const rows = snapshot.summary['total-records'];
  const now = rows === undefined ? '' : ` It has ${count(Number(rows), 'row')} now.`;
  const undo = before === undefined ? '' : ` \`%lake rollback ${name} to ${before}\` undoes it.`;
  return { text: `${name}: rolled back to ${label}${id}.${now}${undo}`, snapshotId };
}
