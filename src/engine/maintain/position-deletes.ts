import type { LoadedTable } from '../../catalog/catalog.ts';
import type { DataFile } from '../../iceberg/datafile.ts';
import { isDeletionVector } from '../../iceberg/delete-index.ts';
import { alwaysTrue } from '../../iceberg/expression.ts';
import { partitionKey } from '../../iceberg/partition-key.ts';
import { PositionSet } from '../../iceberg/roaring.ts';
import type { FileScanTask } from '../../iceberg/scan.ts';
import { localParquet } from '../avro/stand-ins.ts';
import { positionDeleteRows, positionDeletesOf } from '../deletes.ts';
import { liveDeletes, planTarget } from '../dml/plan.ts';
import { type Target, targetOf } from '../dml/target.ts';
import { Workspace } from '../dml/workspace.ts';
import { quoteString } from '../quote.ts';
import { StatementTables } from '../resolve.ts';
import type { EngineSession } from '../session.ts';
import type { ExecuteOptions } from '../statement-result.ts';
import { commitSnapshot, withTableReruns } from '../transaction.ts';
import { type PositionDeletes, writeDeletionVectors, writePositionDeletes } from '../write-deletes.ts';

export interface PositionDeletesRewrite {
  readonly filesRewritten: number;
  readonly filesAdded: number;
  readonly bytesRewritten: number;
  readonly bytesAdded: number;
  readonly snapshotId?: bigint;
}

/**
 * Makes one position delete file of the several of a partition, and drops what deletes rows of files that are gone.
 * In format version 3 position delete files of before the upgrade become deletion vectors.
 */
export async function rewritePositionDeletes(
  session: EngineSession,
  table: LoadedTable,
  /** Also files that are alone in their partition. */
  all: boolean,
  options: ExecuteOptions = {},
): Promise<PositionDeletesRewrite> {
  return withTableReruns(session.lake, table, options.signal, current =>
    Workspace.within(session, '', new StatementTables(session), options, workspace =>
      rewrite(workspace, targetOf(session, current), all),
    ),
  );
}

const isPositions = (file: DataFile) => file.content === 1 && !isDeletionVector(file);

async function rewrite(workspace: Workspace, target: Target, all: boolean): Promise<PositionDeletesRewrite> {
  const { session, options } = workspace;
  const { storage } = session.lake;
  const live = (await liveDeletes(storage, target)).filter(isPositions);
  const { tasks } = await planTarget(workspace, target, alwaysTrue);
  const deleted = tasks.filter(task => task.deletes.some(isPositions));
  const toVectors = target.metadata.formatVersion >= 3;
  const byPartition = Map.groupBy(live, file => partitionKey(file.specId, file.partition));
  const old: DataFile[] = [];
  const affected: FileScanTask[] = [];
  for (const [key, files] of byPartition) {
    const own = deleted.filter(({ dataFile }) => partitionKey(dataFile.specId, dataFile.partition) === key);
    // Without a data file that they apply to, deletes are of no use.
    if (files.length < 2 && !all && !toVectors && own.length > 0) continue;
    old.push(...files);
    affected.push(...own);
  }
  const nothing = { filesRewritten: 0, filesAdded: 0, bytesRewritten: 0, bytesAdded: 0 };
  if (old.length === 0) return nothing;
  const added = toVectors
    ? await asVectors(workspace, target, affected)
    : await asFiles(workspace, target, affected);
  const { snapshotId } = await commitSnapshot(
    session.lake,
    {
      table: target.table,
      branch: target.branch,
      operation: 'replace',
      added,
      removed: old,
      referenced: affected.map(({ dataFile }) => dataFile),
      validation: { kind: 'rewrite' },
    },
    options,
  );
  return {
    filesRewritten: old.length,
    filesAdded: added.length,
    bytesRewritten: old.reduce((sum, file) => sum + file.fileSizeInBytes, 0),
    bytesAdded: added.reduce((sum, file) => sum + (file.contentSizeInBytes ?? file.fileSizeInBytes), 0),
    snapshotId,
  };
}

async function asFiles(
  { session, options }: Workspace,
  { metadata }: Target,
  tasks: readonly FileScanTask[],
): Promise<DataFile[]> {
  const { storage } = session.lake;
  const groups: PositionDeletes[] = [];
  for (const own of Map.groupBy(tasks, ({ dataFile }) =>
    partitionKey(dataFile.specId, dataFile.partition),
  ).values()) {
    const files = [...new Set(own.flatMap(task => task.deletes.filter(isPositions)))];
    const paths = await localParquet(session.duckdb, storage, files, options.signal);
    const { specId, partition } = own[0]!.dataFile;
    const locations = own.map(({ dataFile }) => dataFile.filePath);
    groups.push({
      specId,
      partition,
      locations,
      sql: `SELECT DISTINCT file_path, pos FROM ${positionDeleteRows(paths)} AS deleted
        SEMI JOIN (VALUES ${locations.map(each => `(${quoteString(each)})`).join(', ')}) AS live(location)
        ON deleted.file_path = live.location`,
    });
  }
  const { signal, onProgress } = options;
  return writePositionDeletes({ duckdb: session.duckdb, storage, metadata, signal, onProgress }, groups);
}

async function asVectors(
  { session, options }: Workspace,
  { metadata }: Target,
  tasks: readonly FileScanTask[],
): Promise<DataFile[]> {
  const { storage } = session.lake;
  const deletes: { dataFile: DataFile; positions: PositionSet }[] = [];
  for (const { dataFile, deletes: files } of tasks) {
    const positions = new PositionSet();
    const own = files.filter(isPositions);
    for (const at of await positionDeletesOf(
      session.duckdb,
      storage,
      own,
      dataFile.filePath,
      options.signal,
    )) {
      positions.add(at);
    }
    // A partition's delete file needn't have rows of each of its data files.
    if (positions.size > 0) deletes.push({ dataFile, positions });
  }
  return writeDeletionVectors({ storage, metadata }, deletes);
}
