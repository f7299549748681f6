import { expireSnapshots } from '../engine/maintain/index.ts';
import type { EngineSession } from '../engine/session.ts';
import { ValidationError } from '../iceberg/errors.ts';
import { andList, count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { ExpireRequest } from './requests.ts';
import { requireTable, shownName } from './targets.ts';

/**
 * Removes old snapshots, and the files that only they need. What branches and tags need stays, as their retention says.
 * @throws ValidationError, CommitConflictError
 */
export async function expire(
  session: EngineSession,
  request: ExpireRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const { olderThanMs, keep } = request;
  if (keep !== undefined && keep < 1) {
    throw new ValidationError('One snapshot has to be kept at least: the current one.');
  }
  const expired = await expireSnapshots(
    session,
    {
      table,
      ...(olderThanMs === undefined ? {} : { olderThanMs: Date.now() - olderThanMs }),
      ...(keep === undefined ? {} : { keep }),
    },
    options,
  );
  const name = shownName(session, table);
  if (expired.snapshots === 0 && expired.refs.length === 0) {
    return {
      text: `${name}: no snapshot has had its time; it has ${count(table.metadata.snapshots.length, 'snapshot')}.`,
    };
  }
  const files = [
    { number: expired.dataFiles, noun: 'data file' },
    { number: expired.positionDeleteFiles + expired.equalityDeleteFiles, noun: 'delete file' },
    {
      number: expired.manifests + expired.manifestLists,
      noun: 'manifest and manifest list',
      plural: 'manifests and manifest lists',
    },
    { number: expired.statisticsFiles, noun: 'statistics file' },
  ].flatMap(({ number, noun, plural }) => (number === 0 ? [] : [count(number, noun, plural)]));
  const refs = expired.refs.length === 0 ? '' : ` Gone with their age: ${andList(expired.refs)}.`;
  const gone = files.length === 0 ? 'no file had to go' : `${andList(files)} deleted`;
  return {
    text: `${name}: ${count(expired.snapshots, 'snapshot')} expired, ${gone}.${refs}`,
    ...(expired.failed.length === 0
      ? {}
      : {
          warnings: [
            `${count(expired.failed.length, 'file')} could not be deleted (${expired.failed[0]}). \`%lake orphans ${name} delete\` finds what is left.`,
          ],
        }),
  };
}
