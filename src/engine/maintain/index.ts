export { type Compaction, type CompactOrder, type CompactRequest, compact } from './compact.ts';
export { type CompactOptions, compactOptions } from './compact-plan.ts';
export { type Expired, type ExpireRequest, expireSnapshots } from './expire.ts';
export { compactManifests, type ManifestsRewrite } from './manifests.ts';
export { defaultOrphanAgeMs, findOrphans, type Orphans, type OrphansRequest } from './orphans.ts';
export { type PositionDeletesRewrite, rewritePositionDeletes } from './position-deletes.ts';
export { computeStatistics, type StatisticsRequest, type TableStatistics } from './statistics.ts';
