import { compactOptions } from '../engine/maintain/index.ts';
import type { EngineSession } from '../engine/session.ts';
import { alwaysTrue } from '../iceberg/expression.ts';
import { hasLiveFiles, snapshotManifests } from '../iceberg/manifest-list.ts';
import { currentSnapshot, type TableMetadata } from '../iceberg/metadata.ts';
import { partitionKey } from '../iceberg/partition-key.ts';
import { integerProperty, propertyDefaults, propertyNames } from '../iceberg/properties.ts';
import { type FileScanTask, planScan } from '../iceberg/scan.ts';
import { andList, bytesText, count, type VerbAnswer, type VerbOptions } from './answer.ts';
import type { HealthRequest } from './requests.ts';
import { requireTable, shownName } from './targets.ts';

const columns = [
  { name: 'check', type: 'VARCHAR' },
  { name: 'state', type: 'VARCHAR' },
  { name: 'found', type: 'VARCHAR' },
  { name: 'why', type: 'VARCHAR' },
  { name: 'do', type: 'VARCHAR' },
];

interface Check {
  readonly check: string;
  readonly found: string;
  /** Absent: all is well. */
  readonly why?: string;
  readonly todo?: string;
}

/** What a table needs and why: small files, deletes, manifests, snapshots, metadata. Reads no data. */
export async function health(
  session: EngineSession,
  request: HealthRequest,
  { signal }: VerbOptions = {},
): Promise<VerbAnswer> {
  const table = await requireTable(session, request.table);
  const { metadata, metadataLocation } = table;
  const name = shownName(session, table);
  const { storage } = session.lake;
  const snapshot = currentSnapshot(metadata);
  const { tasks } = await planScan({ metadata, filter: alwaysTrue, io: storage, signal });
  const manifests =
    snapshot === undefined ? [] : (await snapshotManifests(storage, snapshot)).filter(hasLiveFiles);
  const checks = [
    fileChecks(metadata, tasks, name),
    deleteChecks(tasks, name),
    manifestChecks(metadata, manifests.length, sum(manifests.map(each => each.manifestLength)), name),
    snapshotChecks(metadata, name),
    metadataChecks(metadata, await storage.size(metadataLocation)),
  ];
  const needs = checks.filter(each => each.todo !== undefined);
  const text =
    needs.length === 0
      ? `${name} is well: ${count(tasks.length, 'data file')}, nothing to do.`
      : `${name} needs work on its ${andList(needs.map(each => each.check))}: ${[...new Set(needs.map(each => each.todo))].join('; ')}`;
  const picture = sizePicture(tasks.map(({ dataFile }) => dataFile.fileSizeInBytes));
  return {
    text: picture === '' ? text : `${text}\n\nSizes of data files:\n${picture}`,
    columns,
    rows: checks.map(({ check, found, why, todo }) => [
      check,
      todo === undefined ? 'ok' : 'needs work',
      found,
      why ?? null,
      todo ?? null,
    ]),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function fileChecks(metadata: TableMetadata, tasks: readonly FileScanTask[], name: string): Check {
  const { minFileSize, targetFileSize } = compactOptions(metadata, {});
  const byPartition = Map.groupBy(tasks, ({ dataFile }) => partitionKey(dataFile.specId, dataFile.partition));
  // One small file alone in its partition can't be made larger.
  const needless = sum(
    [...byPartition.values()].map(own => {
      const small = own.map(({ dataFile }) => dataFile.fileSizeInBytes).filter(size => size < minFileSize);
      return small.length < 2 ? 0 : small.length - Math.ceil(sum(small) / targetFileSize);
    }),
  );
  const bytes = sum(tasks.map(({ dataFile }) => dataFile.fileSizeInBytes));
  const average = tasks.length === 0 ? 0 : bytes / tasks.length;
  const found = `${count(tasks.length, 'data file')}, ${bytesText(bytes)}, ${bytesText(Math.round(average))} each on average`;
  if (needless <= 0) return { check: 'file sizes', found };
  return {
    check: 'file sizes',
    found,
    why: `${count(needless, 'file')} fewer would hold the same rows: each file costs a look-up when planning and an open when reading (they should have ${bytesText(targetFileSize)}).`,
    todo: `%lake compact ${name}`,
  };
}

/** From this part of deleted rows on, reading past them costs more than rewriting. */
const muchDeleted = 0.1;

function deleteChecks(tasks: readonly FileScanTask[], name: string): Check {
  const files = new Map(
    tasks.flatMap(({ deletes }) =>
      deletes.map(file => [`${file.filePath}#${file.contentOffset ?? ''}`, file]),
    ),
  );
  const deleted = sum([...files.values()].map(file => file.recordCount));
  const rows = sum(tasks.map(({ dataFile }) => dataFile.recordCount));
  const equality = [...files.values()].filter(file => file.content === 2).length;
  const ratio = rows === 0 ? 0 : deleted / rows;
  const found =
    files.size === 0
      ? 'no deletes to apply'
      : `${count(deleted, 'delete')} for ${count(rows, 'stored row')} (${(ratio * 100).toFixed(1)} %) in ${count(files.size, 'delete file')}`;
  const reasons = [
    ...(ratio >= muchDeleted
      ? [`${Math.round(ratio * 100)} % of the stored rows are read and thrown away.`]
      : []),
    ...(equality > 0
      ? [
          `${count(equality, 'equality delete file')} ${equality === 1 ? 'is' : 'are'} compared with every older row.`,
        ]
      : []),
    ...(files.size > tasks.length ? ['There are more delete files than data files.'] : []),
  ];
  if (reasons.length === 0) return { check: 'deletes', found };
  return { check: 'deletes', found, why: reasons.join(' '), todo: `%lake compact ${name}` };
}

function manifestChecks(metadata: TableMetadata, number: number, bytes: number, name: string): Check {
  const size = propertyNames.manifestTargetSizeBytes;
  const target = integerProperty(metadata.properties, size, propertyDefaults[size]);
  const specs = metadata.partitionSpecs.length;
  // Data and delete manifests of each spec are apart.
  const ideal = Math.ceil(bytes / target) + 2 * specs;
  const found = `${count(number, 'manifest')}, ${bytesText(bytes)}`;
  if (number <= Math.max(10, ideal * 2)) return { check: 'manifests', found };
  return {
    check: 'manifests',
    found,
    why: `About ${ideal} would do: every scan reads all that its conditions don't rule out.`,
    todo: `%lake compact ${name} manifests`,
  };
}

const manySnapshots = 100;

function snapshotChecks(metadata: TableMetadata, name: string): Check {
  const { snapshots } = metadata;
  const oldest = snapshots.reduce((least, each) => Math.min(least, each.timestampMs), Date.now());
  const days = Math.floor((Date.now() - oldest) / 86_400_000);
  const found = `${count(snapshots.length, 'snapshot')}, the oldest ${days === 0 ? 'of today' : `${count(days, 'day')} old`}`;
  if (snapshots.length <= manySnapshots) return { check: 'snapshots', found };
  return {
    check: 'snapshots',
    found,
    why: 'Files that only old snapshots need take room, and every commit writes all snapshots into the metadata again.',
    todo: `%lake expire ${name}`,
  };
}

const largeMetadata = 8 * 1024 * 1024;

function metadataChecks({ properties }: TableMetadata, bytes: number): Check {
  const found = `metadata file of ${bytesText(bytes)}`;
  if (bytes <= largeMetadata) return { check: 'metadata', found };
  const isPlain = (properties[propertyNames.metadataCompression] ?? 'none').toLowerCase() !== 'gzip';
  return {
    check: 'metadata',
    found,
    why: 'It is read whenever the table is loaded and written with every commit.',
    todo: isPlain
      ? `set the table property ${propertyNames.metadataCompression} to gzip`
      : 'expire snapshots, and drop branches and tags that nobody needs',
  };
}

const limits = [
  64 * 1024,
  1024 ** 2,
  16 * 1024 ** 2,
  128 * 1024 ** 2,
  512 * 1024 ** 2,
  Number.POSITIVE_INFINITY,
];
const barWidth = 30;

/** A bar for each class of sizes. */
function sizePicture(sizes: readonly number[]): string {
  if (sizes.length === 0) return '';
  const counts = limits.map((limit, index) => {
    const from = index === 0 ? 0 : limits[index - 1]!;
    return sizes.filter(size => size >= from && size < limit).length;
  });
  const most = Math.max(...counts);
  return counts
    .map((number, index) => {
      const limit = limits[index]!;
      const label = Number.isFinite(limit)
        ? `under ${bytesText(limit)}`
        : `${bytesText(limits[index - 1]!)} and more`;
      const bar = '█'.repeat(number === 0 ? 0 : Math.max(1, Math.round((number / most) * barWidth)));
      return `  ${label.padEnd(18)} ${bar}${bar === '' ? '' : ' '}${number}`;
    })
    .join('\n');
}
