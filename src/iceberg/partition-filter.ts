import type { DataFile } from './datafile.ts';
import { decodeBounds } from './evaluate.ts';
import { knownPartitionTypes, type ManifestContext } from './manifest.ts';
import type { ManifestFile } from './manifest-list.ts';
import { partitionKey } from './partition-key.ts';
import { compareForFilter } from './value.ts';

/** Beyond this many partitions, comparing them costs more than opening the manifest. */
const MAX_PARTITIONS = 1000;

/** Tells which manifests can't hold any of the given files, by content, spec and partition summaries. */
export class PartitionFilter {
  readonly #metadata: ManifestContext;
  /** Distinct partitions by content and spec. */
  readonly #groups = new Map<string, Map<string, DataFile['partition']>>();

  constructor(metadata: ManifestContext, files: readonly DataFile[]) {
    this.#metadata = metadata;
    for (const file of files) {
      const key = groupKey(file.content === 0 ? 0 : 1, file.specId);
      const group = this.#groups.get(key) ?? new Map<string, DataFile['partition']>();
      this.#groups.set(key, group);
      group.set(partitionKey(file.specId, file.partition), file.partition);
    }
  }

  mightContain(manifest: ManifestFile): boolean {
    const group = this.#groups.get(groupKey(manifest.content, manifest.partitionSpecId));
    if (group === undefined) return false;
    const summaries = manifest.partitions;
    if (summaries === undefined || group.size > MAX_PARTITIONS) return true;
    const spec = this.#metadata.partitionSpecs.find(s => s.specId === manifest.partitionSpecId);
    if (spec === undefined || summaries.length !== spec.fields.length) return true;
    const types = knownPartitionTypes(spec, this.#metadata);
    const ranges = summaries.map((summary, i) => {
      const type = types[i] ?? { kind: 'unknown' };
      return { summary, ...decodeBounds(type, summary.lowerBound, summary.upperBound) };
    });
    for (const partition of group.values()) {
      const inside = ranges.every(({ summary, lower, upper }, i) => {
        const value = partition[i] ?? null;
        if (value === null) return summary.containsNull;
        if (typeof value === 'number' && Number.isNaN(value)) return summary.containsNan !== false;
        // Without bounds all values are null or NaN (spec: `field_summary`).
        if (summary.lowerBound === undefined && summary.upperBound === undefined) return false;
        if (lower !== undefined && compareForFilter(value, lower) < 0) return false;
        return upper === undefined || compareForFilter(value, upper) <= 0;
      });
      if (inside) return true;
    }
    return false;
  }
}

function groupKey(content: 0 | 1, specId: number): string {
  return `${content} ${specId}`;
}
