import type { Schema } from '../../iceberg/schema.ts';
import type { NestedField } from '../../iceberg/types.ts';
import type { FromClause, FromLeaf } from './references.ts';

/** A relation of a FROM clause whose columns are known: a lake table's reference. */
export interface KnownLeaf {
  readonly schema: Schema;
  /** Qualifiers that name it: its alias; without one its last name part, and that with the schema's name. */
  readonly qualifiers: readonly (readonly string[])[];
  readonly columnAliases: readonly string[];
}

export type KnownLeaves = ReadonlyMap<FromLeaf, KnownLeaf>;

/**
 * The column of `leaf` that a name in a condition means, by DuckDB's rules; undefined for other relations' columns
 * and wherever it isn't certain.
 */
export function resolveColumn(
  names: readonly string[],
  leaf: FromLeaf,
  from: FromClause,
  known: KnownLeaves,
): NestedField | undefined {
  const own = known.get(leaf)!;
  const lower = names.map(name => name.toLowerCase());
  for (const qualifier of own.qualifiers) {
    if (lower.length > qualifier.length && qualifier.every((part, i) => part.toLowerCase() === lower[i])) {
      // Two relations of one name are DuckDB's to complain about.
      if (from.leaves.some(other => other !== leaf && mayBeNamed(other, qualifier, known))) return undefined;
      return fieldAt(own, lower.slice(qualifier.length));
    }
  }
  // What is qualified by another relation's name isn't this one's.
  if (lower.length > 1 && from.leaves.some(other => other.alias?.toLowerCase() === lower[0]))
    return undefined;
  const field = fieldAt(own, lower);
  if (field === undefined) return undefined;
  if (from.using.has(lower[0]!) || from.natural) return mergedField(lower, leaf, from, known, field);
  const holders = from.leaves.filter(other => known.get(other) && hasColumn(known.get(other)!, lower[0]!));
  return holders.length === 1 ? field : undefined;
}

/** A column that joins merge is the first relation's that has it, unless a join puts nulls in its place. */
function mergedField(
  lower: readonly string[],
  leaf: FromLeaf,
  from: FromClause,
  known: KnownLeaves,
  field: NestedField,
): NestedField | undefined {
  if (!from.leftMeant) return undefined;
  for (const other of from.leaves) {
    if (other === leaf) return field;
    const otherKnown = known.get(other);
    if (otherKnown === undefined || hasColumn(otherKnown, lower[0]!)) return undefined;
  }
  return undefined;
}

function mayBeNamed(leaf: FromLeaf, qualifier: readonly string[], known: KnownLeaves): boolean {
  const names = known.get(leaf)?.qualifiers ?? (leaf.alias === undefined ? [] : [[leaf.alias]]);
  return names.some(
    name =>
      name.length === qualifier.length &&
      name.every((part, i) => part.toLowerCase() === qualifier[i]!.toLowerCase()),
  );
}

function columnNames({ schema, columnAliases }: KnownLeaf): string[] {
  return schema.fields.map((field, index) => (columnAliases[index] ?? field.name).toLowerCase());
}

function hasColumn(leaf: KnownLeaf, name: string): boolean {
  return columnNames(leaf).includes(name);
}

/** A column, or a field inside structs. Inside lists and maps there are many values for each row. */
function fieldAt(leaf: KnownLeaf, path: readonly string[]): NestedField | undefined {
  const index = columnNames(leaf).indexOf(path[0]!);
  let field = leaf.schema.fields[index];
  for (const name of path.slice(1)) {
    if (field?.type.kind !== 'struct') return undefined;
    const matching = field.type.fields.filter(child => child.name.toLowerCase() === name);
    if (matching.length !== 1) return undefined;
    field = matching[0]!;
  }
  return field;
}

/** Whether no relation in sight can have a column of this name. */
export function isNoColumn(name: string, from: FromClause | undefined, known: KnownLeaves): boolean {
  for (let clause = from; clause !== undefined; clause = clause.outer) {
    for (const leaf of clause.leaves) {
      const columns = known.get(leaf);
      if (columns === undefined || hasColumn(columns, name.toLowerCase())) return false;
    }
  }
  return true;
}
