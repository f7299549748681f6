import type { ScanStats } from '../../iceberg/scan.ts';

/** What several scans read together; undefined for none. */
export function addStats(all: readonly ScanStats[]): ScanStats | undefined {
  const [first, ...others] = all;
  if (first === undefined) return undefined;
  return others.reduce((sum, stats) => {
    const added = Object.entries(stats).map(([key, value]) => [key, sum[key as keyof ScanStats] + value]);
    return Object.fromEntries(added) as unknown as ScanStats;
  }, first);
}
