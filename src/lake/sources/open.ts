import type { EngineSession } from '../../engine/session.ts';
import { UnsupportedError, ValidationError } from '../../iceberg/errors.ts';
import { isLocal } from '../../storage/paths.ts';
import type { FileOptions, Source } from '../requests.ts';
import { openCsv } from './csv-source.ts';
import { formatOf, type SourceFile, sourceFiles } from './files.ts';
import { openJson } from './json-source.ts';
import { openParquet } from './parquet-source.ts';
import { openQuery } from './query-source.ts';
import { RemoteFiles } from './remote-files.ts';
import type { OpenedSource, RowsOptions } from './source.ts';

/**
 * Opens what rows come from, as often as it's needed; files of object storage are brought to this machine the first
 * time, and stay until it is closed.
 */
export class SourceOpener {
  readonly #session: EngineSession;
  readonly #source: Source;
  readonly #remote: RemoteFiles;
  #files: Promise<SourceFile[]> | undefined;

  constructor(session: EngineSession, source: Source) {
    this.#session = session;
    this.#source = source;
    this.#remote = new RemoteFiles(session.lake.storage);
  }

  /**
   * `expected`, the names of the table's columns, helps to find out how a CSV file is written, and names the columns of
   * one without a header.
   * @throws NotFoundError('file'), ValidationError, UnsupportedError; errors of the query
   */
  async open(expected: readonly string[], options: RowsOptions): Promise<OpenedSource> {
    const source = this.#source;
    if (source.kind === 'query') return openQuery(this.#session, source.sql, options);
    this.#files ??= this.#locate(source.paths, options);
    return await openFiles(this.#session, await this.#files, source.options ?? {}, expected, options);
  }

  /** Removes what was brought here. */
  async close(): Promise<void> {
    await this.#files?.catch(() => undefined);
    await this.#remote.close();
  }

  async #locate(paths: readonly string[], options: RowsOptions): Promise<SourceFile[]> {
    const found = new Map<string, SourceFile>();
    for (const written of paths) {
      const files = isLocal(written)
        ? await sourceFiles(this.#session, [written])
        : await this.#remote.bring(written, options);
      for (const file of files) found.set(file.path, file);
    }
    return [...found.values()];
  }
}

async function openFiles(
  session: EngineSession,
  files: readonly SourceFile[],
  fileOptions: FileOptions,
  expected: readonly string[],
  options: RowsOptions,
): Promise<OpenedSource> {
  const format = fileOptions.format ?? (await formatOf(files));
  const name = files.length === 1 ? files[0]!.name : `${files.length} files`;
  switch (format) {
    case 'csv':
      return openCsv(session, name, files, fileOptions, expected);
    case 'json':
      return openJson(session, name, files, fileOptions, options);
    case 'parquet':
      return openParquet(session, name, files, options);
    case 'arrow':
      throw new UnsupportedError(`${name} can't be read: this version reads no Arrow files.`, {
        hint: 'Write it as Parquet, which keeps the same types: pyarrow.parquet.write_table(table, path).',
      });
  }
}

/** @throws ValidationError `SOURCE_EMPTY` for files of zero bytes */
export function refuseEmpty(source: OpenedSource): void {
  if (!source.isEmpty) return;
  throw new ValidationError(
    `${source.name} is empty: it has no header and no rows.`,
    { hint: 'Check that it was written to its end.' },
    'SOURCE_EMPTY',
  );
}
