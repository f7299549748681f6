import { quoteIdentifier, quoteString } from '../engine/quote.ts';
import type { EngineSession } from '../engine/session.ts';
import { ValidationError } from '../iceberg/errors.ts';
import { mainBranch } from '../iceberg/metadata.ts';
import { count, momentText, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { TravelRequest } from './requests.ts';
import { findTable, requireTable, shownName } from './targets.ts';
import { type FoundVersion, findVersion } from './versions.ts';

/**
 * Shows a table as it was, or names that version as a view of the session.
 * @throws NotFoundError for versions that aren't there
 */
export async function travel(
  session: EngineSession,
  request: TravelRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const version = findVersion(session, table, request.to);
  const name = shownName(session, table);
  const select = `SELECT * FROM ${name} AT (VERSION => ${versionSql(request, version)})`;
  const about = aboutVersion(name, version);
  if (request.as === undefined) {
    const [outcome] = await session.execute(select, options);
    return { text: `${about}.`, ...(outcome?.kind === 'rows' ? { result: outcome.result } : {}) };
  }
  if ((await findTable(session, request.as)) !== undefined) {
    throw new ValidationError(`${request.as} is a table of the lake already.`, {
      hint: 'Choose another name for the view.',
    });
  }
  await session.execute(`CREATE OR REPLACE TEMP VIEW ${quoteIdentifier(request.as)} AS ${select}`, options);
  return { text: `${about}: use it as ${request.as}, for as long as this session lasts.` };
}

function versionSql({ to }: TravelRequest, { snapshot, isBranch }: FoundVersion): string {
  // A branch goes on moving, and is read with the table's present columns.
  if (isBranch && (to.kind === 'branch' || to.kind === 'ref')) return quoteString(to.name);
  return snapshot === undefined || isBranch ? quoteString(mainBranch) : String(snapshot.snapshotId);
}

function aboutVersion(name: string, { snapshot, label }: FoundVersion): string {
  if (snapshot === undefined) return `${name} has no rows yet`;
  const rows = snapshot.summary['total-records'];
  const counted = rows === undefined ? '' : `, ${count(Number(rows), 'row')}`;
  return `${name} at ${label}: written ${momentText(snapshot.timestampMs)}${counted}`;
}
