/*
 * What the verbs are asked for, as plain objects: the %lake language, the command line and the HTTP gateway all
 * build these. Tables are named as in SQL: `sales`, `ns.sales`, `lake.ns.sales`, `"my ns"."my table"`. Columns are
 * named without quotes (`amount`, `address.city`); conditions and types are SQL text.
 */

import type { EngineKind } from '../engine/remote/remote-engine.ts';

/** A point in a table's history: a snapshot id, a moment, a tag or a branch. */
export type Version =
  | { readonly kind: 'snapshot'; readonly id: bigint }
  /** `text` is a date or timestamp as SQL reads it; without a zone it's UTC. */
  | { readonly kind: 'timestamp'; readonly text: string }
  | { readonly kind: 'tag'; readonly name: string }
  | { readonly kind: 'branch'; readonly name: string }
  /** A branch or a tag, whichever has the name. */
  | { readonly kind: 'ref'; readonly name: string }
  /** The snapshot that is `steps` commits before the current one; 0 is the current one. */
  | { readonly kind: 'previous'; readonly steps: number };

/** Where rows come from. */
export type Source =
  /** A file, a glob pattern or several of them, relative to the session's working folder. */
  | { readonly kind: 'files'; readonly paths: readonly string[]; readonly options?: FileOptions }
  /** A query, which may name lake tables. */
  | { readonly kind: 'query'; readonly sql: string };

export type FileFormat = 'csv' | 'json' | 'parquet' | 'arrow';

/** How files are read; what is absent is found out from the file. */
export interface FileOptions {
  /** By the file's extension when absent. */
  readonly format?: FileFormat;
  readonly delimiter?: string;
  readonly quote?: string;
  readonly escape?: string;
  /** false: the file has no header line; its columns are the table's, in order. */
  readonly header?: boolean;
  /** `utf-8`, `utf-16` or `latin-1`. */
  readonly encoding?: string;
  /** Text that stands for NULL beside the empty field. */
  readonly nullText?: string;
  /** strftime patterns, e.g. `%d/%m/%Y`. */
  readonly dateFormat?: string;
  readonly timestampFormat?: string;
  /** `,` for numbers like 1.234,56. */
  readonly decimalSeparator?: string;
}

export interface ColumnRequest {
  readonly name: string;
  /** SQL or Iceberg type text: `decimal(10,2)`, `struct<a: int>`, `VARCHAR`. */
  readonly type: string;
  readonly required?: boolean;
  readonly comment?: string;
}

export interface CreateRequest {
  readonly table: string;
  readonly columns: readonly ColumnRequest[];
  /** Partition fields as SQL: `month(sold_at)`, `bucket(16, id)`, `region`. */
  readonly partitionedBy?: readonly string[];
  /** Sort fields as SQL: `amount desc nulls last`. */
  readonly sortedBy?: readonly string[];
  /** Identifier columns; they become required. */
  readonly key?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
  readonly comment?: string;
  readonly location?: string;
  readonly ifNotExists?: boolean;
  readonly replace?: boolean;
}

export interface DropRequest {
  readonly table: string;
  readonly ifExists?: boolean;
  /** Also deletes the table's files. */
  readonly purge?: boolean;
}

export type IngestMode = 'append' | 'overwrite' | 'replace-partitions';
export type OnError = 'abort' | 'skip' | 'quarantine';

export interface IngestRequest {
  readonly table: string;
  readonly source: Source;
  /** `append` when absent. */
  readonly mode?: IngestMode;
  /** Creates the table from the source's columns if it isn't there. */
  readonly create?: boolean;
  /** For `create`: as in CreateRequest. */
  readonly partitionedBy?: readonly string[];
  readonly key?: readonly string[];
  /** `abort` when absent. */
  readonly onError?: OnError;
  /** More properties of the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>;
}

export interface UpsertRequest {
  readonly table: string;
  readonly source: Source;
  /** Key columns; the table's identifier fields when absent. */
  readonly on?: readonly string[];
  /** Rows whose key is in the table and for which this SQL condition holds (`source`, `target`) are deleted. */
  readonly whenMatchedDelete?: string;
  /** More properties of the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>;
}

export interface DeleteRequest {
  readonly table: string;
  /** SQL condition. */
  readonly where: string;
}

export type ColumnPlace =
  | { readonly kind: 'first' }
  | { readonly kind: 'after' | 'before'; readonly column: string };

export type EvolveChange =
  | {
      readonly kind: 'add';
      readonly column: string;
      readonly type: string;
      readonly comment?: string;
      readonly place?: ColumnPlace;
    }
  | { readonly kind: 'drop'; readonly column: string }
  | { readonly kind: 'rename'; readonly column: string; readonly to: string }
  | { readonly kind: 'widen'; readonly column: string; readonly type: string }
  | { readonly kind: 'optional' | 'required'; readonly column: string }
  | { readonly kind: 'move'; readonly column: string; readonly place: ColumnPlace }
  | { readonly kind: 'comment'; readonly column: string; readonly comment: string }
  | { readonly kind: 'key'; readonly columns: readonly string[] }
  /** The whole partition spec; empty: unpartitioned. */
  | { readonly kind: 'partition-by'; readonly fields: readonly string[] }
  | { readonly kind: 'add-partition-field' | 'drop-partition-field'; readonly field: string }
  /** The write order; empty: unordered. */
  | { readonly kind: 'sort-by'; readonly fields: readonly string[] }
  | { readonly kind: 'set'; readonly properties: Readonly<Record<string, string>> }
  | { readonly kind: 'unset'; readonly keys: readonly string[] }
  | { readonly kind: 'rename-table'; readonly to: string };

export interface EvolveRequest {
  readonly table: string;
  readonly changes: readonly EvolveChange[];
}

export interface HistoryRequest {
  readonly table: string;
}

export interface TravelRequest {
  readonly table: string;
  readonly to: Version;
  /** Names the version as a view of this session; absent: the rows are the result. */
  readonly as?: string;
}

export interface RollbackRequest {
  readonly table: string;
  readonly to: Version;
}

export interface DiffRequest {
  readonly table: string;
  readonly from: Version;
  /** The current snapshot when absent. */
  readonly to?: Version;
}

export interface RefRequest {
  readonly table: string;
  readonly type: 'branch' | 'tag';
  readonly name: string;
  /** `create` when absent. */
  readonly action?: 'create' | 'replace' | 'drop';
  /** The current snapshot when absent. */
  readonly at?: Version;
  readonly ifExists?: boolean;
  readonly maxRefAgeMs?: number;
  readonly minSnapshotsToKeep?: number;
  readonly maxSnapshotAgeMs?: number;
}

export interface PublishRequest {
  readonly table: string;
  /** The branch whose snapshot becomes the current one. */
  readonly branch: string;
  /** `main` when absent. */
  readonly to?: string;
}

export interface TablesRequest {
  /** Absent: all namespaces. */
  readonly namespace?: string;
}

export interface DescribeRequest {
  readonly table: string;
}

export interface FilesRequest {
  readonly table: string;
  readonly at?: Version;
}

export interface CompactRequest {
  readonly table: string;
  /** `files` when absent. */
  readonly what?: 'files' | 'manifests' | 'deletes';
  /** SQL condition: only files that may hold such rows. */
  readonly where?: string;
  /** As in SQL: `amount desc`; or `zorder(a, b)` alone. Absent: the table's write order. */
  readonly sortBy?: readonly string[];
  /** All files, also such as need no rewriting; true when absent and an order is given. */
  readonly all?: boolean;
  /** Bytes that a file should have; the table's own target when absent. */
  readonly targetSizeBytes?: number;
  /** Commits each group of files by itself. */
  readonly partialProgress?: boolean;
}

export interface ExpireRequest {
  readonly table: string;
  /** Age in milliseconds; the table's own when absent. */
  readonly olderThanMs?: number;
  /** Snapshots of each branch that stay whatever their age. */
  readonly keep?: number;
}

export interface OrphansRequest {
  readonly table: string;
  /** Age in milliseconds; three days when absent. */
  readonly olderThanMs?: number;
  /** Absent or false: they are only listed. */
  readonly delete?: boolean;
}

export interface EngineRequest {
  /** The engine that runs SQL from now on; absent: tells which one does. */
  readonly engine?: EngineKind;
}

export interface HealthRequest {
  readonly table: string;
}

export interface ImportRequest {
  readonly table: string;
  /** Address or local path of a metadata file. */
  readonly metadata: string;
}

/** Parquet files that become part of a table where they are. */
export interface AddFilesRequest {
  readonly table: string;
  readonly source: Source;
}

export interface ExportRequest {
  /** A table's name, or a query. */
  readonly source: { readonly table: string; readonly at?: Version } | { readonly sql: string };
  readonly path: string;
  /** By the path's extension when absent. */
  readonly format?: 'csv' | 'json' | 'parquet';
  readonly overwrite?: boolean;
}
