import { propertyNames } from './properties.ts';
import { fieldPath, findField, type Schema } from './schema.ts';

/** Table properties whose names end in a column's dotted name. */
const columnPrefixes = [
  propertyNames.metricsModeColumnPrefix,
  propertyNames.bloomFilterColumnPrefix,
  propertyNames.columnStatsPrefix,
];

/**
 * What has to happen to the properties of single columns when a schema changes: they follow a column to its new
 * name (or its struct's), and go with a dropped one.
 */
export function updateColumnProperties(
  properties: Readonly<Record<string, string>>,
  before: Schema,
  after: Schema,
): { readonly set: Record<string, string>; readonly removed: string[] } {
  const set: Record<string, string> = {};
  const gone: string[] = [];
  for (const [key, value] of Object.entries(properties)) {
    const prefix = columnPrefixes.find(candidate => key.startsWith(candidate));
    if (prefix === undefined) continue;
    const path = key.slice(prefix.length);
    const field = findField(before, path);
    if (field === undefined || fieldPath(before, field.id) !== path) continue;
    const now = fieldPath(after, field.id);
    if (now === path) continue;
    gone.push(key);
    if (now !== undefined) set[prefix + now] = value;
  }
  return { set, removed: gone.filter(key => !Object.hasOwn(set, key)) };
}
