/**
 * Iceberg types (spec: "Schemas and Data Types"). A type is a plain immutable object told apart by `kind`.
 */
export type SimpleKind =
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'timestamp_ns'
  | 'timestamptz_ns'
  | 'string'
  | 'uuid'
  | 'binary'
  | 'unknown'
  | 'variant'
  | 'geometry'
  | 'geography';

export interface SimpleType {
  readonly kind: SimpleKind;
  /** geometry and geography: what stands between the parentheses (CRS, algorithm), kept as read. */
  readonly parameters?: string;
}
export interface FixedType {
  readonly kind: 'fixed';
  /** Length in bytes. */
  readonly length: number;
}
export interface DecimalType {
  readonly kind: 'decimal';
  /** Digits in all, 1 to 38. */
  readonly precision: number;
  readonly scale: number;
}
export interface StructType {
  readonly kind: 'struct';
  readonly fields: readonly NestedField[];
}
export interface ListType {
  readonly kind: 'list';
  readonly elementId: number;
  readonly elementRequired: boolean;
  readonly element: Type;
}
export interface MapType {
  readonly kind: 'map';
  readonly keyId: number;
  readonly key: Type;
  readonly valueId: number;
  readonly valueRequired: boolean;
  readonly value: Type;
}

export type PrimitiveType = SimpleType | FixedType | DecimalType;
export type NestedType = StructType | ListType | MapType;
export type Type = PrimitiveType | NestedType;

export interface NestedField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: Type;
  readonly doc?: string;
  /** v3 defaults, in the spec's JSON single-value form, kept as read. */
  readonly initialDefault?: unknown;
  readonly writeDefault?: unknown;
  /** What other writers put there that isn't known here: kept when it is written again. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/**
 * A single value in memory, by type: boolean -> boolean; int, date (days since 1970-01-01), float, double ->
 * number; long, time (µs since midnight), timestamp, timestamptz (µs since epoch), *_ns (ns since epoch) ->
 * bigint; decimal -> bigint (unscaled); string -> string; uuid -> string (lower case, with dashes);
 * fixed, binary -> Uint8Array.
 */
export type Value = boolean | number | bigint | string | Uint8Array;

export function isPrimitive(type: Type): type is PrimitiveType {
  return type.kind !== 'struct' && type.kind !== 'list' && type.kind !== 'map';
}

/** Whether values are IEEE floating point, and so may be NaN. */
export function isFloating(type: Type): boolean {
  return type.kind === 'float' || type.kind === 'double';
}

/** Structural equality; with nested fields it compares ids, names, nullability and types, not docs. */
export function typesEqual(a: Type, b: Type): boolean {
  if (a.kind === 'decimal') return b.kind === 'decimal' && a.precision === b.precision && a.scale === b.scale;
  if (a.kind === 'fixed') return b.kind === 'fixed' && a.length === b.length;
  if (a.kind === 'list') {
    return (
      b.kind === 'list' &&
      a.elementId === b.elementId &&
      a.elementRequired === b.elementRequired &&
      typesEqual(a.element, b.element)
    );
  }
  if (a.kind === 'map') {
    return (
      b.kind === 'map' &&
      a.keyId === b.keyId &&
      a.valueId === b.valueId &&
      a.valueRequired === b.valueRequired &&
      typesEqual(a.key, b.key) &&
      typesEqual(a.value, b.value)
    );
  }
  if (a.kind === 'struct') {
    return (
      b.kind === 'struct' &&
      a.fields.length === b.fields.length &&
      a.fields.every((field, index) => {
        const other = b.fields[index]!;
        return (
          field.id === other.id &&
          field.name === other.name &&
          field.required === other.required &&
          typesEqual(field.type, other.type)
        );
      })
    );
  }
  return a.kind === b.kind && a.parameters === (b as SimpleType).parameters;
}
