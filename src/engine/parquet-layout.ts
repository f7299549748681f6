import {
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import { CorruptFileError, NotFoundError } from '../iceberg/errors.ts';
import type { DuckDb } from './duckdb.ts';
import { SqlError } from './errors.ts';
import { quoteString } from './quote.ts';

/** One column of a Parquet file's schema, with lists and maps folded to their element, key and value. */
export interface LayoutNode {
  readonly kind: 'leaf' | 'struct' | 'list' | 'map';
  readonly name: string;
  readonly fieldId?: number;
  /** A leaf's DuckDB type, as SQL. */
  readonly type?: string;
  /** struct: the fields; list: [element]; map: [key, value]; leaf: none. */
  readonly children: readonly LayoutNode[];
}

/** The columns of a Parquet file. Files written alike share one object. */
export interface Layout {
  readonly columns: readonly LayoutNode[];
  /** Whether any column carries a field id; files of other tools often have none. */
  readonly hasFieldIds: boolean;
}

const columnsById = new WeakMap<Layout, ReadonlyMap<number, LayoutNode>>();

/** The column with a field id; the first one, should a file have it twice. */
export function columnOf(layout: Layout, fieldId: number): LayoutNode | undefined {
  let byId = columnsById.get(layout);
  if (byId === undefined) {
    const entries = layout.columns.flatMap(node =>
      node.fieldId === undefined ? [] : [[node.fieldId, node] as const],
    );
    byId = new Map(entries.reverse());
    columnsById.set(layout, byId);
  }
  return byId.get(fieldId);
}

/** What an engine has read of footers. */
interface KnownLayouts {
  /** By local path; data files never change, so an entry stays right. */
  readonly byPath: Map<string, Layout>;
  /** By what tells layouts apart: a lake has few, however many files it has. */
  readonly bySignature: Map<string, Layout>;
}

const knownLayouts = new WeakMap<DuckDb, KnownLayouts>();
const knownPathsLimit = 200_000;
/** Files per look-up, so that a statement's text stays small. */
const batchSize = 2000;

interface FooterRow {
  readonly name: string;
  readonly children: number;
  readonly converted: string | null;
  readonly logical: string | null;
  readonly repetition: string | null;
  readonly fieldId: number | null;
  readonly type: string | null;
}

/**
 * Reads the column layout of Parquet files from their footers (once per file and engine).
 * @throws CorruptFileError, NotFoundError('file')
 */
export async function parquetLayouts(
  duckdb: DuckDb,
  localPaths: readonly string[],
  signal?: AbortSignal,
): Promise<Layout[]> {
  let known = knownLayouts.get(duckdb);
  if (known === undefined || known.byPath.size > knownPathsLimit) {
    known = { byPath: new Map(), bySignature: new Map() };
    knownLayouts.set(duckdb, known);
  }
  const { byPath, bySignature } = known;
  const missing = [...new Set(localPaths.filter(path => !byPath.has(path)))];
  for (let start = 0; start < missing.length; start += batchSize) {
    const batch = missing.slice(start, start + batchSize);
    const representatives = new Map<string, string>();
    const signatures = await footerQuery(
      duckdb,
      batch,
      `SELECT file_name, md5(string_agg(concat_ws('|', name, coalesce(field_id::VARCHAR, '-'),
         coalesce(num_children, 0), coalesce(converted_type, '-'), coalesce(logical_type, '-'), coalesce(type, '-'),
         coalesce(repetition_type, '-')), chr(10) ORDER BY column_id)) AS signature
       FROM parquet_schema(${fileList(batch)}) GROUP BY file_name`,
      signal,
    );
    for (const row of signatures) {
      const signature = String(row.signature);
      if (!bySignature.has(signature)) representatives.set(signature, String(row.file_name));
    }
    for (const [signature, path] of representatives) {
      bySignature.set(signature, await readLayout(duckdb, path, signal));
    }
    for (const row of signatures) byPath.set(String(row.file_name), bySignature.get(String(row.signature))!);
  }
  return localPaths.map(path => {
    const layout = byPath.get(path);
    if (layout === undefined) throw new NotFoundError('file', `The data file ${path} isn't there.`);
    return layout;
  });
}

/** Forgets the layouts of files that were deleted: nobody is going to ask for them. */
export function forgetLayouts(duckdb: DuckDb, localPaths: readonly string[]): void {
  const known = knownLayouts.get(duckdb);
  for (const path of localPaths) known?.byPath.delete(path);
}

/** A list of paths as SQL. */
export function fileList(paths: readonly string[]): string {
  return `[${paths.map(quoteString).join(', ')}]`;
}

async function readLayout(duckdb: DuckDb, path: string, signal?: AbortSignal): Promise<Layout> {
  const rows = await footerQuery(
    duckdb,
    [path],
    `SELECT name, coalesce(num_children, 0)::INTEGER AS children, converted_type AS converted,
       logical_type AS logical, repetition_type AS repetition, field_id::INTEGER AS "fieldId", duckdb_type AS type
     FROM parquet_schema(${fileList([path])}) ORDER BY column_id`,
    signal,
  );
  const reader = new FooterReader(path, rows as unknown as FooterRow[]);
  const columns = await withLogicalTypes(duckdb, path, reader.columns(), signal);
  return { columns, hasFieldIds: columns.some(hasFieldId) };
}

/**
 * DuckDB's listing of a footer shows variants as the structs and geometries as the bytes that they are stored in; what
 * it reads them as, only a query tells.
 */
async function withLogicalTypes(
  duckdb: DuckDb,
  path: string,
  columns: LayoutNode[],
  signal?: AbortSignal,
): Promise<LayoutNode[]> {
  if (!columns.some(hasBytes)) return columns;
  const read = await duckdb.describe(
    `SELECT * FROM read_parquet(${fileList([path])}, hive_partitioning = false)`,
    { signal },
  );
  return columns.map((node, index) => asRead(node, read[index]?.type));
}

function hasBytes(node: LayoutNode): boolean {
  return node.type === 'BLOB' || node.children.some(hasBytes);
}

function asRead(node: LayoutNode, type: DuckDBType | undefined): LayoutNode {
  if (type?.typeId === DuckDBTypeId.VARIANT) {
    // DuckDB's engine breaks down over variants that aren't built so, which the format allows.
    const isUsual = node.children[0]?.name === 'metadata' && node.children[1]?.name === 'value';
    return isUsual ? { ...node, kind: 'leaf', type: 'VARIANT', children: [] } : node;
  }
  if (type?.typeId === DuckDBTypeId.GEOMETRY) return { ...node, type: 'GEOMETRY' };
  const inside = typesInside(type);
  return { ...node, children: node.children.map((child, index) => asRead(child, inside[index])) };
}

function typesInside(type: DuckDBType | undefined): readonly DuckDBType[] {
  if (type instanceof DuckDBStructType) return type.entryTypes;
  if (type instanceof DuckDBListType) return [type.valueType];
  return type instanceof DuckDBMapType ? [type.keyType, type.valueType] : [];
}

function hasFieldId(node: LayoutNode): boolean {
  return node.fieldId !== undefined || node.children.some(hasFieldId);
}

async function footerQuery(duckdb: DuckDb, paths: readonly string[], sql: string, signal?: AbortSignal) {
  try {
    return await duckdb.rows(sql, { signal });
  } catch (error) {
    throw asCorruptFile(error, paths) ?? error;
  }
}

/**
 * DuckDB's complaint about a file that can't be decoded, as a CorruptFileError that names the file; undefined
 * when the error is about something else.
 */
export function asCorruptFile(error: unknown, paths: readonly string[]): CorruptFileError | undefined {
  if (!(error instanceof SqlError)) return undefined;
  const aboutParquet =
    /magic bytes|too small to be a Parquet|Parquet file|parquet|don't know what type|TProtocolException|Thrift|Snappy|ZSTD|Invalid TProtocol/i;
  if (!['Invalid Input', 'Invalid', 'IO', 'Serialization'].includes(error.detail.type)) return undefined;
  if (!aboutParquet.test(error.message)) return undefined;
  const named =
    paths.find(path => error.message.includes(path)) ?? (paths.length === 1 ? paths[0] : undefined);
  return new CorruptFileError(named ?? 'A Parquet data file', error.message, {
    hint: 'Restore the file from a copy, or take it out of the table by going back to a snapshot before it.',
    cause: error,
  });
}

/** Deeper nesting than any table has. */
const maxDepth = 200;

/** Turns the flat, depth-first list of schema elements into a tree (Parquet's LogicalTypes.md, nested types). */
class FooterReader {
  readonly #path: string;
  readonly #rows: readonly FooterRow[];
  #at = 0;

  constructor(path: string, rows: readonly FooterRow[]) {
    this.#path = path;
    this.#rows = rows;
  }

  /** @throws CorruptFileError when the elements are no tree, or a list or map in it is none */
  columns(): LayoutNode[] {
    const root = this.#next();
    return Array.from({ length: root.children }, () => this.#node(1));
  }

  #next(): FooterRow {
    const row = this.#rows[this.#at++];
    if (row === undefined) throw this.#corrupt('its schema says that there are more columns than there are');
    return row;
  }

  #node(depth: number): LayoutNode {
    if (depth > maxDepth) throw this.#corrupt('its columns are nested too deeply');
    const row = this.#next();
    const children = Array.from({ length: row.children }, () => this.#node(depth + 1));
    const self = { name: row.name, ...(row.fieldId === null ? {} : { fieldId: row.fieldId }) };
    if (row.children === 0) return { ...self, kind: 'leaf', type: row.type ?? undefined, children };
    if (row.converted === 'LIST' || /^ListType/.test(row.logical ?? '')) {
      if (children.length !== 1) throw this.#corrupt(`the list ${row.name} has ${children.length} elements`);
      return { ...self, kind: 'list', children: [elementOf(row.name, children[0]!)] };
    }
    if (/^MAP/.test(row.converted ?? '') || /^MapType/.test(row.logical ?? '')) {
      const entry = children[0]!;
      if (children.length !== 1 || entry.children.length !== 2) {
        throw this.#corrupt(`the map ${row.name} has no key and value`);
      }
      return { ...self, kind: 'map', children: entry.children };
    }
    return { ...self, kind: 'struct', children };
  }

  #corrupt(why: string): CorruptFileError {
    return new CorruptFileError(this.#path, `${why}.`, {
      hint: 'Restore the file from a copy, or take it out of the table by going back to a snapshot before it.',
    });
  }
}

/** The element of a list's repeated child, by Parquet's backward-compatibility rules for old writers. */
function elementOf(listName: string, repeated: LayoutNode): LayoutNode {
  const isElement =
    repeated.kind !== 'struct' ||
    repeated.children.length !== 1 ||
    repeated.name === 'array' ||
    repeated.name === `${listName}_tuple`;
  return isElement ? repeated : repeated.children[0]!;
}
