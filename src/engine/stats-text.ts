import { ValidationError } from '../iceberg/errors.ts';
import type { Type, Value } from '../iceberg/types.ts';
import { parseHuman } from '../iceberg/value.ts';

const timeEnd = 86_400_000_000n;

/**
 * The value that DuckDB wrote as `text` in a file's column statistics, in Iceberg's in-memory form.
 * @throws ValidationError for values that Iceberg can't hold: infinite dates and timestamps, the time 24:00.
 */
export function statisticsValue(type: Type, text: string, path: string): Value {
  const value = parseHuman(writtenType(type), text);
  const isInfinite = (typeof value === 'number' || typeof value === 'bigint') && /^-?infinity$/.test(text);
  if (isInfinite || (type.kind === 'time' && (value as bigint) >= timeEnd)) {
    throw new ValidationError(
      `The column "${path}" has the ${type.kind} ${text}, which an Iceberg table can't store.`,
      { hint: 'Put NULL, or a value within the range of the type, in its place.' },
      'OUT_OF_RANGE',
    );
  }
  return value;
}

/** The type whose text DuckDB writes: bounds of a fixed type may be cut, nanoseconds have no zone there. */
function writtenType(type: Type): Type {
  if (type.kind === 'fixed') return { kind: 'binary' };
  return type.kind === 'timestamptz_ns' ? { kind: 'timestamp_ns' } : type;
}
