import { randomUUID } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { bindQuery } from '../engine/bind/index.ts';
import { quoteString } from '../engine/quote.ts';
import { StatementTables } from '../engine/resolve.ts';
import { type EngineSession, inSource } from '../engine/session.ts';
import { SqlText, sql } from '../engine/sql/sql-text.ts';
import { AlreadyExistsError, NotFoundError, UnsupportedError, ValidationError } from '../iceberg/errors.ts';
import { mainBranch } from '../iceberg/metadata.ts';
import { fromFsError } from '../storage/fs-errors.ts';
import { isLocal, schemeOf, toLocalPath } from '../storage/paths.ts';
import { count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { ExportRequest } from './requests.ts';
import { requireTable, shownName } from './targets.ts';
import { findVersion } from './versions.ts';

/**
 * Writes a table or the rows of a query to a file. It appears under its name when it is whole.
 * @throws AlreadyExistsError('file') unless `overwrite`, NotFoundError('folder'), errors of the query
 */
export async function exportRows(
  session: EngineSession,
  request: ExportRequest,
  options: VerbOptions = {},
): Promise<VerbAnswer> {
  const target = targetPath(session, request.path);
  const format = request.format ?? formatByName(request.path);
  await checkTarget(target, request);
  const query = 'sql' in request.source ? request.source.sql : await tableQuery(session, request.source);
  await session.bindNamedResults(query);
  const written = SqlText.written(query);
  const bound = await bindQuery(session, written, query, new StatementTables(session), options);
  const { dir, base } = path.parse(target);
  // The compression follows from the name's end.
  const temporary = path.join(dir, `.${randomUUID().slice(0, 8)}-${base}`);
  const copy = sql`COPY (${bound.sql}\n) TO ${quoteString(temporary)} (${copyOptions(format, request.path)})`;
  try {
    const rows = await inSource(copy, query, () =>
      session.duckdb.run(copy.text, { ...options, phase: 'writing' }),
    );
    await rename(temporary, target);
    return { text: `${count(rows, 'row')} written to ${request.path}.` };
  } catch (error) {
    await rm(temporary, { force: true });
    throw fromFsError(error, 'write', request.path);
  }
}

function targetPath(session: EngineSession, written: string): string {
  if (!isLocal(written)) {
    throw new UnsupportedError(
      `${written} can't be written: this version writes files of this machine only.`,
      {
        hint: 'Write to a local file, and copy it from there.',
      },
    );
  }
  return schemeOf(written) === 'file'
    ? toLocalPath(written)
    : path.resolve(session.workingDirectory, written);
}

async function checkTarget(target: string, request: ExportRequest): Promise<void> {
  const folder = path.dirname(target);
  const found = await stat(target).catch(() => undefined);
  if (found?.isDirectory()) {
    throw new ValidationError(`${request.path} is a folder.`, { hint: 'Name the file to write in it.' });
  }
  if (found !== undefined && request.overwrite !== true) {
    throw new AlreadyExistsError('file', `There is a file ${request.path} already.`, {
      hint: 'Choose another name, or add `overwrite`.',
    });
  }
  if (found === undefined && !(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new NotFoundError('folder', `There is no folder ${folder}.`, { hint: 'Make it first.' });
  }
}

type Format = NonNullable<ExportRequest['format']>;

function formatByName(name: string): Format {
  const plain = name.toLowerCase().replace(/\.(gz|zst)$/, '');
  if (/\.(csv|tsv|txt)$/.test(plain)) return 'csv';
  if (/\.(json|ndjson|jsonl)$/.test(plain)) return 'json';
  if (/\.(parquet|pq)$/.test(plain)) return 'parquet';
  throw new ValidationError(`The format of ${name} can't be told by its name.`, {
    hint: 'Add `format csv`, `format json` or `format parquet`.',
  });
}

function copyOptions(format: Format, name: string): string {
  switch (format) {
    case 'csv':
      return `FORMAT csv, HEADER, DELIMITER ${/\.tsv(\.|$)/i.test(name) ? "'\t'" : "','"}`;
    case 'json':
      // One object a line; a file named .json is one list.
      return `FORMAT json, ARRAY ${/\.json(\.|$)/i.test(name)}`;
    case 'parquet':
      return 'FORMAT parquet, COMPRESSION zstd';
  }
}

async function tableQuery(
  session: EngineSession,
  source: Extract<ExportRequest['source'], { table: string }>,
): Promise<string> {
  const table = await requireTable(session, source.table);
  const name = shownName(session, table);
  if (source.at === undefined) return `SELECT * FROM ${name}`;
  const { snapshot, isBranch } = findVersion(session, table, source.at);
  const version =
    isBranch && (source.at.kind === 'branch' || source.at.kind === 'ref')
      ? quoteString(source.at.name)
      : snapshot === undefined
        ? quoteString(mainBranch)
        : String(snapshot.snapshotId);
  return `SELECT * FROM ${name} AT (VERSION => ${version})`;
}
