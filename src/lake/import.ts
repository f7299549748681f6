import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { EngineSession } from '../engine/session.ts';
import { NotFoundError } from '../iceberg/errors.ts';
import { currentSnapshot, metadataVersion } from '../iceberg/metadata.ts';
import { isLocal, joinLocation, schemeOf, toFileUri, toLocalPath } from '../storage/paths.ts';
import { count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { ImportRequest } from './requests.ts';
import { sourceFiles } from './sources/files.ts';
import { newTable, shownName } from './targets.ts';

/**
 * Adopts a table from its metadata file; nothing is copied. A table's folder stands for its newest metadata file.
 * @throws NotFoundError('file'), AlreadyExistsError('table'), CorruptFileError
 */
export async function importTable(
  session: EngineSession,
  request: ImportRequest,
  _options: VerbOptions = {},
): Promise<VerbAnswer> {
  const identifier = await newTable(session, request.table);
  const location = await metadataLocation(session, request.metadata);
  const table = await session.lake.catalog.registerTable(identifier, location);
  const rows = currentSnapshot(table.metadata)?.summary['total-records'];
  return {
    text: `${shownName(session, table)}: imported${rows === undefined ? '' : ` with ${count(Number(rows), 'row')}`} from ${location}.`,
  };
}

async function metadataLocation(session: EngineSession, written: string): Promise<string> {
  if (!isLocal(written)) {
    return /\.json(\.gz)?$/i.test(written) ? written : await newestRemoteMetadata(session, written);
  }
  const full =
    schemeOf(written) === 'file' ? toLocalPath(written) : path.resolve(session.workingDirectory, written);
  if (await isFolder(full)) return toFileUri(await newestMetadata(full, written));
  const [file] = await sourceFiles(session, [written]);
  return toFileUri(file!.path);
}

async function isFolder(full: string): Promise<boolean> {
  return stat(full).then(
    found => found.isDirectory(),
    () => false,
  );
}

async function newestMetadata(folder: string, written: string): Promise<string> {
  for (const candidate of [path.join(folder, 'metadata'), folder]) {
    const newest = newestOf(await readdir(candidate).catch(() => []));
    if (newest !== undefined) return path.join(candidate, newest);
  }
  throw noMetadataIn(written);
}

async function newestRemoteMetadata(session: EngineSession, written: string): Promise<string> {
  const folder = joinLocation(written.replace(/\/metadata\/*$/, ''), 'metadata');
  const names: string[] = [];
  for await (const { location } of session.lake.storage.list(folder)) {
    names.push(location.slice(folder.length + 1));
  }
  const newest = newestOf(names);
  if (newest === undefined) throw noMetadataIn(written);
  return joinLocation(folder, newest);
}

/** The name of the newest of a table's metadata files. */
function newestOf(names: readonly string[]): string | undefined {
  return names
    .flatMap(name => {
      const version = metadataVersion(`/${name}`);
      return version === undefined ? [] : [{ name, version }];
    })
    .sort((a, b) => b.version - a.version)[0]?.name;
}

function noMetadataIn(written: string): NotFoundError {
  return new NotFoundError('file', `There is no metadata file in ${written}.`, {
    hint: "Name the table's folder, or a file such as metadata/00003-....metadata.json in it.",
  });
}
