import type { DataFile } from '../iceberg/datafile.ts';
import { isDeletionVector } from '../iceberg/delete-index.ts';
import { UnsupportedError } from '../iceberg/errors.ts';
import type { TableMetadata } from '../iceberg/metadata.ts';
import { reservedFieldIds } from '../iceberg/reserved-fields.ts';
import type { Schema } from '../iceberg/schema.ts';
import type { NestedField } from '../iceberg/types.ts';
import type { LocalFile, RowRange } from '../storage/storage.ts';
import {
  type DeleteGroup,
  equalityDeleteJoins,
  equalityFields,
  groupDeletes,
  positionDeleteJoin,
} from './deletes.ts';
import { deletionVectorFilter, lonelyVectorFilter, mostRowsOfConstant } from './deletion-vectors.ts';
import { literal } from './literals.ts';
import { columnOf, fileList, type Layout, parquetLayouts } from './parquet-layout.ts';
import { assignIds, columnExpression, fitsByName, initialDefault } from './projection.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import { localFiles } from './read-files.ts';
import { type ScanFile, type ScanRequest, virtualColumns } from './scan-request.ts';
import { duckDbType, someType } from './types.ts';

export interface BoundScan {
  /** A SELECT that reads exactly the given files; usable as a view or in parentheses. */
  readonly sql: string;
  /** Where each of `request.files` is read from, in the same order. */
  readonly localPaths: readonly string[];
}

/**
 * SQL that reads the given data files as `schema`: columns are found by field id, renamed and widened ones come in
 * their present form, added ones are null (or their initial default), deleted rows are left out.
 * @throws UnsupportedError for file formats and delete kinds that can't be read, CorruptFileError, NotFoundError
 */
export async function scanSql(request: ScanRequest): Promise<BoundScan> {
  const { duckdb, schema, files, signal } = request;
  for (const { dataFile, deletes } of files) {
    requirePlain([dataFile, ...deletes]);
    requireReadable(dataFile);
  }
  rejectEqualNames(schema);
  if (request.exact === true) requireExact(schema);
  const found = await localFiles(request);
  const localPaths = found.map(({ path }) => path);
  if (found.every(({ rows }) => rows?.length === 0)) return { sql: emptySql(request), localPaths };
  const layouts = await parquetLayouts(duckdb, localPaths, signal);
  const groups = groupFiles(request, found, layouts);
  const parts: string[] = [];
  const unread = groups.length > 1 ? unreadFirst(request) : undefined;
  for (const group of groups) parts.push(await groupSql(request, group, unread));
  return { sql: parts.join('\nUNION ALL\n'), localPaths };
}

function requirePlain(files: readonly DataFile[]): void {
  const encrypted = files.find(file => file.keyMetadata !== undefined);
  if (encrypted === undefined) return;
  throw new UnsupportedError(`The file ${encrypted.filePath} is encrypted.`, {
    hint: 'Lakebook has no keys of encrypted tables: read the table with the tool that wrote it.',
  });
}

function requireReadable(file: DataFile): void {
  if (file.fileFormat === 'PARQUET' || file.fileFormat === 'AVRO') return;
  throw new UnsupportedError(`The data file ${file.filePath} is in the ${file.fileFormat} format.`, {
    hint: 'Lakebook reads Parquet and Avro data files; rewrite the table with the tool that wrote it.',
  });
}

/** DuckDB's column names ignore case, Iceberg's don't. */
function rejectEqualNames(schema: Schema): void {
  const seen = new Map<string, string>();
  for (const field of schema.fields) {
    const other = seen.get(field.name.toLowerCase());
    if (other !== undefined) {
      throw new UnsupportedError(
        `The columns "${other}" and "${field.name}" differ only in case, which SQL can't tell apart.`,
        { hint: `Rename one of them with a tool that is case-sensitive.` },
      );
    }
    seen.set(field.name.toLowerCase(), field.name);
  }
}

/** Files that one SELECT can read. */
interface FileGroup {
  readonly layout: Layout;
  /**
   * Whether files of several layouts are read together by DuckDB's own look-up by field id, else all have `layout`
   * and columns are picked by it. (Of a single file DuckDB reads only one row group at a time by field id.)
   */
  byFieldId: boolean;
  readonly fitsFieldIds: boolean;
  /** Columns whose value comes from the files' common partition value, as SQL by field id. */
  readonly constants: ReadonlyMap<number, string>;
  readonly deletes: DeleteGroup[];
  readonly files: ScanFile[];
  readonly locations: string[];
  readonly paths: string[];
  /** The only rows of each file that are there; absent: all. */
  readonly range?: RowRange;
  rows: number;
}

/**
 * Up to so many files with deletion vectors are read by a SELECT each, where the vector is a constant: the cheapest way
 * to look up a bit, as long as the SELECTs themselves cost nothing.
 */
const mostVectorsApart = 64;

function groupFiles(
  request: ScanRequest,
  found: readonly LocalFile[],
  layouts: readonly Layout[],
): FileGroup[] {
  const groups = new Map<string, FileGroup>();
  const layoutInfo = new Map<Layout, { key: string; layout: Layout; byFieldId: boolean }>();
  const vectors = request.files.filter(({ deletes }) => deletes.some(isDeletionVector)).length;
  const vectorsApart = vectors <= mostVectorsApart;
  for (const [index, file] of request.files.entries()) {
    const { dataFile, deletes } = file;
    const asWritten = layouts[index]!;
    let info = layoutInfo.get(asWritten);
    if (info === undefined) {
      const layout = assignIds(asWritten, request.metadata);
      const byFieldId = asWritten.hasFieldIds && fitsByName(layout, request.schema);
      // All layouts that are read by field id can be read together.
      info = { key: byFieldId ? 'id' : `layout ${layoutInfo.size}`, layout, byFieldId };
      layoutInfo.set(asWritten, info);
    }
    const constants = partitionConstants(request, info.layout, dataFile);
    const deleteGroup = groupDeletes(deletes);
    const hasOwnVector =
      vectorsApart && dataFile.recordCount <= mostRowsOfConstant && deletes.some(isDeletionVector);
    const own = hasOwnVector ? dataFile.filePath : '';
    const { path, rows } = found[index]!;
    for (const range of rows ?? [undefined]) {
      const part = range === undefined ? '' : `${range.start}-${range.end}`;
      const key = [info.key, [...constants].flat().join('\u0000'), deleteGroup.key, own, part].join('\u0001');
      let group = groups.get(key);
      if (group === undefined) {
        const { layout } = info;
        group = {
          layout,
          fitsFieldIds: info.byFieldId,
          byFieldId: false,
          constants,
          deletes: [],
          files: [],
          locations: [],
          paths: [],
          ...(range === undefined ? {} : { range }),
          rows: 0,
        };
        groups.set(key, group);
      }
      if (info.layout !== group.layout) group.byFieldId = true;
      group.deletes.push(deleteGroup);
      group.files.push(file);
      group.locations.push(dataFile.filePath);
      group.paths.push(path);
      group.rows += range === undefined ? dataFile.recordCount : range.end - range.start;
    }
  }
  for (const group of groups.values()) uncoverVirtualColumns(request, group);
  return [...groups.values()];
}

/** A file's own column named `filename` would hide the virtual one; by field id it's read under another name. */
function uncoverVirtualColumns(request: ScanRequest, group: FileGroup): void {
  const needsLocation =
    request.rowLocation !== undefined ||
    request.schema.fields.some(isLineage) ||
    group.deletes.some(({ position }) => position.length > 0);
  if (!needsLocation || group.byFieldId) return;
  const hiding = group.layout.columns.find(column => virtualColumns.includes(column.name.toLowerCase()));
  if (hiding === undefined) return;
  if (!group.fitsFieldIds) {
    throw new UnsupportedError(`The data file ${group.locations[0]} has a column named "${hiding.name}".`, {
      hint: 'Rows of such files can be read, but not told apart: rewrite the table to change it.',
    });
  }
  group.byFieldId = true;
}

/**
 * Spec, "Column Projection": a column that isn't in the file has its partition value when the file's spec has an
 * identity transform of it (Hive layouts keep such columns in the path only).
 */
function partitionConstants(request: ScanRequest, layout: Layout, file: DataFile): Map<number, string> {
  const constants = new Map<number, string>();
  const spec = request.metadata.partitionSpecs.find(candidate => candidate.specId === file.specId);
  if (spec === undefined) return constants;
  for (const [index, field] of spec.fields.entries()) {
    if (field.transform.kind !== 'identity') continue;
    if (columnOf(layout, field.sourceId) !== undefined) continue;
    const column = request.schema.fields.find(candidate => candidate.id === field.sourceId);
    if (column === undefined) continue;
    constants.set(column.id, literal(column.type, file.partition[index] ?? null));
  }
  return constants;
}

/**
 * Of a UNION whose columns nobody uses (`count(*)`) DuckDB reads the first one nevertheless. When that isn't among
 * those that will be read, its bytes may not be there.
 */
function unreadFirst({ schema, fieldIds }: ScanRequest): NestedField | undefined {
  const [first] = schema.fields;
  return first === undefined || fieldIds === undefined || fieldIds.includes(first.id) ? undefined : first;
}

async function groupSql(
  request: ScanRequest,
  group: FileGroup,
  unread: NestedField | undefined,
): Promise<string> {
  const exact = request.exact === true;
  const expression = (field: NestedField) => fieldExpression(field, group, exact);
  const columns = request.schema.fields.map(
    field =>
      `${field === unread ? nullOf(field, exact) : expression(field)} AS ${quoteIdentifier(field.name)}`,
  );
  if (request.rowLocation !== undefined) {
    columns.push(`scan.filename AS ${quoteIdentifier(request.rowLocation.file)}`);
    columns.push(`scan.file_row_number AS ${quoteIdentifier(request.rowLocation.position)}`);
  }
  const { joins, conditions } = await deleteJoins(request, group, expression);
  const { range } = group;
  // By this DuckDB leaves the other row groups unread; of several ranges in one condition it would not always.
  if (range !== undefined) {
    conditions.unshift(`scan.file_row_number BETWEEN ${range.start} AND ${range.end - 1}`);
  }
  return [
    `SELECT ${columns.join(', ')} FROM ${groupSource(request, group)} AS scan`,
    ...lineageJoin(request, group),
    ...joins,
    ...(conditions.length === 0 ? [] : [`WHERE ${conditions.join(' AND ')}`]),
  ].join('\n');
}

/** The table function that reads a group's files. */
function groupSource({ schema, metadata }: ScanRequest, group: FileGroup): string {
  const entries = group.byFieldId ? readerFields(schema, metadata, group).map(schemaEntry) : [];
  const bySchema = entries.length === 0 ? '' : `, schema = MAP{${entries.join(', ')}}`;
  // The manifest knows the number of rows, which helps the planner to order joins.
  const rows = group.rows > 0 ? `, explicit_cardinality = ${group.rows}` : '';
  return `read_parquet(${fileList(group.paths)}, hive_partitioning = false${rows}${bySchema})`;
}

/** The schema's columns, and those that equality deletes compare beside them. */
function readerFields(schema: Schema, metadata: TableMetadata, group: FileGroup): NestedField[] {
  const own = new Set(schema.fields.map(field => field.id));
  const compared = equalityFields(metadata, group.deletes[0]!.equality);
  const more = compared.filter(field => !own.has(field.id)).map(hidden);
  return [...schema.fields, ...more].filter(field => isInReader(field, group));
}

/** A column under a name that none of the schema has: one that was dropped may have the name of another today. */
function hidden(field: NestedField): NestedField {
  return { ...field, name: `column ${field.id}` };
}

function isInReader(field: NestedField, group: FileGroup): boolean {
  return field.type.kind !== 'unknown' && !group.constants.has(field.id);
}

function schemaEntry(field: NestedField): string {
  const type = quoteString(duckDbType(field.type));
  const value = initialDefault(field);
  const text = value === undefined ? 'NULL::VARCHAR' : `CAST(${value} AS VARCHAR)`;
  return `${field.id}: {name: ${quoteString(readerName(field))}, type: ${type}, default_value: ${text}}`;
}

/** A column's name inside the scan; DuckDB's virtual columns keep theirs. */
function readerName(field: NestedField): string {
  return virtualColumns.includes(field.name.toLowerCase()) ? `column ${field.id}` : field.name;
}

/** SQL for a column of the table in terms of `scan`. */
function fieldExpression(field: NestedField, group: FileGroup, exact: boolean): string {
  // Spec: values of the type unknown are null, and no file has them.
  if (field.type.kind === 'unknown') return nullOf(field, exact);
  const constant = group.constants.get(field.id);
  if (constant !== undefined) return constant;
  if (isLineage(field)) return lineageExpression(field, group, exact);
  return storedExpression(field, group, exact);
}

/** What the files themselves have of a column. */
function storedExpression(field: NestedField, group: FileGroup, exact: boolean): string {
  const { type } = field;
  if (group.byFieldId) return `scan.${quoteIdentifier(readerName(field))}`;
  const node = columnOf(group.layout, field.id);
  if (node !== undefined) return columnExpression(node, `scan.${quoteIdentifier(node.name)}`, type, exact);
  return initialDefault(field) ?? nullOf(field, exact);
}

function isLineage({ id }: NestedField): boolean {
  return id === reservedFieldIds.rowId || id === reservedFieldIds.lastUpdatedSequenceNumber;
}

/** Spec, "Row Lineage": what a file doesn't say of a row follows from the file; files without row ids have neither. */
function lineageExpression(field: NestedField, group: FileGroup, exact: boolean): string {
  const stored = storedExpression(field, group, exact);
  const inherited =
    field.id === reservedFieldIds.rowId
      ? 'lineage.first_row_id + scan.file_row_number'
      : 'CASE WHEN lineage.first_row_id IS NULL THEN NULL ELSE lineage.sequence_number END';
  return `coalesce(${stored}, ${inherited})`;
}

/** What the lineage of a file's rows follows from. */
function lineageJoin({ schema }: ScanRequest, group: FileGroup): string[] {
  if (!schema.fields.some(isLineage)) return [];
  const rows = group.files.map(({ dataFile, entry }, index) => {
    const sequenceNumber = entry?.sequenceNumber ?? 'NULL';
    return `(${quoteString(group.paths[index]!)}, ${dataFile.firstRowId ?? 'NULL'}::BIGINT, ${sequenceNumber}::BIGINT)`;
  });
  return [
    `JOIN (VALUES ${rows.join(', ')}) AS lineage(path, first_row_id, sequence_number) ON scan.filename = lineage.path`,
  ];
}

async function deleteJoins(
  request: ScanRequest,
  group: FileGroup,
  expression: (field: NestedField) => string,
): Promise<{ readonly joins: string[]; readonly conditions: string[] }> {
  const { storage, metadata, schema, signal } = request;
  const joins: string[] = [];
  const conditions: string[] = [];
  const pathOf = new Map(group.locations.map((location, index) => [location, group.paths[index]!]));
  const all = [...new Set(group.deletes.flatMap(deletes => deletes.position))];
  const vectors = all.filter(isDeletionVector);
  if (vectors.length === 1 && group.files.length === 1) {
    conditions.push(await lonelyVectorFilter(storage, vectors[0]!, group.files[0]!.dataFile));
  } else if (vectors.length > 0) {
    const { join, condition } = await deletionVectorFilter(storage, vectors, pathOf, signal);
    joins.push(join);
    conditions.push(condition);
  }
  const position = all.filter(file => !isDeletionVector(file));
  if (position.length > 0) joins.push(await positionDeleteJoin(request, position, pathOf, signal));
  const equality = group.deletes[0]!.equality;
  if (equality.length > 0) {
    const own = new Map(schema.fields.map(field => [field.id, field]));
    const compared = (field: NestedField) => expression(own.get(field.id) ?? hidden(field));
    joins.push(...(await equalityDeleteJoins(request, metadata, equality, compared, signal)));
  }
  return { joins, conditions };
}

function nullOf({ type }: NestedField, exact: boolean): string {
  return `CAST(NULL AS ${duckDbType(type, exact)})`;
}

/** @throws UnsupportedError for columns whose values DuckDB reads rounded */
function requireExact(schema: Schema): void {
  const rounded = schema.fields.find(({ type }) => someType(type, ({ kind }) => kind === 'timestamptz_ns'));
  if (rounded === undefined) return;
  throw new UnsupportedError(
    `Rows of this table can't be written again: its column "${rounded.name}" has nanoseconds with a time zone (timestamptz_ns), of which microseconds are read.`,
    {
      hint: 'Rows can be added, and deleted merge-on-read; for other changes use a tool that keeps nanoseconds.',
    },
  );
}

/** A relation without rows that has the columns of a scan. */
function emptySql(request: ScanRequest): string {
  const exact = request.exact === true;
  const columns = request.schema.fields.map(
    field => `${nullOf(field, exact)} AS ${quoteIdentifier(field.name)}`,
  );
  if (request.rowLocation !== undefined) {
    columns.push(`CAST(NULL AS VARCHAR) AS ${quoteIdentifier(request.rowLocation.file)}`);
    columns.push(`CAST(NULL AS BIGINT) AS ${quoteIdentifier(request.rowLocation.position)}`);
  }
  return `SELECT ${columns.join(', ')} WHERE false`;
}
