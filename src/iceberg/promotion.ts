import { typeToString } from './type-text.ts';
import { isPrimitive, type Type, typesEqual } from './types.ts';

/**
 * Why a column can't change from one type to another without its files being rewritten; undefined when it can
 * (spec: "Schema Evolution", type promotion): int to long, float to double, a decimal to more digits of the same
 * scale, and since v3 unknown to any primitive type. Equal types can always be changed into each other.
 *
 * The spec's v3 promotions of `date` to timestamps are refused: files written before keep bounds and partition
 * values of days, which no other Iceberg library reads as timestamps yet.
 */
export function promotionFault(from: Type, to: Type, formatVersion: 1 | 2 | 3): string | undefined {
  if (typesEqual(from, to)) return undefined;
  const change = `${typeToString(from)} can't become ${typeToString(to)}`;
  if (!isPrimitive(from) || !isPrimitive(to)) {
    return `${change}: the fields of a nested column are changed one by one`;
  }
  if (from.kind === 'int' && to.kind === 'long') return undefined;
  if (from.kind === 'float' && to.kind === 'double') return undefined;
  if (from.kind === 'decimal' && to.kind === 'decimal') {
    if (from.scale !== to.scale) return `${change}: the scale of a decimal is fixed`;
    return from.precision < to.precision ? undefined : `${change}: it would have fewer digits`;
  }
  if (from.kind === 'unknown') return formatVersion >= 3 ? undefined : `${change} before format version 3`;
  return change;
}

/** What a type can be promoted to, for hints: `It can become long.`; undefined when it's nothing. */
export function promotionHint(from: Type): string | undefined {
  switch (from.kind) {
    case 'int':
      return 'An int can become a long.';
    case 'float':
      return 'A float can become a double.';
    case 'decimal':
      return from.precision < 38
        ? `It can become a decimal of more digits: up to decimal(38,${from.scale}).`
        : undefined;
    default:
      return undefined;
  }
}

const v3Kinds = new Set(['timestamp_ns', 'timestamptz_ns', 'unknown', 'variant', 'geometry', 'geography']);

/** The lowest format version whose tables may have columns of a type (and of everything in it). */
export function minimumFormatVersion(type: Type): 1 | 3 {
  switch (type.kind) {
    case 'struct':
      return type.fields.some(field => minimumFormatVersion(field.type) === 3) ? 3 : 1;
    case 'list':
      return minimumFormatVersion(type.element);
    case 'map':
      return minimumFormatVersion(type.key) === 3 ? 3 : minimumFormatVersion(type.value);
    default:
      return v3Kinds.has(type.kind) ? 3 : 1;
  }
}
