import { randomUUID } from 'node:crypto';
import {
  AlreadyExistsError,
  CommitConflictError,
  CommitStateUnknownError,
  CorruptFileError,
  LakebookError,
  NotFoundError,
  ValidationError,
} from '../iceberg/errors.ts';
import type { TableMetadata } from '../iceberg/metadata.ts';
import { applyUpdates, checkRequirements } from '../iceberg/metadata-builder.ts';
import { newTableMetadata } from '../iceberg/metadata-json.ts';
import { checkRefsKept } from '../iceberg/metadata-requirements.ts';
import { booleanProperty, propertyDefaults, propertyNames } from '../iceberg/properties.ts';
import type { TableRequirement, TableUpdate } from '../iceberg/updates.ts';
import {
  isLocal,
  joinLocation,
  schemeOf,
  stripTrailingSlashes,
  toFileUri,
  toLocalPath,
} from '../storage/paths.ts';
import type { Storage } from '../storage/storage.ts';
import type {
  Catalog,
  CreateTableRequest,
  LoadedTable,
  Namespace,
  TableCommit,
  TableIdentifier,
} from './catalog.ts';
import { deleteQuietly } from './commit.ts';
import {
  checkNewIdentifier,
  checkNewNamespace,
  folderName,
  formatIdentifier,
  formatNamespace,
} from './identifiers.ts';
import { requireApart } from './namespace-properties.ts';
import { existsProperty, Namespaces, tableNotFound } from './namespaces.ts';
import { filesToPurge, purgeFiles } from './purge.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { CatalogRows, isTable, type PointerRow } from './sqlite-rows.ts';
import { TableFiles } from './table-files.ts';

export interface SqliteCatalogOptions {
  /** Path of the SQLite file. It needn't be there: reading finds an empty catalog, the first change makes it. */
  readonly uri: string;
  /** The `catalog_name` of its rows. */
  readonly name: string;
  /** Address below which tables are made. */
  readonly warehouse: string;
  readonly storage: Storage;
  /** A namespace that is always there, also before the first table is made in it. */
  readonly defaultNamespace?: Namespace;
  /** How long to wait for another process's lock, in milliseconds; 30 s when absent. */
  readonly lockTimeoutMs?: number;
}

/**
 * A catalog in a SQLite file, in the schema of PyIceberg's SqlCatalog and Iceberg's JDBC catalog, so that PyIceberg
 * and Spark can use the same file at the same time. Every change is one SQL transaction; a commit writes its
 * metadata file first and then moves the table's pointer if it still is where the change was based on.
 */
export class SqliteCatalog implements Catalog {
  readonly name: string;
  readonly #connection: SqliteConnection;
  readonly #storage: Storage;
  readonly #files: TableFiles;
  readonly #warehouse: string;
  readonly #defaultNamespace: Namespace;

  private constructor(options: SqliteCatalogOptions, connection: SqliteConnection) {
    this.name = options.name;
    this.#connection = connection;
    this.#storage = options.storage;
    this.#files = new TableFiles(options.storage);
    this.#warehouse = stripTrailingSlashes(options.warehouse);
    this.#defaultNamespace = options.defaultNamespace ?? [];
  }

  /** Touches no file yet. @throws LakebookError `NODE_TOO_OLD` */
  static async open(options: SqliteCatalogOptions): Promise<SqliteCatalog> {
    const { uri, lockTimeoutMs } = options;
    return new SqliteCatalog(options, await SqliteConnection.load(uri, { lockTimeoutMs }));
  }

  async listNamespaces(parent: Namespace = []): Promise<Namespace[]> {
    return await this.#read(rows => {
      const namespaces = this.#namespaces(rows);
      if (parent.length > 0 && !namespaces.exists(parent)) throw namespaces.notFound(parent, this.name);
      return namespaces.children(parent);
    });
  }

  async namespaceExists(namespace: Namespace): Promise<boolean> {
    return await this.#read(rows => this.#namespaces(rows).exists(namespace));
  }

  async createNamespace(
    namespace: Namespace,
    properties: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    checkNewNamespace(namespace);
    const text = formatNamespace(namespace);
    await this.#write(rows => {
      const exists = this.#isDefault(namespace)
        ? new Namespaces(rows, []).exists(namespace)
        : this.#namespaces(rows).exists(namespace);
      if (exists) throw new AlreadyExistsError('namespace', `The namespace "${text}" exists already.`);
      rows.setProperties(text, { ...existsProperty, ...properties });
    });
  }

  async dropNamespace(namespace: Namespace): Promise<void> {
    const text = formatNamespace(namespace);
    await this.#write(rows => {
      const namespaces = this.#namespaces(rows);
      if (!namespaces.exists(namespace)) throw namespaces.notFound(namespace, this.name);
      const content = [
        ...rows.tables(text).map(row => formatIdentifier({ namespace, name: row.name })),
        ...namespaces.children(namespace).map(formatNamespace),
      ];
      if (content.length > 0) {
        throw new ValidationError(
          `The namespace "${text}" is not empty: it holds ${content.slice(0, 3).join(', ')}${content.length > 3 ? ', ...' : ''}.`,
          { hint: 'Drop or move what is in it first.' },
          'NAMESPACE_NOT_EMPTY',
        );
      }
      if (this.#isDefault(namespace)) {
        throw new ValidationError(`The namespace "${text}" is where this lake keeps its tables by default.`, {
          hint: 'It stays, and is empty already.',
        });
      }
      rows.removeNamespace(text);
    });
  }

  async namespaceProperties(namespace: Namespace): Promise<Record<string, string>> {
    return await this.#read(rows => {
      this.#requireNamespace(rows, namespace);
      const { exists, ...properties } = rows.properties(formatNamespace(namespace));
      return exists === undefined || exists === existsProperty.exists
        ? properties
        : { exists, ...properties };
    });
  }

  async updateNamespaceProperties(
    namespace: Namespace,
    set: Readonly<Record<string, string>>,
    remove: readonly string[] = [],
  ): Promise<void> {
    requireApart(set, remove);
    const text = formatNamespace(namespace);
    await this.#write(rows => {
      this.#requireNamespace(rows, namespace);
      rows.removeProperties(text, remove);
      rows.setProperties(text, set);
      // Without any property an empty namespace would be gone.
      if (Object.keys(rows.properties(text)).length === 0) rows.setProperties(text, existsProperty);
    });
  }

  async listTables(namespace: Namespace): Promise<TableIdentifier[]> {
    return await this.#read(rows => {
      if (namespace.length > 0) this.#requireNamespace(rows, namespace);
      const tables = rows.tables(formatNamespace(namespace)).filter(isTable);
      return tables.map(({ name }) => ({ namespace, name }));
    });
  }

  async tableExists({ namespace, name }: TableIdentifier): Promise<boolean> {
    const row = await this.#read(rows => rows.table(formatNamespace(namespace), name));
    return row !== undefined && isTable(row);
  }

  async loadTable(identifier: TableIdentifier): Promise<LoadedTable> {
    for (let missing: unknown, tried: string | undefined; ; ) {
      const { metadataLocation } = await this.#read(rows => this.#requireTable(rows, identifier));
      if (metadataLocation === null) {
        throw new CorruptFileError(
          this.#connection.file,
          `the table ${formatIdentifier(identifier)} has no metadata location.`,
        );
      }
      if (metadataLocation === tried) {
        throw new NotFoundError(
          'file',
          `The table ${formatIdentifier(identifier)} can't be read: its metadata file ${metadataLocation} isn't there.`,
          { hint: 'Restore the file, or drop the table to remove its entry.', cause: missing },
        );
      }
      try {
        const metadata = await this.#files.read(metadataLocation);
        return { identifier, metadata, metadataLocation };
      } catch (error) {
        // Another process may have committed and cleaned up between the two reads: then the pointer has moved.
        if (!(error instanceof NotFoundError)) throw error;
        missing = error;
        tried = metadataLocation;
      }
    }
  }

  async createTable(identifier: TableIdentifier, request: CreateTableRequest): Promise<LoadedTable> {
    const metadata = await this.stageTable(identifier, request);
    return await this.#insertNew(identifier, metadata, request.location === undefined);
  }

  async stageTable(identifier: TableIdentifier, request: CreateTableRequest): Promise<TableMetadata> {
    checkNewIdentifier(identifier);
    const folder = await this.#read(rows => {
      this.#requireNamespace(rows, identifier.namespace);
      this.#requireFree(rows, identifier);
      return rows.properties(formatNamespace(identifier.namespace)).location;
    });
    const location =
      request.location === undefined
        ? await this.#newLocation(identifier, folder)
        : absoluteLocation(request.location);
    return newTableMetadata({ ...request, location });
  }

  async createStaged(
    identifier: TableIdentifier,
    staged: TableMetadata,
    updates: readonly TableUpdate[],
  ): Promise<LoadedTable> {
    checkNewIdentifier(identifier);
    // The folder is its maker's to tidy: there may be data files in it already.
    return await this.#insertNew(identifier, applyUpdates(staged, updates), false);
  }

  async registerTable(identifier: TableIdentifier, metadataLocation: string): Promise<LoadedTable> {
    checkNewIdentifier(identifier);
    const location = absoluteLocation(metadataLocation);
    const metadata = await this.#files.read(location);
    await this.#write(rows => this.#insert(rows, identifier, location));
    return { identifier, metadata, metadataLocation: location };
  }

  async renameTable(from: TableIdentifier, to: TableIdentifier): Promise<void> {
    checkNewIdentifier(to);
    await this.#write(rows => {
      const row = this.#requireTable(rows, from);
      this.#requireNamespace(rows, to.namespace);
      this.#requireFree(rows, to);
      this.#keepDefault(rows, to.namespace);
      rows.renameTable(row, formatNamespace(to.namespace), to.name);
    });
  }

  async dropTable(identifier: TableIdentifier, options: { readonly purge?: boolean } = {}): Promise<void> {
    if (!options.purge) {
      await this.#write(rows => rows.deleteTable(this.#requireTable(rows, identifier)));
      return;
    }
    for (let dropped = false; !dropped; ) {
      const table = await this.loadTable(identifier);
      const files = await filesToPurge(table, this.#storage);
      // What a commit added meanwhile would be missing from the list.
      dropped = await this.#write(rows => {
        const row = this.#requireTable(rows, identifier);
        if (row.metadataLocation !== table.metadataLocation) return false;
        rows.deleteTable(row);
        return true;
      });
      if (dropped) await purgeFiles(table, files, this.#storage);
    }
  }

  async commitTable(
    identifier: TableIdentifier,
    requirements: readonly TableRequirement[],
    updates: readonly TableUpdate[],
  ): Promise<LoadedTable> {
    const base = await this.loadTable(identifier);
    checkRequirements(base.metadata, requirements);
    if (updates.length === 0) return base;
    const committed = await this.#writeNext(base, updates);
    await this.#swapPointers([[base, committed]]);
    await this.#deleteForgottenMetadata(base.metadata, committed.metadata);
    return committed;
  }

  async commitTransaction(changes: readonly TableCommit[]): Promise<void> {
    const names = changes.map(({ table }) => formatIdentifier(table));
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new ValidationError(`The transaction names the table ${twice} twice.`);
    const steps: [LoadedTable, LoadedTable][] = [];
    try {
      for (const { table, requirements, updates } of changes) {
        const base = await this.loadTable(table);
        checkRequirements(base.metadata, requirements);
        if (updates.length > 0) steps.push([base, await this.#writeNext(base, updates)]);
      }
    } catch (error) {
      await deleteQuietly(
        this.#storage,
        steps.map(([, next]) => next.metadataLocation),
      );
      throw error;
    }
    await this.#swapPointers(steps);
    for (const [base, next] of steps) await this.#deleteForgottenMetadata(base.metadata, next.metadata);
  }

  /** Writes the metadata file that follows a table's. */
  async #writeNext(base: LoadedTable, updates: readonly TableUpdate[]): Promise<LoadedTable> {
    const { identifier, metadataLocation: previousMetadataLocation } = base;
    checkRefsKept(base.metadata, updates);
    const metadata = applyUpdates(base.metadata, updates, { previousMetadataLocation });
    const metadataLocation = await this.#files.write(metadata, previousMetadataLocation);
    return { identifier, metadata, metadataLocation };
  }

  async version(): Promise<string> {
    return await this.#connection.version();
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #read<T>(work: (rows: CatalogRows) => T): Promise<T> {
    return await this.#connection.read(database => work(CatalogRows.forReading(database, this.name)));
  }

  async #write<T>(work: (rows: CatalogRows) => T): Promise<T> {
    return await this.#connection.write(database => work(CatalogRows.forWriting(database, this.name)));
  }

  #namespaces(rows: CatalogRows): Namespaces {
    return new Namespaces(rows, this.#defaultNamespace);
  }

  #isDefault(namespace: Namespace): boolean {
    return formatNamespace(namespace) === formatNamespace(this.#defaultNamespace);
  }

  #requireNamespace(rows: CatalogRows, namespace: Namespace): void {
    const namespaces = this.#namespaces(rows);
    if (!namespaces.exists(namespace)) throw namespaces.notFound(namespace, this.name);
  }

  #requireTable(rows: CatalogRows, identifier: TableIdentifier): PointerRow {
    const row = rows.table(formatNamespace(identifier.namespace), identifier.name);
    if (row !== undefined && isTable(row)) return row;
    throw tableNotFound(rows, this.#namespaces(rows), identifier, this.name);
  }

  #requireFree(rows: CatalogRows, identifier: TableIdentifier): void {
    const row = rows.table(formatNamespace(identifier.namespace), identifier.name);
    if (row === undefined) return;
    const what = isTable(row) ? 'The table' : 'A view named';
    throw new AlreadyExistsError('table', `${what} ${formatIdentifier(identifier)} exists already.`);
  }

  /** Makes the default namespace one that other tools see too. */
  #keepDefault(rows: CatalogRows, namespace: Namespace): void {
    if (!this.#isDefault(namespace)) return;
    if (!new Namespaces(rows, []).exists(namespace))
      rows.setProperties(formatNamespace(namespace), existsProperty);
  }

  #insert(rows: CatalogRows, identifier: TableIdentifier, metadataLocation: string): void {
    this.#requireNamespace(rows, identifier.namespace);
    this.#requireFree(rows, identifier);
    this.#keepDefault(rows, identifier.namespace);
    rows.insertTable(formatNamespace(identifier.namespace), identifier.name, metadataLocation);
  }

  /** Writes a new table's first metadata file and its entry; `ownFolder`: its folder goes away when that fails. */
  async #insertNew(
    identifier: TableIdentifier,
    metadata: TableMetadata,
    ownFolder: boolean,
  ): Promise<LoadedTable> {
    const metadataLocation = await this.#files.write(metadata);
    try {
      await this.#write(rows => this.#insert(rows, identifier, metadataLocation));
    } catch (error) {
      if (error instanceof CommitStateUnknownError) throw error;
      await deleteQuietly(this.#storage, [metadataLocation]);
      if (ownFolder) await this.#storage.removeEmptyFolders?.(metadata.location).catch(() => {});
      throw error;
    }
    return { identifier, metadata, metadataLocation };
  }

  /**
   * PyIceberg's layout: `<warehouse>/<namespace>/<table>`, or below the namespace's `location` property. A folder
   * that holds files already, as a renamed or dropped table leaves it, is never shared with another table:
   * removing the orphans of one would remove the files of the other.
   */
  async #newLocation(
    { namespace, name }: TableIdentifier,
    namespaceFolder: string | undefined,
  ): Promise<string> {
    const folder =
      namespaceFolder === undefined
        ? joinLocation(this.#warehouse, folderName(formatNamespace(namespace)))
        : absoluteLocation(namespaceFolder);
    const location = joinLocation(folder, folderName(name));
    for await (const _ of this.#storage.list(location)) return `${location}-${randomUUID().slice(0, 8)}`;
    return location;
  }

  /**
   * Moves the pointers of all tables from the first to the second of each pair, or none.
   * @throws CommitConflictError when a pointer has moved; the new metadata files are deleted then
   */
  async #swapPointers(steps: readonly (readonly [LoadedTable, LoadedTable])[]): Promise<void> {
    const written = steps.map(([, next]) => next.metadataLocation);
    try {
      await this.#write(rows => {
        for (const [{ identifier, metadataLocation }, next] of steps) {
          const namespace = formatNamespace(identifier.namespace);
          const isMoved = rows.swapPointer(
            namespace,
            identifier.name,
            metadataLocation,
            next.metadataLocation,
          );
          // Thrown, so that what was moved before is undone.
          if (!isMoved) {
            throw new CommitConflictError(`Another writer changed ${formatIdentifier(identifier)} first.`, {
              hint: 'Nothing was changed: run it again.',
            });
          }
        }
      });
    } catch (error) {
      if (error instanceof CommitStateUnknownError && (await this.#haveCommitted(steps, error))) return;
      await deleteQuietly(this.#storage, written);
      throw error instanceof CommitStateUnknownError
        ? new LakebookError('IO_ERROR', error.message, {
            hint: 'Nothing was changed. Check the disk.',
            cause: error,
          })
        : error;
    }
  }

  /** One transaction moved all pointers or none, so the first tells. @throws `unknown` when that can't be known */
  async #haveCommitted(
    [step]: readonly (readonly [LoadedTable, LoadedTable])[],
    unknown: CommitStateUnknownError,
  ): Promise<boolean> {
    return step === undefined || (await this.#hasCommitted(...step, unknown));
  }

  /** Looks whether a commit of which SQLite couldn't tell took effect. @throws `unknown` when that can't be known */
  async #hasCommitted(
    base: LoadedTable,
    next: LoadedTable,
    unknown: CommitStateUnknownError,
  ): Promise<boolean> {
    const { namespace, name } = base.identifier;
    const row = await this.#read(rows => rows.table(formatNamespace(namespace), name)).catch(() => undefined);
    if (row?.metadataLocation === base.metadataLocation) return false;
    if (row?.metadataLocation === next.metadataLocation) return true;
    if (row?.previousMetadataLocation === next.metadataLocation) return true;
    throw unknown;
  }

  /** Deletes metadata files that fell out of the metadata log, where the table asks for that. */
  async #deleteForgottenMetadata(base: TableMetadata, next: TableMetadata): Promise<void> {
    const { metadataDeleteAfterCommit } = propertyNames;
    const fallback = propertyDefaults[metadataDeleteAfterCommit];
    if (!booleanProperty(next.properties, metadataDeleteAfterCommit, fallback)) return;
    const kept = new Set(next.metadataLog.map(entry => entry.metadataFile));
    const forgotten = base.metadataLog.map(entry => entry.metadataFile).filter(file => !kept.has(file));
    await deleteQuietly(this.#storage, forgotten);
  }
}

/** The address a person gave for a table or file, as it's stored: absolute, with a scheme, no slash at the end. */
function absoluteLocation(location: string): string {
  const local = isLocal(location) && schemeOf(location) === undefined;
  return stripTrailingSlashes(local ? toFileUri(toLocalPath(location)) : location);
}
