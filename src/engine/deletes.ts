import type { DataFile } from '../iceberg/datafile.ts';
import { isDeletionVector } from '../iceberg/delete-index.ts';
import { UnsupportedError, ValidationError } from '../iceberg/errors.ts';
import type { TableMetadata } from '../iceberg/metadata.ts';
import { reservedFieldIds } from '../iceberg/reserved-fields.ts';
import type { NestedField } from '../iceberg/types.ts';
import type { Storage } from '../storage/storage.ts';
import { localParquet } from './avro/stand-ins.ts';
import type { DuckDb } from './duckdb.ts';
import { fileList, parquetLayouts } from './parquet-layout.ts';
import { columnExpression } from './projection.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import { duckDbType } from './types.ts';

/** Delete files that apply to a data file, told apart from other combinations by `key`. */
export interface DeleteGroup {
  readonly key: string;
  readonly position: readonly DataFile[];
  readonly equality: readonly DataFile[];
}

/** What reads files. */
export interface FileSource {
  readonly duckdb: DuckDb;
  readonly storage: Storage;
}

const { deleteFilePath: filePathId, deletePosition: positionId } = reservedFieldIds;

/**
 * Sorts a data file's deletes by kind. Files with the same equality deletes can be read together; position deletes
 * name their data file, so they never keep files apart.
 * @throws UnsupportedError for delete files that are neither Parquet nor Avro
 */
export function groupDeletes(deletes: readonly DataFile[]): DeleteGroup {
  for (const file of deletes) {
    if (file.fileFormat !== 'PARQUET' && file.fileFormat !== 'AVRO' && !isDeletionVector(file)) {
      throw new UnsupportedError(`The delete file ${file.filePath} is in the ${file.fileFormat} format.`, {
        hint: 'Lakebook reads Parquet and Avro delete files; compact the table with the tool that wrote it.',
      });
    }
  }
  const position = deletes.filter(file => file.content === 1);
  const equality = deletes.filter(file => file.content === 2);
  const equalityKey = equality
    .map(file => file.filePath)
    .sort()
    .join('\u0000');
  return { key: `${position.length > 0}|${equalityKey}`, position, equality };
}

/**
 * Joins that leave out the rows deleted by position, for a scan named `scan` with DuckDB's virtual columns.
 * `dataFiles` maps data file addresses to the local paths they are read from.
 */
export async function positionDeleteJoin(
  { duckdb, storage }: FileSource,
  deletes: readonly DataFile[],
  dataFiles: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): Promise<string> {
  const paths = await localParquet(duckdb, storage, deletes, signal);
  const files = [...dataFiles].map(([location, path]) => `(${quoteString(location)}, ${quoteString(path)})`);
  return `ANTI JOIN (
  SELECT read_from.path, deleted.pos
  FROM ${positionDeleteRows(paths)} AS deleted
  JOIN (VALUES ${files.join(', ')}) AS read_from(location, path) ON deleted.file_path = read_from.location
) AS deleted_rows ON scan.filename = deleted_rows.path AND scan.file_row_number = deleted_rows.pos`;
}

/** The rows of one data file that position delete files delete; for files of before an upgrade, which are few. */
export async function positionDeletesOf(
  duckdb: DuckDb,
  storage: Storage,
  deletes: readonly DataFile[],
  dataFile: string,
  signal?: AbortSignal,
): Promise<number[]> {
  const relation = positionDeleteRows(await localParquet(duckdb, storage, deletes, signal));
  const rows = await duckdb.rows(
    `SELECT DISTINCT pos FROM ${relation} WHERE file_path = ${quoteString(dataFile)}`,
    { signal },
  );
  return rows.map(row => Number(row.pos));
}

/** The rows (`file_path`, `pos`) of position delete files at local paths. */
export function positionDeleteRows(paths: readonly string[]): string {
  const columns = `MAP{${filePathId}: {name: 'file_path', type: 'VARCHAR', default_value: NULL}, ${positionId}: {name: 'pos', type: 'BIGINT', default_value: NULL}}`;
  return `read_parquet(${fileList(paths)}, hive_partitioning = false, schema = ${columns})`;
}

/**
 * Joins that leave out the rows equal to a deleted row in the delete file's equality columns, nulls being equal.
 * `expression` gives the scan's SQL for a top-level column.
 */
export async function equalityDeleteJoins(
  source: FileSource,
  metadata: TableMetadata,
  deletes: readonly DataFile[],
  expression: (field: NestedField) => string,
  signal?: AbortSignal,
): Promise<string[]> {
  const byColumns = Map.groupBy(deletes, file =>
    [...(file.equalityIds ?? [])].sort((a, b) => a - b).join(','),
  );
  const joins: string[] = [];
  for (const [number, files] of [...byColumns.values()].entries()) {
    const columns = (files[0]!.equalityIds ?? []).map(id => equalityColumn(metadata, id, files[0]!));
    const name = `deleted_keys${number}`;
    const conditions = columns.map(
      ({ root, inside }, index) =>
        `${extract(expression(root), inside)} IS NOT DISTINCT FROM ${name}.k${index}`,
    );
    const keys = columns.map((_, index) => quoteIdentifier(`k${index}`)).join(', ');
    const rows = await deletedKeys(source, files, columns, signal);
    joins.push(`ANTI JOIN (SELECT DISTINCT ${keys} FROM ${rows}) AS ${name} ON ${conditions.join(' AND ')}`);
  }
  return joins;
}

/** The rows of equality delete files, with the columns `k0`, `k1`, ... */
async function deletedKeys(
  { duckdb, storage }: FileSource,
  files: readonly DataFile[],
  columns: readonly EqualityColumn[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const paths = await localParquet(duckdb, storage, files, signal);
  if (columns.every(({ inside }) => inside.length === 0)) {
    const entries = columns.map(
      ({ root }, index) =>
        `${root.id}: {name: 'k${index}', type: ${quoteString(duckDbType(root.type))}, default_value: NULL}`,
    );
    return `read_parquet(${fileList(paths)}, hive_partitioning = false, schema = MAP{${entries.join(', ')}})`;
  }
  // DuckDB finds fields inside of structs by name: so each file is read as it is.
  const layouts = await parquetLayouts(duckdb, paths, signal);
  const parts = layouts.map(({ columns: stored }, at) => {
    const keys = columns.map(({ root, inside }, index) => {
      const node = stored.find(({ fieldId }) => fieldId === root.id);
      const value =
        node === undefined
          ? `CAST(NULL AS ${duckDbType(root.type)})`
          : columnExpression(node, `stored.${quoteIdentifier(node.name)}`, root.type);
      return `${extract(value, inside)} AS k${index}`;
    });
    return `SELECT ${keys.join(', ')} FROM read_parquet(${fileList([paths[at]!])}, hive_partitioning = false) AS stored`;
  });
  return `(${parts.join(' UNION ALL ')})`;
}

function extract(value: string, inside: readonly string[]): string {
  return inside.reduce((sql, name) => `struct_extract(${sql}, ${quoteString(name)})`, value);
}

/** A column that an equality delete compares. */
interface EqualityColumn {
  /** The top-level column that it is or lies in. */
  readonly root: NestedField;
  /** Names of the structs' fields on the way to it. */
  readonly inside: readonly string[];
}

/** The top-level columns that equality deletes compare or look into, each once; also such as the table has no more. */
export function equalityFields(metadata: TableMetadata, deletes: readonly DataFile[]): NestedField[] {
  const fields = new Map<number, NestedField>();
  for (const file of deletes) {
    for (const id of file.equalityIds ?? []) {
      const { root } = equalityColumn(metadata, id, file);
      fields.set(root.id, root);
    }
  }
  return [...fields.values()];
}

function equalityColumn(metadata: TableMetadata, id: number, file: DataFile): EqualityColumn {
  // As the table has the column now, else as it had it last.
  const current = metadata.schemas.filter(schema => schema.schemaId === metadata.currentSchemaId);
  for (const schema of [...current, ...metadata.schemas.toReversed()]) {
    for (const root of schema.fields) {
      const inside = pathTo(root, id);
      if (inside !== undefined) return { root, inside };
    }
  }
  throw new ValidationError(
    `The equality delete file ${file.filePath} compares the field id ${id}, which no column of the table has.`,
    { hint: 'Compact the table with the tool that wrote it.' },
    'UNSUPPORTED',
  );
}

/** Names of the fields on the way through structs from a column to the field with an id; undefined: it isn't in it. */
function pathTo(field: NestedField, id: number): string[] | undefined {
  if (field.id === id) return [];
  if (field.type.kind !== 'struct') return undefined;
  for (const child of field.type.fields) {
    const below = pathTo(child, id);
    if (below !== undefined) return [child.name, ...below];
  }
  return undefined;
}
