import { randomUUID } from 'node:crypto';
import { mapConcurrent } from './concurrent.ts';
import type { DataFile, ManifestEntry } from './datafile.ts';
import type { FileIO } from './io.ts';
import { countEntries, encodeManifest, knownPartitionTypes, readManifest } from './manifest.ts';
import type { ManifestFile } from './manifest-list.ts';
import type { WritableEntry } from './manifest-schema.ts';
import { currentSchema, metadataFolder, specById, type TableMetadata } from './metadata.ts';
import type { PartitionSpec } from './partition.ts';
import { booleanProperty, integerProperty, propertyDefaults, propertyNames } from './properties.ts';
import type { Type } from './types.ts';

/** A manifest that isn't written yet. */
interface PendingManifest {
  readonly entries: readonly WritableEntry[];
  readonly spec: PartitionSpec;
  readonly types: readonly Type[];
  readonly content: 0 | 1;
  readonly bytes: Uint8Array;
  readonly manifest: ManifestFile;
}

type Planned = { readonly kept: ManifestFile } | PendingManifest;

/**
 * The manifests that a new snapshot will have, in order, old ones first. Nothing is written before `write`,
 * so manifests that get merged at once never reach the storage.
 */
export class ManifestPlan {
  readonly folder: string;
  /** Locations written so far, also those where writing failed. */
  readonly written: string[] = [];
  readonly #metadata: TableMetadata;
  readonly #io: FileIO;
  readonly #snapshotId: bigint;
  readonly #uuid = randomUUID();
  readonly #creating: Promise<void>[] = [];
  /** Bytes that a manifest should have. */
  readonly targetSize: number;
  #count = 0;
  #planned: Planned[] = [];

  constructor(context: { metadata: TableMetadata; io: FileIO; snapshotId: bigint }) {
    this.#metadata = context.metadata;
    this.#io = context.io;
    this.#snapshotId = context.snapshotId;
    this.folder = metadataFolder(context.metadata);
    const { properties } = context.metadata;
    const size = propertyNames.manifestTargetSizeBytes;
    // A target of zero or less would never end splitting.
    this.targetSize = Math.max(1024, integerProperty(properties, size, propertyDefaults[size]));
  }

  /** Reuses a manifest as it is. */
  keep(manifest: ManifestFile): void {
    this.#planned.push({ kept: manifest });
  }

  /** Replaces a manifest by one with these entries, at its place in the order. */
  rewrite(manifest: ManifestFile, entries: readonly WritableEntry[], types: readonly Type[]): void {
    const spec = specById(this.#metadata, manifest.partitionSpecId);
    this.#planned.push(...this.#encode(entries, spec, types, manifest.content));
  }

  /** New files, in one manifest (or several, when it would grow too large) per partition spec and content. */
  addFiles(files: readonly DataFile[], dataSequenceNumber: number | undefined): void {
    const groups = new Map<string, DataFile[]>();
    for (const file of files) {
      const key = `${file.content === 0 ? 0 : 1} ${file.specId}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [file]);
      else group.push(file);
    }
    for (const group of groups.values()) {
      const spec = specById(this.#metadata, group[0]!.specId);
      const content = group[0]!.content === 0 ? 0 : 1;
      const entries = group.map((dataFile): WritableEntry => {
        const sequenceNumber = content === 0 ? dataSequenceNumber : undefined;
        return { status: 1, snapshotId: this.#snapshotId, sequenceNumber, dataFile };
      });
      this.#planned.push(...this.#encode(entries, spec, this.#types(spec), content));
    }
  }

  /** Merges what is to be merged and writes what is new. */
  async write(): Promise<ManifestFile[]> {
    await this.#merge();
    const manifests: ManifestFile[] = [];
    const results = mapConcurrent(this.#planned, async planned => {
      if ('kept' in planned) return this.#countFiles(planned.kept);
      await this.create(planned.manifest.manifestPath, planned.bytes);
      return planned.manifest;
    });
    for await (const manifest of results) manifests.push(manifest);
    return manifests;
  }

  /** Writes a file that `discard` removes. */
  async create(location: string, bytes: Uint8Array): Promise<void> {
    this.written.push(location);
    const creating = this.#io.create(location, bytes);
    this.#creating.push(creating);
    await creating;
  }

  /** Removes what was written, after a failure; what can't be removed is left for orphan clean-up. */
  async discard(): Promise<void> {
    // After the first failure others may be at work still: what they make must not come after it's removed.
    await Promise.allSettled(this.#creating);
    await Promise.allSettled(this.written.map(location => this.#io.delete(location)));
  }

  /**
   * Bins neighbours of one spec and content up to the target size, oldest first, and merges each bin. The
   * newest bin waits until it has enough manifests, so that most appends rewrite nothing.
   */
  async #merge(): Promise<void> {
    const { properties } = this.#metadata;
    if (!booleanProperty(properties, propertyNames.manifestMergeEnabled, true)) return;
    const least = propertyNames.manifestMinMergeCount;
    const minCount = integerProperty(properties, least, propertyDefaults[least]);
    const groups = new Map<string, Planned[]>();
    for (const planned of this.#planned) {
      const { partitionSpecId, content } = manifestOf(planned);
      const key = `${partitionSpecId} ${content}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [planned]);
      else group.push(planned);
    }
    const replaced = new Map<Planned, Planned[]>();
    for (const group of groups.values()) {
      const types = knownPartitionTypes(
        specById(this.#metadata, manifestOf(group[0]!).partitionSpecId),
        this.#metadata,
      );
      if (types.some(type => type === undefined)) continue;
      const bins = packBins(group, this.targetSize);
      for (const [i, bin] of bins.entries()) {
        if (bin.length < 2 || (i === bins.length - 1 && bin.length < minCount)) continue;
        replaced.set(bin[0]!, await this.#mergeBin(bin, types as Type[]));
        for (const other of bin.slice(1)) replaced.set(other, []);
      }
    }
    if (replaced.size > 0)
      this.#planned = this.#planned.flatMap(planned => replaced.get(planned) ?? [planned]);
  }

  async #mergeBin(bin: readonly Planned[], types: readonly Type[]): Promise<PendingManifest[]> {
    const { partitionSpecId, content } = manifestOf(bin[0]!);
    const entries: WritableEntry[] = [];
    const parts = mapConcurrent(bin, async planned =>
      'kept' in planned
        ? liveAsExisting(await readManifest(this.#io, planned.kept, this.#metadata))
        : planned.entries,
    );
    for await (const part of parts) for (const entry of part) entries.push(entry);
    return this.#encode(entries, specById(this.#metadata, partitionSpecId), types, content);
  }

  #encode(
    entries: readonly WritableEntry[],
    spec: PartitionSpec,
    types: readonly Type[],
    content: 0 | 1,
  ): PendingManifest[] {
    const location = `${this.folder}/${this.#uuid}-m${this.#count++}.avro`;
    const { bytes, manifest } = encodeManifest(location, {
      entries,
      spec,
      schema: currentSchema(this.#metadata),
      partitionTypes: types,
      formatVersion: this.#metadata.formatVersion,
      content,
      snapshotId: this.#snapshotId,
    });
    const parts = Math.ceil(bytes.length / (this.targetSize * 1.25));
    if (parts <= 1 || entries.length < 2) return [{ entries, spec, types, content, bytes, manifest }];
    const size = Math.ceil(entries.length / parts);
    const pending: PendingManifest[] = [];
    for (let start = 0; start < entries.length; start += size) {
      pending.push(...this.#encode(entries.slice(start, start + size), spec, types, content));
    }
    return pending;
  }

  /** Manifest lists from v2 on must have the counts, which those of old v1 tables may lack. */
  async #countFiles(manifest: ManifestFile): Promise<ManifestFile> {
    const counts = [manifest.addedFilesCount, manifest.existingFilesCount, manifest.deletedFilesCount];
    const rowCounts = [manifest.addedRowsCount, manifest.existingRowsCount, manifest.deletedRowsCount];
    if (this.#metadata.formatVersion === 1 || [...counts, ...rowCounts].every(count => count !== undefined)) {
      return manifest;
    }
    return { ...manifest, ...countEntries(await readManifest(this.#io, manifest, this.#metadata)) };
  }

  #types(spec: PartitionSpec): Type[] {
    return knownPartitionTypes(spec, this.#metadata).map(type => type ?? { kind: 'unknown' });
  }
}

function manifestOf(planned: Planned): ManifestFile {
  return 'kept' in planned ? planned.kept : planned.manifest;
}

function liveAsExisting(entries: readonly ManifestEntry[]): WritableEntry[] {
  return entries.filter(entry => entry.status !== 2).map(entry => ({ ...entry, status: 0 }));
}

function packBins(group: readonly Planned[], targetSize: number): Planned[][] {
  const bins: Planned[][] = [];
  let size = 0;
  for (const planned of group) {
    const length = manifestOf(planned).manifestLength;
    const bin = bins.at(-1);
    if (bin === undefined || size + length > targetSize) {
      bins.push([planned]);
      size = length;
    } else {
      bin.push(planned);
      size += length;
    }
  }
  return bins;
}
