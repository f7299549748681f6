import { AvroFormatError, type AvroReader } from '../../iceberg/avro-binary.ts';
import { type AvroNode, type AvroPrimitive, nonNull } from '../../iceberg/avro-schema.ts';
import { UnsupportedError } from '../../iceberg/errors.ts';
import { formatDecimal } from '../../iceberg/value.ts';
import { quoteIdentifier } from '../quote.ts';

/**
 * How a value of an Avro type gets to DuckDB: as JSON text, which is read in `jsonType` and made a value of the type
 * it stands for by `sql`. Types and their properties are those of Iceberg (spec: Appendix A, "Avro").
 */
export interface AvroColumn {
  readonly jsonType: string;
  /** Whether `sql` leaves a value as it was read. */
  readonly isPlain: boolean;
  sql(value: string, depth: number): string;
  /** Reads a value and answers its JSON. */
  json(reader: AvroReader): string;
  /** Ids of what is inside, by name. */
  readonly inside?: readonly Named[];
}

export interface Named {
  readonly name: string;
  /** Iceberg's field id; absent in files of writers that don't know Iceberg. */
  readonly id: number | undefined;
  readonly column: AvroColumn;
}

/** Every row has its fields under short names, so that no name of a file can mean another. */
export const shortName = (index: number): string => `f${index}`;

/** @throws UnsupportedError for types that Iceberg files don't have */
export function avroColumn(node: AvroNode): AvroColumn {
  if (node.kind === 'union') return optional(node.branches);
  switch (node.kind) {
    case 'record':
      return record(node);
    case 'array':
      return node.logical === 'map' ? entries(node.items) : list(node);
    case 'map':
      return map(node);
    default:
      return primitive(node);
  }
}

function optional(branches: readonly AvroNode[]): AvroColumn {
  const column = avroColumn(nonNull({ kind: 'union', branches }));
  const isNull = branches.map(branch => branch.kind === 'null');
  return {
    ...column,
    json: reader => {
      const branch = isNull[reader.readLong()];
      if (branch === undefined) throw new AvroFormatError('a union has no such branch');
      return branch ? 'null' : column.json(reader);
    },
  };
}

type NodeOf<Kind> = Extract<AvroNode, { kind: Kind }>;
type PlainNode = Extract<AvroNode, { kind: AvroPrimitive }>;

/** A plain column: JSON's value is the value. */
function plain(jsonType: string, json: AvroColumn['json']): AvroColumn {
  return { jsonType, isPlain: true, sql: value => value, json };
}

function converted(jsonType: string, json: AvroColumn['json'], sql: (value: string) => string): AvroColumn {
  return { jsonType, isPlain: false, sql, json };
}

function primitive(node: Exclude<AvroNode, NodeOf<'union' | 'record' | 'array' | 'map'>>): AvroColumn {
  switch (node.kind) {
    case 'null':
      return plain('VARCHAR', () => 'null');
    case 'boolean':
      return plain('BOOLEAN', reader => String(reader.readBoolean()));
    case 'int':
      return integer(node, reader => String(reader.readInt()));
    case 'long':
      return integer(node, reader => String(reader.readBigLong()));
    case 'float':
      return plain('FLOAT', reader => floating(reader.readFloat()));
    case 'double':
      return plain('DOUBLE', reader => floating(reader.readDouble()));
    case 'string':
      return plain('VARCHAR', reader => JSON.stringify(reader.readString()));
    case 'enum':
      return plain('VARCHAR', reader => {
        const symbol = node.symbols[reader.readLong()];
        if (symbol === undefined) throw new AvroFormatError('an enum has no such symbol');
        return JSON.stringify(symbol);
      });
    case 'bytes':
      return bytes(node, reader => reader.readBytes());
    case 'fixed': {
      const { size, logical } = node;
      if (logical !== 'uuid') return bytes(node, reader => reader.readFixed(size));
      return plain('UUID', reader => `"${reader.readFixed(size).toString('hex')}"`);
    }
  }
}

/** JSON has no words for these; DuckDB reads them from text. */
function floating(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0.0' : String(value);
  return `"${value}"`;
}

function integer(node: PlainNode, json: AvroColumn['json']): AvroColumn {
  const moment = (micros: (value: string) => string) => {
    const make = node.adjustsToUtc === true ? 'make_timestamptz' : 'make_timestamp';
    return converted('BIGINT', json, value => `${make}(${micros(value)})`);
  };
  switch (node.logical?.replace(/^local-/, '')) {
    case 'date':
      return converted('INTEGER', json, value => `(DATE '1970-01-01' + ${value})`);
    case 'time-millis':
      return converted('BIGINT', json, value => `CAST(TIME '00:00:00' + to_milliseconds(${value}) AS TIME)`);
    case 'time-micros':
      return converted('BIGINT', json, value => `CAST(TIME '00:00:00' + to_microseconds(${value}) AS TIME)`);
    case 'timestamp-millis':
      return moment(value => `${value} * 1000`);
    case 'timestamp-micros':
      return moment(value => value);
    case 'timestamp-nanos':
      if (node.adjustsToUtc === true)
        return moment(value => `(${value} - ((${value} % 1000) + 1000) % 1000) // 1000`);
      return converted('BIGINT', json, value => `make_timestamp_ns(${value})`);
    default:
      return plain(node.kind === 'int' ? 'INTEGER' : 'BIGINT', json);
  }
}

function bytes(node: PlainNode | NodeOf<'fixed'>, read: (reader: AvroReader) => Buffer): AvroColumn {
  if (node.logical === 'decimal') {
    const { precision = 38, scale = 0 } = node;
    return plain(
      `DECIMAL(${precision},${scale})`,
      reader => `"${formatDecimal(bigEndian(read(reader)), scale)}"`,
    );
  }
  return converted(
    'VARCHAR',
    reader => `"${read(reader).toString('hex')}"`,
    value => `from_hex(${value})`,
  );
}

function bigEndian(value: Buffer): bigint {
  return value.length === 0 ? 0n : BigInt.asIntN(value.length * 8, BigInt(`0x${value.toString('hex')}`));
}

function record(node: NodeOf<'record'>): AvroColumn {
  if (node.logical === 'variant') {
    throw new UnsupportedError('The file has variants, which are read from Parquet files only.', {
      hint: 'Rewrite the data files as Parquet with the tool that wrote them.',
    });
  }
  const fields = node.fields.map(({ name, id, type }) => ({ name, id, column: avroColumn(type) }));
  return {
    jsonType: `STRUCT(${fields.map(({ column }, i) => `${shortName(i)} ${column.jsonType}`).join(', ')})`,
    isPlain: false,
    sql: (value, depth) => {
      const parts = fields.map(
        ({ name, column }, i) =>
          `${quoteIdentifier(name)} := ${column.sql(`struct_extract(${value}, '${shortName(i)}')`, depth)}`,
      );
      return `CASE WHEN ${value} IS NOT NULL THEN struct_pack(${parts.join(', ')}) END`;
    },
    json: reader =>
      `{${fields.map(({ column }, i) => `"${shortName(i)}":${column.json(reader)}`).join(',')}}`,
    inside: fields,
  };
}

function list({ items, elementId }: NodeOf<'array'>): AvroColumn {
  const element = avroColumn(items);
  return {
    jsonType: `${element.jsonType}[]`,
    isPlain: element.isPlain,
    sql: (value, depth) =>
      element.isPlain ? value : transformed(value, depth, item => element.sql(item, depth + 1)),
    json: reader => `[${blocks(reader, () => element.json(reader)).join(',')}]`,
    inside: [{ name: 'element', id: elementId, column: element }],
  };
}

/** A map from texts. */
function map({ values, keyId, valueId }: NodeOf<'map'>): AvroColumn {
  const key = plain('VARCHAR', reader => JSON.stringify(reader.readString()));
  return mapOf({ id: keyId, column: key }, { id: valueId, column: avroColumn(values) });
}

/** A map from anything, as an array of its entries. */
function entries(items: AvroNode): AvroColumn {
  const entry = nonNull(items);
  const [key, value] = entry.kind === 'record' ? entry.fields : [];
  if (key === undefined || value === undefined)
    throw new AvroFormatError('the entries of a map are no records');
  return mapOf(
    { id: key.id, column: avroColumn(key.type) },
    { id: value.id, column: avroColumn(value.type) },
  );
}

type Part = Omit<Named, 'name'>;

function mapOf(key: Part, value: Part): AvroColumn {
  return {
    jsonType: `STRUCT(k ${key.column.jsonType}, v ${value.column.jsonType})[]`,
    isPlain: false,
    sql: (sql, depth) => {
      const pairs = transformed(sql, depth, item => {
        const parts = [
          `key := ${key.column.sql(`${item}.k`, depth + 1)}`,
          `value := ${value.column.sql(`${item}.v`, depth + 1)}`,
        ];
        return `struct_pack(${parts.join(', ')})`;
      });
      return `CASE WHEN ${sql} IS NOT NULL THEN map_from_entries(${pairs}) END`;
    },
    json: reader =>
      `[${blocks(reader, () => `{"k":${key.column.json(reader)},"v":${value.column.json(reader)}}`).join(',')}]`,
    inside: [
      { name: 'key', ...key },
      { name: 'value', ...value },
    ],
  };
}

function transformed(list: string, depth: number, each: (item: string) => string): string {
  const item = `item${depth}`;
  return `list_transform(${list}, lambda ${item}: ${each(item)})`;
}

function blocks(reader: AvroReader, read: () => string): string[] {
  const items: string[] = [];
  for (let count = reader.readBlockCount(0); count > 0; count = reader.readBlockCount(0)) {
    for (let i = 0; i < count; i++) items.push(read());
  }
  return items;
}

/** Columns' ids as COPY's FIELD_IDS has them; undefined when there are none. */
export function fieldIds(columns: readonly Named[], own?: number): string | undefined {
  const entries = columns.flatMap(({ name, id, column }) => {
    const ids = column.inside === undefined ? id : fieldIds(column.inside, id);
    return ids === undefined ? [] : [`${quoteIdentifier(name)}: ${ids}`];
  });
  if (own !== undefined) entries.unshift(`__duckdb_field_id: ${own}`);
  return entries.length === 0 ? undefined : `{${entries.join(', ')}}`;
}
