import {
  DuckDBArrayType,
  DuckDBDecimalType,
  DuckDBEnumType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUnionType,
  DuckDBVector,
} from '@duckdb/node-api';
import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Map_,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimeMicrosecond,
  TimeNanosecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from 'apache-arrow';
import type { ColumnDescription } from './duckdb.ts';
import { jsonValue } from './json-rows.ts';
import type { RowSlice } from './result-set.ts';
import { displayType } from './types.ts';
import {
  arrayChild,
  columnVector,
  isValid,
  listChild,
  listChildSize,
  type RawVector,
  stringBytes,
  structChild,
  validityBits,
  vectorBytes,
} from './vectors.ts';

/** Arrow field metadata with the SQL type that a column has. */
export const typeMetadataKey = 'lakebook:type';

/**
 * Rows as an Arrow IPC stream, one record batch for each slice. Values are exact: HUGEINT becomes decimal128,
 * DECIMAL decimal128 of its own precision and scale, timestamps keep their unit (with zone: UTC). Types that Arrow
 * or its JavaScript library has no equal of are text: UUID, ENUM, INTERVAL, UHUGEINT, TIME WITH TIME ZONE, BIT;
 * UNION is JSON text.
 */
export function arrowStream(columns: readonly ColumnDescription[], slices: readonly RowSlice[]): Uint8Array {
  const schema = new Schema(columns.map(column => arrowField(column.name, column.type, true)));
  const batches = slices.map(slice => recordBatch(schema, columns, slice));
  const writer = new RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  for (const batch of batches) writer.write(batch);
  writer.finish();
  return writer.toUint8Array(true);
}

function arrowField(name: string, type: DuckDBType, nullable: boolean): Field {
  return new Field(name, arrowType(type), nullable, new Map([[typeMetadataKey, displayType(type)]]));
}

function recordBatch(schema: Schema, columns: readonly ColumnDescription[], slice: RowSlice): RecordBatch {
  const rows = { start: slice.start, length: slice.end - slice.start };
  const children = columns.map((column, index) =>
    convert(column.type, columnVector(slice.chunk, index), slice.chunk.rowCount, rows),
  );
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: rows.length, children }),
  );
}

function arrowType(type: DuckDBType): DataType {
  if (type instanceof DuckDBDecimalType) return new Decimal(type.scale, type.width, 128);
  if (type instanceof DuckDBListType) return new List(arrowField('item', type.valueType, true));
  if (type instanceof DuckDBArrayType) {
    return new FixedSizeList(type.length, arrowField('item', type.valueType, true));
  }
  if (type instanceof DuckDBStructType) return new Struct(structFields(type));
  if (type instanceof DuckDBMapType) {
    const entries = new Struct([
      arrowField('key', type.keyType, false),
      arrowField('value', type.valueType, true),
    ]);
    return new Map_(new Field('entries', entries, false));
  }
  return fixedWidth[type.typeId]?.type() ?? (type.typeId === DuckDBTypeId.BLOB ? new Binary() : new Utf8());
}

function structFields(type: DuckDBStructType): Field[] {
  return type.entryNames.map((name, index) => arrowField(name, type.entryTypes[index]!, true));
}

/** Types whose values Arrow and DuckDB lay out alike: the bytes are copied. */
const fixedWidth: Readonly<Partial<Record<DuckDBTypeId, { type: () => DataType; width: number }>>> = {
  [DuckDBTypeId.BOOLEAN]: { type: () => new Bool(), width: 1 },
  [DuckDBTypeId.TINYINT]: { type: () => new Int8(), width: 1 },
  [DuckDBTypeId.SMALLINT]: { type: () => new Int16(), width: 2 },
  [DuckDBTypeId.INTEGER]: { type: () => new Int32(), width: 4 },
  [DuckDBTypeId.BIGINT]: { type: () => new Int64(), width: 8 },
  [DuckDBTypeId.UTINYINT]: { type: () => new Uint8(), width: 1 },
  [DuckDBTypeId.USMALLINT]: { type: () => new Uint16(), width: 2 },
  [DuckDBTypeId.UINTEGER]: { type: () => new Uint32(), width: 4 },
  [DuckDBTypeId.UBIGINT]: { type: () => new Uint64(), width: 8 },
  [DuckDBTypeId.HUGEINT]: { type: () => new Decimal(0, 38, 128), width: 16 },
  [DuckDBTypeId.FLOAT]: { type: () => new Float32(), width: 4 },
  [DuckDBTypeId.DOUBLE]: { type: () => new Float64(), width: 8 },
  [DuckDBTypeId.DATE]: { type: () => new DateDay(), width: 4 },
  [DuckDBTypeId.TIME]: { type: () => new TimeMicrosecond(), width: 8 },
  [DuckDBTypeId.TIME_NS]: { type: () => new TimeNanosecond(), width: 8 },
  [DuckDBTypeId.TIMESTAMP]: { type: () => new TimestampMicrosecond(), width: 8 },
  [DuckDBTypeId.TIMESTAMP_S]: { type: () => new TimestampSecond(), width: 8 },
  [DuckDBTypeId.TIMESTAMP_MS]: { type: () => new TimestampMillisecond(), width: 8 },
  [DuckDBTypeId.TIMESTAMP_NS]: { type: () => new TimestampNanosecond(), width: 8 },
  [DuckDBTypeId.TIMESTAMP_TZ]: { type: () => new TimestampMicrosecond('UTC'), width: 8 },
  [DuckDBTypeId.SQLNULL]: { type: () => new Int32(), width: 4 },
};

/** Rows of a vector: a range, or (inside lists whose entries aren't in order) picked ones. */
interface Rows {
  readonly start: number;
  readonly length: number;
  readonly picked?: Int32Array;
}

function rowAt(rows: Rows, index: number): number {
  return rows.picked === undefined ? rows.start + index : rows.picked[index]!;
}

function convert(type: DuckDBType, vector: RawVector, vectorRows: number, rows: Rows): Data {
  const nulls = nullBitmap(vector, vectorRows, rows);
  const base = { length: rows.length, nullCount: nulls.count, nullBitmap: nulls.bitmap };
  if (type instanceof DuckDBDecimalType) {
    return makeData({
      type: arrowType(type) as Decimal,
      ...base,
      data: decimals(type, vector, vectorRows, rows),
    });
  }
  if (type instanceof DuckDBStructType) {
    const children = type.entryTypes.map((child, index) =>
      convert(child, structChild(vector, index), vectorRows, rows),
    );
    return makeData({ type: arrowType(type) as Struct, ...base, children });
  }
  if (type instanceof DuckDBArrayType) {
    const child = convert(
      type.valueType,
      arrayChild(vector),
      vectorRows * type.length,
      arrayItems(rows, type.length),
    );
    return makeData({ type: arrowType(type) as FixedSizeList, ...base, child });
  }
  if (type instanceof DuckDBListType) {
    const { valueOffsets, items } = listItems(vector, vectorRows, rows, nulls.validity);
    const child = convert(type.valueType, listChild(vector), listChildSize(vector), items);
    return makeData({ type: arrowType(type) as List, ...base, valueOffsets, child });
  }
  if (type instanceof DuckDBMapType) {
    const { valueOffsets, items } = listItems(vector, vectorRows, rows, nulls.validity);
    const entries = listChild(vector);
    const size = listChildSize(vector);
    const mapType = arrowType(type) as Map_;
    const children = [
      convert(type.keyType, structChild(entries, 0), size, items),
      convert(type.valueType, structChild(entries, 1), size, items),
    ];
    const child = makeData({ type: mapType.children[0]!.type, length: items.length, nullCount: 0, children });
    return makeData({ type: mapType, ...base, valueOffsets, child });
  }
  const fixed = fixedWidth[type.typeId];
  if (fixed !== undefined) {
    const bytes = fixedBytes(vector, vectorRows, rows, fixed.width);
    const data = type.typeId === DuckDBTypeId.BOOLEAN ? bits(bytes) : bytes;
    // One of several fixed-width types; makeData tells them apart at run time.
    const arrow = fixed.type() as Int32;
    return makeData({ type: arrow, ...base, data: asArray(arrow, data) as unknown as Int32Array });
  }
  const strings = textOrBytes(type, vector, vectorRows, rows, nulls.validity);
  return makeData({ type: arrowType(type) as Utf8, ...base, ...strings });
}

interface Nulls {
  readonly validity: Uint8Array | undefined;
  readonly bitmap: Uint8Array | undefined;
  readonly count: number;
}

function nullBitmap(vector: RawVector, vectorRows: number, rows: Rows): Nulls {
  const validity = validityBits(vector, vectorRows);
  if (validity === undefined) return { validity, bitmap: undefined, count: 0 };
  const bitmap = new Uint8Array(Math.ceil(rows.length / 8));
  let valid = 0;
  for (let index = 0; index < rows.length; index++) {
    if (!isValid(validity, rowAt(rows, index))) continue;
    bitmap[index >> 3]! |= 1 << (index & 7);
    valid++;
  }
  return { validity, bitmap, count: rows.length - valid };
}

/** A copy of the rows' values; DuckDB's memory goes away with the chunk. */
function fixedBytes(
  vector: RawVector,
  vectorRows: number,
  rows: Rows,
  width: number,
): Uint8Array<ArrayBuffer> {
  const source = vectorBytes(vector, vectorRows, width);
  const target = new Uint8Array(rows.length * width);
  if (rows.picked === undefined) {
    target.set(source.subarray(rows.start * width, (rows.start + rows.length) * width));
    return target;
  }
  for (const [index, row] of rows.picked.entries()) {
    target.set(source.subarray(row * width, (row + 1) * width), index * width);
  }
  return target;
}

function bits(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(Math.ceil(bytes.length / 8));
  for (let index = 0; index < bytes.length; index++)
    if (bytes[index]! !== 0) packed[index >> 3]! |= 1 << (index & 7);
  return packed;
}

function asArray(type: DataType, bytes: Uint8Array<ArrayBuffer>) {
  const TypedArray = type.ArrayType as Uint8ArrayConstructor;
  return new TypedArray(bytes.buffer, bytes.byteOffset, bytes.byteLength / TypedArray.BYTES_PER_ELEMENT);
}

/** Decimals of any internal width as 128-bit little-endian integers. */
function decimals(type: DuckDBDecimalType, vector: RawVector, vectorRows: number, rows: Rows): Uint32Array {
  if (type.width > 18) return new Uint32Array(fixedBytes(vector, vectorRows, rows, 16).buffer);
  const width = type.width > 9 ? 8 : type.width > 4 ? 4 : 2;
  const { buffer } = fixedBytes(vector, vectorRows, rows, width);
  const wide = new BigInt64Array(rows.length * 2);
  const narrow =
    width === 8 ? new BigInt64Array(buffer) : width === 4 ? new Int32Array(buffer) : new Int16Array(buffer);
  for (let index = 0; index < rows.length; index++) {
    const value = BigInt(narrow[index]!);
    wide[2 * index] = value;
    wide[2 * index + 1] = value < 0n ? -1n : 0n;
  }
  return new Uint32Array(wide.buffer);
}

function arrayItems(rows: Rows, size: number): Rows {
  if (rows.picked === undefined) return { start: rows.start * size, length: rows.length * size };
  const picked = new Int32Array(rows.length * size);
  for (let index = 0; index < picked.length; index++) {
    picked[index] = rows.picked[Math.floor(index / size)]! * size + (index % size);
  }
  return { start: 0, length: picked.length, picked };
}

/** Arrow's offsets for list rows, and which rows of the child vector they take. */
function listItems(
  vector: RawVector,
  vectorRows: number,
  rows: Rows,
  validity: Uint8Array | undefined,
): { valueOffsets: Int32Array; items: Rows } {
  const data = vectorBytes(vector, vectorRows, 16);
  const entries = new BigUint64Array(data.buffer, data.byteOffset, vectorRows * 2);
  const valueOffsets = new Int32Array(rows.length + 1);
  let start = -1;
  let inOrder = true;
  for (let index = 0; index < rows.length; index++) {
    const row = rowAt(rows, index);
    const length = isValid(validity, row) ? Number(entries[2 * row + 1]) : 0;
    const at = valueOffsets[index]!;
    valueOffsets[index + 1] = at + length;
    if (length === 0) continue;
    const offset = Number(entries[2 * row]);
    if (start < 0) start = offset;
    else if (offset !== start + at) inOrder = false;
  }
  const total = valueOffsets[rows.length]!;
  if (inOrder) return { valueOffsets, items: { start: Math.max(start, 0), length: total } };
  const picked = new Int32Array(total);
  for (let index = 0; index < rows.length; index++) {
    const offset = Number(entries[2 * rowAt(rows, index)]);
    for (let at = valueOffsets[index]!, item = 0; at < valueOffsets[index + 1]!; at++, item++)
      picked[at] = offset + item;
  }
  return { valueOffsets, items: { start: 0, length: total, picked } };
}

/** Text and bytes: Arrow's offsets and the joined bytes. */
function textOrBytes(
  type: DuckDBType,
  vector: RawVector,
  vectorRows: number,
  rows: Rows,
  validity: Uint8Array | undefined,
): { valueOffsets: Int32Array; data: Uint8Array } {
  const bytesAt = byteReader(type, vector, vectorRows);
  const valueOffsets = new Int32Array(rows.length + 1);
  const parts: (Uint8Array | undefined)[] = [];
  for (let index = 0; index < rows.length; index++) {
    const row = rowAt(rows, index);
    const bytes = isValid(validity, row) ? bytesAt(row) : undefined;
    parts.push(bytes);
    valueOffsets[index + 1] = valueOffsets[index]! + (bytes?.length ?? 0);
  }
  const data = new Uint8Array(valueOffsets[rows.length]!);
  for (const [index, bytes] of parts.entries())
    if (bytes !== undefined) data.set(bytes, valueOffsets[index]!);
  return { valueOffsets, data };
}

function byteReader(type: DuckDBType, vector: RawVector, vectorRows: number): (row: number) => Uint8Array {
  if (type.typeId === DuckDBTypeId.VARCHAR || type.typeId === DuckDBTypeId.BLOB) {
    const data = vectorBytes(vector, vectorRows, 16);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    return row => stringBytes(view, row * 16);
  }
  if (type instanceof DuckDBEnumType) {
    const names = type.values.map(value => Buffer.from(value));
    const width = names.length <= 0x100 ? 1 : names.length <= 0x10000 ? 2 : 4;
    const data = vectorBytes(vector, vectorRows, width);
    const index =
      width === 1
        ? data
        : width === 2
          ? new Uint16Array(data.buffer, data.byteOffset, vectorRows)
          : new Uint32Array(data.buffer, data.byteOffset, vectorRows);
    return row => names[index[row]!]!;
  }
  const values = DuckDBVector.create(vector, vectorRows, type);
  const isJson = type instanceof DuckDBUnionType;
  return row => {
    const value = jsonValue(type, values.getItem(row));
    return Buffer.from(isJson ? JSON.stringify(value) : String(value));
  };
}
