import type { DataFile } from './datafile.ts';
import { isDeletionVector } from './delete-index.ts';
import { partitionKey } from './partition-key.ts';

/**
 * The metrics of a snapshot's summary (spec: Appendix F, "Optional Snapshot Summary Fields"). Numbers of zero
 * are left out as Iceberg's Java library does; totals are always there when the parent's are known.
 */
export function summarize(
  added: readonly DataFile[],
  removed: readonly DataFile[],
  parent: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const plus = count(added);
  const minus = count(removed);
  const summary: Record<string, string> = {};
  const set = (name: string, value: number) => {
    if (value > 0) summary[name] = String(value);
  };
  set('added-data-files', plus.dataFiles);
  set('deleted-data-files', minus.dataFiles);
  set('added-delete-files', plus.deleteFiles);
  set('removed-delete-files', minus.deleteFiles);
  set('added-equality-delete-files', plus.equalityFiles);
  set('removed-equality-delete-files', minus.equalityFiles);
  set('added-position-delete-files', plus.positionFiles);
  set('removed-position-delete-files', minus.positionFiles);
  set('added-dvs', plus.vectors);
  set('removed-dvs', minus.vectors);
  set('added-records', plus.records);
  set('deleted-records', minus.records);
  set('added-files-size', plus.size);
  set('removed-files-size', minus.size);
  set('added-position-deletes', plus.positionDeletes);
  set('removed-position-deletes', minus.positionDeletes);
  set('added-equality-deletes', plus.equalityDeletes);
  set('removed-equality-deletes', minus.equalityDeletes);
  const partitions = new Set([...added, ...removed].map(file => partitionKey(file.specId, file.partition)));
  summary['changed-partition-count'] = String(partitions.size);
  const total = (name: string, delta: number) => {
    const text = parent === undefined ? '0' : (parent[name] ?? '');
    const before = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    // A parent without this total (some writers leave it out) makes it unknown, which is not zero.
    if (Number.isSafeInteger(before) && before + delta >= 0) summary[name] = String(before + delta);
  };
  total('total-data-files', plus.dataFiles - minus.dataFiles);
  total('total-delete-files', plus.deleteFiles - minus.deleteFiles);
  total('total-records', plus.records - minus.records);
  total('total-files-size', plus.size - minus.size);
  total('total-position-deletes', plus.positionDeletes - minus.positionDeletes);
  total('total-equality-deletes', plus.equalityDeletes - minus.equalityDeletes);
  return summary;
}

function count(files: readonly DataFile[]) {
  const sums = {
    dataFiles: 0,
    deleteFiles: 0,
    equalityFiles: 0,
    positionFiles: 0,
    vectors: 0,
    records: 0,
    positionDeletes: 0,
    equalityDeletes: 0,
    size: 0,
  };
  for (const file of files) {
    sums.size += contentSize(file);
    if (file.content === 0) {
      sums.dataFiles++;
      sums.records += file.recordCount;
      continue;
    }
    sums.deleteFiles++;
    if (file.content === 2) {
      sums.equalityFiles++;
      sums.equalityDeletes += file.recordCount;
    } else {
      if (isDeletionVector(file)) sums.vectors++;
      else sums.positionFiles++;
      sums.positionDeletes += file.recordCount;
    }
  }
  return sums;
}

/** Bytes of the file that are this entry's: a deletion vector is one blob among others in its file. */
export function contentSize(file: DataFile): number {
  return isDeletionVector(file) ? (file.contentSizeInBytes ?? file.fileSizeInBytes) : file.fileSizeInBytes;
}
