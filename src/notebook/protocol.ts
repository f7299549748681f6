import type { ChartRequest, ColumnSummary, ResultView, SaveFormat } from '../../renderers/messages.ts';
import type { Progress } from '../engine/progress.ts';
import type { EngineKind } from '../engine/remote/remote-engine.ts';
import type { ResultColumn } from '../engine/result-set.ts';
import type { TextPosition } from '../iceberg/errors.ts';
import type { CellLanguage } from './lakebook-file.ts';
import type { Parameters } from './parameters.ts';

/*
 * What the kernel process and its parent say to each other. Messages go over Node's IPC channel with
 * `serialization: 'advanced'`, so bytes stay bytes and bigints bigints.
 */

/** Changes when an older parent couldn't talk to the kernel any more. */
export const protocolVersion = 1;

export interface KernelSettings {
  /** DuckDB's memory, e.g. `2GB`; absent: 60 % of the machine's. */
  readonly memoryLimit?: string;
  /** Absent: one for each core. */
  readonly threads?: number;
  /** Rows of each result that the answer holds as a preview; 100 when absent. */
  readonly previewRows?: number;
  /** The engine that runs SQL at first; the embedded one when absent. */
  readonly engine?: EngineKind;
  /** A local query that would read more says so, in bytes; what the lake's configuration says when absent. */
  readonly engineHintBytes?: number;
}

export interface LakeInfo {
  readonly name: string;
  /** Folder of lakebook.json, or the folder that was opened. */
  readonly root: string;
  readonly warehouse: string;
  readonly defaultNamespace: readonly string[];
}

/** An error as it crosses the process border. */
export interface ErrorInfo {
  /** Class name: `ValidationError`, `SqlError`, ... */
  readonly name: string;
  /** Stable identifier: `TABLE_NOT_FOUND`, `SYNTAX`, `KERNEL_DIED`, ... */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** In the cell, unless `file` is there. */
  readonly position?: TextPosition;
  readonly file?: string;
}

/** What planning decided for a query: files and bytes of the tables it reads, and what is left to scan. */
export interface ScanSummary {
  readonly dataFiles: number;
  readonly dataFilesScanned: number;
  readonly bytes: number;
  readonly bytesScanned: number;
}

/** One thing that a cell answers. */
export type CellOutput =
  | {
      readonly kind: 'result';
      readonly resultId: string;
      /** The name that later cells can use: that of `-- name:`, or `_1`, `_2`, ... */
      readonly name: string;
      readonly columns: readonly ResultColumn[];
      /** Rows so far; all of them once `complete`. */
      readonly rowCount: number;
      readonly complete: boolean;
      /** Rows were left out. */
      readonly truncated: boolean;
      /** The first rows as an Arrow IPC stream of at most a megabyte, or just the schema; for the renderer. */
      readonly page: Uint8Array;
      /** The first rows as values that JSON holds exactly. */
      readonly preview: readonly (readonly unknown[])[];
      readonly scan?: ScanSummary;
      /** A sentence that goes with the rows. */
      readonly text?: string;
      readonly elapsedMs: number;
    }
  | {
      readonly kind: 'text';
      readonly text: string;
      /** Set when a table was changed. */
      readonly snapshotId?: string;
      readonly elapsedMs: number;
    }
  | { readonly kind: 'warning'; readonly text: string };

export interface ExecuteReply {
  readonly status: 'ok' | 'error' | 'interrupted';
  readonly executionCount: number;
  readonly error?: ErrorInfo;
  readonly elapsedMs: number;
  /** Values that a parameters cell set. */
  readonly parameters?: Parameters;
}

export type CompletionKind =
  | 'keyword'
  | 'table'
  | 'column'
  | 'function'
  | 'namespace'
  | 'snapshot'
  | 'reference'
  | 'verb'
  | 'file'
  | 'folder'
  | 'type'
  | 'value';

export interface CompletionItem {
  readonly label: string;
  readonly kind: CompletionKind;
  /** Beside the label: a column's type, a snapshot's time. */
  readonly detail?: string;
  /** Markdown. */
  readonly documentation?: string;
  /** What is put in; the label when absent. */
  readonly insert?: string;
}

/** Offsets are UTF-16 offsets in the cell; `start` to `end` is what an item replaces. */
export interface CompleteReply {
  readonly start: number;
  readonly end: number;
  readonly items: readonly CompletionItem[];
}

export interface InspectReply {
  readonly start: number;
  readonly end: number;
  readonly markdown: string;
}

export interface Diagnostic {
  readonly start: number;
  readonly end: number;
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  /** Text that mends it in place of start to end. */
  readonly fix?: string;
}

export interface TableSummary {
  /** As in SQL: quoted where it has to be. */
  readonly name: string;
  readonly namespace: readonly string[];
  readonly table: string;
}

export interface ColumnDetails {
  readonly id: number;
  /** Dotted for nested fields. */
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly isKey: boolean;
  readonly comment?: string;
  readonly children: readonly ColumnDetails[];
}

export interface SnapshotDetails {
  readonly id: string;
  readonly parentId?: string;
  readonly timestampMs: number;
  readonly operation: string;
  readonly summary: Readonly<Record<string, string>>;
  readonly isCurrent: boolean;
  /** Branches and tags that point to it. */
  readonly refs: readonly string[];
}

export interface RefDetails {
  readonly name: string;
  readonly type: 'branch' | 'tag';
  readonly snapshotId: string;
}

export interface TableDetails extends TableSummary {
  readonly location: string;
  readonly metadataLocation: string;
  readonly formatVersion: number;
  readonly columns: readonly ColumnDetails[];
  /** Partition fields as SQL: `month(sold_at)`. */
  readonly partitionedBy: readonly string[];
  readonly sortedBy: readonly string[];
  /** Newest first. */
  readonly snapshots: readonly SnapshotDetails[];
  readonly refs: readonly RefDetails[];
  readonly properties: Readonly<Record<string, string>>;
  readonly currentSnapshotId?: string;
  /** Of the current snapshot, from its summary; absent when no writer counted. */
  readonly rows?: number;
  readonly files?: number;
  readonly bytes?: number;
  readonly lastUpdatedMs: number;
}

export interface FileDetails {
  readonly path: string;
  readonly format: string;
  readonly rows: number;
  readonly bytes: number;
  readonly partition: string;
  readonly content: string;
}

export interface PartitionDetails {
  readonly partition: string;
  readonly rows: number;
  readonly files: number;
}

/** Requests by name, with what they ask and answer. */
export interface KernelMethods {
  hello: {
    request: Record<string, never>;
    reply: { protocol: number; pid: number; node: string };
  };
  /** Opens the lake that a folder belongs to; the kernel has one lake. */
  open: {
    request: {
      folder: string;
      /** Where relative paths in cells start; `folder` when absent. */
      workingDirectory?: string;
      settings?: KernelSettings;
    };
    reply: LakeInfo;
  };
  execute: {
    request: {
      cellId: string;
      /** The parent's number of this run, which its events carry. */
      run: number;
      source: string;
      language: CellLanguage;
      /** The cell's metadata tags. */
      tags?: readonly string[];
      parameters?: Parameters;
      /** Overrides the setting for this cell. */
      previewRows?: number;
      /** The cell's number and that of its results (`_1`), where the parent counts; the kernel does when absent. */
      executionCount?: number;
    };
    reply: ExecuteReply;
  };
  /** Stops the cell that runs and those that wait. */
  interrupt: { request: Record<string, never>; reply: null };
  complete: { request: { source: string; language: CellLanguage; offset: number }; reply: CompleteReply };
  inspect: {
    request: { source: string; language: CellLanguage; offset: number };
    reply: InspectReply | null;
  };
  diagnose: { request: { source: string; language: CellLanguage }; reply: Diagnostic[] };
  fetchWindow: {
    request: { resultId: string; view?: ResultView; offset: number; limit: number };
    reply: { rowCount: number; bytes: Uint8Array };
  };
  /** Rows as values that JSON holds exactly. */
  fetchRows: {
    request: { resultId: string; view?: ResultView; offset: number; limit: number };
    reply: { rowCount: number; rows: unknown[][] };
  };
  columnSummary: { request: { resultId: string; column: string }; reply: ColumnSummary };
  chart: {
    request: { resultId: string; view?: ResultView; chart: ChartRequest };
    reply: { bytes: Uint8Array; truncated: boolean };
  };
  releaseResult: { request: { resultId: string }; reply: null };
  exportResult: {
    request: { resultId: string; view?: ResultView; format: SaveFormat; path: string };
    reply: { rows: number };
  };
  namespaces: { request: { parent?: readonly string[] }; reply: string[][] };
  tables: { request: { namespace: readonly string[] }; reply: TableSummary[] };
  table: { request: { table: string }; reply: TableDetails };
  /** The current metadata file as it is stored, decompressed. */
  tableMetadata: { request: { table: string }; reply: { location: string; text: string } };
  tableFiles: { request: { table: string; limit: number }; reply: { total: number; files: FileDetails[] } };
  tablePartitions: { request: { table: string }; reply: PartitionDetails[] };
  status: {
    request: Record<string, never>;
    reply: {
      busy: boolean;
      waiting: number;
      /** Resident memory of the process, and what DuckDB holds, in bytes. */
      memoryBytes: number;
      engineMemoryBytes: number;
      memoryLimit: string;
      threads: number;
      engine: string;
      /** The engine that a person has chosen for SQL, and those there are beside the embedded one. */
      chosenEngine: EngineKind;
      otherEngines: readonly EngineKind[];
      results: number;
    };
  };
  /** Has another engine run SQL from now on, after asking whether it is there. */
  chooseEngine: { request: { engine: EngineKind }; reply: { text: string } };
  shutdown: { request: Record<string, never>; reply: null };
}

export type KernelMethod = keyof KernelMethods;
export type RequestOf<M extends KernelMethod> = KernelMethods[M]['request'];
export type ReplyOf<M extends KernelMethod> = KernelMethods[M]['reply'];

export type KernelEvent =
  | { readonly event: 'status'; readonly state: 'busy' | 'idle'; readonly cellId?: string }
  | {
      readonly event: 'progress';
      readonly cellId: string;
      readonly run: number;
      readonly progress: Progress;
    }
  /** An output at its index in the cell's list; a later one of the same index takes its place. */
  | {
      readonly event: 'output';
      readonly cellId: string;
      readonly run: number;
      readonly index: number;
      readonly output: CellOutput;
    }
  /** Somebody, perhaps another process, changed a table. */
  | { readonly event: 'catalogChanged' }
  | { readonly event: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string };

export interface RequestMessage {
  readonly id: number;
  readonly method: KernelMethod;
  readonly request: unknown;
}

export type KernelMessage =
  | { readonly id: number; readonly reply: unknown }
  | { readonly id: number; readonly error: ErrorInfo }
  | KernelEvent;
