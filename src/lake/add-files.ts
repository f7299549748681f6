import { adoptFiles, mappingFor } from '../engine/adopt-files.ts';
import type { EngineSession } from '../engine/session.ts';
import { UnsupportedError, ValidationError } from '../iceberg/errors.ts';
import { propertyNames } from '../iceberg/properties.ts';
import { isLocal } from '../storage/paths.ts';
import { bytesText, count, type VerbAnswer, type VerbOptions } from './answer.ts';
import { evolve } from './evolve.ts';
import type { AddFilesRequest } from './requests.ts';
import { formatOf, sourceFiles } from './sources/files.ts';
import { requireTarget, shownName } from './targets.ts';

/**
 * Makes Parquet files of another tool data files of a table without copying them, all or none. A table that has no name
 * mapping gets one, as by PyIceberg's `add_files`: the files have no field ids.
 * @throws NotFoundError, ValidationError naming the file that doesn't fit and why
 */
export async function addFiles(
  session: EngineSession,
  request: AddFilesRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const { source } = request;
  if (source.kind !== 'files') {
    throw new ValidationError('A query is no file to add.', {
      hint: `\`ingest ${request.table} from (...)\` loads the rows of a query.`,
    });
  }
  const remote = source.paths.find(written => !isLocal(written));
  if (remote !== undefined) {
    throw new UnsupportedError(`${remote} can't be added: only files of this machine can.`, {
      hint: `\`ingest ${request.table} from '${remote}'\` copies its rows.`,
    });
  }
  const files = await sourceFiles(session, source.paths);
  const format = await formatOf(files);
  if (format !== 'parquet') {
    throw new ValidationError(`${files[0]!.name} is ${format}: only Parquet files can be data files.`, {
      file: files[0]!.name,
      hint: `\`ingest ${request.table} from ...\` copies the rows of other files.`,
    });
  }
  const { table: before } = await requireTarget(session, request.table, options);
  const { defaultNameMapping } = propertyNames;
  if (before.metadata.properties[defaultNameMapping] === undefined) {
    const properties = { [defaultNameMapping]: mappingFor(before.metadata) };
    await evolve(session, { table: request.table, changes: [{ kind: 'set', properties }] }, options);
  }
  const { table, branch } = await requireTarget(session, request.table, options);
  const { rows, bytes, snapshotId } = await adoptFiles(session, table, branch, files, options);
  return {
    text: `${shownName(session, table)}: ${count(files.length, 'file')} (${bytesText(bytes)}) with ${count(rows, 'row')} added where ${files.length === 1 ? 'it is' : 'they are'}.`,
    snapshotId,
    changed: { inserted: rows, updated: 0, deleted: 0 },
  };
}
