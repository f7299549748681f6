import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import {
  type Data,
  DataType,
  Field,
  FixedSizeList,
  Int64,
  List,
  type RecordBatch,
  RecordBatchReader,
  type Schema,
  Struct,
  Vector,
} from 'apache-arrow';
import { quoteIdentifier, quoteString } from '../../engine/quote.ts';
import type { EngineSession } from '../../engine/session.ts';
import { formatTimestamp } from '../../iceberg/datetime.ts';
import { InterruptedError, LakebookError } from '../../iceberg/errors.ts';
import { GatewayError } from '../http/problems.ts';
import type { Upload } from './upload.ts';

/*
 * Arrow IPC streams (and files), read batch by batch. DuckDB's client for Node reads no Arrow, so the
 * values of each batch go into a DuckDB table as texts, and that is written as Parquet for the ingest.
 */

let tables = 0;

/**
 * Turns an upload of Arrow into Parquet beside it.
 * @returns its name below the folder of uploads
 * @throws GatewayError 422 for types that have no equal, 400 for what isn't Arrow
 */
export async function arrowToParquet(
  session: EngineSession,
  upload: Upload,
  signal: AbortSignal,
): Promise<string> {
  const { duckdb } = session;
  const table = `lakebook_arrow_${++tables}`;
  const name = path.posix.join(path.posix.dirname(upload.name), 'upload.parquet');
  const target = path.join(path.dirname(upload.path), 'upload.parquet');
  try {
    const reader = await RecordBatchReader.from(createReadStream(upload.path));
    await reader.open();
    const { schema } = reader;
    const columns = schema.fields.map(
      field => `${quoteIdentifier(field.name)} ${sqlType(field.type, field.name)}`,
    );
    if (columns.length === 0) throw new GatewayError(422, 'SOURCE_EMPTY', 'The Arrow stream has no columns.');
    await duckdb.run(`CREATE TEMP TABLE ${table} (${columns.join(', ')})`, { signal });
    for await (const batch of reader as AsyncIterable<RecordBatch>) {
      if (signal.aborted) throw new InterruptedError();
      await insertBatch(session, table, schema, batch, signal);
    }
    await duckdb.run(`COPY (SELECT * FROM ${table}) TO ${quoteString(target)} (FORMAT parquet)`, { signal });
    return name;
  } catch (error) {
    await rm(target, { force: true });
    if (error instanceof LakebookError) throw error;
    throw new GatewayError(400, 'ARROW_UNREADABLE', "The body can't be read as an Arrow IPC stream.", {
      hint: 'Write it with pyarrow.ipc.new_stream, without compression of its buffers.',
    });
  } finally {
    await duckdb.run(`DROP TABLE IF EXISTS temp.${table}`);
  }
}

/** Rows that go to the engine as one JSON text. */
const batchRows = 2048;

async function insertBatch(
  { duckdb }: EngineSession,
  table: string,
  schema: Schema,
  batch: RecordBatch,
  signal: AbortSignal,
): Promise<void> {
  const struct = schema.fields.map((field, index) => `c${index} ${jsonType(field.type)}`).join(', ');
  const select = schema.fields
    .map(
      (field, index) => `CAST(${fromJson(field.type, `r.c${index}`)} AS ${sqlType(field.type, field.name)})`,
    )
    .join(', ');
  for (let start = 0; start < batch.numRows; start += batchRows) {
    const end = Math.min(start + batchRows, batch.numRows);
    const vectors = batch.data.children.map(data => new Vector([exact(data)]));
    const lines: string[] = [];
    for (let row = start; row < end; row++) {
      lines.push(
        `{${vectors.map((vector, index) => `"c${index}":${json(schema.fields[index]!.type, vector.get(row))}`).join(',')}}`,
      );
    }
    await duckdb.run(
      `INSERT INTO ${table} SELECT ${select} FROM (SELECT unnest(CAST(CAST($1::VARCHAR AS JSON) AS STRUCT(${struct})[])) AS r)`,
      { parameters: [`[${lines.join(',')}]`], signal },
    );
  }
}

/** The type that values have in the JSON text: text, where JSON's own types would lose something. */
function jsonType(type: DataType): string {
  if (DataType.isList(type) || DataType.isFixedSizeList(type)) return `${jsonType(type.children[0]!.type)}[]`;
  if (DataType.isStruct(type)) {
    return `STRUCT(${type.children.map(child => `${quoteIdentifier(child.name)} ${jsonType(child.type)}`).join(', ')})`;
  }
  return 'VARCHAR';
}

function fromJson(type: DataType, value: string): string {
  return DataType.isBinary(type) || DataType.isFixedSizeBinary(type) ? `unhex(${value})` : value;
}

function sqlType(type: DataType, name: string): string {
  if (DataType.isBool(type)) return 'BOOLEAN';
  if (DataType.isInt(type)) {
    const size = { 8: 'TINYINT', 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }[
      type.bitWidth as 8 | 16 | 32 | 64
    ];
    return type.isSigned ? size! : `U${size}`;
  }
  if (DataType.isFloat(type)) return type.precision === 2 ? 'DOUBLE' : 'FLOAT';
  if (DataType.isDecimal(type)) return `DECIMAL(${type.precision}, ${type.scale})`;
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return 'VARCHAR';
  if (DataType.isBinary(type) || DataType.isFixedSizeBinary(type)) return 'BLOB';
  if (DataType.isDate(type)) return 'DATE';
  if (DataType.isTime(type)) return 'TIME';
  if (DataType.isTimestamp(type)) {
    if (type.timezone) return 'TIMESTAMP WITH TIME ZONE';
    return type.unit === 3 ? 'TIMESTAMP_NS' : 'TIMESTAMP';
  }
  if (DataType.isDictionary(type)) return sqlType(type.dictionary, name);
  if (DataType.isNull(type)) return 'INTEGER';
  if (DataType.isList(type) || DataType.isFixedSizeList(type)) {
    const child = type.children[0]!.type;
    if (!DataType.isBinary(child)) return `${sqlType(child, name)}[]`;
  }
  if (DataType.isStruct(type)) {
    const fields = type.children.map(child => `${quoteIdentifier(child.name)} ${sqlType(child.type, name)}`);
    return `STRUCT(${fields.join(', ')})`;
  }
  throw new GatewayError(
    422,
    'TYPE_MISMATCH',
    `The column "${name}" has the Arrow type ${type}, which can't be read.`,
    {
      hint: 'Send it as Parquet, or convert the column first.',
    },
  );
}

/** JSON of one value, scalars as text. */
function json(type: DataType, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (DataType.isDictionary(type)) return json(type.dictionary, value);
  if (DataType.isList(type) || DataType.isFixedSizeList(type)) {
    const child = type.children[0]!.type;
    return `[${Array.from(value as Iterable<unknown>, item => json(child, item)).join(',')}]`;
  }
  if (DataType.isStruct(type)) {
    const row = value as Record<string, unknown>;
    return `{${type.children.map(child => `${JSON.stringify(child.name)}:${json(child.type, row[child.name])}`).join(',')}}`;
  }
  return JSON.stringify(text(type, value));
}

function text(type: DataType, value: unknown): string {
  if (DataType.isBinary(type) || DataType.isFixedSizeBinary(type))
    return Buffer.from(value as Uint8Array).toString('hex');
  if (DataType.isDecimal(type)) return decimalText(value as Uint32Array, type.scale);
  // The library gives dates as milliseconds.
  if (DataType.isDate(type)) return new Date(Number(value)).toISOString().slice(0, 10);
  if (DataType.isTimestamp(type))
    return timestampText(BigInt(value as bigint), type.unit, Boolean(type.timezone));
  if (DataType.isTime(type)) return timeText(BigInt(value as number | bigint), type.unit);
  return String(value);
}

/** 128 bits, little-endian, two's complement. */
function decimalText(words: Uint32Array, scale: number): string {
  let value = 0n;
  for (let index = words.length - 1; index >= 0; index--) value = (value << 32n) | BigInt(words[index]!);
  value = BigInt.asIntN(words.length * 32, value);
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const sign = value < 0n ? '-' : '';
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function timestampText(value: bigint, unit: number, isZoned: boolean): string {
  if (unit === 3 && !isZoned) return formatTimestamp(value, 9, 'full');
  const micros =
    unit === 0
      ? value * 1_000_000n
      : unit === 1
        ? value * 1000n
        : unit === 2
          ? value
          : floorDiv(value, 1000n);
  return `${formatTimestamp(micros, 6, 'full')}${isZoned ? 'Z' : ''}`;
}

function floorDiv(value: bigint, by: bigint): bigint {
  return value / by - (value % by < 0n ? 1n : 0n);
}

/** The library gives timestamps as fractions of milliseconds, which loses digits: as whole numbers they keep them. */
function exact(data: Data): Data {
  if (DataType.isTimestamp(data.type)) return data.clone(new Int64());
  if (data.children.length === 0 || DataType.isDictionary(data.type)) return data;
  const children = data.children.map(exact);
  return data.clone(exactType(data.type), data.offset, data.length, data.nullCount, undefined, children);
}

function exactType(type: DataType): DataType {
  if (DataType.isTimestamp(type)) return new Int64();
  const field = (child: Field) => new Field(child.name, exactType(child.type), child.nullable);
  if (DataType.isStruct(type)) return new Struct(type.children.map(field));
  if (DataType.isList(type)) return new List(field(type.children[0]!));
  if (DataType.isFixedSizeList(type)) return new FixedSizeList(type.listSize, field(type.children[0]!));
  return type;
}

function timeText(value: bigint, unit: number): string {
  const micros =
    unit === 0 ? value * 1_000_000n : unit === 1 ? value * 1000n : unit === 2 ? value : value / 1000n;
  const part = (size: bigint, modulus: bigint) => String((micros / size) % modulus).padStart(2, '0');
  return `${part(3_600_000_000n, 24n)}:${part(60_000_000n, 60n)}:${part(1_000_000n, 60n)}.${String(micros % 1_000_000n).padStart(6, '0')}`;
}
