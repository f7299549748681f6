import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { RecordBatch, RecordBatchFileWriter, RecordBatchReader, type Schema } from 'apache-arrow';
import type { SaveFormat } from '../../../renderers/messages.ts';
import { quoteString } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { LakebookError } from '../../iceberg/errors.ts';
import { sideRows } from './side-query.ts';

const copyOptions = {
  csv: 'FORMAT csv, HEADER true',
  json: 'FORMAT json, ARRAY true',
  parquet: 'FORMAT parquet, COMPRESSION zstd',
} as const;

const arrowBatchRows = 8192;

/** Where rows for an Arrow file come from. */
export type ReadWindow = (offset: number, limit: number) => Promise<{ rowCount: number; bytes: Uint8Array }>;

/**
 * Writes all rows of a query to a file, which appears whole or not at all. Arrow files are IPC files (Feather).
 * @returns the number of rows
 */
export async function exportRows(
  session: EngineSession,
  query: string,
  read: ReadWindow,
  format: SaveFormat,
  file: string,
): Promise<number> {
  const target = path.resolve(session.workingDirectory, file);
  const temporary = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.tmp`);
  try {
    const rows =
      format === 'arrow'
        ? await writeArrow(read, temporary)
        : await copy(session, query, copyOptions[format], temporary);
    await rename(temporary, target);
    return rows;
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof LakebookError) throw error;
    throw new LakebookError('EXPORT_FAILED', `${target} can't be written: ${(error as Error).message}`, {
      hint: 'Choose another folder or file name.',
      cause: error,
    });
  }
}

async function copy(session: EngineSession, query: string, options: string, file: string): Promise<number> {
  const rows = await sideRows(session, `COPY (${query}) TO ${quoteString(file)} (${options})`);
  return Number(rows[0]?.Count ?? 0);
}

async function writeArrow(read: ReadWindow, file: string): Promise<number> {
  const writer = new RecordBatchFileWriter();
  const stream = createWriteStream(file);
  // Not `toNodeStream`: bundlers leave out the part of the package that adds it.
  const done = pipeline(Readable.from(writer), stream);
  // A failure ends the loop below too, and is told from there.
  done.catch(() => undefined);
  let schema: Schema | undefined;
  let offset = 0;
  for (;;) {
    const { bytes } = await read(offset, arrowBatchRows);
    const reader = RecordBatchReader.from(bytes);
    reader.open();
    if (schema === undefined) {
      schema = reader.schema;
      writer.reset(undefined, schema);
    }
    let rows = 0;
    for (const batch of reader) {
      if (batch.numRows > 0) writer.write(new RecordBatch(schema, batch.data));
      rows += batch.numRows;
    }
    offset += rows;
    if (rows === 0) break;
    // Bytes wait in the writer until the file takes them.
    if (stream.writableNeedDrain) await once(stream, 'drain');
  }
  writer.finish();
  await done;
  return offset;
}
