import type { Value } from './types.ts';

/**
 * A text that is equal for two files exactly when their partitions are: the same spec and equal values. As
 * the spec asks, floats are told apart by their bits (-0.0 is not 0.0) and every NaN is the same.
 */
export function partitionKey(specId: number, partition: readonly (Value | null)[]): string {
  let key = String(specId);
  for (const value of partition) key += `/${valueKey(value)}`;
  return key;
}

function valueKey(value: Value | null): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object') return `x${Buffer.from(value).toString('hex')}`;
  if (Object.is(value, -0)) return '-0';
  return String(value);
}
