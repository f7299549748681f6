/** Writes a model table's files into real manifests and a manifest list, in memory. */
import type { DataFile } from '../../src/iceberg/datafile.ts';
import { encodeManifest } from '../../src/iceberg/manifest.ts';
import { type ManifestFile, writeManifestList } from '../../src/iceberg/manifest-list.ts';
import type { WritableEntry } from '../../src/iceberg/manifest-schema.ts';
import type { Snapshot } from '../../src/iceberg/metadata.ts';
import type { PartitionSpec } from '../../src/iceberg/partition.ts';
import type { Schema } from '../../src/iceberg/schema.ts';
import type { Type } from '../../src/iceberg/types.ts';
import type { MemoryIO } from './memory-io.ts';

export interface ModelEntry {
  readonly dataFile: DataFile;
  /** The data sequence number it was committed with. */
  readonly sequenceNumber: number;
  /** Default: existing. */
  readonly status?: 0 | 1 | 2;
}

export interface ModelManifest {
  readonly entries: readonly ModelEntry[];
  readonly spec: PartitionSpec;
  readonly schema: Schema;
  readonly partitionTypes?: readonly Type[];
  readonly content?: 0 | 1;
  /** v1 manifest lists may lack them. */
  readonly withoutSummaries?: boolean;
}

let count = 0;

/** Writes one snapshot's manifests and list. Entries that are added have the snapshot's sequence number. */
export async function writeSnapshot(
  io: MemoryIO,
  snapshot: Pick<Snapshot, 'snapshotId' | 'sequenceNumber' | 'operation'> & Partial<Snapshot>,
  manifests: readonly ModelManifest[],
  carried: readonly ManifestFile[] = [],
): Promise<{ snapshot: Snapshot; manifests: ManifestFile[] }> {
  const { snapshotId, sequenceNumber } = snapshot;
  const written: ManifestFile[] = [];
  for (const { entries, spec, schema, partitionTypes, content = 0, withoutSummaries } of manifests) {
    const location = `mem:/table/metadata/m${count++}.avro`;
    const { bytes, manifest } = encodeManifest(location, {
      entries: entries.map(({ dataFile, sequenceNumber: own, status = 0 }): WritableEntry => {
        const numbers = status === 1 ? {} : { sequenceNumber: own, fileSequenceNumber: own };
        return { status, snapshotId, dataFile, ...numbers };
      }),
      spec,
      schema,
      partitionTypes,
      formatVersion: 2,
      content,
      snapshotId,
    });
    await io.create(location, bytes);
    written.push({
      ...manifest,
      sequenceNumber,
      minSequenceNumber: Math.max(0, manifest.minSequenceNumber),
      ...(withoutSummaries && { partitions: undefined }),
    });
  }
  const all = [...carried, ...written];
  const manifestList = `mem:/table/metadata/snap-${count++}.avro`;
  await writeManifestList(io, manifestList, {
    formatVersion: 2,
    snapshotId,
    parentSnapshotId: snapshot.parentSnapshotId,
    sequenceNumber,
    manifests: all,
  });
  return { snapshot: { timestampMs: 0, summary: {}, ...snapshot, manifestList }, manifests: all };
}
