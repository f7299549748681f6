import { ConvertedTypes, ParquetTypes } from 'hyparquet/src/constants.js';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import type { ByteRange } from '../../../iceberg/io.ts';
import { checkThriftBounds } from './thrift-bounds.ts';

/** Length of the footer's own length and the closing magic bytes. */
const trailerBytes = 8;

/** Where the column chunks of a Parquet file are, and what is known of the values in them. */
export interface FooterMap {
  readonly columns: readonly ColumnMap[];
  readonly leaves: readonly Leaf[];
  readonly rowGroups: readonly RowGroup[];
}

/** A top-level column with everything inside. */
interface ColumnMap {
  /** Its own field id and those of the fields inside. */
  readonly fieldIds: ReadonlySet<number>;
  /** Indexes of its leaves. */
  readonly leaves: readonly number[];
}

export interface Leaf {
  readonly fieldId?: number;
  /** What statistics of it are values of; absent where they aren't understood. */
  readonly stored?: StoredType;
}

/** The types whose statistics are understood; times and timestamps are in microseconds where nothing else is said. */
export interface StoredType {
  readonly kind:
    | 'boolean'
    | 'int'
    | 'long'
    | 'float'
    | 'double'
    | 'decimal'
    | 'date'
    | 'time'
    | 'timestamp'
    | 'timestamp_ns'
    | 'string';
  /** Of a decimal. */
  readonly scale?: number;
  /** Whether a decimal's bytes start with the lowest. */
  readonly littleEndian?: boolean;
}

export interface RowGroup {
  readonly rows: number;
  /** By leaf. */
  readonly chunks: readonly ColumnChunk[];
}

export interface ColumnChunk {
  readonly range: ByteRange;
  readonly bloomFilter?: ByteRange;
  readonly nulls?: number;
  /** In the file's own form (parquet.thrift: Statistics). */
  readonly min?: Uint8Array;
  readonly max?: Uint8Array;
}

/**
 * Where a file's footer begins, told by its last bytes.
 * @returns undefined when these aren't a Parquet file's last bytes
 */
export function footerStart(tail: Uint8Array, fileSize: number): number | undefined {
  if (tail.length < trailerBytes) return undefined;
  const trailer = Buffer.from(tail.buffer, tail.byteOffset + tail.length - trailerBytes, trailerBytes);
  if (trailer.toString('latin1', 4) !== 'PAR1') return undefined;
  const start = fileSize - trailerBytes - trailer.readUInt32LE(0);
  return start < 0 ? undefined : start;
}

/**
 * Reads a footer, which `tail` ends with.
 * @returns undefined when it can't be read, or has no field ids: which columns a query reads can't be told then
 */
export function readFooter(tail: Uint8Array, fileSize: number): FooterMap | undefined {
  const end = footerStart(tail, fileSize);
  if (end === undefined) return undefined;
  const offset = end - (fileSize - tail.length);
  try {
    checkThriftBounds(tail, offset);
    const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
    return mapOf(deserializeTCompactProtocol({ view, offset }) as unknown as FileMetadata, end);
  } catch {
    // What is wrong with the file is the engine's to tell, which gets all of it.
    return undefined;
  }
}

/** The ranges of columns, told by field ids (absent: all), in the row groups that are needed (absent: all). */
export function columnRanges(
  map: FooterMap,
  fieldIds: readonly number[] | undefined,
  needed?: readonly boolean[],
): ByteRange[] {
  if (needed?.every(isNeeded => !isNeeded)) return [];
  const leaves = map.columns.flatMap(column =>
    fieldIds === undefined || fieldIds.some(id => column.fieldIds.has(id)) ? column.leaves : [],
  );
  return map.rowGroups.flatMap(({ chunks }, group) =>
    leaves.flatMap(leaf => {
      const { range, bloomFilter } = chunks[leaf]!;
      // The engine looks at Bloom filters of row groups that another column leaves out, too.
      const bloom = bloomFilter === undefined ? [] : [bloomFilter];
      return needed === undefined || needed[group] === true ? [range, ...bloom] : bloom;
    }),
  );
}

/** parquet.thrift: FileMetaData; fields that aren't read are left out. */
interface FileMetadata {
  /** schema */
  readonly field_2: readonly SchemaElement[];
  /** row_groups */
  readonly field_4: readonly {
    /** columns */
    readonly field_1: readonly Chunk[];
    /** num_rows */
    readonly field_3: bigint;
  }[];
  /** column_orders: without them nothing is said of the order of minima and maxima. */
  readonly field_7?: readonly unknown[];
}

/** parquet.thrift: SchemaElement. */
interface SchemaElement {
  /** type; absent for groups */
  readonly field_1?: number;
  /** num_children */
  readonly field_5?: number;
  /** converted_type */
  readonly field_6?: number;
  /** scale */
  readonly field_7?: number;
  /** field_id */
  readonly field_9?: number;
  /** logicalType */
  readonly field_10?: LogicalType;
}

/** parquet.thrift: LogicalType, a union. */
interface LogicalType {
  /** STRING */
  readonly field_1?: object;
  /** DECIMAL, with its scale */
  readonly field_5?: { readonly field_1: number };
  /** DATE */
  readonly field_6?: object;
  /** TIME, with its unit */
  readonly field_7?: { readonly field_2: TimeUnit };
  /** TIMESTAMP, with its unit */
  readonly field_8?: { readonly field_2: TimeUnit };
  /** INTEGER: whether it is signed */
  readonly field_10?: { readonly field_2: boolean };
}

/** parquet.thrift: TimeUnit, a union of MILLIS, MICROS and NANOS. */
interface TimeUnit {
  readonly field_2?: object;
  readonly field_3?: object;
}

/** parquet.thrift: ColumnChunk. */
interface Chunk {
  /** meta_data */
  readonly field_3?: ChunkMetadata;
  /** offset_index_offset */
  readonly field_4?: bigint;
  /** column_index_offset */
  readonly field_6?: bigint;
}

/** parquet.thrift: ColumnMetaData. */
interface ChunkMetadata {
  /** total_compressed_size */
  readonly field_7: bigint;
  /** data_page_offset */
  readonly field_9: bigint;
  /** dictionary_page_offset */
  readonly field_11?: bigint;
  /** statistics */
  readonly field_12?: {
    /** null_count */
    readonly field_3?: bigint;
    /** max_value */
    readonly field_5?: Uint8Array;
    /** min_value */
    readonly field_6?: Uint8Array;
  };
  /** bloom_filter_offset */
  readonly field_14?: bigint;
  /** bloom_filter_length */
  readonly field_15?: number;
}

function mapOf(metadata: FileMetadata, end: number): FooterMap | undefined {
  const schema = metadata.field_2;
  const isOrdered = metadata.field_7 !== undefined;
  const columns: { fieldIds: Set<number>; leaves: number[] }[] = [];
  const leaves: Leaf[] = [];
  let at = 1;
  const visit = (column: number): void => {
    const element = schema[at++]!;
    const { field_5: children, field_9: fieldId } = element;
    if (fieldId !== undefined) columns[column]!.fieldIds.add(fieldId);
    if (children === undefined) {
      columns[column]!.leaves.push(leaves.length);
      const stored = isOrdered ? storedType(element) : undefined;
      leaves.push({
        ...(fieldId === undefined ? {} : { fieldId }),
        ...(stored === undefined ? {} : { stored }),
      });
    }
    for (let child = 0; child < (children ?? 0); child++) visit(column);
  };
  for (let column = 0; column < (schema[0]?.field_5 ?? 0); column++) {
    columns.push({ fieldIds: new Set(), leaves: [] });
    visit(column);
  }
  if (columns.every(({ fieldIds }) => fieldIds.size === 0)) return undefined;
  const groups = metadata.field_4;
  const starts = landmarks(
    groups.flatMap(group => group.field_1),
    end,
  );
  const rowGroups = groups.map(group => ({
    rows: Number(group.field_3),
    chunks: leaves.map((_, leaf) => columnChunk(group.field_1[leaf]!, starts, end)),
  }));
  return { columns, leaves, rowGroups };
}

/** parquet-format: LogicalTypes.md; older writers say only the converted type. */
function storedType({ field_1, field_6, field_7, field_10: logical }: SchemaElement): StoredType | undefined {
  const type = ParquetTypes[field_1!];
  const converted = field_6 === undefined ? undefined : ConvertedTypes[field_6];
  if (converted === 'DECIMAL' || logical?.field_5 !== undefined) {
    const scale = logical?.field_5?.field_1 ?? field_7 ?? 0;
    return { kind: 'decimal', scale, littleEndian: type === 'INT32' || type === 'INT64' };
  }
  const isPlain = logical === undefined && converted === undefined;
  switch (type) {
    case 'BOOLEAN':
      return { kind: 'boolean' };
    case 'FLOAT':
      return { kind: 'float' };
    case 'DOUBLE':
      return { kind: 'double' };
    case 'BYTE_ARRAY':
      return converted === 'UTF8' || logical?.field_1 !== undefined ? { kind: 'string' } : undefined;
    case 'INT32':
      if (converted === 'DATE' || logical?.field_6 !== undefined) return { kind: 'date' };
      return isPlain || isSigned(converted, logical) ? { kind: 'int' } : undefined;
    case 'INT64': {
      const unit = logical?.field_8?.field_2;
      if (unit?.field_3 !== undefined) return { kind: 'timestamp_ns' };
      if (converted === 'TIMESTAMP_MICROS' || unit?.field_2 !== undefined) return { kind: 'timestamp' };
      if (converted === 'TIME_MICROS' || logical?.field_7?.field_2.field_2 !== undefined) {
        return { kind: 'time' };
      }
      return isPlain || isSigned(converted, logical) ? { kind: 'long' } : undefined;
    }
    default:
      return undefined;
  }
}

function isSigned(converted: string | undefined, logical: LogicalType | undefined): boolean {
  if (logical !== undefined) return logical.field_10?.field_2 === true;
  return converted !== undefined && /^INT_/.test(converted);
}

function columnChunk({ field_3: meta }: Chunk, starts: readonly number[], end: number): ColumnChunk {
  if (meta === undefined) throw new Error('a column chunk without metadata');
  const start = chunkStart(meta);
  const statistics = meta.field_12;
  const bloomFilter = bloomFilterRange(meta, starts);
  return {
    range: inside({ start, end: start + Number(meta.field_7) }, end),
    ...(bloomFilter === undefined ? {} : { bloomFilter: inside(bloomFilter, end) }),
    ...(statistics?.field_3 === undefined ? {} : { nulls: Number(statistics.field_3) }),
    // Copies: a view would keep the footer's bytes.
    ...(statistics?.field_6 === undefined ? {} : { min: statistics.field_6.slice() }),
    ...(statistics?.field_5 === undefined ? {} : { max: statistics.field_5.slice() }),
  };
}

/** @throws Error for a range that isn't in front of the footer */
function inside(range: ByteRange, end: number): ByteRange {
  const isInside = range.start >= 0 && range.start <= range.end && range.end <= end;
  if (!isInside) throw new Error(`bytes from ${range.start} to ${range.end} of ${end}`);
  return range;
}

function bloomFilterRange(meta: ChunkMetadata, starts: readonly number[]): ByteRange | undefined {
  if (meta.field_14 === undefined) return undefined;
  const start = Number(meta.field_14);
  if (meta.field_15 !== undefined) return { start, end: start + meta.field_15 };
  // Older writers don't tell its length: it ends before the next thing in the file.
  return { start, end: starts.find(other => other > start) ?? start };
}

function chunkStart({ field_9, field_11 }: ChunkMetadata): number {
  const data = Number(field_9);
  const dictionary = Number(field_11 ?? 0);
  return dictionary > 0 ? Math.min(dictionary, data) : data;
}

/** Offsets at which something begins, in order. */
function landmarks(chunks: readonly Chunk[], end: number): number[] {
  const starts = chunks.flatMap(({ field_3: meta, field_4: offsetIndex, field_6: columnIndex }) => [
    ...(meta === undefined ? [] : [chunkStart(meta)]),
    Number(meta?.field_14 ?? 0),
    Number(offsetIndex ?? 0),
    Number(columnIndex ?? 0),
  ]);
  return [...starts, end].sort((a, b) => a - b);
}
