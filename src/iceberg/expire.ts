import { mainBranch, type Snapshot, snapshotById, type TableMetadata } from './metadata.ts';
import { integerProperty, propertyDefaults, propertyNames } from './properties.ts';
import { ancestors } from './ref-update.ts';

export interface ExpireRequest {
  /** Milliseconds since the epoch: the moment that ages are counted from. */
  readonly nowMs: number;
  /** Snapshots younger than this stay; absent: what the table says (`history.expire.max-snapshot-age-ms`). */
  readonly olderThanMs?: number;
  /** So many of each branch stay; absent: what the table says (`history.expire.min-snapshots-to-keep`). */
  readonly keep?: number;
  /** Snapshots to expire whatever their age; those that a branch or tag needs stay nevertheless. */
  readonly snapshotIds?: readonly bigint[];
}

export interface Expiry {
  readonly snapshots: readonly Snapshot[];
  /** Branches and tags that have reached their own age limit. */
  readonly refs: readonly string[];
}

/**
 * Which snapshots, branches and tags have had their time (spec: "Snapshot Retention Policy"): a branch keeps its
 * newest snapshots, by number and by age, with limits of its own where it has some; a tag keeps its snapshot; one that
 * no branch and no tag needs goes by its age alone.
 * @throws ValidationError for table properties that are no numbers
 */
export function expiredSnapshots(metadata: TableMetadata, request: ExpireRequest): Expiry {
  const { nowMs } = request;
  const setting = (name: keyof typeof propertyDefaults) =>
    integerProperty(metadata.properties, name, propertyDefaults[name] as number);
  const maxRefAge = setting(propertyNames.maxRefAgeMs);
  const minSnapshots = request.keep ?? setting(propertyNames.minSnapshotsToKeep);
  const olderThan = request.olderThanMs ?? nowMs - setting(propertyNames.maxSnapshotAgeMs);
  const refs: string[] = [];
  const kept = new Set<bigint>();
  const referenced = new Set<bigint>();
  for (const [name, ref] of Object.entries(metadata.refs)) {
    const head = snapshotById(metadata, ref.snapshotId);
    if (
      name !== mainBranch &&
      (head === undefined || nowMs - head.timestampMs > (ref.maxRefAgeMs ?? maxRefAge))
    ) {
      refs.push(name);
      continue;
    }
    if (ref.type === 'tag') {
      kept.add(ref.snapshotId);
      referenced.add(ref.snapshotId);
      continue;
    }
    const least = ref.minSnapshotsToKeep ?? minSnapshots;
    const youngest = ref.maxSnapshotAgeMs === undefined ? olderThan : nowMs - ref.maxSnapshotAgeMs;
    for (const [index, snapshot] of ancestors(metadata, ref.snapshotId).entries()) {
      referenced.add(snapshot.snapshotId);
      // The head stays whatever the limits say.
      if (index < Math.max(1, least) || snapshot.timestampMs >= youngest) kept.add(snapshot.snapshotId);
    }
  }
  // Metadata of v1 tables may have a current snapshot without a ref for it.
  if (metadata.currentSnapshotId !== undefined) kept.add(metadata.currentSnapshotId);
  const asked = new Set(request.snapshotIds);
  const heads = new Set(
    Object.entries(metadata.refs).flatMap(([name, ref]) => (refs.includes(name) ? [] : [ref.snapshotId])),
  );
  const isExpired = ({ snapshotId, timestampMs }: Snapshot) => {
    if (asked.size > 0) {
      return asked.has(snapshotId) && !heads.has(snapshotId) && snapshotId !== metadata.currentSnapshotId;
    }
    return !kept.has(snapshotId) && (referenced.has(snapshotId) || timestampMs < olderThan);
  };
  return { snapshots: metadata.snapshots.filter(isExpired), refs };
}
