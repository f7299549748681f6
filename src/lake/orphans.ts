import { defaultOrphanAgeMs, findOrphans } from '../engine/maintain/index.ts';
import type { EngineSession } from '../engine/session.ts';
import { bytesText, count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { OrphansRequest } from './requests.ts';
import { requireTable, shownName } from './targets.ts';

const columns = [
  { name: 'file', type: 'VARCHAR' },
  { name: 'bytes', type: 'BIGINT' },
  { name: 'last_modified', type: 'TIMESTAMP WITH TIME ZONE' },
];

/**
 * Lists the files in a table's folders that nothing needs, or deletes them.
 * @throws ValidationError, CorruptFileError
 */
export async function orphans(
  session: EngineSession,
  request: OrphansRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const name = shownName(session, table);
  const { olderThanMs: age = defaultOrphanAgeMs } = request;
  const found = await findOrphans(
    session,
    { table, olderThanMs: Date.now() - age, delete: request.delete ?? false },
    options,
  );
  const { files } = found;
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const young =
    found.tooYoung === 0
      ? ''
      : ` ${count(found.tooYoung, 'more file')} may belong to a commit under way and ${found.tooYoung === 1 ? 'was' : 'were'} left out.`;
  const rows = files.map(file => [file.location, file.size, new Date(file.lastModifiedMs)]);
  if (files.length === 0) {
    return { text: `${name} has no orphan files (${count(found.listed, 'file')} looked at).${young}` };
  }
  if (request.delete !== true) {
    return {
      text: `${name} has ${count(files.length, 'orphan file')} (${bytesText(bytes)}).${young} \`%lake orphans ${name} delete\` deletes them.`,
      columns,
      rows,
    };
  }
  return {
    text: `${name}: ${count(found.deleted, 'orphan file')} (${bytesText(bytes)}) deleted.${young}`,
    columns,
    rows,
    ...(found.failed.length === 0
      ? {}
      : { warnings: [`${count(found.failed.length, 'file')} could not be deleted (${found.failed[0]}).`] }),
  };
}
