import type { Schema } from '../iceberg/schema.ts';
import type { ViewMetadata } from '../iceberg/view-metadata.ts';
import type { Namespace, TableIdentifier } from './catalog.ts';

/** A view as the catalog points to it at one moment. */
export interface LoadedView {
  readonly identifier: TableIdentifier;
  readonly metadata: ViewMetadata;
  readonly metadataLocation: string;
}

/** What a view shows from now on. */
export interface ViewDefinition {
  /** The columns of its rows; ids may be any that differ. */
  readonly schema: Schema;
  /** The query, in one dialect or several (`duckdb`, `spark`, `trino`). */
  readonly representations: readonly { readonly sql: string; readonly dialect: string }[];
  /** Where unqualified names in the query are. */
  readonly defaultNamespace: Namespace;
  readonly defaultCatalog?: string;
  readonly properties?: Readonly<Record<string, string>>;
  /** Of a new view; absent: where the catalog puts it. */
  readonly location?: string;
}

/** Views in a catalog (Iceberg's view specification). All errors are LakebookErrors. */
export interface ViewCatalog {
  listViews(namespace: Namespace): Promise<TableIdentifier[]>;
  viewExists(view: TableIdentifier): Promise<boolean>;
  /** @throws NotFoundError('view') */
  loadView(view: TableIdentifier): Promise<LoadedView>;
  /** @throws AlreadyExistsError('view'), NotFoundError('namespace') */
  createView(view: TableIdentifier, definition: ViewDefinition): Promise<LoadedView>;
  /** Gives a view a new version. @throws NotFoundError('view'), CommitConflictError, CommitStateUnknownError */
  replaceView(view: TableIdentifier, definition: ViewDefinition): Promise<LoadedView>;
  /** @throws NotFoundError('view') */
  dropView(view: TableIdentifier): Promise<void>;
  /** @throws NotFoundError('view'), AlreadyExistsError('view') */
  renameView(from: TableIdentifier, to: TableIdentifier): Promise<void>;
}
