import { dropTable } from '../engine/ddl/index.ts';
import type { EngineSession } from '../engine/session.ts';
import type { VerbAnswer, VerbOptions } from './answer.ts';
import type { DropRequest } from './requests.ts';
import { findTable, requireTable } from './targets.ts';

/** Removes a table from the catalog, with `purge` also its files. @throws NotFoundError('table') unless `ifExists` */
export async function drop(
  session: EngineSession,
  { table: name, ifExists = false, purge = false }: DropRequest,
  _options: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = ifExists ? await findTable(session, name) : await requireTable(session, name);
  if (table === undefined) return { text: `There is no table ${name}: nothing to drop.` };
  const { text } = await dropTable(session, table, { purge, ifExists });
  if (purge) return { text };
  return {
    text: `${text} Its files stay: \`%lake import ${name} from '${table.metadataLocation}'\` brings it back.`,
  };
}
