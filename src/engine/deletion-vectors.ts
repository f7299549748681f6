import { mapConcurrent } from '../iceberg/concurrent.ts';
import type { DataFile } from '../iceberg/datafile.ts';
import { readDeletionVector } from '../iceberg/deletion-vector.ts';
import { CorruptFileError } from '../iceberg/errors.ts';
import { decodedOnce } from '../iceberg/file-cache.ts';
import type { FileIO } from '../iceberg/io.ts';
import type { PositionSet } from '../iceberg/roaring.ts';
import { quoteString } from './quote.ts';

/**
 * Rows that share one bit string, as many as DuckDB works on at a time: neighbours find theirs in the same place, and
 * a file with few deleted rows needs little memory.
 */
const blockRows = 2048;
const blockBytes = blockRows / 8;
const blockBits = Math.log2(blockRows);

/** DuckDB counts bits from a byte's upper end, Roaring bitmaps from the lower one. */
const reversed = Uint8Array.from({ length: 256 }, (_, byte) => {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) result |= 0x80 >> bit;
  return result;
});

/**
 * Leaves out the rows that deletion vectors delete, for a scan named `scan` with DuckDB's virtual columns. The vectors
 * are part of the text, so that it stays right whatever happens to the session's tables. A bit is looked up for each
 * row: about half the work of a join with a table of positions. `pathOf` maps data file addresses to local paths.
 * @throws CorruptFileError, NotFoundError('file')
 */
export async function deletionVectorFilter(
  io: FileIO,
  vectors: readonly DataFile[],
  pathOf: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): Promise<{ readonly join: string; readonly condition: string }> {
  const blocks = await vectorBlocks(
    io,
    vectors,
    file => {
      const path = pathOf.get(file.referencedDataFile ?? '');
      if (path !== undefined) return path;
      throw new CorruptFileError(
        file.filePath,
        `its deletion vector is of another data file (${file.referencedDataFile}).`,
      );
    },
    signal,
  );
  return {
    join: `LEFT JOIN ${blocks} AS vector ON scan.filename = vector.name AND (scan.file_row_number >> ${blockBits}) = vector.block`,
    condition: `coalesce(get_bit(vector.bits, CAST(scan.file_row_number & ${blockRows - 1} AS INTEGER)), 0) = 0`,
  };
}

/** More rows than this would make the constant so large that handing it on costs more than a join. */
export const mostRowsOfConstant = 4 * 1024 * 1024;

/** As `deletionVectorFilter`, for a scan of one data file. */
export async function lonelyVectorFilter(io: FileIO, vector: DataFile, dataFile: DataFile): Promise<string> {
  const key = `vector ${vector.filePath} ${vector.contentOffset} ${vector.contentSizeInBytes} whole ${dataFile.recordCount}`;
  const text = await decodedOnce(io, key, async () => {
    const value = wholeText(await readDeletionVector(io, vector), dataFile.recordCount);
    return { value, bytes: value.length };
  });
  return `get_bit(CAST(from_base64('${text}') AS BIT), CAST(scan.file_row_number AS INTEGER)) = 0`;
}

/** The bits of all rows of a data file. */
function wholeText(positions: PositionSet, rows: number): string {
  const bytes = Buffer.alloc(Math.max(1, Math.ceil(rows / 8)));
  for (const [key, bits] of positions.blocks()) {
    const start = key * bits.length;
    const end = Math.min(bytes.length, start + bits.length);
    for (let i = start; i < end; i++) bytes[i] = reversed[bits[i - start]!]!;
  }
  return bytes.toString('base64');
}

/** A query for all positions (`name`, `pos`) of deletion vectors; `nameOf` says what they are told apart by. */
export async function vectorPositions(
  io: FileIO,
  vectors: readonly DataFile[],
  nameOf: (file: DataFile) => string,
): Promise<string> {
  const blocks = await vectorBlocks(io, vectors, nameOf);
  return `SELECT name, block * ${blockRows} + bit AS pos FROM ${blocks} AS vector, range(${blockRows}) AS r(bit)
WHERE get_bit(vector.bits, CAST(bit AS INTEGER)) = 1`;
}

/** A relation (`name`, `block`, `bits`) of the blocks that have deleted rows. */
async function vectorBlocks(
  io: FileIO,
  vectors: readonly DataFile[],
  nameOf: (file: DataFile) => string,
  signal?: AbortSignal,
): Promise<string> {
  const rows: string[] = [];
  const decoded = mapConcurrent(
    vectors,
    async file => `(${quoteString(nameOf(file))}, ${await vectorText(io, file)})`,
    { signal },
  );
  for await (const row of decoded) rows.push(row);
  return `(
  SELECT name, block, CAST(from_base64(text) AS BIT) AS bits
  FROM (
    SELECT name, unnest(CAST(blocks AS BIGINT[])) AS block, unnest(CAST(texts AS VARCHAR[])) AS text
    FROM (VALUES ${rows.join(', ')}) AS vectors(name, blocks, texts)
  )
)`;
}

/** A vector's text, kept like other decoded files: deletion vectors never change. */
function vectorText(io: FileIO, file: DataFile): Promise<string> {
  const key = `vector ${file.filePath} ${file.contentOffset} ${file.contentSizeInBytes} ${file.recordCount}`;
  return decodedOnce(io, key, async () => {
    const value = blockTexts(await readDeletionVector(io, file));
    return { value, bytes: value.length };
  });
}

/** The blocks that have deleted rows and their bits, as two JSON lists: they are read faster than SQL's. */
function blockTexts(positions: PositionSet): string {
  const numbers: number[] = [];
  const texts: string[] = [];
  for (const [key, bits] of positions.blocks()) {
    const turned = Buffer.allocUnsafe(bits.length);
    for (let i = 0; i < bits.length; i++) turned[i] = reversed[bits[i]!]!;
    const perBitmap = bits.length / blockBytes;
    for (let part = 0; part < perBitmap; part++) {
      const start = part * blockBytes;
      const own = turned.subarray(start, start + blockBytes);
      if (own.every(byte => byte === 0)) continue;
      numbers.push(key * perBitmap + part);
      texts.push(own.toString('base64'));
    }
  }
  return `'[${numbers.join(',')}]', '["${texts.join('","')}"]'`;
}
