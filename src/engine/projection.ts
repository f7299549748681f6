import { CorruptFileError } from '../iceberg/errors.ts';
import type { TableMetadata } from '../iceberg/metadata.ts';
import { type Schema, typeToString } from '../iceberg/schema.ts';
import type { NestedField, Type } from '../iceberg/types.ts';
import { jsonLiteral } from './literals.ts';
import { columnOf, type Layout, type LayoutNode } from './parquet-layout.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import { duckDbType } from './types.ts';

/** One entry of the `schema.name-mapping.default` property (spec: "Name Mapping Serialization"). */
interface MappedField {
  readonly 'field-id'?: number;
  readonly names?: readonly string[];
  readonly fields?: readonly MappedField[];
}

/**
 * The layout with a field id on every column that has one by any rule: the file's own ids; else the table's name
 * mapping; else, for a file without any ids, the column's place (1, 2, ...), as Iceberg's Java library does.
 */
export function assignIds(layout: Layout, metadata: TableMetadata): Layout {
  if (layout.hasFieldIds) return layout;
  const property = metadata.properties['schema.name-mapping.default'];
  if (property === undefined) {
    const columns = layout.columns.map((node, index) => ({ ...node, fieldId: index + 1 }));
    return { columns, hasFieldIds: true };
  }
  const mapping = JSON.parse(property) as MappedField[];
  return { columns: layout.columns.map(node => mapped(node, node.name, mapping)), hasFieldIds: true };
}

function mapped(node: LayoutNode, name: string, mapping: readonly MappedField[]): LayoutNode {
  const entry = mapping.find(candidate => candidate.names?.includes(name));
  const nested = entry?.fields ?? [];
  const childNames = node.kind === 'list' ? ['element'] : node.kind === 'map' ? ['key', 'value'] : undefined;
  const children = node.children.map((child, index) =>
    mapped(child, childNames?.[index] ?? child.name, nested),
  );
  return { ...node, children, fieldId: entry?.['field-id'] };
}

/**
 * Whether DuckDB's reader, which finds top-level columns by field id but fields inside them by name, reads the
 * layout right: every nested field has the name it had when the file was written, and no other took that name.
 */
export function fitsByName(layout: Layout, schema: Schema): boolean {
  return schema.fields.every(field => {
    const node = columnOf(layout, field.id);
    return node === undefined || typeFits(node, field.type);
  });
}

function typeFits(node: LayoutNode, type: Type): boolean {
  switch (type.kind) {
    case 'struct':
      return structFits(node, type.fields);
    case 'list':
      return node.kind === 'list' && typeFits(node.children[0]!, type.element);
    case 'map':
      return (
        node.kind === 'map' &&
        typeFits(node.children[0]!, type.key) &&
        typeFits(node.children[1]!, type.value)
      );
    case 'variant':
    case 'geometry':
    case 'geography':
      // Not as DuckDB reads them, see `columnExpression`.
      return false;
    default:
      return node.kind === 'leaf' && zoneChange(node, type) === undefined;
  }
}

/**
 * The function that makes a timestamp with zone of one without, or the reverse, when file and table differ in that
 * (old INT96 columns have no zone): both count from the epoch in UTC, while a cast would take the session's zone.
 */
function zoneChange(node: LayoutNode, type: Type): string | undefined {
  const isZoned = /^TIMESTAMP(TZ| WITH TIME ZONE)$/.test(node.type ?? '');
  if (type.kind === 'timestamptz' && /^TIMESTAMP(_NS|_MS|_S)?$/.test(node.type ?? ''))
    return 'make_timestamptz';
  return type.kind === 'timestamp' && isZoned ? 'make_timestamp' : undefined;
}

function structFits(node: LayoutNode, fields: readonly NestedField[]): boolean {
  if (node.kind !== 'struct') return false;
  let matching = 0;
  for (const field of fields) {
    const byId = node.children.find(child => child.fieldId === field.id);
    const byName = node.children.find(child => child.name.toLowerCase() === field.name.toLowerCase());
    if (byId !== byName) return false;
    if (byId === undefined) {
      // DuckDB fills in null.
      if (initialDefault(field) !== undefined) return false;
      continue;
    }
    if (!typeFits(byId, field.type)) return false;
    matching++;
  }
  // DuckDB refuses to cast a struct to one that it shares no field with.
  return matching > 0;
}

/** The value that rows written before the field was added have (format version 3), as SQL. */
export function initialDefault(field: NestedField): string | undefined {
  if (field.initialDefault === undefined || field.initialDefault === null) return undefined;
  return jsonLiteral(field.type, field.initialDefault, 'initialDefault');
}

/**
 * A SQL expression that turns a column as it is in the file into the table's type: nested fields found by field
 * id at any depth, new ones null or their initial default, a null struct, list or map kept null. With `exact` it is for
 * rows that are written again, see `duckDbType`.
 * @throws CorruptFileError for a column of another kind than the table's: no promotion makes a list of a number
 */
export function columnExpression(
  node: LayoutNode,
  sql: string,
  type: Type,
  exact = false,
  depth = 0,
): string {
  refuseOtherKind(node, type);
  switch (type.kind) {
    case 'struct': {
      const fields = type.fields.map(field => {
        const child = node.children.find(candidate => candidate.fieldId === field.id);
        const value =
          child === undefined
            ? (initialDefault(field) ?? `CAST(NULL AS ${duckDbType(field.type, exact)})`)
            : columnExpression(
                child,
                `struct_extract(${sql}, ${quoteString(child.name)})`,
                field.type,
                exact,
                depth,
              );
        return `${quoteIdentifier(field.name)} := ${value}`;
      });
      return `CASE WHEN ${sql} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
    }
    case 'list': {
      const item = `item${depth}`;
      const element = columnExpression(node.children[0]!, item, type.element, exact, depth + 1);
      return `list_transform(${sql}, lambda ${item}: ${element})`;
    }
    case 'map': {
      const entry = `item${depth}`;
      const key = columnExpression(node.children[0]!, `${entry}.key`, type.key, exact, depth + 1);
      const value = columnExpression(node.children[1]!, `${entry}.value`, type.value, exact, depth + 1);
      const entries = `list_transform(map_entries(${sql}), lambda ${entry}: struct_pack(key := ${key}, value := ${value}))`;
      return `CASE WHEN ${sql} IS NULL THEN NULL ELSE map_from_entries(${entries}) END`;
    }
    case 'variant':
      if (node.type !== 'VARIANT') return unreadableVariant(node.name);
      return exact ? sql : variantJson(sql);
    case 'geometry':
    case 'geography':
      return node.type?.startsWith('GEOMETRY') ? `st_aswkb(${sql})` : sql;
    default: {
      const change = zoneChange(node, type);
      if (change !== undefined) return `${change}(epoch_us(${sql}))`;
      const sqlType = duckDbType(type);
      return node.type === sqlType ? sql : `CAST(${sql} AS ${sqlType})`;
    }
  }
}

function refuseOtherKind(node: LayoutNode, type: Type): void {
  const isNested = type.kind === 'struct' || type.kind === 'list' || type.kind === 'map';
  if (!isNested || node.kind === type.kind) return;
  throw new CorruptFileError(
    'A data file',
    `its column "${node.name}" is a ${node.kind === 'leaf' ? 'single value' : node.kind}, where the table has ${typeToString(type)}.`,
    { hint: 'Take the file out of the table by going back to a snapshot before it.' },
  );
}

/** Fails where the column is really used: something that isn't constant keeps it from being evaluated before. */
function unreadableVariant(name: string): string {
  const message = `The variants of "${name}" are stored in a form that can't be read here. Leave the column out of the SELECT list.`;
  return `CAST(error(${quoteString(message)} || left(CAST(uuid() AS VARCHAR), 0)) AS JSON)`;
}

/**
 * A variant as JSON. DuckDB's cast makes the text `null` of a null, and numbers that JSON doesn't have: `.5` of some
 * decimals, NaN and infinities. Where a text may hold one, what stands outside of strings (they are cut at quotation
 * marks, with escaped ones out of the way) is put right.
 */
function variantJson(sql: string): string {
  const text = `CAST(CAST(${sql} AS JSON) AS VARCHAR)`;
  const unescaped = `replace(replace(${text}, '\\\\', chr(1)), '\\"', chr(2))`;
  const outside = `regexp_replace(regexp_replace(part, '(^|[^0-9])\\.([0-9])', '\\10.\\2', 'g'), '(-?Infinity|NaN)', '"\\1"', 'g')`;
  const parts = `list_transform(string_split(${unescaped}, '"'), lambda part, place: CASE WHEN place % 2 = 1 THEN ${outside} ELSE part END)`;
  const put = `replace(replace(array_to_string(${parts}, '"'), chr(2), '\\"'), chr(1), '\\\\')`;
  return `CASE WHEN ${sql} IS NULL THEN NULL WHEN regexp_matches(${text}, '(^|[^0-9])\\.[0-9]|NaN|Infinity')
    THEN CAST(${put} AS JSON) ELSE CAST(${sql} AS JSON) END`;
}
