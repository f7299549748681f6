import { randomBytes, randomUUID } from 'node:crypto';
import { mapConcurrent } from './concurrent.ts';
import type { DataFile, ManifestEntry } from './datafile.ts';
import { isDeletionVector } from './delete-index.ts';
import { CommitConflictError, NotFoundError, ValidationError } from './errors.ts';
import type { FileIO } from './io.ts';
import { manifestPartitionTypes, readManifest } from './manifest.ts';
import { hasLiveFiles, type ManifestFile, snapshotManifests, writeManifestList } from './manifest-list.ts';
import { ManifestPlan } from './manifest-plan.ts';
import {
  mainBranch,
  nextSequenceNumber,
  type Snapshot,
  type SnapshotRef,
  snapshotById,
  specById,
  type TableMetadata,
} from './metadata.ts';
import { PartitionFilter } from './partition-filter.ts';
import { summarize } from './snapshot-summary.ts';
import type { TableRequirement, TableUpdate } from './updates.ts';

export interface SnapshotRequest {
  readonly metadata: TableMetadata;
  readonly io: FileIO;
  /** The branch that moves to the new snapshot; made from the main branch's head when it isn't there. */
  readonly branch?: string;
  readonly operation: Snapshot['operation'];
  /** New data files, and new delete files (content 1 and 2). They inherit the commit's sequence number. */
  readonly added: readonly DataFile[];
  /** Live files to remove, told by path (a deletion vector by path and offset). */
  readonly removed: readonly DataFile[];
  /** More summary properties. */
  readonly summary?: Readonly<Record<string, string>>;
  /**
   * The snapshot that the change was worked out on: the branch's head must still be this one. For a branch
   * that isn't there yet: where it starts.
   */
  readonly baseSnapshotId?: bigint;
  /**
   * Data sequence number of the added data files, for a rewrite whose rows are not newer than the files they
   * came from (so that equality deletes committed meanwhile still apply). Absent: the commit's own.
   */
  readonly dataSequenceNumber?: number;
}

export interface ProducedSnapshot {
  readonly snapshot: Snapshot;
  readonly updates: TableUpdate[];
  readonly requirements: TableRequirement[];
  /** Metadata files written for this attempt: to be deleted when the commit fails. */
  readonly written: string[];
}

/**
 * Writes the manifests and the manifest list of a new snapshot, and gives what a commit of it consists of.
 * Manifests without a removed file are reused as they are; small ones are merged as the table's properties
 * say. Nothing is left behind when it fails.
 * @throws CommitConflictError when a removed file isn't live (any more), or the branch's head isn't
 *   `baseSnapshotId`; ValidationError for files that the table's format version can't have
 */
export async function produceSnapshot(request: SnapshotRequest): Promise<ProducedSnapshot> {
  const { metadata, io, operation, added } = request;
  const branch = request.branch ?? mainBranch;
  const head = branchHead(metadata, branch, request.baseSnapshotId);
  validateFiles(request);
  const snapshotId = newSnapshotId(metadata);
  const { parent } = head;
  const plan = new ManifestPlan({ metadata, io, snapshotId });
  try {
    const existing = parent === undefined ? [] : await snapshotManifests(io, parent);
    const removedFiles = await keepOrRewrite(request, existing.filter(hasLiveFiles), snapshotId, plan);
    plan.addFiles(added, request.dataSequenceNumber);
    return await writeSnapshot(plan, await plan.write(), {
      metadata,
      branch,
      head,
      snapshotId,
      operation,
      summary: { ...request.summary, ...summarize(added, removedFiles, head.parent?.summary) },
    });
  } catch (error) {
    await plan.discard();
    throw error;
  }
}

/** What a new snapshot of a branch comes after. */
export interface BranchHead {
  readonly parent: Snapshot | undefined;
  /** Absent for a branch that isn't there yet. */
  readonly ref: SnapshotRef | undefined;
  readonly refSnapshotId: bigint | undefined;
}

/** Writes the manifest list of a new snapshot, and gives what a commit of it consists of. */
export async function writeSnapshot(
  plan: ManifestPlan,
  manifests: readonly ManifestFile[],
  about: {
    readonly metadata: TableMetadata;
    readonly branch: string;
    readonly head: BranchHead;
    readonly snapshotId: bigint;
    readonly operation: Snapshot['operation'];
    readonly summary: Readonly<Record<string, string>>;
  },
): Promise<ProducedSnapshot> {
  const { metadata, branch, head, snapshotId, operation } = about;
  const parentSnapshotId = head.parent?.snapshotId;
  const sequenceNumber = nextSequenceNumber(metadata);
  const firstRowId = metadata.nextRowId ?? 0;
  const manifestList = `${plan.folder}/snap-${snapshotId}-0-${randomUUID()}.avro`;
  const { addedRows } = await writeManifestList(plan, manifestList, {
    formatVersion: metadata.formatVersion,
    snapshotId,
    parentSnapshotId,
    sequenceNumber,
    firstRowId,
    manifests,
  });
  const snapshot: Snapshot = {
    snapshotId,
    parentSnapshotId,
    sequenceNumber,
    timestampMs: newTimestamp(metadata),
    manifestList,
    operation,
    summary: { 'engine-name': 'lakebook', ...about.summary },
    schemaId: metadata.currentSchemaId,
    ...(metadata.formatVersion === 3 && { firstRowId, addedRows }),
  };
  return {
    snapshot,
    updates: [
      { action: 'add-snapshot', snapshot },
      { action: 'set-snapshot-ref', refName: branch, ref: { ...head.ref, type: 'branch', snapshotId } },
    ],
    requirements: [
      { type: 'assert-table-uuid', uuid: metadata.tableUuid },
      { type: 'assert-ref-snapshot-id', ref: branch, snapshotId: head.refSnapshotId },
    ],
    written: plan.written,
  };
}

/** @throws ValidationError, CommitConflictError, NotFoundError('snapshot') */
export function branchHead(metadata: TableMetadata, branch: string, base: bigint | undefined): BranchHead {
  const ref = Object.hasOwn(metadata.refs, branch) ? metadata.refs[branch] : undefined;
  if (ref !== undefined && ref.type !== 'branch') {
    throw new ValidationError(`${branch} is a tag: rows can be written to a branch only.`, {
      hint: `Make a branch at the tag first, then write to the branch.`,
    });
  }
  // Metadata of v1 tables may have a current snapshot without a ref for it.
  const refSnapshotId = ref?.snapshotId ?? (branch === mainBranch ? metadata.currentSnapshotId : undefined);
  if (refSnapshotId !== undefined && base !== undefined && refSnapshotId !== base) {
    throw new CommitConflictError(
      `Branch ${branch} moved from snapshot ${base} to ${refSnapshotId} meanwhile.`,
      {
        hint: 'Run the statement again: it will work on the newest rows.',
      },
    );
  }
  const parentId = refSnapshotId ?? base ?? metadata.currentSnapshotId;
  if (parentId === undefined) return { parent: undefined, ref, refSnapshotId };
  const parent = snapshotById(metadata, parentId);
  if (parent === undefined) {
    throw new NotFoundError(
      'snapshot',
      `Snapshot ${parentId}, the head of ${branch}, is not in the table's metadata.`,
    );
  }
  return { parent, ref, refSnapshotId };
}

function validateFiles({ metadata, added, removed }: SnapshotRequest): void {
  const version = metadata.formatVersion;
  const gone = new Set(removed.map(fileKey));
  const seen = new Set<string>();
  for (const file of added) {
    if (!metadata.partitionSpecs.some(spec => spec.specId === file.specId)) {
      throw new ValidationError(
        `The file ${file.filePath} has the partition spec ${file.specId}, which is not there.`,
      );
    }
    if (file.content !== 0 && version === 1) {
      throw new ValidationError('A table of format version 1 has no delete files.', {
        hint: "Upgrade the table first: set the table property 'format-version' to '2'.",
      });
    }
    if (isDeletionVector(file) && version < 3) {
      throw new ValidationError(`Deletion vectors need format version 3; this table has ${version}.`);
    }
    if (file.content === 1 && !isDeletionVector(file) && version >= 3) {
      throw new ValidationError(
        'A table of format version 3 takes deletion vectors, not position delete files.',
      );
    }
    const key = fileKey(file);
    if (seen.has(key)) throw new ValidationError(`The file ${file.filePath} is added twice.`);
    if (gone.has(key)) throw new ValidationError(`The file ${file.filePath} is both added and removed.`);
    seen.add(key);
  }
}

/** Puts every live manifest into the plan: as it is, or rewritten without the removed files. Gives those. */
async function keepOrRewrite(
  request: SnapshotRequest,
  manifests: readonly ManifestFile[],
  snapshotId: bigint,
  plan: ManifestPlan,
): Promise<DataFile[]> {
  const { metadata, io } = request;
  const wanted = new Map(request.removed.map(file => [fileKey(file), file]));
  const mayHold = new PartitionFilter(metadata, request.removed);
  const found: DataFile[] = [];
  const matched = new Set<string>();
  const results = mapConcurrent(manifests, async manifest => {
    if (wanted.size === 0 || !mayHold.mightContain(manifest)) return { manifest, entries: undefined };
    const entries = await readManifest(io, manifest, metadata);
    const hit = entries.some(entry => entry.status !== 2 && wanted.has(fileKey(entry.dataFile)));
    return { manifest, entries: hit ? entries : undefined };
  });
  for await (const { manifest, entries } of results) {
    if (entries === undefined) {
      plan.keep(manifest);
      continue;
    }
    const rewritten: ManifestEntry[] = [];
    for (const entry of entries) {
      if (entry.status === 2) continue;
      const key = fileKey(entry.dataFile);
      if (wanted.has(key)) {
        matched.add(key);
        found.push(entry.dataFile);
        rewritten.push({ ...entry, status: 2, snapshotId });
      } else {
        rewritten.push({ ...entry, status: 0 });
      }
    }
    const spec = specById(metadata, manifest.partitionSpecId);
    plan.rewrite(manifest, rewritten, await manifestPartitionTypes(io, manifest, spec, metadata));
  }
  const [missing, ...others] = [...wanted].filter(([key]) => !matched.has(key)).map(([, file]) => file);
  if (missing !== undefined) {
    const more = others.length > 0 ? ` and ${others.length} more files` : '';
    throw new CommitConflictError(`Another writer removed ${missing.filePath}${more} meanwhile.`, {
      hint: 'Run the statement again: it will work on the newest rows.',
    });
  }
  return found;
}

/** What tells one live file from another: several deletion vectors share one Puffin file. */
function fileKey(file: DataFile): string {
  return isDeletionVector(file) ? `${file.filePath}#${file.contentOffset}` : file.filePath;
}

/** A random positive 63-bit id that the table doesn't use. */
export function newSnapshotId(metadata: TableMetadata): bigint {
  for (;;) {
    const id = randomBytes(8).readBigUInt64BE() >> 1n;
    if (id !== 0n && !metadata.snapshots.some(snapshot => snapshot.snapshotId === id)) return id;
  }
}

/** Now, yet later than every snapshot there is: time travel needs an order, whatever clocks say. */
function newTimestamp(metadata: TableMetadata): number {
  const latest = metadata.snapshots.reduce((max, snapshot) => Math.max(max, snapshot.timestampMs + 1), 0);
  return Math.max(Date.now(), metadata.lastUpdatedMs, latest);
}
