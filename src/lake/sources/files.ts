import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { quoteString } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { didYouMean } from '../../iceberg/did-you-mean.ts';
import { LakebookError, NotFoundError, UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { schemeOf, toLocalPath } from '../../storage/paths.ts';
import type { FileFormat } from '../requests.ts';

/** A file to read rows from. */
export interface SourceFile {
  /** Absolute local path. */
  readonly path: string;
  /** As people wrote it, or below the working folder: for messages. */
  readonly name: string;
}

/**
 * The files of this machine that paths and glob patterns mean, each once: in the order of the paths, a pattern's files
 * by name.
 * @throws NotFoundError('file') with the file that may be meant; ValidationError for folders
 */
export async function sourceFiles(session: EngineSession, paths: readonly string[]): Promise<SourceFile[]> {
  const found = new Map<string, SourceFile>();
  for (const written of paths) {
    for (const file of await filesOf(session, written)) found.set(file.path, file);
  }
  return [...found.values()];
}

async function filesOf(session: EngineSession, written: string): Promise<SourceFile[]> {
  const full =
    schemeOf(written) === 'file' ? toLocalPath(written) : path.resolve(session.workingDirectory, written);
  const kind = await kindOf(full);
  if (kind === 'file') return [{ path: full, name: shownName(session, full, written) }];
  if (kind === 'folder') throw isFolder(written, path.join(written, '*.csv'));
  if (isPattern(written)) return patternFiles(session, full, written);
  throw await noSuchFile(session, full, written);
}

export function isFolder(written: string, pattern: string): ValidationError {
  return new ValidationError(
    `${written} is a folder.`,
    { hint: `Name the files in it with a pattern, for example '${pattern}'.` },
    'FILE_IS_FOLDER',
  );
}

export function isPattern(text: string): boolean {
  return /[*?[]/.test(text);
}

async function kindOf(full: string): Promise<'file' | 'folder' | undefined> {
  try {
    return (await stat(full)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(full, error);
  }
}

/** What keeps a file from being read. */
export function unreadable(name: string, error: unknown): LakebookError {
  if (error instanceof LakebookError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  const what = code === 'EACCES' || code === 'EPERM' ? 'access is denied' : (error as Error).message;
  return new ValidationError(
    `${name} can't be read: ${what}.`,
    { file: name, cause: error },
    'FILE_UNREADABLE',
  );
}

async function patternFiles(session: EngineSession, full: string, written: string): Promise<SourceFile[]> {
  const rows = await session.duckdb.rows(`SELECT file FROM glob(${quoteString(full)}) ORDER BY file`);
  const files = rows.map(row => String(row.file));
  if (files.length > 0) return files.map(file => ({ path: file, name: shownName(session, file) }));
  const folder = path.dirname(full);
  const inFolder = isPattern(folder) ? [] : await namesIn(folder);
  throw new NotFoundError('file', `No file fits the pattern ${written}.`, {
    hint:
      inFolder.length === 0
        ? `It starts at ${session.workingDirectory}.`
        : `The folder holds ${someNames(inFolder)}.`,
  });
}

async function noSuchFile(session: EngineSession, full: string, written: string): Promise<NotFoundError> {
  const folder = path.dirname(full);
  const names = await namesIn(folder);
  const close = didYouMean(path.basename(full), names);
  const folderThere = (await kindOf(folder)) === 'folder';
  return new NotFoundError('file', `There is no file ${written}.`, {
    hint:
      close !== undefined
        ? `Did you mean '${path.join(path.dirname(written), close)}'?`
        : !folderThere
          ? `There is no folder ${path.dirname(written)}; relative paths start at ${session.workingDirectory}.`
          : names.length === 0
            ? `Relative paths start at ${session.workingDirectory}.`
            : `The folder ${folder} holds ${someNames(names)}.`,
  });
}

/** Names of files in a folder that rows could be read from; none when it can't be listed. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter(entry => entry.isFile() && !entry.name.startsWith('.'))
      .map(entry => entry.name)
      .sort();
  } catch {
    // The folder is only looked at for a hint.
    return [];
  }
}

export function someNames(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more files` : shown;
}

/** A path below the working folder without it. */
function shownName(session: EngineSession, full: string, written?: string): string {
  if (written !== undefined && !isPattern(written)) return written;
  const relative = path.relative(session.workingDirectory, full);
  return relative.startsWith('..') ? full : relative;
}

const formats: readonly (readonly [RegExp, FileFormat])[] = [
  [/\.(csv|tsv|tab|psv|txt)(\.(gz|zst))?$/i, 'csv'],
  [/\.(json|ndjson|jsonl|geojson)(\.(gz|zst))?$/i, 'json'],
  [/\.(parquet|parq|pq)$/i, 'parquet'],
  [/\.(arrow|arrows|feather|ipc)$/i, 'arrow'],
];

const others: readonly (readonly [RegExp, string, string])[] = [
  [/\.avro$/i, 'Avro', 'Convert it to Parquet or NDJSON first.'],
  [/\.xlsx?$/i, 'Excel', 'Save the sheet as CSV first.'],
  [/\.orc$/i, 'ORC', 'Convert it to Parquet first.'],
  [/\.(zip|bz2|xz|7z|rar|tar|tgz)$/i, 'archive', 'Unpack it first; .gz and .zst files are read as they are.'],
];

/**
 * The format of all files: by their names, or by how they begin.
 * @throws UnsupportedError for formats that can't be read, ValidationError for files of different formats
 */
export async function formatOf(files: readonly SourceFile[]): Promise<FileFormat> {
  let format: FileFormat | undefined;
  let first: SourceFile | undefined;
  for (const file of files) {
    const own = await ownFormat(file);
    if (format !== undefined && own !== format) {
      throw new ValidationError(
        `${first!.name} is ${format}, ${file.name} is ${own}: one ingest reads one format.`,
        { hint: 'Ingest them one after the other, or name the format.' },
        'MIXED_FORMATS',
      );
    }
    format = own;
    first ??= file;
  }
  return format!;
}

async function ownFormat(file: SourceFile): Promise<FileFormat> {
  const byName = formats.find(([pattern]) => pattern.test(file.path));
  if (byName !== undefined) return byName[1];
  const other = others.find(([pattern]) => pattern.test(file.path));
  if (other !== undefined) {
    throw new UnsupportedError(`${file.name} can't be read: it is an ${other[1]} file.`, { hint: other[2] });
  }
  const start = (await firstBytes(file, 64)).toString('latin1');
  if (start.startsWith('PAR1')) return 'parquet';
  if (start.startsWith('ARROW1')) return 'arrow';
  return /^(ï»¿)?\s*[[{]/.test(start) ? 'json' : 'csv';
}

/** The first bytes of a file, fewer when it is shorter. @throws ValidationError `FILE_UNREADABLE` */
export function firstBytes(file: SourceFile, count: number): Promise<Buffer> {
  return bytesOf(file, count, () => 0);
}

/** The last bytes of a file. @throws as `firstBytes` */
export function lastBytes(file: SourceFile, count: number): Promise<Buffer> {
  return bytesOf(file, count, size => Math.max(size - count, 0));
}

async function bytesOf(file: SourceFile, count: number, start: (size: number) => number): Promise<Buffer> {
  try {
    const handle = await open(file.path);
    try {
      const { size } = await handle.stat();
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, start(size));
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(file.name, error);
  }
}
