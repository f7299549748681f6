import type { TableMetadata } from '../iceberg/metadata.ts';
import { metadataVersion, newMetadataLocation } from '../iceberg/metadata.ts';
import { encodeTableMetadata, parseTableMetadata } from '../iceberg/metadata-json.ts';
import type { Storage } from '../storage/storage.ts';

/** Tables whose parsed metadata is kept. Metadata files never change, so what was parsed stays right. */
const cachedTables = 32;

/** Reads and writes tables' metadata files. */
export class TableFiles {
  readonly #storage: Storage;
  /** In order of last use. */
  readonly #cache = new Map<string, TableMetadata>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** @throws NotFoundError('file'), CorruptFileError, UnsupportedError for a newer format version */
  async read(location: string): Promise<TableMetadata> {
    const cached = this.#cache.get(location);
    const metadata = cached ?? parseTableMetadata(await this.#storage.read(location), location);
    this.#remember(location, metadata);
    return metadata;
  }

  /** Writes the metadata that follows the file at `previous` (absent: a table's first) and answers its address. */
  async write(metadata: TableMetadata, previous?: string): Promise<string> {
    const version = previous === undefined ? 0 : (metadataVersion(previous) ?? -1) + 1;
    const location = newMetadataLocation(metadata, version);
    await this.#storage.create(location, encodeTableMetadata(metadata, location));
    this.#remember(location, metadata);
    return location;
  }

  #remember(location: string, metadata: TableMetadata): void {
    this.#cache.delete(location);
    this.#cache.set(location, metadata);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= cachedTables) break;
      this.#cache.delete(oldest);
    }
  }
}
