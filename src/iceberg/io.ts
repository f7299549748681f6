/**
 * The bytes interface that the table format needs. Locations are absolute addresses as Iceberg stores them
 * (`file:///dir/x`, `s3://bucket/key`); a bare absolute path means a local file. Implementations are in
 * src/storage.
 */
export interface FileIO {
  /** The whole file, or bytes [start, end) of it. @throws NotFoundError('file') when it isn't there. */
  read(location: string, range?: ByteRange): Promise<Uint8Array>;
  /** Size in bytes. @throws NotFoundError('file') */
  size(location: string): Promise<number>;
  exists(location: string): Promise<boolean>;
  /**
   * Creates a file atomically: readers see nothing or the whole of it, and it's durable when the promise
   * resolves. Never overwrites. @throws AlreadyExistsError('file') when the location is taken.
   */
  create(location: string, bytes: Uint8Array): Promise<void>;
  /** Deletes a file; a file that isn't there is no error. */
  delete(location: string): Promise<void>;
  /** All files below a folder address, recursively, in no given order. A folder that isn't there is empty. */
  list(folder: string): AsyncIterable<FileEntry>;
}

export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface FileEntry {
  readonly location: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly lastModifiedMs: number;
}
