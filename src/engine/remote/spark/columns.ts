import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBVarCharType,
  FLOAT,
  INTEGER,
  INTERVAL,
  SMALLINT,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  TINYINT,
  VARCHAR,
} from '@duckdb/node-api';
import {
  type Data,
  DataType,
  Field,
  List,
  Map_,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimeMicrosecond,
  TimeUnit,
  Utf8,
} from 'apache-arrow';
import { UnsupportedError } from '../../../iceberg/errors.ts';
import type { RemoteColumn } from '../remote-engine.ts';
import { variantToJson } from './variant.ts';

const JSON_TEXT: DuckDBType = DuckDBVarCharType.create('JSON');

/** The columns of a result, and how its batches become such that their Arrow types stand for the columns' types. */
export interface SparkColumns {
  readonly columns: readonly RemoteColumn[];
  convert(batch: RecordBatch): RecordBatch;
}

/** A type in both worlds. Most values stay as they are: only variants and times are of another form. */
interface Conversion {
  readonly type: DuckDBType;
  /** Absent: the values stay as they are. */
  readonly convert?: (data: Data) => Data;
}

/**
 * What Spark's Arrow schema means (org.apache.spark.sql.util.ArrowUtils): strings of all collations and lengths are
 * VARCHAR, timestamps with a zone TIMESTAMPTZ and those without TIMESTAMP, variants JSON text.
 * @throws UnsupportedError for types that DuckDB has no equal of
 */
export function sparkColumns(schema: Schema): SparkColumns {
  const conversions = schema.fields.map(field => conversionOf(field, field.name));
  const columns = schema.fields.map((field, index) => ({ name: field.name, type: conversions[index]!.type }));
  if (conversions.every(({ convert }) => convert === undefined)) return { columns, convert: batch => batch };
  return {
    columns,
    convert: batch => {
      const children = converted(batch.data.children, conversions);
      const fields = withTypes(batch.schema.fields, children);
      const data = makeData({ type: new Struct(fields), length: batch.numRows, children });
      return new RecordBatch(new Schema(fields), data);
    },
  };
}

function conversionOf(field: Field, path: string): Conversion {
  const { type } = field;
  if (DataType.isStruct(type)) return isVariant(field) ? variant : structOf(type, path);
  if (DataType.isList(type)) return listOf(type, path);
  if (DataType.isMap(type)) return mapOf(type, path);
  if (DataType.isTime(type) && type.unit === TimeUnit.NANOSECOND) return time;
  const plain = plainType(type);
  if (plain !== undefined) return { type: plain };
  throw new UnsupportedError(`Spark's column "${path}" comes as ${type}, which DuckDB has no equal of.`, {
    hint: 'Cast the column to STRING in the query, or leave it out.',
  });
}

function plainType(type: DataType): DuckDBType | undefined {
  // As DuckDB types a NULL of its own.
  if (DataType.isNull(type)) return INTEGER;
  if (DataType.isBool(type)) return BOOLEAN;
  if (DataType.isInt(type) && type.isSigned) {
    return { 8: TINYINT, 16: SMALLINT, 32: INTEGER, 64: BIGINT }[type.bitWidth];
  }
  if (DataType.isFloat(type)) return [undefined, FLOAT, DOUBLE][type.precision];
  if (DataType.isDecimal(type)) return DECIMAL(type.precision, type.scale);
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return VARCHAR;
  if (DataType.isBinary(type) || DataType.isLargeBinary(type)) return BLOB;
  if (DataType.isDate(type)) return DATE;
  if (DataType.isTimestamp(type) && type.unit === TimeUnit.MICROSECOND) {
    return (type.timezone ?? '') === '' ? TIMESTAMP : TIMESTAMPTZ;
  }
  if (DataType.isInterval(type) || DataType.isDuration(type)) return INTERVAL;
  return undefined;
}

function structOf(type: Struct, path: string): Conversion {
  if (type.children.length === 0) {
    throw new UnsupportedError(
      `Spark's column "${path}" is a struct without fields, which DuckDB doesn't have.`,
      {
        hint: 'Leave the column out, or name its fields.',
      },
    );
  }
  const names = distinctNames(type.children.map(child => child.name));
  const conversions = type.children.map(child => conversionOf(child, `${path}.${child.name}`));
  const duckDbType = new DuckDBStructType(
    names,
    conversions.map(conversion => conversion.type),
  );
  if (conversions.every(({ convert }) => convert === undefined)) return { type: duckDbType };
  return {
    type: duckDbType,
    convert: data => {
      const children = converted(data.children, conversions);
      const fields = withTypes((data.type as Struct).children, children);
      return makeData({ type: new Struct(fields), ...base(data), children });
    },
  };
}

function listOf(type: List, path: string): Conversion {
  const element = conversionOf(type.children[0]!, `${path}.element`);
  const duckDbType = new DuckDBListType(element.type);
  const { convert } = element;
  if (convert === undefined) return { type: duckDbType };
  return {
    type: duckDbType,
    convert: data => {
      const child = convert(data.children[0]!);
      const [field] = withTypes((data.type as List).children, [child]);
      return makeData({ type: new List(field!), ...base(data), valueOffsets: data.valueOffsets, child });
    },
  };
}

function mapOf(type: Map_, path: string): Conversion {
  const entries = type.children[0]!.type as Struct;
  const conversions = ['key', 'value'].map((part, index) =>
    conversionOf(entries.children[index]!, `${path}.${part}`),
  );
  const duckDbType = new DuckDBMapType(conversions[0]!.type, conversions[1]!.type);
  if (conversions.every(({ convert }) => convert === undefined)) return { type: duckDbType };
  return {
    type: duckDbType,
    convert: data => {
      const inner = data.children[0]!;
      const children = converted(inner.children, conversions);
      const fields = withTypes((inner.type as Struct).children, children);
      const child = makeData({ type: new Struct(fields), ...base(inner), children });
      const mapType = new Map_(new Field('entries', child.type, false));
      return makeData({ type: mapType, ...base(data), valueOffsets: data.valueOffsets, child });
    },
  };
}

function base(data: Data) {
  return { length: data.length, nullCount: data.nullCount, nullBitmap: data.nullBitmap };
}

function converted(children: readonly Data[], conversions: readonly Conversion[]): Data[] {
  return children.map((child, index) => conversions[index]!.convert?.(child) ?? child);
}

function withTypes(fields: readonly Field[], children: readonly Data[]): Field[] {
  return fields.map((field, index) => new Field(field.name, children[index]!.type, field.nullable));
}

/** DuckDB's fields are told apart without regard to case; Spark's needn't be. */
function distinctNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map(name => {
    let distinct = name === '' ? '_' : name;
    for (let n = 1; taken.has(distinct.toLowerCase()); n++) distinct = `${name}_${n}`;
    taken.add(distinct.toLowerCase());
    return distinct;
  });
}

/** Spark marks its variants on the struct, or on the part of it that holds the names. */
function isVariant(field: Field): boolean {
  const { children } = field.type as Struct;
  const marked = [field, ...children].some(({ metadata }) => metadata.get('variant') === 'true');
  return marked && ['value', 'metadata'].every(name => children.some(child => child.name === name));
}

const variant: Conversion = {
  type: JSON_TEXT,
  convert: data => {
    const { children } = data.type as Struct;
    const part = (name: string) => binaries(data.children[children.findIndex(child => child.name === name)]!);
    const values = part('value');
    const metadata = part('metadata');
    const texts: Buffer[] = [];
    const valueOffsets = new Int32Array(data.length + 1);
    for (let row = 0; row < data.length; row++) {
      const text = data.getValid(row) ? Buffer.from(variantToJson(metadata(row), values(row))) : undefined;
      if (text !== undefined) texts.push(text);
      valueOffsets[row + 1] = valueOffsets[row]! + (text?.length ?? 0);
    }
    return makeData({ type: new Utf8(), ...base(data), valueOffsets, data: Buffer.concat(texts) });
  },
};

function binaries({ type, values, valueOffsets }: Data): (row: number) => Uint8Array {
  const offset = DataType.isLargeBinary(type)
    ? (row: number) => Number((valueOffsets as unknown as BigInt64Array)[row])
    : (row: number) => (valueOffsets as Int32Array)[row]!;
  return row => (values as Uint8Array).subarray(offset(row), offset(row + 1));
}

/** Spark's times have up to six digits after the point, and come as nanoseconds. */
const time: Conversion = {
  type: TIME,
  convert: data => {
    const nanos = data.values as BigInt64Array;
    return makeData({ type: new TimeMicrosecond(), ...base(data), data: nanos.map(value => value / 1000n) });
  },
};
