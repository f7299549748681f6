import type { TableMetadata } from '../iceberg/metadata.ts';
import type { PartitionSpec } from '../iceberg/partition.ts';
import type { Schema } from '../iceberg/schema.ts';
import type { SortOrder } from '../iceberg/sort.ts';
import type { TableRequirement, TableUpdate } from '../iceberg/updates.ts';
import type { ViewCatalog } from './views.ts';

/** A namespace is a list of levels: `['sales', 'eu']`. */
export type Namespace = readonly string[];

export interface TableIdentifier {
  readonly namespace: Namespace;
  readonly name: string;
}

/** A table as the catalog points to it at one moment. */
export interface LoadedTable {
  readonly identifier: TableIdentifier;
  readonly metadata: TableMetadata;
  /** Address of the metadata file that `metadata` was read from. */
  readonly metadataLocation: string;
}

export interface CreateTableRequest {
  /** Field ids may be provisional: the catalog assigns fresh ids (as REST catalogs do), 1.. in order. */
  readonly schema: Schema;
  /** Source ids refer to `schema`'s provisional ids. Absent: unpartitioned. */
  readonly spec?: PartitionSpec;
  readonly sortOrder?: SortOrder;
  readonly properties?: Readonly<Record<string, string>>;
  /** Absent: `<warehouse>/<namespace levels>/<name>` (PyIceberg's default layout). */
  readonly location?: string;
  /** 1, 2 or 3; 2 when absent. */
  readonly formatVersion?: number;
}

/** What a commit changes in one table. */
export interface TableCommit {
  readonly table: TableIdentifier;
  readonly requirements: readonly TableRequirement[];
  readonly updates: readonly TableUpdate[];
}

/**
 * Where table pointers live. The model is the REST catalog's: a commit is a list of requirements and updates,
 * applied at once by compare-and-swap of the metadata pointer. All errors are LakebookErrors.
 */
export interface Catalog {
  /** Catalog name, e.g. the `catalog_name` column of a SQL catalog. */
  readonly name: string;
  /** Direct children of `parent`, or top-level namespaces. */
  listNamespaces(parent?: Namespace): Promise<Namespace[]>;
  namespaceExists(namespace: Namespace): Promise<boolean>;
  /** @throws AlreadyExistsError('namespace') */
  createNamespace(namespace: Namespace, properties?: Readonly<Record<string, string>>): Promise<void>;
  /** @throws NotFoundError('namespace'), ValidationError('NAMESPACE_NOT_EMPTY') */
  dropNamespace(namespace: Namespace): Promise<void>;
  namespaceProperties(namespace: Namespace): Promise<Record<string, string>>;
  updateNamespaceProperties(
    namespace: Namespace,
    set: Readonly<Record<string, string>>,
    remove?: readonly string[],
  ): Promise<void>;
  listTables(namespace: Namespace): Promise<TableIdentifier[]>;
  tableExists(table: TableIdentifier): Promise<boolean>;
  /** @throws NotFoundError('table') */
  loadTable(table: TableIdentifier): Promise<LoadedTable>;
  /** Creates the namespace is NOT done here. @throws AlreadyExistsError('table'), NotFoundError('namespace') */
  createTable(table: TableIdentifier, request: CreateTableRequest): Promise<LoadedTable>;
  /**
   * Metadata for a table that isn't there yet, for writing its first files. Nothing is made visible or written; a
   * table that's created meanwhile is noticed by `createStaged`.
   * @throws AlreadyExistsError('table'), NotFoundError('namespace')
   */
  stageTable(table: TableIdentifier, request: CreateTableRequest): Promise<TableMetadata>;
  /**
   * Creates a table from staged metadata and updates of it (its first snapshot), all at once.
   * @throws AlreadyExistsError('table') when another writer was first, NotFoundError('namespace')
   * @throws CommitStateUnknownError when it can't be known
   */
  createStaged(
    table: TableIdentifier,
    staged: TableMetadata,
    updates: readonly TableUpdate[],
  ): Promise<LoadedTable>;
  /** Adopts an existing metadata file. @throws AlreadyExistsError('table') */
  registerTable(table: TableIdentifier, metadataLocation: string): Promise<LoadedTable>;
  renameTable(from: TableIdentifier, to: TableIdentifier): Promise<void>;
  /** Removes the pointer; with `purge` also every file that the table's metadata reaches. */
  dropTable(table: TableIdentifier, options?: { readonly purge?: boolean }): Promise<void>;
  /**
   * Applies `updates` if all `requirements` hold on the table as it is now.
   * @throws CommitConflictError when they don't, or the pointer moved meanwhile: nothing was changed.
   * @throws CommitStateUnknownError when it can't be known.
   */
  commitTable(
    table: TableIdentifier,
    requirements: readonly TableRequirement[],
    updates: readonly TableUpdate[],
  ): Promise<LoadedTable>;
  /**
   * As `commitTable` for several tables at once: all changes or none. Absent where the catalog can't do it.
   * @throws CommitConflictError, CommitStateUnknownError
   */
  commitTransaction?(changes: readonly TableCommit[]): Promise<void>;
  /** Views that are kept in the catalog; absent where it has none. */
  readonly views?: ViewCatalog;
  /**
   * A value that changes whenever any table of the catalog may have changed (for the explorer's refresh), cheap
   * to ask for.
   */
  version(): Promise<string>;
  close(): Promise<void>;
}
