import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { avroBlocks } from '../../iceberg/avro.ts';
import type { AvroNode } from '../../iceberg/avro-schema.ts';
import type { DataFile } from '../../iceberg/datafile.ts';
import { CorruptFileError, InterruptedError } from '../../iceberg/errors.ts';
import type { ReadRequest, Storage } from '../../storage/storage.ts';
import type { DuckDb } from '../duckdb.ts';
import { quoteIdentifier, quoteString } from '../quote.ts';
import { avroColumn, fieldIds, type Named, shortName } from './column.ts';

/** Stand-ins by engine and address; files of a lake never change. */
const known = new WeakMap<DuckDb, Map<string, Promise<string>>>();

/** DuckDB's own limit for a JSON object, in bytes. */
const usualRowBytes = 16 * 1024 * 1024;

/**
 * A local Parquet file with the rows of an Avro file, in their order and with its field ids: DuckDB reads no Avro. Made
 * once for each engine, and gone with it. Rows pass through JavaScript here, so this is much slower than reading
 * Parquet; it's for tables of other tools.
 * @throws CorruptFileError, NotFoundError('file'), UnsupportedError for what Iceberg files don't have
 */
export function standInFor(
  duckdb: DuckDb,
  storage: Storage,
  file: DataFile,
  signal?: AbortSignal,
): Promise<string> {
  let ofEngine = known.get(duckdb);
  if (ofEngine === undefined) {
    ofEngine = new Map();
    known.set(duckdb, ofEngine);
  }
  let made = ofEngine.get(file.filePath);
  if (made === undefined) {
    const started = make(duckdb, storage, file.filePath, signal);
    made = started;
    ofEngine.set(file.filePath, started);
    const ofThis = ofEngine;
    started.catch(() => ofThis.delete(file.filePath));
  }
  return made;
}

/** Where data and delete files can be read as Parquet, in their order. */
export async function localParquet(
  duckdb: DuckDb,
  storage: Storage,
  files: readonly DataFile[],
  signal?: AbortSignal,
): Promise<string[]> {
  const parquet = files.filter(file => file.fileFormat !== 'AVRO');
  const requests = parquet.map(
    (file): ReadRequest => ({ location: file.filePath, fileSize: file.fileSizeInBytes }),
  );
  const paths = await storage.localPaths(requests, signal);
  const result: string[] = [];
  for (const file of files) {
    // One after the other: each holds a whole file in memory.
    result.push(
      file.fileFormat === 'AVRO' ? await standInFor(duckdb, storage, file, signal) : paths.shift()!,
    );
  }
  return result;
}

async function make(
  duckdb: DuckDb,
  storage: Storage,
  location: string,
  signal?: AbortSignal,
): Promise<string> {
  const bytes = await storage.read(location);
  const folder = await duckdb.temporaryFolder();
  const name = path.join(folder, randomUUID());
  const json = `${name}.json`;
  try {
    const written = await writeJson(json, location, bytes, signal);
    await copyJson(duckdb, json, `${name}.parquet`, written, signal);
    return `${name}.parquet`;
  } finally {
    await rm(json, { force: true });
  }
}

interface WrittenJson {
  readonly location: string;
  readonly columns: readonly Named[];
  readonly rows: number;
  /** Length of the longest row in bytes. */
  readonly longest: number;
}

async function copyJson(
  duckdb: DuckDb,
  source: string,
  target: string,
  { location, columns, rows, longest }: WrittenJson,
  signal: AbortSignal | undefined,
): Promise<void> {
  const types = columns.map(({ column }, index) => `${shortName(index)}: ${quoteString(column.jsonType)}`);
  const values = columns.map(
    ({ name, column }, index) => `${column.sql(shortName(index), 0)} AS ${quoteIdentifier(name)}`,
  );
  const ids = fieldIds(columns);
  const text = `COPY (SELECT ${values.join(', ')} FROM read_json(${quoteString(source)}, format = 'newline_delimited',
      auto_detect = false, maximum_object_size = ${Math.max(usualRowBytes, 2 * longest)}, columns = {${types.join(', ')}}))
    TO ${quoteString(target)} (FORMAT parquet, COMPRESSION zstd${ids === undefined ? '' : `, FIELD_IDS ${ids}`})`;
  // Positions of rows mean something, so they must stay in order.
  const [order] = await duckdb.rows(`SELECT current_setting('preserve_insertion_order') AS preserved`);
  const settings: Record<string, string> =
    order?.preserved === true ? {} : { preserve_insertion_order: 'true' };
  const [copied] = await duckdb.rowsWith(settings, text, { signal });
  if (Number(copied?.Count) === rows) return;
  throw new CorruptFileError(
    location,
    `it has ${rows} rows, of which ${String(copied?.Count)} could be read.`,
  );
}

/** Writes a row a line. */
async function writeJson(
  target: string,
  location: string,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<WrittenJson> {
  let columns: Named[] = [];
  const blocks = avroBlocks(location, bytes, ({ schema }) => {
    columns = columnsOf(location, schema);
    return reader =>
      `{${columns.map(({ column }, index) => `"${shortName(index)}":${column.json(reader)}`).join(',')}}\n`;
  });
  const file = await open(target, 'wx');
  let rows = 0;
  let longest = 0;
  try {
    for (const lines of blocks) {
      if (signal?.aborted === true) throw new InterruptedError();
      for (const line of lines) longest = Math.max(longest, Buffer.byteLength(line));
      rows += lines.length;
      await file.write(lines.join(''));
    }
  } finally {
    await file.close();
  }
  return { location, columns, rows, longest };
}

function columnsOf(location: string, schema: AvroNode): Named[] {
  if (schema.kind !== 'record') throw new CorruptFileError(location, 'its rows are no records.');
  return schema.fields.map(({ name, id, type }) => ({ name, id, column: avroColumn(type) }));
}
