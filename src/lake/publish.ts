import { fastForwardBranch } from '../engine/ddl/index.ts';
import type { EngineSession } from '../engine/session.ts';
import { mainBranch } from '../iceberg/metadata.ts';
import type { VerbAnswer, VerbOptions } from './answer.ts';
import type { PublishRequest } from './requests.ts';
import { requireTable } from './targets.ts';
import { findVersion } from './versions.ts';

/**
 * Moves the main branch (or another one) forward to a branch's snapshot.
 * @throws ValidationError when it has changes that the branch doesn't build on, NotFoundError('branch')
 */
export async function publish(
  session: EngineSession,
  request: PublishRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const { snapshot } = findVersion(session, table, { kind: 'branch', name: request.branch });
  const { text } = await fastForwardBranch(session, table, request.to ?? mainBranch, request.branch, options);
  return { text, ...(snapshot === undefined ? {} : { snapshotId: snapshot.snapshotId }) };
}
