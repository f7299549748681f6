import { createHash, randomUUID } from 'node:crypto';
import path from 'node:path';
import type { DuckDBMapValue, DuckDBValue } from '@duckdb/node-api';
import { deleteQuietly } from '../catalog/commit.ts';
import { dataLocation } from '../iceberg/data-location.ts';
import type { DataFile } from '../iceberg/datafile.ts';
import { LakebookError } from '../iceberg/errors.ts';
import { dataFolder, type TableMetadata } from '../iceberg/metadata.ts';
import { type PartitionSpec, partitionPath } from '../iceberg/partition.ts';
import type { Schema } from '../iceberg/schema.ts';
import type { SortOrder } from '../iceberg/sort.ts';
import type { FixedType, Value } from '../iceberg/types.ts';
import type { StagingArea, Storage } from '../storage/storage.ts';
import { registerBucketHash } from './bucket-hash.ts';
import type { DuckDb, RunOptions } from './duckdb.ts';
import { relocate } from './errors.ts';
import { annotate } from './parquet-annotations.ts';
import { fixLengths } from './parquet-fixed.ts';
import { fileList } from './parquet-layout.ts';
import type { ProgressListener } from './progress.ts';
import { quoteString } from './quote.ts';
import { checkRequired, explainConversion } from './write-checks.ts';
import { type ColumnStatistics, fileMetrics, leaves, parseColumnStatistics } from './write-metrics.ts';
import { type CopyPlan, type PartitionColumn, planCopy } from './write-plan.ts';
import { noteWritten } from './written-files.ts';

export interface WriteRequest {
  readonly duckdb: DuckDb;
  readonly storage: Storage;
  /** The table: location, properties, and whatever of the next three isn't given. */
  readonly metadata: TableMetadata;
  /** A query for the rows. Its values are cast to the table's types. */
  readonly sourceSql: string;
  /**
   * How the query's columns belong to the table's: in order (their number must be equal; the default), or by name
   * without regard to case (missing columns are null, others than the table's are an error).
   */
  readonly matchBy?: 'position' | 'name';
  /** Default: the table's current schema. */
  readonly schema?: Schema;
  /** Default: the table's default partition spec. */
  readonly spec?: PartitionSpec;
  /** Default: the table's default sort order. */
  readonly sortOrder?: SortOrder;
  /** Sorts by these SQL expressions of the table's columns instead. */
  readonly orderBy?: readonly string[];
  /** Keep the order of the query's rows in the files (it has an ORDER BY); costs memory. */
  readonly keepOrder?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** A Parquet file in the staging folder. */
interface StagedFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly statistics: ReadonlyMap<string, ColumnStatistics>;
  readonly partition: readonly (Value | null)[];
}

/**
 * Writes a query's rows as new data files of a table, through its partition transforms and sort order, and
 * describes them for a commit. The files are durable when this resolves, and in no snapshot yet: a caller whose
 * commit fails removes them with `deleteQuietly`. When it throws, nothing is left behind.
 * @throws ValidationError for values that don't fit the table, naming column and value; SqlError for the query's own
 * errors, placed in `sourceSql`; InterruptedError
 */
export async function writeDataFiles(request: WriteRequest): Promise<DataFile[]> {
  const { duckdb, storage, metadata, signal, onProgress } = request;
  const plan = await planCopy(request);
  registerBucketHash(duckdb);
  const staging = await storage.stage(dataFolder(metadata));
  try {
    const staged = await fixStaged(plan, await copyToStaging(request, plan, staging));
    await checkRequired(duckdb, plan.schema, staged, { signal });
    const described = await describeFiles(request, plan, staged);
    onProgress?.({ phase: 'publishing', files: staged.length });
    await publishAll(storage, staging, staged, described);
    noteWritten(described);
    return described;
  } finally {
    // What can't be removed is found by the orphan clean-up; the rows are written all the same.
    await staging.discard().catch(() => {});
  }
}

async function copyToStaging(
  request: WriteRequest,
  plan: CopyPlan,
  staging: StagingArea,
): Promise<StagedFile[]> {
  const { duckdb, signal, onProgress } = request;
  const target = path.join(staging.path, 'files');
  const sql = `COPY (${plan.select}\n) TO ${quoteString(target)} (${plan.options.join(', ')})`;
  const options: RunOptions = { signal, onProgress, phase: 'writing' };
  let rows: Record<string, DuckDBValue>[];
  try {
    rows = await duckdb.rowsWith(plan.settings, sql, options);
  } catch (error) {
    if (!(error instanceof LakebookError)) throw error;
    const start = sql.indexOf(`(${request.sourceSql}\n)`) + 1;
    const inQuery = (offset: number) => (offset < start + request.sourceSql.length ? offset - start : -1);
    const placed = relocate(error, request.sourceSql, offset =>
      inQuery(offset) < 0 ? undefined : inQuery(offset),
    );
    throw await explainConversion(duckdb, placed, request.sourceSql, plan.columns, { signal });
  }
  const files: StagedFile[] = [];
  for (const row of rows) {
    if (Number(row.count) === 0) continue;
    const file = {
      path: String(row.filename),
      rows: Number(row.count),
      bytes: Number(row.file_size_bytes),
      statistics: parseColumnStatistics(row.column_statistics!),
    };
    files.push({
      ...file,
      partition: await partitionValues(request, plan, file.path, row.partition_keys ?? null),
    });
  }
  return files;
}

/** Gives columns of types that DuckDB can't write their Parquet type. */
async function fixStaged(plan: CopyPlan, staged: readonly StagedFile[]): Promise<StagedFile[]> {
  const all = leaves(plan.schema);
  const ofKind = (kind: string) => all.filter(leaf => leaf.type.kind === kind);
  const idsOf = (kind: string) => new Set(ofKind(kind).map(leaf => leaf.id));
  const annotations = { adjustedToUtc: idsOf('timestamptz_ns'), variants: idsOf('variant') };
  const annotated: StagedFile[] = [];
  for (const file of staged) {
    const isComplete = annotations.adjustedToUtc.size + annotations.variants.size === 0;
    annotated.push(isComplete ? file : { ...file, bytes: await annotate(file.path, annotations) });
  }
  const fixed = ofKind('fixed');
  if (fixed.length === 0) return annotated;
  const lengths = new Map(fixed.map(leaf => [leaf.id, (leaf.type as FixedType).length]));
  const files: StagedFile[] = [];
  for (const file of annotated) {
    const { bytes, columnSizes } = await fixLengths(file.path, lengths);
    const statistics = new Map(file.statistics);
    for (const { id, statisticsPath } of fixed) {
      const column = statistics.get(statisticsPath);
      if (column !== undefined)
        statistics.set(statisticsPath, { ...column, columnSize: columnSizes.get(id) });
    }
    files.push({ ...file, bytes, statistics });
  }
  return files;
}

/** A file's partition tuple from the keys that COPY reports. */
async function partitionValues(
  request: WriteRequest,
  plan: CopyPlan,
  file: string,
  keys: DuckDBValue,
): Promise<(Value | null)[]> {
  if (plan.partition.length === 0) return [];
  const byName = new Map(
    (keys as DuckDBMapValue | null)?.entries.map(({ key, value }) => [String(key), value]),
  );
  const values: (Value | null)[] = [];
  for (const column of plan.partition) {
    if (column.key === undefined) {
      values.push(null);
      continue;
    }
    const text = byName.get(column.name) ?? null;
    const value = column.key.decode(text === null ? null : String(text));
    values.push(value === undefined ? await lookUp(request, column, file) : value);
  }
  return values;
}

/** A long string or binary partition value, read from any row of its file. */
async function lookUp(request: WriteRequest, column: PartitionColumn, file: string): Promise<Value> {
  const [row] = await request.duckdb.rows(
    `SELECT hex(${column.valueSql}) AS value FROM read_parquet(${fileList([file])}, hive_partitioning = false) LIMIT 1`,
    { signal: request.signal },
  );
  const bytes = Buffer.from(String(row!.value), 'hex');
  return column.isText ? bytes.toString('utf8') : new Uint8Array(bytes);
}

async function describeFiles(
  request: WriteRequest,
  plan: CopyPlan,
  staged: readonly StagedFile[],
): Promise<DataFile[]> {
  const nanCounts = await countNans(request, plan.schema, staged);
  const offsets = await rowGroupOffsets(request, staged);
  return staged.map((file): DataFile => {
    const inside = partitionFolder(plan, file.partition);
    return {
      content: 0,
      filePath: dataLocation(request.metadata, inside, `${randomUUID()}.parquet`),
      fileFormat: 'PARQUET',
      specId: plan.spec.specId,
      partition: file.partition,
      recordCount: file.rows,
      fileSizeInBytes: file.bytes,
      ...fileMetrics(
        plan.schema,
        plan.sortOrder,
        request.metadata.properties,
        file.statistics,
        nanCounts.get(file.path) ?? new Map(),
      ),
      ...(offsets.has(file.path) ? { splitOffsets: offsets.get(file.path)! } : {}),
      ...(plan.sortOrderId === undefined ? {} : { sortOrderId: plan.sortOrderId }),
    };
  });
}

/** Longest folder name in bytes; file systems take 255. */
const longestFolderName = 240;

/** `p=1/q=a/`, or nothing. Iceberg takes no meaning from paths, so folder names too long to be made are cut. */
function partitionFolder(plan: CopyPlan, partition: readonly (Value | null)[]): string {
  if (plan.spec.fields.length === 0) return '';
  const names = partitionPath(plan.spec, plan.schema, partition).split('/');
  // Names are percent-encoded, so a byte is a character.
  const short = names.map(name => {
    const bytes = Buffer.from(name);
    if (bytes.length <= longestFolderName) return name;
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    return `${bytes
      .subarray(0, longestFolderName - 17)
      .toString('latin1')
      .replace(/[^\x20-\x7e]+/g, '')}-${digest}`;
  });
  return `${short.join('/')}/`;
}

/** NaNs by file and field id, for columns whose statistics say only that there are some. */
async function countNans(
  request: WriteRequest,
  schema: Schema,
  staged: readonly StagedFile[],
): Promise<Map<string, Map<number, number>>> {
  const counts = new Map<string, Map<number, number>>();
  for (const leaf of leaves(schema)) {
    if (leaf.sql === undefined) continue;
    const files = staged.filter(file => file.statistics.get(leaf.statisticsPath)?.hasNan === true);
    if (files.length === 0) continue;
    const rows = await request.duckdb.rows(
      `SELECT filename, count(*) AS nans FROM read_parquet(${fileList(files.map(file => file.path))},
         hive_partitioning = false) AS scan WHERE isnan(scan.${leaf.sql}) GROUP BY filename`,
      { signal: request.signal },
    );
    for (const row of rows) {
      const ofFile = counts.get(String(row.filename)) ?? new Map<number, number>();
      ofFile.set(leaf.id, Number(row.nans));
      counts.set(String(row.filename), ofFile);
    }
  }
  return counts;
}

/** Beyond this many files, reading every footer again for the optional split offsets isn't worth it. */
const splitOffsetsLimit = 500;

/** Where each row group starts, by file (spec: `split_offsets`). */
async function rowGroupOffsets(
  request: WriteRequest,
  staged: readonly StagedFile[],
): Promise<Map<string, number[]>> {
  const offsets = new Map<string, number[]>();
  if (staged.length === 0 || staged.length > splitOffsetsLimit) return offsets;
  const rows = await request.duckdb.rows(
    `SELECT file_name, min(least(data_page_offset, CASE WHEN dictionary_page_offset > 0 THEN dictionary_page_offset
       ELSE data_page_offset END)) AS start
     FROM parquet_metadata(${fileList(staged.map(file => file.path))}) GROUP BY file_name, row_group_id
     ORDER BY file_name, start`,
    { signal: request.signal },
  );
  for (const row of rows) {
    const list = offsets.get(String(row.file_name)) ?? [];
    list.push(Number(row.start));
    offsets.set(String(row.file_name), list);
  }
  return offsets;
}

/** Files made visible at the same time. */
const publishConcurrency = 8;

async function publishAll(
  storage: Storage,
  staging: StagingArea,
  staged: readonly StagedFile[],
  described: readonly DataFile[],
): Promise<void> {
  const published: DataFile[] = [];
  let next = 0;
  const worker = async () => {
    while (next < staged.length) {
      const index = next++;
      await staging.publish(staged[index]!.path, described[index]!.filePath);
      published.push(described[index]!);
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: publishConcurrency }, worker));
  const failure = outcomes.find(outcome => outcome.status === 'rejected');
  if (failure === undefined) return;
  await deleteQuietly(
    storage,
    published.map(file => file.filePath),
  );
  throw failure.reason;
}
