import path from 'node:path';
import { isLocal, schemeOf, stripTrailingSlashes, toFileUri, toLocalPath } from '../../storage/paths.ts';
import type { EngineSession } from '../session.ts';

/** The address of a place as a person wrote it: paths are local, and start in the session's folder if relative. */
export function absoluteLocation({ workingDirectory }: EngineSession, location: string): string {
  if (!isLocal(location) || schemeOf(location) !== undefined) return stripTrailingSlashes(location);
  const local = path.isAbsolute(location) ? toLocalPath(location) : path.resolve(workingDirectory, location);
  return stripTrailingSlashes(toFileUri(local));
}
