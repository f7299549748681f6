import { UnsupportedError } from '../iceberg/errors.ts';
import type { Transform } from '../iceberg/transform.ts';
import type { Type, Value } from '../iceberg/types.ts';
import { bucketHashFunctions } from './bucket-hash.ts';

/**
 * SQL for a partition or sort transform of a column (spec: "Partition Transforms"); null for null. Bucket needs
 * `registerBucketHash` first. Dates and times are counted in UTC whatever the session's time zone.
 * @throws UnsupportedError for a transform that isn't known
 */
export function transformSql(transform: Transform, type: Type, sql: string): string {
  switch (transform.kind) {
    case 'identity':
      return sql;
    case 'void':
      return 'CAST(NULL AS INTEGER)';
    case 'year':
      return `CAST(year(${utc(type, sql)}) - 1970 AS INTEGER)`;
    case 'month':
      return `CAST((year(${utc(type, sql)}) - 1970) * 12 + month(${utc(type, sql)}) - 1 AS INTEGER)`;
    case 'day':
      return days(utc(type, sql));
    case 'hour':
      return `CAST(${days(utc(type, sql))} * 24 + hour(${utc(type, sql)}) AS INTEGER)`;
    case 'truncate':
      return truncateSql(type, sql, transform.width);
    case 'bucket':
      return `CASE WHEN ${sql} IS NULL THEN NULL ELSE ${hashSql(type, sql)} % ${transform.buckets} END`;
    case 'other':
      throw new UnsupportedError(`The partition transform ${transform.text} is not known.`, {
        hint: 'Write to this table with the tool that made its partition spec, or change the spec.',
      });
  }
}

/**
 * A date, or a timestamp in microseconds without zone. Casting a TIMESTAMPTZ would take the session's time zone,
 * casting nanoseconds would round.
 */
function utc(type: Type, sql: string): string {
  if (type.kind === 'timestamptz') return `make_timestamp(epoch_us(${sql}))`;
  return nanoKinds.has(type.kind) ? `make_timestamp(${flooredMicros(sql)})` : sql;
}

const nanoKinds: ReadonlySet<string> = new Set(['timestamp_ns', 'timestamptz_ns']);

/** Nanoseconds since the epoch as microseconds, rounded down. */
function flooredMicros(sql: string): string {
  return `(epoch_ns(${sql}) - ((epoch_ns(${sql}) % 1000) + 1000) % 1000) // 1000`;
}

function days(sql: string): string {
  return `CAST(CAST(${sql} AS DATE) - DATE '1970-01-01' AS INTEGER)`;
}

function truncateSql(type: Type, sql: string, width: number): string {
  switch (type.kind) {
    case 'int':
    case 'long': {
      const value = `CAST(${sql} AS HUGEINT)`;
      const [sqlType, bits] = type.kind === 'int' ? ['INTEGER', 31n] : ['BIGINT', 63n];
      const truncated = `${value} - ((${value} % ${width}) + ${width}) % ${width}`;
      // Below the type's range the value is the minimum, as in `applyTransform`.
      return `CASE WHEN ${sql} IS NULL THEN NULL
        ELSE CAST(greatest(${truncated}, CAST('${-(2n ** bits)}' AS HUGEINT)) AS ${sqlType}) END`;
    }
    case 'decimal': {
      const unit = `CAST(${decimalUnits(width, type.scale)} AS DECIMAL(38,${type.scale}))`;
      const value = `CAST(${sql} AS DECIMAL(38,${type.scale}))`;
      // May have a digit more than the column: -99.95 truncated to 10 units is -100.00 for a decimal(4,2).
      return `(${value} - ((${value} % ${unit}) + ${unit}) % ${unit})`;
    }
    case 'string':
      return `left(${sql}, ${width})`;
    case 'binary':
      return `from_hex(left(hex(${sql}), ${2 * width}))`;
    default:
      throw new UnsupportedError(`A ${type.kind} can't be partitioned by truncate.`);
  }
}

/** `width` in units of the last decimal place, as SQL text. */
function decimalUnits(width: number, scale: number): string {
  const digits = String(width).padStart(scale + 1, '0');
  return `'${scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`}'`;
}

function hashSql(type: Type, sql: string): string {
  const long = (value: string) => `${bucketHashFunctions.long}(${value})`;
  const bytes = (value: string) => `${bucketHashFunctions.bytes}(${value})`;
  switch (type.kind) {
    case 'int':
    case 'long':
      return long(`CAST(${sql} AS BIGINT)`);
    case 'date':
      return long(`CAST(${days(sql)} AS BIGINT)`);
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return long(`epoch_us(${sql})`);
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return long(flooredMicros(sql));
    case 'decimal':
      return `${bucketHashFunctions.decimal}(${unscaledSql(sql)})`;
    case 'string':
      return bytes(`encode(${sql})`);
    case 'uuid':
      return bytes(`from_hex(replace(CAST(${sql} AS VARCHAR), '-', ''))`);
    case 'fixed':
    case 'binary':
      return bytes(sql);
    default:
      throw new UnsupportedError(`A ${type.kind} can't be partitioned by bucket.`);
  }
}

function unscaledSql(sql: string): string {
  return `CAST(replace(CAST(${sql} AS VARCHAR), '.', '') AS HUGEINT)`;
}

/**
 * A key column that stands for a partition value in a partitioned COPY. DuckDB puts key values into folder names
 * (escaped, and limited to what a file system takes), so they are plain numbers and hexadecimal digits here.
 */
export interface PartitionKey {
  /** SQL of the key, made from the SQL of the partition value. */
  readonly sql: string;
  /** The value that a key, as COPY reports it, stands for; undefined when it has to be looked up in the file. */
  decode(key: string | null): Value | null | undefined;
}

/** Longest string or binary partition value, in bytes, that a key holds itself; of longer ones it has the MD5. */
const longestKeyBytes = 90;

/** The key for the values of a partition field, given the SQL of the value (`transformSql`). */
export function partitionKey(transform: Transform, sourceType: Type, valueSql: string): PartitionKey {
  const keepsType = transform.kind === 'identity' || transform.kind === 'truncate';
  return keyOfType(keepsType ? sourceType : { kind: 'int' }, valueSql);
}

function keyOfType(type: Type, valueSql: string): PartitionKey {
  const numeric = (sql: string, decode: (key: string) => Value): PartitionKey => ({
    sql,
    decode: key => (key === null ? null : decode(key)),
  });
  switch (type.kind) {
    case 'int':
      return numeric(valueSql, Number);
    case 'date':
      return numeric(days(valueSql), Number);
    case 'long':
      return numeric(valueSql, BigInt);
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return numeric(`epoch_us(${valueSql})`, BigInt);
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return numeric(`epoch_ns(${valueSql})`, BigInt);
    case 'decimal':
      return numeric(unscaledSql(valueSql), BigInt);
    case 'boolean':
      return numeric(`CAST(${valueSql} AS INTEGER)`, key => key === '1');
    case 'float':
    case 'double':
      return numeric(`CAST(${valueSql} AS VARCHAR)`, floatValue);
    case 'uuid':
      return numeric(`CAST(${valueSql} AS VARCHAR)`, key => key);
    case 'string':
      return bytesKey(valueSql, `strlen(${valueSql})`, bytes => bytes.toString('utf8'));
    case 'fixed':
    case 'binary':
      return bytesKey(valueSql, `octet_length(${valueSql})`, bytes => new Uint8Array(bytes));
    default:
      throw new UnsupportedError(`A ${type.kind} can't be a partition value.`);
  }
}

function bytesKey(valueSql: string, lengthSql: string, fromBytes: (bytes: Buffer) => Value): PartitionKey {
  return {
    sql: `CASE WHEN ${lengthSql} <= ${longestKeyBytes} THEN 'x' || hex(${valueSql}) ELSE 'md5' || md5(${valueSql}) END`,
    decode: key => {
      if (key === null) return null;
      return key.startsWith('x') ? fromBytes(Buffer.from(key.slice(1), 'hex')) : undefined;
    },
  };
}

/** A number from DuckDB's text: `nan`, `inf` and `-inf` besides the usual forms. */
export function floatValue(text: string): number {
  if (/^-?nan$/i.test(text)) return Number.NaN;
  if (/^\+?inf(inity)?$/i.test(text)) return Number.POSITIVE_INFINITY;
  if (/^-inf(inity)?$/i.test(text)) return Number.NEGATIVE_INFINITY;
  return Number(text);
}
