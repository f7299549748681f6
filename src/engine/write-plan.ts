import { UnsupportedError, ValidationError } from '../iceberg/errors.ts';
import type { TableMetadata } from '../iceberg/metadata.ts';
import type { PartitionSpec } from '../iceberg/partition.ts';
import { integerProperty, propertyDefaults, propertyNames } from '../iceberg/properties.ts';
import type { Schema } from '../iceberg/schema.ts';
import type { SortOrder } from '../iceberg/sort.ts';
import type { NestedField, Type } from '../iceberg/types.ts';
import type { ColumnDescription } from './duckdb.ts';
import { fixableCodecs } from './parquet-fixed.ts';
import { quoteIdentifier } from './quote.ts';
import { castSql, storedSchema, unknownsAreNull } from './stored-values.ts';
import { type PartitionKey, partitionKey, transformSql } from './transforms-sql.ts';
import type { WriteRequest } from './write.ts';
import { type Leaf, leaves } from './write-metrics.ts';

/** A partition field in a COPY. */
export interface PartitionColumn {
  /** Name of the hidden column that COPY partitions by. */
  readonly name: string;
  /** Absent for void fields, which are always null. */
  readonly key?: PartitionKey;
  /** SQL of the partition value in terms of the file's columns. */
  readonly valueSql: string;
  readonly isText: boolean;
}

/** Everything that is decided before rows move. */
export interface CopyPlan {
  /** The columns that the files have. */
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly sortOrder: SortOrder;
  /** The id of the order that the files' rows are in, when they are. */
  readonly sortOrderId?: number;
  readonly select: string;
  /** Options of the COPY statement. */
  readonly options: readonly string[];
  /** Engine settings while it runs. */
  readonly settings: Readonly<Record<string, string>>;
  readonly partition: readonly PartitionColumn[];
  /** The query's columns with the fields they go to. */
  readonly columns: readonly { readonly source: string; readonly field: NestedField }[];
}

/** PyIceberg's property for the rows in a row group, and DuckDB's own default. */
const rowGroupLimit = 'write.parquet.row-group-limit';
const defaultRowGroupRows = 122_880;

/**
 * Partition counts up to this are written without sorting first; DuckDB then keeps a file open for each.
 * (`partitioned_write_max_open_files` is 100; above it files would be closed and reopened as ever more small ones.)
 */
const unsortedPartitionsLimit = 64;

/** @throws ValidationError when the query's columns don't match the table's, UnsupportedError */
export async function planCopy(request: WriteRequest): Promise<CopyPlan> {
  const { duckdb, metadata, signal } = request;
  const table = request.schema ?? currentOf(metadata.schemas, s => s.schemaId === metadata.currentSchemaId);
  const schema = storedSchema(table);
  const spec = request.spec ?? currentOf(metadata.partitionSpecs, s => s.specId === metadata.defaultSpecId);
  const sortOrder =
    request.sortOrder ??
    currentOf(metadata.sortOrders, order => order.orderId === metadata.defaultSortOrderId);
  const source = await duckdb.describe(request.sourceSql, { signal });
  const columns = matchColumns(table, source, request.matchBy ?? 'position');
  const byId = new Map(leaves(schema).map(leaf => [leaf.id, leaf]));
  const partition = spec.fields.map((field, index) => {
    const name = hiddenName(schema, index);
    // The column of a void field may be gone.
    if (field.transform.kind === 'void') return { name, valueSql: 'NULL', isText: false };
    const leaf = sourceLeaf(byId, field.sourceId, field.name);
    const valueSql = transformSql(field.transform, leaf.type, leaf.sql!);
    const isText = leaf.type.kind === 'string';
    return { name, key: partitionKey(field.transform, leaf.type, valueSql), valueSql, isText };
  });
  const keys = partition.filter(column => column.key !== undefined);
  const order = request.orderBy ?? sortSql(sortOrder, schema);
  const sorted = order.length > 0;
  const cluster = keys.length > 0 && (sorted || !hasFewPartitions(spec));
  const orderBy = [...(cluster ? keys.map(column => quoteIdentifier(column.name)) : []), ...order];
  return {
    schema,
    spec,
    sortOrder,
    // A partitioned COPY may mix the rows of a file at the places where it flushes, so it claims no order.
    ...(sorted && request.orderBy === undefined && keys.length === 0
      ? { sortOrderId: sortOrder.orderId }
      : {}),
    select: selectSql(request.sourceSql, source, columns, keys, orderBy),
    options: copyOptions(schema, metadata, keys),
    settings: {
      preserve_insertion_order: String(sorted || request.keepOrder === true),
      // With several writers the sorted runs of different threads would alternate in a file.
      ...(sorted ? { threads: '1' } : {}),
    },
    partition,
    columns: columns.flatMap(({ field, source: name }) =>
      name === undefined ? [] : [{ source: name, field }],
    ),
  };
}

/** A sort order as SQL: what stands behind ORDER BY, in terms of a schema's columns. @throws UnsupportedError */
export function sortSql(sortOrder: SortOrder, schema: Schema): string[] {
  const byId = new Map(leaves(schema).map(leaf => [leaf.id, leaf]));
  return sortOrder.fields.map(field => {
    const leaf = sourceLeaf(byId, field.sourceId, `sort order ${sortOrder.orderId}`);
    const nulls = field.nullOrder === 'nulls-first' ? 'NULLS FIRST' : 'NULLS LAST';
    return `${transformSql(field.transform, leaf.type, leaf.sql!)} ${field.direction.toUpperCase()} ${nulls}`;
  });
}

function currentOf<T>(list: readonly T[], isCurrent: (item: T) => boolean): T {
  const found = list.find(isCurrent);
  if (found === undefined)
    throw new ValidationError("The table's metadata has no current schema, spec or sort order.");
  return found;
}

interface MatchedColumn {
  readonly field: NestedField;
  /** Absent: the column is null in all rows. */
  readonly source?: string;
}

function matchColumns(
  schema: Schema,
  source: readonly ColumnDescription[],
  matchBy: 'position' | 'name',
): MatchedColumn[] {
  if (matchBy === 'position') {
    if (source.length !== schema.fields.length) {
      throw new ValidationError(
        `The table has ${schema.fields.length} columns (${schema.fields.map(field => field.name).join(', ')}), but the query gives ${source.length} (${source.map(column => column.name).join(', ')}).`,
        { hint: 'Name the columns to fill: INSERT INTO table (a, b) SELECT ...' },
        'COLUMN_COUNT',
      );
    }
    const names = sourceNames(source);
    return schema.fields.map((field, index) => ({ field, source: names[index] }));
  }
  const known = new Set(schema.fields.map(field => field.name.toLowerCase()));
  const places = new Map<string, string>();
  for (const column of source) {
    const key = column.name.toLowerCase();
    if (places.has(key)) {
      throw new ValidationError(
        `The query gives two columns named "${column.name}".`,
        undefined,
        'DUPLICATE_COLUMN',
      );
    }
    if (!known.has(key)) {
      throw new ValidationError(
        `The table has no column "${column.name}". Its columns: ${schema.fields.map(field => field.name).join(', ')}.`,
        { hint: 'Add the column to the table, or leave it out of the query.' },
        'COLUMN_NOT_FOUND',
      );
    }
    places.set(key, column.name);
  }
  return schema.fields.map(field => {
    const name = places.get(field.name.toLowerCase());
    return name === undefined ? { field } : { field, source: name };
  });
}

/** The names of a query's columns; DuckDB's own `name:1` style for repeated names isn't relied on, see `selectSql`. */
function sourceNames(source: readonly ColumnDescription[]): readonly string[] {
  const repeat = namesRepeat(source);
  return source.map(({ name }, index) => (repeat ? `column ${index + 1}` : name));
}

function namesRepeat(source: readonly ColumnDescription[]): boolean {
  return new Set(source.map(column => column.name.toLowerCase())).size < source.length;
}

function selectSql(
  sourceSql: string,
  source: readonly ColumnDescription[],
  columns: readonly MatchedColumn[],
  keys: readonly PartitionColumn[],
  orderBy: readonly string[],
): string {
  const sources = sourceNames(source);
  const names = namesRepeat(source) ? `(${sources.map(quoteIdentifier).join(', ')})` : '';
  const types = new Map(source.map(({ type }, i) => [sources[i], type.alias ?? type.toString()]));
  const values = columns.map(({ field, source: name }) =>
    name === undefined
      ? { field, value: 'NULL', type: undefined }
      : { field, value: `source.${quoteIdentifier(name)}`, type: types.get(name) },
  );
  const casts = values
    .filter(({ field }) => field.type.kind !== 'unknown')
    .map(({ field, value, type }) => `${castSql(value, field, type)} AS ${quoteIdentifier(field.name)}`);
  const check = unknownsAreNull(values);
  const rows = `SELECT ${casts.join(', ')} FROM (${sourceSql}\n) AS source${names}${check === undefined ? '' : ` WHERE ${check}`}`;
  if (keys.length === 0 && orderBy.length === 0) return rows;
  const hidden = keys.map(column => `, ${column.key!.sql} AS ${quoteIdentifier(column.name)}`).join('');
  const order = orderBy.length === 0 ? '' : `\nORDER BY ${orderBy.join(', ')}`;
  return `SELECT *${hidden} FROM (${rows})${order}`;
}

function sourceLeaf(leavesById: ReadonlyMap<number, Leaf>, id: number, what: string): Leaf {
  const leaf = leavesById.get(id);
  if (leaf?.sql !== undefined) return leaf;
  throw new UnsupportedError(
    `The source column (field id ${id}) of "${what}" is no primitive column of the table.`,
  );
}

/** A column name that no column of the table has. */
function hiddenName(schema: Schema, index: number): string {
  const taken = new Set(schema.fields.map(field => field.name.toLowerCase()));
  let name = `lakebook_p${index}`;
  while (taken.has(name)) name += '_';
  return name;
}

/** Whether the spec alone limits the number of partitions to what can be written side by side. */
function hasFewPartitions(spec: PartitionSpec): boolean {
  let count = 1;
  for (const { transform } of spec.fields) {
    if (transform.kind === 'void') continue;
    if (transform.kind !== 'bucket') return false;
    count *= transform.buckets + 1;
  }
  return count <= unsortedPartitionsLimit;
}

const codecs: Readonly<Record<string, string>> = {
  zstd: 'zstd',
  snappy: 'snappy',
  gzip: 'gzip',
  brotli: 'brotli',
  lz4: 'lz4_raw',
  uncompressed: 'uncompressed',
};

function copyOptions(schema: Schema, metadata: TableMetadata, keys: readonly PartitionColumn[]): string[] {
  const { properties } = metadata;
  const codec = (
    properties[propertyNames.parquetCompression] ?? propertyDefaults[propertyNames.parquetCompression]
  ).toLowerCase();
  const compression = codecs[codec];
  if (compression === undefined) {
    throw new UnsupportedError(`The table's compression codec ${codec} is not known.`, {
      hint: `Set write.parquet.compression-codec to one of ${Object.keys(codecs).join(', ')}.`,
    });
  }
  const hasFixed = leaves(schema).some(leaf => leaf.type.kind === 'fixed');
  const options = [
    'FORMAT parquet',
    `COMPRESSION ${hasFixed && !fixableCodecs.includes(compression) ? 'zstd' : compression}`,
    `FIELD_IDS {${schema.fields.map(fieldIds).join(', ')}}`,
    "FILENAME_PATTERN '{uuid}'",
    'RETURN_STATS',
  ];
  // Iceberg's metadata says what GeoParquet's would.
  if (leaves(schema).some(leaf => leaf.type.kind === 'geometry')) options.push("GEOPARQUET_VERSION 'NONE'");
  if (compression === 'zstd' && properties[propertyNames.parquetCompressionLevel] !== undefined) {
    options.push(
      `COMPRESSION_LEVEL ${integerProperty(properties, propertyNames.parquetCompressionLevel, 3)}`,
    );
  }
  options.push(`ROW_GROUP_SIZE ${sizeProperty(properties, rowGroupLimit, defaultRowGroupRows)}`);
  if (keys.length > 0) {
    options.push(`PARTITION_BY (${keys.map(column => quoteIdentifier(column.name)).join(', ')})`);
    options.push('WRITE_PARTITION_COLUMNS false');
  } else {
    const fallback = propertyDefaults[propertyNames.targetFileSizeBytes];
    options.push(`FILE_SIZE_BYTES ${sizeProperty(properties, propertyNames.targetFileSizeBytes, fallback)}`);
  }
  return options;
}

/** A size property. @throws ValidationError when it is set to what is no positive whole number */
function sizeProperty(properties: Readonly<Record<string, string>>, name: string, fallback: number): number {
  const value = integerProperty(properties, name, fallback);
  if (value > 0) return value;
  throw new ValidationError(
    `The table property '${name}' must be greater than 0, but is '${properties[name]}'.`,
    {
      hint: 'Set it to a number of bytes or rows, or remove it.',
    },
  );
}

/** A field as COPY's FIELD_IDS option wants it. */
function fieldIds(field: NestedField): string {
  return `${quoteIdentifier(field.name)}: ${typeFieldIds(field.id, field.type)}`;
}

function typeFieldIds(id: number, type: Type): string {
  switch (type.kind) {
    case 'struct':
      return `{__duckdb_field_id: ${id}, ${type.fields.map(fieldIds).join(', ')}}`;
    case 'list':
      return `{__duckdb_field_id: ${id}, element: ${typeFieldIds(type.elementId, type.element)}}`;
    case 'map':
      return `{__duckdb_field_id: ${id}, key: ${typeFieldIds(type.keyId, type.key)}, value: ${typeFieldIds(type.valueId, type.value)}}`;
    default:
      return String(id);
  }
}
