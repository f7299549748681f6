import { ValidationError } from '../../iceberg/errors.ts';
import type { TableMetadata } from '../../iceberg/metadata.ts';
import type { FileScanTask } from '../../iceberg/scan.ts';

/** How rows of files that stay are changed: the files are written anew, or the rows are marked as deleted beside them. */
export type ChangeMode = 'copy-on-write' | 'merge-on-read';

/**
 * What a table sets for a kind of change; `adaptive` when it sets nothing: `paysToMark` decides for each file. Format
 * version 1 knows no delete files. @throws ValidationError
 */
export function modeOf(
  metadata: TableMetadata,
  change: 'delete' | 'update' | 'merge',
): ChangeMode | 'adaptive' {
  const name = `write.${change}.mode`;
  const value = metadata.properties[name]?.trim().toLowerCase();
  const isKnown = value === undefined || value === 'merge-on-read' || value === 'copy-on-write';
  if (!isKnown) {
    throw new ValidationError(
      `The table property '${name}' must be copy-on-write or merge-on-read, but is '${metadata.properties[name]}'.`,
    );
  }
  return metadata.formatVersion === 1 ? 'copy-on-write' : (value ?? 'adaptive');
}

/** Smaller files are written anew in no time, and leave nothing for readers to merge. */
const leastBytesToMark = 8 * 2 ** 20;

/** With more of a file's rows deleted, readers would read too much in vain. */
const mostDeletedShare = 0.1;

/** With more delete files for one data file, readers would open too many. */
const mostDeleteFiles = 8;

/**
 * Whether marking changed rows as deleted beside a file is better than writing it anew: it is large, few of its rows
 * are deleted, and few delete files are there already. A file for which that no longer holds is rewritten by the change
 * that finds it so, and its deletes are folded in; readers never pay for more than these bounds.
 */
export function paysToMark({ dataFile, deletes }: FileScanTask, changedRows: number): boolean {
  if (dataFile.fileSizeInBytes < leastBytesToMark || deletes.length >= mostDeleteFiles) return false;
  // Deletes of a whole partition count in full for each file of it: then the file is rewritten earlier than need be.
  const deleted = deletes.reduce((sum, file) => sum + file.recordCount, changedRows);
  return deleted <= dataFile.recordCount * mostDeletedShare;
}

/** Whether a position delete file is about one data file or about all of a partition. */
export type DeleteGranularity = 'file' | 'partition';

/** What a table sets; absent when it doesn't. @throws ValidationError */
export function granularityOf(metadata: TableMetadata): DeleteGranularity | undefined {
  const name = 'write.delete.granularity';
  const value = metadata.properties[name]?.trim().toLowerCase();
  if (value === undefined || value === 'file' || value === 'partition') return value;
  throw new ValidationError(
    `The table property '${name}' must be file or partition, but is '${metadata.properties[name]}'.`,
  );
}
