export { type BoundQuery, type BoundTable, bindQuery } from './bind-query.ts';
export { conditionFilter } from './condition-filter.ts';
export { schemaOfVersion, type TableVersion } from './version.ts';
export type { LakeView } from './views.ts';
