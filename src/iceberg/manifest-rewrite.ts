import { mapConcurrent } from './concurrent.ts';
import type { ManifestEntry } from './datafile.ts';
import type { FileIO } from './io.ts';
import { manifestPartitionTypes, readLiveEntries } from './manifest.ts';
import { hasLiveFiles, type ManifestFile, snapshotManifests } from './manifest-list.ts';
import { ManifestPlan } from './manifest-plan.ts';
import { mainBranch, specById, type TableMetadata } from './metadata.ts';
import { partitionKey } from './partition-key.ts';
import { branchHead, newSnapshotId, type ProducedSnapshot, writeSnapshot } from './snapshot-producer.ts';
import { summarize } from './snapshot-summary.ts';

export interface ManifestRewriteRequest {
  readonly metadata: TableMetadata;
  readonly io: FileIO;
  /** Only manifests of this partition spec; absent: of all. */
  readonly specId?: number;
  /** Also such as are well as they are. */
  readonly all?: boolean;
}

export interface ManifestRewrite extends ProducedSnapshot {
  readonly rewritten: number;
  readonly added: number;
}

/**
 * A snapshot with the same files in other manifests: those of one partition spec side by side, in manifests of the
 * target size and ordered by partition, so that a scan opens few of them. Undefined: they are well as they are.
 */
export async function rewriteManifests(
  request: ManifestRewriteRequest,
): Promise<ManifestRewrite | undefined> {
  const { metadata, io } = request;
  if (metadata.currentSnapshotId === undefined) return undefined;
  const head = branchHead(metadata, mainBranch, undefined);
  const parent = head.parent!;
  const snapshotId = newSnapshotId(metadata);
  const plan = new ManifestPlan({ metadata, io, snapshotId });
  const live = (await snapshotManifests(io, parent)).filter(hasLiveFiles);
  const groups = Map.groupBy(live, ({ partitionSpecId, content }) => `${partitionSpecId} ${content}`);
  let rewritten = 0;
  let entries = 0;
  try {
    for (const group of groups.values()) {
      const first = group[0]!;
      const ours = request.specId === undefined || request.specId === first.partitionSpecId;
      const size = group.reduce((sum, { manifestLength }) => sum + manifestLength, 0);
      const ideal = Math.max(1, Math.ceil(size / plan.targetSize));
      if (!ours || group.length === 0 || (group.length <= ideal && request.all !== true)) {
        for (const manifest of group) plan.keep(manifest);
        continue;
      }
      rewritten += group.length;
      entries += await rewriteGroup(request, plan, group);
    }
    if (rewritten === 0) return undefined;
    const manifests = await plan.write();
    const kept = live.length - rewritten;
    const added = manifests.length - kept;
    const produced = await writeSnapshot(plan, manifests, {
      metadata,
      branch: mainBranch,
      head,
      snapshotId,
      operation: 'replace',
      summary: {
        'manifests-created': String(added),
        'manifests-kept': String(kept),
        'manifests-replaced': String(rewritten),
        'entries-processed': String(entries),
        ...summarize([], [], parent.summary),
      },
    });
    return { ...produced, rewritten, added };
  } catch (error) {
    await plan.discard();
    throw error;
  }
}

async function rewriteGroup(
  { metadata, io }: ManifestRewriteRequest,
  plan: ManifestPlan,
  group: readonly ManifestFile[],
): Promise<number> {
  const first = group[0]!;
  const spec = specById(metadata, first.partitionSpecId);
  const all: { readonly key: string; readonly entry: ManifestEntry }[] = [];
  const read = (manifest: ManifestFile) => readLiveEntries(io, manifest, metadata);
  for await (const entries of mapConcurrent(group, read)) {
    for (const entry of entries) {
      const { specId, partition } = entry.dataFile;
      all.push({ key: partitionKey(specId, partition), entry: { ...entry, status: 0 } });
    }
  }
  // Files of one partition side by side. Sorting is stable: within a partition the order stays.
  all.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  plan.rewrite(
    first,
    all.map(({ entry }) => entry),
    await manifestPartitionTypes(io, first, spec, metadata),
  );
  return all.length;
}
