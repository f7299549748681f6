import type { Value } from './types.ts';

/** 0 data, 1 position deletes (also deletion vectors), 2 equality deletes (spec: data_file.content). */
export type FileContent = 0 | 1 | 2;

/** A data or delete file as a manifest describes it (spec: "Data File Fields"). Maps are keyed by field id. */
export interface DataFile {
  readonly content: FileContent;
  readonly filePath: string;
  readonly fileFormat: 'PARQUET' | 'AVRO' | 'ORC' | 'PUFFIN';
  readonly specId: number;
  /** Partition values in the spec's field order; null is a null partition value. */
  readonly partition: readonly (Value | null)[];
  readonly recordCount: number;
  readonly fileSizeInBytes: number;
  readonly columnSizes?: ReadonlyMap<number, number>;
  readonly valueCounts?: ReadonlyMap<number, number>;
  readonly nullValueCounts?: ReadonlyMap<number, number>;
  readonly nanValueCounts?: ReadonlyMap<number, number>;
  /** Single-value binary form (spec: Appendix D), as in the manifest. */
  readonly lowerBounds?: ReadonlyMap<number, Uint8Array>;
  readonly upperBounds?: ReadonlyMap<number, Uint8Array>;
  readonly keyMetadata?: Uint8Array;
  readonly splitOffsets?: readonly number[];
  readonly equalityIds?: readonly number[];
  readonly sortOrderId?: number;
  readonly firstRowId?: number;
  readonly referencedDataFile?: string;
  readonly contentOffset?: number;
  readonly contentSizeInBytes?: number;
}

/** 0 existing, 1 added, 2 deleted. */
export type EntryStatus = 0 | 1 | 2;

/** A manifest entry after inheritance (spec: "Manifest Entry Fields", "Sequence Number Inheritance"). */
export interface ManifestEntry {
  readonly status: EntryStatus;
  readonly snapshotId: bigint;
  readonly sequenceNumber: number;
  readonly fileSequenceNumber: number;
  readonly dataFile: DataFile;
}
