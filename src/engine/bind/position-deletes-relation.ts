import type { LoadedTable } from '../../catalog/catalog.ts';
import type { DataFile } from '../../iceberg/datafile.ts';
import { isDeletionVector } from '../../iceberg/delete-index.ts';
import { inspectTable } from '../../iceberg/inspect.ts';
import { readLiveEntries } from '../../iceberg/manifest.ts';
import { hasLiveFiles, snapshotManifests } from '../../iceberg/manifest-list.ts';
import { currentSchema, snapshotById, type TableMetadata } from '../../iceberg/metadata.ts';
import { reservedFieldIds } from '../../iceberg/reserved-fields.ts';
import type { StructType } from '../../iceberg/types.ts';
import { localParquet } from '../avro/stand-ins.ts';
import { positionDeleteRows } from '../deletes.ts';
import { vectorPositions } from '../deletion-vectors.ts';
import { fileList, parquetLayouts } from '../parquet-layout.ts';
import { columnExpression } from '../projection.ts';
import { quoteIdentifier, quoteString } from '../quote.ts';
import type { EngineSession } from '../session.ts';
import { duckDbType } from '../types.ts';
import { rowsSql } from './metadata-relation.ts';

/**
 * SQL for the rows of `t$position_deletes`: every row that a position delete file or deletion vector of a snapshot
 * deletes, with the columns of Spark's table.
 */
export async function positionDeletesSql(
  session: EngineSession,
  table: LoadedTable,
  snapshotId: bigint | undefined,
): Promise<string> {
  const { metadata, metadataLocation } = table;
  const { storage } = session.lake;
  const files = await positionDeleteFiles(session, table, snapshotId);
  const context = { metadata, metadataLocation, io: storage, snapshotId };
  const { columns, rows } = await inspectTable('delete_files', context);
  const kept = ['file_path', 'spec_id', 'partition', 'content_offset', 'content_size_in_bytes'].flatMap(
    name => {
      const index = columns.findIndex(column => column.name === name);
      return index < 0 ? [] : [index];
    },
  );
  const described = await rowsSql(session.duckdb, {
    columns: kept.map(index => columns[index]!),
    rows: rows.map(row => kept.map(index => row[index])),
  });
  const hasPartition = columns.some(column => column.name === 'partition');
  const isV3 = metadata.formatVersion >= 3;
  const vectors = files.filter(isDeletionVector);
  const parquet = files.filter(file => !isDeletionVector(file));
  const parts = [
    `SELECT '' AS file_path, 0::BIGINT AS pos, ${nullRow(metadata)} AS row, '' AS delete_file_path, 0::BIGINT AS place WHERE false`,
    ...(parquet.length === 0 ? [] : [await parquetRows(session, metadata, parquet)]),
    ...(vectors.length === 0 ? [] : [await vectorRows(session, metadata, vectors)]),
  ];
  return `SELECT deleted.file_path, deleted.pos, deleted.row, ${hasPartition ? 'described.partition, ' : ''}described.spec_id,
  deleted.delete_file_path${isV3 ? ', described.content_offset, described.content_size_in_bytes' : ''}
FROM (${parts.join('\nUNION ALL\n')}) AS deleted
JOIN (${described}) AS described ON described.file_path = deleted.delete_file_path
  AND described.content_offset IS NOT DISTINCT FROM deleted.place`;
}

async function positionDeleteFiles(
  session: EngineSession,
  { metadata }: LoadedTable,
  snapshotId: bigint | undefined,
): Promise<DataFile[]> {
  const id = snapshotId ?? metadata.currentSnapshotId;
  const snapshot = id === undefined ? undefined : snapshotById(metadata, id);
  if (snapshot === undefined) return [];
  const io = session.lake.storage;
  const files: DataFile[] = [];
  for (const manifest of await snapshotManifests(io, snapshot)) {
    if (manifest.content !== 1 || !hasLiveFiles(manifest)) continue;
    for (const { dataFile } of await readLiveEntries(io, manifest, metadata)) {
      if (dataFile.content === 1) files.push(dataFile);
    }
  }
  return files;
}

/** The rows of the table as one column. */
function rowType(metadata: TableMetadata): StructType {
  return { kind: 'struct', fields: currentSchema(metadata).fields };
}

function nullRow(metadata: TableMetadata): string {
  return `CAST(NULL AS ${duckDbType(rowType(metadata))})`;
}

async function parquetRows(
  { duckdb, lake }: EngineSession,
  metadata: TableMetadata,
  files: readonly DataFile[],
): Promise<string> {
  const paths = await localParquet(duckdb, lake.storage, files);
  const layouts = await parquetLayouts(duckdb, paths);
  // Files without deleted rows, which nearly all are, can be read together.
  const groups = Map.groupBy(files.keys(), index => {
    const row = layouts[index]!.columns.find(({ fieldId }) => fieldId === reservedFieldIds.deletedRow);
    return row === undefined ? undefined : layouts[index];
  });
  const parts = [...groups].map(([layout, indexes]) => {
    const names = new Map(layout?.columns.map(node => [node.fieldId, node]));
    const column = (id: number) => `stored.${quoteIdentifier(names.get(id)!.name)}`;
    const { deletedRow, deleteFilePath, deletePosition } = reservedFieldIds;
    const own = indexes.map(index => paths[index]!);
    const relation =
      layout === undefined
        ? positionDeleteRows(own)
        : `read_parquet(${fileList(own)}, hive_partitioning = false)`;
    const columns =
      layout === undefined
        ? ['stored.file_path', 'stored.pos', nullRow(metadata)]
        : [
            column(deleteFilePath),
            column(deletePosition),
            columnExpression(names.get(deletedRow)!, column(deletedRow), rowType(metadata)),
          ];
    const locations = indexes.map(
      index => `(${quoteString(paths[index]!)}, ${quoteString(files[index]!.filePath)})`,
    );
    return `SELECT ${columns.join(', ')}, read_from.location, NULL::BIGINT FROM ${relation} AS stored
JOIN (VALUES ${locations.join(', ')}) AS read_from(path, location) ON stored.filename = read_from.path`;
  });
  return parts.join('\nUNION ALL\n');
}

async function vectorRows(
  { lake }: EngineSession,
  metadata: TableMetadata,
  files: readonly DataFile[],
): Promise<string> {
  const keys = new Map(files.map((file, index) => [file, String(index)]));
  const positions = await vectorPositions(lake.storage, files, file => keys.get(file)!);
  const named = files.map(
    (file, index) =>
      `('${index}', ${quoteString(file.referencedDataFile!)}, ${quoteString(file.filePath)}, ${file.contentOffset}::BIGINT)`,
  );
  return `SELECT named.data_file, stored.pos, ${nullRow(metadata)}, named.location, named.place FROM (${positions}) AS stored
JOIN (VALUES ${named.join(', ')}) AS named(name, data_file, location, place) ON stored.name = named.name`;
}
