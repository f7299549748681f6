import { statSync } from 'node:fs';
import type { LoadedTable } from '../catalog/catalog.ts';
import type { DataFile } from '../iceberg/datafile.ts';
import { UnsupportedError, ValidationError } from '../iceberg/errors.ts';
import { alwaysTrue } from '../iceberg/expression.ts';
import { currentSchema, currentSpec, type TableMetadata } from '../iceberg/metadata.ts';
import { nameMappingOf, nameMappingToJson } from '../iceberg/name-mapping.ts';
import { planScan } from '../iceberg/scan.ts';
import { childFields, typeToString } from '../iceberg/schema.ts';
import type { NestedField, Type, Value } from '../iceberg/types.ts';
import { locationKey } from '../storage/location-keys.ts';
import { toFileUri } from '../storage/paths.ts';
import { targetOf } from './dml/target.ts';
import { columnOf, fileList, type LayoutNode, parquetLayouts } from './parquet-layout.ts';
import { assignIds } from './projection.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import type { EngineSession } from './session.ts';
import type { ExecuteOptions } from './statement-result.ts';
import { commitSnapshot } from './transaction.ts';
import { partitionKey, transformSql } from './transforms-sql.ts';
import { duckDbType } from './types.ts';
import { type ColumnStatistics, fileMetrics, leaves } from './write-metrics.ts';

/** A Parquet file on this machine. */
export interface AdoptedFile {
  /** Absolute local path. */
  readonly path: string;
  /** As people named it. */
  readonly name: string;
}

export interface Adopted {
  readonly rows: number;
  readonly bytes: number;
  readonly snapshotId: bigint;
}

/** The property that tells columns of files without field ids apart, as PyIceberg's `add_files` sets it. */
export function mappingFor(metadata: TableMetadata): string {
  return nameMappingToJson(nameMappingOf(currentSchema(metadata)));
}

/**
 * Makes Parquet files data files of a table, where they are, in one commit. Their columns are found by the table's
 * name mapping, which must be there; their metrics come from their footers, their partition from their rows.
 * @throws ValidationError for a file that another table wrote (it has field ids), whose columns don't fit, that holds
 *   rows of several partitions or is in the table already
 */
export async function adoptFiles(
  session: EngineSession,
  table: LoadedTable,
  branch: string,
  files: readonly AdoptedFile[],
  options: ExecuteOptions,
): Promise<Adopted> {
  const target = targetOf(session, table, branch);
  await requireNew(session, target.metadata, target.snapshotId, files);
  await requireFitting(session, target.metadata, files, options);
  const added: DataFile[] = [];
  for (const file of files) added.push(await describe(session, target.metadata, file, options));
  const { snapshotId } = await commitSnapshot(
    session.lake,
    { table, branch, operation: 'append', added, removed: [], validation: { kind: 'none' }, keepAdded: true },
    options,
  );
  const sum = (of: (file: DataFile) => number) => added.reduce((total, file) => total + of(file), 0);
  return { rows: sum(file => file.recordCount), bytes: sum(file => file.fileSizeInBytes), snapshotId };
}

/** A file that is in a table twice would give its rows twice. */
async function requireNew(
  { lake }: EngineSession,
  metadata: TableMetadata,
  snapshotId: bigint | undefined,
  files: readonly AdoptedFile[],
): Promise<void> {
  if (snapshotId === undefined) return;
  const { tasks } = await planScan({ metadata, snapshotId, filter: alwaysTrue, io: lake.storage });
  const there = new Set(tasks.map(task => locationKey(task.dataFile.filePath)));
  const twice = files.find(file => there.has(locationKey(toFileUri(file.path))));
  if (twice === undefined) return;
  throw new ValidationError(`${twice.name} is a file of the table already.`, {
    file: twice.name,
    hint: 'Leave it out.',
  });
}

async function requireFitting(
  { duckdb }: EngineSession,
  metadata: TableMetadata,
  files: readonly AdoptedFile[],
  { signal }: ExecuteOptions,
): Promise<void> {
  const schema = currentSchema(metadata);
  const layouts = await parquetLayouts(
    duckdb,
    files.map(file => file.path),
    signal,
  );
  const fieldsById = new Map(schema.fields.map(field => [field.id, field]));
  for (const [index, layout] of layouts.entries()) {
    const { name } = files[index]!;
    const refuse = (message: string, hint: string) =>
      new ValidationError(`${name} ${message}`, { file: name, hint }, 'COLUMNS_MISMATCH');
    if (layout.hasFieldIds) {
      throw refuse(
        'has field ids: an Iceberg table wrote it, and they mean columns of that one.',
        '`ingest` copies its rows; `import` adopts the table by its metadata file.',
      );
    }
    const own = assignIds(layout, metadata);
    for (const node of own.columns) {
      const field = fieldsById.get(node.fieldId ?? -1);
      if (field === undefined) {
        throw refuse(
          `has a column "${node.name}" that the table hasn't.`,
          'Add it to the table with `evolve`, or use `ingest`.',
        );
      }
      const fault = unfitting(node, field.type, field.name);
      if (fault !== undefined)
        throw refuse(fault, '`ingest` converts values; `evolve ... widen` makes a column wider.');
    }
    const missing = schema.fields.find(field => field.required && columnOf(own, field.id) === undefined);
    if (missing !== undefined) {
      throw refuse(
        `has no column "${missing.name}", which the table requires.`,
        'Use `ingest` with a query that gives it a value.',
      );
    }
  }
}

/** DuckDB's names of the Parquet types that every reader takes for an Iceberg type, promotions included. */
const readableAs: Readonly<Partial<Record<Type['kind'], readonly string[]>>> = {
  boolean: ['BOOLEAN'],
  int: ['INTEGER', 'SMALLINT', 'TINYINT'],
  long: ['BIGINT', 'INTEGER', 'SMALLINT', 'TINYINT'],
  float: ['FLOAT'],
  double: ['DOUBLE', 'FLOAT'],
  date: ['DATE'],
  time: ['TIME'],
  timestamp: ['TIMESTAMP'],
  timestamptz: ['TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ'],
  timestamp_ns: ['TIMESTAMP_NS'],
  string: ['VARCHAR'],
  uuid: ['UUID'],
  binary: ['BLOB'],
};

/** Why a column of a file can't be read as a type; undefined when it can. */
function unfitting(node: LayoutNode, type: Type, path: string): string | undefined {
  switch (type.kind) {
    case 'struct':
    case 'list':
    case 'map': {
      if (node.kind !== type.kind) return `has no ${type.kind} in the column "${path}".`;
      const fields = childFields(type);
      for (const child of node.children) {
        const field = fields.find(candidate => candidate.id === child.fieldId);
        if (field === undefined) return `has a field "${path}.${child.name}" that the table hasn't.`;
        const fault = unfitting(child, field.type, `${path}.${field.name}`);
        if (fault !== undefined) return fault;
      }
      return undefined;
    }
    default: {
      const found = node.kind === 'leaf' ? (node.type ?? '?') : node.kind;
      const [, precision, scale] = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(found) ?? [];
      const fits =
        type.kind === 'decimal'
          ? Number(precision) <= type.precision && Number(scale) === type.scale
          : (readableAs[type.kind]?.includes(found) ?? false);
      return fits
        ? undefined
        : `has ${found} in the column "${path}", which is ${typeToString(type)} in the table.`;
    }
  }
}

async function describe(
  session: EngineSession,
  metadata: TableMetadata,
  file: AdoptedFile,
  options: ExecuteOptions,
): Promise<DataFile> {
  const { duckdb } = session;
  const { signal } = options;
  const schema = currentSchema(metadata);
  const spec = currentSpec(metadata);
  const [counts] = await duckdb.rows(
    `SELECT num_rows AS rows FROM parquet_file_metadata(${fileList([file.path])})`,
    { signal },
  );
  const statistics = await columnStatistics(session, metadata, file, options);
  const metrics = fileMetrics(
    schema,
    metadata.sortOrders.find(order => order.orderId === metadata.defaultSortOrderId)!,
    metadata.properties,
    statistics,
    new Map(),
  );
  const nulls = schema.fields.find(field => field.required && metrics.nullValueCounts?.get(field.id) !== 0);
  if (nulls !== undefined) await requireNoNulls(session, metadata, nulls, file, options);
  return {
    content: 0,
    filePath: toFileUri(file.path),
    fileFormat: 'PARQUET',
    specId: spec.specId,
    partition: await partitionOf(session, metadata, file, options),
    recordCount: Number(counts!.rows),
    fileSizeInBytes: statSync(file.path).size,
    ...metrics,
  };
}

/** Names of a file's columns by the ids of the table's fields. */
async function fileColumns(
  { duckdb }: EngineSession,
  metadata: TableMetadata,
  file: AdoptedFile,
  { signal }: ExecuteOptions,
) {
  const [layout] = await parquetLayouts(duckdb, [file.path], signal);
  return new Map(assignIds(layout!, metadata).columns.map(node => [node.fieldId, node.name]));
}

/** Sizes, counts and bounds of the top-level columns, put together over the row groups; by statistics path. */
async function columnStatistics(
  session: EngineSession,
  metadata: TableMetadata,
  file: AdoptedFile,
  options: ExecuteOptions,
): Promise<Map<string, ColumnStatistics>> {
  const names = await fileColumns(session, metadata, file, options);
  const top = new Set(currentSchema(metadata).fields.map(field => field.id));
  const columns = leaves(currentSchema(metadata)).filter(leaf => top.has(leaf.id) && names.has(leaf.id));
  if (columns.length === 0) return new Map();
  const selects = columns.flatMap((leaf, i) => {
    const ofColumn = `FILTER (path_in_schema = ${quoteString(names.get(leaf.id)!)})`;
    const bound = (which: 'min' | 'max') => {
      const value = `TRY_CAST(stats_${which}_value AS ${duckDbType(leaf.type)})`;
      return `CASE WHEN bool_and(${value} IS NOT NULL OR stats_null_count = num_values) ${ofColumn}
        THEN ${which}(${value}) ${ofColumn} END::VARCHAR AS ${which}${i}`;
    };
    // Bounds of bytes are told as escaped text, and floats' may leave out NaN: both have counts alone.
    const hasBounds = !['binary', 'fixed', 'float', 'double'].includes(leaf.type.kind);
    return [
      `sum(total_compressed_size) ${ofColumn}::DOUBLE AS size${i}`,
      `sum(num_values) ${ofColumn}::DOUBLE AS count${i}`,
      `sum(stats_null_count) ${ofColumn}::DOUBLE AS nulls${i}`,
      ...(hasBounds ? [bound('min'), bound('max')] : []),
    ];
  });
  // One query, since each reads the whole footer.
  const [row] = await session.duckdb.rows(
    `SELECT ${selects.join(', ')} FROM parquet_metadata(${fileList([file.path])})`,
    { signal: options.signal },
  );
  const text = (value: unknown) => (value === null || value === undefined ? undefined : String(value));
  const number = (value: unknown) => (value === null || value === undefined ? undefined : Number(value));
  return new Map(
    columns.map((leaf, i) => [
      leaf.statisticsPath,
      {
        columnSize: number(row![`size${i}`]),
        valueCount: number(row![`count${i}`]),
        nullCount: number(row![`nulls${i}`]),
        min: text(row![`min${i}`]),
        max: text(row![`max${i}`]),
      },
    ]),
  );
}

async function requireNoNulls(
  session: EngineSession,
  metadata: TableMetadata,
  field: NestedField,
  file: AdoptedFile,
  options: ExecuteOptions,
): Promise<void> {
  const name = (await fileColumns(session, metadata, file, options)).get(field.id)!;
  const [row] = await session.duckdb.rows(
    `SELECT count(*) AS nulls FROM read_parquet(${fileList([file.path])}, hive_partitioning = false) WHERE ${quoteIdentifier(name)} IS NULL`,
    { signal: options.signal },
  );
  if (Number(row!.nulls) === 0) return;
  throw new ValidationError(
    `${file.name} has rows without a value in "${field.name}", which the table requires.`,
    { file: file.name, hint: 'Use `ingest` with a query that gives them one.' },
    'NULL_IN_REQUIRED_COLUMN',
  );
}

/** The partition that all rows of a file are in. */
async function partitionOf(
  session: EngineSession,
  metadata: TableMetadata,
  file: AdoptedFile,
  options: ExecuteOptions,
): Promise<(Value | null)[]> {
  const spec = currentSpec(metadata);
  if (spec.fields.length === 0) return [];
  const names = await fileColumns(session, metadata, file, options);
  const byId = new Map(leaves(currentSchema(metadata)).map(leaf => [leaf.id, leaf]));
  const keys = spec.fields.map(field => {
    if (field.transform.kind === 'void') return undefined;
    const leaf = byId.get(field.sourceId);
    const name = names.get(field.sourceId);
    if (leaf === undefined || name === undefined) {
      throw new UnsupportedError(`${file.name} doesn't have the column that "${field.name}" is made of.`, {
        file: file.name,
        hint: 'Use `ingest`: it finds the partition of each row.',
      });
    }
    const value = `CAST(${quoteIdentifier(name)} AS ${duckDbType(leaf.type)})`;
    return partitionKey(field.transform, leaf.type, transformSql(field.transform, leaf.type, value));
  });
  const select = keys.map((key, i) => `${key?.sql ?? 'NULL'} AS k${i}`).join(', ');
  const rows = await session.duckdb.rows(
    `SELECT DISTINCT ${select} FROM read_parquet(${fileList([file.path])}, hive_partitioning = false) LIMIT 2`,
    { signal: options.signal },
  );
  if (rows.length > 1) {
    throw new ValidationError(`${file.name} has rows of several partitions of the table.`, {
      file: file.name,
      hint: 'Use `ingest`: it writes a file for each partition.',
    });
  }
  return keys.map((key, i) => {
    const text = rows[0]?.[`k${i}`] ?? null;
    const value = key === undefined ? null : key.decode(text === null ? null : String(text));
    if (value !== undefined) return value;
    throw new UnsupportedError(`A partition value of ${file.name} is too long.`, {
      file: file.name,
      hint: 'Use `ingest`, which copies the rows.',
    });
  });
}
