import type { ColumnDescription } from '../../engine/duckdb.ts';
import { counter, duckDbType, icebergType } from '../../engine/types.ts';
import { LakebookError } from '../../iceberg/errors.ts';
import { typeToString } from '../../iceberg/schema.ts';
import { isPrimitive, type Type } from '../../iceberg/types.ts';

type SqlType = ColumnDescription['type'];

/**
 * How values of a source's type become a column's: `plain` fits always; `checked` may fit, each value has to say so
 * (it must come back from the cast unchanged); `text` is parsed; `none`: the types have nothing in common.
 */
export type CastKind = 'plain' | 'checked' | 'text' | 'none';

export function castKind(from: SqlType, to: Type): CastKind {
  // A column of untyped NULLs.
  if (/^"?(SQL)?NULL"?$/.test(String(from))) return 'plain';
  let source: Type;
  try {
    source = icebergType(from, '', counter());
  } catch (error) {
    // A type that Iceberg hasn't got, such as INTERVAL.
    if (error instanceof LakebookError) return 'none';
    throw error;
  }
  return kindOf(source, to);
}

const wholeDigits: Readonly<Record<string, number>> = { int: 10, long: 19 };

function kindOf(from: Type, to: Type): CastKind {
  if (!isPrimitive(from) || !isPrimitive(to)) {
    if (from.kind !== to.kind) return from.kind === 'string' ? 'text' : 'none';
    return typeToString(from).replaceAll(' not null', '') === typeToString(to).replaceAll(' not null', '')
      ? 'plain'
      : 'checked';
  }
  if (from.kind === 'string') return to.kind === 'string' ? 'plain' : 'text';
  if (to.kind === 'string') return from.kind === 'uuid' ? 'plain' : 'none';
  if (isBytes(from) || isBytes(to)) return isBytes(from) && isBytes(to) ? 'plain' : 'none';
  if (isNumber(from) && isNumber(to)) return numberKind(from, to);
  if (from.kind === to.kind) return 'plain';
  const moments = ['date', 'timestamp', 'timestamp_ns'];
  if (moments.includes(from.kind) && moments.includes(to.kind)) {
    return from.kind === 'date' || to.kind === 'timestamp_ns'
      ? from.kind === 'date'
        ? 'plain'
        : 'checked'
      : 'checked';
  }
  return 'none';
}

function isNumber(type: Type): boolean {
  return ['int', 'long', 'float', 'double', 'decimal'].includes(type.kind);
}

function isBytes(type: Type): boolean {
  return type.kind === 'binary' || type.kind === 'fixed';
}

function numberKind(from: Type, to: Type): CastKind {
  if (from.kind === 'decimal' && to.kind === 'decimal') {
    return to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale
      ? 'plain'
      : 'checked';
  }
  if (from.kind === to.kind) return 'plain';
  const digits = wholeDigits[from.kind];
  if (to.kind === 'decimal') {
    return digits !== undefined && to.precision - to.scale >= digits ? 'plain' : 'checked';
  }
  if (from.kind === 'int') return to.kind === 'float' ? 'checked' : 'plain';
  if (from.kind === 'float' && to.kind === 'double') return 'plain';
  return 'checked';
}

/** SQL that is true for values (not NULL) that a checked cast would change or refuse. */
export function misfitSql(value: string, from: SqlType, to: Type): string {
  const there = `TRY_CAST(${value} AS ${duckDbType(to)})`;
  const back = `TRY_CAST(${there} AS ${from})`;
  return `(${value} IS NOT NULL AND ${back} IS DISTINCT FROM ${value})`;
}
