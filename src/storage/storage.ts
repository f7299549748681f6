import type { Expr } from '../iceberg/expression.ts';
import type { FileIO } from '../iceberg/io.ts';
import type { Schema } from '../iceberg/schema.ts';

/**
 * A place where a lake's files live. Besides FileIO (metadata and manifests, bytes in JavaScript) it gives
 * the engine local paths, because data files are read and written by DuckDB and never pass through JavaScript.
 */
export interface Storage extends FileIO {
  /**
   * Local paths under which DuckDB can read the given data files now, in the same order. A local folder
   * answers with the files' own paths; object storage fetches what is needed into its cache first.
   * @throws NotFoundError('file') for a data file that isn't there.
   */
  localPaths(files: readonly ReadRequest[], signal?: AbortSignal): Promise<string[]>;
  /**
   * As `localPaths`, for readers that can leave rows alone: of a file only those rows need be there that its request's
   * filter may select. Absent where files are there as a whole anyway.
   */
  localFiles?(files: readonly FilteredRequest[], signal?: AbortSignal): Promise<LocalFile[]>;
  /** The local folder in which `localPaths` has the files of an address, and `stage` makes its folders for it. */
  localFolder(address: string): Promise<string>;
  /**
   * A fresh, empty local folder for the engine to write data files into, on the same file system as
   * `folder` (an address) where that is local. `discard` removes it and whatever is still in it.
   */
  stage(folder: string): Promise<StagingArea>;
  /**
   * Copies a file to a local path where none is, as it is at one moment; files of a table are for `localPaths`. Absent
   * where files are on this machine anyway.
   * @throws NotFoundError('file')
   */
  download?(location: string, localPath: string, signal?: AbortSignal): Promise<void>;
  /** Removes the folders at and below an address that hold no files. Absent where there are no folders. */
  removeEmptyFolders?(folder: string): Promise<void>;
  /**
   * What `localPaths` answers from now on stays in place at least until the answered function is called. Absent where
   * files stay anyway.
   */
  lease?(): () => void;
  /** Lets go of connections and of everything that was given out. */
  close?(): Promise<void>;
}

export interface ReadRequest {
  readonly location: string;
  /** Bytes, from the manifest. */
  readonly fileSize: number;
  /** Field ids of the top-level columns the query reads, which are fetched with all that is in them; absent means all. */
  readonly fieldIds?: readonly number[];
  /** How many bytes follow the column chunks, as far as the manifest tells; a wrong guess costs a request. */
  readonly tailBytes?: number;
}

export interface FilteredRequest extends ReadRequest {
  readonly filter?: RowFilter;
}

/** What a query asks of rows: those that `expr` doesn't select need not be read, though they may be. */
export interface RowFilter {
  readonly expr: Expr;
  /** The columns of `expr`, with the types of its values. */
  readonly schema: Schema;
  /** Field ids of columns of which the file certainly has no NaN: Parquet's statistics don't tell. */
  readonly withoutNan?: readonly number[];
  /** In how many ranges a file's rows may be at most. */
  readonly mostRanges: number;
}

/** Rows of a file by position, `start` inclusive, `end` exclusive. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

export interface LocalFile {
  readonly path: string;
  /**
   * The rows that can be read, in order; absent: all. Whole row groups, of which the others must not be read, since
   * their bytes may not be there.
   */
  readonly rows?: readonly RowRange[];
}

export interface StagingArea {
  /** Local path of the folder. */
  readonly path: string;
  /** Makes a staged file durable and visible at `location`. Never overwrites. */
  publish(localPath: string, location: string): Promise<void>;
  /** Removes the staging folder. Safe to call at any time, also after publish. */
  discard(): Promise<void>;
}
