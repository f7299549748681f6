import { formatDate, formatTime, formatTimestamp, parseDate, parseTime, parseTimestamp } from './datetime.ts';
import { asArray, asObject } from './json.ts';
import type { Type, Value } from './types.ts';
import { formatDecimal, notOfType } from './value.ts';
import { parseHuman } from './value-text.ts';

/** A value of any type in memory: nested ones as plain JavaScript structures, struct fields by field id. */
export type NestedValue =
  | Value
  | null
  | readonly NestedValue[]
  | ReadonlyMap<number, NestedValue>
  | { readonly keys: readonly NestedValue[]; readonly values: readonly NestedValue[] };

/**
 * The JSON single-value form (spec: Appendix D), as defaults are stored. Longs come as bigint when JSON's
 * numbers can't hold them (see stringifyJson). NaN and the infinities, which JSON lacks, become strings.
 * @throws ValidationError when the value isn't of the type or the type has no JSON form here.
 */
export function valueToJson(type: Type, value: NestedValue): unknown {
  if (value === null) return null;
  switch (type.kind) {
    case 'struct':
      return Object.fromEntries(
        [...(value as ReadonlyMap<number, NestedValue>)].map(([id, item]) => {
          const field = type.fields.find(f => f.id === id);
          if (field === undefined) throw notOfType(type, { [id]: item });
          return [String(id), valueToJson(field.type, item)];
        }),
      );
    case 'list':
      return (value as readonly NestedValue[]).map(item => valueToJson(type.element, item));
    case 'map': {
      const { keys, values } = value as { keys: readonly NestedValue[]; values: readonly NestedValue[] };
      return {
        keys: keys.map(key => valueToJson(type.key, key)),
        values: values.map(item => valueToJson(type.value, item)),
      };
    }
    case 'boolean':
    case 'int':
      return value;
    case 'string':
    case 'uuid':
      return value;
    case 'long':
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    case 'float':
    case 'double':
      return Number.isFinite(value) ? value : String(value);
    case 'decimal':
      return formatDecimal(value as bigint, type.scale);
    case 'date':
      return formatDate(value as number);
    case 'time':
      return formatTime(value as bigint, 6, 'full');
    case 'timestamp':
      return formatTimestamp(value as bigint, 6, 'full');
    case 'timestamptz':
      return `${formatTimestamp(value as bigint, 6, 'full')}+00:00`;
    case 'timestamp_ns':
      return formatTimestamp(value as bigint, 9, 'full');
    case 'timestamptz_ns':
      return `${formatTimestamp(value as bigint, 9, 'full')}+00:00`;
    case 'fixed':
    case 'binary':
      return Buffer.from(value as Uint8Array).toString('hex');
    default:
      throw notOfType(type, value);
  }
}

/** Reads the JSON single-value form. @throws ValidationError when it isn't a value of the type. */
export function valueFromJson(type: Type, json: unknown): NestedValue {
  if (json === null || json === undefined) return null;
  switch (type.kind) {
    case 'struct': {
      const object = asObject(json, 'A struct value');
      return new Map(
        type.fields
          .filter(field => object[String(field.id)] !== undefined)
          .map(field => [field.id, valueFromJson(field.type, object[String(field.id)])]),
      );
    }
    case 'list':
      return asArray(json, 'A list value').map(item => valueFromJson(type.element, item));
    case 'map': {
      const object = asObject(json, 'A map value');
      const keys = asArray(object.keys, 'keys of a map value');
      const values = asArray(object.values, 'values of a map value');
      if (keys.length !== values.length) throw notOfType(type, json);
      return {
        keys: keys.map(key => valueFromJson(type.key, key)),
        values: values.map(item => valueFromJson(type.value, item)),
      };
    }
    default: {
      const value = primitiveFromJson(type, json);
      if (value === undefined) throw notOfType(type, json);
      return value;
    }
  }
}

function primitiveFromJson(type: Type, json: unknown): Value | undefined {
  switch (type.kind) {
    case 'boolean':
      return typeof json === 'boolean' ? json : undefined;
    case 'int':
      return typeof json === 'number' && (json | 0) === json ? json | 0 : undefined;
    case 'long':
      if (Number.isSafeInteger(json)) return BigInt(json as number);
      return typeof json === 'bigint' && BigInt.asIntN(64, json) === json ? json : undefined;
    case 'float':
    case 'double': {
      const value =
        typeof json === 'string' && /^-?(NaN|Infinity)$/.test(json)
          ? Number(json.replace('-NaN', 'NaN'))
          : typeof json === 'number' || typeof json === 'bigint'
            ? Number(json)
            : undefined;
      return type.kind === 'float' && value !== undefined ? Math.fround(value) : value;
    }
    case 'date':
      return typeof json === 'string' ? parseDate(json) : undefined;
    case 'time':
      return typeof json === 'string' ? parseTime(json, 6) : undefined;
    case 'timestamp':
    case 'timestamptz':
      return typeof json === 'string' ? parseTimestamp(json, 6, type.kind === 'timestamptz') : undefined;
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return typeof json === 'string' ? parseTimestamp(json, 9, type.kind === 'timestamptz_ns') : undefined;
    case 'string':
      return typeof json === 'string' ? json : undefined;
    case 'decimal':
    case 'uuid':
    case 'fixed':
    case 'binary':
      return typeof json === 'string' ? parseHuman(type, json) : undefined;
    default:
      return undefined;
  }
}
