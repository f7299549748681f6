import type { DataFile, ManifestEntry } from '../iceberg/datafile.ts';
import type { Expr } from '../iceberg/expression.ts';
import type { TableMetadata } from '../iceberg/metadata.ts';
import type { Schema } from '../iceberg/schema.ts';
import type { Storage } from '../storage/storage.ts';
import type { DuckDb } from './duckdb.ts';

/** A data file to read and the delete files that apply to it; a FileScanTask is one. */
export interface ScanFile {
  readonly dataFile: DataFile;
  readonly deletes: readonly DataFile[];
  /** Needed for reading row lineage columns. */
  readonly entry?: Pick<ManifestEntry, 'sequenceNumber'>;
}

export interface ScanRequest {
  readonly duckdb: DuckDb;
  readonly storage: Storage;
  /** Gives the partition specs, all schemas and the name mapping. */
  readonly metadata: TableMetadata;
  /** The columns to read, with the names and types they shall have; `withRowLineage` adds those of row lineage. */
  readonly schema: Schema;
  readonly files: readonly ScanFile[];
  /** Field ids of the leaves that will be read, where known; for object storage, which fetches only those. */
  readonly fieldIds?: readonly number[];
  /**
   * What is asked of the rows: others may be left out, where that saves fetching them. They need not be, and what
   * deletes say of a row doesn't count.
   */
  readonly filter?: Expr;
  /**
   * For rows that will be written again: variants come in DuckDB's own type, which keeps more of them than JSON, and
   * what couldn't be kept as it is is refused.
   */
  readonly exact?: boolean;
  /** Adds two columns that tell where a row is stored, under these names. */
  readonly rowLocation?: RowLocationColumns;
  readonly signal?: AbortSignal;
}

export interface RowLocationColumns {
  /** VARCHAR: the local path of the data file, an element of `BoundScan.localPaths`. */
  readonly file: string;
  /** BIGINT: the row's position in the file, from 0. */
  readonly position: string;
}

/** DuckDB's virtual columns of a Parquet scan. */
export const virtualColumns = ['filename', 'file_row_number', 'file_index'];
