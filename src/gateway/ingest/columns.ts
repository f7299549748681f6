import { open } from 'node:fs/promises';
import { quoteString } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { GatewayError } from '../http/problems.ts';
import type { UploadFormat } from '../http/schemas.ts';

/** The first line of a text file must end within so many bytes. */
const longestLine = 4 * 2 ** 20;

/**
 * Refuses files with more columns than a table can sensibly have, before anything is made of them.
 * @throws GatewayError 422 `TOO_MANY_COLUMNS` or `LINE_TOO_LONG`
 */
export async function requireFewColumns(
  session: EngineSession,
  file: string,
  format: UploadFormat,
  most: number,
  signal: AbortSignal,
): Promise<void> {
  if (format === 'parquet') {
    const [row] = await session.duckdb
      .rows(`SELECT count(*) AS n FROM parquet_schema(${quoteString(file)})`, { signal })
      .catch(() => [undefined]);
    // What isn't Parquet is told by the ingest.
    if (row !== undefined && Number(row.n) > 2 * most) throw tooMany(most);
    return;
  }
  if (format === 'arrow' || format === 'json') return;
  const line = await firstLine(file);
  if (line.length === longestLine) {
    throw new GatewayError(422, 'LINE_TOO_LONG', `The first line has more than ${longestLine} bytes.`);
  }
  const separators = format === 'csv' ? [',', ';', '\t', '|'] : [':'];
  if (separators.some(separator => countOf(line, separator) >= most)) throw tooMany(most);
}

async function firstLine(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(longestLine), 0, longestLine, 0);
    const end = buffer.subarray(0, bytesRead).indexOf(10);
    return buffer.subarray(0, end < 0 ? bytesRead : end);
  } finally {
    await handle.close();
  }
}

function countOf(line: Buffer, separator: string): number {
  const byte = separator.charCodeAt(0);
  let count = 0;
  for (const each of line) if (each === byte) count++;
  return count;
}

function tooMany(most: number): GatewayError {
  return new GatewayError(422, 'TOO_MANY_COLUMNS', `An upload can have ${most} columns; this one has more.`);
}
