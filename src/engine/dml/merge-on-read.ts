import type { DuckDBBitValue } from '@duckdb/node-api';
import { deleteQuietly } from '../../catalog/commit.ts';
import type { DataFile } from '../../iceberg/datafile.ts';
import { isDeletionVector } from '../../iceberg/delete-index.ts';
import { type FileDeletes, readDeletionVector } from '../../iceberg/deletion-vector.ts';
import { partitionKey } from '../../iceberg/partition-key.ts';
import { PositionSet } from '../../iceberg/roaring.ts';
import { hasRowLineage, withRowLineage } from '../../iceberg/row-lineage.ts';
import type { FileScanTask } from '../../iceberg/scan.ts';
import { positionDeletesOf } from '../deletes.ts';
import { quoteIdentifier, quoteString } from '../quote.ts';
import { exactSql } from '../stored-values.ts';
import { writeDataFiles } from '../write.ts';
import { type PositionDeletes, writeDeletionVectors, writePositionDeletes } from '../write-deletes.ts';
import { granularityOf } from './modes.ts';
import { fileColumn, positionColumn } from './plan.ts';
import { actions, type ChangedRows, newRowsSql } from './rewrite.ts';
import type { Target } from './target.ts';
import type { Workspace } from './workspace.ts';

export interface MergeOnRead {
  /** New data and delete files. */
  readonly added: DataFile[];
  /** Deletion vectors and delete files that the new ones take the place of. */
  readonly replaced: DataFile[];
}

/**
 * Marks changed rows of files that stay as deleted, and writes the new state of updated rows and the new rows to new
 * files. When it throws, nothing is left behind.
 */
export async function markRows(
  workspace: Workspace,
  target: Target,
  /** Files whose changed rows are marked. */
  kept: readonly FileScanTask[],
  change: {
    readonly changed?: ChangedRows;
    /** Files that hold updated rows, also such as don't stay. */
    readonly updated: readonly FileScanTask[];
    readonly inserts?: { readonly name: string; readonly rows: number };
  },
): Promise<MergeOnRead> {
  const { session } = workspace;
  const added: DataFile[] = [];
  const replaced: DataFile[] = [];
  try {
    added.push(...(await writeNewRows(workspace, target, change)));
    const { changed } = change;
    if (changed !== undefined && kept.length > 0) {
      const deletes =
        target.metadata.formatVersion >= 3
          ? await addVectors(workspace, target, changed, kept, replaced)
          : await addPositionDeletes(workspace, target, changed, kept);
      added.push(...deletes);
    }
    return { added, replaced };
  } catch (error) {
    await deleteQuietly(session.lake.storage, [...new Set(added.map(file => file.filePath))]);
    throw error;
  }
}

async function writeNewRows(
  { session, options }: Workspace,
  target: Target,
  { changed, updated, inserts }: Parameters<typeof markRows>[3],
): Promise<DataFile[]> {
  const lineage = hasRowLineage(target.metadata) && updated.length > 0;
  const schema = lineage ? withRowLineage(target.schema) : target.schema;
  const queries: string[] = [];
  if (changed !== undefined && updated.length > 0) {
    const view = await changed.files.view(updated, { lineage, exact: true });
    const columns = target.schema.fields.map(field => {
      const index = changed.updatedFields.indexOf(field);
      const name = quoteIdentifier(field.name);
      return `${index < 0 ? `rows.${name}` : exactSql(`changes.v${index}`, field.type)} AS ${name}`;
    });
    // An updated row keeps its id; that it was changed now follows from the commit.
    if (lineage) columns.push('rows._row_id', 'CAST(NULL AS BIGINT)');
    queries.push(`SELECT ${columns.join(', ')} FROM ${view} AS rows
      JOIN ${changed.files.name} AS files ON rows.${fileColumn} = files.path
      JOIN ${changed.table} AS changes ON changes.file = files.id AND changes.position = rows.${positionColumn}
      WHERE changes.action = ${actions.update}`);
  }
  if (inserts !== undefined && inserts.rows > 0) {
    queries.push(newRowsSql(target, inserts.name, lineage));
  }
  if (queries.length === 0) return [];
  return writeDataFiles({
    duckdb: session.duckdb,
    storage: session.lake.storage,
    metadata: target.metadata,
    schema,
    sourceSql: queries.join('\nUNION ALL\n'),
    signal: options.signal,
    onProgress: options.onProgress,
  });
}

/** With more data files than this, one delete file for each would be too many small ones. */
const mostFilesApart = 32;

/** Format version 2: position delete files, for a data file or a partition each. */
async function addPositionDeletes(
  { session, options }: Workspace,
  target: Target,
  changed: ChangedRows,
  kept: readonly FileScanTask[],
): Promise<DataFile[]> {
  const { metadata } = target;
  const granularity = granularityOf(metadata) ?? (kept.length > mostFilesApart ? 'partition' : 'file');
  const grouped = Map.groupBy(kept, ({ dataFile }) =>
    granularity === 'file' ? dataFile.filePath : partitionKey(dataFile.specId, dataFile.partition),
  );
  const groups = [...grouped.values()].map((tasks): PositionDeletes => {
    const { specId, partition } = tasks[0]!.dataFile;
    const ids = changed.files.ids(tasks);
    const locations = tasks.map(({ dataFile }) => dataFile.filePath);
    const names = ids.map((id, index) => `(${id}, ${quoteString(locations[index]!)})`);
    return {
      specId,
      partition,
      locations,
      sql: `SELECT named.location AS file_path, changes.position AS pos FROM ${changed.table} AS changes
        JOIN (VALUES ${names.join(', ')}) AS named(id, location) ON changes.file = named.id
        WHERE changes.action IN (${actions.update}, ${actions.delete})`,
    };
  });
  const { signal, onProgress } = options;
  const { duckdb, lake } = session;
  return writePositionDeletes({ duckdb, storage: lake.storage, metadata, signal, onProgress }, groups);
}

/** Format version 3: one deletion vector for each data file, with what was deleted before in it. */
async function addVectors(
  workspace: Workspace,
  target: Target,
  changed: ChangedRows,
  kept: readonly FileScanTask[],
  replaced: DataFile[],
): Promise<DataFile[]> {
  const { session, options } = workspace;
  const { storage } = session.lake;
  const deletes: FileDeletes[] = [];
  for (const batch of batchesOf(kept)) {
    const found = await changedPositions(workspace, changed, batch);
    for (const task of batch) {
      const positions = found.get(changed.files.ids([task])[0]!)!;
      const vector = task.deletes.find(isDeletionVector);
      if (vector !== undefined) {
        positions.addAll(await readDeletionVector(storage, vector));
        replaced.push(vector);
      }
      // Left from before the table was upgraded. A vector hides them, so what they delete must be in it.
      const old = task.deletes.filter(file => file.content === 1 && !isDeletionVector(file));
      if (old.length > 0) {
        const { filePath } = task.dataFile;
        const rows = await positionDeletesOf(session.duckdb, storage, old, filePath, options.signal);
        for (const position of rows) positions.add(position);
        replaced.push(...old.filter(file => file.referencedDataFile === filePath));
      }
      deletes.push({ dataFile: task.dataFile, positions });
    }
  }
  return writeDeletionVectors({ storage, metadata: target.metadata }, deletes);
}

/** Bits that are worked on at once. */
const batchBits = 256 * 1024 * 1024;

function batchesOf(tasks: readonly FileScanTask[]): FileScanTask[][] {
  const batches: FileScanTask[][] = [];
  let largest = 0;
  for (const task of tasks) {
    const batch = batches.at(-1);
    largest = Math.max(largest, task.dataFile.recordCount);
    if (batch === undefined || largest * (batch.length + 1) > batchBits) {
      batches.push([task]);
      largest = task.dataFile.recordCount;
    } else {
      batch.push(task);
    }
  }
  return batches;
}

const bitmapBytes = 8192;

/** DuckDB counts bits from a byte's upper end, Roaring bitmaps from the lower one. */
const reversed = Uint8Array.from({ length: 256 }, (_, byte) => {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) result |= 0x80 >> bit;
  return result;
});

/** The changed rows of some files, by file id. The engine makes bitmaps of them, so that no row passes through here. */
async function changedPositions(
  workspace: Workspace,
  changed: ChangedRows,
  tasks: readonly FileScanTask[],
): Promise<Map<number, PositionSet>> {
  const ids = changed.files.ids(tasks);
  const most = Math.max(...tasks.map(({ dataFile }) => dataFile.recordCount));
  // Whole bytes: then the bits are not shifted.
  const last = Math.ceil(most / 8) * 8 - 1;
  const rows = await workspace.rows(
    `SELECT file, bitstring_agg(position, 0, ${last}) AS bits FROM ${changed.table}
     WHERE action IN (${actions.update}, ${actions.delete}) AND file IN (${ids.join(', ')}) GROUP BY file`,
  );
  return new Map(
    rows.map(row => {
      const positions = new PositionSet();
      // The first byte says how many bits of the second one are no part of it.
      const bits = (row.bits as DuckDBBitValue).data.subarray(1);
      for (let start = 0; start < bits.length; start += bitmapBytes) {
        const part = bits.subarray(start, start + bitmapBytes);
        if (part.some(byte => byte !== 0))
          positions.block(start / bitmapBytes).set(part.map(b => reversed[b]!));
      }
      return [Number(row.file), positions];
    }),
  );
}
