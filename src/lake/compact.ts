import {
  type Compaction,
  compact as compactFiles,
  compactManifests,
  rewritePositionDeletes,
} from '../engine/maintain/index.ts';
import { compactOrder } from '../engine/maintain/order-text.ts';
import type { EngineSession } from '../engine/session.ts';
import { SqlText } from '../engine/sql/sql-text.ts';
import { bytesText, count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { CompactRequest } from './requests.ts';
import { requireTable, requireTarget, shownName } from './targets.ts';

/**
 * Rewrites files that are too small, too large or have deleted rows; with an order, all files. Or, as `what` says, the
 * manifests or the delete files.
 * @throws ValidationError, CommitConflictError
 */
export async function compact(
  session: EngineSession,
  request: CompactRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  if (request.what === 'manifests') return manifests(session, request, options);
  if (request.what === 'deletes') return deletes(session, request, options);
  const { table, branch } = await requireTarget(session, request.table, options);
  const { where, sortBy = [], all = sortBy.length > 0, partialProgress } = request;
  if (where !== undefined) await session.bindNamedResults(where);
  const done = await compactFiles(
    session,
    {
      table,
      branch,
      ...(where === undefined ? {} : { where: SqlText.written(where), source: where }),
      order: compactOrder(sortBy),
      ...(request.targetSizeBytes === undefined
        ? {}
        : { options: { 'target-file-size-bytes': String(request.targetSizeBytes) } }),
      // On one machine two files are worth being made one, and deletes cost every reader.
      defaults: { minInputFiles: 2, deleteRatioThreshold: 0.1, rewriteAll: all, partialProgress },
    },
    options,
  );
  const name = shownName(session, table);
  return {
    text: `${name}: ${sentence(done)}`,
    ...(done.snapshotId === undefined ? {} : { snapshotId: done.snapshotId }),
    ...(done.filesFailed === 0
      ? {}
      : {
          warnings: [
            `${count(done.filesFailed, 'file')} stayed as ${done.filesFailed === 1 ? 'it is' : 'they are'}: another writer changed rows of ${done.filesFailed === 1 ? 'it' : 'them'} meanwhile. Run it again.`,
          ],
        }),
  };
}

function sentence(done: Compaction): string {
  if (done.commits === 0) {
    return `nothing to compact: ${count(done.filesBefore, 'file')}, none of which has to be rewritten.`;
  }
  const deletes =
    done.deleteFilesRemoved === 0 ? '' : ` ${count(done.deleteFilesRemoved, 'delete file')} went with them.`;
  const rest = done.filesBefore - done.filesRewritten;
  const untouched = rest > 0 ? `; ${count(rest, 'file')} untouched` : '';
  return `${count(done.filesRewritten, 'file')} (${bytesText(done.bytesRewritten)}) rewritten into ${count(done.filesAdded, 'file')} (${bytesText(done.bytesAdded)})${untouched}.${deletes}`;
}

async function manifests(
  session: EngineSession,
  request: CompactRequest,
  options: VerbOptions,
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const name = shownName(session, table);
  const { rewritten, added, snapshotId } = await compactManifests(
    session,
    table,
    { all: request.all ?? false },
    options,
  );
  if (snapshotId === undefined) return { text: `${name}: its manifests are well as they are.` };
  return {
    text: `${name}: ${count(rewritten, 'manifest')} rewritten into ${added}.`,
    snapshotId,
  };
}

async function deletes(
  session: EngineSession,
  request: CompactRequest,
  options: VerbOptions,
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const name = shownName(session, table);
  const done = await rewritePositionDeletes(session, table, request.all ?? false, options);
  if (done.snapshotId === undefined) {
    return { text: `${name}: it has no position delete files that have to be rewritten.` };
  }
  return {
    text: `${name}: ${count(done.filesRewritten, 'delete file')} (${bytesText(done.bytesRewritten)}) rewritten into ${done.filesAdded} (${bytesText(done.bytesAdded)}).`,
    snapshotId: done.snapshotId,
  };
}
