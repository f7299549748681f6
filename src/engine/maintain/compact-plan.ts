import { isDeletionVector } from '../../iceberg/delete-index.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import type { TableMetadata } from '../../iceberg/metadata.ts';
import { isPartitioned } from '../../iceberg/partition.ts';
import { partitionKey } from '../../iceberg/partition-key.ts';
import { integerProperty, propertyDefaults, propertyNames } from '../../iceberg/properties.ts';
import type { FileScanTask } from '../../iceberg/scan.ts';

/** How files are chosen, as the options of Spark's rewrite_data_files say it. Sizes are bytes. */
export interface CompactOptions {
  readonly targetFileSize: number;
  /** Smaller and larger files are rewritten. */
  readonly minFileSize: number;
  readonly maxFileSize: number;
  /** So many files at least are worth being made one of. */
  readonly minInputFiles: number;
  /** So many delete files of a file, or such a part of its rows deleted, make it be rewritten whatever its size. */
  readonly deleteFileThreshold: number;
  readonly deleteRatioThreshold: number;
  readonly maxGroupSize: number;
  /** All files. */
  readonly rewriteAll: boolean;
  /** Each group is committed by itself: what's done stays when a later one fails. */
  readonly partialProgress: boolean;
}

/** Names of the options in Spark's procedure. */
const names = {
  targetFileSize: 'target-file-size-bytes',
  minFileSize: 'min-file-size-bytes',
  maxFileSize: 'max-file-size-bytes',
  minInputFiles: 'min-input-files',
  deleteFileThreshold: 'delete-file-threshold',
  deleteRatioThreshold: 'delete-ratio-threshold',
  maxGroupSize: 'max-file-group-size-bytes',
  rewriteAll: 'rewrite-all',
  partialProgress: 'partial-progress.enabled',
} as const;

/** Options that tune a cluster's work: Spark has them, and they change nothing here. */
const withoutEffect: ReadonlySet<string> = new Set([
  'max-concurrent-file-group-rewrites',
  'partial-progress.max-commits',
  'partial-progress.max-failed-commits',
  'rewrite-job-order',
  'use-starting-sequence-number',
  'shuffle-partitions-per-file',
  'compression-factor',
  'remove-dangling-deletes',
]);

/** @throws ValidationError for options that aren't known or have values they can't have */
export function compactOptions(
  metadata: TableMetadata,
  given: Readonly<Record<string, string>>,
  defaults: Partial<CompactOptions> = {},
): CompactOptions {
  const known = new Set<string>(Object.values(names));
  const unknown = Object.keys(given).find(name => !known.has(name) && !withoutEffect.has(name));
  if (unknown !== undefined) {
    throw new ValidationError(`There is no option '${unknown}'.`, {
      hint: `The options are ${[...known].join(', ')}.`,
    });
  }
  const size = propertyNames.targetFileSizeBytes;
  const number = (key: keyof typeof names, fallback: number) => {
    const text = given[names[key]];
    const value =
      text === undefined ? ((defaults[key] as number | undefined) ?? fallback) : Number(text.trim());
    if (value >= 0 && text?.trim() !== '') return value;
    throw new ValidationError(`The option '${names[key]}' must be a number, not '${text}'.`);
  };
  const flag = (key: 'rewriteAll' | 'partialProgress') => {
    const text = given[names[key]]?.trim().toLowerCase();
    if (text === undefined) return defaults[key] ?? false;
    if (text === 'true' || text === 'false') return text === 'true';
    throw new ValidationError(`The option '${names[key]}' must be true or false, not '${text}'.`);
  };
  const targetFileSize = number(
    'targetFileSize',
    integerProperty(metadata.properties, size, propertyDefaults[size]),
  );
  const options: CompactOptions = {
    targetFileSize,
    minFileSize: number('minFileSize', Math.floor(targetFileSize * 0.75)),
    maxFileSize: number('maxFileSize', Math.floor(targetFileSize * 1.8)),
    minInputFiles: number('minInputFiles', 5),
    deleteFileThreshold: number('deleteFileThreshold', Number.POSITIVE_INFINITY),
    deleteRatioThreshold: number('deleteRatioThreshold', 0.3),
    maxGroupSize: number('maxGroupSize', 100 * 1024 ** 3),
    rewriteAll: flag('rewriteAll'),
    partialProgress: flag('partialProgress'),
  };
  if (options.targetFileSize > 0 && options.minFileSize <= options.maxFileSize) return options;
  throw new ValidationError(
    `Files of ${options.targetFileSize} bytes can't be between ${options.minFileSize} and ${options.maxFileSize} bytes.`,
    { hint: `Give ${names.minFileSize} a value below ${names.maxFileSize}.` },
  );
}

/** Files that are rewritten together. */
export interface CompactGroup {
  readonly tasks: readonly FileScanTask[];
  /** Bytes of the data files. */
  readonly size: number;
  /** All rows belong to one partition, whose files would get too large: they're cut into files of the target size. */
  readonly isCut: boolean;
}

/**
 * The files to rewrite, in groups: no group has more than one file to make for a partition, so that each can be
 * written at once, but for partitions that need several files, which are groups of their own. `inOrder`: the rows of a
 * partition are sorted, so that all of them belong together.
 */
export function planCompaction(
  metadata: TableMetadata,
  tasks: readonly FileScanTask[],
  options: CompactOptions,
  inOrder: boolean,
): CompactGroup[] {
  const spec = metadata.partitionSpecs.find(each => each.specId === metadata.defaultSpecId)!;
  const partitioned = isPartitioned(spec);
  const candidates = tasks.filter(task => options.rewriteAll || isCandidate(task, options));
  const byPartition = Map.groupBy(candidates, ({ dataFile }) =>
    // Where rows of an older partitioning go is known only when they are read.
    dataFile.specId === spec.specId ? partitionKey(dataFile.specId, dataFile.partition) : '',
  );
  const shared: FileScanTask[][] = [];
  const groups: CompactGroup[] = [];
  const alone = (bin: readonly FileScanTask[], isCut: boolean) =>
    groups.push({ tasks: bin, size: sizeOf(bin), isCut });
  for (const [key, ofPartition] of byPartition) {
    const limit = partitioned && key !== '' && !inOrder ? options.targetFileSize : options.maxGroupSize;
    let first = true;
    for (const bin of binsOf(ofPartition, Math.max(limit, options.targetFileSize))) {
      if (!isWorthwhile(bin, options)) continue;
      const tooLarge = sizeOf(bin) > options.targetFileSize * 1.5;
      if (!partitioned || key === '') alone(bin, false);
      else if (tooLarge) alone(bin, true);
      // Groups that share a COPY may have a partition once.
      else if (first) shared.push(bin);
      else alone(bin, false);
      first = false;
    }
  }
  for (const together of binsOf(shared, Math.min(options.maxGroupSize, sharedLimit), sizeOf)) {
    alone(together.flat(), false);
  }
  return groups;
}

/** Small partitions are rewritten together up to this size, which one commit of partial progress then has. */
const sharedLimit = 4 * 1024 ** 3;

function isCandidate(task: FileScanTask, options: CompactOptions): boolean {
  const { fileSizeInBytes } = task.dataFile;
  return (
    fileSizeInBytes < options.minFileSize ||
    fileSizeInBytes > options.maxFileSize ||
    hasManyDeletes(task, options)
  );
}

function hasManyDeletes({ dataFile, deletes }: FileScanTask, options: CompactOptions): boolean {
  if (deletes.length >= options.deleteFileThreshold) return true;
  // Only of deletes that are about this file alone it's known how many of its rows they delete.
  const own = deletes.filter(file => isDeletionVector(file) || file.referencedDataFile === dataFile.filePath);
  const deleted = own.reduce((sum, file) => sum + file.recordCount, 0);
  return deleted > 0 && deleted >= dataFile.recordCount * options.deleteRatioThreshold;
}

function isWorthwhile(bin: readonly FileScanTask[], options: CompactOptions): boolean {
  if (options.rewriteAll) return true;
  if (bin.some(task => hasManyDeletes(task, options))) return true;
  const size = sizeOf(bin);
  if (bin.some(({ dataFile }) => dataFile.fileSizeInBytes > options.maxFileSize)) return true;
  // As many files as before would be no gain, unless their deletes go.
  const fewer = Math.ceil(size / options.targetFileSize) < bin.length;
  const full = size > options.targetFileSize && fewer;
  return (bin.length >= options.minInputFiles && fewer) || full;
}

export function sizeOf(tasks: readonly FileScanTask[]): number {
  return tasks.reduce((sum, { dataFile }) => sum + dataFile.fileSizeInBytes, 0);
}

/** Neighbours in bins of at most `limit` bytes; an item larger than that has a bin of its own. */
function binsOf(items: readonly FileScanTask[], limit: number): FileScanTask[][];
function binsOf<T>(items: readonly T[], limit: number, sizeOfItem: (item: T) => number): T[][];
function binsOf(
  items: readonly unknown[],
  limit: number,
  sizeOfItem: (item: never) => number = (item: FileScanTask) => item.dataFile.fileSizeInBytes,
): unknown[][] {
  const bins: unknown[][] = [];
  let size = 0;
  for (const item of items) {
    const own = sizeOfItem(item as never);
    const bin = bins.at(-1);
    if (bin === undefined || size + own > limit) {
      bins.push([item]);
      size = own;
    } else {
      bin.push(item);
      size += own;
    }
  }
  return bins;
}
