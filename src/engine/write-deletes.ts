import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { deleteQuietly } from '../catalog/commit.ts';
import { dataLocation } from '../iceberg/data-location.ts';
import type { DataFile } from '../iceberg/datafile.ts';
import { encodeDeletionVectors, type FileDeletes } from '../iceberg/deletion-vector.ts';
import { dataFolder, type TableMetadata } from '../iceberg/metadata.ts';
import { reservedFieldIds } from '../iceberg/reserved-fields.ts';
import type { Value } from '../iceberg/types.ts';
import { valueToBytes } from '../iceberg/value.ts';
import type { Storage } from '../storage/storage.ts';
import type { DuckDb } from './duckdb.ts';
import type { ProgressListener } from './progress.ts';
import { quoteString } from './quote.ts';
import { noteWritten } from './written-files.ts';

export interface DeleteWriteContext {
  readonly duckdb: DuckDb;
  readonly storage: Storage;
  readonly metadata: TableMetadata;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** What one position delete file is going to hold. */
export interface PositionDeletes {
  /** A query for the columns `file_path` (the data file's address) and `pos`, in any order. */
  readonly sql: string;
  /** Addresses of the data files that occur, all of one partition. */
  readonly locations: readonly string[];
  readonly specId: number;
  readonly partition: readonly (Value | null)[];
}

const { deleteFilePath, deletePosition } = reservedFieldIds;

/**
 * Writes position delete files (spec: "Position Delete Files"), one for each group that has rows. When it throws,
 * nothing is left behind.
 */
export async function writePositionDeletes(
  context: DeleteWriteContext,
  groups: readonly PositionDeletes[],
): Promise<DataFile[]> {
  const { duckdb, storage, metadata, signal, onProgress } = context;
  if (groups.length === 0) return [];
  const folder = dataFolder(metadata);
  const staging = await storage.stage(folder);
  const published: DataFile[] = [];
  try {
    for (const [index, group] of groups.entries()) {
      const local = path.join(staging.path, `${index}.parquet`);
      const [row] = await duckdb.rowsWith(
        // The order of the rows is part of the format.
        { preserve_insertion_order: 'true' },
        `COPY (SELECT CAST(file_path AS VARCHAR) AS file_path, CAST(pos AS BIGINT) AS pos FROM (${group.sql}
) ORDER BY file_path, pos) TO ${quoteString(local)} (FORMAT parquet, COMPRESSION zstd,
  FIELD_IDS {file_path: ${deleteFilePath}, pos: ${deletePosition}}, RETURN_STATS)`,
        { signal, onProgress, phase: 'writing deletes' },
      );
      const count = Number(row?.count ?? 0);
      if (count === 0) continue;
      const file: DataFile = {
        content: 1,
        filePath: dataLocation(metadata, '', `${randomUUID()}-deletes.parquet`),
        fileFormat: 'PARQUET',
        specId: group.specId,
        partition: group.partition,
        recordCount: count,
        fileSizeInBytes: Number(row!.file_size_bytes),
        ...pathBounds(group.locations),
        ...(group.locations.length === 1 ? { referencedDataFile: group.locations[0]! } : {}),
      };
      await staging.publish(local, file.filePath);
      published.push(file);
    }
    noteWritten(published);
    return published;
  } catch (error) {
    await deleteQuietly(
      storage,
      published.map(file => file.filePath),
    );
    throw error;
  } finally {
    // What can't be removed is found by the orphan clean-up; the deletes are written all the same.
    await staging.discard().catch(() => {});
  }
}

/** The bounds of `file_path`, never truncated: equal ones tell readers that a file is about one data file. */
function pathBounds(locations: readonly string[]): Pick<DataFile, 'lowerBounds' | 'upperBounds'> {
  const paths = locations.map(location => valueToBytes({ kind: 'string' }, location));
  paths.sort(Buffer.compare);
  return {
    lowerBounds: new Map([[deleteFilePath, paths[0]!]]),
    upperBounds: new Map([[deleteFilePath, paths.at(-1)!]]),
  };
}

/** Writes one Puffin file with a deletion vector for each data file (format version 3). */
export async function writeDeletionVectors(
  { storage, metadata }: Pick<DeleteWriteContext, 'storage' | 'metadata'>,
  deletes: readonly FileDeletes[],
): Promise<DataFile[]> {
  if (deletes.length === 0) return [];
  const location = dataLocation(metadata, '', `${randomUUID()}-deletes.puffin`);
  const { bytes, files } = encodeDeletionVectors(location, deletes);
  await storage.create(location, bytes);
  noteWritten(files);
  return files;
}
