import type {
  ColumnDetails,
  FileDetails,
  PartitionDetails,
  RefDetails,
  SnapshotDetails,
  TableDetails,
} from '../../notebook/protocol.ts';

/** A lake that the explorer shows. */
export interface LakePlace {
  /** Folder of lakebook.json, or that `.lakebook` is in. */
  readonly root: string;
  /** The catalog's name. */
  readonly name: string;
  /** Its folder as people know it, relative to the workspace. */
  readonly label: string;
  /** Set when its configuration can't be read. */
  readonly fault?: { readonly message: string; readonly file?: string };
}

/** A table of a lake, as commands take it. */
export interface TablePlace {
  readonly lake: LakePlace;
  /** As in SQL. */
  readonly table: string;
}

export type TableGroup = 'columns' | 'partitions' | 'snapshots' | 'refs' | 'files' | 'properties';

export type Node =
  | { readonly kind: 'lake'; readonly lake: LakePlace }
  | { readonly kind: 'namespace'; readonly lake: LakePlace; readonly namespace: readonly string[] }
  | ({ readonly kind: 'table' } & TablePlace)
  | ({ readonly kind: 'group'; readonly group: TableGroup; readonly details: TableDetails } & TablePlace)
  | ({ readonly kind: 'column'; readonly column: ColumnDetails } & TablePlace)
  | ({ readonly kind: 'partition'; readonly partition: PartitionDetails } & TablePlace)
  | ({ readonly kind: 'snapshot'; readonly snapshot: SnapshotDetails } & TablePlace)
  | ({ readonly kind: 'ref'; readonly ref: RefDetails } & TablePlace)
  | ({ readonly kind: 'file'; readonly file: FileDetails } & TablePlace)
  | ({ readonly kind: 'property'; readonly key: string; readonly value: string } & TablePlace)
  | { readonly kind: 'message'; readonly id: string; readonly text: string; readonly isError: boolean };

export type TableNode = Extract<Node, { kind: 'table' }>;
export type SnapshotNode = Extract<Node, { kind: 'snapshot' }>;
export type RefNode = Extract<Node, { kind: 'ref' }>;
