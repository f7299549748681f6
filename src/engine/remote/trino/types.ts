import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBStructType,
  type DuckDBType,
  DuckDBVarCharType,
  FLOAT,
  INTEGER,
  INTERVAL,
  LIST,
  MAP,
  SMALLINT,
  TIME,
  TIME_NS,
  TIMESTAMP,
  TIMESTAMP_NS,
  TIMESTAMPTZ,
  TIMETZ,
  TINYINT,
  UUID,
  VARCHAR,
} from '@duckdb/node-api';
import {
  Binary,
  Bool,
  DateDay,
  Decimal,
  DurationMicrosecond,
  Field,
  FixedSizeBinary,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  IntervalYearMonth,
  List,
  Map_,
  Struct,
  TimeMicrosecond,
  TimeNanosecond,
  TimestampMicrosecond,
  TimestampNanosecond,
  Utf8,
} from 'apache-arrow';
import { LakebookError, UnsupportedError } from '../../../iceberg/errors.ts';
import {
  BooleanBuilder,
  BytesBuilder,
  type BytesWriter,
  type ColumnBuilder,
  FixedBuilder,
  type FixedWriter,
  ListBuilder,
  MapBuilder,
  RawBuilder,
  ScalarBuilder,
  StructBuilder,
} from './column-builder.ts';
import { utf8 } from './json-reader.ts';
import { badValue, double, wholeNumber, writeInt64, writeScaled } from './numbers.ts';
import { clockTime, dateDays, localMoment, offsetSeconds, offsetStart, zonedMoment } from './times.ts';

/** A type as the protocol tells it (`typeSignature` of a column). */
export interface TypeSignature {
  readonly rawType: string;
  readonly arguments?: readonly TypeArgument[];
}

export type TypeArgument =
  | { readonly kind: 'TYPE'; readonly value: TypeSignature }
  | {
      readonly kind: 'NAMED_TYPE';
      readonly value: {
        readonly fieldName?: { readonly name: string };
        readonly typeSignature: TypeSignature;
      };
    }
  | { readonly kind: 'LONG'; readonly value: number }
  | { readonly kind: 'VARIABLE'; readonly value: string };

/** A column's type in DuckDB, and what makes columns of it. */
export interface ColumnCodec {
  readonly type: DuckDBType;
  builder(): ColumnBuilder;
}

/**
 * The DuckDB type that holds all values of a Trino type, and how they are read. Types that DuckDB has no exact equal
 * of (times of more than nanoseconds, times with zone of more than microseconds) are the text that Trino shows.
 * @throws UnsupportedError for maps whose keys the protocol doesn't tell exactly; `path` names the column
 */
export function columnCodec(signature: TypeSignature, path: string): ColumnCodec {
  const parameters = signature.arguments ?? [];
  switch (signature.rawType) {
    case 'array': {
      const item = columnCodec(typeArgument(parameters[0]), `${path}.element`);
      return {
        type: LIST(item.type),
        builder() {
          const items = item.builder();
          return new ListBuilder(new List(new Field('item', items.type, true)), items);
        },
      };
    }
    case 'map':
      return mapCodec(typeArgument(parameters[0]), typeArgument(parameters[1]), path);
    case 'row':
      return rowCodec(parameters, path);
    default:
      return scalarCodec(signature.rawType, parameters);
  }
}

function typeArgument(argument: TypeArgument | undefined): TypeSignature {
  if (argument?.kind === 'TYPE') return argument.value;
  if (argument?.kind === 'NAMED_TYPE') return argument.value.typeSignature;
  throw new LakebookError('ENGINE_RESPONSE', 'The server told a type without what it is made of.');
}

function mapCodec(key: TypeSignature, value: TypeSignature, path: string): ColumnCodec {
  const keys = columnCodec(key, `${path}.key`);
  const values = columnCodec(value, `${path}.value`);
  if (!(keys.builder() instanceof ScalarBuilder)) {
    throw new UnsupportedError(`The keys of the map "${path}" are of a nested type (${key.rawType}).`, {
      hint: 'Trino sends such keys as text only: select map_entries(...) in place of the map.',
    });
  }
  return {
    type: MAP(keys.type, values.type),
    builder() {
      const keyBuilder = keys.builder() as ScalarBuilder;
      const valueBuilder = values.builder();
      const entries = new Struct([
        new Field('key', keyBuilder.type, false),
        new Field('value', valueBuilder.type, true),
      ]);
      return new MapBuilder(new Map_(new Field('entries', entries, false)), keyBuilder, valueBuilder);
    },
  };
}

function rowCodec(parameters: readonly TypeArgument[], path: string): ColumnCodec {
  const names = fieldNames(parameters);
  const fields = parameters.map((parameter, index) =>
    columnCodec(typeArgument(parameter), `${path}.${names[index]}`),
  );
  return {
    type: new DuckDBStructType(
      names,
      fields.map(field => field.type),
    ),
    builder() {
      const builders = fields.map(field => field.builder());
      const children = builders.map((builder, index) => new Field(names[index]!, builder.type, true));
      return new StructBuilder(new Struct(children), builders);
    },
  };
}

/** Trino's fields may have no name, or the same as another; DuckDB's need names of their own in any case. */
function fieldNames(parameters: readonly TypeArgument[]): string[] {
  const taken = new Set<string>();
  return parameters.map((parameter, index) => {
    const given = parameter.kind === 'NAMED_TYPE' ? parameter.value.fieldName?.name : undefined;
    const wanted = given ?? `field${index}`;
    let name = wanted;
    for (let n = 1; taken.has(name.toLowerCase()); n++) name = `${wanted}_${n}`;
    taken.add(name.toLowerCase());
    return name;
  });
}

/** Digits behind the seconds when a type names none. */
const defaultPrecision = 3;

function scalarCodec(name: string, parameters: readonly TypeArgument[]): ColumnCodec {
  const parameter = (index: number): number | undefined => {
    const argument = parameters[index];
    return argument?.kind === 'LONG' ? argument.value : undefined;
  };
  const precision = parameter(0) ?? defaultPrecision;
  switch (name) {
    case 'decimal': {
      const [digits, scale] = [parameter(0) ?? 38, parameter(1) ?? 0];
      const write: FixedWriter = ({ ints }, index, text, start, end) =>
        writeScaled(ints, index * 4, 4, scale, text, start, end);
      return fixed(DECIMAL(digits, scale), () => new Decimal(scale, digits, 128), 16, write);
    }
    case 'time':
      if (precision <= 6) return fixed(TIME, () => new TimeMicrosecond(), 8, writeTimeMicros);
      return precision <= 9 ? fixed(TIME_NS, () => new TimeNanosecond(), 8, writeTimeNanos) : text();
    case 'time with time zone':
      return precision <= 6 ? fixed(TIMETZ, () => new Int64(), 8, writeTimeTz) : text();
    case 'timestamp':
      if (precision <= 6) return fixed(TIMESTAMP, () => new TimestampMicrosecond(), 8, writeMicros);
      return precision <= 9
        ? fixed(TIMESTAMP_NS, () => new TimestampNanosecond(), 8, writeTimestampNanos)
        : text();
    case 'timestamp with time zone':
      return precision <= 6
        ? fixed(TIMESTAMPTZ, () => new TimestampMicrosecond('UTC'), 8, writeZonedMicros)
        : text();
    default:
      return scalars[name] ?? text();
  }
}

function fixed(
  type: DuckDBType,
  arrow: () => FixedBuilder['type'],
  width: number,
  writer: FixedWriter,
): ColumnCodec {
  return { type, builder: () => new FixedBuilder(arrow(), width, writer) };
}

/** Texts, and types that are known by their text only. */
function text(type: DuckDBType = VARCHAR): ColumnCodec {
  return { type, builder: () => new RawBuilder(new Utf8(), copyText) };
}

function bytes(): ColumnCodec {
  return { type: BLOB, builder: () => new BytesBuilder(new Binary(), decodeBase64) };
}

function wholeNumbers(
  type: DuckDBType,
  arrow: () => FixedBuilder['type'],
  width: number,
  view: 'bytes' | 'shorts' | 'ints',
): ColumnCodec {
  return fixed(type, arrow, width, (views, index, value, start, end) => {
    views[view][index] = wholeNumber(value, start, end);
  });
}

const copyText: BytesWriter = (target, at, value, start, end) => {
  const length = end - start;
  // For a few bytes a loop is faster than the call that copies.
  if (length > 24) target.set(value.subarray(start, end), at);
  else for (let byte = 0; byte < length; byte++) target[at + byte] = value[start + byte]!;
  return at + length;
};

const base64 = new Uint8Array(128).fill(255);
for (const [value, character] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
  base64[character.charCodeAt(0)] = value;
}

const decodeBase64: BytesWriter = (target, at, value, start, end) => {
  let to = at;
  let bits = 0;
  let held = 0;
  for (let from = start; from < end && value[from] !== 0x3d; from++) {
    const six = base64[value[from]!] ?? 255;
    if (six === 255) throw badValue('base64', value, start, end);
    bits = (bits << 6) | six;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    target[to++] = bits >> held;
    bits &= (1 << held) - 1;
  }
  return to;
};

const writeTimeMicros: FixedWriter = ({ ints }, index, value, start, end) => {
  const { seconds, nanos } = clockTime(value, start, end);
  writeInt64(ints, index * 2, seconds * 1e6 + nanos / 1000);
};

const writeTimeNanos: FixedWriter = ({ ints }, index, value, start, end) => {
  const { seconds, nanos } = clockTime(value, start, end);
  writeInt64(ints, index * 2, seconds * 1e9 + nanos);
};

/** DuckDB keeps the time in the upper 40 bits, and in the lower 24 how far the offset is from the largest. */
const largestOffset = 16 * 60 * 60 - 1;

const writeTimeTz: FixedWriter = ({ longs }, index, value, start, end) => {
  const zone = offsetStart(value, start, end);
  const { seconds, nanos } = clockTime(value, start, zone);
  const offset = offsetSeconds(value, zone, end);
  longs[index] = (BigInt(seconds * 1e6 + nanos / 1000) << 24n) | BigInt(largestOffset - offset);
};

/** Seconds whose microseconds a double holds exactly. */
const exactSeconds = Number.MAX_SAFE_INTEGER / 1e6 - 1;

function storeMicros(
  views: Parameters<FixedWriter>[0],
  index: number,
  { seconds, nanos }: { readonly seconds: number; readonly nanos: number },
): void {
  if (Math.abs(seconds) < exactSeconds) writeInt64(views.ints, index * 2, seconds * 1e6 + nanos / 1000);
  else views.longs[index] = BigInt(seconds) * 1_000_000n + BigInt(nanos / 1000);
}

const writeMicros: FixedWriter = (views, index, value, start, end) =>
  storeMicros(views, index, localMoment(value, start, end));

const writeZonedMicros: FixedWriter = (views, index, value, start, end) =>
  storeMicros(views, index, zonedMoment(value, start, end));

const writeTimestampNanos: FixedWriter = ({ longs }, index, value, start, end) => {
  const { seconds, nanos } = localMoment(value, start, end);
  const total = BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
  if (BigInt.asIntN(64, total) !== total) {
    throw new LakebookError(
      'CONVERSION',
      `${utf8(value, start, end)} is outside of what a timestamp of nanoseconds holds here (1677 to 2262).`,
      { hint: 'Cast the column to timestamp(6).' },
    );
  }
  longs[index] = total;
};

const writeUuid: FixedWriter = ({ bytes: target }, index, value, start, end) => {
  let nibbles = 0;
  let byte = 0;
  for (let at = start; at < end; at++) {
    const character = value[at]!;
    if (character === 0x2d) continue;
    const nibble = character <= 0x39 ? character - 0x30 : (character | 0x20) - 0x57;
    if (nibble < 0 || nibble > 15 || nibbles === 32) throw badValue('a UUID', value, start, end);
    byte = (byte << 4) | nibble;
    if ((++nibbles & 1) === 0) {
      target[index * 16 + (nibbles >> 1) - 1] = byte;
      byte = 0;
    }
  }
  if (nibbles !== 32) throw badValue('a UUID', value, start, end);
};

/** `[-]years-months`. */
const writeMonths: FixedWriter = ({ ints }, index, value, start, end) => {
  const [, sign, years, months] = /^(-?)(\d+)-(\d+)$/.exec(utf8(value, start, end)) ?? [];
  if (months === undefined) throw badValue('an interval', value, start, end);
  ints[index] = (sign === '-' ? -1 : 1) * (Number(years) * 12 + Number(months));
};

/** `[-]days hours:minutes:seconds.millis`. */
const writeDuration: FixedWriter = ({ longs }, index, value, start, end) => {
  const written = utf8(value, start, end);
  const [, sign, days, hours, minutes, seconds, millis] =
    /^(-?)(\d+) (\d+):(\d\d):(\d\d)\.(\d{3})$/.exec(written) ?? [];
  if (millis === undefined) throw badValue('an interval', value, start, end);
  const whole = ((BigInt(days!) * 24n + BigInt(hours!)) * 60n + BigInt(minutes!)) * 60n + BigInt(seconds!);
  const micros = whole * 1_000_000n + BigInt(millis) * 1000n;
  longs[index] = sign === '-' ? -micros : micros;
};

/** Types without parameters that matter here; texts have none that does. */
const scalars: Readonly<Record<string, ColumnCodec>> = {
  boolean: { type: BOOLEAN, builder: () => new BooleanBuilder(new Bool()) },
  tinyint: wholeNumbers(TINYINT, () => new Int8(), 1, 'bytes'),
  smallint: wholeNumbers(SMALLINT, () => new Int16(), 2, 'shorts'),
  integer: wholeNumbers(INTEGER, () => new Int32(), 4, 'ints'),
  bigint: fixed(
    BIGINT,
    () => new Int64(),
    8,
    ({ ints }, index, value, start, end) => {
      if (end - start <= 15) writeInt64(ints, index * 2, wholeNumber(value, start, end));
      else writeScaled(ints, index * 2, 2, 0, value, start, end);
    },
  ),
  real: fixed(
    FLOAT,
    () => new Float32(),
    4,
    ({ floats }, index, value, start, end) => {
      floats[index] = double(value, start, end);
    },
  ),
  double: fixed(
    DOUBLE,
    () => new Float64(),
    8,
    ({ doubles }, index, value, start, end) => {
      doubles[index] = double(value, start, end);
    },
  ),
  // No value but null.
  unknown: wholeNumbers(INTEGER, () => new Int32(), 4, 'ints'),
  json: text(DuckDBVarCharType.create('JSON')),
  varbinary: bytes(),
  HyperLogLog: bytes(),
  P4HyperLogLog: bytes(),
  SetDigest: bytes(),
  qdigest: bytes(),
  tdigest: bytes(),
  date: fixed(
    DATE,
    () => new DateDay(),
    4,
    ({ ints }, index, value, start, end) => {
      ints[index] = dateDays(value, start, end);
    },
  ),
  uuid: fixed(UUID, () => new FixedSizeBinary(16), 16, writeUuid),
  'interval year to month': fixed(INTERVAL, () => new IntervalYearMonth(), 4, writeMonths),
  'interval day to second': fixed(INTERVAL, () => new DurationMicrosecond(), 8, writeDuration),
};
