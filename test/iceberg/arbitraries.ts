import fc from 'fast-check';
import type { Type, Value } from '../../src/iceberg/types.ts';

/** One of every primitive type that has values. */
export const valueTypes: readonly Type[] = [
  { kind: 'boolean' },
  { kind: 'int' },
  { kind: 'long' },
  { kind: 'float' },
  { kind: 'double' },
  { kind: 'decimal', precision: 9, scale: 2 },
  { kind: 'decimal', precision: 38, scale: 10 },
  { kind: 'date' },
  { kind: 'time' },
  { kind: 'timestamp' },
  { kind: 'timestamptz' },
  { kind: 'timestamp_ns' },
  { kind: 'timestamptz_ns' },
  { kind: 'string' },
  { kind: 'uuid' },
  { kind: 'fixed', length: 3 },
  { kind: 'binary' },
];

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

/** Any value of the type, the extremes included. */
export function anyValue(type: Type): fc.Arbitrary<Value> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean();
    case 'int':
    case 'date':
      return fc.integer();
    case 'float':
      return fc.float();
    case 'double':
      return fc.double();
    case 'decimal': {
      const max = 10n ** BigInt(type.precision) - 1n;
      return fc.bigInt({ min: -max, max });
    }
    case 'time':
      return fc.bigInt({ min: 0n, max: 86_399_999_999n });
    case 'string':
      return fc.string({ unit: 'binary' });
    case 'uuid':
      return fc.uuid();
    case 'fixed':
      return fc.uint8Array({ minLength: type.length, maxLength: type.length });
    case 'binary':
      return fc.uint8Array();
    default:
      return int64;
  }
}

export const typedValue = (type: Type): fc.Arbitrary<[Type, Value]> =>
  anyValue(type).map(value => [type, value]);
