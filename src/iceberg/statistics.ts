import type { TableMetadata } from './metadata.ts';
import { ancestors } from './ref-update.ts';

export interface DistinctCounts {
  /** The snapshot that was counted. */
  readonly snapshotId: bigint;
  /** About how many distinct values columns have, by field id. */
  readonly counts: ReadonlyMap<number, number>;
}

interface BlobMetadata {
  readonly fields?: readonly unknown[];
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** What a table's statistics files say of its current rows, or of the newest snapshot before that was counted. */
export function distinctCounts(metadata: TableMetadata): DistinctCounts | undefined {
  const bySnapshot = new Map(metadata.statistics.map(entry => [BigInt(String(entry['snapshot-id'])), entry]));
  for (const { snapshotId } of ancestors(metadata, metadata.currentSnapshotId)) {
    const entry = bySnapshot.get(snapshotId);
    if (entry === undefined) continue;
    const blobs = Array.isArray(entry['blob-metadata']) ? (entry['blob-metadata'] as BlobMetadata[]) : [];
    const counts = new Map<number, number>();
    for (const { fields, properties } of blobs) {
      const count = Number(properties?.ndv);
      if (fields?.length === 1 && Number.isFinite(count)) counts.set(Number(fields[0]), count);
    }
    if (counts.size > 0) return { snapshotId, counts };
  }
  return undefined;
}
